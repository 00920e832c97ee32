"""A parent that is the unit of the station's cycle, or is closed by a tag (D-39, D-42)."""

from dataclasses import replace

import pytest

from agent.core.events import (
    Certainty,
    CycleAborted,
    CycleMissed,
    InterlockBypassed,
    PackingRefused,
    ParentClosed,
    ParentOpened,
    UnitCompleted,
    UnitPacked,
    UnitRefused,
    UnitUnbound,
    Why,
)
from agent.core.identity.rules import Means
from agent.core.levels import Level, Order, ParentBy
from agent.core.station import By, Bypass, Component, Counter, Station
from tests.core_rig import BEGIN, END, INTERLOCK, PRESS, RULES, Rig
from tests.packing_rig import BENCH, BOX, PALLET, Packing, rule

PACKS = (*RULES, rule(r"U-\d+", Means.CHILD, "case"))
CASE = Level(name="case", order=Order.CHILDREN_FIRST, parent=ParentBy.CYCLE, count=2)
WHOLE = replace(CASE, refuses_fewer=True)
OPENED = replace(CASE, order=Order.PARENT_FIRST, closes_full=False)
NOT_RELEASED = 6


def packer(level: Level = CASE, station: Station = PRESS) -> Packing:
    """Return a case packer: what was scanned goes into the case of the cycle."""
    rig = Packing(replace(station, scans=PACKS, packing=(level,)))
    rig.up()
    return rig


def case(rig: Rig, request: int, unit: str, *children: str) -> int | None:
    """Scan children and their case, and run its cycle."""
    for code in (*children, unit):
        rig.turn(1_200)
        rig.scan(code)
    rig.turn(300)
    answer = rig.cycle(request)
    rig.check()
    return answer


def test_what_was_read_goes_into_the_unit_of_the_cycle() -> None:
    """The case is stored with its answer, and what is in it follows from that (DESIGN 2)."""
    rig = packer()
    assert case(rig, 1, "SN-1", "U-1", "U-2") == 1
    assert rig.packed() == [("U-1", "SN-1", "certain"), ("U-2", "SN-1", "certain")]
    (closed,) = rig.of(ParentClosed)
    assert (closed.how, closed.children, closed.why) == ("cycle", ("U-1", "U-2"), ())
    assert rig.of(UnitCompleted)[0].address in rig.of(ParentOpened)[0].because


def test_too_few_children_are_answer_6_where_the_case_must_be_whole() -> None:
    """The machine keeps the case; what waits goes on waiting, and is possible from then on."""
    rig = packer(WHOLE)
    assert case(rig, 1, "SN-1", "U-1") == NOT_RELEASED
    assert rig.of(UnitRefused)[0].reason is Why.COUNT_SHORT
    assert case(rig, 2, "SN-1", "U-2") == 1
    assert rig.packed() == [("U-1", "SN-1", "possible"), ("U-2", "SN-1", "certain")]


def test_a_case_with_too_few_is_recorded_otherwise() -> None:
    """The record says so; one without any child is told."""
    rig = packer()
    case(rig, 1, "SN-1", "U-1")
    assert rig.of(ParentClosed)[0].why == (Why.COUNT_SHORT,)
    case(rig, 2, "SN-2")
    assert rig.of(PackingRefused)[0].reason is Why.NO_CHILD


def test_a_case_is_not_in_itself() -> None:
    """Its own code among its children: answer 6 (D-9)."""
    rig = packer(station=replace(PRESS, repeat_window_ms=0))
    rig.station = replace(
        rig.station, scans=(*RULES, rule(r"IN(?P<id>SN-\d+)", Means.CHILD, "case"))
    )
    rig.start()
    rig.up()
    assert case(rig, 1, "SN-1", "INSN-1") == NOT_RELEASED
    assert rig.of(UnitRefused)[0].reason is Why.IN_ITSELF


def test_a_case_that_lies_within_its_child_takes_nothing_in() -> None:
    """At whatever depth: what cannot be is not recorded as if it were (D-9)."""
    rig = packer()
    rig.station = replace(
        rig.station, scans=(*RULES, rule(r"IN(?P<id>SN-\d+)", Means.CHILD, "case"))
    )
    rig.start()
    rig.up()
    case(rig, 1, "SN-2", "INSN-1")
    case(rig, 2, "SN-1", "INSN-2")
    assert rig.refusals() == [("SN-1", Why.IN_ITSELF)]


