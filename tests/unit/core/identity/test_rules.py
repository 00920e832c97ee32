"""Codes judged by the rules of a station."""

from datetime import date
from typing import Any

import pytest

from agent.core.identity.reading import Form
from agent.core.identity.rules import (
    Badge,
    DataMatch,
    Gs1Match,
    Identified,
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
from agent.core.identity.scan_rule import Match

TODAY = date(2026, 6, 1)
GTIN = "09521234543213"
UNIT = Gs1Match(ais=frozenset({"01", "21"}))
LINK = f"https://id.gs1.org/01/{GTIN}"


def rule(match: Match | str, means: Means = Means.UNIT, **more: Any) -> ScanRule:  # noqa: ANN401 - any field
    """Return a rule; a text stands for a pattern."""
    if isinstance(match, str):
        match = RegexMatch(pattern=match)
    return ScanRule(match=match, means=means, **more)


def gs1(*ais: str, also: str = "") -> Gs1Match:
    """Return a match of application identifiers."""
    return Gs1Match(ais=frozenset(ais), also=frozenset(also.split()))


def data(*identifiers: str, also: str = "", form: str = "06") -> DataMatch:
    """Return a match of fields in a message."""
    return DataMatch(identifiers=frozenset(identifiers), also=frozenset(also.split()), format=form)


def message(*fields: str, form: str = "06") -> str:
    """Return a message with one envelope."""
    return f"[)>\x1e{form}\x1d" + "\x1d".join(fields) + "\x1e\x04"


def accepted(code: str, *rules: ScanRule) -> Identified:
    """Return what a code means where it means something."""
    found = judge(code.encode("latin-1"), rules, reference_date=TODAY)
    assert isinstance(found, Identified), found
    return found


def refused(code: str, *rules: ScanRule) -> Refused:
    """Return why a code is refused."""
    found = judge(code.encode("latin-1"), rules, reference_date=TODAY)
    assert isinstance(found, Refused), found
    return found


STATION = (
    rule(r"OP-(?P<operator>\d{4})", Means.OPERATOR),
    rule(r"WO-(?P<order>\d{6})", Means.ORDER),
    rule(gs1("01", "10"), Means.COMPONENT, position="housing"),
    rule(UNIT),
)


def test_everything_that_is_said_of_a_code() -> None:
    """A judgement carries identity, parts, fields, symbology and the rule that accepted."""
    found = accepted(f"]d201{GTIN}21SN/1", *STATION)
    assert found == Identified(
        means=Means.UNIT,
        code=f"{LINK}/21/SN%2F1",
        rule=3,
        position=None,
        product=GTIN,
        serial="SN/1",
        lot=None,
        expiry=None,
        expiry_exact=True,
        quantity=None,
        quantity_unit=None,
        fields=(("01", GTIN), ("21", "SN/1")),
        symbology="]d2",
        form=Form.ELEMENT_STRING,
        doubtful=(),
    )
    assert found.parser.startswith("lineside-")


@pytest.mark.parametrize(
    ("code", "means", "identity"),
    [
        ("OP-4711\r", Means.OPERATOR, "4711"),
        ("]A0WO-123456", Means.ORDER, "123456"),
        (f"01{GTIN}10L1", Means.COMPONENT, f"{LINK}/10/L1"),
        (f"]Q1https://x.at/01/{GTIN}/21/S1", Means.UNIT, f"{LINK}/21/S1"),
        (message(f"01{GTIN}", "21S1", form="05"), Means.UNIT, f"{LINK}/21/S1"),
    ],
)
def test_a_station(code: str, means: Means, identity: str) -> None:
    """Each code means what exactly one rule says, in whatever form it comes."""
    found = accepted(code, *STATION)
    assert (found.means, found.code) == (means, identity)


def test_no_read_is_a_result() -> None:
    """A no-read string is compared exactly, without its line end, before any rule (D-81)."""
    rules = (rule(".+"),)
    no_reads = frozenset({b"NOREAD"})
    assert judge(b"NOREAD\r\n", rules, no_reads, reference_date=TODAY) == NoRead("NOREAD")
    assert isinstance(judge(b"NOREAD1", rules, no_reads, reference_date=TODAY), Identified)


@pytest.mark.parametrize(
    ("code", "reason", "at"),
    [
        ("hello", Reason.NO_RULE, 0),
        ("", Reason.EMPTY_DATA, 0),
        (f"]d201{GTIN[:-1]}421S", Reason.BAD_CHECK_DIGIT, 18),
        (f"]d201{GTIN}", Reason.MISSING_EXPECTED_AI, 3),
        (f"]d201{GTIN}17261231", Reason.NO_RULE, 0),
        (f"https://x.at/01/{GTIN}/21/S1?17=261231", Reason.NO_RULE, 0),
        ("]d291X", Reason.NO_RULE, 0),
        ("]d205", Reason.UNKNOWN_AI, 3),
        (message("1PAB"), Reason.NO_RULE, 0),
    ],
)
def test_refusals_tell_most(code: str, reason: Reason, at: int) -> None:
    """The fault of a code that can be read is told before a missing part, and that before none."""
    found = refused(code, *STATION)
    assert (found.reason, found.at) == (reason, at)


def test_what_a_code_has_or_lacks_is_told() -> None:
    """A refusal says which identifiers are foreign, missing, or hidden behind a lost separator."""
    both = rule(gs1("01", "10", "21"))
    lost = refused(f"]d201{GTIN}10LOT721XY99", both)
    assert lost == Refused(Reason.SUSPECT_SEPARATOR, 19, "(10) may hide (21)")
    short = refused(f"]d201{GTIN}10LOT7", both)
    assert short == Refused(Reason.MISSING_EXPECTED_AI, 19, "(21) must be on this label")
    more = refused(f"]d201{GTIN}1726123121S", rule(UNIT))
    assert more == Refused(Reason.NO_RULE, 0, "(17) may not stand beside (01), (21) here")


def test_two_rules_are_none() -> None:
    """A code that fits two rules is refused, and the refusal names them by their number."""
    found = refused("SN1", rule(r"SN\d"), rule(r"[A-Z]{2}\d", Means.LOT))
    assert found == Refused(Reason.AMBIGUOUS_RULES, 0, "the code fits the scan rules 1 and 2")


@pytest.mark.parametrize(
    ("code", "suspect"),
    [
        (f"]d201{GTIN}10LOT721XY99", True),
        (f"]d201{GTIN}10LOT7", False),
        (f"]d201{GTIN}1021XY99", False),  # the lot would be empty
        (f"]d201{GTIN}10LOT21", False),  # the serial would be empty
        (f"]Q1https://x.at/01/{GTIN}/10/LOT721XY99", False),  # a link loses no separator
    ],
)
def test_lost_separator_of_another_rule(code: str, *, suspect: bool) -> None:
    """A lot that may hide the serial of another rule is no lot: both readings are legal (D-85)."""
    rules = (
        rule(gs1("01", "10"), Means.LOT),
        rule(gs1("01", "10", "21"), symbologies=frozenset({"]d2"})),
        rule("X"),
    )
    if suspect:
        found = refused(code, *rules)
        assert (found.reason, found.at) == (Reason.SUSPECT_SEPARATOR, 19)
        assert found.detail == "(10) may hide (21) of another rule"
    else:
        assert accepted(code, *rules).means is Means.LOT


@pytest.mark.parametrize(
    ("more", "code", "reason"),
    [
        ({"symbologies": frozenset({"]C1"})}, f"]d201{GTIN}21S1", Reason.WRONG_SYMBOLOGY),
        ({"symbologies": frozenset({"]C1"})}, f"01{GTIN}21S1", Reason.WRONG_SYMBOLOGY),
        ({"max_length": 19}, f"01{GTIN}21S1", Reason.TOO_LONG),
        ({"min_length": 21}, f"01{GTIN}21S1", Reason.BAD_LENGTH),
        ({"charset": "0123456789"}, f"01{GTIN}21S1", Reason.BAD_CHARSET),
        ({"gtins": frozenset({"09506000134352"})}, f"01{GTIN}21S1", Reason.WRONG_PROFILE),
        ({"product_pattern": "0950.*"}, f"01{GTIN}21S1", Reason.WRONG_PROFILE),
    ],
)
def test_policy(more: dict[str, Any], code: str, reason: Reason) -> None:
    """A code that is what the rule means and breaks its policy is refused for that."""
    assert refused(code, rule(UNIT, **more)).reason is reason


@pytest.mark.parametrize(
    "more",
    [
        {"symbologies": frozenset({"]d2"}), "min_length": 20, "max_length": 20},
        {"charset": "0123456789S"},
        {"gtins": frozenset({GTIN}), "product_pattern": "0952.*"},
    ],
)
def test_policy_that_holds(more: dict[str, Any]) -> None:
    """A code within the policy is accepted."""
    assert accepted(f"]d201{GTIN}21S1", rule(UNIT, **more)).serial == "S1"


@pytest.mark.parametrize(
    ("more", "expiry", "reason"),
    [
        ({}, "260531", None),
        ({"refuse_expired": True}, "260531", Reason.EXPIRED),
        ({"refuse_expired": True}, "260601", None),
        ({"refuse_expired": True}, "260600", None),
        ({"reject_day00": True}, "260600", Reason.BAD_DATE),
        ({"reject_day00": True, "refuse_expired": True}, "", None),
    ],
)
def test_expiry(more: dict[str, Any], expiry: str, reason: Reason | None) -> None:
    """Expired material and months without a day are refused where the rule says so (D-76)."""
    one = rule(gs1("01", "10", also="17"), Means.LOT, **more)
    code = f"01{GTIN}" + (f"17{expiry}" if expiry else "") + "10L1"
    if reason is None:
        found = accepted(code, one)
        assert found.expiry_exact == (not expiry.endswith("00"))
    else:
        assert refused(code, one).reason is reason


def test_parts_of_gs1() -> None:
    """Quantity, expiry and the rest are read by the standard or as the rule declares."""
    count = rule(gs1("00", "02", "37", "10", also="15"), Means.LOT, expiry_from="15")
    found = accepted(f"0009521234000000017402{GTIN}152612313724\x1d10L1", count)
    assert (found.code, found.product, found.lot) == (f"{LINK}/10/L1", GTIN, "L1")
    assert (found.quantity, found.expiry) == ("24", date(2026, 12, 31))
    weight = rule(gs1("01", "3103", "10"), Means.LOT, quantity_from="3103")
    assert accepted(f"01{GTIN}310300125010L1", weight).quantity == "1.250"
    assert accepted(f"01{GTIN}21S", rule(UNIT, product_from="21")).product == "S"
    order = rule(gs1("400"), Means.ORDER, id_from=("400",))
    assert accepted("400WO-1", order).code == "WO-1"
    assert accepted("91X", rule(gs1("91"), Means.CANCEL)).code == "cancel"
    piece = rule(gs1("8006", "21"))
    assert accepted(f"8006{GTIN}0102\x1d21S", piece).product == GTIN


def test_parts_of_a_message() -> None:
    """Fields of MH10.8.2 give a canonical identity of their own."""
    unit = rule(data("1P", "S", also="Q 7Q 14D 1T"))
    found = accepted(message("1PA/B", "S1", "7Q2KG", "14D20261231", "1TL"), unit)
    assert found.code == "di:1P/A%2FB/S/1"
    assert (found.product, found.serial, found.lot) == ("A/B", "1", "L")
    assert (found.quantity, found.quantity_unit) == ("2", "KG")
    assert found.expiry == date(2026, 12, 31)
    assert accepted(message("1PA", "S1", "Q5"), unit).quantity_unit is None
    counted = rule(data("1P", "1T", "2Q"), Means.LOT, quantity_from="2Q", expiry_from="1T")
    found = accepted(message("1PA", "1TL", "2Q5"), counted)
    assert (found.quantity, found.expiry) == ("5", None)


def test_repeated_identifier_is_refused() -> None:
    """Two serials on one label are the label of no unit; equal ones are one."""
    unit = rule(data("1P", "S"))
    assert refused(message("1PA", "S1", "S2"), unit).reason is Reason.REPEATED_IDENTIFIER
    assert accepted(message("1PA", "S1", "S1"), unit).serial == "1"


def test_message_of_another_format() -> None:
    """A rule reads envelopes of its own format only, and a text element rule its own."""
    unit = rule(data("SER", form="12"), id_from=("SER",))
    assert accepted(message("SER X", form="12"), unit).code == "di:SER/X"
    assert refused(message("SX"), unit).reason is Reason.NO_RULE
    both = "[)>\x1e06\x1d1PA\x1dS1\x1e12\x1dSER X\x1e\x04"
    assert refused(both, unit, rule(data("1P", "S"))).reason is Reason.NO_RULE


def test_agreed_identifiers_are_those_of_the_rules() -> None:
    """An identifier that a rule names is known, whatever the standard allocates."""
    unit = rule(data("1P", "999Y"), id_from=("1P", "999Y"))
    assert accepted(message("1PA", "999YX"), unit).code == "di:1P/A/999Y/X"


def test_declared_defects_are_told() -> None:
    """A tolerated defect stands in the judgement."""
    unit = rule(data("1P", "S"), tolerates=frozenset({Reason.MISSING_EOT}))
    assert accepted(message("1PA", "S1")[:-1], unit).doubtful == ("missing_eot",)


@pytest.mark.parametrize(
    ("pattern", "means", "more", "code", "identity"),
    [
        (r"SN\d+", Means.UNIT, {}, "SN1", "SN1"),
        (r"SN(?P<id>\d+)", Means.UNIT, {}, "SN1", "1"),
        (r"SN(?P<unit>\d+)-(?P<lot>\d)", Means.UNIT, {}, "SN1-2", "1"),
        (r"(?P<gtin>\d{13})/(?P<serial>\w+)", Means.UNIT, {}, "9521234543213/S", f"{LINK}/21/S"),
        (r"(?P<gtin>\d{13})/(?P<lot>\w+)", Means.LOT, {}, "9521234543213/L", f"{LINK}/10/L"),
        (r"(?P<gtin>\d{13})/(?P<lot>\w+)", Means.UNIT, {}, "9521234543213/L", None),
        (r"(?P<gtin>\d{13})/(?P<serial>\w+)", Means.LOT, {}, "9521234543213/S", None),
        (r"(?P<gtin>\d{13})/(?P<unit>\w+)", Means.UNIT, {}, "9521234543213/S", "S"),
        (r"SN\d+", Means.UNIT, {"caseless": True}, "sn1", "SN1"),
        (r"\d+", Means.UNIT, {"prefix": "#", "suffix": "!"}, "#12!", "12"),
        (r"\d+", Means.UNIT, {"check_digit": True}, "09506000134352", "09506000134352"),
        (r"\d{13}", Means.UNIT, {}, "]E09521234543213", "9521234543213"),
        (r".+", Means.UNIT, {"symbologies": frozenset({"]Q1"})}, f"]Q1{LINK}", LINK),
    ],
)
def test_plain_codes(
    pattern: str, means: Means, more: dict[str, Any], code: str, identity: str | None
) -> None:
    """A plain code is its text, its named part, or the canonical link of GTIN and serial."""
    assert accepted(code, rule(pattern, means, **more)).code == (identity or code)


@pytest.mark.parametrize(
    ("pattern", "more", "code", "reason"),
    [
        (r"SN\d+", {}, "sn1", Reason.NO_RULE),
        (r"\d+", {"prefix": "#"}, "12", Reason.NO_RULE),
        (r"\d+", {"prefix": "12", "suffix": "23"}, "123", Reason.NO_RULE),
        (r".+", {}, "A\x1dB", Reason.NO_RULE),
        (r".+", {}, f"]d201{GTIN}21S1", Reason.NO_RULE),
        (r".+", {}, f"]Q1{LINK}", Reason.NO_RULE),
        (r"\d+", {"check_digit": True}, "09506000134353", Reason.BAD_CHECK_DIGIT),
        (r"\w+", {"check_digit": True}, "A", Reason.BAD_CHECK_DIGIT),
        (r"\w+", {"charset": "ABC"}, "ABD", Reason.BAD_CHARSET),
        (r"(?P<gtin>\d+)", {}, "9521234543214", Reason.BAD_CHECK_DIGIT),
        (r"X(?P<expiry>\d+)", {}, "X261301", Reason.BAD_DATE),
        (r".+", {"gtins": frozenset({GTIN})}, "X", Reason.WRONG_PROFILE),
    ],
)
def test_refused_plain_codes(pattern: str, more: dict[str, Any], code: str, reason: Reason) -> None:
    """A plain code matches whole, in its case, and within the rule's policy."""
    assert refused(code, rule(pattern, **more)).reason is reason


def test_parts_of_a_plain_code() -> None:
    """Named groups are the parts; what the rule knows of the product is added."""
    one = rule(
        r"(?P<serial>S\d)(?P<lot>L\d)(?P<quantity>\d)/(?P<day>\d+)(?P<x>Z)?",
        product="cover",
        expiry_from="day",
    )
    found = accepted("S1L23/261200", one)
    assert (found.serial, found.lot, found.quantity) == ("S1", "L2", "3")
    assert (found.expiry, found.expiry_exact) == (date(2026, 12, 31), False)
    assert found.product == "cover"
    assert ("day", "261200") in found.fields
    assert accepted("S1L23/20261231", one).expiry == date(2026, 12, 31)


def test_badges_are_told_at_the_rim() -> None:
    """A frame that an operator's rule accepts is a badge, whatever else is wrong with the rest."""
    rules = (rule(UNIT), *STATION, rule(r"B(?P<operator>\d+)", Means.OPERATOR, min_length=5))
    assert badge_of(b"OP-4711\r\n", rules, reference_date=TODAY) == Badge("4711", None)
    assert badge_of(b"B12", rules, reference_date=TODAY) is None
    assert badge_of(b"WO-123456", rules, reference_date=TODAY) is None


@pytest.mark.parametrize(
    ("raw", "alike"), [(b"OP-47\r", True), (b"WO-1", False), (b"4", False), (b"\xff", False)]
)
def test_cut_badges_are_guessed_to_be_badges(raw: bytes, *, alike: bool) -> None:
    """What begins like every badge may be a cut one, so only its length is kept (D-64)."""
    badges = (
        *STATION,
        rule(r"4(?P<operator>\d+)", Means.OPERATOR),
        rule(gs1("8018"), Means.OPERATOR, id_from=("8018",)),
    )
    assert looks_like_badge(raw, badges) is alike
