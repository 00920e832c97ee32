"""What packing records and tells its reader, to the last field (D-5, D-42)."""

from dataclasses import replace

import pytest

from agent.core.events import (
    Certainty,
    CodeScanned,
    PackingConflict,
    PackingRefused,
    ParentClosed,
    ParentOpened,
    UnitGathered,
    UnitPacked,
    Why,
)
from agent.core.identity.rules import Means
from agent.core.station import Policy
from drivers.base import CodeScanned as CodeSeen
from tests.packing_rig import BENCH, BOX, GATHERED, PALLET, Packing, heard, rule
from tests.whole import whole

CONFLICT: dict[str, object] = {"certainty": Certainty.POSSIBLE, "why": (Why.CONFLICT,)}


def refused(rig: Packing) -> dict[str, object]:
    """Return the newest refusal, whose certainty and reason must say the same."""
    event = rig.of(PackingRefused)[-1]
    assert (event.certainty, event.why) == (Certainty.REFUSED, (event.reason,))
    return {k: v for k, v in whole(event).items() if k not in {"certainty", "why"}}


def test_a_box_from_its_code_to_its_last_child() -> None:
    """Each event names what led to it; good is told once for each code."""
    rig = heard(replace(BOX, count=2))
    scan, told = rig.tell("BOX-1")
    assert told == [True]
    (opened,) = rig.of(ParentOpened)
    assert whole(opened) == {
        "because": (scan.address,),
        "level": "box",
        "parent": "BOX-1",
        "earliest_ms": scan.earliest_ms,
        "latest_ms": scan.latest_ms,
    }
    for n in (1, 2):
        scan, told = rig.tell(f"AU-{n}")
        assert told == [True]
        assert whole(rig.of(UnitPacked)[-1]) == {
            "because": (scan.address, opened.address),
            "level": "box",
            "child": f"AU-{n}",
            "product": "A",
            "parent": "BOX-1",
            "n": n,
        }
    (closed,) = rig.of(ParentClosed)
    assert whole(closed) == {
        "because": (scan.address, opened.address),
        "level": "box",
        "parent": "BOX-1",
        "children": ("AU-1", "AU-2"),
        "expected": 2,
        "how": "full",
        "latest_ms": scan.latest_ms,
    }


def test_a_box_that_is_open_is_read_again() -> None:
    """It goes on, what comes is certain, and the reader hears that all is well."""
    rig = heard(BOX)
    rig.tell("BOX-1")
    rig.turn(2_000)
    scan, told = rig.tell("BOX-1")
    assert told == [True]
    assert whole(rig.of(ParentOpened)[-1]) == {
        "because": (scan.address,),
        "level": "box",
        "parent": "BOX-1",
        "resumed": True,
        "earliest_ms": scan.earliest_ms,
        "latest_ms": scan.latest_ms,
    }


def test_an_end_and_the_next_parent_close_by_their_scan() -> None:
    """The end names its scan and the opening, with how many were expected; good is told once."""
    for code, how in (("DONE", "scan"), ("BOX-2", "next")):
        rig = heard(BOX)
        rig.tell("BOX-1")
        rig.tell("AU-1")
        opened = rig.of(ParentOpened)[0]
        scan, told = rig.tell(code)
        assert told == [True]
        (closed,) = rig.of(ParentClosed)
        assert whole(closed) == {
            "why": (Why.COUNT_SHORT,),
            "because": (scan.address, opened.address),
            "level": "box",
            "parent": "BOX-1",
            "children": ("AU-1",),
            "expected": 3,
            "how": how,
            "latest_ms": scan.latest_ms,
        }


def test_children_wait_and_are_taken_in() -> None:
    """Each says how many wait, then which place it has in the parent, by its own scan."""
    rig = heard(replace(GATHERED, count=2))
    scans: list[str] = []
    for n in (1, 2):
        scan, told = rig.tell(f"AU-{n}")
        scans.append(scan.address)
        assert told == [True]
        assert whole(rig.of(UnitGathered)[-1]) == {
            "because": (scan.address,),
            "level": "box",
            "child": f"AU-{n}",
            "product": "A",
            "n": n,
            "earliest_ms": scan.earliest_ms,
        }
    scan, told = rig.tell("BOX-1")
    assert told == [True]
    (opened,) = rig.of(ParentOpened)
    assert whole(opened) == {
        "because": (scan.address,),
        "level": "box",
        "parent": "BOX-1",
        "earliest_ms": scan.earliest_ms,
        "latest_ms": scan.latest_ms,
    }
    assert [whole(event) for event in rig.of(UnitPacked)] == [
        {
            "because": (address, opened.address),
            "level": "box",
            "child": f"AU-{n}",
            "product": "A",
            "parent": "BOX-1",
            "n": n,
        }
        for n, address in enumerate(scans, 1)
    ]
    assert whole(rig.of(ParentClosed)[0]) == {
        "because": (scan.address, opened.address),
        "level": "box",
        "parent": "BOX-1",
        "children": ("AU-1", "AU-2"),
        "expected": 2,
        "how": "parent",
        "latest_ms": scan.latest_ms,
    }


