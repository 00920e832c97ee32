"""The journal as the agent uses it: appends, cursors, reads, waiting, the end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from agent.core.events import (
    Certainty,
    ComponentInstalled,
    ComponentRemoved,
    ComponentUse,
    ParentClosed,
    ParentDissolved,
    Result,
    UnitPacked,
    UnitUnpacked,
)
from agent.journal import sqlite, writer
from agent.journal.chain import place
from agent.journal.errors import DiskFullError, DoubtfulCommitError, JournalError
from agent.journal.files import DiskFiles
from agent.journal.mark import MarkFile
from agent.journal.opening import open_journal
from agent.journal.sqlite import Rim, SqliteJournal
from agent.journal.store import connect
from agent.ports import Address, ComponentSeen, ContentsSeen, UnitSeen
from tests.doubles import InlineWorker, ManualClock, settled
from tests.histories import STATION, History, epoch, rim

T = TypeVar("T")


class HeldWorker(InlineWorker):
    """A worker that begins only when the test lets it."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()

    async def run(self, job: Callable[[], T]) -> T:
        """Wait for the gate, then do it."""
        await self.gate.wait()
        return job()


def inline(clock: ManualClock | None = None) -> Rim:
    """Return an outside without threads."""
    return rim(clock, worker=lambda _: InlineWorker())


@pytest.fixture
def history() -> History:
    """One epoch, begun."""
    made = History()
    made.start(1)
    return made


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    """A new journal on this disk, with its threads."""
    made, _ = await open_journal(tmp_path, STATION, rim())
    yield made
    await made.close()


def commits(directory: Path) -> int:
    """Return how often the mark was written."""
    newest = MarkFile(DiskFiles(), directory / "mark").newest
    return newest.count if newest else 0


async def test_an_append_is_done_when_it_is_durable_and_marked(
    journal: SqliteJournal, history: History, tmp_path: Path
) -> None:
    """Another connection sees the rows, and the mark names the last."""
    history.links(2)
    await journal.append(history.rows)
    other = connect(tmp_path / "journal.db", None, read_only=True)
    assert other.execute("SELECT count(*) FROM events").get == 3
    other.close()
    newest = MarkFile(DiskFiles(), tmp_path / "mark").newest
    assert newest is not None
    assert (newest.address, newest.hash) == (Address(epoch(1), 3), history.rows[-1].hash)
    assert (journal.last, journal.last_hash) == (newest.address, newest.hash)
    assert journal.first_kept == Address(epoch(1), 1)


async def test_whatever_waits_is_one_commit(tmp_path: Path, history: History) -> None:
    """Appends that come while nobody commits share the next commit; each is done after it."""
    worker = HeldWorker()
    journal, _ = await open_journal(tmp_path, STATION, rim(worker=lambda _: worker))
    worker.gate.clear()
    history.links(9)
    done = [journal.append([row]) for row in history.rows]
    await settled()
    assert not any(future.done() for future in done)
    worker.gate.set()
    await asyncio.gather(*done)
    assert commits(tmp_path) == 1
    await journal.close()


async def test_a_commit_holds_no_more_than_so_many_rows(tmp_path: Path, history: History) -> None:
    """Those that come first need not wait for the last of a long backlog."""
    journal, _ = await open_journal(tmp_path, STATION, inline())
    history.links(2 * writer.MOST_ROWS)
    await asyncio.gather(*(journal.append([row]) for row in history.rows))
    assert commits(tmp_path) == 3
    await journal.close()


async def test_an_append_of_nothing_is_done(journal: SqliteJournal) -> None:
    """A decision without events waits for nothing but its turn."""
    await journal.append([])
    assert (journal.last, journal.first_kept) == (None, None)


async def test_one_who_no_longer_waits_disturbs_nobody(
    journal: SqliteJournal, history: History
) -> None:
    """A cancelled append is committed all the same: it was handed over."""
    history.links(1)
    first = journal.append(history.rows[:1])
    first.cancel()
    await journal.append(history.rows[1:])
    assert journal.last == Address(epoch(1), 2)


