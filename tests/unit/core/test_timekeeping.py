"""Whether the clocks of devices go with ours (C08, U08)."""

from dataclasses import replace

import pytest

from agent.core import binder
from agent.core.events import FaultCleared, FaultRaised, UnitCompleted
from agent.core.state import Astray, Health, NotReady
from agent.core.station import Station, Watch
from agent.core.timekeeping import HINT
from drivers.base import ClockState, Quality, TagValue, ValuesSeen
from tests.core_rig import MORNING_MS, PRESS, Rig
from tests.whole import whole

HOUR_MS = 3_600_000
NARROW = replace(PRESS, watches=(Watch(device="plc", clock_within_ms=2_000),))


class Stamped:
    """A station whose PLC stamps what it shows."""

    def __init__(self, station: Station = PRESS, *, state: ClockState = ClockState.SYNCED) -> None:
        self.rig = Rig(station)
        self.rig.up()
        self.rig.answer()
        self.force = 1.5
        self.state = state
        self.see(self.force)

    def see(
        self,
        force: float | None,
        off_ms: int | None = 0,
        *,
        ahead_ms: int | None = None,
        quality: Quality = Quality.GOOD,
    ) -> None:
        """Let the PLC show a force, stamped so far from when it was seen."""
        rig = self.rig
        rig.ms += 10
        now = replace(rig.now, clock_state=self.state)
        value = TagValue(
            tag="force",
            value=force,
            quality=quality,
            source_ms=None if off_ms is None else MORNING_MS + rig.ms + off_ms,
            ahead_ms=ahead_ms,
        )
        seen = ValuesSeen(
            id=f"f-{rig.ms}",
            device="plc",
            earliest_ms=rig.ms - 10,
            latest_ms=rig.ms,
            received=now,
            values=(value,),
        )
        decision = binder.decide(rig.state, rig.working, seen, now)
        rig.events += decision.events
        rig.state = rig.durable = decision.state
        rig.working = decision.working

    def change(self, off_ms: int | None = 0, *, ahead_ms: int | None = None) -> None:
        """Let the force change."""
        self.force += 1
        self.see(self.force, off_ms, ahead_ms=ahead_ms)

    def faults(self) -> list[str]:
        """Return what was raised and cleared, in order."""
        kinds = {FaultRaised: "raised", FaultCleared: "cleared"}
        return [kinds[type(one)] for one in self.rig.events if type(one) in kinds]


def test_a_clock_that_is_behind_is_told_whole_and_once() -> None:
    """By which value, by how much, what is allowed and what to do; its device stays of use."""
    plc = Stamped()
    plc.change(-HOUR_MS)
    plc.change(-HOUR_MS)
    assert [whole(event) for event in plc.rig.of(FaultRaised)] == [
        {
            "source": "plc:clock",
            "cause": "'force' changed with a time 3599.990 s behind ours; 300.000 s are allowed",
            "hint": HINT,
        }
    ]
    health = Health(now_ms=plc.rig.ms)
    assert binder.readiness(plc.rig.durable, plc.rig.working, health) is NotReady.READY
    assert plc.rig.working.clocks == {
        "plc": Astray(tag="force", off_ms=-HOUR_MS + 10, at_ms=plc.rig.ms)
    }


def test_a_clock_that_is_ahead_is_told_although_its_time_is_none() -> None:
    """What is ahead of ours is no time (D-92), so how far it was stands beside the value."""
    plc = Stamped()
    plc.see(1.5, None, ahead_ms=HOUR_MS)
    (fault,) = plc.rig.of(FaultRaised)
    assert (
        fault.cause == "'force' changed with a time 3600.000 s ahead of ours; 300.000 s are allowed"
    )


