"""Whose pieces a counter's steps are, taken apart and accounted for (D-29)."""

from dataclasses import replace

import pytest

from agent.core import binder, steps
from agent.core.draft import Draft
from agent.core.events import CycleMissed, UnitUnbound
from agent.core.parts import Counted, ProductionState
from agent.core.state import Left, Rise, Step, Working
from agent.core.station import By
from tests.core_rig import INTERLOCK, Rig, instant
from tests.granular_rig import MIXED
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
    alike = replace(rig.state, station=replace(rig.station, products=None))
    assert steps.claims(alike, end) is False


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
