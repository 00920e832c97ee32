"""Whether units may be made from what is loaded (D-54, D-56, D-57), and loads taken off."""

from dataclasses import replace

import pytest

from agent.core import binder
from agent.core.events import (
    Certainty,
    CodeScanned,
    ComponentLoaded,
    ComponentUnloaded,
    Event,
    LoadExpired,
    LoadRefused,
    LotBlocked,
    LotUnblocked,
    UnitCompleted,
    UnitRefused,
    Why,
)
from agent.core.state import Reply
from agent.core.station import Component, Policy
from drivers.base import ClockState, Instant, TimerFired
from tests.core_rig import ECU, HOUSING, MORNING_MS
from tests.material_rig import FED, Fed, filler, press, use

CAPS = replace(FED, products=("CAP", "LID"))
OPEN = replace(FED, open_life_ms=60_000)
LAST_DAY_MS = 14 * 3_600_000
"""From the rig's boot (10:00 local, 30 November) to the local midnight after it."""
NOT_RELEASED = 6


def refusals(rig: Fed) -> list[tuple[Why, int]]:
    """Return why units were refused, and with which answer."""
    return [(event.reason, event.answer) for event in rig.of(UnitRefused)]


class Clocked(Fed):
    """A station whose wall clock the test sets."""

    state_of_clock = ClockState.SYNCED
    wall_ms: int | None = None

    @property
    def now(self) -> Instant:
        """Return the boot clock, and the wall clock as it is set."""
        instant = super().now
        wall_ms = instant.wall_ms if self.wall_ms is None else self.wall_ms + self.ms
        return replace(instant, wall_ms=wall_ms, clock_state=self.state_of_clock)


def clocked(rig: Fed, state: ClockState = ClockState.SYNCED) -> Clocked:
    """Return the station again with a clock that the test sets."""
    made = Clocked(rig.station, start=False)
    made.state_of_clock = state
    made.start()
    made.up()
    return made


# ------------------------------------------------------------------ the right part


@pytest.mark.parametrize(
    ("component", "label"),
    [
        (CAPS, "R2PNUT"),
        (CAPS, "R2"),
        (replace(FED, product_pattern="CAP|LID"), "R2PNUT"),
    ],
)
def test_the_wrong_part_is_refused_before_the_first_cycle(component: Component, label: str) -> None:
    """A set-up check that fails refuses the label, tells the reader, and stops units (D-57)."""
    rig = press(component)
    rig.scan(label)
    (refused,) = rig.of(LoadRefused)
    assert (refused.position, refused.lot, refused.reason) == ("reel", "2", Why.WRONG_PART)
    assert refused.because == (rig.of(CodeScanned)[0].address,)
    assert rig.decision.replies == (Reply(device="scanner", good=False),)
    assert rig.of(ComponentLoaded) == []
    rig.make()
    assert refusals(rig) == [(Why.WRONG_PART, NOT_RELEASED)]
    assert use(rig.units()[-1]).candidates == ("2",)


def test_the_right_part_clears_the_position() -> None:
    """Scanned rightly, the position feeds again; what was refused is closed with what was on."""
    rig = press(CAPS)
    rig.scan("R1PCAP")
    assert use(rig.make()).certainty is Certainty.CERTAIN
    rig.scan("R2PNUT")
    (refused,) = rig.of(LoadRefused)
    assert refused.loads == (rig.of(ComponentLoaded)[0].address,)
    assert use(rig.make()).candidates == ("1", "2")
    rig.scan("R3PLID")
    assert [event.lot for event in rig.of(ComponentUnloaded)] == ["1", "2"]
    rig.make()  # it began before the change: it may be of all three
    assert use(rig.make()) == replace(
        use(rig.make()), candidates=("3",), certainty=Certainty.CERTAIN, why=None
    )
    assert [why for why, _ in refusals(rig)] == [Why.WRONG_PART]


