"""How long events are kept: by age, by quota, by who lacks them; on the whole journal."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agent.journal import retention
from agent.journal.chain import place
from agent.journal.files import DiskFiles
from agent.journal.opening import open_journal
from agent.journal.pruning import STEP_ROWS, Skip
from agent.journal.reader import JournalReader, Query
from agent.journal.retention import Filling, Keep
from agent.journal.sqlite import SqliteJournal
from agent.journal.store import connect
from agent.journal.verify import verify
from agent.ports import Address
from drivers.base import ClockState
from tests.doubles import InlineWorker, ManualClock
from tests.histories import STATION, History, epoch, rim

KEEP_S = 100
YEAR_S = 365 * 86_400
BOTH = {"plant": True, "audit": False}


def keep(sinks: dict[str, bool], *, keep_s: float = KEEP_S, quota: int = 1 << 40) -> Keep:
    """Return how long events are kept."""
    return Keep(keep_s=keep_s, quota_bytes=quota, sinks=sinks)


async def begun(
    directory: Path, clock: ManualClock, kept: Keep, *, links: int = 20
) -> tuple[SqliteJournal, History]:
    """Return a journal with one epoch of so many events, a carried set, and five more."""
    outside = rim(clock, worker=lambda _: InlineWorker(), ballast_bytes=4096, reserve_bytes=4096)
    journal, recovery = await open_journal(directory, STATION, outside, keep=kept)
    history = History.after(recovery)
    history.start(recovery.highest_ordinal + 1)
    history.links(links)
    history.carry(3)
    history.links(5)
    await journal.append(history.rows[: links + 1])
    await journal.append(history.rows[links + 1 : links + 4])
    await journal.append(history.rows[links + 4 :])
    return journal, history


def trouble_of(journal: SqliteJournal) -> str | None:
    """Return why it cannot record now."""
    return journal.trouble


def first_kept(directory: Path) -> int:
    """Return the seq of the oldest row in the database."""
    with JournalReader(directory) as reader:
        row = next(reader.query(Query(limit=1, newest_first=False)))
    return row.seq


def at(seq: int) -> Address:
    """Return an address of the first epoch."""
    return Address(epoch(1), seq)


async def test_what_every_sink_has_and_is_old_goes(tmp_path: Path) -> None:
    """Up to the row before the newest set of carried states, and not before its time."""
    clock = ManualClock()
    journal, history = await begun(tmp_path, clock, keep(BOTH))
    journal.move_cursor("plant", history.rows[-1].address)
    journal.move_cursor("audit", at(9))
    await clock.advance(KEEP_S)
    assert first_kept(tmp_path) == 1
    await clock.advance(60)
    assert (first_kept(tmp_path), journal.first_kept) == (10, at(10))
    journal.move_cursor("audit", history.rows[-1].address)
    await clock.advance(2)
    assert (first_kept(tmp_path), journal.first_kept) == (21, at(21))
    await clock.advance(5 * KEEP_S)
    assert first_kept(tmp_path) == 21
    await journal.close()


async def test_a_pruned_journal_is_whole_and_goes_on(tmp_path: Path) -> None:
    """Proof, recovery, reading and publishing work over the new old end."""
    clock = ManualClock()
    journal, history = await begun(tmp_path, clock, keep({"plant": True}))
    journal.move_cursor("plant", history.rows[-1].address)
    await clock.advance(KEEP_S + 60)
    assert await journal.read(None, 3) == history.rows[20:23]
    await journal.close()
    report = verify(tmp_path)
    assert (report.is_whole, report.oldest, report.rows) == (True, at(21), 9)
    assert report.edge is not None
    assert (report.edge.address, report.edge.hash) == (at(20), history.rows[19].hash)
    assert f"  pruned up to {epoch(1)}-20\n" in report.text()
    journal, recovery = await open_journal(
        tmp_path, STATION, rim(), keep=keep({"plant": True}), is_thorough=True
    )
    assert (recovery.lost, recovery.last) == ((), history.rows[-1])
    assert recovery.fold == tuple(history.rows[21:])
    assert journal.first_kept == at(21)
    assert await journal.read(at(3), 2) == history.rows[20:22]
    await journal.close()


async def test_a_step_is_small_and_the_rest_follows(tmp_path: Path) -> None:
    """More than a step takes several, with pauses; the loop is free in between."""
    clock = ManualClock()
    journal, history = await begun(tmp_path, clock, keep({}), links=3 * STEP_ROWS)
    await clock.advance(KEEP_S + 3 * STEP_ROWS + 60)
    assert history.rows[-1].seq == 3 * STEP_ROWS + 9
    assert first_kept(tmp_path) == 3 * STEP_ROWS + 1
    await journal.close()


async def test_a_sink_that_never_confirmed_lacks_everything(tmp_path: Path) -> None:
    """A new sink starts from the oldest event that is kept."""
    clock = ManualClock()
    journal, _ = await begun(tmp_path, clock, keep({"plant": True}))
    await clock.advance(5 * KEEP_S)
    assert first_kept(tmp_path) == 1
    await journal.close()


async def test_a_sink_that_is_gone_holds_nothing_back(tmp_path: Path) -> None:
    """Its cursor frees its retention; without any sink, age alone counts."""
    clock = ManualClock()
    journal, _ = await begun(tmp_path, clock, keep({"plant": True}))
    journal.move_cursor("plant", at(3))
    await clock.advance(2)
    await journal.close()
    journal, _ = await begun(tmp_path, clock, keep({}))
    await clock.advance(3 * KEEP_S)
    with JournalReader(tmp_path) as reader:
        assert {row.epoch for row in reader.query(Query())} == {epoch(2)}
    await journal.close()
    journal, _ = await open_journal(tmp_path, STATION, rim(clock))
    assert journal.cursor("plant") is None
    await journal.close()


@pytest.mark.parametrize("state", [ClockState.UNSYNCED, ClockState.STEPPED])
async def test_nothing_is_old_by_a_clock_that_is_not_trusted(
    tmp_path: Path, state: ClockState
) -> None:
    """Retention by age waits for the clock (D-91)."""
    clock = ManualClock(clock_state=state)
    journal, _ = await begun(tmp_path, clock, keep({}))
    await clock.advance(2 * KEEP_S)
    assert first_kept(tmp_path) == 1
    clock.clock_state = ClockState.SYNCED
    await clock.advance(2)
    assert first_kept(tmp_path) == 21
    await journal.close()


async def test_a_clock_that_jumps_a_year_prunes_nothing(tmp_path: Path) -> None:
    """Neither in the run that saw it nor after a restart (C02)."""
    clock = ManualClock(boot_ms=0)
    journal, history = await begun(tmp_path, clock, keep({}))
    await clock.advance(2)
    clock.step_wall(YEAR_S)
    await clock.advance(60)
    history.ahead_ms = YEAR_S * 1000
    history.links(1)
    await journal.append(history.rows[-1:])
    await journal.close()
    assert first_kept(tmp_path) == 1
    journal, _ = await begun(tmp_path, clock, keep({}))
    await clock.advance(30)
    assert first_kept(tmp_path) == 1
    await clock.advance(KEEP_S)
    with JournalReader(tmp_path) as reader:
        oldest = next(reader.query(Query(newest_first=False)))
    assert oldest.address != at(1)
    await journal.close()


async def test_what_the_look_up_has_not_taken_stays(tmp_path: Path) -> None:
    """Though every sink has it and it is old: it is asked of the look-up when it is gone here."""
    clock, taken = ManualClock(), list[Address | None]([None])
    kept = replace(keep({"plant": True}), taken=lambda: taken[-1])
    journal, history = await begun(tmp_path, clock, kept)
    journal.move_cursor("plant", history.rows[-1].address)
    await clock.advance(2 * KEEP_S)
    assert first_kept(tmp_path) == 1
    taken.append(at(9))
    await clock.advance(2)
    assert first_kept(tmp_path) == 10
    assert journal.aged_ms is not None
    assert 0 <= clock.now().wall_ms - journal.aged_ms <= 1000 * retention.LOOK_EVERY_S
    await journal.close()


async def test_beyond_its_share_of_the_quota_the_oldest_goes(tmp_path: Path) -> None:
    """However young: what is left of the quota is for outages."""
    clock = ManualClock()
    quota = 300 << 10
    kept = keep({"plant": True}, quota=quota)
    journal, history = await begun(tmp_path, clock, kept, links=600)
    journal.move_cursor("plant", history.rows[-1].address)
    await clock.advance(60)
    assert first_kept(tmp_path) > 100
    assert journal.filling.share <= retention.KEPT
    assert (journal.filling.level, journal.trouble) == (0, None)
    assert verify(tmp_path).is_whole
    await journal.close()


async def test_what_a_required_sink_lacks_is_never_pruned(tmp_path: Path) -> None:
    """The station is told at 70 and 85 % and holds at 95 %, until the sink is back (E08)."""
    clock, told = ManualClock(), list[float]()
    kept = keep({"plant": True, "audit": False}, quota=600 << 10)
    journal, history = await begun(tmp_path, clock, kept, links=10)
    journal.move_cursor("audit", history.rows[-1].address)
    while not journal.filling.is_full:
        history.links(20)
        await journal.append(history.rows[-20:])
        journal.move_cursor("audit", history.rows[-1].address)
        await clock.advance(1)
        if not told or told[-1] != journal.filling.level:
            told.append(journal.filling.level)
    assert told == [0, *retention.LEVELS]
    assert journal.trouble == "journal quota used up"
    assert journal.filling.held_by == ("plant",)
    assert journal.filling.skips == ()
    assert first_kept(tmp_path) == 1
    rows = history.carry(2)
    await journal.append(rows)
    journal.move_cursor("plant", history.rows[-1].address)
    await clock.advance(60)
    assert journal.filling == Filling(share=journal.filling.share)
    assert trouble_of(journal) is None
    assert journal.filling.share <= retention.KEPT
    assert verify(tmp_path).is_whole
    await journal.close()


async def test_an_optional_sink_loses_to_the_quota_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the event, then with it the cursor, then the rows: never silently (D-142)."""
    monkeypatch.setattr(retention, "SKIP_ROWS", 300)
    clock = ManualClock()
    journal, history = await begun(tmp_path, clock, keep(BOTH, quota=500 << 10), links=1000)
    history.carry(2)
    await journal.append(history.rows[-2:])
    journal.move_cursor("plant", history.rows[-1].address)
    journal.move_cursor("audit", at(50))
    await clock.advance(2)
    (skip,) = journal.filling.skips
    assert skip == Skip("audit", at(51), at(350), 300)
    assert first_kept(tmp_path) == 51
    for _ in range(9):
        if journal.filling.skips:
            (skip,) = journal.filling.skips
            await journal.append([history.skip(skip.sink, skip.first, skip.last, skip.n)])
            assert journal.cursor("audit") == skip.last
            journal.move_cursor("audit", at(60))  # a late confirmation of what was given up
            assert journal.cursor("audit") == skip.last
        await clock.advance(2)
    assert journal.filling.skips == ()
    assert journal.filling.share < retention.SKIP
    assert first_kept(tmp_path) == skip.last.seq + 1
    assert verify(tmp_path).is_whole
    await journal.close()
    journal, _ = await open_journal(tmp_path, STATION, rim(clock))
    assert journal.cursor("audit") == skip.last
    await journal.close()