async def test_rows_that_do_not_follow_are_a_bug_of_the_caller(
    journal: SqliteJournal, history: History
) -> None:
    """A seq rises by one, an epoch begins with 1, and each row carries the hash before."""
    history.links(3)
    with pytest.raises(ValueError, match=rf"^{epoch(1)}-2 does not follow -0$"):
        journal.append(history.rows[1:2])
    await journal.append(history.rows[:1])
    with pytest.raises(ValueError, match=rf"^{epoch(1)}-3 does not follow {epoch(1)}-1$"):
        journal.append(history.rows[2:3])
    with pytest.raises(ValueError, match=rf"^{epoch(1)}-1 does not follow {epoch(1)}-1$"):
        journal.append(history.rows[:1])
    other = History()
    other.start(2)
    with pytest.raises(ValueError, match=rf"^{epoch(2)}-1 does not carry the hash of "):
        journal.append(other.rows)
    await journal.append(history.rows[1:])


async def test_rows_come_from_memory_and_from_disk_alike(tmp_path: Path, history: History) -> None:
    """What was just committed is in memory; after a restart the same rows are read."""
    journal, _ = await open_journal(tmp_path, STATION, rim())
    history.links(9)
    await journal.append(history.rows)
    for _ in range(2):
        for seq in range(11):
            assert await journal.read(Address(epoch(1), seq), 3) == history.rows[seq : seq + 3]
        assert await journal.read(None, 100) == history.rows
        assert await journal.read(Address(epoch(0), 5), 2) == history.rows[:2]
        await journal.close()
        journal, _ = await open_journal(tmp_path, STATION, rim())
    await journal.close()


async def test_a_damaged_row_is_named_and_never_handed_out(
    tmp_path: Path, history: History
) -> None:
    """What rotted since the opening is passed, and told by `damage`."""
    history.links(3)
    journal, _ = await open_journal(tmp_path, STATION, rim())
    await journal.append(history.rows)
    other = connect(tmp_path / "journal.db", None)
    other.execute("UPDATE events SET body = x'00' WHERE place = ?", (place(Address(epoch(1), 2)),))
    other.close()
    assert await journal.read(None, 9) == [history.rows[0], *history.rows[2:]]
    assert journal.damage == ((epoch(1), 2, 2, "damaged"),)
    await journal.close()


async def test_waiting_ends_with_the_next_commit(journal: SqliteJournal, history: History) -> None:
    """Everyone who waits beyond an address is woken when a row after it is durable."""
    history.links(1)
    waiting = [asyncio.create_task(journal.wait_beyond(None)) for _ in range(2)]
    await settled()
    waiting[0].cancel()
    await journal.append(history.rows[:1])
    await waiting[1]
    await journal.wait_beyond(None)
    later = asyncio.create_task(journal.wait_beyond(Address(epoch(1), 1)))
    await settled()
    assert not later.done()
    await journal.append(history.rows[1:])
    await later


async def test_cursors_are_durable_a_second_later(tmp_path: Path) -> None:
    """Without any commit a moved cursor is written after a second, many moves at once."""
    clock = ManualClock()
    journal, _ = await open_journal(tmp_path, STATION, inline(clock))
    assert journal.cursor("plant") is None
    for seq in (1, 2, 3):
        journal.move_cursor("plant", Address(epoch(1), seq))
    await settled()
    other = connect(tmp_path / "journal.db", None)
    count = "SELECT count(*) FROM cursors"
    assert (journal.cursor("plant"), other.execute(count).get) == (Address(epoch(1), 3), 0)
    await clock.advance(sqlite.CURSOR_DELAY_S)
    await settled()
    assert other.execute(count).get == 1
    other.close()
    await journal.close()
    journal, _ = await open_journal(tmp_path, STATION, inline())
    assert journal.cursor("plant") == Address(epoch(1), 3)
    await journal.close()


async def test_cursors_go_with_the_next_commit(tmp_path: Path, history: History) -> None:
    """A cursor needs no commit of its own while events are committed."""
    clock = ManualClock()
    journal, _ = await open_journal(tmp_path, STATION, inline(clock))
    journal.move_cursor("plant", Address(epoch(1), 1))
    await journal.append(history.rows)
    other = connect(tmp_path / "journal.db", None)
    assert other.execute("SELECT count(*) FROM cursors").get == 1
    other.close()
    await clock.advance(sqlite.CURSOR_DELAY_S)
    await settled()
    await journal.close()


