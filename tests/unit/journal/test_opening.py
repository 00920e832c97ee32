"""Opening: one holder, one line when it cannot be, nothing left behind."""

import shutil
import stat
import threading
from pathlib import Path

import pytest

from agent.journal.errors import JournalError, JournalLockedError
from agent.journal.files import DiskFiles
from agent.journal.opening import open_held, open_journal
from agent.journal.verify import verify
from tests.histories import STATION, History, rim


async def test_a_journal_is_held_until_it_is_closed(tmp_path: Path) -> None:
    """A second opening is refused while the first lasts, and works after it (R04)."""
    journal, _ = await open_journal(tmp_path / "j", STATION, rim())
    with pytest.raises(JournalLockedError, match="has this journal open"):
        await open_journal(tmp_path / "j", STATION, rim())
    await journal.close()
    journal, _ = await open_journal(tmp_path / "j", STATION, rim())
    await journal.close()


async def test_a_refused_opening_leaves_nothing_behind(tmp_path: Path) -> None:
    """No thread, no file, no hold: the next one may open it."""
    journal, _ = await open_journal(tmp_path, STATION, rim())
    await journal.close()
    with pytest.raises(JournalError, match="belongs to station"):
        await open_journal(tmp_path, "acme/other", rim())
    journal, _ = await open_journal(tmp_path, STATION, rim())
    await journal.close()


async def test_a_disk_that_refuses_is_named_in_one_line(tmp_path: Path) -> None:
    """Directory, cause; the error is the journal's, not the operating system's."""
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(JournalError, match=r"^/.*: cannot open the journal: .*journal\.db"):
        await open_journal(tmp_path, STATION, rim())


async def test_whoever_holds_the_directory_may_open_it(tmp_path: Path) -> None:
    """A simulation brings its own hold; it is let go at the close."""
    released = []
    journal, recovery = await open_held(
        tmp_path, STATION, rim(), lambda: released.append(True), is_thorough=True
    )
    assert recovery.last is None
    history = History()
    history.start(1)
    await journal.append(history.rows)
    await journal.close()
    assert released == [True]


async def test_the_log_has_its_size_from_the_start(tmp_path: Path) -> None:
    """Commits then write in place; a disk without room for that is no reason not to open."""

    class Stingy(DiskFiles):
        def lay_out(self, path: Path, size: int) -> None:
            raise OSError(f"no room for {size} bytes at {path}")

    journal, _ = await open_journal(tmp_path / "a", STATION, rim(log_bytes=1 << 20))
    history = History()
    history.start(1)
    history.links(20)
    await journal.append(history.rows)
    assert (tmp_path / "a" / "journal.db-wal").stat().st_size == 1 << 20
    assert verify(tmp_path / "a").rows == 21
    await journal.close()
    assert (tmp_path / "a" / "journal.db-wal").stat().st_size == 0
    journal, recovery = await open_journal(tmp_path / "a", STATION, rim(log_bytes=1 << 20))
    assert recovery.last == history.rows[-1]
    await journal.close()
    journal, _ = await open_journal(tmp_path / "b", STATION, rim(files=Stingy()))
    await journal.append(history.rows)
    await journal.close()


def modes(directory: Path) -> dict[str, int]:
    """Return who may do what with each file."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


async def test_every_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Also where somebody opened the directory to others."""
    journal, _ = await open_journal(tmp_path, STATION, rim())
    history = History()
    history.start(1)
    await journal.append(history.rows)
    found = modes(tmp_path)
    await journal.close()
    names = {"journal.db", "journal.db-wal", "journal.db-shm", "mark", "lock"}
    assert found == dict.fromkeys(names, 0o600)


async def test_a_log_that_was_left_by_a_crash_is_only_made_longer(tmp_path: Path) -> None:
    """What it holds is read first and stays."""
    journal, _ = await open_journal(tmp_path / "a", STATION, rim())
    history = History()
    history.start(1)
    history.links(20)
    await journal.append(history.rows)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    await journal.close()
    journal, recovery = await open_journal(tmp_path / "b", STATION, rim(log_bytes=1 << 20))
    assert (recovery.last, recovery.lost) == (history.rows[-1], ())
    history.links(5)
    await journal.append(history.rows[-5:])
    assert verify(tmp_path / "b").rows == 26
    await journal.close()


async def test_a_full_disk_is_not_filled_further(tmp_path: Path) -> None:
    """Where space is short already, the log grows as it must."""

    class Full(DiskFiles):
        def free_bytes(self, directory: Path) -> int:
            assert directory == tmp_path
            return 0

    journal, _ = await open_journal(tmp_path, STATION, rim(files=Full(), log_bytes=1 << 20))
    assert not (tmp_path / "journal.db-wal").stat().st_size
    await journal.close()


async def test_each_thread_has_begun_before_the_journal_is_open(tmp_path: Path) -> None:
    """Nothing that is done later needs a new one: there may be none to be had any more (E03)."""
    before = threading.active_count()
    journal, _ = await open_journal(tmp_path, STATION, rim())
    assert threading.active_count() == before + 3
    await journal.close()