def test_by_policy_the_wrong_part_is_recorded() -> None:
    """`record`: the unit goes on and says what was wrong; which unit it was is not in doubt."""
    rig = press(replace(CAPS, unfit=Policy.RECORD))
    rig.scan("R2PNUT")
    unit = rig.make()
    assert isinstance(unit, UnitCompleted)
    assert (unit.why, unit.certainty) == ((Why.WRONG_PART,), Certainty.CERTAIN)


# ------------------------------------------------------------------ expiry


def test_what_is_expired_is_refused_when_it_is_scanned() -> None:
    """Expired at load: code 6 (D-54). The last good day itself is good."""
    rig = press(FED)
    rig.scan("R1X261129")
    assert rig.of(LoadRefused)[0].reason is Why.LOT_EXPIRED
    rig.make()
    assert refusals(rig) == [(Why.LOT_EXPIRED, NOT_RELEASED)]
    today = press(FED)
    today.scan("R1X261130")
    assert isinstance(today.make(), UnitCompleted)


def test_what_expires_while_loaded_stops_the_next_request() -> None:
    """Expired while loaded: an event at the moment it happens, code 6 from then on (D-54)."""
    rig = press(FED)
    rig.scan("R1X261130")
    rig.make()
    rig.turn(LAST_DAY_MS - rig.ms - 1)
    assert rig.of(LoadExpired) == []
    rig.turn(1)
    (expired,) = rig.of(LoadExpired)
    assert (expired.position, expired.lot, expired.reason) == ("reel", "1", "expiry")
    assert expired.load == rig.of(ComponentLoaded)[0].address
    assert expired.time.boottime_ms == LAST_DAY_MS
    rig.make()
    assert refusals(rig) == [(Why.LOT_EXPIRED, NOT_RELEASED)]
    rig.turn(200_000)
    assert len(rig.of(LoadExpired)) == 1


def test_another_label_makes_an_expired_lot_no_fresher() -> None:
    """A label without a day does not take back what the one before it said (D-54)."""
    rig = press(FED)
    rig.scan("R1X261130")
    rig.turn(LAST_DAY_MS - rig.ms)
    rig.scan("R1")
    assert [event.reason for event in rig.of(LoadRefused)] == [Why.LOT_EXPIRED]
    assert not rig.decision.replies[-1].good


def test_a_cycle_does_not_wait_for_the_timer() -> None:
    """Expiry is checked again at every cycle, however late the timer comes (D-54)."""
    rig = press(FED)
    rig.scan("R1X261130")
    rig.ms = LAST_DAY_MS
    rig.scan("SN-1")
    rig.plc(trigger=True, request=1)
    rig.answer()
    assert refusals(rig) == [(Why.LOT_EXPIRED, NOT_RELEASED)]
    assert [event.kind for event in rig.events[-2:]] == ["load_expired", "unit_refused"]


@pytest.mark.parametrize("state", [ClockState.UNSYNCED, ClockState.STEPPED])
def test_without_a_date_nothing_expires_and_the_unit_says_so(state: ClockState) -> None:
    """Calendar facts go by the wall clock only while it is known (D-91)."""
    rig = clocked(press(FED), state)
    rig.scan("R1X261129")
    assert rig.of(ComponentLoaded)
    rig.turn(86_400_000)
    assert rig.of(LoadExpired) == []
    unit = rig.make()
    assert isinstance(unit, UnitCompleted)
    assert (unit.why, unit.certainty) == ((Why.CLOCK_UNSYNCED,), Certainty.CERTAIN)
    rig.state_of_clock = ClockState.HOLDOVER
    rig.make()
    assert [why for why, _ in refusals(rig)] == [Why.LOT_EXPIRED]


def test_a_clock_set_back_waits_for_the_new_midnight() -> None:
    """The date is asked when the timer fires, not trusted from when it was set."""
    rig = clocked(press(FED))
    rig.scan("R1X261130")
    rig.wall_ms = MORNING_MS - 3_600_000
    rig.turn(LAST_DAY_MS)
    assert rig.of(LoadExpired) == []
    rig.turn(3_600_000)
    assert len(rig.of(LoadExpired)) == 1


