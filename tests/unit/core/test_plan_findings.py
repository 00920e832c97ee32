"""The four classic mistakes, in a product list (D-14)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.plan import LAWS, Capture, Grain, Law, Part, ProductFacts, Rank, advise
from agent.core.plan_findings import Mistake, findings

BOX = Part(name="housing", by=Grain.LOT, package=140, critical=True)
VALVE = ProductFacts(
    name="valve",
    per_day=5_000,
    lot=5_000,
    value=Rank.MEDIUM,
    consequence=Rank.MEDIUM,
    parts=(BOX,),
    cycle_s=12.0,
)


def mistakes(facts: ProductFacts) -> list[Mistake]:
    """Return the mistakes found."""
    return [each.mistake for each in findings(facts, advise(facts))]


CLEAN = replace(VALVE, most_recalled=1_000, today=Grain.SUBLOT, today_size=500)
SCREW = replace(VALVE, value=Rank.LOW, consequence=Rank.LOW, run=50, today=Grain.SERIAL)
SAFE = replace(VALVE, consequence=Rank.SAFETY, today=Grain.SERIAL)
LOOSE = (replace(BOX, by=None), Part(name="seal", by=Grain.LOT, package=1_000))


@pytest.mark.parametrize("facts", [VALVE, CLEAN, SAFE, replace(SCREW, today=Grain.LOT)])
def test_what_is_tracked_as_proposed_has_no_finding(facts: ProductFacts) -> None:
    """No mistake is found where there is none, nor where nothing is said of today (D-14)."""
    assert mistakes(facts) == []


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (SCREW, Mistake.SERIAL_EVERYTHING),
        (replace(SCREW, consequence=Rank.MEDIUM), Mistake.SERIAL_EVERYTHING),
        (replace(SAFE, today=Grain.LOT), Mistake.LOT_AT_RISK),
        (replace(SAFE, today=Grain.LOT, law=LAWS["medical"]), Mistake.LOT_AT_RISK),
        (replace(CLEAN, today=Grain.LOT, today_size=None), Mistake.LOT_AT_RISK),
        (replace(CLEAN, today_size=1_000), Mistake.LOT_AT_RISK),
        (replace(SAFE, parts=LOOSE), Mistake.UNLINKED_SERIALS),
        (replace(SAFE, parts=()), Mistake.UNLINKED_SERIALS),
        (replace(SAFE, capture=Capture.KEYED), Mistake.MANUAL_AT_VOLUME),
        (replace(SAFE, capture=Capture.HANDHELD, cycle_s=2.0), Mistake.MANUAL_AT_VOLUME),
    ],
)
def test_each_planted_mistake_is_found_and_no_other(facts: ProductFacts, found: Mistake) -> None:
    """A list with one of the four mistakes has that one as its finding (D-14)."""
    assert mistakes(facts) == [found]


@pytest.mark.parametrize(
    ("facts", "shown_by", "do"),
    [
        (
            SCREW,
            (
                "5,000 serials a day of a product of low value and low consequence, where lots of "
                "5,000 would do: 9.1 MB a day instead of 4.4"
            ),
            "track by lot",
        ),
        (
            replace(SCREW, consequence=Rank.MEDIUM),
            (
                "5,000 serials a day of a product of low value and medium consequence, where "
                "sub-lots of 50 would do: 9.1 MB a day instead of 4.6"
            ),
            "track by lot, cut every 50",
        ),
        (
            replace(SAFE, today=Grain.LOT, law=LAWS["medical"]),
            "today 5,000 units may come back for one fault; a medical product: safety or health",
            (
                "track by serial: safety or health: a serial for each unit, and what went into "
                "each position of it, whatever a unit is worth"
            ),
        ),
        (
            replace(CLEAN, today=Grain.LOT, today_size=None),
            "today 5,000 units may come back for one fault, where 1,000 may",
            "cut lots every 500",
        ),
        (
            replace(CLEAN, today=Grain.LOT, today_size=None, most_recalled=140),
            "today 5,000 units may come back for one fault, where 140 may",
            "track by serial: no sub-lot keeps the worst case within 140: serials do",
        ),
        (
            replace(CLEAN, today=Grain.LOT, today_size=None, law=LAWS["battery"]),
            (
                "today 5,000 units may come back for one fault, where 1,000 may; "
                f"{LAWS['battery'].name}"
            ),
            (
                f"track by serial: {LAWS['battery'].name}: a serial for each unit, linked to what "
                "went into it, and that is no choice"
            ),
        ),
        (
            replace(SAFE, parts=LOOSE),
            (
                "serials, but nobody records which housing went in: a fault there recalls all "
                "5,000 of a lot"
            ),
            "scan housing when loaded or put in",
        ),
        (
            replace(SAFE, parts=()),
            (
                "serials, but no component is recorded at all: a fault there recalls all 5,000 of "
                "a lot"
            ),
            "scan the components that matter when loaded or put in",
        ),
        (
            replace(SAFE, capture=Capture.KEYED),
            "5,036 codes typed a day, more than 100",
            "read them by a fixed reader, a camera or the PLC",
        ),
        (
            replace(SAFE, capture=Capture.HANDHELD, cycle_s=2.0),
            "reading by hand takes some 3 s a unit, a cycle takes 2 s",
            "put fixed readers where the part passes anyway",
        ),
    ],
)
def test_a_finding_says_what_shows_it_and_what_to_do(
    facts: ProductFacts, shown_by: str, do: str
) -> None:
    """The numbers are those of the list, and the cure is of this product (D-14)."""
    (found,) = findings(facts, advise(facts))
    assert (found.shown_by, found.do) == (shown_by, do)


def test_a_typed_code_now_and_then_is_no_mistake() -> None:
    """By hand is a mistake at volume only, and a hand-held reader only where it cannot follow."""
    few = replace(SAFE, per_day=80, capture=Capture.KEYED)
    assert mistakes(few) == []
    assert mistakes(replace(SAFE, capture=Capture.HANDHELD)) == []
    assert mistakes(replace(SAFE, capture=Capture.HANDHELD, cycle_s=None)) == []


def test_a_lot_that_is_too_large_is_said_to_be() -> None:
    """Where one fault takes more than may come back and lots need no cut, they are too large."""
    law = Law(name="food", least=Grain.LOT)
    facts = replace(SCREW, law=law, today=Grain.LOT, run=None, parts=(), most_recalled=100)
    (found,) = findings(facts, advise(facts))
    assert (found.mistake, found.do) == (Mistake.LOT_AT_RISK, "make lots smaller")
    (screw,) = findings(SCREW, advise(SCREW))
    assert screw.do == "track by lot"


def test_serials_of_parts_that_do_not_matter_are_no_mistake() -> None:
    """A part that would bring no recall may go unrecorded where another one is recorded."""
    seal = Part(name="seal", package=1_000)
    assert mistakes(replace(SAFE, parts=(BOX, seal))) == []
    assert mistakes(replace(SCREW, parts=())) == [Mistake.SERIAL_EVERYTHING]
