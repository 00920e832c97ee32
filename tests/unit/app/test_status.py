"""What the retained `state` says of a station (D-113)."""

from dataclasses import replace

import pytest

from agent.app.status import status_of
from agent.core.parts import OpenLot, ProductionState
from agent.core.people_parts import PeopleState, Session
from agent.core.state import NotReady
from drivers.base import ClockState
from tests.core_rig import PRESS, Rig


def test_without_a_run_it_says_why_not() -> None:
    """A station that has no journal is not ready, and nothing else is known."""
    assert status_of("acme/press", NotReady.JOURNAL, None, names_people=True) == {
        "station": "acme/press",
        "ready": False,
        "reason": "journal",
    }


@pytest.mark.parametrize("clock", sorted(set(ClockState) - {ClockState.SYNCED}))
def test_a_clock_that_is_not_set_is_shown(clock: ClockState) -> None:
    """A dashboard shows which times to doubt; a clock that is set is not worth a word."""
    said = status_of("acme/press", NotReady.READY, None, names_people=True, clock=clock)
    assert said["clock"] == clock
    assert "clock" not in status_of("acme/press", NotReady.READY, None, names_people=True)


def test_a_sink_that_sees_no_refusals_is_named() -> None:
    """Whoever looks at the station knows that its counts of delivered events prove less (B13)."""
    said = status_of("acme/press", NotReady.READY, None, names_people=True, blind=("old",))
    assert said["refusals_unseen"] == ["old"]
    assert "refusals_unseen" not in status_of("acme/press", NotReady.READY, None, names_people=True)


def test_a_sink_that_comes_and_goes_is_named() -> None:
    """It is no event each time; whoever looks sees it for as long as it lasts."""
    said = status_of("acme/press", NotReady.READY, None, names_people=True, unsteady=("plant",))
    assert said["sinks_unsteady"] == ["plant"]
    assert "sinks_unsteady" not in status_of("acme/press", NotReady.READY, None, names_people=True)


def test_standing_faults_are_named() -> None:
    """What a dashboard shows until it is cleared; without one nothing is said."""
    state = Rig(PRESS).state
    assert "faults" not in status_of(PRESS.path, NotReady.READY, state, names_people=True)
    sick = replace(state, run=replace(state.run, faults=("plc:clock",)))
    said = status_of(PRESS.path, NotReady.READY, sick, names_people=True)
    assert said["faults"] == ["plc:clock"]


def test_people_are_named_by_pseudonym_or_not_at_all() -> None:
    """A name in the clear would stay on the broker for whoever comes later."""
    state = Rig(PRESS).state
    said = status_of(PRESS.path, NotReady.READY, state, names_people=True)
    assert (said["ready"], said["epoch"], said["operators"]) == (True, state.epoch, [])
    assert "operators" not in status_of(PRESS.path, NotReady.READY, state, names_people=False)


def test_what_is_made_and_by_whom() -> None:
    """Order, lot, product and sessions as the events on disk say."""
    state = replace(
        Rig(PRESS).state,
        people=PeopleState(
            order="WO-1", sessions=(Session(ref="op-1", role="operator", address="e-1"),)
        ),
        production=ProductionState(lot=OpenLot(lot="L-1", product="P-1", address="e-2")),
    )
    said = status_of(PRESS.path, NotReady.SLOW_DISK, state, names_people=True)
    assert said == {
        "station": PRESS.path,
        "ready": False,
        "reason": "slow_disk",
        "epoch": state.epoch,
        "machine": PRESS.machine,
        "order": "WO-1",
        "lot": "L-1",
        "product": "P-1",
        "operators": [{"ref": "op-1", "role": "operator"}],
    }
