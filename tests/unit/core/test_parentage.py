"""Unit in unit: boxes, pallets, to any depth; each child in one parent (D-9, D-28, D-42)."""

from dataclasses import replace
from itertools import product

import pytest

from agent.core import binder, parentage
from agent.core.carry import from_plain, to_plain
from agent.core.crew import Crew, Need
from agent.core.events import (
    Certainty,
    CodeRepeated,
    CodeScanned,
    ExpiryReason,
    LotBlocked,
    PackingConflict,
    PackingRefused,
    ParentClosed,
    ParentOpened,
    ScanExpired,
    UnitGathered,
    UnitPacked,
    Why,
)
from agent.core.identity.rules import Means
from agent.core.levels import MOST_CHILDREN, Order
from agent.core.packages import PackingState
from agent.core.parentage import Kind, Phase
from agent.core.state import PackageAsk
from agent.core.station import Policy
from drivers.base import AskAnswered, FrameStatus, SamplesLost
from drivers.base import CodeScanned as CodeSeen
from tests.packing_rig import BENCH, BOX, GATHERED, PALLET, Packing, bench, rule

SURE, MAYBE = "certain", "possible"


def test_table_is_total() -> None:
    """Each phase of a level has a row for everything that can be read."""
    assert set(parentage.ROWS) == set(product(Phase, Kind))


# ------------------------------------------------------------------ the parent first


def test_children_go_into_the_parent_that_is_open() -> None:
    """Its code opens it, the last one expected closes it, and all of it is in one event."""
    rig = bench()
    rig.codes("BOX-1")
    (opened,) = rig.of(ParentOpened)
    assert (opened.parent, opened.level, opened.certainty) == ("BOX-1", "box", Certainty.CERTAIN)
    assert rig.told() == []  # the look-up's decision told it
    rig.codes("AU-1", "AU-2", "AU-3")
    assert rig.packed() == [(f"AU-{n}", "BOX-1", SURE) for n in (1, 2, 3)]
    assert [event.n for event in rig.of(UnitPacked)] == [1, 2, 3]
    (closed,) = rig.of(ParentClosed)
    assert (closed.children, closed.possible) == (("AU-1", "AU-2", "AU-3"), ())
    assert (closed.expected, closed.how, closed.why) == (3, "full", ())
    assert rig.state.packing.open == ()


def test_without_a_parent_nothing_is_packed() -> None:
    """The child is refused, and so is the end of what was never begun; the reader is told."""
    rig = bench()
    rig.hold_checks = True
    rig.codes("AU-1")
    rig.check()
    assert rig.refusals() == [("AU-1", Why.NO_PARENT)]
    rig.codes("DONE")
    assert rig.refusals()[1:] == [("DONE", Why.NO_PARENT)]
    assert rig.told() == [False]


def test_the_reader_is_told_once_it_is_decided() -> None:
    """A good beep stands for a child that is packed, a bad one for one that is not."""
    rig = bench()
    rig.codes("BOX-1")
    rig.hold_checks = True
    rig.codes("AU-1")
    assert rig.told() == []
    (ask,) = rig.checks
    assert isinstance(ask, PackageAsk)
    rig.checks.clear()
    rig.observe(AskAnswered, ask=ask.id, known=True)
    assert rig.told() == [True]


def test_a_parent_is_closed_by_its_end_code() -> None:
    """With fewer than expected: recorded, and the event says so."""
    rig = bench()
    rig.codes("BOX-1", "AU-1", "DONE")
    (closed,) = rig.of(ParentClosed)
    assert (closed.how, closed.children, closed.expected) == ("scan", ("AU-1",), 3)
    assert (closed.why, closed.certainty) == ((Why.COUNT_SHORT,), Certainty.CERTAIN)


def test_the_next_parent_closes_the_one_before() -> None:
    """Where nothing else does."""
    rig = bench(replace(BOX, count=None))
    rig.codes("BOX-1", "AU-1", "BOX-2", "AU-2")
    (closed,) = rig.of(ParentClosed)
    assert (closed.parent, closed.how, closed.why) == ("BOX-1", "next", ())
    assert rig.packed() == [("AU-1", "BOX-1", SURE), ("AU-2", "BOX-2", SURE)]


