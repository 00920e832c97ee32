"""What comes out again: one child, or all of them with the parent dissolved (D-9, D-42, D-132)."""

from dataclasses import replace

from agent.core.events import (
    Certainty,
    ExpiryReason,
    PackingConflict,
    PackingRefused,
    ParentDissolved,
    ScanExpired,
    UnitPacked,
    UnitUnpacked,
    Why,
)
from agent.core.parentage import UNPACK_WITHIN_MS
from tests.packing_rig import BOX, GATHERED, PALLET, bench, heard
from tests.whole import whole

OPEN = replace(BOX, count=None)


def test_one_child_is_taken_out_of_what_it_is_in() -> None:
    """Wherever that was packed; it may then go into another parent."""
    rig = bench(OPEN)
    rig.codes("BOX-1", "AU-1", "AU-2", "DONE", "UNPACK", "AU-1")
    (out,) = rig.of(UnitUnpacked)
    assert (out.child, out.parent, out.how) == ("AU-1", "BOX-1", "scan")
    assert rig.home("AU-1") is None
    rig.codes("BOX-2", "AU-1")
    assert rig.home("AU-1") == "BOX-2"
    assert rig.refusals() == []


def test_it_leaves_the_parent_that_is_open() -> None:
    """And no longer counts there."""
    rig = bench(BOX)
    rig.codes("BOX-1", "AU-1", "AU-2", "UNPACK", "AU-1")
    assert [child.code for child in rig.state.packing.open[0].children] == ["AU-2"]
    rig.codes("AU-3", "AU-4")
    assert rig.of(UnitPacked)[-1].n == 3
    assert rig.state.packing.open == ()


def test_only_the_next_code_comes_out() -> None:
    """The one after it goes in again."""
    rig = bench(OPEN)
    rig.codes("BOX-1", "AU-1", "AU-2", "UNPACK", "AU-1", "AU-1")
    assert rig.home("AU-1") == "BOX-1"
    assert len(rig.of(UnitUnpacked)) == 1


def test_a_parent_is_dissolved_with_all_that_is_in_it() -> None:
    """Each child has its own record, and all of them are named (D-132)."""
    rig = bench(OPEN)
    rig.codes("BOX-1", "AU-1", "AU-2", "DONE", "UNPACK", "BOX-1")
    (dissolved,) = rig.of(ParentDissolved)
    assert (dissolved.children, dissolved.how) == (("AU-1", "AU-2"), "scan")
    assert [(e.child, e.how) for e in rig.of(UnitUnpacked)] == [
        ("AU-1", "dissolved"),
        ("AU-2", "dissolved"),
    ]
    assert {event.because for event in rig.of(UnitUnpacked)} == {(dissolved.address,)}
    rig.codes("BOX-1", "AU-1")
    assert rig.refusals() == []


def test_an_open_parent_is_dissolved_with_all_that_is_known_to_be_in_it() -> None:
    """Also where nothing was known of it when it was opened; it is open no longer."""
    rig = bench(OPEN)
    rig.codes("BOX-1", "AU-1", "DONE")
    rig.hold_checks = True
    rig.codes("BOX-1")
    rig.check(known=False)  # opened without knowing what is in it
    rig.hold_checks = False
    rig.codes("AU-2", "UNPACK", "BOX-1")
    assert rig.of(ParentDissolved)[0].children == ("AU-2", "AU-1")
    assert (rig.home("AU-1"), rig.home("AU-2")) == (None, None)
    assert rig.state.packing.open == ()


def test_what_is_in_nothing_cannot_come_out() -> None:
    """Nor can anything come out of what is empty; neither is recorded on a guess."""
    rig = bench(OPEN)
    rig.codes("UNPACK", "AU-1", "UNPACK", "BOX-1")
    assert rig.refusals() == [("AU-1", Why.NOT_PACKED), ("BOX-1", Why.NOT_PACKED)]


def test_what_is_not_known_is_asked_for_again() -> None:
    """Whatever the station's policy says of packing: taking out is never guessed (D-41)."""
    rig = bench(OPEN)
    rig.codes("BOX-1", "AU-1")
    for code in ("AU-1", "BOX-1"):
        rig.codes("UNPACK")
        rig.hold_checks = True
        rig.codes(code)
        rig.check(known=False)
        rig.hold_checks = False
    unknown = Why.KNOWLEDGE_MISSING
    assert rig.refusals() == [("AU-1", unknown), ("BOX-1", unknown)]