def test_a_refusal_names_what_was_read_and_what_for() -> None:
    """The code, what it means here, the parent that it was for, where the child is; told as bad."""
    rig = heard(replace(BOX, count=2, refuses_fewer=True))
    scan, told = rig.tell("AU-1")
    assert told == [False]
    child = {"because": (scan.address,), "level": "box", "means": "child", "code": "AU-1"}
    assert refused(rig) == child | {"reason": Why.NO_PARENT}
    rig.tell("BOX-1")
    rig.tell("AU-1")
    scan, told = rig.tell("DONE")
    assert told == [False]
    assert refused(rig) == {
        "because": (scan.address,),
        "level": "box",
        "means": "parent_end",
        "code": "DONE",
        "parent": "BOX-1",
        "reason": Why.COUNT_SHORT,
    }
    scan, told = rig.tell("BOX-2")
    assert told == [False]
    assert refused(rig) == {
        "because": (scan.address,),
        "level": "box",
        "means": "parent",
        "code": "BOX-2",
        "parent": "BOX-1",
        "reason": Why.COUNT_SHORT,
    }
    rig.tell("AU-2")
    rig.tell("BOX-2")
    scan, told = rig.tell("AU-1")
    assert told == [False]
    assert refused(rig) == child | {
        "because": (scan.address,),
        "parent": "BOX-2",
        "reason": Why.CONFLICT,
        "other": "BOX-1",
    }


def test_a_refusal_of_what_is_gathered_names_no_parent_yet() -> None:
    """A child that is elsewhere is told with where; a parent is told as the one it was for."""
    rig = heard(replace(GATHERED, count=2, refuses_fewer=True))
    for code in ("AU-1", "AU-2", "BOX-1"):
        rig.tell(code)
    scan, told = rig.tell("AU-1")
    assert told == [False]
    assert refused(rig) == {
        "because": (scan.address,),
        "level": "box",
        "means": "child",
        "code": "AU-1",
        "reason": Why.CONFLICT,
        "other": "BOX-1",
    }
    rig.tell("AU-3")
    scan, told = rig.tell("BOX-2")
    assert told == [False]
    assert refused(rig) == {
        "because": (scan.address,),
        "level": "box",
        "means": "parent",
        "code": "BOX-2",
        "parent": "BOX-2",
        "reason": Why.COUNT_SHORT,
    }


def test_what_is_in_a_parent_counts_when_it_takes_in_more() -> None:
    """A parent is whole by all that is in it, not by what waits alone; one more is its next."""
    rig = heard(replace(GATHERED, count=2))
    rig.codes("AU-1", "BOX-1", "AU-2")
    rig.station = replace(rig.station, packing=(replace(GATHERED, count=2, refuses_fewer=True),))
    rig.start()
    rig.link("scanner", up=True)
    _, told = rig.tell("BOX-1")
    assert told == [True]
    assert [(event.child, event.n) for event in rig.of(UnitPacked)] == [("AU-1", 1), ("AU-2", 2)]
    assert rig.of(ParentOpened)[-1].children == ("AU-1",)
    assert rig.of(ParentClosed)[-1].why == ()


def test_a_conflict_is_recorded_with_both_parents() -> None:
    """The child is possible in the new one, and the conflict names the event that put it there."""
    rig = heard(replace(BOX, refuses_elsewhere=False))
    rig.codes("BOX-1", "AU-1", "BOX-2")
    scan, told = rig.tell("AU-1")
    assert told == [True]
    packed, opened = rig.of(UnitPacked)[-1], rig.of(ParentOpened)[-1]
    assert whole(packed) == CONFLICT | {
        "because": (scan.address, opened.address),
        "level": "box",
        "child": "AU-1",
        "product": "A",
        "parent": "BOX-2",
        "n": 1,
    }
    (conflict,) = rig.of(PackingConflict)
    assert whole(conflict) == CONFLICT | {
        "because": (packed.address,),
        "level": "box",
        "child": "AU-1",
        "parent": "BOX-2",
        "other": "BOX-1",
    }


