"""A unit's life by hand: scrap, rework, another identity (D-35 to D-37)."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core.events import (
    Certainty,
    Declined,
    IdentityConflict,
    UnitCompleted,
    UnitRefused,
    UnitReidentified,
    UnitReworked,
    UnitScrapped,
    UnitStarted,
    Why,
)
from agent.core.station import Policy, Station
from drivers.base import AskAnswered
from tests.core_rig import INTERLOCK, PRESS, Rig

STORED_OK, DUPLICATE, NOT_RELEASED = 1, 3, 6
AGAIN = replace(PRESS, duplicates=Policy.RECORD)


class Line(Rig):
    """A press with its links up, at which units are pressed one after the other."""

    made = 0

    def press(self, unit: str) -> int | None:
        """Scan a unit, press it, and return the answer."""
        self.turn(1_200)
        self.scan(unit)
        self.turn(100)
        self.made += 1
        return self.cycle(self.made)


def line(station: Station = PRESS) -> Line:
    """Return a press that is up."""
    rig = Line(station)
    rig.up()
    return rig


# ------------------------------------------------------------------ scrap


def test_a_scrapped_unit_is_refused_wherever_it_comes() -> None:
    """Answer 6 and an event of its own, whatever the station does with duplicates (D-36)."""
    for station in (PRESS, AGAIN):
        rig = line(station)
        assert rig.press("SN-1") == STORED_OK
        rig.command("scrap", unit="SN-1", reason="cracked")
        (scrapped,) = rig.of(UnitScrapped)
        assert (scrapped.unit, scrapped.who, scrapped.reason) == ("SN-1", "k:OP-7", "cracked")
        assert rig.press("SN-1") == NOT_RELEASED
        assert rig.of(UnitRefused)[-1].reason is Why.SCRAPPED


def test_a_scrapped_unit_is_not_let_in() -> None:
    """The interlock stops it before the machine works on it (D-38)."""
    rig = line(INTERLOCK)
    rig.command("scrap", unit="SN-1", unseen="yes")
    rig.scan("SN-1")
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    assert rig.of(UnitStarted) == []
    assert rig.of(UnitRefused)[-1].reason is Why.SCRAPPED


def test_scrap_is_final_until_its_correction() -> None:
    """Nothing but a retraction takes it back; then the unit is what it was before (D-36)."""
    rig = line()
    rig.press("SN-1")
    rig.command("scrap", unit="SN-1")
    (scrapped,) = rig.of(UnitScrapped)
    rig.command("scrap", unit="SN-1")
    assert (rig.refused().cause, rig.refused().detail) == (
        Declined.ALREADY,
        "'SN-1' is scrapped already",
    )
    rig.command("rework", unit="SN-1")
    assert (rig.refused().cause, rig.refused().detail) == (
        Declined.SCRAPPED,
        "'SN-1' is scrapped; retract that first",
    )
    rig.command("retract", address=scrapped.address, reason="wrong unit")
    assert rig.press("SN-1") == DUPLICATE


def test_a_unit_that_was_never_here_may_be_a_slip() -> None:
    """It is refused, unless the person says that this is right."""
    rig = line()
    rig.command("scrap", unit="SN-9")
    assert (rig.refused().cause, rig.refused().detail) == (
        Declined.UNKNOWN,
        "'SN-9' was never here; if it is right all the same, add --unseen yes",
    )
    rig.command("scrap", unit="SN-9", unseen="no")
    assert rig.refused().cause is Declined.UNKNOWN
    rig.command("scrap", unit="SN-9", unseen="yes")
    assert rig.press("SN-9") == NOT_RELEASED


# ------------------------------------------------------------------ rework


def test_a_unit_that_was_released_comes_once_more() -> None:
    """Its visits are numbered, and each is kept; the visit after is a duplicate again (D-35)."""
    rig = line()
    rig.press("SN-1")
    assert rig.press("SN-1") == DUPLICATE
    rig.command("rework", unit="SN-1", reason="seal replaced")
    (released,) = rig.of(UnitReworked)
    assert (released.unit, released.visit, released.reason) == ("SN-1", 2, "seal replaced")
    assert rig.press("SN-1") == STORED_OK
    assert [unit.visit for unit in rig.of(UnitCompleted)] == [1, 2]
    assert rig.press("SN-1") == DUPLICATE


def test_a_release_counts_once() -> None:
    """A second one before the unit has come, or one of a unit that needs none, is refused."""
    rig = line()
    rig.command("rework", unit="SN-1")
    assert (rig.refused().cause, rig.refused().detail) == (
        Declined.NOT_SO,
        "'SN-1' was not completed here; it may come without a release",
    )
    rig.press("SN-1")
    rig.command("rework", unit="SN-1")
    rig.command("rework", unit="SN-1")
    assert (rig.refused().cause, rig.refused().detail) == (
        Declined.ALREADY,
        "'SN-1' is released already, and has not come since",
    )
    rig.restart()
    rig.up()
    assert rig.press("SN-1") == STORED_OK


def test_beyond_the_limit_nobody_lets_it_in() -> None:
    """`rework: {limit: 1}`: one visit more than the first, by release or by policy (D-35)."""
    rig = line(replace(PRESS, rework_limit=1))
    rig.press("SN-1")
    rig.command("rework", unit="SN-1")
    assert rig.press("SN-1") == STORED_OK
    rig.command("rework", unit="SN-1")
    assert (rig.refused().cause, rig.refused().detail) == (
        Declined.LIMIT,
        "'SN-1' was here 2 times; track.rework.limit is 1",
    )
    rig = line(replace(AGAIN, rework_limit=1))
    assert [rig.press("SN-1") for _ in range(3)] == [STORED_OK, STORED_OK, NOT_RELEASED]
    assert rig.of(UnitRefused)[-1].reason is Why.REWORK_LIMIT


# ------------------------------------------------------------------ another identity


def test_a_unit_gets_another_identity() -> None:
    """An event says so; what was recorded under the old one stays (D-37)."""
    rig = line()
    rig.press("SN-1")
    before = rig.events[:]
    rig.command("reidentify", old="SN-1", new="SN-77", reason="label unreadable")
    (given,) = rig.of(UnitReidentified)
    assert (given.unit, given.new, given.who) == ("SN-1", "SN-77", "k:OP-7")
    assert rig.events[: len(before)] == before


@pytest.mark.parametrize(
    ("old", "new", "cause", "detail"),
    [
        ("SN-1", "SN-1", Declined.ALREADY, "it is 'SN-1' already"),
        (
            "SN-3",
            "SN-5",
            Declined.ALREADY,
            "'SN-3' is 'SN-4' already; give the new one for the old",
        ),
        (
            "SN-9",
            "SN-5",
            Declined.UNKNOWN,
            "'SN-9' was never here; if it is right all the same, add --unseen yes",
        ),
    ],
)
def test_an_identity_is_replaced_once_and_by_a_free_one(
    old: str, new: str, cause: Declined, detail: str
) -> None:
    """One to one: the old one is known and not replaced, the new one is nobody's (D-37)."""
    rig = line()
    for unit in ("SN-1", "SN-2", "SN-3"):
        rig.press(unit)
    rig.command("reidentify", old="SN-3", new="SN-4")
    rig.command("reidentify", old=old, new=new)
    assert (rig.refused().cause, rig.refused().detail) == (cause, detail)
    assert len(rig.of(UnitReidentified)) == 1


