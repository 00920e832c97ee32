"""Whether all is known of a neighbour: each doubt, and what is of no matter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.trace.account import Extent, Hole
from agent.trace.claims import Range
from agent.trace.neighbour import Doubt, Seen, judge
from drivers.base import ClockState
from tests.doubles import MORNING_MS, ManualClock

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