def test_a_gathered_conflict_is_told_when_its_parent_is_known() -> None:
    """Until then the child says which parent it is in by what is known."""
    rig = heard(replace(GATHERED, count=1, refuses_elsewhere=False))
    rig.codes("AU-1", "BOX-1")
    scan, _ = rig.tell("AU-1")
    gathered = rig.of(UnitGathered)[-1]
    assert whole(gathered) == CONFLICT | {
        "because": (scan.address,),
        "level": "box",
        "child": "AU-1",
        "product": "A",
        "n": 1,
        "other": "BOX-1",
        "earliest_ms": scan.earliest_ms,
    }
    rig.tell("BOX-2")
    packed = rig.of(UnitPacked)[-1]
    assert packed.why == (Why.CONFLICT,)
    (conflict,) = rig.of(PackingConflict)
    assert whole(conflict) == CONFLICT | {
        "because": (packed.address,),
        "level": "box",
        "child": "AU-1",
        "parent": "BOX-2",
        "other": "BOX-1",
    }


def test_the_record_in_the_parent_before_has_no_number() -> None:
    """That parent is closed: its record names the scan alone, the other one both (D-5)."""
    rig = heard(replace(BOX, count=None))
    rig.codes("BOX-1", "AU-1")
    rig.turn(5_000)
    began_ms = rig.ms
    rig.scan("BOX-2")
    rig.observe(CodeSeen, device="second", earliest_ms=began_ms, raw=b"AU-2")
    rig.check()
    scan, opened = rig.of(CodeScanned)[-1], rig.of(ParentOpened)[-1]
    before, now = rig.of(UnitPacked)[1:]
    said = {
        "certainty": Certainty.POSSIBLE,
        "why": (Why.ORDER_OF_FACTS,),
        "level": "box",
        "child": "AU-2",
        "product": "A",
    }
    assert whole(before) == said | {"because": (scan.address,), "parent": "BOX-1"}
    because = (scan.address, opened.address)
    assert whole(now) == said | {"because": because, "parent": "BOX-2", "n": 1}


def test_a_box_goes_on_its_pallet_by_its_own_end() -> None:
    """Nobody read it there: no reader is told, and a refusal changes no reader's word either."""
    rig = heard(replace(BOX, count=1, into="pallet"), PALLET)
    rig.tell("BOX-1")
    _, told = rig.tell("AU-1")
    assert told == [True]
    box = rig.of(ParentClosed)[0]
    assert refused(rig) == {
        "because": (box.address,),
        "level": "pallet",
        "means": "child",
        "code": "BOX-1",
        "reason": Why.NO_PARENT,
    }
    rig.tell("PAL-1")
    pallet = rig.of(ParentOpened)[-1]
    rig.tell("BOX-2")
    _, told = rig.tell("AU-2")
    assert told == [True]
    box = rig.of(ParentClosed)[-1]
    assert whole(rig.of(UnitPacked)[-1]) == {
        "because": (box.address, pallet.address),
        "level": "pallet",
        "child": "BOX-2",
        "parent": "PAL-1",
        "n": 1,
    }


def test_what_is_not_known_of_a_parent_is_told_to_its_reader() -> None:
    """Where the station wants to know, it is refused by its own code alone (D-41)."""
    rig = heard(BOX, unknown=Policy.REFUSE)
    rig.hold_checks = True
    rig.codes("BOX-1")
    rig.heard.clear()
    rig.check(known=False)
    assert rig.heard == [False]
    assert refused(rig) == {
        "because": (rig.of(CodeScanned)[-1].address,),
        "level": "box",
        "means": "parent",
        "code": "BOX-1",
        "reason": Why.KNOWLEDGE_MISSING,
    }


