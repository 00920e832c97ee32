"""Taking apart by hand: what comes out, who says so, and what is refused (D-35, D-42, D-143)."""

from dataclasses import replace

from agent.core.events import (
    ComponentInstalled,
    ComponentRemoved,
    Declined,
    ParentDissolved,
    UnitUnpacked,
)
from agent.core.station import Policy
from tests.core_rig import ECU, PRESS, Rig
from tests.packing_rig import BOX, Packing, bench


def boxed() -> Packing:
    """Return a bench with a closed box of two."""
    rig = bench(replace(BOX, count=2))
    rig.codes("BOX-1", "AU-1", "AU-2")
    return rig


def test_a_box_is_unpacked_by_hand() -> None:
    """All that is in it comes out, and who said so and why stands in each record (D-132)."""
    rig = boxed()
    rig.command("unpack", parent="BOX-1", reason="returned by the customer")
    (dissolved,) = rig.of(ParentDissolved)
    assert (dissolved.children, dissolved.how) == (("AU-1", "AU-2"), "command")
    said = ("k:OP-7", "returned by the customer")
    assert (dissolved.who, dissolved.reason) == said
    assert [(out.child, out.who, out.reason) for out in rig.of(UnitUnpacked)] == [
        ("AU-1", *said),
        ("AU-2", *said),
    ]
    assert [reply.address for reply in rig.command_replies] == [dissolved.address]


def test_named_children_come_out_of_their_parent() -> None:
    """The rest stays in, and the parent is still one."""
    rig = boxed()
    rig.command("unpack", parent="BOX-1", child=("AU-2", "AU-2"))
    (out,) = rig.of(UnitUnpacked)
    assert (out.child, out.parent, out.how, out.who) == ("AU-2", "BOX-1", "command", "k:OP-7")
    assert (rig.home("AU-1"), rig.home("AU-2")) == ("BOX-1", None)


def test_an_open_box_is_unpacked_by_what_the_state_knows() -> None:
    """It is open no longer."""
    rig = bench()
    rig.codes("BOX-1", "AU-1")
    rig.command("unpack", parent="BOX-1")
    assert rig.of(ParentDissolved)[0].children == ("AU-1",)
    assert rig.state.packing.open == ()


def test_what_is_not_in_does_not_come_out() -> None:
    """Nothing is done where one of several is wrong, or where nothing is in."""
    rig = boxed()
    rig.command("unpack", parent="BOX-1", child=("AU-1", "AU-9"))
    refused = rig.refused()
    assert refused.cause is Declined.NOT_SO
    assert refused.detail == "not in 'BOX-1' by what this station knows: child 'AU-9'"
    rig.command("unpack", parent="BOX-9")
    assert rig.refused().detail == "nothing is in 'BOX-9', by what this station knows"
    assert rig.of(UnitUnpacked) == []


def built() -> Rig:
    """Return a press with a unit of two serial components."""
    ecus = replace(ECU, pieces=2)
    rig = Rig(replace(PRESS, components=(ecus,), duplicates=Policy.RECORD))
    rig.up()
    for code in ("ECU-1", "ECU-2", "SN-1"):
        rig.turn(1_200)
        rig.scan(code)
    rig.turn(300)
    rig.cycle(1)
    assert len(rig.of(ComponentInstalled)) == 2
    return rig


def test_a_unit_is_taken_apart() -> None:
    """Each of its components comes out; each may then go into another unit (D-42)."""
    rig = built()
    rig.command("disassemble", unit="SN-1", reason="scrapped housing")
    removed = rig.of(ComponentRemoved)
    assert [(out.component, out.unit, out.who, out.reason) for out in removed] == [
        ("ECU-1", "SN-1", "k:OP-7", "scrapped housing"),
        ("ECU-2", "SN-1", "k:OP-7", "scrapped housing"),
    ]
    rig.command("disassemble", unit="SN-1")
    assert rig.refused().detail == (
        "no serial component is in 'SN-1', by what this station knows; name them"
    )


def test_named_components_come_out_of_a_unit() -> None:
    """The rest stays in; what is in another unit does not come out of this one."""
    rig = built()
    rig.command("disassemble", unit="SN-1", component=("ECU-2",))
    assert [out.component for out in rig.of(ComponentRemoved)] == ["ECU-2"]
    rig.command("disassemble", unit="SN-1", component=("ECU-1", "ECU-2"))
    assert rig.refused().detail == "not in 'SN-1' by what this station knows: component 'ECU-2'"
    assert rig.home("ECU-1") == "SN-1"
