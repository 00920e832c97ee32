"""GS1 element strings: what is split, what is refused, and where."""

import re
from dataclasses import replace
from datetime import date

import pytest

from agent.core.identity import gs1
from agent.core.identity.dates import Day
from agent.core.identity.reading import CodeError, Field, Reason

TODAY = date(2026, 6, 1)
GTIN = "09521234543213"
LONG = "A" * 20


def refusal(text: str, base: int = 0) -> tuple[Reason, int, str]:
    """Return why a message is refused, at which byte, in which words."""
    with pytest.raises(CodeError) as caught:
        gs1.element_strings(text, TODAY, base)
    return caught.value.reason, caught.value.at, caught.value.detail


def test_elements_with_their_places() -> None:
    """Each element has the offset of its identifier in the bytes as received."""
    found = gs1.element_strings(f"01{GTIN}10L1\x1d21S1", TODAY, 3)
    assert found == (Field("01", GTIN, 3), Field("10", "L1", 19), Field("21", "S1", 24))


def test_equal_repeat_is_kept_once() -> None:
    """The same element twice is one element; another value is refused (D-74)."""
    assert len(gs1.element_strings(f"01{GTIN}10L1\x1d10L1", TODAY)) == 2
    reason, at, detail = refusal(f"01{GTIN}10L1\x1d10L2")
    assert (reason, at) == (Reason.REPEATED_AI, 21)
    assert detail == "(10) again, with another value"


@pytest.mark.parametrize(
    ("text", "reason", "at", "detail"),
    [
        ("", Reason.EMPTY_DATA, 0, "no data follows"),
        ("\x1d01", Reason.EMPTY_ELEMENT, 0, "a separator with nothing before it"),
        (f"01{GTIN}\x1d\x1d", Reason.EMPTY_ELEMENT, 17, "two separators in a row"),
        ("05X", Reason.UNKNOWN_AI, 0, "no application identifier begins '05X'"),
        (f"01{GTIN}2", Reason.UNKNOWN_AI, 16, "no application identifier begins '2'"),
        (f"01{GTIN}21", Reason.EMPTY_VALUE, 18, "(21) SERIAL has no value"),
        (f"01{GTIN}21{LONG}X", Reason.TOO_LONG, 38, "(21) SERIAL holds at most 20 characters"),
        ("01095\x1d1", Reason.BAD_LENGTH, 5, "a separator inside (01) GTIN"),
        ("01095", Reason.BAD_LENGTH, 5, "(01) GTIN has 3 characters, wants 14"),
        (f"01{GTIN}4220400", Reason.BAD_LENGTH, 22, "(422) ORIGIN holds at most 3 characters"),
        ("421276", Reason.BAD_LENGTH, 6, "(421) SHIP TO POST has 3 characters, wants 4 to 12"),
        (f"01{GTIN}21S\x00", Reason.BAD_CHARSET, 19, "(21) SERIAL cannot hold '0x00'"),
        (f"01{GTIN}21S^", Reason.BAD_CHARSET, 19, "(21) SERIAL cannot hold '^'"),
        ("0109521234543214", Reason.BAD_CHECK_DIGIT, 15, "check digit of (01) GTIN is 4, wants 3"),
        ("800712", Reason.BAD_VALUE, 4, "'12' cannot be in (8007) IBAN"),
        ("8010AB", Reason.BAD_LENGTH, 4, "'AB' cannot be in (8010) CPID"),
        ("91\x80", Reason.BAD_CHARSET, 2, "(91) INTERNAL cannot hold '0x80'"),
        ("21S", Reason.MISSING_REQUIRED_AI, 0, "(21) wants (01) or (03) or (8006) beside it"),
        (
            f"01{GTIN}8040{'1' * 15}",
            Reason.MISSING_REQUIRED_AI,
            16,
            "(8040) wants (01)+(21) beside it",
        ),
        (f"01{GTIN}3712", Reason.INVALID_AI_PAIR, 0, "(01) cannot stand beside (37)"),
    ],
)
def test_refusals(text: str, reason: Reason, at: int, detail: str) -> None:
    """A refusal names the reason, the byte and what was wanted."""
    assert refusal(text) == (reason, at, detail)
    assert refusal(text, 100) == (reason, at + 100, detail)


