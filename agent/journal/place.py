"""A journal's directory: which file is which, made for its owner alone, held by one process."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.journal.errors import JournalError, JournalLockedError
from agent.journal.remedies import refused

_OWNER_ONLY = 0o700
_OTHERS = 0o077
_WRITING = os.O_RDWR | os.O_CREAT
_MOST_PID_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Paths:
    """The files of one journal."""

    directory: Path

    @property
    def database(self) -> Path:
        """The events."""
        return self.directory / "journal.db"

    @property
    def log(self) -> Path:
        """SQLite's write-ahead log."""
        return self.directory / "journal.db-wal"

    @property
    def shared(self) -> Path:
        """SQLite's index into the log; it is rebuilt when missing."""
        return self.directory / "journal.db-shm"

    @property
    def rebuilt(self) -> Path:
        """A database on its way to take the place of a damaged one."""
        return self.directory / "journal.new"

    @property
    def mark(self) -> Path:
        """The highest address released."""
        return self.directory / "mark"

    @property
    def ballast(self) -> Path:
        """Space that is given back when the disk is full."""
        return self.directory / "ballast"

    @property
    def demand(self) -> Path:
        """While it is there, the next opening proves every row."""
        return self.directory / "prove-all"

    @property
    def adopt(self) -> Path:
        """Made by whoever confirms that the journal goes on here, on another machine."""
        return self.directory / "adopt"

    @property
    def half_copy(self) -> Path:
        """A copy on its way to be set aside."""
        return self.directory / "damaged.half"

    def damaged(self, count: int) -> tuple[Path, Path]:
        """Return where database and log are set aside, by the mark's count at that time."""
        return (
            self.directory / f"damaged-{count}.db",
            self.directory / f"damaged-{count}.db-wal",
        )


class Lock:
    """The hold on a directory: one process at a time, let go when that process ends, however."""

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        """Make the directory if need be and take hold of it.

        Args:
            directory: Which one.
            read_only: Take hold of what is there, which need not take any writing.

        Raises:
            JournalLockedError: another process holds it.
            JournalError: it cannot be made or written, or others may read it.
        """
        try:
            if not read_only:
                make_directory(directory)
            _prove_private(directory)
            self._descriptor = _opened(directory, os.O_RDONLY if read_only else _WRITING)
        except OSError as error:
            what = "keep a journal here"
            raise refused(directory, what, error, "set journal.path") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, _MOST_PID_DIGITS, 0).decode(errors="replace")
            os.close(self._descriptor)
            raise JournalLockedError(
                f"{directory}: process {holder.strip() or 'unknown'} has this journal open; "
                "stop it, or give this station a journal.path of its own"
            ) from error
        self._let_go = ExitStack()
        self._let_go.callback(os.close, self._descriptor)
        with suppress(OSError):  # read-only, or full: it holds all the same, nobody can say who
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go; more than once is once."""
        self._let_go.close()


def is_writable(directory: Path) -> bool:
    """Return whether a directory could be held for writing again, as far as its disk goes."""
    try:
        os.close(_opened(directory, _WRITING))
    except OSError:
        return False
    return True


def _opened(directory: Path, flags: int) -> int:
    return os.open(directory / "lock", flags | os.O_CLOEXEC, 0o600)


def make_directory(directory: Path) -> None:
    """Make a directory for its owner alone, and its parents, each entry through to the disk."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(mode=_OWNER_ONLY, exist_ok=True)
    descriptor = os.open(directory.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prove_private(directory: Path) -> None:
    """Refuse a directory that others may look into: a journal says who made what, and when (X09).

    Raises:
        JournalError: they may.
    """
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & _OTHERS:
        raise JournalError(
            f"{directory}: other users may look in here (mode {mode:04o}), and a journal says who "
            f"worked when; forbid it with: chmod go= {directory}"
        )