def test_a_code_long_after_is_packed() -> None:
    """Nobody remembers half an hour later that he had said `unpack`: that expires."""
    rig = bench(OPEN)
    rig.codes("BOX-1", "AU-1", "UNPACK")
    rig.turn(UNPACK_WITHIN_MS + 100)
    (expired,) = rig.of(ScanExpired)
    assert expired.reason is ExpiryReason.WINDOW
    rig.codes("AU-2")
    assert rig.home("AU-2") == "BOX-1"
    assert rig.of(UnitUnpacked) == []


def test_unpack_before_what_comes_out_of_nothing_expires() -> None:
    """An end code, or the same word again: the first is spent, what follows means what it means."""
    rig = bench(OPEN)
    rig.codes("BOX-1", "AU-1", "UNPACK", "DONE")
    assert [event.reason for event in rig.of(ScanExpired)] == [ExpiryReason.WINDOW]
    assert rig.state.packing.open == ()
    rig.codes("UNPACK", "UNPACK", "AU-1")
    assert len(rig.of(ScanExpired)) == 2
    assert rig.home("AU-1") is None


def test_unpack_does_not_outlive_a_boot() -> None:
    """How long ago it was said is not known (D-91); within one boot it still stands."""
    rig = bench(OPEN)
    rig.codes("BOX-1", "AU-1", "UNPACK")
    rig.restart()
    rig.link("scanner", up=True)
    rig.scan("AU-1")
    assert len(rig.of(UnitUnpacked)) == 1
    rig.codes("UNPACK")
    rig.restart(reboot=True)
    assert rig.of(ScanExpired)[-1].reason is ExpiryReason.OTHER_BOOT
    assert rig.state.packing.turns == ()


def test_a_child_that_waits_is_free_once_it_was_taken_out() -> None:
    """What was a conflict when it was read is none any more (D-42)."""
    rig = bench(replace(GATHERED, count=2, refuses_elsewhere=False))
    rig.codes("AU-1", "BOX-1", "AU-1", "AU-2", "UNPACK", "AU-1", "BOX-2")
    assert rig.packed()[1:] == [("AU-1", "BOX-2", "certain"), ("AU-2", "BOX-2", "certain")]
    assert rig.of(PackingConflict) == []


def test_a_box_comes_off_a_pallet_with_all_that_is_in_it() -> None:
    """What is in the box stays in the box; its history keeps the pallet (D-35)."""
    rig = bench(OPEN, PALLET)
    rig.codes("BOX-1", "AU-1", "DONE", "PAL-1", "LAID-1", "UNPACK", "LAID-1")
    assert (rig.home("AU-1"), rig.home("LAID-1")) == ("BOX-1", None)


def test_what_comes_out_is_told_by_its_scan() -> None:
    """The record names the word and the code; the reader hears that it is done."""
    rig = heard(OPEN)
    rig.codes("BOX-1", "AU-1", "AU-2", "DONE")
    word, _ = rig.tell("UNPACK")
    scan, told = rig.tell("AU-1")
    assert told == [True]
    assert whole(rig.of(UnitUnpacked)[-1]) == {
        "because": (word.address, scan.address),
        "child": "AU-1",
        "parent": "BOX-1",
        "how": "scan",
    }
    word, _ = rig.tell("UNPACK")
    scan, told = rig.tell("BOX-1")
    assert told == [True]
    (dissolved,) = rig.of(ParentDissolved)
    assert whole(dissolved) == {
        "because": (word.address, scan.address),
        "parent": "BOX-1",
        "children": ("AU-2",),
        "how": "scan",
    }
    assert whole(rig.of(UnitUnpacked)[-1]) == {
        "because": (dissolved.address,),
        "child": "AU-2",
        "parent": "BOX-1",
        "how": "dissolved",
    }


def test_what_does_not_come_out_is_told_as_bad() -> None:
    """With what was read and why; nothing is in another place than before."""
    rig = heard(OPEN)
    for code in ("AU-1", "BOX-1"):
        word, _ = rig.tell("UNPACK")
        scan, told = rig.tell(code)
        assert told == [False]
        refused = whole(rig.of(PackingRefused)[-1])
        means = refused.pop("means")
        assert refused == {
            "certainty": Certainty.REFUSED,
            "why": (Why.NOT_PACKED,),
            "because": (word.address, scan.address),
            "level": "box",
            "code": code,
            "reason": Why.NOT_PACKED,
        }
        assert means == ("child" if code == "AU-1" else "parent")
