"""What is done to lots: conserved, or said by name; never silently (D-44, D-52, D-53, D-56)."""

from dataclasses import replace

import pytest

from agent.core import lots
from agent.core.binder import evolve, initial
from agent.core.draft import Draft
from agent.core.events import (
    Event,
    ExpiryReason,
    LotAction,
    LotAmount,
    LotBlocked,
    LotFault,
    LotIssued,
    LotMerged,
    LotRefused,
    LotRelabelled,
    LotReturned,
    LotSplit,
    QuantityMismatch,
    ScanExpired,
)
from agent.core.identity.rules import Gs1Match, Means, ScanRule
from agent.core.lot_plan import Lots
from agent.core.lotbook import MOST_KNOWN
from agent.core.station import Station
from agent.ports import Address
from drivers.base import CodeScanned
from tests.histories import epoch, make
from tests.lot_rig import LINE, LotRig, cut

WEIGHED = ScanRule(
    match=Gs1Match(ais=frozenset({"01", "10", "3102"})),
    means=Means.LOT_ISSUE,
    quantity_from="3102",
)


def lot_of(n: int, station: Station = LINE) -> LotRig:
    """Return a rig whose lot L-1 has so many pieces, and is still being made."""
    rig = LotRig(station)
    rig.scan("L-1")
    rig.turn(1_500)
    rig.count(n, took_ms=20_000)
    rig.rest()
    return rig


def said(rig: LotRig, *codes: str) -> list[Event]:
    """Scan codes, and return what came of the last one beside the scan itself."""
    for code in codes:
        rig.turn(1_100)
        rig.scan(code)
    return [event for event in rig.decision.events if event.kind != "code_scanned"]


def good(rig: LotRig) -> list[bool]:
    """Return what the reader was told."""
    return [reply.good for reply in rig.decision.replies]


# ------------------------------------------------------------------ split


def test_a_split_gives_each_child_its_quantity() -> None:
    """Children and what is left are the parent: an edge of the genealogy with its weight (D-52)."""
    rig = lot_of(1_000)
    (split,) = said(rig, "PICK L-1", "SPLIT L-2 300")
    assert isinstance(split, LotSplit)
    assert (split.lot, split.children, split.measure) == (
        "L-1",
        (LotAmount(lot="L-2", quantity="300"),),
        "pcs",
    )
    assert (split.remaining, split.remaining_possible, split.whole) == ("700", None, False)
    assert rig.balance("L-1") == (700, 700)
    assert rig.balance("L-2") == (300, 300)
    assert good(rig) == [True]
    assert rig.state.lots.picks == ()
    rig.made(5)  # the lot goes on
    assert rig.balance("L-1") == (705, 705)


def test_one_code_may_name_parent_and_child() -> None:
    """A group `parent` in the pattern; nothing has to be picked."""
    rig = lot_of(1_000)
    (split,) = said(rig, "L-1>L-2:300")
    assert isinstance(split, LotSplit)
    assert (split.lot, split.remaining) == ("L-1", "700")


def test_a_split_that_gives_more_than_there_is_is_said_by_name() -> None:
    """It is recorded as it was said, and the mismatch behind it: no number is corrected (D-52)."""
    rig = lot_of(100)
    split, mismatch = said(rig, "PICK L-1", "SPLIT L-2 120")
    assert isinstance(split, LotSplit)
    assert split.remaining == "-20"
    assert isinstance(mismatch, QuantityMismatch)
    assert (mismatch.lot, mismatch.action, mismatch.stated, mismatch.expected) == (
        "L-1",
        LotAction.SPLIT,
        "120",
        "100",
    )
    assert mismatch.because == (split.address,)
    assert rig.balance("L-1") == (-20, -20)
    split, mismatch = said(rig, "PICK L-1", "SPLIT L-3 1")
    assert isinstance(mismatch, QuantityMismatch)
    assert mismatch.expected == "-20"


