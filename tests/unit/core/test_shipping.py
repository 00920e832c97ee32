"""What leaves the house and comes back: recorded as said, kept by what keeps it (D-36, D-56)."""

from dataclasses import replace

import pytest

from agent.core.events import (
    CommandRefused,
    Declined,
    EventCorrected,
    LotIssued,
    LotReturned,
    QuantityMismatch,
    UnitReturned,
    UnitShipped,
    Why,
)
from agent.core.lot_plan import Lots
from agent.core.state import LookupAsk
from drivers.base import AskAnswered
from tests.core_rig import PRESS, Rig
from tests.lot_rig import LINE, LotRig


def gate() -> Rig:
    """Return a station with its links up."""
    rig = Rig(PRESS)
    rig.up()
    return rig


def filler(lots: Lots | None = None) -> LotRig:
    """Return a rig that has made 100 pieces of L-1."""
    rig = LotRig(replace(LINE, lots=lots or Lots(measure="pcs")))
    rig.scan("L-1")
    rig.turn(1_500)
    rig.count(100, took_ms=20_000)
    rig.rest()
    return rig


def shipped(rig: Rig) -> list[tuple[str, str, str | None, tuple[Why, ...]]]:
    """Return what left: code, destination, document, and what should have kept it."""
    return [(e.unit, e.destination, e.document, e.why) for e in rig.of(UnitShipped)]


# ------------------------------------------------------------------ leaving


def test_units_and_parcels_leave_under_their_own_codes() -> None:
    """Each code that is named has one event, with where to, on what document, who and why."""
    rig = gate()
    rig.command(
        "ship",
        unit=("SN-1", "SN-2"),
        parcel=("BOX-1", "SN-1"),
        to="ACME Berlin",
        document="DN-77",
        reason="truck 4",
        unseen="yes",
    )
    assert shipped(rig) == [
        (code, "ACME Berlin", "DN-77", ()) for code in ("SN-1", "SN-2", "BOX-1")
    ]
    assert {(e.who, e.reason) for e in rig.of(UnitShipped)} == {("k:OP-7", "truck 4")}
    (reply,) = rig.command_replies
    assert (reply.address, reply.refused) == (rig.of(UnitShipped)[-1].address, None)
    assert all(e.because == (reply.command,) for e in rig.of(UnitShipped))


def test_a_document_need_not_be_named() -> None:
    """Without one the event has none."""
    rig = gate()
    rig.command("ship", parcel="BOX-1", to="ACME", unseen="yes")
    assert shipped(rig) == [("BOX-1", "ACME", None, ())]
    rig.command("take-back", unit="SN-1", unseen="yes")
    assert [(e.origin, e.document) for e in rig.of(UnitReturned)] == [(None, None)]


def test_a_part_of_a_lot_leaves_it_and_the_house() -> None:
    """It is issued with the mark that it left the house; what is left of the lot is known."""
    rig = filler()
    rig.command("ship", lot="L-1", quantity="40", to="ACME", document="DN-1", reason="truck")
    (issued,) = rig.of(LotIssued)
    assert (issued.lot, issued.quantity, issued.measure) == ("L-1", "40", "pcs")
    assert (issued.destination, issued.shipped, issued.document) == ("ACME", True, "DN-1")
    assert (issued.remaining, issued.who, issued.reason) == ("60", "k:OP-7", "truck")
    assert issued.why == ()
    rig.command("ship", lot="L-1", to="ACME")
    assert (rig.of(LotIssued)[-1].quantity, rig.of(LotIssued)[-1].document) == ("60", None)
    assert rig.balance("L-1") == (0, 0)


def test_a_measure_that_is_said_is_the_one_that_is_recorded() -> None:
    """A lot that nobody knows here leaves in the measure that was said."""
    rig = filler()
    rig.command("ship", lot="L-9", quantity="2", measure="kg", to="ACME")
    (issued,) = rig.of(LotIssued)
    assert (issued.quantity, issued.measure) == ("2", "kg")


def test_a_lot_and_units_leave_by_one_command() -> None:
    """All that it names is recorded; the reply names the last of it."""
    rig = filler()
    rig.command("ship", lot="L-1", unit="SN-1", to="ACME", unseen="yes")
    assert [type(e) for e in rig.events[-2:]] == [LotIssued, UnitShipped]
    assert rig.command_replies[0].address == rig.events[-1].address


def test_what_only_leaves_the_lot_says_nothing_of_the_house() -> None:
    """`issue-lot` and `return-lot` leave open whether it left the house."""
    rig = filler()
    rig.command("issue-lot", lot="L-1", quantity="5", destination="hall 2")
    rig.command("return-lot", lot="L-1", quantity="5")
    (issued,), (returned,) = rig.of(LotIssued), rig.of(LotReturned)
    assert (issued.shipped, issued.document) == (None, None)
    assert (returned.shipped, returned.origin, returned.document) == (None, None, None)