async def test_a_unit_is_looked_up(journal: SqliteJournal, history: History) -> None:
    """The answer names the address up to which everything was looked through."""
    nothing = UnitSeen(address=None, kind=None, result=None, visits=0, as_of="")
    assert await journal.unit_seen("unit-1", "end") == nothing
    history.unit("unit-1")
    await journal.append(history.rows)
    assert await journal.unit_seen("unit-1", "end") == UnitSeen(
        address=f"{epoch(1)}-2",
        kind="unit_completed",
        result="ok",
        visits=1,
        as_of=f"{epoch(1)}-2",
        done_result="ok",
    )
    history.unit("unit-1", result=Result.NOK)
    await journal.append(history.rows[-1:])
    assert (await journal.unit_seen("unit-1", "begin")).done_result == "nok"


async def test_a_component_is_looked_up(journal: SqliteJournal, history: History) -> None:
    """It is in the unit of its newest installation, and in none after its removal (D-42)."""
    never = ComponentSeen(address=None, unit=None, as_of="")
    assert await journal.component_seen("ecu-1") == never
    for unit in ("unit-1", "unit-2"):
        history.add(ComponentInstalled, position="ecu", component="ecu-1", unit=unit, cycle="c-1")
    await journal.append(history.rows)
    found = await journal.component_seen("ecu-1")
    assert (found.address, found.unit) == (f"{epoch(1)}-3", "unit-2")
    assert (await journal.component_seen("unit-2")).address is None
    await journal.append([history.add(ComponentRemoved, component="ecu-1", unit="unit-2")])
    found = await journal.component_seen("ecu-1")
    assert (found.address, found.unit) == (f"{epoch(1)}-4", None)


async def test_what_is_in_a_parent_is_looked_up(journal: SqliteJournal, history: History) -> None:
    """What was put in and is still there, by the records of each, until it is dissolved (D-9)."""
    box = {"level": "box", "parent": "box-1"}
    for child in ("u-1", "u-2", "u-3"):
        history.add(UnitPacked, **box, child=child, n=1)
    history.add(ParentClosed, **box, children=("u-1", "u-2", "u-3"), how="scan", latest_ms=1)
    history.add(UnitUnpacked, child="u-2", parent="box-1", how="scan")
    history.add(UnitPacked, level="box", parent="box-2", child="u-3", n=1)
    await journal.append(history.rows)
    assert await journal.contents_seen("box-1") == ContentsSeen(children=("u-1",), components=())
    assert (await journal.component_seen("u-3")).unit == "box-2"
    assert (await journal.component_seen("u-2")).unit is None
    nothing = ContentsSeen(children=(), components=())
    assert await journal.contents_seen("box-9") == nothing
    dissolved = history.add(ParentDissolved, parent="box-1", children=("u-1",), how="scan")
    await journal.append([dissolved])
    assert await journal.contents_seen("box-1") == nothing


async def test_the_components_of_a_unit_are_looked_up(
    journal: SqliteJournal, history: History
) -> None:
    """Serials that were built in and not taken out since; of a lot nothing is in a unit alone."""
    used = (
        ComponentUse(position="ecu", candidates=("ecu-1", "ecu-2"), certainty=Certainty.CERTAIN),
        ComponentUse(position="glue", candidates=("lot-1",), certainty=Certainty.CERTAIN),
    )
    history.unit("unit-1", components=used)
    for component in ("ecu-1", "ecu-2"):
        body = {"position": "ecu", "component": component, "unit": "unit-1", "cycle": "c-1"}
        history.add(ComponentInstalled, **body)
    history.add(ComponentRemoved, component="ecu-2", unit="unit-1")
    await journal.append(history.rows)
    found = await journal.contents_seen("unit-1")
    assert found == ContentsSeen(children=(), components=("ecu-1",))