async def test_an_optional_sink_that_is_not_in_the_way_loses_nothing(tmp_path: Path) -> None:
    """What a required sink lacks as well is kept anyway; nor is there a range where all rotted."""
    clock = ManualClock()
    journal, history = await begun(tmp_path, clock, keep(BOTH, quota=300 << 10), links=600)
    journal.move_cursor("plant", at(40))
    journal.move_cursor("audit", at(40))
    await clock.advance(2)
    assert journal.filling.is_full
    assert (len(journal.filling.skips), journal.filling.held_by) == (0, ("audit", "plant"))
    journal.move_cursor("plant", at(41))
    await clock.advance(2)
    assert list(journal.filling.skips) == [Skip("audit", at(41), at(41), 1)]
    connection = connect(tmp_path / "journal.db", None)
    connection.execute("UPDATE events SET body = x'00' WHERE place = ?", (place(at(41)),))
    connection.close()
    await clock.advance(2)
    assert not journal.filling.skips
    assert history.rows[40].address == at(41)
    await journal.close()


async def test_a_disk_without_space_costs_what_all_have(tmp_path: Path) -> None:
    """Whatever may go goes, free pages are given back, and optional sinks lose (S4, P11)."""
    clock = ManualClock()
    full = ShortDisk()
    outside = rim(clock, files=full, worker=lambda _: InlineWorker(), ballast_bytes=4096)
    journal, _ = await open_journal(tmp_path, STATION, outside, keep=keep(BOTH))
    history = History()
    history.start(1)
    history.links(500)
    history.carry(1)
    await journal.append(history.rows)
    journal.move_cursor("plant", history.rows[-1].address)
    journal.move_cursor("audit", at(400))
    await clock.advance(2)
    assert (journal.trouble, first_kept(tmp_path)) == (None, 1)
    full.free = 0
    await clock.advance(60)
    assert (journal.trouble, first_kept(tmp_path)) == ("disk full", 401)
    assert journal.filling.skips == (Skip("audit", at(401), at(500), 100),)
    await journal.close()
    assert (tmp_path / "journal.db").stat().st_size < 200 * 500
    assert verify(tmp_path).is_whole