# ------------------------------------------------------------------ what keeps it


def held(rig: Rig, **facts: object) -> None:
    """Answer what a command asks about SN-1 with these facts."""
    while rig.checks:
        ask = rig.checks.pop(0)
        known = facts if isinstance(ask, LookupAsk) and ask.unit == "SN-1" else {}
        rig.observe(AskAnswered, ask=ask.id, known=True, **known)


@pytest.mark.parametrize(
    ("facts", "cause", "is_", "why"),
    [
        ({"scrapped": True}, Declined.SCRAPPED, "scrapped", Why.SCRAPPED),
        (
            {"scrapped": True, "blocked": ("SN-1",)},
            Declined.SCRAPPED,
            "scrapped",
            Why.SCRAPPED,
        ),
        ({"blocked": ("SN-1",)}, Declined.BLOCKED, "blocked", Why.UNIT_BLOCKED),
    ],
)
def test_a_unit_that_is_kept_leaves_only_by_a_word(
    facts: dict[str, object], cause: Declined, is_: str, why: Why
) -> None:
    """Scrap and what any station blocks is refused; said again, the record names what kept it."""
    rig = gate()
    rig.hold_checks = True
    rig.command("ship", unit=("SN-0", "SN-1"), to="ACME")
    held(rig, **facts)
    refused = rig.refused()
    assert (refused.cause, refused.detail) == (
        cause,
        f"'SN-1' is {is_}; if it has left all the same, add --anyway yes",
    )
    assert shipped(rig) == []
    rig.command("ship", unit=("SN-0", "SN-1"), to="ACME", anyway="yes", unseen="yes")
    held(rig, **facts)
    assert shipped(rig) == [("SN-0", "ACME", None, ()), ("SN-1", "ACME", None, (why,))]


def test_what_was_blocked_here_just_now_is_kept() -> None:
    """A unit, a parcel and a lot, each by the block of this station; only `yes` lets it go."""
    rig = filler()
    for code in ("SN-1", "BOX-1", "L-1"):
        rig.command("block-lot", lot=code)
    rig.command("return-lot", lot="L-7", quantity="1")  # another lot is what was touched last
    for what in ({"unit": "SN-1"}, {"parcel": "BOX-1"}, {"lot": "L-1"}):
        rig.command("ship", to="ACME", anyway="no", **what)
        (code,) = what.values()
        assert (rig.refused().cause, rig.refused().detail) == (
            Declined.BLOCKED,
            f"'{code}' is blocked; if it has left all the same, add --anyway yes",
        )
    rig.command("ship", unit="SN-1", parcel="BOX-1", lot="L-1", to="ACME", anyway="yes")
    assert shipped(rig) == [(code, "ACME", None, (Why.UNIT_BLOCKED,)) for code in ("SN-1", "BOX-1")]
    assert [e.why for e in rig.of(LotIssued)] == [(Why.LOT_BLOCKED,)]


def test_a_blocked_lot_is_kept_under_its_old_name_too() -> None:
    """A lot that was given another name is the same lot."""
    rig = filler()
    rig.command("relabel-lot", lot="L-1", new="L-2")
    rig.command("block-lot", lot="L-2")
    rig.command("ship", lot="L-1", to="ACME")
    assert rig.refused().detail == "'L-2' is blocked; if it has left all the same, add --anyway yes"


def test_what_cannot_be_looked_up_does_not_leave_unseen() -> None:
    """Nobody could say whether it is scrap: it is refused, and may be given again."""
    rig = gate()
    rig.hold_checks = True
    rig.command("ship", unit="SN-1", to="ACME")
    rig.check(known=False)
    assert rig.refused().cause is Declined.KNOWLEDGE_MISSING


def test_a_lot_that_nobody_knows_is_judged_as_by_every_command() -> None:
    """Lots are named before they are made here: such a one is recorded, as by `issue-lot`."""
    rig = filler()
    rig.command("ship", lot="L-9", quantity="2", measure="kg", to="ACME")
    rig.command("take-back", lot="L-8", quantity="2", measure="kg")
    assert [event.lot for event in rig.of(LotIssued)] == ["L-9"]
    assert [event.lot for event in rig.of(LotReturned)] == ["L-8"]


# ------------------------------------------------------------------ words that do not go together


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        ({"unit": "SN-1"}, "say who gets it: --to"),
        ({"to": "ACME"}, "say what: --unit, --parcel or --lot"),
        ({"to": "ACME", "unit": "SN-1", "quantity": "3"}, "a quantity is of a lot: --lot"),
        ({"to": "ACME", "unit": "SN-1", "measure": "kg"}, "a quantity is of a lot: --lot"),
    ],
)
def test_words_that_do_not_go_together_ship_nothing(arguments: dict[str, str], detail: str) -> None:
    """The refusal says what lacks."""
    rig = gate()
    rig.command("ship", **arguments)
    assert (rig.refused().cause, rig.refused().detail) == (Declined.BAD_ARGUMENT, detail)
    assert rig.of(UnitShipped) == []


