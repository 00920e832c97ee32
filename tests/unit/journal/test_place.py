"""A journal's directory: made, held, refused in one line."""

import os
import stat
from pathlib import Path

import pytest

from agent.journal.errors import JournalError, JournalLockedError
from agent.journal.place import Lock


def test_the_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """Parents too; nobody else reads what people made and when."""
    directory = tmp_path / "state" / "press-07"
    Lock(directory).release()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(directory.parent.stat().st_mode) == 0o700


def test_a_second_holder_is_refused_with_the_first_one_s_number(tmp_path: Path) -> None:
    """One line names the directory, the process that holds it, and what to do (R04)."""
    lock = Lock(tmp_path)
    with pytest.raises(JournalLockedError) as refused:
        Lock(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: process {os.getpid()} has this journal open; "
        "stop it, or give this station a journal.path of its own"
    )
    lock.release()
    Lock(tmp_path).release()


def test_a_full_disk_is_held_without_a_number(tmp_path: Path) -> None:
    """Where no number can be written the place is held, and a second holder refused (P10)."""
    (tmp_path / "lock").symlink_to("/dev/full")
    lock = Lock(tmp_path)
    with pytest.raises(JournalLockedError):
        Lock(tmp_path)
    lock.release()
    Lock(tmp_path).release()


def test_a_holder_that_did_not_say_who_it_is_is_unknown(tmp_path: Path) -> None:
    """A lock file without a number is still a lock."""
    lock = Lock(tmp_path)
    (tmp_path / "lock").write_text("")
    with pytest.raises(JournalLockedError, match="process unknown has"):
        Lock(tmp_path)
    lock.release()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """One line names the directory, the cause and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError) as refused:
        Lock(tmp_path / "file" / "journal")
    assert str(refused.value) == (
        f"{tmp_path}/file/journal: cannot keep a journal here: File exists; "
        "a file is where a directory has to be: move it away, or set journal.path"
    )


def test_letting_go_twice_closes_nothing_else(tmp_path: Path) -> None:
    """A file that was opened meanwhile under the same number stays open."""
    lock = Lock(tmp_path)
    lock.release()
    with (tmp_path / "other").open("wb") as other:
        lock.release()
        other.write(b"still open")
    assert (tmp_path / "other").read_bytes() == b"still open"


def test_a_directory_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """What people made and when is not for everybody; one command mends it (X09)."""
    place = tmp_path / "j"
    Lock(place).release()
    for mode in (0o750, 0o705, 0o710):
        place.chmod(mode)
        with pytest.raises(JournalError, match=rf"\(mode {mode:04o}\), .*: chmod go= {place}$"):
            Lock(place)
    place.chmod(0o700)
    Lock(place).release()
