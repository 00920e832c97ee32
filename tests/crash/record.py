"""A disk on record: every write, sync and directory entry, in order (PITFALLS P2).

SQLite is seen through an apsw VFS, the journal's other files (mark, ballast, set-aside copies) by
the system calls of `agent.journal.files`. Both really happen, in a directory of the test's; the
record says in which order, so that `images` can build what a power cut would have left.

Laws:
    1. What reaches the disk goes through here, or the run is no run: `syncs` counts.
    2. Notes stand between the writes, where they were made: issued, acknowledged, delivered.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import apsw

from agent.journal import files as journal_files

_NUMBERS = itertools.count()
_RECORDED = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL
_JOURNALS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes handed to the operating system."""

    file: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    """A file cut or made longer by zeroes."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """All of a file is on the disk from here on."""

    file: int


@dataclass(frozen=True, slots=True)
class Enter:
    """A new name in the directory."""

    name: str
    file: int


@dataclass(frozen=True, slots=True)
class Leave:
    """A name taken out of the directory."""

    name: str


@dataclass(frozen=True, slots=True)
class Move:
    """A name given to another file, in one step."""

    name: str
    to: str


@dataclass(frozen=True, slots=True)
class SyncDirectory:
    """All names are on the disk from here on."""


@dataclass(frozen=True, slots=True)
class Note:
    """What the workload says of itself."""

    kind: str
    what: object


Op = Write | Resize | Sync | Enter | Leave | Move | SyncDirectory | Note


@dataclass(slots=True)
class Recording:
    """What happened in one directory."""

    directory: Path
    ops: list[Op] = field(default_factory=list)
    base: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """What was there, safely, before: name -> (file, content)."""
    is_lying: bool = False
    """A control: the disk says that it synced and did not."""
    is_early: bool = False
    """A control: the workload acknowledges before the commit."""
    is_only_here: bool = False
    """Whether a sync is a line in the record and nothing else: the real disk is not waited for."""
    _names: dict[str, int] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        """Take what is there for safe."""
        for path in sorted(self.directory.iterdir()):
            if is_kept(path.name):
                self._names[path.name] = next(self._numbers)
                self.base[path.name] = (self._names[path.name], path.read_bytes())

    @property
    def syncs(self) -> int:
        """How often a file was synced: 0 is no run."""
        return sum(isinstance(op, Sync) for op in self.ops)

    def add(self, op: Op) -> None:
        """Take the next step."""
        self.ops.append(op)

    def meet(self, what: str) -> int | None:
        """Return the errno with which a `write` or `sync` fails, None where it works."""
        del what
        return None

    def note(self, kind: str, what: object) -> None:
        """Put a note where the workload stands."""
        self.add(Note(kind, what))

    def opened(self, name: str, *, is_new: bool) -> int:
        """Return the number of a file that was opened or made."""
        if is_new or name not in self._names:
            self._names[name] = next(self._numbers)
            self.add(Enter(name, self._names[name]))
        return self._names[name]

    def left(self, name: str) -> None:
        """A name is gone."""
        if self._names.pop(name, None) is not None:
            self.add(Leave(name))

    def moved(self, name: str, to: str) -> None:
        """A name was given to another file."""
        self._names[to] = self._names.pop(name)
        self.add(Move(name, to))

    def named(self, name: str, other: str) -> None:
        """A file has got another name beside its own."""
        self._names[other] = self._names[name]
        self.add(Enter(other, self._names[name]))

    def synced(self, file: int) -> None:
        """A file was synced, as far as the disk is honest."""
        if not self.is_lying:
            self.add(Sync(file))

    def synced_directory(self) -> None:
        """The directory was synced, as far as the disk is honest."""
        if not self.is_lying:
            self.add(SyncDirectory())

    def holds(self, path: Path) -> bool:
        """Whether a path is one that a cut would touch."""
        return path.parent == self.directory and is_kept(path.name)


def is_kept(name: str) -> bool:
    """Whether a file means anything after a cut: SQLite's index is rebuilt, the lock is a lock."""
    return not name.endswith("-shm") and name != "lock"


# ------------------------------------------------------------------ SQLite