def test_a_station_may_want_its_parents_whole() -> None:
    """Too few: neither the end code nor the next parent closes it, and it stays open."""
    rig = bench(replace(BOX, refuses_fewer=True))
    rig.codes("BOX-1", "AU-1", "DONE", "BOX-2", "AU-2", "AU-3")
    assert rig.refusals() == [("DONE", Why.COUNT_SHORT), ("BOX-2", Why.COUNT_SHORT)]
    (closed,) = rig.of(ParentClosed)
    assert closed.children == ("AU-1", "AU-2", "AU-3")


def test_more_than_expected_are_refused_or_recorded() -> None:
    """Where a full parent waits for its end code."""
    rig = bench(replace(BOX, count=1, closes_full=False))
    rig.codes("BOX-1", "AU-1", "AU-2", "DONE")
    assert rig.refusals() == [("AU-2", Why.COUNT_OVER)]
    rig = bench(replace(BOX, count=1, closes_full=False, refuses_more=False))
    rig.codes("BOX-1", "AU-1", "AU-2", "DONE")
    (closed,) = rig.of(ParentClosed)
    assert (closed.children, closed.why) == (("AU-1", "AU-2"), (Why.COUNT_OVER,))
    assert (BOX.most, replace(BOX, count=None).most) == (3, MOST_CHILDREN)


def test_a_child_twice_in_one_parent_is_refused() -> None:
    """Nothing changes; soon after, at the same reader, it is a repeat and no second scan (D-34)."""
    rig = bench()
    rig.codes("BOX-1", "AU-1", "AU-1")
    assert rig.refusals() == [("AU-1", Why.DUPLICATE)]
    rig.scan("AU-1")
    assert len(rig.of(CodeRepeated)) == 1
    assert rig.packed() == [("AU-1", "BOX-1", SURE)]


def test_a_child_of_another_parent_is_refused() -> None:
    """It is in one parent at a time: taking out comes first (D-42)."""
    rig = bench()
    rig.codes("BOX-1", "AU-1", "BOX-2", "AU-1")
    (refused,) = rig.of(PackingRefused)
    assert (refused.reason, refused.parent, refused.other) == (Why.CONFLICT, "BOX-2", "BOX-1")
    assert rig.home("AU-1") == "BOX-1"


def test_by_policy_the_conflict_is_recorded() -> None:
    """Both parents are possible from then on (D-5, D-42)."""
    rig = bench(replace(BOX, refuses_elsewhere=False))
    rig.codes("BOX-1", "AU-1", "BOX-2", "AU-1", "DONE")
    assert rig.packed() == [("AU-1", "BOX-1", SURE), ("AU-1", "BOX-2", MAYBE)]
    (conflict,) = rig.of(PackingConflict)
    assert (conflict.child, conflict.parent, conflict.other) == ("AU-1", "BOX-2", "BOX-1")
    assert rig.of(ParentClosed)[-1].possible == ("AU-1",)


def test_a_wrong_product_is_refused() -> None:
    """By list, or by pattern (D-57)."""
    rig = bench(replace(BOX, products=("A",)))
    rig.codes("BOX-1", "AU-1", "BU-2")
    assert rig.refusals() == [("BU-2", Why.WRONG_PART)]
    rig = bench(replace(BOX, product_pattern="[AB]"))
    rig.codes("BOX-1", "BU-1", "CU-2")
    assert rig.refusals() == [("CU-2", Why.WRONG_PART)]


def test_what_is_blocked_is_not_packed() -> None:
    """A unit that must not be used is kept out of the box too (D-56)."""
    rig = bench(blocked=("AU-1",))
    rig.codes("BOX-1", "AU-1")
    assert [event.lot for event in rig.of(LotBlocked)] == ["AU-1"]
    assert rig.refusals() == [("AU-1", Why.LOT_BLOCKED)]