def test_a_child_that_is_here_by_what_is_known_is_a_duplicate() -> None:
    """Also where the parent was opened without knowing what is in it, and lies on a pallet."""
    rig = heard(BOX, PALLET)
    rig.codes("BOX-1", "AU-1", "DONE", "PAL-1")
    rig.station = replace(rig.station, packing=(replace(BOX, into="pallet"), PALLET))
    rig.start()
    rig.link("scanner", up=True)
    rig.codes("BOX-1", "DONE")
    assert rig.home("BOX-1") == "PAL-1"
    rig.hold_checks = True
    rig.codes("BOX-1")
    rig.check(known=False)
    rig.hold_checks = False
    assert rig.of(ParentOpened)[-1].children == ()
    scan, told = rig.tell("AU-1")
    assert told == [False]
    assert refused(rig) == {
        "because": (scan.address,),
        "level": "box",
        "means": "child",
        "code": "AU-1",
        "parent": "BOX-1",
        "reason": Why.DUPLICATE,
    }


def test_what_was_not_known_of_an_open_parent_is_there_once_its_code_is_read_again() -> None:
    """It counts, and is in the record of its end; what went in since is there once (D-41)."""
    rig = heard(BOX)
    rig.codes("BOX-1", "AU-1", "DONE")
    rig.hold_checks = True
    rig.codes("BOX-1")
    rig.check(known=False)
    rig.hold_checks = False
    rig.codes("AU-2", "BOX-1")
    opened = rig.of(ParentOpened)[-1]
    assert (opened.resumed, opened.children) == (True, ("AU-1", "AU-2"))
    rig.codes("AU-3")
    assert rig.of(UnitPacked)[-1].n == 3
    assert rig.of(ParentClosed)[-1].children == ("AU-2", "AU-1", "AU-3")
    assert rig.of(ParentClosed)[-1].why == ()


def test_a_parent_with_exactly_as_many_as_expected_is_whole() -> None:
    """One fewer is too few; its end code closes it, and the record has nothing to say."""
    rig = heard(replace(BOX, count=2, closes_full=False, refuses_fewer=True))
    rig.codes("BOX-1", "AU-1", "DONE")
    assert rig.refusals() == [("DONE", Why.COUNT_SHORT)]
    rig.codes("AU-2")
    _, told = rig.tell("DONE")
    assert told == [True]
    assert [closed.why for closed in rig.of(ParentClosed)] == [()]


def test_a_parent_has_the_product_that_its_code_says() -> None:
    """From its opening to its end."""
    rules = (rule(r"(?P<product>[A-Z])BOX-\d+", Means.PARENT, "box"), *BENCH.scans)
    for level, codes in ((BOX, ("TBOX-1", "AU-1", "DONE")), (GATHERED, ("AU-1", "TBOX-1"))):
        rig = heard(level, scans=rules)
        rig.codes(*codes)
        assert [event.product for event in rig.of(ParentOpened)] == ["T"]
        assert [event.product for event in rig.of(ParentClosed)] == ["T"]


def test_a_gathered_child_that_may_be_of_the_parent_before_is_recorded_in_both() -> None:
    """In the one that is closed by its scan alone; it waits for the next as possible (D-5)."""
    rig = heard(GATHERED)
    rig.codes("AU-1")
    rig.turn(5_000)
    began_ms = rig.ms
    rig.scan("BOX-1")
    rig.observe(CodeSeen, device="second", earliest_ms=began_ms, raw=b"AU-2")
    rig.check()
    scan = rig.of(CodeScanned)[-1]
    said = {
        "certainty": Certainty.POSSIBLE,
        "why": (Why.ORDER_OF_FACTS,),
        "because": (scan.address,),
        "level": "box",
        "child": "AU-2",
        "product": "A",
    }
    assert whole(rig.of(UnitPacked)[-1]) == said | {"parent": "BOX-1"}
    gathered = whole(rig.of(UnitGathered)[-1])
    assert gathered == said | {"n": 1, "earliest_ms": began_ms}


@pytest.mark.parametrize(("later_ms", "how"), [(0, "certain"), (1, "possible")])
def test_a_child_whose_code_begins_when_its_parents_ends_was_before_it(
    later_ms: int, how: str
) -> None:
    """A millisecond later it may be the next parent's."""
    rig = heard(GATHERED)
    rig.turn(2_000)
    rig.observe(CodeSeen, device="second", earliest_ms=rig.ms, raw=b"AU-1")
    rig.check()
    at_ms = rig.ms - later_ms
    rig.observe(CodeSeen, device="scanner", earliest_ms=at_ms, latest_ms=at_ms, raw=b"BOX-1")
    rig.check()
    assert rig.packed() == [("AU-1", "BOX-1", how)]
