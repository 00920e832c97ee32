"""HIBC labels: item, lot, dates and the check character over all of it."""

from datetime import date

import pytest

from agent.core.identity.codes import parse
from agent.core.identity.hibc import check_character, day_in, parse_hibc
from agent.core.identity.reading import Assume, CodeError, Form, Profile, Reason
from agent.core.identity.rules import DataMatch, Identified, Means, Refused, ScanRule, judge

TODAY = date(2026, 6, 1)
ITEM = "+A99912345"
LABEL = "+A99912345/$$52001510X3/16D20111212/S77DE1G45-"
"""A published sample; its check character is the hyphen at its end."""


def whole(text: str) -> str:
    """Return a code with its check character."""
    return text + check_character(text)


def pairs(text: str) -> list[tuple[str, str]]:
    """Return what a code without its check character says."""
    return [field[:2] for field in parse_hibc(whole(text), TODAY)][1:]


def refusal(text: str) -> tuple[Reason, int]:
    """Return why a code is refused, and where."""
    with pytest.raises(CodeError) as caught:
        parse_hibc(text, TODAY)
    return caught.value.reason, caught.value.at


@pytest.mark.parametrize(
    "label", ["+A123BJC5D6E71G", "+A123BJC5D6E71/$$52001510X3C", "+A99912345/$$52001510X33", LABEL]
)
def test_published_samples(label: str) -> None:
    """The check characters of published samples are right, and no other would be."""
    assert check_character(label[:-1]) == label[-1]
    assert parse_hibc(label, TODAY)[0].identifier == "item"


def test_fields_with_their_places() -> None:
    """Item, expiry, lot, and supplements come in order, each with its offset."""
    assert [tuple(field) for field in parse_hibc(LABEL, TODAY, base=3)] == [
        ("item", "A99912345", 4),
        ("expiry", "520015", 16),
        ("lot", "10X3", 22),
        ("made", "20111212", 30),
        ("serial", "77DE1G45", 40),
    ]


@pytest.mark.parametrize(
    ("secondary", "wanted"),
    [
        ("$LOT1", [("lot", "LOT1")]),
        ("$+SER1", [("serial", "SER1")]),
        ("$$0928LOT", [("expiry", "0928"), ("lot", "LOT")]),
        ("$$+0928SER", [("expiry", "0928"), ("serial", "SER")]),
        ("$$2083128X3", [("expiry", "2083128"), ("lot", "X3")]),
        ("$$3280831", [("expiry", "3280831")]),
        ("$$42808312310X3", [("expiry", "428083123"), ("lot", "10X3")]),
        ("$$62800123A", [("expiry", "62800123"), ("lot", "A")]),
        ("$$7LOT", [("lot", "LOT")]),
        ("$$8240928LOT", [("quantity", "24"), ("expiry", "0928"), ("lot", "LOT")]),
        ("$$9001007LOT", [("quantity", "00100"), ("lot", "LOT")]),
        ("$$824", [("quantity", "24")]),
        ("28001LOT", [("expiry", "28001"), ("lot", "LOT")]),
        ("Q500", [("quantity", "500")]),
        ("14D20280131/S1", [("expiry", "20280131"), ("serial", "1")]),
    ],
)
def test_secondary_data(secondary: str, wanted: list[tuple[str, str]]) -> None:
    """Every form of lot, serial, date and quantity is read as its flags say."""
    assert pairs(f"{ITEM}/{secondary}") == wanted


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("0928", date(2028, 9, 30)),
        ("1328", None),
        ("2022928", date(2028, 2, 29)),
        ("2023028", None),
        ("3280831", date(2028, 8, 31)),
        ("428083123", date(2028, 8, 31)),
        ("428083124", None),
        ("528366", date(2028, 12, 31)),
        ("527366", None),
        ("527000", None),
        ("62836623", date(2028, 12, 31)),
        ("62836624", None),
        ("28001", date(2028, 1, 1)),
        ("20280229", date(2028, 2, 29)),
        ("20270229", None),
    ],
)
def test_days(value: str, day: date | None) -> None:
    """A date is what its flag or its length says, and a day of the calendar."""
    found = day_in(value, TODAY)
    assert (found.day if found else None) == day
    assert found is None or found.exact is (len(value) != 4)


