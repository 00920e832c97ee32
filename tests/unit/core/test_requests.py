"""Which request a snapshot shows, and which cycles nobody saw (D-20, D-29, D-33)."""

from dataclasses import replace

import pytest

from agent.core import requests
from agent.core.events import (
    Certainty,
    CounterReset,
    CycleAborted,
    CycleMissed,
    UnitCompleted,
    UnitStarted,
    Why,
)
from agent.core.parts import LONG_AGO
from agent.core.state import SnapshotAsk
from agent.core.station import Counter, Handshake, Station
from drivers.base import Scalar
from tests.core_rig import BEGIN, END, INTERLOCK, PRESS, Rig

STROKES = Counter(device="plc", tag="strokes", modulus=65_536, max_step=5, fastest_ms=100)
COUNTED = replace(PRESS, counter=STROKES)
BARE = replace(END, request=None, modulus=None)


def rig_of(station: Station = PRESS, **tags: Scalar) -> Rig:
    """Return a station in operation."""
    rig = Rig(station)
    rig.tags |= {"strokes": 0, **tags}
    rig.up()
    rig.due()
    rig.turn(1_000)
    return rig


def missed(rig: Rig) -> list[tuple[int | None, str, int | None, int | None]]:
    """Return what was missed: how many, by which number, from and to."""
    return [(e.n, e.reason, e.from_count, e.to_count) for e in rig.of(CycleMissed)]


# ------------------------------------------------------------------ missed cycles


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (10, 11, []),
        (10, 14, [(3, "request", 10, 14)]),
        (65_534, 1, [(2, "request", 65_534, 1)]),
        (10, 60_000, [(None, "request", 10, 60_000)]),
    ],
)
def test_a_gap_in_the_numbers_is_missed_cycles(
    first: int, second: int, expected: list[tuple[int | None, str, int, int]]
) -> None:
    """How many, over a wrap too; more than half the range is no count."""
    rig = rig_of()
    rig.cycle(first)
    rig.cycle(second)
    assert missed(rig) == expected


def test_numbers_without_a_modulus_never_wrap() -> None:
    """Then every step back is a restart."""
    rig = rig_of(replace(PRESS, handshakes=(replace(END, modulus=None),)))
    rig.cycle(10)
    rig.cycle(13)
    assert missed(rig) == [(2, "request", 10, 13)]
    rig.cycle(1)
    assert rig.units()[-1].generation == 2


@pytest.mark.parametrize(
    ("modulus", "old", "new", "generation"),
    [
        (65_536, 65_500, 3, 1),
        (65_536, 65_400, 3, 2),
        (65_536, 65_500, 64, 2),
        (100, 50, 3, 2),
        (100, 80, 3, 1),
        (2, 1, 0, 1),
        (10, 9, 5, 2),
    ],
)
def test_a_wrap_is_near_both_ends_of_the_range(
    modulus: int, old: int, new: int, generation: int
) -> None:
    """A small range has small ends; anything else that goes back is a restart (D-31, D-33)."""
    rig = rig_of(replace(PRESS, handshakes=(replace(END, modulus=modulus),)))
    rig.cycle(old)
    rig.cycle(new)
    assert rig.units()[-1].generation == generation


@pytest.mark.parametrize(
    ("count", "number", "expected"),
    [
        (8, 2, []),
        (11, 2, [(3, "counter", 7, 11)]),
        (8, 5, []),
        (7, 2, []),
    ],
)
def test_the_counter_knows_missed_cycles_better_than_the_number(
    count: int, number: int, expected: list[tuple[int, str, int, int]]
) -> None:
    """One of the two, so that no cycle is missed twice (D-29)."""
    rig = rig_of(COUNTED)
    rig.cycle(1, strokes=7)
    rig.turn(2_000)
    rig.cycle(number, strokes=count)
    assert missed(rig) == expected
    assert [event.count for event in rig.units()] == [7, count]


@pytest.mark.parametrize(("count", "reason"), [(3, "reset"), (5_000, "jump")])
def test_a_counter_that_makes_no_sense_says_that_nobody_knows(count: int, reason: str) -> None:
    """Lost is unknown, not 0 and not 4,992 (D-31); what waited may have been used."""
    rig = rig_of(COUNTED)
    rig.cycle(1, strokes=7)
    rig.scan("SN-2")
    rig.turn(500)
    rig.cycle(2, strokes=count)
    assert [(e.reason, e.from_count, e.to_count) for e in rig.of(CounterReset)] == [
        (reason, 7, count)
    ]
    assert rig.of(UnitCompleted)[0].why == (Why.CYCLE_BETWEEN,)


def test_over_a_boot_no_counter_jumps() -> None:
    """The time between has no upper bound (D-91)."""
    rig = rig_of(COUNTED)
    rig.cycle(1, strokes=7)
    rig.restart(reboot=True)
    rig.up()
    rig.cycle(2, strokes=5_000)
    assert missed(rig) == [(4_992, "counter", 7, 5_000)]
    assert rig.of(CycleMissed)[0].first_ms == LONG_AGO