def test_a_station_may_refuse_what_does_not_fit() -> None:
    """Then nothing has changed, and the reader says so."""
    rig = lot_of(100, replace(LINE, lots=Lots(measure="pcs", refuse_mismatch=True)))
    (refused,) = said(rig, "PICK L-1", "SPLIT L-2 120")
    assert isinstance(refused, LotRefused)
    assert (refused.cause, refused.lots) == (LotFault.QUANTITY_MISMATCH, ("L-1",))
    assert good(rig) == [False]
    assert rig.balance("L-1") == (100, 100)
    (split,) = said(rig, "SPLIT L-2 100")  # the pick still stands
    assert isinstance(split, LotSplit)
    (relabelled,) = said(rig, "PICK L-2", "RELABEL L-3")  # no quantity is said
    assert isinstance(relabelled, LotRelabelled)


def test_within_the_tolerance_nothing_is_said() -> None:
    """A scale or a counter may be a little off (D-52)."""
    rig = lot_of(100, replace(LINE, lots=Lots(tolerance="5")))
    (split,) = said(rig, "PICK L-1", "SPLIT L-2 105")
    assert isinstance(split, LotSplit)
    assert split.remaining == "-5"


def test_a_split_without_a_quantity_keeps_the_edge() -> None:
    """What nobody counted is not checked; that it came of the parent is recorded."""
    rig = lot_of(100)
    (split,) = said(rig, "PICK L-1", "SPLIT L-2")
    assert isinstance(split, LotSplit)
    assert (split.children[0].quantity, split.remaining) == (None, None)
    assert rig.balance("L-1") is None
    assert rig.balance("L-2") is None
    (split,) = said(rig, "PICK L-1", "SPLIT L-3 500")
    assert isinstance(split, LotSplit)


def test_a_lot_that_nobody_knows_is_not_checked() -> None:
    """It was made elsewhere: genealogy is recorded, and what is left is left out."""
    rig = lot_of(1)
    (split,) = said(rig, "PICK L-77", "SPLIT L-78 300")
    assert isinstance(split, LotSplit)
    assert split.remaining is None
    assert rig.balance("L-78") == (300, 300)


def test_pieces_in_doubt_are_no_mismatch() -> None:
    """Between the certain ones and those that may be of it, every quantity fits (D-44)."""
    rig = lot_of(100)
    rig.turn(1_100)
    rig.scan("L-5")
    rig.count(4, back_ms=50)
    rig.rest()
    assert rig.balance("L-1") == (100, 104)
    (issued,) = said(rig, "ISSUE L-1 103")
    assert isinstance(issued, LotIssued)
    assert (issued.remaining, issued.remaining_possible) == ("-3", "4")
    _, mismatch = said(rig, "ISSUE L-1 2")
    assert isinstance(mismatch, QuantityMismatch)


# ------------------------------------------------------------------ merge


def test_a_merge_has_the_union_of_its_parents() -> None:
    """Each parent with what went in; the sum is what results (D-52)."""
    rig = lot_of(100)
    said(rig, "L-1>L-2:30", "L-1>L-3:20", "PICK L-2", "PICK L-3 5")
    (merged,) = said(rig, "MERGE L-9")
    assert isinstance(merged, LotMerged)
    assert merged.parents == (
        LotAmount(lot="L-2", quantity="30"),
        LotAmount(lot="L-3", quantity="5"),
    )
    assert (merged.lot, merged.quantity) == ("L-9", "35")
    assert [rig.balance(lot) for lot in ("L-2", "L-3", "L-9")] == [(0, 0), (15, 15), (35, 35)]
    assert len(merged.because) == 3


@pytest.mark.parametrize("blends", [False, True])
def test_a_merge_says_whether_it_was_mixed(blends: bool) -> None:  # noqa: FBT001 - a table
    """Side by side, each piece is of one parent; blended, all of it is made of each (D-52)."""
    rig = lot_of(100, replace(LINE, lots=Lots(blends=blends)))
    (merged,) = said(rig, "PICK L-1", "MERGE L-9")
    assert isinstance(merged, LotMerged)
    assert merged.blended is blends


def test_a_merge_whose_label_says_something_else_is_a_mismatch() -> None:
    """Sum of the parents is the child, or it is said by name (D-52)."""
    rig = lot_of(100)
    said(rig, "L-1>L-2:30", "L-1>L-3:20", "PICK L-2", "PICK L-3")
    merged, mismatch = said(rig, "MERGE L-9 60")
    assert isinstance(merged, LotMerged)
    assert merged.quantity == "60"
    assert isinstance(mismatch, QuantityMismatch)
    assert (mismatch.lot, mismatch.stated, mismatch.expected) == ("L-9", "60", "50")
    assert rig.balance("L-9") == (60, 60)