@pytest.mark.parametrize(
    ("off_ms", "is_told"),
    [(-2_010, False), (-2_011, True), (0, False), (-10, False), (2_000, False), (2_001, True)],
)
def test_a_time_is_right_between_the_two_moments_of_its_change(
    off_ms: int, *, is_told: bool
) -> None:
    """It changed after the poll before and until this one; on each side a bit is allowed."""
    plc = Stamped(NARROW)
    plc.change(off_ms)
    assert plc.faults() == ["raised"] * is_told


def test_an_old_time_on_a_value_that_did_not_change_is_right() -> None:
    """It says since when the value stands (D-94): at a new link, and when it is read again."""
    plc = Stamped()
    plc.see(plc.force, -HOUR_MS)
    plc.rig.link("plc", up=False)
    plc.rig.link("plc", up=True)
    plc.rig.answer()
    plc.see(plc.force, -HOUR_MS)
    assert plc.faults() == []


@pytest.mark.parametrize("quality", [Quality.UNCERTAIN, Quality.BAD])
def test_a_value_that_is_not_good_says_nothing(quality: Quality) -> None:
    """Its time may be that of the value before; nor is the first good one after it a change."""
    plc = Stamped()
    plc.see(None if quality is Quality.BAD else 9.5, -HOUR_MS, quality=quality)
    plc.see(9.0, -HOUR_MS)
    assert plc.faults() == []


def test_a_device_without_a_clock_is_not_judged() -> None:
    """Modbus stamps nothing."""
    plc = Stamped()
    plc.change(None)
    assert plc.faults() == []


@pytest.mark.parametrize("state", [ClockState.UNSYNCED, ClockState.STEPPED])
def test_nothing_is_judged_while_our_clock_is_not_set(state: ClockState) -> None:
    """Nobody knows whose is wrong (C04)."""
    plc = Stamped(state=state)
    plc.change(-HOUR_MS)
    assert plc.faults() == []
    plc.state = ClockState.HOLDOVER
    plc.change(-HOUR_MS)
    assert plc.faults() == ["raised"]


def test_it_is_cleared_once_no_time_was_off_for_a_minute() -> None:
    """A gateway that gives one value late among right ones is one fault, not one with each."""
    plc = Stamped()
    for _ in range(30):
        plc.change(-HOUR_MS)
        plc.change()
    assert plc.faults() == ["raised"]
    plc.rig.ms += 59_970
    plc.change()
    assert plc.faults() == ["raised"]
    plc.change()
    assert plc.faults() == ["raised", "cleared"]
    assert plc.rig.working.clocks == {}
    assert [event.source for event in plc.rig.of(FaultCleared)] == ["plc:clock"]
    plc.change(-HOUR_MS)
    assert plc.faults() == ["raised", "cleared", "raised"]


def test_a_start_takes_it_back_and_the_next_wrong_time_raises_it() -> None:
    """What this run has not seen does not stand."""
    plc = Stamped()
    plc.change(-HOUR_MS)
    plc.rig.restart()
    plc.rig.up()
    assert plc.faults() == ["raised", "cleared"]
    plc.see(1.5)
    plc.change(-HOUR_MS)
    assert plc.faults() == ["raised", "cleared", "raised"]


def test_a_link_that_comes_back_leaves_it_standing() -> None:
    """A tag fault of the same device comes and goes beside it."""
    plc = Stamped()
    plc.change(-HOUR_MS)
    plc.rig.link("plc", up=False)
    plc.rig.link("plc", up=True)
    assert plc.faults() == ["raised"]
    assert plc.rig.state.run.faults == ("plc:clock",)


def test_a_wrong_clock_orders_nothing_and_binds_as_ever() -> None:
    """Times stay as they were given; order and binding go by our own (D-24)."""
    plc = Stamped()
    plc.change(-HOUR_MS)
    rig = plc.rig
    rig.scan("SN-1")
    rig.plc(trigger=True, request=1, count=1)
    rig.answer()
    rig.answer()
    (unit,) = rig.of(UnitCompleted)
    assert (unit.unit, unit.certainty.value, rig.answered()) == ("SN-1", "certain", 1)
