"""A journal that is only read: what was released is handed out, and nothing is written."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.journal.chain import place
from agent.journal.errors import JournalError, JournalLockedError
from agent.journal.files import DiskFiles
from agent.journal.held import HeldJournal, open_to_read
from agent.journal.mark import MarkFile
from agent.journal.place import Lock, Paths, is_writable
from agent.journal.store import connect, note, tell_lost
from agent.ports import Address
from tests.doubles import InlineWorker
from tests.histories import STATION, History, rim
from tests.unit.journal.test_recovery import fill


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Two epochs of 101 events, as a kill leaves them."""
    made = History()
    for number in (1, 2):
        made.start(number)
        made.links(100)
    tmp_path.chmod(0o700)
    fill(tmp_path, made)
    Lock(tmp_path).release()
    return made


@asynccontextmanager
async def held(directory: Path, machine: str = "") -> AsyncIterator[HeldJournal]:
    """Open it to read."""
    outside = rim(worker=lambda _: InlineWorker(), machine=machine)
    journal = await open_to_read(directory, STATION, outside)
    try:
        yield journal
    finally:
        await journal.close()


def contents(directory: Path) -> dict[str, bytes]:
    """Return what is in a directory."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


async def test_all_that_was_released_is_handed_out_and_nothing_written(
    tmp_path: Path, history: History
) -> None:
    """Also of the log that no checkpoint has taken, with SQLite's index of it or without."""
    Paths(tmp_path).shared.unlink()
    before = contents(tmp_path)
    async with held(tmp_path) as journal:
        assert await journal.read(None, 1000) == history.rows
        assert await journal.read(history.rows[99].address, 2) == history.rows[100:102]
        newest = history.rows[-1]
        assert (journal.last, journal.last_hash) == (newest.address, newest.hash)
        assert journal.first_kept == history.rows[0].address
        assert await journal.look(lambda connection: connection.readonly("main")) is True
        waiting = asyncio.ensure_future(journal.wait_beyond(newest.address))
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
    assert contents(tmp_path) == before


async def test_a_cursor_is_remembered_and_not_written(tmp_path: Path, history: History) -> None:
    """It begins where the sink had come to; what it moved to is there to be told."""
    async with held(tmp_path) as journal:
        assert journal.cursor("plant") == history.rows[101].address
        assert journal.cursor("other") is None
        journal.move_cursor("plant", history.rows[150].address)
        assert journal.cursor("plant") == history.rows[150].address
        assert journal.moved == {"plant": history.rows[150].address}
    async with held(tmp_path) as journal:
        assert (journal.cursor("plant"), journal.moved) == (history.rows[101].address, {})


async def test_what_was_not_released_is_not_handed_out(tmp_path: Path, history: History) -> None:
    """Rows behind the mark may be in memory alone, and then they never were."""
    paths, row = Paths(tmp_path), history.rows[40]
    paths.mark.unlink()
    MarkFile(DiskFiles(), paths.mark).write(row.address, row.hash)
    async with held(tmp_path) as journal:
        assert journal.last == row.address
        assert await journal.read(None, 1000) == history.rows[:41]
        assert await journal.read(row.address, 1000) == []


async def test_nothing_is_passed_over_that_an_opening_could_mend(
    tmp_path: Path, history: History
) -> None:
    """Reading ends before the first hole that nobody was told of, and stays there."""
    gone, told = history.rows[50], history.rows[20]
    with connect(Paths(tmp_path).database, None) as connection:
        for row in (gone, told):
            connection.execute("DELETE FROM events WHERE place = ?", (place(row.address),))
        tell_lost(connection, (told.epoch, told.seq, told.seq))
    connection.close()
    async with held(tmp_path) as journal:
        kept = [row for row in history.rows[:50] if row is not told]
        assert await journal.read(None, 1000) == kept
        assert await journal.read(history.rows[60].address, 10) == []


async def test_a_broken_page_is_the_next_openings_to_mend(tmp_path: Path, history: History) -> None:
    """Reading it is an error of the journal, and no bug."""
    async with held(tmp_path) as journal:
        assert len(await journal.read(None, 1)) == 1
        await journal.look(lambda connection: connection.close())
        with pytest.raises(JournalError, match="cannot be read on"):
            await journal.read(history.rows[0].address, 1)


async def test_what_is_not_ours_to_pass_on_is_left_alone(tmp_path: Path, history: History) -> None:
    """Another machine's, another station's, one without a mark, or with another row than that."""
    paths, newest = Paths(tmp_path), history.rows[-1]
    with connect(paths.database, None) as connection:
        note(connection, "machine", "one")
    connection.close()
    with pytest.raises(JournalError, match="was written on another machine"):
        async with held(tmp_path, machine="two"):
            pass
    with pytest.raises(JournalError, match="belongs to station"):
        await open_to_read(tmp_path, "acme/other", rim(worker=lambda _: InlineWorker()))
    for address, digest, why in (
        (newest.address, "0" * 64, "holds nothing up to the mark"),
        (Address("000002-00000000", 500), "0" * 64, "holds nothing up to the mark"),
        (Address("000000-00000000", 1), "0" * 64, "holds nothing up to the mark"),
    ):
        paths.mark.unlink(missing_ok=True)
        MarkFile(DiskFiles(), paths.mark).write(address, digest)
        with pytest.raises(JournalError, match=why):
            async with held(tmp_path):
                pass
    paths.mark.unlink()
    with pytest.raises(JournalError, match="no mark says what was released here"):
        async with held(tmp_path):
            pass


async def test_what_cannot_be_opened_says_why(tmp_path: Path, history: History) -> None:
    """No database, or none at all; whatever was taken hold of is let go."""
    Paths(tmp_path).database.write_bytes(b"\0" * 4096)
    for _ in range(2):
        with pytest.raises(JournalError, match="cannot be read"):
            async with held(tmp_path):
                pass
    with pytest.raises(JournalError, match="cannot keep a journal here"):
        async with held(tmp_path / "nowhere"):
            pass
    assert len(history.rows) == 202


async def test_a_place_that_another_holds_is_left_alone(tmp_path: Path, history: History) -> None:
    """One process at a time, also to read; and who it is cannot be written down there."""
    descriptor = os.open(tmp_path / "lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(JournalLockedError):
        async with held(tmp_path):
            pass
    os.close(descriptor)
    async with held(tmp_path) as journal:
        assert journal.last == history.rows[-1].address
        with pytest.raises(JournalLockedError):
            Lock(tmp_path)


def test_whether_a_place_takes_writing_is_seen_without_holding_it(tmp_path: Path) -> None:
    """A place that is held for reading can be tried."""
    tmp_path.chmod(0o700)
    lock = Lock(tmp_path)
    assert is_writable(tmp_path)
    lock.release()
    (tmp_path / "lock").unlink()
    (tmp_path / "lock").mkdir()
    assert not is_writable(tmp_path)