def test_a_part_that_is_more_than_its_lot_is_a_mismatch() -> None:
    """Also where the sum is right."""
    rig = lot_of(100)
    said(rig, "L-1>L-2:30", "PICK L-2 40")
    _, mismatch = said(rig, "MERGE L-9 40")
    assert isinstance(mismatch, QuantityMismatch)
    assert (mismatch.lot, mismatch.stated, mismatch.expected) == ("L-2", "40", "30")


def test_a_merge_of_what_nobody_knows_is_recorded() -> None:
    """Without numbers there is nothing to check, and the edges stand."""
    rig = lot_of(1)
    said(rig, "PICK L-71", "PICK L-72")
    (merged,) = said(rig, "MERGE L-9 60")
    assert isinstance(merged, LotMerged)
    assert [parent.quantity for parent in merged.parents] == [None, None]
    said(rig, "PICK L-71", "PICK L-72")
    (merged,) = said(rig, "MERGE L-10")
    assert isinstance(merged, LotMerged)
    assert merged.quantity is None


def test_a_lot_with_pieces_in_doubt_goes_in_whole() -> None:
    """How many that were nobody knows: what results is between the two."""
    rig = lot_of(100)
    rig.turn(1_100)
    rig.scan("L-5")
    rig.count(4, back_ms=50)
    rig.rest()
    said(rig, "PICK L-1")
    merged, mismatch = said(rig, "MERGE L-9 90")
    assert isinstance(merged, LotMerged)
    assert merged.parents == (LotAmount(lot="L-1"),)
    assert isinstance(mismatch, QuantityMismatch)
    assert (mismatch.expected, mismatch.expected_most) == ("100", "104")
    assert rig.balance("L-1") == (0, 0)


# ------------------------------------------------------------------ issue and return


def test_a_quantity_leaves_while_the_lot_stays_open() -> None:
    """A partial close: counting goes on, and the end says what was made, not what is left."""
    rig = lot_of(100)
    (issued,) = said(rig, "ISSUE L-1 40")
    assert isinstance(issued, LotIssued)
    assert (issued.quantity, issued.remaining) == ("40", "60")
    rig.made(10)
    assert rig.balance("L-1") == (70, 70)
    rig.scan("LOT END")
    assert rig.closed() == [("L-1", 110, 0, "ended")]


def test_a_rest_comes_back() -> None:
    """No more than has left (D-53)."""
    rig = lot_of(100)
    said(rig, "ISSUE L-1 40")
    (returned,) = said(rig, "RETURN L-1 15")
    assert isinstance(returned, LotReturned)
    assert (returned.quantity, returned.remaining) == ("15", "75")
    _, mismatch = said(rig, "RETURN L-1 26")
    assert isinstance(mismatch, QuantityMismatch)
    assert (mismatch.action, mismatch.stated, mismatch.expected) == (
        LotAction.RETURN,
        "26",
        "25",
    )


def test_a_return_of_something_that_never_left_here_is_recorded() -> None:
    """It left elsewhere; there is nothing to compare it with."""
    rig = lot_of(1)
    (returned,) = said(rig, "RETURN L-77 15")
    assert isinstance(returned, LotReturned)
    assert returned.remaining is None


def test_without_a_quantity_all_of_it_leaves_and_comes_back() -> None:
    """The label of a pallet names the lot alone."""
    rig = lot_of(100)
    (issued,) = said(rig, "ISSUE L-1")
    assert isinstance(issued, LotIssued)
    assert (issued.quantity, issued.remaining) == ("100", "0")
    (returned,) = said(rig, "RETURN L-1")
    assert isinstance(returned, LotReturned)
    assert (returned.quantity, returned.remaining) == ("100", "100")
    (returned,) = said(rig, "RETURN L-1")
    assert isinstance(returned, LotReturned)
    assert (returned.quantity, returned.remaining) == (None, None)


def test_all_of_an_unknown_lot_leaves() -> None:
    """How much that was stays open; that nothing is left does not."""
    rig = lot_of(1)
    (issued,) = said(rig, "ISSUE L-77")
    assert isinstance(issued, LotIssued)
    assert (issued.quantity, issued.remaining) == (None, "0")
    (returned,) = said(rig, "RETURN L-77 3")
    assert isinstance(returned, LotReturned)
    assert returned.remaining == "3"