@pytest.mark.parametrize(
    ("text", "reason", "at"),
    [
        (LABEL.replace("10X3", "10X4"), Reason.BAD_CHECK_DIGIT, 45),
        ("+A99912345a", Reason.BAD_CHARSET, 10),
        ("+A", Reason.BAD_LENGTH, 2),
        (whole("+A9"), Reason.BAD_VALUE, 1),
        (whole("+9A9912345"), Reason.MISSING_REQUIRED_AI, 1),
        (whole("+$$52001510X3L"), Reason.MISSING_REQUIRED_AI, 1),
        (whole(f"{ITEM}/"), Reason.UNKNOWN_IDENTIFIER, 11),
        (whole(f"{ITEM}/$L/X1"), Reason.UNKNOWN_IDENTIFIER, 14),
        (whole(f"{ITEM}/$L/$M"), Reason.UNKNOWN_IDENTIFIER, 14),
        (whole(f"{ITEM}/$$1328L"), Reason.BAD_DATE, 13),
        (whole(f"{ITEM}/$+A/SB"), Reason.REPEATED_IDENTIFIER, 16),
        (whole(f"{ITEM}/$$0928L/14D20280930"), Reason.REPEATED_IDENTIFIER, 22),
    ],
)
def test_refusals(text: str, reason: Reason, at: int) -> None:
    """One character misread shows; so does what is unknown, impossible or without its item."""
    assert refusal(text) == (reason, at)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (LABEL.replace("10X3", "10X4"), "the check character is '-', wants '.'"),
        ("+A99912345a", "HIBC holds digits, capitals, -. $/+%"),
        ("+A", "no item and no check character"),
        (whole("+A9"), "'A9' is no labeler, product and level"),
        (
            whole("+$$52001510X3L"),
            "lot and expiry without their item: it is in another symbol",
        ),
        (whole(f"{ITEM}/%ABCDE"), "nothing known begins '%ABC'"),
        (whole(f"{ITEM}/$$1328L"), "'1328' is no day"),
        (
            whole(f"{ITEM}/$+A/SB"),
            "serial stands there twice, with different values",
        ),
    ],
)
def test_refusals_in_words(text: str, detail: str) -> None:
    """Each names the part that is wrong, and what it should be where that is known."""
    with pytest.raises(CodeError) as caught:
        parse_hibc(text, TODAY)
    assert caught.value.detail == detail


def test_same_day_twice_is_one() -> None:
    """An expiry given in two ways is one, if both mean the same day."""
    assert pairs(f"{ITEM}/$$528274L/14D20280930") == [("expiry", "528274"), ("lot", "L")]


@pytest.mark.parametrize("mark", ["", "]C0", "]d1", "]Q1"])
@pytest.mark.parametrize("assume", list(Assume))
def test_only_where_it_is_declared(mark: str, assume: Assume) -> None:
    """Text that begins with a plus is a HIBC code only where a profile says so."""
    raw = f"{mark}{LABEL}\r".encode()
    declared = Profile(reference_date=TODAY, assume=Assume.GS1, hibc=True)
    assert parse(raw, declared).form is Form.HIBC
    if mark or assume is not Assume.GS1:
        assert parse(raw, Profile(reference_date=TODAY, assume=assume)).form is Form.PLAIN


RULES = (
    ScanRule(
        match=DataMatch(
            identifiers=frozenset({"item", "lot"}),
            also=frozenset({"expiry", "made", "quantity"}),
            format="hibc",
        ),
        means=Means.COMPONENT,
        position="implant",
        refuse_expired=True,
    ),
    ScanRule(
        match=DataMatch(identifiers=frozenset({"item", "serial"}), format="hibc"), means=Means.UNIT
    ),
)


def test_rules_take_parts() -> None:
    """A rule names the parts; identity, product, lot and expiry come from them."""
    found = judge(whole(f"{ITEM}/$$52827410X3").encode(), RULES, reference_date=TODAY)
    assert isinstance(found, Identified)
    assert (found.code, found.product, found.lot, found.expiry) == (
        "hibc:item/A99912345/lot/10X3",
        "A99912345",
        "10X3",
        date(2028, 9, 30),
    )
    unit = judge(whole(f"{ITEM}/$+77DE").encode(), RULES, reference_date=TODAY)
    assert isinstance(unit, Identified)
    assert (unit.means, unit.code) == (Means.UNIT, "hibc:item/A99912345/serial/77DE")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (whole(f"{ITEM}/$$52527410X3"), Reason.EXPIRED),
        (whole(ITEM), Reason.NO_RULE),
        (f"{ITEM}/$LOT1?", Reason.BAD_CHARSET),
    ],
)
def test_rules_refuse(code: str, reason: Reason) -> None:
    """Expired material, a label without its lot, and a misread one are refused for that."""
    found = judge(code.encode(), RULES, reference_date=TODAY)
    assert isinstance(found, Refused)
    assert found.reason is reason


def test_unknown_part_is_refused_at_load() -> None:
    """A rule names parts that there are."""
    with pytest.raises(ValueError, match="'batch' is no part of a HIBC code; they are expiry, "):
        ScanRule(
            match=DataMatch(
                identifiers=frozenset({"item", "lot"}), also=frozenset({"batch"}), format="hibc"
            ),
            means=Means.LOT,
        )
