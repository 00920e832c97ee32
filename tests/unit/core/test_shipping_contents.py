"""What a parcel holds keeps it from leaving, and what nobody has seen is a slip (D-36, D-56)."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core.commands import COMMAND_WITHIN_MS
from agent.core.events import CommandRefused, Declined, UnitReturned, UnitShipped, Why
from agent.core.shipping import MOST_INSIDE
from agent.core.state import Ask, ComponentAsk, LookupAsk, PackageAsk
from drivers.base import AskAnswered, PreviousSeen
from tests.core_rig import PRESS, Rig
from tests.packing_rig import BOX, GATHERED, PALLET, Packing, bench


def gate() -> Rig:
    """Return a station with its links up."""
    rig = Rig(PRESS)
    rig.up()
    return rig


def shipped(rig: Rig) -> list[tuple[str, tuple[Why, ...]]]:
    """Return what left, and what should have kept it."""
    return [(e.unit, e.why) for e in rig.of(UnitShipped)]


# ------------------------------------------------------------------ what is in it


Known = dict[tuple[type[Ask], str], dict[str, Any]]
"""What the look-ups say: (kind of question, code) -> facts."""


def answer(rig: Rig, known: Known) -> list[tuple[type[Ask], str]]:
    """Answer what a command asks by a table, until nothing is asked; return what was asked."""
    asked: list[tuple[type[Ask], str]] = []
    while rig.checks:
        ask = rig.checks.pop(0)
        names = ("unit", "component", "code")
        code = next(str(getattr(ask, name)) for name in names if hasattr(ask, name))
        asked.append((type(ask), code))
        rig.observe(AskAnswered, ask=ask.id, known=True, **known.get(asked[-1], {}))
    return asked


def looking() -> Rig:
    """Return a gate that waits for what it asks."""
    rig = gate()
    rig.hold_checks = True
    return rig


LADEN: Known = {
    (PackageAsk, "PAL-1"): {"contents": ("BOX-1", "BOX-2")},
    (PackageAsk, "BOX-1"): {"contents": ("SN-1",), "within": ("PAL-1",)},
    (PackageAsk, "BOX-2"): {"contents": ("SN-2", "BOX-1")},
    (PackageAsk, "SN-2"): {"components": ("ECU-2",)},
}
"""A pallet with two boxes, by records that have one box in both, and a component in a unit."""


@pytest.mark.parametrize("thing", ["parcel", "unit"])
@pytest.mark.parametrize("code", ["BOX-1", "BOX-2", "SN-1", "SN-2", "ECU-2"])
@pytest.mark.parametrize(
    ("facts", "cause", "why"),
    [
        ({"scrapped": True}, Declined.SCRAPPED, Why.SCRAPPED),
        ({"blocked": ("X",)}, Declined.BLOCKED, Why.UNIT_BLOCKED),
    ],
)
def test_what_is_kept_keeps_all_that_it_is_in(
    thing: str, code: str, facts: dict[str, Any], cause: Declined, why: Why
) -> None:
    """At any depth: it is named, and let go by a word, which the record of the whole then tells."""
    rig, known = looking(), LADEN | {(LookupAsk, code): facts}
    rig.command("ship", to="ACME", **{thing: "PAL-1"})
    answer(rig, known)
    assert (rig.refused().cause, rig.refused().detail) == (
        cause,
        f"'{code}' in 'PAL-1' is {cause.value}; if it has left all the same, add --anyway yes",
    )
    rig.command("ship", to="ACME", anyway="yes", **{thing: "PAL-1"})
    answer(rig, known)
    assert shipped(rig) == [("PAL-1", (why,))]


def test_a_record_tells_each_reason_once() -> None:
    """The parcel's own first, and not those of another parcel."""
    rig = looking()
    known = LADEN | {
        (LookupAsk, "PAL-1"): {"blocked": ("PAL-1",)},
        (LookupAsk, "BOX-1"): {"blocked": ("BOX-1",)},
        (LookupAsk, "SN-1"): {"scrapped": True},
        (LookupAsk, "BOX-9"): {"seen_at": "000001-aa-7"},
    }
    rig.command("ship", to="ACME", parcel=("BOX-9", "PAL-1"), anyway="yes")
    answer(rig, known)
    assert shipped(rig) == [
        ("BOX-9", ()),
        ("PAL-1", (Why.UNIT_BLOCKED, Why.SCRAPPED)),
    ]


def test_nothing_in_a_parcel_is_asked_twice() -> None:
    """Each thing in it is asked about once, whatever it is in, and the whole waits for all."""
    rig = looking()
    rig.command("ship", to="ACME", parcel="PAL-1")
    asked = answer(rig, LADEN)
    inside = ("PAL-1", "BOX-1", "BOX-2", "SN-1", "SN-2", "ECU-2")
    assert len(asked) == len(set(asked))
    assert set(asked) == {
        *((kind, code) for kind in (LookupAsk, PackageAsk) for code in inside),
        (ComponentAsk, "PAL-1"),
    }
    assert shipped(rig) == [("PAL-1", ())]
    assert rig.working.commands == {}


