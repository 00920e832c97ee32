"""Serial components: in one unit at a time, removal first, complete kits (D-42)."""

from dataclasses import replace

import pytest

from agent.core.events import (
    Certainty,
    CodeScanned,
    ComponentConflict,
    ComponentInstalled,
    ComponentInUse,
    ComponentRemoved,
    ComponentUnchecked,
    UnitCompleted,
    UnitRefused,
    UnitUnbound,
    Why,
)
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.state import ComponentAsk, Reply
from agent.core.station import Component, Policy
from tests.core_rig import ECU, PRESS, RULES
from tests.material_rig import Fed, use

OUT = ScanRule(match=RegexMatch(pattern=r"OUT(?P<id>ECU-\d+)"), means=Means.REMOVED)
RECORDED = replace(ECU, installed=Policy.RECORD)
KIT = replace(ECU, pieces=2, required=True)
DUPLICATE, NOT_RELEASED = 3, 6


def bench(component: Component = ECU) -> Fed:
    """Return a press at which each part gets serial components; a part may come again."""
    station = replace(PRESS, scans=(*RULES, OUT), components=(component,), duplicates=Policy.RECORD)
    rig = Fed(station)
    rig.up()
    return rig


def build(rig: Fed, unit: str, *components: str) -> None:
    """Scan components, then their part, and press it."""
    for code in components:
        rig.turn(1_200)
        rig.scan(code)
    rig.turn(1_200)
    rig.scan(unit)
    rig.turn(100)
    rig.made += 1
    rig.cycle(rig.made)


def test_a_scanned_component_is_asked_about() -> None:
    """Which unit it is in is asked at the scan, so that the cycle needs not wait."""
    rig = bench()
    rig.hold_checks = True
    rig.scan("ECU-1")
    (ask,) = rig.checks
    assert isinstance(ask, ComponentAsk)
    assert ask.component == "ECU-1"
    rig.check()
    assert rig.working.checks == {}
    assert rig.of(ComponentInUse) == []


def test_a_component_of_another_unit_is_refused() -> None:
    """It is in one unit at a time: answer 3, and nothing is installed (D-42)."""
    rig = bench()
    build(rig, "SN-1", "ECU-1")
    first = rig.of(ComponentInstalled)[0]
    build(rig, "SN-2", "ECU-1")
    (found,) = rig.of(ComponentInUse)
    assert (found.unit, found.installed, found.position) == ("SN-1", first.address, "ecu")
    refused = rig.of(UnitRefused)[-1]
    assert (refused.reason, refused.answer) == (Why.CONFLICT, DUPLICATE)
    assert use(refused, "ecu").candidates == ("ECU-1",)
    assert len(rig.of(ComponentInstalled)) == 1
    assert rig.of(ComponentConflict) == []


def test_by_policy_the_conflict_is_recorded() -> None:
    """`record`: the unit goes on, both units are possible for the component (D-5, D-42)."""
    rig = bench(RECORDED)
    build(rig, "SN-1", "ECU-1")
    build(rig, "SN-2", "ECU-1")
    unit = rig.of(UnitCompleted)[-1]
    assert unit.certainty is Certainty.CERTAIN
    assert (use(unit, "ecu").certainty, use(unit, "ecu").why) == (Certainty.POSSIBLE, Why.CONFLICT)
    (conflict,) = rig.of(ComponentConflict)
    assert (conflict.component, conflict.unit, conflict.other) == ("ECU-1", "SN-2", "SN-1")
    assert conflict.because == (unit.address, rig.of(CodeScanned)[-2].address)
    assert len(rig.of(ComponentInstalled)) == 1


def test_the_same_unit_again_is_no_conflict() -> None:
    """Another visit of the unit with its own component is what it says (D-35)."""
    rig = bench()
    build(rig, "SN-1", "ECU-1")
    build(rig, "SN-1", "ECU-1")
    assert [event.unit for event in rig.of(ComponentInstalled)] == ["SN-1", "SN-1"]
    assert [unit.visit for unit in rig.of(UnitCompleted)] == [1, 2]


def test_removal_comes_first() -> None:
    """Taken out of its unit, a component may go into another: an exchange in repair (D-42)."""
    rig = bench()
    build(rig, "SN-1", "ECU-1")
    rig.scan("OUTECU-1")
    (out,) = rig.of(ComponentRemoved)
    assert (out.component, out.because) == ("ECU-1", (rig.of(CodeScanned)[-1].address,))
    build(rig, "SN-1", "ECU-2")
    build(rig, "SN-2", "ECU-1")
    assert [(event.component, event.unit) for event in rig.of(ComponentInstalled)] == [
        ("ECU-1", "SN-1"),
        ("ECU-2", "SN-1"),
        ("ECU-1", "SN-2"),
    ]
    assert rig.of(UnitRefused) == []


def test_removed_while_it_waits_it_is_free() -> None:
    """The removal may be scanned after the component: it waits, and is in no unit then."""
    rig = bench()
    build(rig, "SN-1", "ECU-1")
    rig.turn(1_200)
    rig.scan("ECU-1")
    rig.scan("OUTECU-1")
    build(rig, "SN-2")
    assert rig.of(ComponentInstalled)[-1].unit == "SN-2"


