"""What the fields and groups of a code are to a station, each part by itself (D-74, D-133)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from agent.core.identity.dates import Day
from agent.core.identity.parts import Parts, field_parts, group_parts
from agent.core.identity.reading import CodeError, Field, Reason
from agent.core.identity.scan_rule import DataMatch, Gs1Match, Means, RegexMatch, ScanRule

TODAY = date(2026, 11, 26)
GTIN, OTHER = "09506000134352", "09506000134369"
PLAIN = ScanRule(match=RegexMatch(pattern=".+"), means=Means.UNIT)
LAST_DAY = Day(day=date(2027, 3, 31), exact=True)


def fields(**values: str) -> dict[str, Field]:
    """Return fields by their identifiers, `ai01` or `di25S` without its letters."""
    named = {name.removeprefix("ai").removeprefix("di"): value for name, value in values.items()}
    return {name: Field(name, value, 0) for name, value in named.items()}


def of_gs1(*ais: str, means: Means = Means.UNIT) -> ScanRule:
    """Return a rule for a GS1 code with these identifiers."""
    return ScanRule(match=Gs1Match(ais=frozenset(ais)), means=means)


def of_data(*identifiers: str, means: Means = Means.COMPONENT) -> ScanRule:
    """Return a rule for a message of format 06 with these identifiers."""
    match = DataMatch(identifiers=frozenset(identifiers))
    return ScanRule(match=match, means=means, position="ecu")


# ------------------------------------------------------------------ identified fields


def test_the_standard_says_where_the_parts_of_a_gs1_code_are() -> None:
    """Each is read from its identifier, and the fields stay in their order."""
    read = fields(ai01=GTIN, ai21="7", ai10="L1", ai17="270331", ai30="12")
    parts = field_parts(of_gs1("01", "21", "10", "17", "30"), read, TODAY)
    assert parts == Parts(
        code=f"https://id.gs1.org/01/{GTIN}/21/7",
        product=GTIN,
        serial="7",
        lot="L1",
        expiry=LAST_DAY,
        quantity="12",
        fields=(("01", GTIN), ("21", "7"), ("10", "L1"), ("17", "270331"), ("30", "12")),
    )


def test_a_part_that_a_rule_declares_is_read_from_there_alone() -> None:
    """Where the site keeps it in a field of its own, the standard's is not looked at."""
    read = fields(ai01=GTIN, ai21="7", ai10="L1", ai17="270331", ai30="12") | fields(
        ai02=OTHER, ai240="part", ai250="77", ai7003="2703311200", ai37="3"
    )
    rule = replace(
        of_gs1("01", "21", "10", "17", "30", "240", "250", "37"),
        product_from="240",
        serial_from="250",
        lot_from="21",
        expiry_from="17",
        quantity_from="37",
    )
    parts = field_parts(rule, read, TODAY)
    assert (parts.product, parts.serial, parts.lot) == ("part", "77", "7")
    assert (parts.expiry, parts.quantity) == (LAST_DAY, "3")


def test_a_declared_part_that_is_not_there_is_no_other() -> None:
    """The standard's field does not step in for it."""
    read = fields(ai01=GTIN, ai21="7", ai10="L1", ai17="270331")
    match = Gs1Match(ais=frozenset({"01", "21", "10", "17"}), also=frozenset({"250", "7003"}))
    rule = ScanRule(match=match, means=Means.UNIT, lot_from="250", expiry_from="7003")
    parts = field_parts(rule, read, TODAY)
    assert (parts.serial, parts.lot, parts.expiry) == ("7", None, None)


def test_a_long_product_of_other_identifiers_is_not_cut() -> None:
    """Only a piece of a trade item has its item in the first 14 digits (AI 8026)."""
    number = "A-PART-NUMBER-OF-MORE-THAN-14"
    assert field_parts(of_data("1P", "S"), fields(di1P=number, diS="7"), TODAY).product == number
    declared = replace(of_gs1("01", "21", "240"), product_from="240")
    read = fields(ai01=GTIN, ai21="7", ai240=number)
    assert field_parts(declared, read, TODAY).product == number
    piece = fields(ai8026=f"{GTIN}0102", ai21="7")
    match = Gs1Match(ais=frozenset({"8026", "21"}))
    rule = ScanRule(match=match, means=Means.UNIT, id_from=("8026", "21"))
    assert field_parts(rule, piece, TODAY).product == GTIN


def test_what_a_code_does_not_say_of_its_product_the_rule_does() -> None:
    """And it says nothing against the code."""
    rule = replace(of_data("1P", "S"), product="ecu-x", id_from=("S",))
    assert field_parts(rule, fields(diS="7"), TODAY).product == "ecu-x"
    assert field_parts(rule, fields(di1P="p", diS="7"), TODAY).product == "p"


def test_a_quantity_has_the_unit_that_the_field_gives() -> None:
    """MH10.8.2 7Q has one, Q has none; text that is no quantity stays as it is."""
    of_unit = field_parts(
        of_data("1P", "1T", "7Q"), fields(di1P="p", di1T="l", di7Q="12.5KG"), TODAY
    )
    assert (of_unit.quantity, of_unit.unit) == ("12.5", "KG")
    plain = field_parts(of_data("1P", "1T", "Q"), fields(di1P="p", di1T="l", diQ="40"), TODAY)
    assert (plain.quantity, plain.unit) == ("40", None)
    odd = replace(of_data("1P", "1T"), quantity_from="1P")
    said = field_parts(odd, fields(di1P="p", di1T="l"), TODAY)
    assert (said.quantity, said.unit) == ("p", None)


