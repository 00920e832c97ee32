"""Whether all is known of a neighbour: each doubt, and what is of no matter."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agent.core.events import Result
from agent.trace.account import Extent, Hole
from agent.trace.claims import Range
from agent.trace.lookup import Known
from agent.trace.neighbour import Condition, Doubt, Manner, Neighbour, Seen, judge
from agent.trace.neighbour_keep import NeighbourKeep
from drivers.base import ClockState
from tests.doubles import MORNING_MS, InlineWorker, ManualClock, settled
from tests.histories import STATION, History
from tests.unit.trace.test_neighbour_keep import LATER_MS, keep_in, messages

DAY_S = 86_400.0
NOW = ManualClock().now()
EPOCH = "000001-00000001"
WHOLE = Extent(
    as_of=f"{EPOCH}-9",
    since="",
    since_ms=None,
    holes=(),
    behind=False,
    twins=(),
    is_filtered=False,
)
SEEN = Seen(is_connected=True, store_error=None, online=True, extent=WHOLE)


def hole(until_ms: int | None) -> Hole:
    """Return two events that lack."""
    return Hole(Range(EPOCH, 3, 4), until_ms)


def having(**changes: object) -> Seen:
    """Return a neighbour of which something is otherwise than it should be."""
    return replace(SEEN, extent=replace(WHOLE, **changes))  # type: ignore[arg-type]  # by name


YOUNG, OLD = MORNING_MS - 1000, MORNING_MS - round(2 * DAY_S * 1000)


@pytest.mark.parametrize(
    ("seen", "doubt"),
    [
        (SEEN, None),
        (replace(SEEN, store_error="no room", is_connected=False), Doubt.STORE),
        (replace(SEEN, is_connected=False, online=False), Doubt.BROKER_AWAY),
        (replace(SEEN, online=None), Doubt.NOT_HEARD),
        (replace(SEEN, extent=None), Doubt.NOT_HEARD),
        (replace(SEEN, online=False), Doubt.OFFLINE),
        (having(is_filtered=True), Doubt.FILTERED),
        (having(twins=(hole(YOUNG),)), Doubt.TWIN),
        (having(twins=(hole(OLD),)), None),
        (having(holes=(hole(None),), behind=True), Doubt.BEHIND),
        (having(holes=(hole(OLD), hole(YOUNG))), Doubt.EVENTS_LACK),
        (having(holes=(hole(OLD),)), None),
    ],
)
def test_what_may_not_be_all_is_a_doubt(seen: Seen, doubt: Doubt | None) -> None:
    """Each in its own words; a hole that is older than a unit can be under way is none."""
    found = judge(seen, DAY_S, NOW)
    assert (found.doubt, bool(found.says)) == (doubt, doubt is not None)


def test_a_clock_that_is_not_set_makes_no_hole_old() -> None:
    """Nobody knows how old it is: it counts (D-90)."""
    unset = replace(NOW, clock_state=ClockState.UNSYNCED)
    found = judge(having(holes=(hole(OLD),), since="x", since_ms=OLD), DAY_S, unset)
    assert (found.doubt, found.reaches_back) == (Doubt.EVENTS_LACK, False)
    assert found.says == f"2 events lack, the first at {EPOCH}-3…4"


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (SEEN, "was not there"),
        (having(as_of=""), "unknown"),
        (having(since="x", since_ms=YOUNG), "unknown"),
        (having(since="x", since_ms=OLD), "was not there"),
    ],
)
def test_how_far_back_it_is_known_decides_who_was_not_there(seen: Seen, found: str) -> None:
    """From the station's first event on, or further than a unit can be under way."""
    reaches_back = judge(seen, DAY_S, NOW).reaches_back
    assert ("was not there" if reaches_back else "unknown") == found


LINGER_S = 0.3
WELL = Condition(doubt=None, as_of="x-1", reaches_back=True)


@dataclass
class Far:
    """A saw that is followed, and what of it has come."""

    keep: NeighbourKeep
    clock: ManualClock = field(default_factory=ManualClock)
    history: History = field(default_factory=History)

    def __post_init__(self) -> None:
        manner = Manner(within_s=DAY_S, linger_s=LINGER_S, clock=self.clock, worker=InlineWorker())
        self.saw = Neighbour(STATION, self.keep, manner, is_before=True)
        self.beside = Neighbour(STATION, self.keep, manner, is_before=False)
        self.saw.see(WELL)
        self.history.start(1)

    def come(self, unit: str, result: Result = Result.OK) -> None:
        """Let a unit's event come."""
        row = self.history.unit(unit, result=result)
        self.keep.take(messages(row), LATER_MS)
        self.saw.see(self.saw.condition)

    def ask(self) -> asyncio.Task[Known]:
        """Begin to ask for a unit."""
        return asyncio.ensure_future(self.saw.known(frozenset({"SN-1"}), "SN-1"))


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    """Return a saw of its own for each test."""
    keep = keep_in(tmp_path)
    yield Far(keep)
    keep.close()


