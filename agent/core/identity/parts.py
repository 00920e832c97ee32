"""What the fields of a code are to a station: identity, product, serial, lot, expiry, quantity.

Identities are canonical text, so that two forms of one identity compare equal (D-133): a GS1 key
with its serial or lot is the canonical Digital Link whatever form it came in; fields of
MH10.8.2 are `di:` with identifiers and values as path, those of HIBC `hibc:` likewise; a plain code
keeps its text (D-74).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple
from urllib.parse import quote

from agent.core.identity import data_identifiers, gs1, hibc
from agent.core.identity.dates import Day, yymmdd, yyyymmdd
from agent.core.identity.digital_link import canonical
from agent.core.identity.reading import CodeError, Field, Reason
from agent.core.identity.scan_rule import (
    Means,
    ScanRule,
    is_gs1,
    is_hibc,
    standard_identity,
)

_KEY_OF = {"02": "01", "03": "01", "8026": "8006"}
"""Identifiers of contained or made-to-order items, and the key that names the same item."""
_GTIN = 14


class Parts(NamedTuple):
    """A code taken apart."""

    code: str
    """The identity."""
    product: str | None = None
    serial: str | None = None
    lot: str | None = None
    expiry: Day | None = None
    quantity: str | None = None
    unit: str | None = None
    """Unit of the quantity, where the code gives it."""
    fields: tuple[tuple[str, str], ...] = ()
    """(identifier or group, value), in order."""


class _Standard(NamedTuple):
    """Where the parts stand by the standard, the first present counts."""

    product: tuple[str, ...]
    serial: tuple[str, ...]
    lot: tuple[str, ...]
    expiry: tuple[str, ...]
    quantity: tuple[str, ...]


_GS1 = _Standard(("01", "02", "03", "8006", "8026"), ("21", "8011"), ("10",), ("17",), ("30", "37"))
_DATA = _Standard(("25P", "1P", "P"), ("25S", "S"), ("25T", "1T", "T"), ("14D",), ("Q", "7Q"))
_HIBC = _Standard(("item",), ("serial",), ("lot",), ("expiry",), ("quantity",))


def field_parts(rule: ScanRule, fields: Mapping[str, Field], reference: date) -> Parts:
    """Return the parts of a code with identified fields that a rule matches."""
    of_gs1 = is_gs1(rule.match)
    standard = _GS1 if of_gs1 else _HIBC if is_hibc(rule.match) else _DATA

    def part(declared: str | None, by_standard: tuple[str, ...]) -> Field | None:
        codes = (declared,) if declared else by_standard
        return next((fields[code] for code in codes if code in fields), None)

    def value(declared: str | None, by_standard: tuple[str, ...]) -> str | None:
        found = part(declared, by_standard)
        return found.value if found else None

    product = value(rule.product_from, standard.product)
    if of_gs1 and product is not None and rule.product_from is None:
        product = product[:_GTIN]  # of an ITIP: the item, without piece and total
    expiry = part(rule.expiry_from, standard.expiry)
    quantity = part(rule.quantity_from, standard.quantity)
    amount, unit = _amount(quantity, of_gs1=of_gs1) if quantity else (None, None)
    return Parts(
        code=_code(rule, fields),
        product=product or rule.product,
        serial=value(rule.serial_from, standard.serial),
        lot=value(rule.lot_from, standard.lot),
        expiry=_day(expiry, reference, rule) if expiry else None,
        quantity=amount,
        unit=unit,
        fields=tuple((field.identifier, field.value) for field in fields.values()),
    )


def group_parts(
    rule: ScanRule, text: str, groups: Mapping[str, str | None], reference: date
) -> Parts:
    """Return the parts of a plain code that a rule's pattern matches.

    Raises:
        CodeError: a group holds what it cannot: a GTIN with a wrong check digit, no date. The
            offset is that of the whole code.
    """
    if not groups:
        return Parts(code=text, product=rule.product)

    def group(declared: str | None, name: str) -> str | None:
        return groups.get(declared or name)

    gtin = groups.get("gtin")
    if gtin is not None:
        gtin = gs1.item_number(gtin).value
    expiry = group(rule.expiry_from, "expiry")
    return Parts(
        code=_plain_code(rule, text, gtin, groups),
        product=group(rule.product_from, "product") or gtin or rule.product,
        serial=group(rule.serial_from, "serial"),
        lot=group(rule.lot_from, "lot"),
        expiry=_plain_day(expiry, reference) if expiry is not None else None,
        quantity=group(rule.quantity_from, "quantity"),
        fields=tuple((name, value) for name, value in groups.items() if value is not None),
    )


def _plain_code(
    rule: ScanRule, text: str, gtin: str | None, groups: Mapping[str, str | None]
) -> str:
    """Return the identity of a plain code: named, by GTIN and serial or lot, or its text."""
    named = groups.get("id") or groups.get(rule.means)
    serial, lot = groups.get("serial"), groups.get("lot")
    if gtin is not None and (named is None or named == lot):
        if serial is not None and rule.means is not Means.LOT:
            return canonical([("01", gtin), ("21", serial)])
        if lot is not None and rule.means is not Means.UNIT:
            return canonical([("01", gtin), ("10", lot)])
    return named or text


def _code(rule: ScanRule, fields: Mapping[str, Field]) -> str:
    """Return the identity that a rule takes from the fields."""
    chosen = rule.id_from or standard_identity(rule.match, rule.means, frozenset(fields)) or ()
    if rule.means in (Means.OPERATOR, Means.ORDER):
        return fields[chosen[0]].value
    if not chosen:  # a signal: it names nothing
        return str(rule.means)
    if is_gs1(rule.match):
        return canonical([(_KEY_OF.get(code, code), fields[code].value) for code in chosen])
    scheme = "hibc:" if is_hibc(rule.match) else "di:"
    return scheme + "/".join(f"{code}/{quote(fields[code].value, safe='')}" for code in chosen)


def _day(field: Field, reference: date, rule: ScanRule) -> Day | None:
    if is_gs1(rule.match):
        return gs1.day_of(field, reference)
    if is_hibc(rule.match):
        return hibc.day_in(field.value, reference)
    return data_identifiers.day_of(field.identifier, field.value, reference)


def _amount(field: Field, *, of_gs1: bool) -> tuple[str, str | None]:
    if of_gs1:
        return gs1.decimal_of(field) or field.value, None
    amount, unit = data_identifiers.quantity_of(field.identifier, field.value) or (field.value, "")
    return amount, unit or None


def _plain_day(value: str, reference: date) -> Day:
    day = yyyymmdd(value) or yymmdd(value, reference, zero_day=True)
    if day is None:
        raise CodeError(Reason.BAD_DATE, 0, f"{value!r} is no day YYMMDD or YYYYMMDD")
    return day
