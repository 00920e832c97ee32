"""Opening: one holder, one line when it cannot be, nothing left behind."""

from pathlib import Path

import pytest

from agent.journal.errors import JournalError, JournalLockedError
from agent.journal.opening import open_held, open_journal
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