def test_two_readers_must_agree() -> None:
    """What the dictionary lets pass and biip's pattern does not is refused."""
    # The dictionary asks of (4330) a trailing hyphen at most; biip's table says the same, so the
    # seconding shows on a rule built for it: a format whose second pattern matches nothing.
    rule = gs1.format_of("91")
    assert rule is not None
    strict = replace(rule, second=re.compile("never"))
    with pytest.raises(CodeError) as caught:
        gs1.check(strict, "LINE7", TODAY, 4)
    assert (caught.value.reason, caught.value.at) == (Reason.BAD_VALUE, 4)
    assert caught.value.detail == "two readers differ about (91) INTERNAL"


def test_padded_signature_has_one_reader() -> None:
    """Only the dictionary judges (8030), for the pattern of biip lacks the padding of base64url."""
    text = f"01{GTIN}21S1\x1d8030"
    assert gs1.element_strings(f"{text}QUJDQ=", TODAY)[2].value == "QUJDQ="
    assert refusal(f"{text}QUJD=") == (Reason.BAD_VALUE, 25, "'QUJD=' cannot be in (8030) DIGSIG")


def test_one_element_by_itself() -> None:
    """An element is held against its own rules, companions aside; offsets count in the value."""
    gs1.element("21", "S1", TODAY)
    with pytest.raises(CodeError) as caught:
        gs1.element("77", "X", TODAY)
    assert (caught.value.reason, caught.value.at) == (Reason.UNKNOWN_AI, 0)
    with pytest.raises(CodeError) as caught:
        gs1.element("21", "S^", TODAY)
    assert (caught.value.reason, caught.value.at) == (Reason.BAD_CHARSET, 1)


def test_right_until_the_fault() -> None:
    """What is right before a fault can be shown; it is never used."""
    assert gs1.right_until(f"01{GTIN}10L^", TODAY) == [Field("01", GTIN, 0)]
    assert gs1.right_until("", TODAY) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [("9521234543213", GTIN), ("96385074", "00000096385074"), ("19521234543210",) * 2],
)
def test_item_numbers_are_padded(text: str, value: str) -> None:
    """A bare GTIN becomes AI 01 with 14 digits (D-73)."""
    assert gs1.item_number(text, 3) == Field("01", value, 3)


@pytest.mark.parametrize(
    ("text", "reason", "at"),
    [
        ("952123454321X", Reason.BAD_CHARSET, 15),
        ("952123", Reason.BAD_LENGTH, 3),
        ("", Reason.BAD_LENGTH, 3),
        ("9521234543214", Reason.BAD_CHECK_DIGIT, 15),
    ],
)
def test_what_is_no_item_number(text: str, reason: Reason, at: int) -> None:
    """Characters, length and check digit are judged in this order."""
    with pytest.raises(CodeError) as caught:
        gs1.item_number(text, 3)
    assert (caught.value.reason, caught.value.at) == (reason, at)


@pytest.mark.parametrize(
    ("text", "could"),
    [
        (f"01{GTIN}21S1", True),
        ("0109521234543214", True),  # a wrong check digit does not make it plain
        ("91LINE7", True),
        ("WO-4711", False),
        ("4711", False),
    ],
)
def test_what_could_be_an_element_string(text: str, *, could: bool) -> None:
    """Data that reads as GS1, or begins like it, is not taken for plain."""
    assert gs1.could_be(text, TODAY) is could


@pytest.mark.parametrize(
    ("code", "value", "day"),
    [
        ("17", "260200", Day(date(2026, 2, 28), exact=False)),
        ("7003", "2602281200", Day(date(2026, 2, 28), exact=True)),
        ("4326", "260228", Day(date(2026, 2, 28), exact=True)),
        ("7250", "19991231", Day(date(1999, 12, 31), exact=True)),
        ("10", "260200", None),
        ("00", "1", None),
        ("XX", "260200", None),
    ],
)
def test_days(code: str, value: str, day: Day | None) -> None:
    """A field is a day where its first component is one."""
    assert gs1.day_of(Field(code, value, 0), TODAY) == day


@pytest.mark.parametrize(
    ("code", "value", "decimal"),
    [
        ("3103", "001250", "1.250"),
        ("3100", "000012", "12"),
        ("3105", "000000", "0.00000"),
        ("3922", "1", "0.01"),
        ("3932", "9781234", "12.34"),
        ("3940", "0012", "12"),
        ("10", "12", None),
        ("4220", "12", None),
    ],
)
def test_decimals(code: str, value: str, decimal: str | None) -> None:
    """The last digit of a measure's identifier says where its point stands."""
    assert gs1.decimal_of(Field(code, value, 0)) == decimal


def test_descriptions() -> None:
    """An allocated identifier has words, another has none."""
    assert gs1.describe("01") == "Global Trade Item Number (GTIN)"
    assert gs1.describe("77") is None