async def test_the_log_is_bounded(
    tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is copied by its own thread, and by the writer itself where that does not keep up."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 50)
    monkeypatch.setattr(writer, "MOST_PAGES", 100)
    journal, _ = await open_journal(tmp_path, STATION, rim())
    history.links(3000)
    for at in range(0, len(history.rows), 10):
        await journal.append(history.rows[at : at + 10])
    assert (tmp_path / "journal.db-wal").stat().st_size < 400 * 4120
    await journal.close()
    assert (tmp_path / "journal.db-wal").stat().st_size == 0


async def test_the_writer_checkpoints_where_the_other_thread_cannot(
    tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no checkpoint beside it the log is bounded all the same."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 10**6)
    monkeypatch.setattr(writer, "MOST_PAGES", 50)
    journal, _ = await open_journal(tmp_path, STATION, inline())
    history.links(1000)
    for at in range(0, len(history.rows), 10):
        await journal.append(history.rows[at : at + 10])
    assert (tmp_path / "journal.db-wal").stat().st_size < 100 * 4120
    await journal.close()


async def test_closing_commits_what_waits(tmp_path: Path, history: History) -> None:
    """What was handed over before the close is durable after it; a second close does nothing."""
    journal, _ = await open_journal(tmp_path, STATION, rim())
    history.links(5)
    done = journal.append(history.rows)
    journal.move_cursor("plant", Address(epoch(1), 1))
    await journal.close()
    await journal.close()
    assert done.done()
    journal, recovery = await open_journal(tmp_path, STATION, rim())
    assert (recovery.last, journal.cursor("plant")) == (history.rows[-1], Address(epoch(1), 1))
    await journal.close()


async def test_a_closed_journal_takes_and_promises_nothing(
    tmp_path: Path, history: History
) -> None:
    """Appends and waits fail in one line; a moved cursor is nobody's any more."""
    journal, _ = await open_journal(tmp_path, STATION, rim())
    waiting = asyncio.create_task(journal.wait_beyond(None))
    await settled()
    await journal.close()
    for attempt in (journal.append(history.rows), waiting, journal.wait_beyond(None)):
        with pytest.raises(JournalError, match="the journal is closed"):
            await attempt
    journal.move_cursor("plant", Address(epoch(1), 1))
    assert journal.trouble == "journal failed"


async def test_short_space_is_told(tmp_path: Path, history: History) -> None:
    """Below the reserve the station is not ready; looked at when opened and each second."""

    class SmallDisk(DiskFiles):
        free = 1 << 40

        def free_bytes(self, directory: Path) -> int:
            del directory
            return self.free

    disk, clock = SmallDisk(), ManualClock()
    journal, _ = await open_journal(
        tmp_path, STATION, rim(clock, files=disk, worker=lambda _: InlineWorker())
    )
    found = []
    for free in (1 << 40, 1, 1 << 40):
        disk.free = free
        await clock.advance(sqlite.LOOK_EVERY_S)
        await settled()
        found.append((journal.trouble, (tmp_path / "ballast").exists()))
    assert found == [(None, True), ("disk full", False), (None, True)]
    await journal.append(history.rows)
    await journal.close()
    disk.free = 1
    (tmp_path / "ballast").unlink()
    journal, _ = await open_journal(tmp_path, STATION, rim(files=disk))
    assert journal.trouble == "disk full"
    await journal.close()


async def test_a_disk_that_cannot_be_asked_ends_the_journal(tmp_path: Path) -> None:
    """A disk that is gone is said at once, not with the next commit."""

    class GoneDisk(DiskFiles):
        is_gone = False

        def free_bytes(self, directory: Path) -> int:
            if self.is_gone:
                raise OSError("no such device")
            return super().free_bytes(directory)

    disk, clock = GoneDisk(), ManualClock()
    journal, _ = await open_journal(tmp_path, STATION, rim(clock, files=disk))
    waiting = asyncio.create_task(journal.wait_beyond(None))
    await settled()
    disk.is_gone = True
    await clock.advance(sqlite.LOOK_EVERY_S)
    with pytest.raises(JournalError, match=rf"^{tmp_path}: no such device; see the disk$"):
        await waiting
    await journal.close()


async def test_a_writer_that_dies_fails_everything(
    tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in the thread ends the journal at once: nothing waits for ever (R06)."""
    journal, _ = await open_journal(tmp_path, STATION, rim())
    history.links(1)

    def die(rows: object, before: int) -> object:
        assert before == -1
        raise RuntimeError(f"bug at {rows!r:.9}")

    monkeypatch.setattr(writer, "consequences", die)
    for attempt in (journal.append(history.rows[:1]), journal.append(history.rows[1:])):
        with pytest.raises(JournalError, match="the journal's thread died: RuntimeError"):
            await attempt
    assert journal.trouble == "journal failed"
    await journal.close()


def test_errors_say_who_has_to_act() -> None:
    """A full disk is a doubtful commit, and both are the journal's."""
    assert issubclass(DiskFullError, DoubtfulCommitError)
    assert issubclass(DoubtfulCommitError, JournalError)