def said(known: Known) -> tuple[list[str | None], bool]:
    """Return the results of a unit's visits, and whether that is all."""
    return [stay.result for stay in known.history.stays], known.is_whole


async def test_a_unit_that_is_ok_is_answered_at_once(far: Far) -> None:
    """Nothing that may be on its way would make it better."""
    far.come("SN-1")
    asked = far.ask()
    await settled()
    assert said(asked.result()) == (["ok"], True)


@pytest.mark.parametrize("before", [[], [Result.NOK]])
async def test_a_unit_that_is_not_ok_is_looked_for_again(far: Far, before: list[Result]) -> None:
    """Its event may be on its way: it is waited for a moment, and no longer."""
    for result in before:
        far.come("SN-1", result)
    first, came = far.ask(), far.ask()
    await far.clock.advance(LINGER_S / 2)
    assert not first.done()
    far.come("SN-2")
    await settled()
    assert not first.done()
    far.come("SN-1")
    await settled()
    assert said(came.result()) == ([*before, "ok"], True)
    assert first.done()
    never = asyncio.ensure_future(far.saw.known({"SN-9"}))
    await far.clock.advance(LINGER_S)
    assert said(never.result()) == ([], True)


async def test_what_reaches_not_far_enough_back_is_not_all(far: Far) -> None:
    """A unit that is not found may have been there before; one that is found was."""
    far.saw.see(replace(WELL, reaches_back=False))
    far.come("SN-2")
    asked = far.ask()
    await far.clock.advance(LINGER_S)
    assert said(asked.result()) == ([], False)
    assert said(await far.saw.known({"SN-2"})) == (["ok"], True)


async def test_in_doubt_it_is_answered_at_once_and_is_not_all(far: Far) -> None:
    """Neither is what is found then; a doubt that comes while it is read counts too."""
    far.come("SN-1")
    far.saw.see(replace(WELL, doubt=Doubt.OFFLINE))
    asked = far.ask()
    await settled()
    assert said(asked.result()) == (["ok"], False)


async def test_a_doubt_that_comes_while_it_is_waited_counts(far: Far) -> None:
    """What was all a moment ago is not all any more, and nothing is waited for then."""
    asked = far.ask()
    await settled()
    far.saw.see(replace(WELL, doubt=Doubt.OFFLINE))
    await settled()
    assert said(asked.result()) == ([], False)


async def test_what_is_behind_is_waited_for(far: Far) -> None:
    """Until it has come, but no longer than a moment; a broker that is away is not waited for."""
    far.saw.see(replace(WELL, doubt=Doubt.BEHIND))
    here, late = asyncio.ensure_future(far.saw.reach()), asyncio.ensure_future(far.saw.reach())
    await settled()
    assert not here.done()
    far.saw.see(WELL)
    await settled()
    assert here.done()
    assert late.done()
    far.saw.see(replace(WELL, doubt=Doubt.NOT_HEARD))
    late = asyncio.ensure_future(far.saw.reach())
    await far.clock.advance(LINGER_S)
    assert late.done()
    far.saw.see(replace(WELL, doubt=Doubt.BROKER_AWAY))
    await far.saw.reach()


async def test_no_unit_waits_for_a_station_that_need_not_come_before(far: Far) -> None:
    """What it has against a unit counts as far as it is known; most units were never there."""
    far.beside.see(replace(WELL, doubt=Doubt.BEHIND))
    await far.beside.reach()
    far.beside.see(WELL)
    assert said(await far.beside.known({"SN-1"})) == ([], True)


async def test_all_that_may_change_an_answer_changes_the_version(far: Far) -> None:
    """News of a unit, a doubt, its end; not the same again."""
    versions = [far.saw.version]
    far.come("SN-1")
    versions.append(far.saw.version)
    far.saw.see(replace(WELL, doubt=Doubt.OFFLINE, as_of="x-2"))
    versions.append(far.saw.version)
    far.saw.see(WELL)
    versions.append(far.saw.version)
    assert versions == sorted(set(versions))
    far.saw.see(replace(WELL, as_of="x-3"))
    assert far.saw.version == versions[-1]
