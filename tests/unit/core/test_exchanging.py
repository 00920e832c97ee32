"""Repair by hand: a component out of a unit, another into its place (D-42)."""

from agent.core.events import (
    ComponentInstalled,
    ComponentRemoved,
    Declined,
    LotBlocked,
    UnitRefused,
)
from tests.material_rig import Fed
from tests.unit.core.test_installing import bench, build


def built() -> Fed:
    """Return a bench at which SN-1 has got ECU-1, and SN-2 has got ECU-2."""
    rig = bench()
    build(rig, "SN-1", "ECU-1")
    build(rig, "SN-2", "ECU-2")
    return rig


def test_a_component_is_exchanged() -> None:
    """The old one is out, the new one is in its position; both say who, why and on what ground."""
    rig = built()
    first = rig.of(ComponentInstalled)[0]
    rig.command("exchange", unit="SN-1", old="ECU-1", new="ECU-3", reason="dead")
    (removed,) = rig.of(ComponentRemoved)
    put = rig.of(ComponentInstalled)[-1]
    assert (removed.component, removed.unit, removed.position) == ("ECU-1", "SN-1", "ecu")
    assert (removed.who, removed.reason) == ("k:OP-7", "dead")
    assert removed.because[1] == first.address
    assert (put.component, put.unit, put.position) == ("ECU-3", "SN-1", "ecu")
    assert (put.who, put.reason, put.because[1]) == ("k:OP-7", "dead", removed.address)
    assert [reply.address for reply in rig.command_replies] == [put.address]


def test_after_an_exchange_the_old_component_is_free() -> None:
    """It may go into another unit; the new one may not (D-42)."""
    rig = built()
    rig.command("exchange", unit="SN-1", old="ECU-1", new="ECU-3")
    build(rig, "SN-4", "ECU-1")
    assert rig.of(ComponentInstalled)[-1].unit == "SN-4"
    build(rig, "SN-5", "ECU-3")
    assert len(rig.of(UnitRefused)) == 1


def test_a_component_is_removed() -> None:
    """Nothing takes its place."""
    rig = built()
    rig.command("remove", unit="SN-1", old="ECU-1")
    assert len(rig.of(ComponentRemoved)) == 1
    rig.command("remove", unit="SN-1", old="ECU-1")
    assert rig.refused().detail == "'ECU-1' is in no unit, by what this station knows"


def test_a_component_of_another_unit_is_left_alone() -> None:
    """A slip of the unit changes no genealogy; the answer says where the component is."""
    rig = built()
    rig.command("exchange", unit="SN-2", old="ECU-1", new="ECU-3")
    at = rig.of(ComponentInstalled)[0].address
    assert rig.refused().cause is Declined.NOT_SO
    assert rig.refused().detail == f"'ECU-1' is in 'SN-1' ({at}), not in 'SN-2'"
    assert rig.of(ComponentRemoved) == []


def test_a_component_that_is_somewhere_else_is_not_put_in() -> None:
    """In another unit, waiting for one, or blocked: refused, and the old one stays (D-42, D-56)."""
    rig = built()
    rig.command("exchange", unit="SN-1", old="ECU-1", new="ECU-2")
    at = rig.of(ComponentInstalled)[1].address
    assert rig.refused().detail == f"'ECU-2' is in 'SN-2' ({at}); take it out there first"
    rig.turn(1_200)
    rig.scan("ECU-3")
    rig.command("exchange", unit="SN-1", old="ECU-1", new="ECU-3")
    assert rig.refused().detail == (
        "'ECU-3' was scanned and waits for the next unit; cancel that first"
    )
    rig.command("block-lot", lot="ECU-4")
    assert isinstance(rig.events[-1], LotBlocked)
    rig.command("exchange", unit="SN-1", old="ECU-1", new="ECU-4")
    assert rig.refused().cause is Declined.BLOCKED
    assert rig.of(ComponentRemoved) == []