def test_the_end_of_time_is_a_date() -> None:
    """A last day that no calendar goes beyond is far away, not an error."""
    rig = press(FED)
    rig.scan("R1")
    (load,) = rig.state.material.loads
    loads = (replace(load, expiry="9999-12-31"),)
    rig.state = replace(rig.state, material=replace(rig.state.material, loads=loads))
    rig.observe(TimerFired)
    assert isinstance(rig.make(), UnitCompleted)


# ------------------------------------------------------------------ open life


def test_open_life_ends_by_the_boot_clock() -> None:
    """Floor life, pot life: so long from its scan, whatever the wall clock does (D-54, D-91)."""
    rig = clocked(press(OPEN), ClockState.UNSYNCED)
    rig.scan("R1")
    loaded = rig.of(ComponentLoaded)[0]
    rig.make()
    rig.turn(120_000)
    (expired,) = rig.of(LoadExpired)
    assert expired.reason == "open_life"
    assert expired.time.boottime_ms == loaded.earliest_ms + 60_000
    rig.make()
    assert refusals(rig) == [(Why.LOT_EXPIRED, NOT_RELEASED)]


def test_scanning_it_again_makes_it_no_younger() -> None:
    """The same label on the same position goes on ageing; expired, it is refused (D-54)."""
    rig = press(OPEN)
    rig.scan("R1")
    first = rig.of(ComponentLoaded)[0]
    rig.turn(50_000)
    rig.scan("R1")
    assert len(rig.of(ComponentLoaded)) == 2  # the same lot again is a new interval (D-43)
    rig.turn(60_000)
    (expired,) = rig.of(LoadExpired)
    assert expired.time.boottime_ms == first.earliest_ms + 60_000
    rig.scan("R1")
    assert rig.of(LoadRefused)[0].reason is Why.LOT_EXPIRED
    rig.scan("R2")
    assert rig.of(ComponentLoaded)[-1].lot == "2"


def test_a_boot_ends_an_open_life() -> None:
    """Across boots nobody knows how long it was: the longest is counted (D-91)."""
    rig = press(OPEN)
    rig.scan("R1")
    rig.restart(reboot=True)
    assert [event.reason for event in rig.of(LoadExpired)] == ["open_life"]
    calm = press(OPEN)
    calm.scan("R1")
    calm.restart()
    assert calm.of(LoadExpired) == []


# ------------------------------------------------------------------ blocked


def test_a_blocked_lot_stops_the_next_unit_and_changes_nothing_before() -> None:
    """Blocking affects the future through the interlock; no old event changes (D-56)."""
    rig = press(FED)
    rig.scan("R1")
    rig.make()
    before = tuple(rig.events)
    rig.scan("BLOCK1")
    (blocked,) = rig.of(LotBlocked)
    assert (blocked.lot, blocked.source) == ("1", "scan")
    assert tuple(rig.events[: len(before)]) == before
    rig.make()
    assert refusals(rig) == [(Why.LOT_BLOCKED, NOT_RELEASED)]
    rig.scan("R1")
    assert rig.of(LoadRefused)[0].reason is Why.LOT_BLOCKED
    rig.turn(2_000)
    rig.scan("BLOCK1")
    assert len(rig.of(LotBlocked)) == 1
    rig.scan("FREE1")
    assert rig.of(LotUnblocked)[0].source == "scan"
    rig.turn(2_000)
    rig.scan("FREE1")
    assert len(rig.of(LotUnblocked)) == 1
    rig.scan("R1")
    assert isinstance(rig.make(2), UnitCompleted)


def test_a_blocked_serial_component_stops_its_unit() -> None:
    """A serial component can be blocked as well (D-56)."""
    rig = press(FED, ECU, blocked=("ECU-1",))
    rig.scan("ECU-1")
    rig.make()
    assert refusals(rig) == [(Why.LOT_BLOCKED, NOT_RELEASED)]


