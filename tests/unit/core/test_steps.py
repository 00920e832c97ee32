"""Whose pieces a counter's steps are, taken apart and accounted for (D-29)."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core import binder, steps
from agent.core.draft import Draft
from agent.core.events import CycleMissed, UnitUnbound
from agent.core.parts import Counted, ProductionState
from agent.core.state import Left, Rise, State, Step, Working
from agent.core.station import By, Station
from agent.ports import Address
from tests.core_rig import INTERLOCK, Rig, instant
from tests.granular_rig import MIXED, VALVE
from tests.histories import make
from tests.whole import whole

FIVE = Step(count=2, n=5, earliest_ms=10, latest_ms=20)
TWO = Step(count=4, n=2, earliest_ms=20, latest_ms=30)
MODULUS = 65_536


@pytest.mark.parametrize(
    ("n", "taken", "rest"),
    [
        (0, [], None),
        (5, [(2, 5)], None),
        (3, [(0, 3)], (2, 2)),
        (2, [(MODULUS - 1, 2)], (2, 3)),
        (6, [(2, 5), (3, 1)], (4, 1)),
        (7, [(2, 5), (4, 2)], None),
    ],
)
def test_pieces_are_taken_from_the_front(
    n: int, taken: list[tuple[int, int]], rest: tuple[int, int] | None
) -> None:
    """Each part ends at its own number, over the end of the counter too; none is lost."""
    found, left = steps.first((FIVE, TWO), n, MODULUS)
    assert [(step.count, step.n) for step in found] == taken
    assert (left and (left.count, left.n)) == rest


def test_nothing_is_accounted_for_before_the_first_reading() -> None:
    """Steps count on from it; a record before it says nothing of the counter."""
    draft = Draft(binder.initial(MIXED), Working(steps=(TWO,)), instant(1_000), binder.evolve)
    assert MIXED.counter is not None
    steps.trim(draft)
    assert draft.working.steps == (TWO,)
    assert steps.before(draft, MIXED.counter, 3) == 0
    rig = Rig(MIXED)
    rig.up()
    rig.plc(recipe="V-1")
    rig.bad = {"count"}
    rig.cycle(1)
    (event,) = rig.of(UnitUnbound)
    assert steps.counted_on(binder.initial(MIXED), event) == binder.initial(MIXED)
    assert rig.state.product.uncounted == 0


def test_a_record_in_the_middle_of_a_step_leaves_the_rest_of_it() -> None:
    """Pieces up to the number that is recorded are forgotten; those after it still wait."""
    rig = Rig(MIXED)
    rig.up()
    rig.plc(recipe="V-1", count=1)
    draft = Draft(rig.state, Working(steps=(FIVE, TWO)), instant(1_000), binder.evolve)
    steps.trim(draft)
    assert [(step.count, step.n) for step in draft.working.steps] == [(2, 1), (4, 2)]


def test_torn_cycle_is_missed_by_its_request_alone() -> None:
    """Its piece waits for the cycle that the PLC asks for again (D-21, D-40)."""
    rig = Rig(MIXED)
    rig.up()
    rig.plc(recipe="V-1", count=0)
    rig.plc(trigger=True, request=1, count=1)
    rig.read(coherent=False)
    assert [event.reason for event in rig.of(CycleMissed)] == ["torn"]
    counted = rig.state.production.counted
    assert counted is not None
    assert counted.count == 0


def test_station_without_a_handshake_has_no_open_cycle() -> None:
    """Then a step of a lot is ready as soon as it is old enough."""
    state = replace(binder.initial(MIXED), station=replace(MIXED, handshakes=()))
    assert steps.ready(state, Working(steps=(TWO,)), 1) == 0


def test_only_the_last_handshake_records_a_piece() -> None:
    """`begin` lets a unit in; its piece is counted once, with `end` (D-29)."""
    rig = Rig(replace(MIXED, handshakes=INTERLOCK.handshakes))
    rig.up()
    rig.plc(recipe="V-1", count=0)
    rig.scan("SN-1")
    rig.turn(50)
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    rig.turn(rig.station.pairing.settle_ms + 1)
    rig.answer()
    rig.plc(b_trigger=False)
    assert rig.cycle(1) == 1
    begin, end = rig.units()
    assert [steps.claims(rig.state, event) for event in (begin, end)] == [False, True]
    assert steps.claims(rig.state, replace(end, by=By.LOT)) is False
    assert MIXED.products is not None
    units = replace(MIXED.products, products=(VALVE,), unknown=VALVE)
    for products in (None, units):  # nothing is counted to a lot
        state = replace(rig.state, station=replace(rig.station, products=products))
        assert steps.claims(state, end) is False


def test_a_request_that_may_come_again_holds_its_piece() -> None:
    """Until the PLC has shown another one, what was counted since may be of it (D-40)."""
    rig = Rig(MIXED)
    rig.up()
    rig.plc(recipe="V-1", count=0)
    live = rig.working.live["end"]
    unit = Step(count=1, n=1, earliest_ms=rig.ms, latest_ms=rig.ms)
    rig.plc(recipe="S-1")
    lot = Step(count=2, n=1, earliest_ms=rig.ms, latest_ms=rig.ms)
    waiting = replace(rig.working, steps=(unit, lot))
    assert steps.ready(rig.state, waiting, 2) == 2
    rise = Rise(earliest_ms=rig.ms, latest_ms=rig.ms, seen_low=True)
    left = Left(generation=1, request=1, rise=rise, given=True)
    held = replace(waiting, live={"end": replace(live, left=left)})
    assert steps.ready(rig.state, held, 2) == 0


def test_units_whose_number_was_not_read_are_counted() -> None:
    """Each is one; the next number that is read accounts for all of them."""
    rig = Rig(MIXED)
    rig.up()
    rig.plc(recipe="V-1", count=0)
    rig.bad = {"count"}
    for request in (1, 2):
        rig.turn(1_200)
        rig.cycle(request)
        assert rig.state.product.uncounted == request
    rig.bad = set()
    rig.turn(1_200)
    rig.cycle(3)
    assert [event.n for event in rig.of(CycleMissed)] == [0]
    assert rig.state.product.uncounted == 0
    counted, newest = rig.state.production.counted, rig.units()[-1]
    assert counted == Counted(count=3, at_ms=newest.latest_ms, epoch=newest.epoch)


def test_missed_pieces_are_told_with_their_numbers_and_times() -> None:
    """Between which numbers they lie and in which interval they came; they are accounted for."""
    rig = Rig(MIXED)
    rig.up()
    rig.plc(recipe="V-1", count=0)
    rig.turn(1_000)
    rig.plc(40, count=2)
    since_ms, until_ms = rig.ms - 40, rig.ms
    rig.turn(1_000)
    rig.plc(recipe="S-1")
    rig.plc(count=3)
    rig.turn(3_000)
    (missed,) = rig.of(CycleMissed)
    assert whole(missed) == {
        "n": 2,
        "reason": "counter",
        "from_count": 0,
        "to_count": 3,
        "first_ms": since_ms,
        "last_ms": until_ms,
    }
    none = ProductionState(counted=Counted(count=0, at_ms=0, epoch=missed.epoch))
    after = steps.missed_on(replace(rig.state, production=none), missed)
    assert after.production.counted == Counted(count=2, at_ms=until_ms, epoch=missed.epoch)


def accounted(count: int, *, uncounted: int = 0, station: Station = MIXED) -> State:
    """Return a station whose counter is accounted for up to a number."""
    state = binder.initial(station)
    counted = Counted(count=count, at_ms=1_000, epoch="000001-aa")
    return replace(
        state,
        production=replace(state.production, counted=counted),
        product=replace(state.product, uncounted=uncounted),
    )


@pytest.mark.parametrize(("count", "n"), [(1, 0), (2, 1), (3, 2), (4, 0), (0, 0)])
def test_what_lies_before_a_units_number_was_made_before_it(count: int, n: int) -> None:
    """As many as wait, at the most: a number that is further on says that the counter jumped."""
    working = Working(steps=(Step(count=2, n=2, earliest_ms=10, latest_ms=20),))
    draft = Draft(accounted(0), working, instant(1_000), binder.evolve)
    assert MIXED.counter is not None
    assert steps.before(draft, MIXED.counter, count) == n


def test_a_cycle_at_another_handshake_holds_no_piece() -> None:
    """Only the last one records pieces; where there is none, a lot's are recorded at once."""
    rig = Rig(replace(MIXED, handshakes=INTERLOCK.handshakes))
    rig.up()
    rig.plc(recipe="V-1", count=0)
    rig.plc(b_trigger=True, b_request=1)
    rig.plc(recipe="S-1")
    lot = Step(count=2, n=1, earliest_ms=rig.ms, latest_ms=rig.ms)
    unit = replace(lot, count=1, earliest_ms=rig.ms - 20, latest_ms=rig.ms - 20)
    working = replace(rig.working, steps=(unit, lot))
    assert steps.ready(rig.state, working, 2) == 2
    rig.plc(trigger=True, request=1)
    working = replace(rig.working, steps=(unit, lot))
    assert steps.ready(rig.state, working, 2) == 0
    alone = replace(rig.state, station=replace(rig.station, handshakes=()))
    assert steps.ready(alone, working, 2) == 2