def test_an_unreadable_counter_leaves_it_to_the_number() -> None:
    """Its snapshot has no count."""
    rig = rig_of(COUNTED)
    rig.cycle(1, strokes=7)
    rig.bad = {"strokes"}
    rig.cycle(4, strokes=9)
    assert missed(rig) == [(2, "request", 1, 4)]


def test_only_the_handshake_that_stores_tells_what_was_missed() -> None:
    """A cycle has a begin and an end; it is missed once."""
    rig = rig_of(INTERLOCK)
    for request in (1, 5):
        rig.plc(b_trigger=True, b_request=request)
        rig.answer()
        rig.turn(300)
        rig.plc(b_trigger=False)
        rig.cycle(request)
    assert missed(rig) == [(3, "request", 1, 5)]


def test_a_counter_of_another_device_is_not_in_the_snapshot() -> None:
    """One coherent snapshot is of one device."""
    elsewhere = replace(COUNTED, counter=replace(STROKES, device="other"))
    assert requests.counter_tag(Rig(elsewhere).state, END) is None
    assert requests.counter_tag(Rig(INTERLOCK).state, END) is None
    assert requests.counter_tag(Rig(replace(COUNTED)).state, END) == "strokes"


# ------------------------------------------------------------------ generations, repeats


def test_without_numbers_a_counter_that_went_back_is_a_restart() -> None:
    """D-33."""
    rig = rig_of(replace(COUNTED, handshakes=(BARE,)))
    rig.plc(trigger=True, strokes=7, count=7)
    rig.answer()
    rig.turn(300)
    rig.plc(trigger=False)
    rig.plc(trigger=True, strokes=0, count=0)
    rig.answer()
    assert rig.of(CycleAborted)[0].generation == 2


@pytest.mark.parametrize("counter", [STROKES, None])
def test_without_numbers_and_readings_the_generation_stays(counter: Counter | None) -> None:
    """Nothing says that the PLC restarted."""
    rig = rig_of(replace(PRESS, counter=counter, handshakes=(BARE,)))
    rig.cycle(0, count=1)
    rig.bad = {"strokes"}
    rig.cycle(0, count=2)
    assert [event.generation for event in rig.units()] == [1, 1]


def test_without_numbers_the_guard_tells_repeats_apart_within_one_run() -> None:
    """The same content is a repeat; other content, also out of sight, is new (D-20)."""
    rig = rig_of(replace(PRESS, handshakes=(BARE,)))
    rig.plc(trigger=True, count=1)
    rig.answer()
    rig.turn(300)
    rig.link("plc", up=False)
    rig.link("plc", up=True)
    rig.answer()
    assert len(rig.units()) == 1
    rig.scan("SN-1")
    rig.link("plc", up=False)
    rig.tags["count"] = 2
    rig.link("plc", up=True)
    rig.answer()
    rig.turn(300)
    assert len(rig.units()) == 2


def test_across_a_restart_a_request_without_a_number_may_be_a_repeat() -> None:
    """Stored as new, never dropped, never asserted again (D-20)."""
    rig = rig_of(replace(PRESS, handshakes=(BARE,)))
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(trigger=True, count=1)
    rig.answer()
    rig.restart()
    rig.scan("SN-2")
    rig.up()
    assert [event.unit for event in rig.units()] == ["SN-1", "SN-2"]
    assert Why.REPEAT_POSSIBLE in rig.units()[1].why


@pytest.mark.parametrize("scanned", [True, False])
def test_after_a_seven_a_request_without_a_number_may_be_a_repeat(
    scanned: bool,  # noqa: FBT001 - a case
) -> None:
    """The commit landed under the 7: what comes then may be the same again (D-20, D-40)."""
    rig = rig_of(replace(PRESS, handshakes=(replace(BARE, guard=()),)))
    rig.hold_commits = True
    if scanned:
        rig.scan("SN-1")
        rig.turn(500)
    rig.plc(trigger=True)
    rig.answer()
    rig.turn(5_001)
    rig.answer()
    assert rig.answered() == 7
    rig.hold_commits, rig.durable = False, rig.state
    rig.plc(trigger=False)
    rig.due()
    rig.cycle(2)
    assert [Why.REPEAT_POSSIBLE in event.why for event in rig.units()] == [False, True]
    rig.cycle(3)
    assert Why.REPEAT_POSSIBLE not in rig.units()[-1].why


