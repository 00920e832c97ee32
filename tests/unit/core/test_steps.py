"""Whose pieces a counter's steps are, taken apart and accounted for (D-29)."""

from dataclasses import replace

import pytest

from agent.core import binder, steps
from agent.core.draft import Draft
from agent.core.events import CycleMissed, UnitUnbound
from agent.core.state import Step, Working
from tests.core_rig import Rig, instant
from tests.granular_rig import MIXED

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
