"""What the events of material leave of what is known, to the last field (D-43, D-44, D-91)."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core import binder, material
from agent.core.events import AgentStarted, ComponentLoaded, Event, EventTime, LotCounted
from agent.core.parts import LONG_AGO, Load, Made, MaterialState
from agent.core.state import State
from agent.core.station import By, Component
from drivers.base import ClockState
from tests.core_rig import FILLER

REEL = Component(position="reel", by=By.LOT, required=False, uncertainty_ms=50, lag_max_ms=200)
ON = Load(position="reel", lot="R1", address="e-1", from_lo_ms=1_000, from_hi_ms=1_100)


def fed(*loads: Load, component: Component = REEL, **more: Any) -> State:  # noqa: ANN401 - fields of MaterialState
    """Return a filler with loads on its reel, in its first boot."""
    state = binder.initial(replace(FILLER, components=(component,)))
    state = replace(state, run=replace(state.run, boot_id="boot-1"))
    return replace(state, material=MaterialState(loads=loads, **more))


def after(state: State, kind: type[Event], boot_id: str = "boot-1", **fields: Any) -> MaterialState:  # noqa: ANN401 - fields
    """Return what is known of material after an event."""
    time = EventTime(
        received_ms=1, offset_min=0, boottime_ms=9, boot_id=boot_id, clock_state=ClockState.SYNCED
    )
    envelope: dict[str, Any] = {
        "epoch": "e",
        "seq": 9,
        "station": "s",
        "config": "c",
        "machine": "m",
        "time": time,
    }
    return material.EVOLVES[kind](state, kind(**envelope, **fields)).material


@pytest.mark.parametrize(("opened_ms", "since_ms"), [(None, 1_000), (400, 400), (9_000, 5_000)])
def test_a_lot_that_is_loaded_again_counts_as_open_since_the_first_time(
    opened_ms: int | None, since_ms: int
) -> None:
    """On the same position alone: another lot's opening says nothing."""
    before = (replace(ON, opened_ms=opened_ms), replace(ON, lot="R2", opened_ms=1))
    loaded: dict[str, Any] = {"position": "reel", "earliest_ms": 5_000, "latest_ms": 5_100}
    found = after(fed(*before), ComponentLoaded, lot="R1", **loaded)
    assert found.loads[-1].opened_ms == since_ms
    fresh = after(fed(*before), ComponentLoaded, lot="R3", **loaded)
    assert fresh.loads[-1] == Load(
        position="reel",
        lot="R3",
        address="e-9",
        from_lo_ms=5_000,
        from_hi_ms=5_100,
        opened_ms=5_000,
    )


@pytest.mark.parametrize(("off_ms", "is_known"), [(None, True), (4_750, True), (4_749, False)])
def test_a_load_is_forgotten_when_no_later_piece_can_be_of_it(
    off_ms: int | None,
    is_known: bool,  # noqa: FBT001 - a table
) -> None:
    """Taken off, with its uncertainty, before the oldest piece that is still under way."""
    load = replace(ON, to_lo_ms=off_ms, to_hi_ms=off_ms)
    counted: dict[str, Any] = {"tag": "count", "n": 1, "first_ms": 4_900, "last_ms": 5_000}
    found = after(fed(load), LotCounted, lot="L", from_count=0, to_count=1, **counted)
    assert found.loads == ((load,) if is_known else ())


def test_in_another_boot_every_moment_was_long_ago() -> None:
    """What was on is on, what was off is off, and what was not told stays so (D-91)."""
    off = replace(ON, to_lo_ms=2_000, to_hi_ms=2_100, opened_ms=900, empty_ms=1_900)
    state = fed(ON, off, made=(Made(n=3, since_ms=1_500),))
    started: dict[str, Any] = {"version": "1"}
    assert after(state, AgentStarted, **started) == state.material
    found = after(state, AgentStarted, "boot-2", **started)
    began = replace(ON, from_lo_ms=LONG_AGO, from_hi_ms=LONG_AGO, opened_ms=LONG_AGO)
    ended = replace(began, to_lo_ms=LONG_AGO, to_hi_ms=LONG_AGO, empty_ms=LONG_AGO)
    assert found.loads == (began, ended)
    assert found.made == (Made(n=3, since_ms=LONG_AGO),)
    assert found.recent == ()