def test_the_file_blocks_and_frees() -> None:
    """What the station file names is blocked at the start, and free when it no longer does."""
    rig = press(FED, blocked=("1", "2"))
    assert [(event.lot, event.source) for event in rig.of(LotBlocked)] == [
        ("1", "file"),
        ("2", "file"),
    ]
    rig.scan("BLOCK3")
    rig.restart()
    assert len(rig.of(LotBlocked)) == 3
    rig.scan("FREE1")  # the file's own block stands
    assert rig.of(LotUnblocked) == []
    rig.station = replace(rig.station, blocked=("2",))
    rig.restart()
    assert [(event.lot, event.source) for event in rig.of(LotUnblocked)] == [("1", "file")]
    assert [each.lot for each in rig.state.material.blocked] == ["2", "3"]


def test_the_worst_fault_is_told() -> None:
    """Blocked comes before the wrong part, that before expired."""
    rig = press(CAPS)
    rig.scan("R1PNUTX261129")
    rig.scan("BLOCK1")
    rig.make()
    assert refusals(rig) == [(Why.LOT_BLOCKED, NOT_RELEASED)]


# ------------------------------------------------------------------ taking off


def test_what_is_taken_off_feeds_no_more() -> None:
    """Unloading by scan closes the interval, with what is left as the code says (D-43, D-53)."""
    rig = press(replace(FED, use="1", measure="pcs"))
    rig.scan("R1Q9")
    rig.make()
    rig.scan("OFFQ4")
    (off,) = rig.of(ComponentUnloaded)
    assert (off.lot, off.reason, off.remaining, off.measure) == ("1", "unloaded", "4", None)
    rig.make()  # began before
    assert use(rig.make()).why is Why.MATERIAL_UNKNOWN
    rig.scan("R1Q4")
    rig.scan("OFF")
    assert rig.of(ComponentUnloaded)[-1].remaining == "4"
    assert rig.of(ComponentUnloaded)[-1].measure == "pcs"


def test_an_empty_position_has_nothing_to_take_off() -> None:
    """A scan is never lost: it is in `code_scanned`, and nothing follows."""
    rig = press(FED)
    rig.scan("OFF")
    assert rig.new() == ["code_scanned"]


def test_a_position_that_the_file_no_longer_has_is_left_alone() -> None:
    """Loads of a position that was taken from the file are kept, and judged by nothing."""
    rig = press(replace(OPEN, use="1"), HOUSING)
    rig.scan("R1Q1")
    rig.station = replace(rig.station, components=(HOUSING,))
    rig.restart()
    rig.turn(100_000)
    assert rig.of(LoadExpired) == []
    assert isinstance(rig.make(3), UnitCompleted)
    rig.scan("OFF")
    assert rig.of(ComponentUnloaded)[0].measure is None
    rig.scan("R2")
    assert len(rig.of(ComponentLoaded)) == 1


def test_counted_pieces_go_on() -> None:
    """Where no unit is judged, a fault is told and counting goes on."""
    rig = filler(CAPS)
    rig.scan("R2PNUT")
    assert use(rig.count(3)).candidates == ("2",)


# ------------------------------------------------------------------ restart


def test_what_is_folded_is_what_was_known() -> None:
    """From the journal alone: the same loads, faults, quantities and blocks (DESIGN 2)."""
    rig = press(replace(OPEN, use="1", low="9", products=("CAP",)))
    for code in ("R1PCAPX270101Q9", "BLOCK1", "R2PNUT", "R3PCAPQ2"):
        rig.scan(code)
        rig.make(2)
    events: tuple[Event, ...] = tuple(rig.events)
    state = binder.initial(rig.station)
    for event in events:
        state = binder.evolve(state, event)
    assert state == rig.state
    before = rig.state.material
    rig.restart()
    assert rig.state.material == before