def test_what_the_station_requires_it_requires_of_packing_too() -> None:
    """Nobody signed on, no order: nothing goes in, or the record says so."""
    rules = (*BENCH.scans, rule(r"OP-(?P<operator>\d+)", Means.OPERATOR))
    rig = bench(scans=rules, crew=Crew(needs=(Need(),)), requires_order=Policy.RECORD)
    rig.codes("BOX-1", "AU-1", "OP-7", "AU-1")
    assert rig.refusals() == [("AU-1", Why.OPERATOR_MISSING)]
    (packed,) = rig.of(UnitPacked)
    assert (packed.why, packed.certainty) == ((Why.ORDER_MISSING,), Certainty.CERTAIN)
    assert [operator.ref for operator in packed.operators] == ["k:OP-7"]
    needs = (Need(refuses=False),)
    rig = bench(scans=rules, crew=Crew(needs=needs), requires_order=Policy.REFUSE)
    rig.codes("BOX-1", "AU-1")
    assert rig.refusals() == [("AU-1", Why.ORDER_MISSING)]


def test_what_cannot_be_known_in_time_is_the_stations_policy() -> None:
    """Packed, and the event says so; or refused (D-41)."""
    rig = bench()
    rig.hold_checks = True
    rig.codes("BOX-1")
    rig.turn(600)
    rig.codes("AU-1")
    rig.turn(600)
    (packed,) = rig.of(UnitPacked)
    assert (packed.why, packed.certainty) == ((Why.KNOWLEDGE_MISSING,), Certainty.CERTAIN)
    assert rig.of(ParentOpened)[0].why == (Why.KNOWLEDGE_MISSING,)
    rig.check()  # it comes too late, and says nothing any more
    strict = bench(unknown=Policy.REFUSE)
    strict.hold_checks = True
    strict.codes("BOX-1")
    strict.check(known=False)
    assert strict.refusals() == [("BOX-1", Why.KNOWLEDGE_MISSING)]
    strict.hold_checks = False
    strict.codes("BOX-1")
    strict.hold_checks = True
    strict.codes("AU-1")
    strict.check(known=False)
    assert strict.refusals()[1:] == [("AU-1", Why.KNOWLEDGE_MISSING)]


def test_what_was_read_has_its_turn_in_order() -> None:
    """While a look-up runs nothing overtakes: the child belongs to the parent of its time."""
    rig = bench(replace(BOX, count=None))
    rig.hold_checks = True
    for code in ("BOX-1", "AU-1", "BOX-2", "AU-2", "DONE"):
        rig.scan(code)
    assert len(rig.checks) == 1
    rig.check()
    assert rig.packed() == [("AU-1", "BOX-1", SURE), ("AU-2", "BOX-2", SURE)]
    assert [closed.parent for closed in rig.of(ParentClosed)] == ["BOX-1", "BOX-2"]


def test_a_closed_parent_is_opened_again_with_what_is_in_it() -> None:
    """What is in it is asked: it counts, and is a duplicate when it is read again."""
    rig = bench(replace(BOX, count=3))
    rig.codes("BOX-1", "AU-1", "AU-2", "DONE", "BOX-1")
    assert rig.of(ParentOpened)[-1].children == ("AU-1", "AU-2")
    rig.codes("AU-1", "AU-3")
    assert rig.refusals() == [("AU-1", Why.DUPLICATE)]
    assert rig.of(ParentClosed)[-1].children == ("AU-1", "AU-2", "AU-3")


# ------------------------------------------------------------------ two readers


def test_a_child_that_may_be_of_the_parent_before_is_possible_in_both() -> None:
    """Read at another reader while the next parent was: no choice, and nobody is left out (D-5)."""
    rig = bench(replace(BOX, count=None))
    rig.codes("BOX-1", "AU-1")
    rig.turn(5_000)
    began_ms = rig.ms
    rig.scan("BOX-2")
    raw = b"AU-2"
    rig.observe(CodeSeen, device="second", earliest_ms=began_ms, raw=raw)
    rig.check()
    assert rig.packed()[1:] == [("AU-2", "BOX-1", MAYBE), ("AU-2", "BOX-2", MAYBE)]
    assert {event.why for event in rig.of(UnitPacked)[1:]} == {(Why.ORDER_OF_FACTS,)}
    rig.codes("AU-3")
    assert rig.packed()[3:] == [("AU-3", "BOX-2", SURE)]


# ------------------------------------------------------------------ the children first