def test_a_day_of_two_digits_is_of_the_century_around_the_scan() -> None:
    """By the day of the scan, in every standard (D-76)."""
    rule = replace(of_data("1P", "1T", "D"), expiry_from="D")
    read = fields(di1P="p", di1T="l", diD="770331")
    assert field_parts(rule, read, TODAY).expiry == Day(date(1977, 3, 31), exact=True)
    assert field_parts(rule, read, date(2040, 1, 1)).expiry == Day(date(2077, 3, 31), exact=True)


def test_an_identity_of_data_identifiers_cannot_be_taken_for_another() -> None:
    """What would part its path is escaped (D-133)."""
    parts = field_parts(of_data("1P", "S"), fields(di1P="A/B", diS="X Y"), TODAY)
    assert parts.code == "di:1P/A%2FB/S/X%20Y"


# ------------------------------------------------------------------ plain codes


def test_the_groups_of_a_plain_code_are_its_parts() -> None:
    """Each by its name, and all that matched are its fields."""
    groups = {
        "id": "U-1",
        "product": "p",
        "serial": "7",
        "lot": "L1",
        "expiry": "270331",
        "quantity": "12",
        "nothing": None,
    }
    assert group_parts(PLAIN, "text", groups, TODAY) == Parts(
        code="U-1",
        product="p",
        serial="7",
        lot="L1",
        expiry=LAST_DAY,
        quantity="12",
        fields=tuple((name, value) for name, value in groups.items() if value is not None),
    )


def test_a_group_that_a_rule_declares_is_read_in_place_of_its_name() -> None:
    """And one that is not there is nothing."""
    groups = {"a": "p", "b": "7", "c": "L1", "d": "20270331", "e": "12"} | dict.fromkeys(
        ("product", "serial", "lot", "expiry", "quantity"), "other"
    )
    rule = replace(
        PLAIN,
        product_from="a",
        serial_from="b",
        lot_from="c",
        expiry_from="d",
        quantity_from="e",
    )
    parts = group_parts(rule, "text", groups, TODAY)
    assert parts[1:6] == ("p", "7", "L1", LAST_DAY, "12")


def test_the_day_of_a_plain_code_is_of_the_century_around_the_scan() -> None:
    """As that of any other (D-76)."""
    parts = group_parts(PLAIN, "text", {"expiry": "770331"}, date(2040, 1, 1))
    assert parts.expiry == Day(date(2077, 3, 31), exact=True)


def test_a_group_that_is_no_day_refuses_the_code() -> None:
    """It says which text is none, and what it must look like."""
    with pytest.raises(CodeError) as refused:
        group_parts(PLAIN, "text", {"expiry": "31.3.27"}, TODAY)
    assert (refused.value.reason, refused.value.at) == (Reason.BAD_DATE, 0)
    assert "'31.3.27' is no day YYMMDD or YYYYMMDD" in str(refused.value)


def test_a_product_group_comes_before_the_gtin_and_that_before_the_rule() -> None:
    """What the site calls it is its product."""
    rule = replace(PLAIN, product="by-rule")
    both = {"gtin": GTIN, "product": "p", "serial": "7"}
    assert group_parts(rule, "text", both, TODAY).product == "p"
    assert group_parts(rule, "text", {"gtin": GTIN, "serial": "7"}, TODAY).product == GTIN
    assert group_parts(rule, "text", {"serial": "7"}, TODAY).product == "by-rule"


LOT = replace(PLAIN, means=Means.LOT)
BY_SERIAL = f"https://id.gs1.org/01/{GTIN}/21/7"
BY_LOT = f"https://id.gs1.org/01/{GTIN}/10/L1"


@pytest.mark.parametrize(
    ("rule", "groups", "code"),
    [
        (PLAIN, {"gtin": GTIN, "serial": "7", "lot": "L1"}, BY_SERIAL),
        (LOT, {"gtin": GTIN, "serial": "7", "lot": "L1"}, BY_LOT),
        (LOT, {"gtin": GTIN, "lot": "L1"}, BY_LOT),
        (PLAIN, {"gtin": GTIN, "lot": "L1"}, "text"),
        (LOT, {"gtin": GTIN, "serial": "7"}, "text"),
        (PLAIN, {"gtin": GTIN, "serial": "7", "id": "U-1"}, "U-1"),
        (PLAIN, {"gtin": GTIN, "serial": "7", "lot": "L1", "id": "L1"}, BY_SERIAL),
        (PLAIN, {"serial": "7", "lot": "L1"}, "text"),
        (PLAIN, {"unit": "U-2", "serial": "7"}, "U-2"),
        (LOT, {"lot": "L1"}, "L1"),
    ],
)
def test_a_gtin_with_serial_or_lot_is_the_same_identity_in_every_form(
    rule: ScanRule, groups: Mapping[str, str], code: str
) -> None:
    """By what the rule means, unless the code has an identity of its own (D-133)."""
    assert group_parts(rule, "text", groups, TODAY).code == code


def test_a_wrong_gtin_refuses_a_plain_code_too() -> None:
    """Its check digit is checked as in any GS1 code (D-73)."""
    with pytest.raises(CodeError) as refused:
        group_parts(PLAIN, "text", {"gtin": "09506000134353", "serial": "7"}, TODAY)
    assert refused.value.reason is Reason.BAD_CHECK_DIGIT