def test_a_box_leaves_and_its_lot_has_less() -> None:
    """A sub-lot is a lot: it may be named by its container (D-50)."""
    rig = lot_of(0, cut(by_carrier=True))
    said(rig, "BOX-7")
    rig.made(12)
    said(rig, "BOX-8")
    (issued,) = said(rig, "ISSUE BOX-7")
    assert isinstance(issued, LotIssued)
    assert (issued.lot, issued.quantity) == ("L-1/BOX-7", "12")
    assert rig.balance("L-1") == (0, 0)
    said(rig, "RETURN BOX-7 2")
    assert rig.balance("L-1") == (2, 2)
    assert rig.balance("L-1/BOX-7") == (2, 2)


# ------------------------------------------------------------------ relabel


def test_a_lot_goes_on_under_its_new_label() -> None:
    """One to one: old events stand, the old label means the new lot from then on."""
    rig = lot_of(100)
    (relabelled,) = said(rig, "PICK L-1", "RELABEL L-8")
    assert isinstance(relabelled, LotRelabelled)
    assert (relabelled.lot, relabelled.new_lot) == ("L-1", "L-8")
    rig.made(3)
    assert rig.rows()[-1].lot == "L-8"
    said(rig, "L-1")  # the old label hangs there still
    rig.made(3)
    (issued,) = said(rig, "ISSUE L-1 6")
    assert isinstance(issued, LotIssued)
    assert (issued.lot, issued.remaining) == ("L-8", "100")
    said(rig, "PICK L-1", "RELABEL L-9")
    (issued,) = said(rig, "ISSUE L-1 100")
    assert isinstance(issued, LotIssued)
    assert issued.lot == "L-9"
    assert rig.balance("L-1") is None


def test_relabelling_without_a_running_lot_leaves_the_machine_alone() -> None:
    """Another identity of a lot that is not being made changes nothing of what is made."""
    before = initial(LINE)
    event = make(LotRelabelled, Address(epoch(1), 1), lot="L-1", new_lot="L-8")
    assert evolve(before, event).production == before.production


def test_the_sublots_of_a_relabelled_lot_go_on() -> None:
    """Numbers go on under the new name; the open sub-lot keeps its own."""
    rig = lot_of(3, cut(every_n=10))
    said(rig, "PICK L-1", "RELABEL L-8")
    rig.made(10)
    assert [lot for lot in rig.opened() if "/" in lot] == ["L-1/0001", "L-8/0002"]
    assert {row.part_of for row in rig.rows()} == {"L-1", "L-8"}
    assert rig.balance("L-8") == (13, 13)
    said(rig, "PICK L-8/0002", "RELABEL B-1")
    rig.made(1)
    assert rig.rows()[-1].lot == "B-1"


