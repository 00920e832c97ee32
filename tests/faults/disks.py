"""Disks that fail on demand: SQLite's own way to the disk (an apsw VFS) with a switch."""

from __future__ import annotations

import errno
import itertools
import os
from collections import Counter
from pathlib import Path

import apsw

from agent.journal.files import DiskFile, DiskFiles

_NUMBERS = itertools.count()


class _File(apsw.VFSFile):
    def __init__(
        self, disk: FailingDisk, name: apsw.URIFilename | str | None, flags: list[int]
    ) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._is_database = bool(flags[0] & apsw.SQLITE_OPEN_MAIN_DB)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        """Sync, or fail as the disk says."""
        self._disk.meet("sync")
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        """Write, or fail as the disk says."""
        self._disk.meet("write")
        if self._is_database:
            self._disk.meet("checkpoint")
        super().xWrite(data, offset)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's name
        """Read, or fail as the disk says."""
        self._disk.meet("read")
        return super().xRead(amount, offset)


class FailingDisk(apsw.VFS):
    """A disk that fails at the n-th call of a kind from when it is told so, once or for ever."""

    def __init__(self) -> None:
        self.name = f"failing-{next(_NUMBERS)}"
        super().__init__(self.name, "")
        self._error: apsw.Error | None = None
        self._kind = ""
        self._passes = 0
        self.failed = 0
        """How often it failed: 0 is no test."""
        self.number = errno.EIO
        """What the system says of the last failure."""
        self.calls: Counter[str] = Counter()
        """How often it was asked for what."""

    def fail(self, kind: str, error: apsw.Error, *, after: int = 0) -> None:
        """Fail from now on with every call of a kind, once `after` of them have passed.

        The kinds are `read`, `write` and `sync`, and `checkpoint` for a write to the database
        itself: with a write-ahead log nothing else does that.
        """
        self._kind, self._error, self._passes = kind, error, after

    def heal(self) -> None:
        """Work again."""
        self._error = None

    def meet(self, kind: str) -> None:
        """Raise what is due."""
        self.calls[kind] += 1
        if self._error is None or kind != self._kind:
            return
        if self._passes > 0:
            self._passes -= 1
            return
        self.failed += 1
        raise self._error

    def xGetLastError(self) -> tuple[int, str]:  # noqa: N802 - SQLite's name
        """Return what the system says."""
        return self.number, os.strerror(self.number)

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        """Open a file on this disk."""
        return _File(self, name, flags)


class FailingFiles(DiskFiles):
    """A disk whose mark cannot be written while `is_broken`."""

    def __init__(self) -> None:
        self.is_broken = False
        self.failed = 0

    def hold(self, path: Path) -> DiskFile:
        """Open a file that fails when the disk does."""
        return _FailingFile(path, self)

    def meet(self) -> None:
        """Raise what is due."""
        if self.is_broken:
            self.failed += 1
            raise OSError(errno.EIO, "Input/output error")


class _FailingFile(DiskFile):
    def __init__(self, path: Path, files: FailingFiles) -> None:
        super().__init__(path)
        self._files = files

    def overwrite(self, offset: int, content: bytes) -> None:
        """Write in place, or fail."""
        self._files.meet()
        super().overwrite(offset, content)