def test_each_layer_of_a_parcel_has_its_time() -> None:
    """What is in it is asked with a deadline of its own; not known then, nothing has left."""
    rig = looking()
    rig.command("ship", to="ACME", parcel="PAL-1")
    rig.turn(COMMAND_WITHIN_MS - 1)
    for ask in tuple(rig.checks):
        rig.checks.remove(ask)
        contents = ("BOX-1",) if isinstance(ask, PackageAsk) else ()
        rig.observe(AskAnswered, ask=ask.id, known=True, contents=contents)
    rig.turn(COMMAND_WITHIN_MS - 1)
    assert rig.of(CommandRefused) == []
    rig.turn(1)
    assert rig.refused().cause is Declined.KNOWLEDGE_MISSING
    answer(rig, LADEN)
    assert shipped(rig) == []


def full(n: int) -> Known:
    """Return what is known of a pallet with so many things in it and on it, itself included."""
    units = tuple(f"SN-{each}" for each in range(n - 2))
    return {
        (PackageAsk, "PAL-1"): {"contents": ("BOX-1",)},
        (PackageAsk, "BOX-1"): {"contents": units},
    }


def test_a_parcel_that_is_too_full_to_be_looked_through() -> None:
    """It is said and not passed over; what was found is named first."""
    rig = looking()
    rig.command("ship", to="ACME", parcel="PAL-1")
    answer(rig, full(MOST_INSIDE))
    assert shipped(rig) == [("PAL-1", ())]
    rig.command("ship", to="ACME", parcel="PAL-1")
    answer(rig, full(MOST_INSIDE) | {(PackageAsk, "SN-997"): {"components": ("ECU-1",)}})
    assert rig.refused().cause is Declined.KNOWLEDGE_MISSING
    known = full(MOST_INSIDE + 1)
    rig.command("ship", to="ACME", parcel="PAL-1")
    asked = answer(rig, known)
    assert len(asked) == 2 * MOST_INSIDE + 1
    assert rig.refused().cause is Declined.KNOWLEDGE_MISSING
    assert rig.refused().detail == (
        "'PAL-1' is too full to look at each thing in it (more than 1000); if it has left all the "
        "same, add --anyway yes"
    )
    known |= {(LookupAsk, "SN-997"): {"scrapped": True}}  # the last that is looked at
    rig.command("ship", to="ACME", parcel="PAL-1")
    answer(rig, known)
    assert rig.refused().detail == (
        "'SN-997' in 'PAL-1' is scrapped; if it has left all the same, add --anyway yes"
    )
    rig.command("ship", to="ACME", parcel="PAL-1", anyway="yes")
    answer(rig, known)
    assert shipped(rig)[1:] == [("PAL-1", (Why.SCRAPPED, Why.KNOWLEDGE_MISSING))]


def test_a_full_parcel_that_is_kept_itself() -> None:
    """Its own block is the reason, whatever else is not known of it."""
    rig = looking()
    rig.command("block-lot", lot="PAL-1")
    rig.command("ship", to="ACME", parcel="PAL-1", anyway="yes")
    answer(rig, full(MOST_INSIDE + 1))
    assert shipped(rig) == [("PAL-1", (Why.UNIT_BLOCKED,))]


def packed() -> Packing:
    """Return a bench with AU-1 and AU-2 in a closed box, which is on a pallet that is open."""
    rig = bench(replace(BOX, count=2, into="pallet"), PALLET)
    rig.codes("PAL-1", "BOX-1", "AU-1", "AU-2")
    return rig


def test_what_was_packed_here_keeps_its_pallet_until_it_is_out() -> None:
    """By the bench's own records: through a closed box on an open pallet, and not after."""
    rig = packed()
    rig.command("block-lot", lot="AU-2")
    rig.command("ship", to="ACME", parcel="PAL-1")
    assert rig.refused().detail == (
        "'AU-2' in 'PAL-1' is blocked; if it has left all the same, add --anyway yes"
    )
    rig.command("unpack", parent="BOX-1", child="AU-2")
    rig.command("ship", to="ACME", parcel="PAL-1")
    assert shipped(rig) == [("PAL-1", ())]


def test_what_is_in_an_open_parcel_counts_before_any_look_up_has_it() -> None:
    """The state has what went in while it is open."""
    rig = packed()
    rig.hold_checks = True
    rig.command("ship", to="ACME", parcel="PAL-1")
    answer(rig, {(LookupAsk, "BOX-1"): {"scrapped": True}})
    assert rig.refused().detail == (
        "'BOX-1' in 'PAL-1' is scrapped; if it has left all the same, add --anyway yes"
    )


# ------------------------------------------------------------------ what nobody has seen

