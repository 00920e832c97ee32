"""One frame read as a rule wants it: what a rule refuses, where and in which words."""

from datetime import date
from typing import Any

import pytest

from agent.core.identity.parts import Parts
from agent.core.identity.reading import CodeError, Reason
from agent.core.identity.scan_rule import DataMatch, Gs1Match, Means, RegexMatch, ScanRule
from agent.core.identity.session import Session

TODAY = date(2026, 6, 1)
GTIN = "09521234543213"
UNIT = Gs1Match(ais=frozenset({"01", "21"}), also=frozenset({"17"}))


def rule(match: Gs1Match | DataMatch | str, **more: Any) -> ScanRule:  # noqa: ANN401 - any field
    """Return a rule for units; a text stands for a pattern."""
    wanted = RegexMatch(pattern=match) if isinstance(match, str) else match
    return ScanRule(match=wanted, means=Means.UNIT, **more)


def parts(raw: bytes, wanted: ScanRule) -> Parts | None:
    """Return what a frame says by a rule."""
    return Session(raw, TODAY).parts(wanted)


PLAIN = f"01{GTIN}21S1".encode()


@pytest.mark.parametrize(
    ("wanted", "raw", "reason", "at", "detail"),
    [
        (
            rule(UNIT, symbologies=frozenset({"]d2", "]C1"})),
            b"]Q3" + PLAIN,
            Reason.WRONG_SYMBOLOGY,
            0,
            "symbology ]Q3, wants ]C1 or ]d2",
        ),
        (
            rule(UNIT, symbologies=frozenset({"]d2"})),
            PLAIN,
            Reason.WRONG_SYMBOLOGY,
            0,
            "symbology unknown, wants ]d2",
        ),
        (rule(UNIT, max_length=19), PLAIN, Reason.TOO_LONG, 19, "20 characters, wants at most 19"),
        (
            rule(UNIT, min_length=21),
            PLAIN,
            Reason.BAD_LENGTH,
            20,
            "20 characters, wants at least 21",
        ),
        (
            rule(UNIT, charset="0123456789"),
            PLAIN,
            Reason.BAD_CHARSET,
            0,
            "'S' is not of this rule's characters",
        ),
        (
            rule(r"\w+", charset="ABC"),
            b"ZABD",
            Reason.BAD_CHARSET,
            0,
            "'D' is not of this rule's characters",
        ),
        (
            rule(r"\d+", check_digit=True),
            b"124",
            Reason.BAD_CHECK_DIGIT,
            0,
            "the check digit is wrong",
        ),
        (
            rule(r"\w+", check_digit=True),
            b"12X",
            Reason.BAD_CHECK_DIGIT,
            0,
            "the check digit is wrong",
        ),
        (
            rule(UNIT, gtins=frozenset({"09506000134352"})),
            PLAIN,
            Reason.WRONG_PROFILE,
            0,
            f"product {GTIN} does not belong here",
        ),
        (
            rule(r"X\d", product_pattern="V-1"),
            b"X1",
            Reason.WRONG_PROFILE,
            0,
            "product unknown does not belong here",
        ),
        (
            rule(UNIT, reject_day00=True),
            f"01{GTIN}1726060021S1".encode(),
            Reason.BAD_DATE,
            0,
            "the expiry gives no day",
        ),
        (
            rule(UNIT, refuse_expired=True),
            f"01{GTIN}1726053121S1".encode(),
            Reason.EXPIRED,
            0,
            "expired on 2026-05-31",
        ),
    ],
)
def test_a_policy_that_is_broken_says_where_and_what_is_wanted(
    wanted: ScanRule, raw: bytes, reason: Reason, at: int, detail: str
) -> None:
    """The person at the reader has nothing else (D-85)."""
    with pytest.raises(CodeError) as caught:
        parts(raw, wanted)
    assert (caught.value.reason, caught.value.at, caught.value.detail) == (reason, at, detail)


@pytest.mark.parametrize(
    "wanted",
    [
        rule(UNIT, min_length=20, max_length=20, charset="S1", gtins=frozenset({GTIN})),
        rule(UNIT, refuse_expired=True, reject_day00=True, product_pattern=r"\d{14}"),
    ],
)
@pytest.mark.parametrize("marked", [b"", b"]d2", b"\r\n]d2"])
def test_what_keeps_every_policy_is_accepted(wanted: ScanRule, marked: bytes) -> None:
    """At its very limits; a reader may put its line ends before the mark."""
    found = parts(marked + PLAIN, wanted)
    assert found is not None
    assert (found.product, found.serial) == (GTIN, "S1")


def test_the_last_good_day_is_good() -> None:
    """Expired is what has passed, not what ends today."""
    raw = f"01{GTIN}1726060121S1".encode()
    assert parts(raw, rule(UNIT, refuse_expired=True)) is not None


@pytest.mark.parametrize(
    ("raw", "code"),
    [(b"<A<", "A<"), (b"<A>", None), (b"A<", None), (b"<<<", "<<"), (b"<", None)],
)
def test_a_prefix_is_taken_off_once_and_in_front(raw: bytes, code: str | None) -> None:
    """And is required there."""
    found = parts(raw, rule(r"[A<]+", prefix="<"))
    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [(b"<A>", "A"), (b"<A", None), (b"A>", None), (b"<>A<>", ">A<"), (b"<A>>", "A>")],
)
def test_prefix_and_suffix_are_both_required(raw: bytes, code: str | None) -> None:
    """What is between them is the code, as it is."""
    found = parts(raw, rule(r"[A<>]+", prefix="<", suffix=">"))
    assert (found.code if found else None) == code


def test_an_identifier_that_stands_twice_with_other_values_is_refused() -> None:
    """Nobody can tell which is meant; where they are the same, nothing is in doubt."""
    match = DataMatch(identifiers=frozenset({"1P", "S"}), also=frozenset(), format="06")
    fields = "[)>\x1e06\x1d1PABC\x1dS1\x1d1P{}\x1e\x04"
    same = parts(fields.format("ABC").encode(), rule(match))
    assert same is not None
    with pytest.raises(CodeError) as caught:
        parts(fields.format("ABD").encode(), rule(match))
    error = caught.value
    assert (error.reason, error.detail) == (
        Reason.REPEATED_IDENTIFIER,
        "1P stands there twice, with different values",
    )
    assert fields[error.at :].startswith(("1P{", "{"))