def test_a_number_that_is_read_accounts_for_those_that_were_not() -> None:
    """The counter is absolute: what was recorded without a number lies before it."""
    event = make(
        UnitUnbound,
        Address("000001-aa", 9),
        cycle="c-1",
        handshake="end",
        generation=1,
        answer=8,
        count=3,
        earliest_ms=4_000,
        latest_ms=4_100,
    )
    assert isinstance(event, UnitUnbound)
    after = steps.counted_on(accounted(2, uncounted=2), event)
    assert after == replace(
        accounted(3),
        production=ProductionState(counted=Counted(count=3, at_ms=4_100, epoch="000001-aa")),
    )
    same = accounted(3, uncounted=2)  # the number of a piece that is in a record already
    assert steps.counted_on(same, event) == same


MISSED: dict[str, Any] = {
    "n": 1,
    "reason": "counter",
    "from_count": 0,
    "to_count": 3,
    "last_ms": 4_000,
}


def missed(**changes: Any) -> CycleMissed:  # noqa: ANN401 - fields of the event
    """Return an event for the first two pieces, of which one had a unit without a number."""
    event = make(CycleMissed, Address("000002-bb", 9), **MISSED | changes)
    assert isinstance(event, CycleMissed)
    return event


@pytest.mark.parametrize(
    ("changes", "uncounted"),
    [
        ({}, 4),
        ({"n": 0}, 3),
        ({"n": 2}, 5),
        ({"n": 0, "from_count": MODULUS - 1}, 2),
    ],
)
def test_missed_pieces_are_accounted_for(changes: dict[str, object], uncounted: int) -> None:
    """Up to their last number, in this run; those with a unit are not waited for any more."""
    after = steps.missed_on(accounted(0, uncounted=5), missed(**changes))
    counted = Counted(count=2, at_ms=4_000, epoch="000002-bb")
    assert after == replace(
        accounted(0, uncounted=uncounted), production=ProductionState(counted=counted)
    )