def test_the_parents_code_takes_in_what_waits() -> None:
    """Children wait for it, in their order; it closes over them."""
    rig = bench(GATHERED)
    rig.codes("AU-1", "AU-2")
    assert [(event.child, event.n) for event in rig.of(UnitGathered)] == [("AU-1", 1), ("AU-2", 2)]
    assert rig.packed() == []
    rig.codes("AU-3", "BOX-1")
    assert rig.packed() == [(f"AU-{n}", "BOX-1", SURE) for n in (1, 2, 3)]
    (closed,) = rig.of(ParentClosed)
    assert (closed.how, closed.children, closed.why) == ("parent", ("AU-1", "AU-2", "AU-3"), ())
    assert rig.state.packing == replace(PackingState(), closed=rig.state.packing.closed)


def test_a_parent_without_children_is_refused() -> None:
    """And so is an end code: there is nothing open."""
    rig = bench(GATHERED)
    rig.codes("BOX-1", "DONE", "AU-1", "DONE")
    assert rig.refusals() == [
        ("BOX-1", Why.NO_CHILD),
        ("DONE", Why.NO_PARENT),
        ("DONE", Why.NO_PARENT),
    ]


def test_children_that_do_not_fit_do_not_wait() -> None:
    """The same is refused as where the parent is open."""
    rig = bench(replace(GATHERED, products=("A",), count=1))
    rig.codes("AU-1", "AU-1", "BU-1", "AU-2")
    assert rig.refusals() == [
        ("AU-1", Why.DUPLICATE),
        ("BU-1", Why.WRONG_PART),
        ("AU-2", Why.COUNT_OVER),
    ]
    rig.codes("BOX-1", "AU-1")
    assert rig.refusals()[3:] == [("AU-1", Why.CONFLICT)]


def test_too_few_children_are_refused_or_recorded() -> None:
    """Those that wait go on waiting."""
    rig = bench(replace(GATHERED, refuses_fewer=True))
    rig.codes("AU-1", "BOX-1", "AU-2", "AU-3", "BOX-1")
    assert rig.refusals() == [("BOX-1", Why.COUNT_SHORT)]
    assert len(rig.packed()) == 3
    rig = bench(GATHERED)
    rig.codes("AU-1", "BOX-1")
    assert rig.of(ParentClosed)[0].why == (Why.COUNT_SHORT,)


def test_a_recorded_conflict_is_told_with_its_parent() -> None:
    """What was known when the child was read is used when its parent is known (D-42)."""
    rig = bench(replace(GATHERED, count=1, refuses_elsewhere=False))
    rig.codes("AU-1", "BOX-1", "AU-1", "BOX-2")
    assert rig.packed() == [("AU-1", "BOX-1", SURE), ("AU-1", "BOX-2", MAYBE)]
    assert rig.of(PackingConflict)[0].other == "BOX-1"
    rig.codes("AU-1", "BOX-2")  # put back where it is
    assert len(rig.of(PackingConflict)) == 1


def test_what_waits_and_went_elsewhere_meanwhile_may_be_in_either() -> None:
    """It was free when it was read, and is not when its parent's code comes (D-42)."""
    rules = (
        rule(r"IN(?P<id>[A-Z])", Means.CHILD, "box"),
        rule(r"PUT(?P<id>[A-Z])", Means.CHILD, "pallet"),
        rule(r"BOX-\d+", Means.PARENT, "box"),
        rule(r"PAL-\d+", Means.PARENT, "pallet"),
    )
    rig = bench(GATHERED, PALLET, scans=rules)
    rig.codes("INA", "INB", "PAL-1", "PUTA", "BOX-1")
    assert rig.packed() == [("A", "PAL-1", SURE), ("A", "BOX-1", MAYBE), ("B", "BOX-1", SURE)]
    (conflict,) = rig.of(PackingConflict)
    assert (conflict.child, conflict.parent, conflict.other) == ("A", "BOX-1", "PAL-1")


def test_a_parent_that_cannot_be_looked_up_takes_in_nothing_where_that_is_wanted() -> None:
    """The children wait for its code to be read again (D-41)."""
    rig = bench(GATHERED, unknown=Policy.REFUSE)
    rig.codes("AU-1")
    rig.hold_checks = True
    rig.codes("BOX-1")
    rig.check(known=False)
    assert rig.refusals() == [("BOX-1", Why.KNOWLEDGE_MISSING)]
    rig.hold_checks = False
    rig.codes("BOX-1")
    assert rig.packed() == [("AU-1", "BOX-1", SURE)]