SAYS = [("ship", {"to": "ACME"}), ("take-back", {})]
SLIP = "'SN-9' was never here; if it is right all the same, add --unseen yes"


def told(rig: Rig) -> list[str]:
    """Return what is said to have left or to be back."""
    return [e.unit for e in rig.events if isinstance(e, UnitShipped | UnitReturned)]


@pytest.mark.parametrize("thing", ["unit", "parcel"])
@pytest.mark.parametrize(("name", "said"), SAYS)
def test_what_nobody_has_seen_may_be_a_slip(name: str, said: dict[str, str], thing: str) -> None:
    """It is refused, with all that the command names, unless the person says that it is right."""
    rig = gate()
    rig.scan("SN-1")
    rig.turn(300)
    rig.cycle(1)
    for unseen in ({}, {"unseen": "no"}):
        rig.command(name, **said, **unseen, **{thing: ("SN-1", "SN-9")})
        assert (rig.refused().cause, rig.refused().detail) == (Declined.UNKNOWN, SLIP)
    assert told(rig) == []
    rig.command(name, **said, unseen="yes", **{thing: ("SN-1", "SN-9")})
    assert told(rig) == ["SN-1", "SN-9"]
    rig.command(name, **said, **{thing: "SN-1"})
    assert rig.command_replies[0].refused is None


ELSEWHERE = PreviousSeen(station="a", known=True, address="000001-aa-7")


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (LookupAsk, {"seen_at": "000001-aa-7"}),
        (LookupAsk, {"names": ("SN-8", "SN-9")}),
        (LookupAsk, {"previous": (PreviousSeen(station="b", known=True), ELSEWHERE)}),
        (ComponentAsk, {"seen_at": "000001-aa-7"}),
        (PackageAsk, {"contents": ("SN-1",)}),
        (PackageAsk, {"components": ("ECU-1",)}),
    ],
)
@pytest.mark.parametrize(("name", "said"), SAYS)
def test_what_any_look_up_knows_was_seen(
    name: str, said: dict[str, str], kind: type[Ask], facts: dict[str, Any]
) -> None:
    """As a unit here or before, under another name, in something once, or with something in it."""
    rig = looking()
    rig.command(name, **said, unit="SN-9")
    answer(rig, {(kind, "SN-9"): facts})
    assert rig.command_replies[0].refused is None


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"names": ("SN-9",)},
        {"previous": (PreviousSeen(station="b", known=True),)},
        {"previous": (PreviousSeen(station="b", known=False, as_of="000001-aa-7"),)},
    ],
)
def test_what_no_look_up_has_was_not_seen(facts: dict[str, Any]) -> None:
    """Its own name, and a station that has not met it, say nothing of it."""
    rig = looking()
    rig.command("take-back", unit="SN-9")
    answer(rig, {(LookupAsk, "SN-9"): facts})
    assert rig.refused().detail == SLIP


@pytest.mark.parametrize("facts", [{"scrapped": True}, {"blocked": ("SN-9",)}])
def test_what_is_scrap_or_blocked_is_no_slip(facts: dict[str, Any]) -> None:
    """Somebody has named it before."""
    rig = looking()
    rig.command("take-back", unit="SN-9")
    answer(rig, {(LookupAsk, "SN-9"): facts})
    assert [event.unit for event in rig.of(UnitReturned)] == ["SN-9"]


@pytest.mark.parametrize("code", ["PAL-1", "BOX-1", "AU-1", "AU-2"])
def test_what_was_packed_here_was_seen(code: str) -> None:
    """The parcel and what is in it, as long as it is packed and after."""
    rig = packed()
    rig.command("take-back", parcel=code)
    rig.command("unpack", parent="BOX-1", child="AU-2")
    rig.command("take-back", unit=code)
    assert [event.unit for event in rig.of(UnitReturned)] == [code, code]


def test_what_is_being_packed_was_seen() -> None:
    """A parcel that is open and empty, and what waits for its parcel, by their scans alone."""
    rig = bench(GATHERED, PALLET)
    rig.codes("PAL-1", "AU-1", "BU-1")
    for code in ("PAL-1", "AU-1", "BU-1"):
        rig.command("take-back", unit=code)
    assert [event.unit for event in rig.of(UnitReturned)] == ["PAL-1", "AU-1", "BU-1"]
    rig.command("take-back", parcel="PAL-2")
    assert rig.refused().cause is Declined.UNKNOWN
    rig.command("take-back", unit="AU-2")
    assert rig.refused().cause is Declined.UNKNOWN


def test_an_empty_parcel_cannot_be_told_from_a_slip() -> None:
    """Nothing is in it, and it is in nothing: it needs the word."""
    rig = packed()
    rig.command("unpack", parent="PAL-1")
    rig.command("ship", to="ACME", parcel="PAL-1")
    assert rig.refused().cause is Declined.UNKNOWN
    rig.command("ship", to="ACME", parcel="PAL-1", unseen="yes")
    assert shipped(rig) == [("PAL-1", ())]
