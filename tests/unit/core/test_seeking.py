"""Finding the unit of a cycle: what was found may change while the look-up runs."""

from collections.abc import Callable

import pytest

from agent.core import answering, binder, choosing, cycle, production, seeking
from agent.core.draft import Draft
from agent.core.events import Certainty, UnitCompleted, UnitUnbound, Why
from agent.core.signals import Kind, Signal
from agent.core.state import Phase, Step, Working
from agent.core.station import Outcome
from tests.core_rig import CAMERA, END, FILLER, PRESS, Rig


def looking() -> Rig:
    """Return a press that has asked whether its one candidate was here before."""
    rig = Rig(PRESS)
    rig.up()
    rig.scan("SN-1")
    rig.turn(2_000)
    rig.plc(trigger=True, request=1)
    rig.read()
    return rig


def test_a_second_candidate_during_the_look_up_leaves_the_cycle_unbound() -> None:
    """It began before the settle was over: both are spent."""
    rig = looking()
    rig.scan("SN-2")
    event = rig.of(UnitUnbound)[0]
    assert (event.candidates, event.why) == (("SN-1", "SN-2"), (Why.TWO_CANDIDATES,))
    rig.answer()
    assert len(rig.units()) == 1, "the look-up's answer comes too late to matter"


def test_the_same_code_again_during_the_look_up_is_looked_up_anew() -> None:
    """The newer scan stands for the older, and is not wholly before the rise."""
    rig = looking()
    rig.scan("SN-1")
    rig.answer()
    event = rig.of(UnitCompleted)[0]
    assert (event.unit, event.why) == ("SN-1", (Why.ORDER_OF_FACTS,))


def test_a_cancel_code_during_the_look_up_takes_the_candidate_back() -> None:
    """Then there is none."""
    rig = looking()
    rig.scan("CANCEL")
    rig.turn(300)
    assert rig.of(UnitUnbound)[0].why == (Why.NO_SCAN,)


def test_a_scan_that_changes_nothing_leaves_the_look_up_alone() -> None:
    """A badge, and a scan long after the rise, which is the next cycle's."""
    rig = looking()
    rig.scan("OP-1")
    rig.ms += 250
    rig.scan("SN-2")
    rig.look_up(rig.asks[0])
    assert rig.of(UnitCompleted)[0].certainty is Certainty.CERTAIN


def test_a_scan_means_nothing_where_a_tag_carries_the_code() -> None:
    """It waits for its window."""
    rig = Rig(CAMERA)
    rig.up()
    rig.plc(trigger=True, request=1, code="SN-1")
    rig.read()
    rig.scan("SN-2")
    rig.answer()
    assert rig.of(UnitCompleted)[0].unit == "SN-1"


def test_the_settle_is_waited_for_once() -> None:
    """A scan of something else does not end it early, and nothing prolongs it."""
    rig = Rig(PRESS)
    rig.up()
    rig.turn(1_000)
    rig.plc(trigger=True, request=1)
    rig.answer()
    rig.turn(100)
    rig.scan("OP-1")
    assert rig.units() == []
    rig.turn(80)
    assert [event.answer for event in rig.units()] == [8]


@pytest.mark.parametrize(
    "act",
    [
        lambda draft: seeking.seek(draft, END),
        lambda draft: choosing.looked_up(draft, END, None),
        lambda draft: answering.refuse(draft, END, None, Why.BAD_CODE, Outcome.BAD_CODE),
        lambda draft: cycle.ROWS[Phase.ASKING, Kind.SNAPSHOT](
            draft, END, Signal(kind=Kind.SNAPSHOT, earliest_ms=0, latest_ms=0)
        ),
    ],
)
def test_what_cannot_happen_is_an_error_and_no_guess(act: Callable[[Draft], None]) -> None:
    """A part called out of its phase has found a bug: the process ends (STYLE 3.6)."""
    rig = Rig(PRESS)
    with pytest.raises(AssertionError):
        act(Draft(rig.state, Working(), rig.now, binder.evolve))


def test_steps_without_a_first_reading_are_an_error() -> None:
    """As above, for the counter."""
    rig = Rig(FILLER)
    steps = (Step(count=2, n=1, earliest_ms=0, latest_ms=1),)
    with pytest.raises(AssertionError):
        production.flush(Draft(rig.state, Working(steps=steps), rig.now, binder.evolve))