@pytest.mark.parametrize(
    ("changes", "uncounted"),
    [
        ({"reason": "request"}, 6),
        ({"reason": "request", "n": None}, 5),
        ({"reason": "torn"}, 5),
        ({"to_count": None}, 5),
        ({"last_ms": None}, 5),
    ],
)
def test_missed_cycles_without_the_counters_word(
    changes: dict[str, object], uncounted: int
) -> None:
    """Requests say how many have no number yet; anything else leaves the counter as it was."""
    after = steps.missed_on(accounted(0, uncounted=5), missed(**changes))
    assert after == accounted(0, uncounted=uncounted)


def test_missed_pieces_change_nothing_where_pieces_are_not_shared() -> None:
    """All are tracked alike, or nothing is counted, or nothing was read yet."""
    for station in (replace(MIXED, products=None), replace(MIXED, counter=None)):
        state = accounted(0, station=station)
        assert steps.missed_on(state, missed()) == state
    state = binder.initial(MIXED)
    assert steps.missed_on(state, missed()) == state


def test_a_step_within_a_change_may_be_of_either() -> None:
    """By the products of its time: all by lot, all by unit, or some of each (D-29)."""
    rig = Rig(MIXED)
    rig.up()
    rig.plc(recipe="V-1")
    rig.turn(1_000)
    rig.plc(100, recipe="S-1")
    at = rig.ms
    kinds = [
        steps.of(rig.state, Step(count=1, n=1, earliest_ms=at - first, latest_ms=at - last))
        for first, last in ((300, 200), (60, 20), (0, 0))
    ]
    assert kinds == [steps.Of.UNIT, steps.Of.EITHER, steps.Of.LOT]
