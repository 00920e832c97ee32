"""What to do about a disk that refuses, by what the system says of it: the end of one line."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

import apsw

from agent.journal.errors import DiskFullError, JournalError

_ROOM = "free some space, or some inodes (see df -h and df -i)"
_QUOTA = "free some of the user's quota, or have it raised"
_READ_ONLY = "its file system is read-only: see why (dmesg), then mount it for writing"
_RIGHTS = "give the agent's user write access"
_IN_THE_WAY = "a file is where a directory has to be: move it away"
_FILES = "let the process open more files (LimitNOFILE)"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says where there is no room."""
REMEDIES: Mapping[int, str] = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _QUOTA,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
}
SEE = "see the disk"
_UNOPENED = f"see rights and room there: {_RIGHTS}, {_ROOM}"
_OF_SQLITE: Mapping[type[Exception], str] = {
    apsw.FullError: _ROOM,
    apsw.ReadOnlyError: f"{_RIGHTS}, or {_READ_ONLY}",
    apsw.CantOpenError: _UNOPENED,
}
"""Where SQLite does not hand on what the system said."""


def remedy(number: int | None) -> str:
    """Return what to do about an error of the system."""
    return REMEDIES.get(number or 0, SEE)


def refused(place: Path, what: str, error: OSError, otherwise: str) -> JournalError:
    """Return the error of a place where something cannot be done, with what to do about it.

    Args:
        place: The directory.
        what: What cannot be done there.
        error: What the system says.
        otherwise: What can be done instead.
    """
    kind = DiskFullError if error.errno in FULL else JournalError
    return kind(f"{place}: cannot {what}: {error.strerror}; {remedy(error.errno)}, or {otherwise}")


def unopened(place: Path, error: OSError | apsw.Error) -> JournalError:
    """Return the error of a journal that cannot be opened, with what to do about it."""
    if isinstance(error, OSError):
        is_full, hint = error.errno in FULL, remedy(error.errno)
    else:
        is_full = isinstance(error, apsw.FullError)
        hint = next((h for kind, h in _OF_SQLITE.items() if isinstance(error, kind)), SEE)
    kind = DiskFullError if is_full else JournalError
    return kind(f"{place}: cannot open the journal: {error}; {hint}")