class ShortDisk(DiskFiles):
    """A disk whose free space the test sets."""

    free = 1 << 40

    def free_bytes(self, directory: Path) -> int:
        """Return what the test says."""
        del directory
        return self.free


async def test_nothing_goes_before_this_run_has_carried_its_state(tmp_path: Path) -> None:
    """Recovery folds from the newest set, and only this run knows where that is."""
    clock = ManualClock()
    journal, _ = await open_journal(
        tmp_path, STATION, rim(clock, worker=lambda _: InlineWorker()), keep=keep({})
    )
    history = History()
    history.start(1)
    history.links(5)
    await journal.append(history.rows)
    await clock.advance(5 * KEEP_S)
    assert first_kept(tmp_path) == 1
    assert journal.filling == Filling()
    await journal.close()


async def test_appends_and_steps_take_turns(tmp_path: Path) -> None:
    """Under a load that never ends, pruning goes on and nothing is missing."""
    clock = ManualClock()
    outside = rim(clock)
    journal, _ = await open_journal(tmp_path, STATION, outside, keep=keep({}, keep_s=1))
    history = History()
    history.start(1)
    history.links(400)
    history.carry(2)
    await journal.append(history.rows)
    done = len(history.rows)
    await clock.advance(7200)
    while first_kept(tmp_path) == 1:
        history.links(10)
        await asyncio.gather(*(journal.append([row]) for row in history.rows[done:]))
        done = len(history.rows)
        await clock.advance(1)
    await journal.close()
    report = verify(tmp_path)
    assert report.is_whole
    assert report.oldest is not None
    assert report.rows == done - report.oldest.seq + 1
    assert place(report.oldest) <= place(at(401))


async def test_free_pages_alone_can_be_given_back(tmp_path: Path) -> None:
    """A step without rows is no reason for another."""
    journal, _ = await begun(tmp_path, ManualClock(), keep({}))
    assert not await journal.prune(None, 5)
    assert not await journal.prune(-1, 0)
    assert first_kept(tmp_path) == 1
    await journal.close()