def test_taking_back_needs_something_to_take() -> None:
    """The same words that do not go together are refused here."""
    rig = gate()
    rig.command("take-back")
    assert rig.refused().detail == "say what: --unit, --parcel or --lot"
    rig.command("take-back", unit="SN-1", quantity="3")
    assert rig.refused().detail == "a quantity is of a lot: --lot"
    assert rig.of(UnitReturned) == []


def test_where_the_lot_is_refused_nothing_else_is_recorded() -> None:
    """All that one command names is recorded, or nothing is."""
    rig = filler(Lots(measure="pcs", refuse_mismatch=True))
    rig.command("ship", lot="L-1", quantity="400", unit="SN-1", to="ACME", unseen="yes")
    assert rig.refused().cause is Declined.NOT_SO
    assert (rig.of(UnitShipped), rig.of(LotIssued)) == ([], [])
    rig.command("ship", lot="L-1", quantity="40", to="ACME")
    rig.command("take-back", lot="L-1", quantity="60", unit="SN-1", unseen="yes")
    assert rig.refused().cause is Declined.NOT_SO
    assert (rig.of(UnitReturned), rig.of(LotReturned)) == ([], [])


# ------------------------------------------------------------------ coming back


def test_what_comes_back_is_recorded_under_its_code() -> None:
    """Each code has one event, with who gives it back."""
    rig = gate()
    rig.command(
        "take-back",
        unit="SN-1",
        parcel="BOX-1",
        document="RMA-3",
        reason="wrong size",
        unseen="yes",
        **{"from": "ACME"},
    )
    assert [(e.unit, e.origin, e.document, e.reason) for e in rig.of(UnitReturned)] == [
        ("SN-1", "ACME", "RMA-3", "wrong size"),
        ("BOX-1", "ACME", "RMA-3", "wrong size"),
    ]


def test_a_part_of_a_lot_is_back_in_it_and_in_the_house() -> None:
    """It is a return with the mark that it had left the house, and in the lot again."""
    rig = filler()
    rig.command("ship", lot="L-1", quantity="40", to="ACME")
    rig.command("take-back", lot="L-1", quantity="10", document="RMA-3", **{"from": "ACME"})
    (back,) = rig.of(LotReturned)
    assert (back.lot, back.quantity, back.remaining) == ("L-1", "10", "70")
    assert (back.shipped, back.origin, back.document) == (True, "ACME", "RMA-3")
    rig.command("take-back", lot="L-1", quantity="40")
    assert rig.of(QuantityMismatch) != []  # more than had left


# ------------------------------------------------------------------ taken back as words


def test_a_shipment_that_never_was_is_retracted_or_given_its_right_unit() -> None:
    """A slip at the keyboard is a correction, as with every other statement (D-143)."""
    rig = gate()
    rig.command("ship", parcel=("BOX-1", "BOX-2"), to="ACME", unseen="yes")
    rig.command("take-back", parcel="BOX-2", unseen="yes")
    one, other = rig.of(UnitShipped)
    (back,) = rig.of(UnitReturned)
    rig.command("correct", address=one.address, unit="BOX-3")
    rig.command("retract", address=other.address)
    rig.command("correct", address=back.address, unit="BOX-4")
    corrected = rig.of(EventCorrected)
    assert [(e.corrects, e.about, e.replacement, e.retracted) for e in corrected] == [
        ("unit_shipped", "BOX-1", (("unit", "BOX-3"),), False),
        ("unit_shipped", "BOX-2", (), True),
        ("unit_returned", "BOX-2", (("unit", "BOX-4"),), False),
    ]


def test_a_lot_that_left_is_not_corrected_but_taken_back() -> None:
    """The book goes on from it; the refusal says by which command."""
    rig = filler()
    rig.command("ship", lot="L-1", quantity="40", to="ACME")
    rig.command("take-back", lot="L-1", quantity="40")
    issued, back = rig.of(LotIssued)[0].address, rig.of(LotReturned)[0].address
    rig.command("retract", address=issued)
    assert rig.of(CommandRefused)[-1].detail == (
        f"{issued} is lot_issued, which is not corrected; say that it is back by `return-lot`, or "
        "`take-back` where it was shipped"
    )
    rig.command("retract", address=back)
    assert rig.of(CommandRefused)[-1].detail == (
        f"{back} is lot_returned, which is not corrected; say that it leaves by `issue-lot`, or "
        "`ship` where it leaves the house"
    )