def test_an_answer_that_does_not_come_in_time_leaves_a_doubt() -> None:
    """What could not be known is said, and nothing is certain (D-41)."""
    rig = bench()
    rig.hold_checks = True
    rig.scan("ECU-1")
    rig.turn(499)
    assert rig.of(ComponentUnchecked) == []
    rig.turn(1)
    (unchecked,) = rig.of(ComponentUnchecked)
    assert (unchecked.position, unchecked.component) == ("ecu", "ECU-1")
    rig.check()  # too late: nothing follows
    assert rig.new()[-1] == "component_unchecked"
    build(rig, "SN-1")
    got = use(rig.units()[-1], "ecu")
    assert (got.candidates, got.why) == (("ECU-1",), Why.KNOWLEDGE_MISSING)
    assert rig.of(ComponentInstalled) == []


def test_a_store_that_cannot_say_leaves_the_same_doubt() -> None:
    """An answer without knowledge is no answer."""
    rig = bench()
    rig.hold_checks = True
    rig.scan("ECU-1")
    rig.check(known=False)
    assert len(rig.of(ComponentUnchecked)) == 1


def test_a_cycle_does_not_wait_for_the_answer() -> None:
    """When the cycle is judged, an open question is given up; its answer then says nothing."""
    rig = bench()
    rig.hold_checks = True
    rig.scan("ECU-1")
    rig.scan("SN-1")
    rig.plc(trigger=True, request=1, count=1)
    rig.answer()
    assert use(rig.units()[-1], "ecu").why is Why.KNOWLEDGE_MISSING
    before = len(rig.events)
    rig.check()
    assert len(rig.events) == before


def test_what_no_longer_waits_is_not_told_of() -> None:
    """A component that was cancelled, or went with an unbound cycle, needs no answer."""
    rig = bench()
    rig.hold_checks = True
    rig.scan("ECU-1")
    rig.scan("CANCEL")
    rig.check()
    rig.scan("ECU-2")
    rig.plc(trigger=True, request=1)
    rig.answer()
    rig.turn(400)
    assert rig.of(UnitUnbound)
    rig.turn(5_000)
    assert rig.of(ComponentUnchecked) == []
    assert rig.of(ComponentInUse) == []


def test_a_kit_is_complete_or_says_what_is_missing() -> None:
    """Several scans for one unit: fewer are refused by name, more are never chosen from."""
    rig = bench(KIT)
    build(rig, "SN-1", "ECU-1", "ECU-2")
    unit = rig.of(UnitCompleted)[-1]
    assert use(unit, "ecu").candidates == ("ECU-1", "ECU-2")
    assert use(unit, "ecu").certainty is Certainty.CERTAIN
    assert [event.component for event in rig.of(ComponentInstalled)] == ["ECU-1", "ECU-2"]
    build(rig, "SN-2", "ECU-3")
    refused = rig.of(UnitRefused)[-1]
    assert (refused.reason, refused.answer) == (Why.COMPONENT_MISSING, NOT_RELEASED)
    assert refused.missing == ("ecu",)
    assert use(refused, "ecu").candidates == ("ECU-3",)
    build(rig, "SN-3")
    assert rig.of(UnitRefused)[-1].missing == ("ecu",)
    build(rig, "SN-4", "ECU-4", "ECU-5", "ECU-6")
    extra = use(rig.units()[-1], "ecu")
    assert (extra.why, len(extra.candidates)) == (Why.COUNT_OVER, 3)
    assert len(rig.of(ComponentInstalled)) == 2


def test_a_kit_that_is_not_required_is_recorded_as_incomplete() -> None:
    """What there is of it is possible, and the reason says that it is not all."""
    rig = bench(replace(KIT, required=False))
    build(rig, "SN-1", "ECU-1")
    got = use(rig.units()[-1], "ecu")
    assert (got.candidates, got.why) == (("ECU-1",), Why.COMPONENT_MISSING)


def test_the_same_label_twice_is_one_component() -> None:
    """A component that is scanned again while it waits is no second one."""
    rig = bench()
    build(rig, "SN-1", "ECU-1", "ECU-1")
    (installed,) = rig.of(ComponentInstalled)
    assert len(installed.because) == 3


def test_what_waited_over_a_lost_history_is_possible() -> None:
    """It may be in a unit whose record is lost; given up, the next one would be certain (D-4)."""
    rig = bench()
    rig.scan("ECU-1")
    rig.start(lost=(("000001-aa", 3, 4, "damaged"),))
    rig.up()
    build(rig, "SN-1", "ECU-2")
    found = use(rig.units()[-1], "ecu")
    assert (found.candidates, found.certainty) == (("ECU-1", "ECU-2"), Certainty.POSSIBLE)
    assert rig.state.material.waiting == ()


def test_a_restart_leaves_the_question_open() -> None:
    """What waited over a restart is possible at most, so nobody needs to be asked (D-24)."""
    rig = bench()
    rig.hold_checks = True
    rig.scan("ECU-1")
    rig.restart()
    rig.up()
    build(rig, "SN-1")
    assert use(rig.units()[-1], "ecu").why is Why.SCAN_BEFORE_RESTART


@pytest.mark.parametrize(("component", "n"), [(ECU, 1), (KIT, 2)])
def test_one_too_many_is_told_at_the_scan(component: Component, n: int) -> None:
    """The person hears it while it can still be taken back; the same one again is not one more."""
    rig = bench(component)
    for number in range(n):
        rig.turn(2_000)
        assert rig.scan(f"ECU-{number}").replies == (Reply(device="scanner", good=True),)
    rig.turn(2_000)
    assert rig.scan(f"ECU-{n - 1}").replies == (Reply(device="scanner", good=True),)
    rig.turn(2_000)
    assert rig.scan(f"ECU-{n}").replies == (Reply(device="scanner", good=False),)
    rig.scan("CANCEL")
    assert rig.state.material.waiting == ()