class _File(apsw.VFSFile):
    def __init__(self, record: Recording, path: Path, name: Any, flags: list[int]) -> None:  # noqa: ANN401 - apsw's own names of files
        is_new = not path.exists()
        self._needs_entry = is_new and bool(flags[0] & _JOURNALS)
        super().__init__("", name, flags)
        self._record = record
        self._number = record.opened(path.name, is_new=is_new)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        """Write, on record."""
        _fail_if(self._record.meet("write"))
        super().xWrite(data, offset)
        self._record.add(Write(self._number, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802 - SQLite's name
        """Cut, on record."""
        super().xTruncate(size)
        self._record.add(Resize(self._number, size))

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        """Sync, on record; SQLite syncs the directory with a new journal's first sync."""
        _fail_if(self._record.meet("sync"))
        if not self._record.is_only_here:
            super().xSync(flags)
        self._record.synced(self._number)
        if self._needs_entry:
            self._needs_entry = False
            self._record.synced_directory()


def _fail_if(number: int | None) -> None:
    if number is None:
        return
    if number == errno.ENOSPC:
        raise apsw.FullError(os.strerror(number))
    raise apsw.IOError(os.strerror(number))


class RecordingVfs(apsw.VFS):
    """SQLite's way to a disk on record."""

    def __init__(self, record: Recording) -> None:
        self.name = f"recording-{next(_NUMBERS)}"
        super().__init__(self.name, "")
        self._record = record

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: ANN401, N802 - SQLite's name, apsw's own names of files
        """Open a file; a temporary one is nobody's."""
        text = name.filename() if isinstance(name, apsw.URIFilename) else name
        if text and flags[0] & _RECORDED and self._record.holds(Path(text)):
            return _File(self._record, Path(text), name, flags)
        return super().xOpen(name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802 - SQLite's name
        """Remove a file, on record."""
        super().xDelete(filename, syncdir)
        if self._record.holds(Path(filename)):
            self._record.left(Path(filename).name)
            if syncdir:
                self._record.synced_directory()


# ------------------------------------------------------------------ the files beside it


@dataclass(slots=True)
class _Descriptor:
    path: Path
    number: int | None
    """None: the directory itself."""
    at: int = 0
    appends: bool = False


class RecordedOs:
    """`os` as agent.journal.files uses it, on record."""

    def __init__(self, record: Recording) -> None:
        self._record = record
        self._open: dict[int, _Descriptor] = {}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever os has
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        """Open, and remember what it is."""
        is_new = not path.exists()
        descriptor = os.open(path, flags, mode)
        record = self._record
        if path == record.directory:
            self._open[descriptor] = _Descriptor(path, None)
        elif record.holds(path):
            number = record.opened(path.name, is_new=is_new)
            self._open[descriptor] = _Descriptor(path, number, appends=bool(flags & os.O_APPEND))
        return descriptor

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name."""
        os.link(source, target)
        if self._record.holds(source):
            self._record.named(source.name, target.name)

    def write(self, descriptor: int, data: bytes) -> int:
        """Write where the descriptor stands."""
        held = self._open.get(descriptor)
        self._fail_if(held, "write")
        at = os.fstat(descriptor).st_size if held and held.appends else held.at if held else 0
        written = os.write(descriptor, data)
        if held is not None and held.number is not None:
            self._record.add(Write(held.number, at, bytes(data[:written])))
            held.at = at + written
        return written

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        """Write in place."""
        held = self._open.get(descriptor)
        self._fail_if(held, "write")
        written = os.pwrite(descriptor, data, offset)
        if held is not None and held.number is not None:
            self._record.add(Write(held.number, offset, bytes(data[:written])))
        return written

    def fsync(self, descriptor: int) -> None:
        """Sync a file or the directory."""
        held = self._open.get(descriptor)
        self._fail_if(held, "sync")
        if held is None or not self._record.is_only_here:
            os.fsync(descriptor)
        if held is None:
            return
        if held.number is None:
            self._record.synced_directory()
        else:
            self._record.synced(held.number)

    fdatasync = fsync

    def _fail_if(self, held: _Descriptor | None, what: str) -> None:
        number = None if held is None else self._record.meet(what)
        if number is not None:
            raise OSError(number, os.strerror(number))

    def close(self, descriptor: int) -> None:
        """Close."""
        self._open.pop(descriptor, None)
        os.close(descriptor)


@contextmanager
def on_record(record: Recording) -> Iterator[RecordingVfs]:
    """Record what the journal does in the directory meanwhile; yields SQLite's way there."""
    replace, unlink = Path.replace, Path.unlink

    def moved(path: Path, target: Path) -> Path:
        found = replace(path, target)
        if record.holds(path):
            record.moved(path.name, target.name)
        return found

    def unlinked(path: Path, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - as pathlib has it
        is_there = path.exists()
        unlink(path, missing_ok=missing_ok)
        if is_there and record.holds(path):
            record.left(path.name)

    def copied(source: Path, target: Path) -> None:
        is_new = not target.exists()
        shutil.copyfile(source, target)
        number = record.opened(target.name, is_new=is_new)
        record.add(Resize(number, 0))
        record.add(Write(number, 0, target.read_bytes()))

    with (
        mock.patch.object(journal_files, "os", RecordedOs(record)),
        mock.patch.object(journal_files, "shutil", mock.Mock(copyfile=copied)),
        mock.patch.object(Path, "replace", moved),
        mock.patch.object(Path, "unlink", unlinked),
    ):
        vfs = RecordingVfs(record)
        try:
            yield vfs
        finally:
            vfs.unregister()
