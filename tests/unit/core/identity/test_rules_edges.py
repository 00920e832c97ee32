"""Badges at the rim, and codes that no rule accepts: the edges of both (D-64, D-81, D-85)."""

from datetime import date

import pytest

from agent.core.identity.rules import (
    Badge,
    Gs1Match,
    Means,
    NoRead,
    Reason,
    Refused,
    RegexMatch,
    ScanRule,
    badge_of,
    judge,
    looks_like_badge,
)

TODAY = date(2026, 6, 1)
GTIN = "09521234543213"


def badge(pattern: str, role: str | None = None, min_length: int = 1) -> ScanRule:
    """Return a rule for badges in plain text."""
    match = RegexMatch(pattern=pattern)
    return ScanRule(match=match, means=Means.OPERATOR, role=role, min_length=min_length)


def gs1(*ais: str, also: str = "", means: Means = Means.UNIT) -> ScanRule:
    """Return a rule for element strings."""
    match = Gs1Match(ais=frozenset(ais), also=frozenset(also.split()))
    return ScanRule(match=match, means=means)


def refusal(code: str, *rules: ScanRule) -> tuple[Reason, int, str]:
    """Return why a code is refused, where, and in which words."""
    found = judge(code.encode("latin-1"), rules, reference_date=TODAY)
    assert isinstance(found, Refused), found
    return found.reason, found.at, found.detail


def test_a_badge_has_the_role_of_its_rule() -> None:
    """Of the first that accepts it; one that refuses it leaves it to the next (D-61)."""
    rules = (
        badge(r"B(?P<operator>\d+)", "setter", min_length=5),
        badge(r"B1(?P<operator>\d)", "quality"),
        badge(r"B(?P<operator>\d\d)", "nobody"),
    )
    assert badge_of(b"B12\r\n", rules, reference_date=TODAY) == Badge("2", "quality")
    assert badge_of(b"B1234", rules, reference_date=TODAY) == Badge("1234", "setter")


@pytest.mark.parametrize(
    ("raw", "alike"),
    [(b"OP", True), (b"OP\r\n", True), (b"\nOP4", True), (b"O", False), (b" OP4", False)],
)
def test_two_signs_are_enough_to_look_like_a_badge(raw: bytes, *, alike: bool) -> None:
    """Line ends are the frame's; any other sign is the code's own (D-64)."""
    assert looks_like_badge(raw, (badge(r"OP(?P<operator>\d+)"),)) is alike


def test_a_no_read_is_compared_exactly() -> None:
    """But for line ends: with a space it is a code that no rule knows (D-81)."""
    no_reads = frozenset({b"NOREAD"})
    rules = (badge(r"B(?P<operator>\d+)"),)
    assert judge(b"\nNOREAD\r\n", rules, no_reads, reference_date=TODAY) == NoRead("NOREAD")
    found = judge(b"NOREAD ", rules, no_reads, reference_date=TODAY)
    assert found == Refused(Reason.NO_RULE, 0, "no scan rule accepts such a code")


@pytest.mark.parametrize(
    ("data", "rules", "detail"),
    [
        (f"01{GTIN}10L", (gs1("01", "21"),), "no scan rule accepts such a code"),
        ("90X", (gs1("01", "21", also="90"),), "no scan rule accepts such a code"),
        (
            f"01{GTIN}21S\x1d10L",
            (gs1("01", "21"),),
            "(10) may not stand beside (01), (21) here",
        ),
        (
            f"01{GTIN}21S\x1d10L",
            (gs1("01", "10", means=Means.LOT), gs1("01", "21")),
            "(21) may not stand beside (01), (10) here",
        ),
    ],
)
def test_a_code_that_is_nearly_a_rules_is_told_how_it_differs(
    data: str, rules: tuple[ScanRule, ...], detail: str
) -> None:
    """Only where nothing else is wrong with it: it has all of a rule's, or some and no other's."""
    assert refusal(f"]C1{data}", *rules) == (Reason.NO_RULE, 0, detail)


def test_a_code_without_a_part_is_told_which() -> None:
    """At its last element, where the missing one would stand (D-85)."""
    wanted = (Reason.MISSING_EXPECTED_AI, 3, "(21) must be on this label")
    assert refusal(f"]C101{GTIN}", gs1("01", "21")) == wanted