def test_after_lost_history_the_next_request_may_be_a_repeat() -> None:
    """It may have been answered in the lost range; the one after it is sure again."""
    rig = rig_of()
    rig.cycle(5)
    rig.start(lost=(("000001-aa", 3, 4, "damaged"),))
    rig.up()
    for request in (9, 10):
        rig.scan(f"SN-{request}")
        rig.turn(500)
        rig.cycle(request)
    first, second = rig.of(UnitCompleted)
    assert (first.why, first.certainty) == ((Why.REPEAT_POSSIBLE,), Certainty.POSSIBLE)
    assert second.certainty is Certainty.CERTAIN
    assert missed(rig) == [], "history_lost has said what is missing"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (7.0, 7),
        (7.5, 7.5),
        (2**60, str(2**60)),
        (float(2**60), str(2**60)),
        (float("nan"), None),
        (float("inf"), None),
        (True, True),
        ("x", "x"),
    ],
)
def test_the_content_of_a_request_survives_the_journal(value: Scalar, stored: Scalar) -> None:
    """What JSON cannot hold as it is, is held as JSON brings it back: a repeat stays a repeat."""
    rig = rig_of()
    rig.cycle(1, count=value)
    assert rig.units()[0].content == (stored,)


def test_a_tag_that_the_driver_leaves_out_reads_bad() -> None:
    """A driver's slip is no crash."""
    rig = rig_of()
    rig.plc(trigger=True, request=1)
    ask = rig.open_ask()
    assert isinstance(ask, SnapshotAsk)
    rig.read(replace(ask, tags=()))
    rig.turn(300)
    event = rig.units()[0]
    assert [(value.name, value.code) for value in event.values] == [("force", "missing")]


# ------------------------------------------------------------------ begin and end


def begin(rig: Rig, request: int) -> None:
    """Let a begin come and go."""
    rig.plc(b_trigger=True, b_request=request)
    rig.answer()
    rig.turn(300)
    rig.answer()
    rig.plc(b_trigger=False)


def test_end_completes_what_begin_let_in() -> None:
    """The same unit, the same cycle id, the begin in its because."""
    rig = rig_of(INTERLOCK)
    rig.scan("SN-1")
    rig.turn(500)
    begin(rig, 1)
    rig.cycle(1)
    started, completed = rig.of(UnitStarted)[0], rig.of(UnitCompleted)[0]
    assert completed.unit == "SN-1"
    assert completed.cycle == started.cycle
    assert started.address in completed.because


def test_an_end_without_a_number_is_no_repeat_once_another_begin_was_answered() -> None:
    """The same part may pass twice: what stands for a number stands for one turn only (D-20)."""
    end = replace(BARE, guard=("type",))
    rig = rig_of(replace(INTERLOCK, handshakes=(BEGIN, end)), type="7")
    for request, unit in enumerate(("SN-1", "SN-2"), 1):
        rig.scan(unit)
        rig.turn(500)
        begin(rig, request)
        rig.turn(500)
        rig.cycle(request)
    assert [event.unit for event in rig.of(UnitCompleted)] == ["SN-1", "SN-2"]
    rig.link("plc", up=False)
    rig.link("plc", up=True)
    rig.cycle(3)
    assert len(rig.of(UnitCompleted)) == 2


def test_end_is_not_surer_than_begin() -> None:
    """A possible begin makes a possible end."""
    rig = rig_of(INTERLOCK)
    rig.scan("SN-1")
    rig.restart()
    rig.up()
    rig.turn(500)
    begin(rig, 1)
    rig.cycle(1)
    assert rig.of(UnitCompleted)[0].why == (Why.SCAN_BEFORE_RESTART,)


@pytest.mark.parametrize("how", ["restart", "refused", "lost"])
def test_a_started_unit_may_have_left_before_its_end(how: str) -> None:
    """The PLC forgot: in doubt. Another begin was declined, or history is lost: unbound."""
    rig = rig_of(INTERLOCK)
    begin(rig, 3)
    rig.scan("SN-1")
    rig.turn(500)
    begin(rig, 4)
    if how == "restart":
        rig.plc(b_request=0)
    elif how == "refused":
        begin(rig, 5)
    else:
        rig.start(lost=(("000001-aa", 3, 4, "damaged"),))
        rig.up()
    rig.cycle(1)
    completed = rig.of(UnitCompleted)
    assert [event.why for event in completed] == (
        [(Why.CYCLE_BETWEEN,)] if how == "restart" else []
    )


def test_the_times_of_another_boot_are_long_ago() -> None:
    """Also of the unit in the machine (D-91)."""
    rig = rig_of(INTERLOCK)
    rig.scan("SN-1")
    rig.turn(500)
    begin(rig, 1)
    rig.restart(reboot=True)
    state = rig.state.cycle
    assert state.started is not None
    assert state.started.rise_ms == LONG_AGO
    assert state.answered["begin"].risen_ms == LONG_AGO


def test_a_handshake_of_an_older_station_file_folds_too() -> None:
    """Evolve takes whatever is in the journal."""
    rig = rig_of(INTERLOCK)
    begin(rig, 3)
    rig.plc(b_request=0)
    rig.station = replace(PRESS, handshakes=())
    rig.restart()
    assert rig.state.cycle.generations["begin"] == 2


def test_the_last_handshake_stores() -> None:
    """`begin` asks, `end` stores; one alone does both."""
    state = Rig(INTERLOCK).state
    handshakes: tuple[Handshake, ...] = INTERLOCK.handshakes
    assert [requests.records(state, each) for each in handshakes] == [False, True]