def test_a_child_that_may_be_of_the_parent_that_was_closed_is_possible_in_both() -> None:
    """As where the parent is open (D-5)."""
    rig = bench(GATHERED)
    rig.codes("AU-1")
    rig.turn(5_000)
    began_ms = rig.ms
    rig.scan("BOX-1")
    rig.observe(CodeSeen, device="second", earliest_ms=began_ms, raw=b"AU-2")
    rig.check()
    rig.codes("BOX-2")
    assert rig.packed()[1:] == [("AU-2", "BOX-1", MAYBE), ("AU-2", "BOX-2", MAYBE)]


def test_a_child_that_was_read_after_its_parent_is_possible() -> None:
    """Its frame came first, but by the times it may be the next parent's."""
    rig = bench(GATHERED)
    rig.codes("AU-1")
    rig.turn(2_000)
    rig.observe(CodeSeen, device="second", earliest_ms=rig.ms, raw=b"AU-2")
    rig.check()
    early_ms = rig.ms - 500
    rig.observe(CodeSeen, device="scanner", earliest_ms=early_ms, latest_ms=early_ms, raw=b"BOX-1")
    rig.check()
    assert rig.packed() == [("AU-1", "BOX-1", SURE), ("AU-2", "BOX-1", MAYBE)]


def test_what_waits_is_taken_back_by_a_cancel_code() -> None:
    """Each scan has its end: none disappears."""
    rig = bench(GATHERED)
    rig.codes("AU-1")
    rig.hold_checks = True
    rig.codes("AU-2")
    rig.scan("CANCEL")
    expired = rig.of(ScanExpired)
    assert [(e.code, e.reason) for e in expired] == [
        ("AU-2", ExpiryReason.CANCELLED),
        ("AU-1", ExpiryReason.CANCELLED),
    ]
    rig.check()
    assert (rig.state.packing.waiting, rig.state.packing.turns) == ((), ())


# ------------------------------------------------------------------ any depth, and no cycle

NESTED = (replace(BOX, count=2, into="pallet"), replace(PALLET, count=2))


def test_what_is_closed_goes_into_the_next_level() -> None:
    """A full box goes on the open pallet without being read again, and so on up (D-9)."""
    rig = bench(*NESTED)
    rig.codes("PAL-1", "BOX-1", "AU-1", "AU-2", "BOX-2", "AU-3", "AU-4")
    assert rig.packed() == [
        ("AU-1", "BOX-1", SURE),
        ("AU-2", "BOX-1", SURE),
        ("BOX-1", "PAL-1", SURE),
        ("AU-3", "BOX-2", SURE),
        ("AU-4", "BOX-2", SURE),
        ("BOX-2", "PAL-1", SURE),
    ]
    assert rig.of(ParentClosed)[-1].children == ("BOX-1", "BOX-2")
    box = rig.of(ParentClosed)[0]
    assert box.address in rig.of(UnitPacked)[2].because


def test_without_a_pallet_a_closed_box_stays_alone() -> None:
    """It is refused there and told; its own record stands. An empty one goes nowhere."""
    rig = bench(*NESTED)
    rig.codes("BOX-1", "DONE", "BOX-1", "AU-1", "DONE")
    assert rig.refusals() == [("BOX-1", Why.NO_PARENT)]


def nested(*ways: str) -> Packing:
    """Return a bench at which any code may go into any."""
    rules = (
        rule(r"IN(?P<id>[A-Z])", Means.CHILD, "box"),
        rule(r"OPEN(?P<id>[A-Z])", Means.PARENT, "box"),
    )
    rig = bench(replace(BOX, count=None), scans=rules)
    rig.codes(*ways)
    return rig


@pytest.mark.parametrize(
    "ways",
    [
        ("OPENA", "INA"),
        ("OPENA", "INB", "OPENB", "INA"),
        ("OPENA", "INB", "OPENB", "INC", "OPENC", "IND", "OPEND", "INA"),
        ("OPENC", "IND", "OPENB", "INC", "OPENA", "INB", "OPEND", "INA"),
    ],
)
def test_nothing_is_in_itself(ways: tuple[str, ...]) -> None:
    """The parent lies within what is to go in, at whatever depth: refused (D-9)."""
    rig = nested(*ways)
    assert rig.refusals() == [("A", Why.IN_ITSELF)]