def test_a_relabelling_about_a_change_of_lot_keeps_the_doubt() -> None:
    """What may be of the lot before is so under its new name."""
    rig = lot_of(100)
    said(rig, "L-5", "PICK L-1", "RELABEL L-8")
    rig.count(2, back_ms=4_000)
    rig.rest()
    assert rig.rows()[-1].lots == ("L-8", "L-5")


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("codes", "cause"),
    [
        (("SPLIT L-2 5",), LotFault.NOTHING_PICKED),
        (("MERGE L-2",), LotFault.NOTHING_PICKED),
        (("RELABEL L-2",), LotFault.NOTHING_PICKED),
        (("PICK L-1", "PICK L-2", "SPLIT L-3 5"), LotFault.SEVERAL_PICKED),
        (("PICK L-1", "PICK L-2", "RELABEL L-3"), LotFault.SEVERAL_PICKED),
        (("PICK L-1", "SPLIT L-1 5"), LotFault.ITSELF),
        (("PICK L-1", "MERGE L-1"), LotFault.ITSELF),
        (("PICK L-1", "RELABEL L-1"), LotFault.ITSELF),
        (("PICK L-1", "SPLIT L-2 many"), LotFault.BAD_QUANTITY),
        (("ISSUE L-1 0",), LotFault.BAD_QUANTITY),
        (("RETURN L-1 -3",), LotFault.BAD_QUANTITY),
        (("L-1>L-2:5", "PICK L-2", "SPLIT L-1 5"), LotFault.CIRCULAR),
        (("L-1>L-2:5", "L-2>L-3:5", "PICK L-3", "MERGE L-1"), LotFault.CIRCULAR),
        (("L-1>L-2:5", "PICK L-1", "RELABEL L-2"), LotFault.LOT_EXISTS),
        (("PICK L-1", "RELABEL L-2", "PICK L-2", "RELABEL L-1"), LotFault.LOT_EXISTS),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(codes: tuple[str, ...], cause: LotFault) -> None:
    """Nothing is guessed, nothing is changed, and the person at the reader is told."""
    rig = lot_of(100)
    said(rig, *codes[:-1])
    before = rig.state.lots.known
    (refused,) = said(rig, codes[-1])
    assert isinstance(refused, LotRefused)
    assert refused.cause is cause
    assert good(rig) == [False]
    assert rig.state.lots.known == before


def test_another_measure_is_refused() -> None:
    """Pieces are no kilograms: nothing is converted."""
    rig = lot_of(100, replace(LINE, scans=(*LINE.scans, WEIGHED)))
    rig.turn(1_100)
    label = b"]C101095060001343523102001250" + b"10L1"
    rig.observe(CodeScanned, device="scanner", raw=label)
    issued = rig.of(LotIssued)[-1]
    assert (issued.quantity, issued.measure) == ("12.5", "kg")
    draft = Draft(rig.state, rig.working, rig.now, evolve)
    asked = lots.Asked(action=LotAction.ISSUE, lot="L-1", quantity="1", measure="kg")
    assert lots.done(draft, asked) is LotFault.MEASURE_DIFFERS
    asked = lots.Asked(action=LotAction.ISSUE, lot=issued.lot, quantity="1", measure="KG")
    assert isinstance(lots.done(draft, asked), Event)


def test_the_measure_is_that_of_the_identifier_that_was_read() -> None:
    """A label with weight and volume: the quantity is the one that the rule takes."""
    both = replace(
        WEIGHED, match=Gs1Match(ais=frozenset({"01", "10", "3102", "3151"})), quantity_from="3151"
    )
    rig = lot_of(100, replace(LINE, scans=(*LINE.scans, both)))
    rig.turn(1_100)
    label = b"]C10109506000134352" + b"3102001250" + b"3151000204" + b"10L1"
    rig.observe(CodeScanned, device="scanner", raw=label)
    issued = rig.of(LotIssued)[-1]
    assert (issued.quantity, issued.measure) == ("20.4", "l")


# ------------------------------------------------------------------ picks


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("wait", ExpiryReason.WINDOW),
        ("cancel", ExpiryReason.CANCELLED),
        ("restart", ExpiryReason.RESTART),
        ("reboot", ExpiryReason.OTHER_BOOT),
        ("lost", ExpiryReason.HISTORY_LOST),
    ],
)
def test_a_pick_waits_for_no_longer_than_is_safe(how: str, reason: ExpiryReason) -> None:
    """A forgotten pick must not make a genealogy; over a restart another may be missed."""
    rig = lot_of(100)
    said(rig, "PICK L-1")
    if how == "wait":
        rig.turn(300_000)
    elif how == "cancel":
        said(rig, "CANCEL")
    elif how == "lost":
        rig.start(lost=(("000001-aa", 3, 5, "damaged"),))
    else:
        rig.restart(reboot=how == "reboot")
    assert rig.of(ScanExpired)[-1].reason is reason
    (refused,) = said(rig, "SPLIT L-2 5")
    assert isinstance(refused, LotRefused)
    assert refused.cause is LotFault.NOTHING_PICKED


def test_each_pick_has_its_own_time() -> None:
    """One that is too old goes, the newer one waits on."""
    rig = lot_of(100)
    said(rig, "PICK L-1")
    rig.turn(200_000)
    said(rig, "PICK L-2")
    rig.turn(100_000)
    assert [event.code for event in rig.of(ScanExpired)] == ["L-1"]
    assert [pick.lot for pick in rig.state.lots.picks] == ["L-2"]


def test_the_same_lot_picked_again_counts_once() -> None:
    """The newest quantity stands."""
    rig = lot_of(100)
    said(rig, "PICK L-1 5", "PICK L-1 8")
    (merged,) = said(rig, "MERGE L-2")
    assert isinstance(merged, LotMerged)
    assert merged.parents == (LotAmount(lot="L-1", quantity="8"),)