def test_what_is_not_looked_up_yet_is_decided_with_the_cycle() -> None:
    """A cycle does not wait for it (D-41)."""
    rig = packer(WHOLE)
    rig.hold_checks = True
    assert case(rig, 1, "SN-1", "U-1", "U-2") == 1
    rig = packer(WHOLE)
    rig.hold_checks = True
    rig.scan("SN-1")
    rig.turn(500)
    rig.scan("U-1")
    rig.scan("U-2")
    rig.plc(trigger=True, request=1, count=1)
    rig.answer()
    assert rig.answered() == 1
    rig.check()
    assert [how for _, _, how in rig.packed()] == ["certain", "certain"]
    assert {event.why for event in rig.of(UnitPacked)} == {(Why.KNOWLEDGE_MISSING,)}


def test_a_word_that_waits_for_its_code_is_left_alone_by_the_cycle() -> None:
    """`unpack` was said, and what comes out is not read yet: the cycle takes the rest."""
    rig = packer()
    rig.station = replace(rig.station, scans=(*PACKS, rule("UNPACK", Means.UNPACK)))
    rig.start()
    rig.up()
    assert case(rig, 1, "SN-1", "U-1", "U-2", "UNPACK") == 1
    rig.codes("U-1")
    assert rig.home("U-1") is None
    assert rig.home("U-2") == "SN-1"


def test_a_possible_case_has_possible_children() -> None:
    """They are not surer than the case itself."""
    rig = packer()
    rig.scan("U-1")
    rig.turn(1_200)
    rig.scan("SN-1")
    rig.restart()
    rig.up()
    rig.cycle(1)
    rig.check()
    assert rig.of(UnitCompleted)[0].certainty is Certainty.POSSIBLE
    (opened,) = rig.of(ParentOpened)
    assert (opened.certainty, opened.why) == (Certainty.POSSIBLE, (Why.SCAN_BEFORE_RESTART,))
    (packed,) = rig.of(UnitPacked)
    assert set(packed.why) == {Why.SCAN_BEFORE_RESTART}
    assert packed.certainty is Certainty.POSSIBLE


@pytest.mark.parametrize("kind", [UnitUnbound, CycleAborted, CycleMissed, InterlockBypassed])
def test_a_case_without_a_record_may_have_taken_what_waits(kind: type) -> None:
    """What waited over it is possible in the next one (D-7)."""
    passed = Counter(device="plc", tag="passed", modulus=65_536, max_step=9, fastest_ms=1)
    rig = packer(station=replace(PRESS, bypass=Bypass(counter=passed)))
    rig.tags["passed"] = 0
    rig.plc(passed=0)
    case(rig, 1, "SN-1", "U-1", "U-2")
    rig.scan("U-3")
    rig.turn(1_200)
    if kind is UnitUnbound:
        rig.cycle(2)
    elif kind is CycleAborted:
        rig.plc(trigger=True, request=2)
        rig.plc(trigger=False)
    elif kind is InterlockBypassed:
        rig.plc(passed=1)
    assert case(rig, 4 if kind is CycleMissed else 3, "SN-3", "U-4") == 1
    assert rig.of(kind)
    assert rig.packed()[2] == ("U-3", "SN-3", "possible")


def test_what_is_built_into_its_case_is_in_it() -> None:
    """A child that waits and goes into the same unit as its component is nowhere else (D-42)."""
    bolt = Component(position="bolt", by=By.SERIAL, required=False)
    rules = (rule(r"B(?P<id>U-\d+)", Means.COMPONENT, "bolt"), *PACKS)
    rig = packer(station=replace(PRESS, components=(bolt,)))
    rig.station = replace(rig.station, scans=rules)
    rig.start()
    rig.up()
    assert case(rig, 1, "SN-1", "U-1", "BU-1") == 1
    assert rig.packed() == [("U-1", "SN-1", "certain")]


def test_a_torn_snapshot_takes_nothing() -> None:
    """The same request comes again, for the same case (D-21)."""
    rig = packer()
    rig.scan("U-1")
    rig.turn(1_200)
    rig.scan("SN-1")
    rig.turn(300)
    rig.plc(trigger=True, request=1, count=1)
    rig.read(coherent=False)
    rig.plc(trigger=False)
    assert rig.cycle(1) == 1
    rig.check()
    assert rig.packed() == [("U-1", "SN-1", "certain")]


# ------------------------------------------------------------------ begin opens, end closes


def asked(rig: Rig, request: int, unit: str) -> None:
    """Ask by `begin` whether a case may run."""
    rig.turn(1_200)
    rig.scan(unit)
    rig.turn(300)
    rig.plc(b_trigger=True, b_request=request)
    rig.answer()
    rig.due()
    rig.plc(b_trigger=False)
    rig.check()