def test_nothing_is_in_itself_while_two_levels_are_open() -> None:
    """What was moved since a parent was opened counts too."""
    rules = (
        rule(r"1IN(?P<id>[A-Z])", Means.CHILD, "box"),
        rule(r"1OPEN(?P<id>[A-Z])", Means.PARENT, "box"),
        rule(r"2IN(?P<id>[A-Z])", Means.CHILD, "pallet"),
        rule(r"2OPEN(?P<id>[A-Z])", Means.PARENT, "pallet"),
        rule("UNPACK", Means.UNPACK),
    )
    rig = bench(replace(BOX, count=None), PALLET, scans=rules)
    rig.codes("1OPENA", "2OPENB", "2INA", "1INB")
    assert rig.refusals() == [("B", Why.IN_ITSELF)]
    rig.codes("UNPACK", "2INA", "1INB")  # taken off, the other way round it is right
    assert rig.home("B") == "A"


def test_gathered_children_do_not_take_in_themselves() -> None:
    """The code of the parent is the code of one that waits, or lies within one."""
    rules = (
        rule(r"IN(?P<id>[A-Z])", Means.CHILD, "box"),
        rule(r"OPEN(?P<id>[A-Z])", Means.PARENT, "box"),
    )
    rig = bench(replace(GATHERED, count=None), scans=rules)
    rig.codes("INA", "OPENA", "OPENB", "INB", "OPENA")
    assert rig.refusals() == [("A", Why.IN_ITSELF), ("A", Why.IN_ITSELF)]


# ------------------------------------------------------------------ restarts, readers that are away


def test_an_open_parent_survives_a_restart() -> None:
    """What comes then is possible: another one's code may have been missed, until its own comes."""
    rig = bench()
    rig.codes("BOX-1", "AU-1")
    rig.restart()
    rig.link("scanner", up=True)
    rig.codes("AU-2")
    assert rig.packed()[1:] == [("AU-2", "BOX-1", MAYBE)]
    assert rig.of(UnitPacked)[-1].why == (Why.SCAN_BEFORE_RESTART,)
    rig.codes("BOX-1", "AU-3")
    assert rig.of(ParentOpened)[-1].resumed
    (closed,) = rig.of(ParentClosed)
    assert (closed.children, closed.possible) == (("AU-1", "AU-2", "AU-3"), ("AU-2",))


def test_children_that_waited_over_a_restart_are_possible() -> None:
    """Their parent's code may have been missed (D-24)."""
    rig = bench(GATHERED)
    rig.codes("AU-1")
    rig.restart(reboot=True)
    rig.link("scanner", up=True)
    rig.codes("AU-2", "BOX-1")
    assert rig.packed() == [("AU-1", "BOX-1", MAYBE), ("AU-2", "BOX-1", SURE)]


@pytest.mark.parametrize("reboot", [False, True])
@pytest.mark.parametrize("n", range(1, 6))
def test_a_restart_between_two_codes_loses_nothing(n: int, *, reboot: bool) -> None:
    """Whatever was read before has its turn after; nothing is packed twice, nothing is lost."""
    rig = bench()
    codes = ("BOX-1", "AU-1", "AU-2", "BOX-2", "AU-3")
    rig.hold_checks = True
    rig.codes(*codes[:n])
    rig.restart(reboot=reboot)
    rig.hold_checks = False
    rig.link("scanner", up=True)
    rig.check()
    rig.codes(*codes[n:])
    packed = [(child, parent) for child, parent, _ in rig.packed()]
    assert packed == [("AU-1", "BOX-1"), ("AU-2", "BOX-1"), ("AU-3", "BOX-2")]
    assert rig.state.packing.turns == ()


def test_another_look_up_is_made_for_what_waited_over_a_restart() -> None:
    """The answer of the run before means nothing in this one."""
    rig = bench()
    rig.codes("BOX-1")
    rig.hold_checks = True
    rig.codes("AU-1")
    rig.restart()
    rig.turn(10)
    (ask,) = rig.checks
    assert isinstance(ask, PackageAsk)
    assert (ask.code, ask.id.startswith(rig.state.epoch)) == ("AU-1", True)


