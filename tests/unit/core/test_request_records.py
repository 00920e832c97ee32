"""What the record of a request says, to the last field: the holes that mutation testing showed."""

from dataclasses import replace

import pytest

from agent.core import requests
from agent.core.events import (
    Certainty,
    CounterReset,
    CycleMissed,
    HistoryLost,
    UnitStarted,
    Why,
)
from agent.core.station import Counter
from tests.core_rig import END, INTERLOCK, PRESS, Rig

STROKES = Counter(device="plc", tag="strokes", modulus=1_000, max_step=5, fastest_ms=100)


def press(station: object = PRESS, strokes: int = 0) -> Rig:
    """Return a station in operation."""
    rig = Rig(station)  # type: ignore[arg-type]  # a station
    rig.tags |= {"strokes": strokes}
    rig.up()
    rig.due()
    rig.turn(1_000)
    return rig


@pytest.mark.parametrize(("gap", "n"), [(499, 499), (500, 500), (501, None)])
def test_half_the_range_is_the_most_that_numbers_can_miss(gap: int, n: int | None) -> None:
    """More, and it may as well have gone back: nobody knows how many (D-30)."""
    rig = press(replace(PRESS, handshakes=(replace(END, modulus=1_001),)))
    rig.cycle(10)
    rig.cycle((10 + gap + 1) % 1_001)
    assert [event.n for event in rig.of(CycleMissed)] == [n]


@pytest.mark.parametrize(
    ("modulus", "old", "new", "wraps"),
    [
        (8, 6, 1, True),
        (8, 5, 1, False),
        (8, 6, 2, False),
        (2, 1, 0, True),
        (40, 30, 9, True),
        (40, 30, 10, False),
    ],
)
def test_a_small_range_wraps_within_its_quarter(
    modulus: int, old: int, new: int, *, wraps: bool
) -> None:
    """A number that falls from the last quarter into the first has wrapped; else it was reset."""
    rig = press(replace(PRESS, handshakes=(replace(END, modulus=modulus),)))
    rig.cycle(old)
    rig.cycle(new)
    assert rig.units()[-1].generation == (1 if wraps else 2)


def test_what_was_missed_names_its_two_neighbours() -> None:
    """The cycle before, and the snapshot that showed the gap; and when they were (D-7)."""
    rig = press()
    rig.cycle(1)
    (before,) = rig.units()
    rig.turn(5_000)
    rig.cycle(4)
    (missed,) = rig.of(CycleMissed)
    assert missed.because == (before.address, rig.units()[-1].because[-1])
    assert missed.first_ms == before.latest_ms
    assert missed.last_ms is not None
    assert before.latest_ms < missed.last_ms <= rig.ms


def test_a_counter_that_was_reset_names_its_two_neighbours() -> None:
    """And between which moments cycles may be lost (D-31)."""
    rig = press(replace(PRESS, counter=STROKES), strokes=500)
    rig.cycle(1, strokes=501)
    before = rig.units()[-1]
    rig.turn(5_000)
    rig.cycle(2, strokes=100)
    (reset,) = rig.of(CounterReset)
    assert reset.because == (before.address, rig.units()[-1].because[-1])
    assert reset.first_ms == before.latest_ms
    assert reset.last_ms is not None
    assert before.latest_ms < reset.last_ms <= rig.ms


def test_a_jump_is_judged_by_the_time_that_has_passed() -> None:
    """Faster than the machine can be is no count; as many after enough time is (D-31)."""
    fast = press(replace(PRESS, counter=STROKES))
    fast.cycle(1, strokes=1)
    fast.cycle(2, strokes=400)
    assert [event.reason for event in fast.of(CounterReset)] == ["jump"]
    slow = press(replace(PRESS, counter=STROKES))
    slow.cycle(1, strokes=1)
    slow.turn(60_000)
    slow.cycle(2, strokes=400)
    assert [event.n for event in slow.of(CycleMissed)] == [398]


def test_begin_hands_its_unit_to_end_as_it_is() -> None:
    """Unit and what makes it doubtful; a certain one brings no doubt, a refused one no unit."""
    rig = press(INTERLOCK)
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    (event,) = rig.of(UnitStarted)
    started = rig.state.cycle.started
    assert started is not None
    assert (started.unit, started.product, started.cycle) == ("SN-1", event.product, event.cycle)
    assert (event.certainty, started.doubts) == (Certainty.CERTAIN, ())
    assert rig.state.cycle.answered["begin"].bound is True


@pytest.mark.parametrize("bound", [True, False])
def test_whether_a_cycle_was_bound_is_kept_as_said(*, bound: bool) -> None:
    """A scan under a refused cycle belongs to it, one under a bound cycle to the next (D-24)."""
    rig = press()
    if bound:
        rig.scan("SN-1")
        rig.turn(500)
    rig.cycle(1)
    assert rig.state.cycle.answered["end"].bound is bound


def test_one_answer_clears_its_own_handshake_alone() -> None:
    """After lost history each handshake has one request that may be a repeat (D-20)."""
    rig = press(INTERLOCK)
    rig.start(lost=(("000001-aa", 1, 2, "damaged"),))
    assert rig.of(HistoryLost)
    assert set(rig.state.cycle.suspect) == {"begin", "end"}
    rig.up()
    rig.cycle(1)
    assert rig.state.cycle.suspect == ("begin",)
    assert Why.REPEAT_POSSIBLE in rig.units()[-1].why


def test_the_snapshot_that_was_judged_is_known_within_its_run_alone() -> None:
    """Without a number and a guard it is all that tells a request; ids begin anew with a run."""
    bare = replace(END, request=None, modulus=None, guard=())
    rig = press(replace(PRESS, handshakes=(bare,)))
    rig.plc(trigger=True)
    rig.answer()
    rig.turn(300)
    snapshot = rig.working.live["end"].snapshot
    assert snapshot is not None
    assert rig.state.cycle.answered["end"].snapshot == snapshot.id
    assert requests.answers(rig.state, bare, snapshot)
    other = replace(rig.state, epoch="000002-aa")
    assert not requests.answers(other, bare, snapshot)
    assert not requests.answers(rig.state, bare, replace(snapshot, id="other"))


def test_without_a_number_only_a_seen_fall_or_the_guard_tells_a_new_request() -> None:
    """Else it may be the one before (D-20)."""
    bare = replace(END, request=None, modulus=None)
    rig = press(replace(PRESS, handshakes=(bare,)))
    rig.cycle(0, count=1)
    rig.link("plc", up=False)
    rig.link("plc", up=True)
    rig.plc(trigger=True, count=2)
    rig.answer()
    snapshot = rig.working.live["end"].snapshot
    assert snapshot is not None
    unseen = replace(snapshot, rise=replace(snapshot.rise, seen_low=False))
    seen = replace(snapshot, rise=replace(snapshot.rise, seen_low=True))
    possible = (Why.REPEAT_POSSIBLE,)
    assert requests.doubts(rig.state, bare, seen, seven=False) == ()
    assert requests.doubts(rig.state, bare, unseen, seven=False) == ()
    assert requests.doubts(rig.state, bare, replace(unseen, content=()), seven=False) == possible
    assert requests.doubts(replace(rig.state, epoch="x"), bare, unseen, seven=False) == possible
