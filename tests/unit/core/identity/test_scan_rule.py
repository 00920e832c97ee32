"""Scan rules: those that could never work, or would guess, are refused when they are built."""

from typing import Any

import pytest

from agent.core.identity.reading import Reason
from agent.core.identity.scan_rule import (
    DataMatch,
    Gs1Match,
    Match,
    Means,
    RegexMatch,
    ScanRule,
    is_gs1,
    standard_identity,
)

UNIT = Gs1Match(ais=frozenset({"01", "21"}))
PLAIN = RegexMatch(pattern=r"SN\d{6}")


def gs1(*ais: str, also: str = "") -> Gs1Match:
    """Return a match of identifiers."""
    return Gs1Match(ais=frozenset(ais), also=frozenset(also.split()))


def data(*identifiers: str, form: str = "06") -> DataMatch:
    """Return a match of fields in a message."""
    return DataMatch(identifiers=frozenset(identifiers), format=form)


@pytest.mark.parametrize(
    ("match", "means", "more", "why"),
    [
        (UNIT, Means.UNIT, {"symbologies": {"d2"}}, "'d2' is not an AIM symbology identifier"),
        (UNIT, Means.UNIT, {"min_length": 0}, "lengths must be 1 to 512"),
        (UNIT, Means.UNIT, {"min_length": 9, "max_length": 8}, "lengths must be 1 to 512"),
        (UNIT, Means.COMPONENT, {}, "a component needs a position"),
        (UNIT, Means.UNIT, {"position": "x"}, "a position belongs to a component, not to unit"),
        (UNIT, Means.UNIT, {"role": "inspector"}, "a role belongs to an operator, not to unit"),
        (UNIT, Means.UNIT, {"gtins": {"0952"}}, "GTIN '0952': 4 digits, wants 14"),
        (UNIT, Means.UNIT, {"gtins": {"09521234543214"}}, "the digits before it give 3"),
        (UNIT, Means.UNIT, {"tolerates": {Reason.BAD_DATE}}, "cannot be tolerated: bad_date"),
        (UNIT, Means.UNIT, {"product_pattern": "("}, "a group is not closed"),
        (UNIT, Means.UNIT, {"prefix": "X"}, "prefix is for plain codes"),
        (UNIT, Means.UNIT, {"caseless": True}, "caseless is for plain codes"),
        (UNIT, Means.UNIT, {"lot_from": "10"}, "10 is not among the identifiers of the match"),
        (UNIT, Means.UNIT, {"id_from": ("10",)}, "10 is not among the identifiers of the match"),
        (
            gs1("01", "21", also="10"),
            Means.UNIT,
            {"id_from": ("10",)},
            "10 may be absent, so it cannot be the identity",
        ),
        (gs1("01"), Means.UNIT, {}, "01 give no unit: a serial is missing"),
        (gs1("21"), Means.UNIT, {}, "21 give no unit: a serial is missing"),
        (gs1("01"), Means.LOT, {}, "01 give no lot: a lot is missing"),
        (gs1("400"), Means.CARRIER, {}, "400 give no carrier: an identity is missing"),
        (gs1("400"), Means.ORDER, {}, "say by id_from which one identifier is the order"),
        (gs1(), Means.UNIT, {}, "a match needs at least one identifier"),
        (gs1("01", "21", "77"), Means.UNIT, {}, r"\(77\) is not a GS1 application identifier"),
        (data("S"), Means.UNIT, {}, "S give no unit"),
        (data("1P", "S", "1p"), Means.UNIT, {}, "'1p' is not a data identifier such as 1P"),
        (data("SER", form="12"), Means.UNIT, {}, "SER give no unit"),
        (data("SE", form="12"), Means.UNIT, {"id_from": ("SE",)}, "'SE' is not a text element"),
        (data("77", form="05"), Means.UNIT, {"id_from": ("77",)}, r"\(77\) is not a GS1 app"),
        (data("1P", "S", form="99"), Means.UNIT, {}, "format '99' is not one of 05, 06, 12"),
        (PLAIN, Means.UNIT, {"id_from": ("x",)}, "a pattern names its identity by a group"),
        (RegexMatch(pattern="(a|a)"), Means.UNIT, {}, "in two ways"),
    ],
)
def test_refused_rules(match: Match, means: Means, more: dict[str, Any], why: str) -> None:
    """A rule that cannot work says why in one sentence."""
    frozen: dict[str, Any] = {
        key: frozenset(v) if isinstance(v, set) else v for key, v in more.items()
    }
    with pytest.raises(ValueError, match=why):
        ScanRule(match=match, means=means, **frozen)


@pytest.mark.parametrize(
    ("match", "means", "more"),
    [
        (UNIT, Means.UNIT, {"gtins": frozenset({"09521234543213"})}),
        (gs1("01", "10"), Means.COMPONENT, {"position": "housing"}),
        (gs1("01"), Means.COMPONENT, {"position": "housing"}),
        (gs1("400"), Means.ORDER, {"id_from": ("400",)}),
        (gs1("91"), Means.CANCEL, {}),
        (data("SER", form="12"), Means.UNIT, {"id_from": ("SER",)}),
        (data("01", "21", form="05"), Means.UNIT, {}),
        (data("1P", "1T"), Means.LOT, {"symbologies": frozenset({"]d1"})}),
        (PLAIN, Means.UNIT, {"prefix": "#", "check_digit": True, "caseless": True}),
    ],
)
def test_accepted_rules(match: Match, means: Means, more: dict[str, Any]) -> None:
    """A rule that can work is built, and equal rules are equal."""
    rule = ScanRule(match=match, means=means, **more)
    again = ScanRule(match=match, means=means, **more)
    assert rule == again
    assert hash(rule) == hash(again)


@pytest.mark.parametrize(
    ("match", "means", "present", "identity"),
    [
        (UNIT, Means.UNIT, "01 10 21", ("01", "21")),
        (UNIT, Means.COMPONENT, "01 10", ("01", "10")),
        (UNIT, Means.COMPONENT, "01", ("01",)),
        (UNIT, Means.CARRIER, "00 01", ("00",)),
        (UNIT, Means.ORDER, "01", None),
        (data("S"), Means.UNIT, "18V 1P S", ("18V", "1P", "S")),
        (data("S"), Means.UNIT, "25S 1P S", ("25S",)),
        (data("S"), Means.UNIT, "S", None),
    ],
)
def test_identity_by_the_standard(
    match: Match, means: Means, present: str, identity: tuple[str, ...] | None
) -> None:
    """A serial or a lot is an identity only with the item that it belongs to (D-74)."""
    assert standard_identity(match, means, frozenset(present.split())) == identity


def test_compiled_parts() -> None:
    """Only plain rules have a pattern, and only those that ask for it one of the product."""
    plain = ScanRule(match=PLAIN, means=Means.UNIT, product_pattern="X+")
    unit = ScanRule(match=UNIT, means=Means.UNIT)
    assert plain.pattern is not None
    assert unit.pattern is None
    assert plain.product_regex is not None
    assert unit.product_regex is None
    assert is_gs1(UNIT)
    assert is_gs1(data("01", form="05"))
    assert not is_gs1(data("S"))
