"""What to do about a disk that refuses: the right thing for each reason."""

import errno
import os
from pathlib import Path

import apsw
import pytest

from agent.journal.errors import DiskFullError, JournalError
from agent.journal.remedies import refused, remedy, unopened

HERE = Path("/j")
ROOM = "free some space, or some inodes (see df -h and df -i)"
READ_ONLY = "its file system is read-only: see why (dmesg), then mount it for writing"


def system(number: int) -> OSError:
    """Return an error of the system."""
    return OSError(number, os.strerror(number), "/j/lock")


@pytest.mark.parametrize(
    ("number", "hint", "is_full"),
    [
        (errno.ENOSPC, ROOM, True),
        (errno.EDQUOT, "free some of the user's quota, or have it raised", True),
        (errno.EROFS, READ_ONLY, False),
        (errno.EACCES, "give the agent's user write access", False),
        (errno.EPERM, "give the agent's user write access", False),
        (errno.ENOTDIR, "a file is where a directory has to be: move it away", False),
        (errno.EMFILE, "let the process open more files (LimitNOFILE)", False),
        (errno.EIO, "see the disk", False),
    ],
)
def test_each_reason_has_its_own_remedy(number: int, hint: str, *, is_full: bool) -> None:
    """A full disk is not mended by rights; it is told as a full disk, to the PLC as well."""
    error = refused(HERE, "keep a journal here", system(number), "set journal.path")
    why = os.strerror(number)
    assert str(error) == f"/j: cannot keep a journal here: {why}; {hint}, or set journal.path"
    assert isinstance(error, DiskFullError) is is_full
    at_opening = unopened(HERE, system(number))
    assert str(at_opening) == f"/j: cannot open the journal: {system(number)}; {hint}"
    assert isinstance(at_opening, DiskFullError) is is_full


@pytest.mark.parametrize(
    ("error", "hint", "is_full"),
    [
        (apsw.FullError("no room"), ROOM, True),
        (
            apsw.ReadOnlyError("no write"),
            f"give the agent's user write access, or {READ_ONLY}",
            False,
        ),
        (
            apsw.CantOpenError("no file"),
            f"see rights and room there: give the agent's user write access, {ROOM}",
            False,
        ),
        (apsw.IOError("no spindle"), "see the disk", False),
    ],
)
def test_what_sqlite_says_has_a_remedy_too(error: apsw.Error, hint: str, *, is_full: bool) -> None:
    """It keeps to itself what the system said."""
    found = unopened(HERE, error)
    assert str(found) == f"/j: cannot open the journal: {error}; {hint}"
    assert isinstance(found, DiskFullError) is is_full


def test_what_has_no_number_has_a_remedy() -> None:
    """An error that is not of the system has none."""
    assert remedy(None) == "see the disk"
    assert not isinstance(unopened(HERE, OSError("no such device")), DiskFullError)
    assert isinstance(unopened(HERE, OSError("no such device")), JournalError)
