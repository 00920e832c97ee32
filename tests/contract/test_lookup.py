"""Laws for whoever answers the core's questions: the journal alone, and the look-up beside it.

Both hear the same random events, and a plain model says what is true of them.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import orjson
import pytest

from agent.core.events import ComponentInstalled, ComponentRemoved, Result
from agent.journal.opening import open_journal
from agent.journal.sqlite import SqliteJournal
from agent.ports import Address, Row, TraceLookup
from agent.trace.knowledge import StationLookup
from agent.trace.lookup import LookupStore
from tests.doubles import InlineWorker, ManualClock
from tests.histories import STATION, History, rim

Opened = AbstractAsyncContextManager[tuple[SqliteJournal, TraceLookup, ManualClock]]
UNITS = [f"SN-{number}" for number in range(5)]
COMPONENTS = [f"ECU-{number}" for number in range(3)]


@asynccontextmanager
async def journal_alone(
    directory: Path,
) -> AsyncIterator[tuple[SqliteJournal, TraceLookup, ManualClock]]:
    """Open a journal that answers by itself."""
    clock = ManualClock()
    outside = rim(clock, worker=lambda _: InlineWorker(), ballast_bytes=4096, reserve_bytes=4096)
    journal, _ = await open_journal(directory / "journal", STATION, outside)
    try:
        yield journal, journal, clock
    finally:
        await journal.close()


@asynccontextmanager
async def with_look_up(
    directory: Path,
) -> AsyncIterator[tuple[SqliteJournal, TraceLookup, ManualClock]]:
    """Open a journal with a look-up beside it."""
    async with journal_alone(directory) as (journal, _, clock):
        store = LookupStore(
            directory,
            STATION,
            worker=lambda _: InlineWorker(),
            clock=clock,
            keep_s=1e6,
            tell=lambda *_, **__: None,
        )
        feed = asyncio.create_task(store.feed(journal, None))
        try:
            yield journal, StationLookup(store, {STATION: store}, (), journal), clock
        finally:
            feed.cancel()
            await asyncio.gather(feed, return_exceptions=True)
            await store.close()


SOURCES = [journal_alone, with_look_up]


def random_rows(seed: int) -> tuple[list[Row], History]:
    """Return a history of units and components over three epochs."""
    chance, history = random.Random(seed), History()  # noqa: S311 - a test
    for number in (1, 2, 3):
        history.start(number)
        for _ in range(chance.randrange(30)):
            what = chance.randrange(4)
            component = chance.choice(COMPONENTS)
            if what == 0:
                history.links(1)
            elif what == 1:
                result = chance.choice((Result.OK, Result.NOK))
                handshake = chance.choice(("begin", "end"))
                history.unit(chance.choice(UNITS), handshake=handshake, result=result)
            elif what == 2:
                history.add(
                    ComponentInstalled,
                    position="ecu",
                    component=component,
                    unit=chance.choice(UNITS),
                    cycle="c-1",
                )
            else:
                history.add(ComponentRemoved, component=component)
    return history.rows, history


@pytest.mark.parametrize("opened", SOURCES)
@pytest.mark.parametrize("seed", range(4))
async def test_it_says_what_the_events_say(
    tmp_path: Path, opened: Callable[[Path], Opened], seed: int
) -> None:
    """Newest event of the handshake, number of visits, and the unit that a component is in."""
    rows, _ = random_rows(seed)
    async with opened(tmp_path) as (journal, lookup, _clock):
        for row in rows:
            await journal.append([row])
        await lookup.reach(rows[-1].address)
        for unit in (*UNITS, "SN-9"):
            mine = [row for row in rows if row.kind == "unit_completed" and row.unit == unit]
            for handshake in ("begin", "end"):
                word = f'"handshake":"{handshake}"'.encode()
                newest = [row for row in mine if word in row.body][-1:]
                seen = await lookup.unit_seen(unit, handshake)
                assert seen.visits == len(mine)
                done = orjson.loads(mine[-1].body)["result"] if mine else None
                assert seen.done_result == done
                assert seen.address == (str(newest[0].address) if newest else None)
                assert seen.as_of == str(rows[-1].address)
        for component in COMPONENTS:
            kinds = ("component_installed", "component_removed")
            moves = [row for row in rows if row.kind in kinds and row.unit == component]
            found = await lookup.component_seen(component)
            assert found.address == (str(moves[-1].address) if moves else None)
            is_in = bool(moves) and moves[-1].kind == "component_installed"
            assert (found.unit is not None) == is_in


@pytest.mark.parametrize("opened", SOURCES)
async def test_it_is_reached_when_an_event_is_durable(
    tmp_path: Path, opened: Callable[[Path], Opened]
) -> None:
    """Who waits for an event has it as soon as it is known, and answers cover it from then on."""
    history = History()
    history.start(1)
    history.unit("SN-1")
    async with opened(tmp_path) as (journal, lookup, clock):
        await journal.append(history.rows[:1])
        waiting = asyncio.create_task(lookup.reach(Address(history.rows[1].epoch, 2)))
        await clock.advance(1)
        assert not waiting.done()
        await journal.append(history.rows[1:])
        async with asyncio.timeout(60):
            await waiting
        assert (await lookup.unit_seen("SN-1", "end")).visits == 1


@pytest.mark.parametrize("opened", SOURCES)
async def test_a_station_alone_asks_nobody(
    tmp_path: Path, opened: Callable[[Path], Opened]
) -> None:
    """Without stations around, an answer holds, and nothing is blocked by others."""
    async with opened(tmp_path) as (_journal, lookup, clock):
        await clock.advance(1)
        seen = await lookup.unit_seen("SN-1", "end")
        assert lookup.is_current(seen)
        assert lookup.blocked(("L-1",)) == ()
        assert seen.previous == ()
        inside = await lookup.contents_seen("BOX-1")
        assert (inside.children, inside.components) == ((), ())
        assert await lookup.event_seen(Address("000001-aa", 1)) is None
