"""A station's look-up: fed by a cursor, asked up to the newest event, and never in the way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.core.events import LotBlocked
from agent.ports import Address, StoreError
from agent.trace.facts_file import ASIDE
from agent.trace.lookup import (
    BATCH_ROWS,
    COMMIT_EVERY_S,
    FILE,
    FORGET_EVERY_S,
    LINGER_S,
    TRY_AGAIN_S,
    LookupStore,
)
from tests.doubles import MORNING_MS, InlineWorker, ManualClock, MemoryJournal, settled
from tests.histories import STATION, History, epoch

KEEP_S = 100.0


@dataclass
class Bench:
    """A look-up with its journal and clock."""

    directory: Path
    clock: ManualClock = field(default_factory=ManualClock)
    told: list[str] = field(default_factory=list)
    history: History = field(default_factory=History)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    sent: int = 0

    def store(self) -> LookupStore:
        """Return a look-up that nothing feeds yet."""
        return LookupStore(
            self.directory,
            STATION,
            worker=lambda _: InlineWorker(),
            clock=self.clock,
            keep_s=KEEP_S,
            tell=lambda event, **_: self.told.append(event),
        )

    async def send(self) -> None:
        """Let the journal have what was added to the history."""
        await self.journal.append(self.history.rows[self.sent :])
        self.sent = len(self.history.rows)
        await settled()

    async def visits(self, store: LookupStore, unit: str) -> int:
        """Return how many visits of a unit are known."""
        return len((await store.known({unit})).history.stays)

    @asynccontextmanager
    async def fed(self, before: Address | None = None) -> AsyncIterator[LookupStore]:
        """Feed a look-up for as long as the test is in here."""
        store = self.store()
        feed = asyncio.create_task(store.feed(self.journal, before))
        await settled()
        try:
            yield store
        finally:
            feed.cancel()
            await asyncio.gather(feed, return_exceptions=True)
            await store.close()


@pytest.fixture
def line(tmp_path: Path) -> Bench:
    """Return a look-up whose journal has one epoch with one unit."""
    bench = Bench(tmp_path)
    bench.history.start(1)
    bench.history.unit("SN-1")
    return bench


async def test_events_gather_before_they_are_taken(line: Bench) -> None:
    """Who asks for the newest has them at once; else they are taken together, a moment later."""
    async with line.fed() as store:
        await line.send()
        assert await line.visits(store, "SN-1") == 0
        await line.clock.advance(LINGER_S)
        assert await line.visits(store, "SN-1") == 1
        line.history.unit("SN-1", visit=2)
        await line.send()
        await store.reach()
        known = await store.known({"SN-1"})
        assert (len(known.history.stays), known.as_of, known.since) == (2, f"{epoch(1)}-3", "")
        assert store.version == 2


async def test_what_is_not_durable_yet_is_waited_for(line: Bench) -> None:
    """`reach` returns when the event that it names is known, and not before."""
    async with line.fed() as store:
        await line.send()
        waiting = asyncio.create_task(store.reach(Address(epoch(1), 3)))
        await line.clock.advance(1)
        assert not waiting.done()
        line.history.unit("SN-2")
        await line.send()
        async with asyncio.timeout(60):
            await waiting
        assert await line.visits(store, "SN-2") == 1


async def test_it_is_committed_now_and_then_and_the_journal_keeps_the_rest(line: Bench) -> None:
    """`taken` is what a power cut leaves: the journal must not forget more (law 2)."""
    async with line.fed() as store:
        await line.send()
        await store.reach()
        first = store.taken
        line.history.unit("SN-2")
        await line.send()
        await store.reach()
        assert store.taken == first == Address(epoch(1), 2)
        await line.clock.advance(COMMIT_EVERY_S)
        assert store.taken == Address(epoch(1), 3)


async def test_a_run_goes_on_where_the_last_one_ended(line: Bench) -> None:
    """A kill between two commits costs nothing: the cursor is in the file."""
    async with line.fed() as store:
        await line.send()
        await store.reach()
        assert await line.visits(store, "SN-1") == 1
    line.history.start(2)
    line.history.unit("SN-1", visit=2)
    async with line.fed(Address(epoch(1), 2)) as store:
        await line.send()
        await store.reach()
        assert await line.visits(store, "SN-1") == 2
    assert line.told == []


async def test_many_events_are_caught_up_with_in_batches(line: Bench) -> None:
    """A look-up that was away takes what it missed without waiting between batches."""
    for number in range(2 * BATCH_ROWS):
        line.history.unit(f"SN-{number}")
    await line.send()
    async with line.fed() as store:
        await store.reach()
        assert await line.visits(store, "SN-999") == 1


async def test_a_deleted_file_is_filled_anew_and_says_from_where_on(line: Bench) -> None:
    """What the journal has forgotten by then is not known: knowledge begins with its oldest row."""
    line.history.unit("SN-2")
    async with line.fed() as store:
        await line.send()
        await store.reach()
    (line.directory / FILE).unlink()
    del line.journal.rows[:2]
    async with line.fed(Address(epoch(1), 3)) as store:
        await store.reach()
        known = await store.known({"SN-2"})
        assert (len(known.history.stays), known.since) == (1, f"{epoch(1)}-3")
        assert await line.visits(store, "SN-1") == 0
    assert line.told == ["lookup_begins"]


async def test_a_damaged_file_is_set_aside_and_filled_anew(line: Bench) -> None:
    """Damage is told, kept to be looked at, and costs no more than what the journal forgot."""
    (line.directory / FILE).write_bytes(b"rotten" * 1000)
    async with line.fed() as store:
        await line.send()
        await store.reach()
        assert await line.visits(store, "SN-1") == 1
    assert line.told == ["lookup_damaged"]
    assert (line.directory / (FILE + ASIDE)).exists()


async def test_damage_that_a_question_meets_is_dealt_with(line: Bench) -> None:
    """Who asked gets no answer; the next one is asked of the new file."""
    async with line.fed() as store:
        await line.send()
        await store.reach()
        await line.clock.advance(COMMIT_EVERY_S)
        with (line.directory / FILE).open("r+b") as file:
            file.truncate(4096)
        with pytest.raises(StoreError):
            await store.known({"SN-1"})
        await settled()
        await line.clock.advance(2 * TRY_AGAIN_S)
        await store.reach()
        assert await line.visits(store, "SN-1") == 1


async def test_one_that_cannot_be_used_says_so_and_is_tried_again(tmp_path: Path) -> None:
    """A missing directory: told once, every question is refused at once, then all is caught up."""
    line = Bench(tmp_path / "later")
    line.history.start(1)
    line.history.unit("SN-1")
    async with line.fed() as store:
        await line.send()
        for ask in (store.reach(), store.known({"SN-1"}), store.component("ECU-1")):
            with pytest.raises(StoreError):
                await ask
        await line.clock.advance(TRY_AGAIN_S)
        assert line.told == ["lookup_failed"]
        assert (store.taken, store.blocked) == (None, frozenset())
        line.directory.mkdir()
        await line.clock.advance(TRY_AGAIN_S)
        assert line.told == ["lookup_failed", "lookup_works"]
        await store.reach()
        assert await line.visits(store, "SN-1") == 1


async def test_a_question_before_it_is_open_waits(line: Bench) -> None:
    """A scan may come before the file is open: it is answered once it is."""
    store = line.store()
    asked = asyncio.create_task(store.known({"SN-1"}))
    await settled()
    assert not asked.done()
    feed = asyncio.create_task(store.feed(line.journal, None))
    async with asyncio.timeout(60):
        assert (await asked).as_of == ""
    feed.cancel()
    await asyncio.gather(feed, return_exceptions=True)
    await store.close()


async def test_one_that_nothing_feeds_cannot_be_reached(line: Bench) -> None:
    """A station that does not run says so at once: what it has is not up to date."""
    async with line.fed() as store:
        await line.send()
        waiting = asyncio.create_task(store.reach(Address(epoch(9), 1)))
        await settled()
    with pytest.raises(StoreError):
        await waiting
    with pytest.raises(StoreError):
        await store.reach()


async def test_old_visits_are_forgotten_by_the_clock_of_the_journal(line: Bench) -> None:
    """By the time that ages are counted by, and only while that is known (FAULTS C02)."""
    async with line.fed() as store:
        await line.send()
        await line.clock.advance(FORGET_EVERY_S + COMMIT_EVERY_S)
        assert await line.visits(store, "SN-1") == 1
        line.journal.aged_ms = MORNING_MS + 2 * round(KEEP_S * 1000)
        line.history.unit("SN-2")
        await line.send()
        await line.clock.advance(1)
        assert await line.visits(store, "SN-1") == 0


async def test_what_is_blocked_is_at_hand(line: Bench) -> None:
    """Blocks are few: they are asked without a look into the file."""
    async with line.fed() as store:
        line.history.add(LotBlocked, lot="L-1", source="scan")
        await line.send()
        await store.reach()
        assert store.blocked == {"L-1"}


async def test_a_close_that_cannot_commit_closes(line: Bench) -> None:
    """What could not be committed is taken again by the next run."""
    async with line.fed() as store:
        await line.send()
        await store.reach()
        await line.clock.advance(COMMIT_EVERY_S)
        line.history.unit("SN-2")
        await line.send()
        await store.reach()
        breaking: Callable[[], None] = store._store.close  # type: ignore[union-attr]  # noqa: SLF001 - as a disk that fails
        breaking()
    async with line.fed(Address(epoch(1), 3)) as store:
        await store.reach()
        assert await line.visits(store, "SN-2") == 1