def test_what_waits_is_given_up_where_history_was_lost() -> None:
    """It may have been packed in the lost part; an open parent is then in doubt."""
    rig = bench(GATHERED, PALLET)
    rig.codes("PAL-1", "AU-1")
    rig.start(lost=(("000001-aa", 3, 4, "damaged"),))
    (expired,) = rig.of(ScanExpired)
    assert (expired.code, expired.reason) == ("AU-1", ExpiryReason.HISTORY_LOST)
    rig.link("scanner", up=True)
    rig.codes("LAID-1")
    assert rig.packed() == [("LAID-1", "PAL-1", MAYBE)]


def test_a_reader_that_was_away_may_have_missed_a_parent() -> None:
    """What goes in from then on is possible, until the parent's code is read again."""
    rig = bench(replace(BOX, count=None))
    rig.codes("BOX-1")
    rig.link("scanner", up=False)
    rig.link("scanner", up=True)
    rig.codes("AU-1", "BOX-1", "AU-2")
    assert rig.packed() == [("AU-1", "BOX-1", MAYBE), ("AU-2", "BOX-1", SURE)]
    rig.observe(SamplesLost, device="scanner", tag=None, count=None, reason="overrun")
    rig.codes("AU-3", "BOX-1")
    rig.observe(CodeSeen, device="scanner", raw=b"NOREAD")
    rig.codes("AU-4", "BOX-1")
    rig.observe(CodeSeen, device="scanner", raw=b"BO", status=FrameStatus.PARTIAL)
    rig.codes("AU-5", "BOX-1")
    rig.observe(CodeSeen, device="scanner", raw=b"BO\x01", status=FrameStatus.INVALID)
    rig.codes("AU-6")
    assert [how for _, _, how in rig.packed()[2:]] == [MAYBE] * 4
    rig.codes("BOX-1", "what is this", "AU-7")  # no code of ours: it was no parent's
    assert rig.packed()[-1] == ("AU-7", "BOX-1", SURE)


def test_a_level_that_the_file_no_longer_has_is_closed() -> None:
    """What is open is closed and what waits is given up, both by events."""
    rig = bench(GATHERED, PALLET)
    rig.codes("PAL-1", "LAID-1", "AU-1")
    rig.station = replace(rig.station, packing=(replace(BOX),), config="c2")
    rig.start()
    (closed,) = rig.of(ParentClosed)
    assert (closed.parent, closed.how, closed.expected) == ("PAL-1", "file", None)
    assert [event.code for event in rig.of(ScanExpired)] == ["AU-1"]
    assert (rig.state.packing.open, rig.state.packing.waiting) == ((), ())


def test_what_was_read_for_a_level_that_is_gone_is_refused() -> None:
    """The scan has its end."""
    rig = bench()
    rig.hold_checks = True
    rig.codes("PAL-1")
    rig.station = replace(rig.station, packing=(BOX,), config="c2")
    rig.start()
    rig.turn(10)
    rig.check()
    assert rig.refusals() == [("PAL-1", Why.NO_PARENT)]


def test_what_is_packed_is_carried() -> None:
    """Every part of it comes back from plain data."""
    rig = bench(GATHERED, PALLET)
    rig.codes("PAL-1", "LAID-1", "AU-1", "BOX-1", "AU-2")
    rig.hold_checks = True
    rig.codes("AU-3")
    packing = rig.state.packing
    assert packing.turns
    assert packing.waiting
    assert packing.open
    assert packing.closed
    assert from_plain(PackingState, to_plain(packing)) == packing


def test_a_station_without_packing_does_nothing_with_such_codes() -> None:
    """A rule that is left over is a scan and no more."""
    rig = Packing(replace(BENCH, packing=()))
    rig.link("scanner", up=True)
    rig.codes("BOX-1")
    assert isinstance(rig.newest(), CodeScanned)
    assert rig.told() == [True]
    assert binder.evolve(rig.state, rig.newest()).packing == PackingState()


def test_the_other_order_is_another_level() -> None:
    """What is open when a file says `children-first` from now on is closed."""
    rig = bench()
    rig.codes("BOX-1", "AU-1")
    rig.station = replace(rig.station, packing=(replace(BOX, order=Order.CHILDREN_FIRST),))
    rig.start()
    assert rig.of(ParentClosed)[0].how == "file"