def test_an_identity_that_somebody_bears_is_not_given() -> None:
    """Two units under one identity could never be told apart again (D-37)."""
    rig = line()
    rig.press("SN-1")
    rig.press("SN-2")
    taken = rig.of(UnitCompleted)[-1]
    rig.command("reidentify", old="SN-1", new="SN-2")
    assert (rig.refused().cause, rig.refused().detail) == (
        Declined.IN_USE,
        f"'SN-2' is another unit's ({taken.address})",
    )
    rig.command("scrap", unit="SN-5", unseen="yes")
    rig.command("reidentify", old="SN-1", new="SN-5")
    assert rig.refused().cause is Declined.IN_USE


@pytest.mark.parametrize(
    ("known", "cause"),
    [
        ({"names": ("SN-1", "SN-6")}, Declined.IN_USE),
        ({"names": ("SN-6",), "renamed_to": "SN-7"}, Declined.IN_USE),
        ({"names": ("SN-6",)}, None),
        ({}, None),
    ],
)
def test_an_identity_that_another_unit_has_had_is_not_given(
    known: dict[str, Any], cause: Declined | None
) -> None:
    """By whichever of its names it was known: one that was replaced is not free again (D-37)."""
    rig = line()
    rig.press("SN-2")
    rig.hold_checks = True
    rig.command("reidentify", old="SN-2", new="SN-6")
    old, new = rig.checks
    rig.observe(AskAnswered, ask=old.id, known=True, seen_at="000001-aa-9")
    rig.observe(AskAnswered, ask=new.id, known=True, **known)
    if cause is None:
        assert [(e.unit, e.new) for e in rig.of(UnitReidentified)] == [("SN-2", "SN-6")]
    else:
        detail = f"'SN-6' is another unit's ({', '.join(known['names'])})"
        assert (rig.refused().cause, rig.refused().detail) == (cause, detail)


@pytest.mark.parametrize("station", [AGAIN, replace(INTERLOCK, duplicates=Policy.RECORD)])
def test_an_identity_that_comes_to_life_again_is_a_conflict(station: Station) -> None:
    """Two carriers may bear it: the unit is possible, and the event says which two (D-37)."""
    rig = line(station)
    rig.command("reidentify", old="SN-1", new="SN-77", unseen="yes")
    if station is AGAIN:
        assert rig.press("SN-1") == STORED_OK
    else:
        rig.scan("SN-1")
        rig.plc(b_trigger=True, b_request=1)
        rig.answer()
    unit = rig.units()[-1]
    assert (unit.certainty, unit.why) == (Certainty.POSSIBLE, (Why.IDENTITY_CONFLICT,))
    (conflict,) = rig.of(IdentityConflict)
    assert (conflict.unit, conflict.new, conflict.cycle) == ("SN-1", "SN-77", unit.cycle)
    assert conflict.because == (unit.address,)
