"""A part that was taken out leaves nothing behind that could shift to the next one (D-18, D-24)."""

from dataclasses import replace

import pytest

from agent.core import binder, cycle
from agent.core.draft import Draft
from agent.core.events import CycleAborted, ExpiryReason, ScanExpired, UnitCompleted
from agent.core.signals import Kind, Signal, phase
from agent.core.state import Phase
from tests.core_rig import BEGIN, END, PRESS, Rig

ABORTS = replace(PRESS, handshakes=(replace(END, abort="abort"),))


def press() -> Rig:
    """Return a press with a scan that waits, and its trigger up."""
    rig = Rig(ABORTS)
    rig.up()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(trigger=True, request=1, count=1)
    return rig


def aborted(rig: Rig) -> list[tuple[int | None, str]]:
    """Return each aborted request with its reason."""
    return [(event.request, event.reason) for event in rig.of(CycleAborted)]


def settled(rig: Rig) -> None:
    """Check that the next part is bound to its own scan."""
    assert aborted(rig) == [(1, "part_removed")]
    assert [scan.reason for scan in rig.of(ScanExpired)] == [ExpiryReason.CYCLE_REFUSED]
    rig.scan("SN-2")
    rig.turn(500)
    assert rig.cycle(2, abort=False) == 1
    assert [unit.unit for unit in rig.of(UnitCompleted)] == ["SN-2"]


@pytest.mark.parametrize("reads", [0, 1])
def test_what_is_seen_before_the_answer_aborts_the_cycle(reads: int) -> None:
    """While the snapshot is read, or the unit looked up; the fall says it no second time."""
    rig = press()
    for _ in range(reads):
        rig.read()
    rig.plc(abort=True)
    assert phase(rig.state, rig.working, rig.station.handshakes[0]) is Phase.TORN
    assert rig.answered() == 7
    rig.answer()
    assert rig.units() == []
    rig.plc(trigger=False)
    settled(rig)


def test_while_a_scan_is_waited_for_as_well() -> None:
    """A scan that comes later, under the same trigger, is of this part too."""
    rig = Rig(ABORTS)
    rig.up()
    rig.plc(trigger=True, request=1, count=1)
    rig.read()
    rig.plc(abort=True, trigger=False)
    assert aborted(rig) == [(1, "part_removed")]
    rig.turn(10_000)
    assert rig.units() == []


def test_together_with_the_fall_it_is_the_reason() -> None:
    """Both come with one poll."""
    rig = press()
    rig.read()
    rig.plc(trigger=False, abort=True)
    settled(rig)


def test_a_snapshot_may_be_the_first_to_show_it() -> None:
    """Then nothing is sought."""
    rig = press()
    rig.tags["abort"] = True
    rig.read()
    rig.plc(trigger=False)
    settled(rig)


def test_after_the_answer_it_changes_nothing() -> None:
    """The record stands; a person corrects it."""
    rig = press()
    rig.answer()
    assert rig.answered() == 1
    rig.plc(abort=True)
    rig.plc(abort=False, trigger=False)
    assert (rig.answered(), aborted(rig)) == (None, [])


def test_a_part_is_taken_out_from_under_its_trigger() -> None:
    """The table asks for nothing else; a row that were called at rest would be a bug of ours."""
    rig = Rig(ABORTS)
    rig.up()
    draft = Draft(rig.state, rig.working, rig.now, binder.evolve)
    signal = Signal(kind=Kind.REMOVED, earliest_ms=rig.ms, latest_ms=rig.ms)
    with pytest.raises(AssertionError, match="from under its trigger"):
        cycle.ROWS[Phase.ASKING, Kind.REMOVED](draft, ABORTS.handshakes[0], signal)


def test_a_unit_that_was_let_in_is_gone_with_its_end() -> None:
    """The next end is not its own."""
    end = replace(END, abort="abort")
    rig = Rig(replace(PRESS, handshakes=(BEGIN, end)))
    rig.up()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    rig.plc(b_trigger=False)
    rig.plc(trigger=True, request=1, count=1)
    rig.plc(abort=True)
    rig.plc(trigger=False, abort=False)
    assert rig.cycle(2) == 8