def test_begin_opens_the_case_and_end_closes_it() -> None:
    """What is scanned between the two is in it."""
    rig = packer(OPENED, INTERLOCK)
    asked(rig, 1, "SN-1")
    rig.codes("U-1", "U-2")
    assert rig.packed() == [("U-1", "SN-1", "certain"), ("U-2", "SN-1", "certain")]
    assert rig.cycle(1) == 1
    (closed,) = rig.of(ParentClosed)
    assert (closed.how, closed.children) == ("cycle", ("U-1", "U-2"))


def test_end_is_refused_where_too_few_are_in_the_case() -> None:
    """Answer 6; a refusal at `begin` says nothing of what is in it."""
    rig = packer(replace(OPENED, refuses_fewer=True), INTERLOCK)
    asked(rig, 1, "SN-1")
    rig.codes("U-1")
    assert rig.cycle(1) == NOT_RELEASED
    asked(rig, 2, "SN-2")  # the one before is taken out with what is in it
    assert rig.of(ParentClosed)[0].how == "next"
    rig.codes("U-2", "U-3")
    assert rig.cycle(2) == 1
    assert [closed.children for closed in rig.of(ParentClosed)] == [("U-1",), ("U-2", "U-3")]
    assert {how for _, _, how in rig.packed()} == {"certain"}


def test_a_case_that_begin_refuses_takes_nothing_from_what_waits() -> None:
    """It has not worked: what waits is of the next one for certain."""
    rig = packer(station=replace(INTERLOCK, handshakes=(BEGIN, END)))
    asked(rig, 1, "SN-1")
    rig.cycle(1)
    rig.codes("U-1")
    asked(rig, 2, "SN-1")  # a duplicate
    assert rig.of(UnitRefused)[-1].handshake == "begin"
    asked(rig, 3, "SN-2")
    rig.cycle(2)
    rig.check()
    assert rig.packed() == [("U-1", "SN-2", "certain")]


# ------------------------------------------------------------------ closed by a tag

TAGGED = replace(BOX, count=None, close_tag="ejected", close_device="plc")


def ejector() -> Packing:
    """Return a bench at which a light barrier sees the box leave."""
    rig = Packing(replace(BENCH, packing=(PALLET, TAGGED), devices=("plc", "scanner")))
    rig.link("scanner", up=True)
    rig.link("plc", up=True)
    rig.plc(ejected=False)
    return rig


def test_the_rise_of_a_tag_closes_what_is_open() -> None:
    """Once, as it rises; without an open parent it means nothing."""
    rig = ejector()
    rig.codes("BOX-1", "AU-1")
    rig.plc(ejected=True)
    assert [closed.how for closed in rig.of(ParentClosed)] == ["tag"]
    rig.codes("BOX-2", "AU-2")
    assert len(rig.of(ParentClosed)) == 1
    rig.plc(ejected=False)
    rig.plc(ejected=True)
    rig.plc(ejected=False)
    rig.plc(ejected=True)
    assert len(rig.of(ParentClosed)) == 2


def test_what_was_read_before_the_rise_is_in_the_parent() -> None:
    """A look-up that still runs does not shut it out."""
    rig = ejector()
    rig.codes("BOX-1")
    rig.hold_checks = True
    rig.scan("AU-1")
    rig.plc(ejected=True)
    assert rig.of(ParentClosed) == []
    rig.check()
    assert rig.of(ParentClosed)[0].children == ("AU-1",)


def test_a_rise_that_was_not_seen_leaves_the_parent_in_doubt() -> None:
    """While the PLC is away the box may have left (D-24)."""
    rig = ejector()
    rig.codes("BOX-1")
    rig.link("plc", up=False)
    rig.link("plc", up=True)
    rig.plc(ejected=True)  # seen for the first time on this link: no rise
    rig.codes("AU-1")
    assert rig.packed() == [("AU-1", "BOX-1", "possible")]


def test_a_tag_that_reads_bad_closes_nothing() -> None:
    """Nor does it make a rise of what follows (D-96)."""
    rig = ejector()
    rig.codes("BOX-1", "AU-1")
    rig.bad = {"ejected"}
    rig.plc(ejected=True)
    rig.bad = set()
    rig.plc(ejected=True)
    assert rig.of(ParentClosed) == []


def test_a_level_that_is_gone_is_not_closed_by_its_tag() -> None:
    """What rose before a look-up came, and has nothing open any more."""
    rig = ejector()
    rig.codes("BOX-1", "AU-1", "DONE")
    rig.plc(ejected=True)
    assert len(rig.of(ParentClosed)) == 1
