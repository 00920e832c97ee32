"""Strategy `tag`: the code in the snapshot is the unit (D-23)."""

from dataclasses import replace

import pytest

from agent.core.events import UnitCompleted, UnitRefused, UnitUnbound, Why
from agent.core.station import Policy
from tests.core_rig import CAMERA, Rig


def camera() -> Rig:
    """Return a station whose PLC carries the code."""
    rig = Rig(CAMERA)
    rig.up()
    rig.due()
    rig.turn(1_000)
    return rig


def test_the_code_in_the_tag_is_the_unit() -> None:
    """Certain, no scan needed, no settle waited for."""
    rig = camera()
    assert rig.cycle(1, code="SN-1") == 1
    assert rig.of(UnitCompleted)[0].unit == "SN-1"


@pytest.mark.parametrize("code", ["", "  "])
def test_an_empty_tag_leaves_the_cycle_unbound(code: str) -> None:
    """No unit."""
    rig = camera()
    assert rig.cycle(1, code=code) == 8
    assert rig.of(UnitUnbound)[0].why == (Why.NO_SCAN,)


@pytest.mark.parametrize("code", ["junk", "L-1", "\ud800"])
def test_a_code_that_is_no_unit_is_refused_with_its_bytes(code: str) -> None:
    """Answer 4 (D-85)."""
    rig = camera()
    assert rig.cycle(1, code=code) == 4
    event = rig.of(UnitRefused)[0]
    assert event.reason is Why.BAD_CODE
    assert event.raw == code.encode("utf-8", "backslashreplace").hex()


def test_the_same_code_while_the_guard_moved_on_is_not_believed() -> None:
    """The camera read nothing new (D-23)."""
    rig = camera()
    rig.cycle(1, code="SN-1")
    assert rig.cycle(2, code="SN-1") == 8
    assert (rig.of(UnitUnbound)[0].candidates, rig.of(UnitUnbound)[0].why) == (
        ("SN-1",),
        (Why.STALE_CODE,),
    )


def test_the_same_code_with_the_guard_still_is_the_same_unit_again() -> None:
    """A new number for a unit that is stored: 3, never a second record (DESIGN 4)."""
    rig = camera()
    rig.cycle(1, code="SN-1")
    assert rig.cycle(2, code="SN-1", count=1) == 3


def test_the_same_code_after_a_restart_of_the_plc_is_a_duplicate() -> None:
    """D-20, the last line of the worked example."""
    rig = camera()
    rig.cycle(4711, code="SN-1")
    rig.plc(request=0)
    assert rig.cycle(1, code="SN-1") == 3


def test_after_another_unit_the_code_is_judged_anew() -> None:
    """Only the code of the cycle before can be stale, also where that was refused (D-23)."""
    rig = camera()
    rig.cycle(1, code="SN-1")
    rig.cycle(2, code="SN-2")
    assert rig.cycle(3, code="SN-1") == 3
    assert rig.cycle(4, code="SN-1") == 8


def test_code_that_stays_for_a_second_time_is_not_believed_either() -> None:
    """A camera that failed once may fail twice: also after a cycle that was not bound (D-23)."""
    rig = Rig(replace(CAMERA, duplicates=Policy.RECORD))
    rig.up()
    rig.turn(1_000)
    assert [rig.cycle(n, code="SN-1") for n in (1, 2, 3)] == [1, 8, 8]
    assert [event.why for event in rig.of(UnitUnbound)] == [(Why.STALE_CODE,)] * 2


def test_two_cycles_without_a_code_are_two() -> None:
    """A tag that holds no code names no request: each cycle has its event (D-20)."""
    end = replace(CAMERA.handshakes[0], request=None, modulus=None, guard=())
    rig = Rig(replace(CAMERA, handshakes=(end,)))
    rig.up()
    rig.turn(1_000)
    assert [rig.cycle(n, code="") for n in (1, 2)] == [8, 8]
    assert len(rig.units()) == 2