# ------------------------------------------------------------------ what is remembered


def test_the_book_survives_a_restart() -> None:
    """Balances are the fold of the events."""
    rig = lot_of(100)
    said(rig, "L-1>L-2:30", "ISSUE L-2 10", "PICK L-1", "RELABEL L-8")
    before = rig.state.lots
    rig.restart()
    assert rig.state.lots == before
    rig.connect()
    (issued,) = said(rig, "ISSUE L-1 70")
    assert isinstance(issued, LotIssued)
    assert (issued.lot, issued.remaining) == ("L-8", "0")


def test_a_lost_history_makes_balances_unknown() -> None:
    """What was counted and moved meanwhile is lost: nothing is checked against it."""
    rig = lot_of(100)
    said(rig, "ISSUE L-1 10")
    rig.start(lost=(("000001-aa", 3, 5, "damaged"),))
    rig.connect()
    (issued,) = said(rig, "ISSUE L-1 5000")
    assert isinstance(issued, LotIssued)
    assert issued.remaining is None
    (returned,) = said(rig, "RETURN L-1")
    assert isinstance(returned, LotReturned)
    assert returned.quantity is None


def test_the_book_keeps_the_newest_lots() -> None:
    """A set that grows without end is no state: of a lot that it forgot nothing is checked."""
    rig = lot_of(100)
    for number in range(100, 100 + MOST_KNOWN):
        said(rig, f"L-1>L-{number}:1")
    said(rig, "ISSUE L-100 1")
    for number in range(500, 500 + MOST_KNOWN - 1):
        said(rig, f"L-1>L-{number}:1")
    assert len(rig.state.lots.known) == MOST_KNOWN
    assert rig.balance("L-1") is not None
    assert rig.balance("L-150") is None
    assert rig.balance("L-1") == (101 - 2 * MOST_KNOWN,) * 2


# ------------------------------------------------------------------ blocked, and who calls


def test_what_is_made_of_a_blocked_lot_is_blocked() -> None:
    """A child inherits all of its parent (D-52, D-56); the block can be taken back by scan."""
    rig = lot_of(100)
    said(rig, "BLOCK L-1")
    _, blocked = said(rig, "L-1>L-2:30")
    assert isinstance(blocked, LotBlocked)
    assert (blocked.lot, blocked.source) == ("L-2", "parent")
    said(rig, "PICK L-2")
    assert [event.kind for event in said(rig, "MERGE L-3")] == ["lot_merged", "lot_blocked"]
    assert [event.kind for event in said(rig, "PICK L-3", "RELABEL L-4")] == [
        "lot_relabelled",
        "lot_blocked",
    ]
    said(rig, "FREE L-2")
    assert [each.lot for each in rig.state.material.blocked] == ["L-1", "L-3", "L-4"]


@pytest.mark.parametrize(
    ("quantities", "expected"),
    [(("60", "40"), None), (("60", "30"), "100"), (("60", "50"), "100")],
)
def test_a_whole_split_gives_all_there_is(
    quantities: tuple[str, ...], expected: str | None
) -> None:
    """Sum of the children is the parent, or it is said by name (D-52)."""
    rig = lot_of(100)
    children = tuple(LotAmount(lot=f"L-{n}", quantity=q) for n, q in enumerate(quantities, 2))
    draft = Draft(rig.state, rig.working, rig.now, evolve)
    asked = lots.Asked(action=LotAction.SPLIT, lot="L-1", others=children, whole=True)
    assert isinstance(lots.done(draft, asked), Event)
    found = [e.expected for e in draft.events if isinstance(e, QuantityMismatch)]
    assert found == ([expected] if expected else [])


def test_two_pallets_of_one_lot_are_no_repeat() -> None:
    """Each label is one action, however soon the next one comes; the same label is a repeat."""
    rig = lot_of(100)
    rig.scan("ISSUE L-1 40")
    rig.scan("ISSUE L-1 30")
    rig.scan("ISSUE L-1 30")
    assert [issued.quantity for issued in rig.of(LotIssued)] == ["40", "30"]
    assert rig.decision.events[-1].kind == "code_repeated"
