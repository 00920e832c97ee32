"""Data identifiers: which are allocated, what the common ones mean, and what we check of values.

Source: ANSI MH10.8.2 (referenced by ISO/IEC 15418), as allocated in its 2021 edition. Titles are
ours and short. Values are checked only where the standard leaves no freedom (D-79, D-80).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cache

from agent.core.identity.dates import Day, yymmdd, yyyymmdd
from agent.core.identity.reading import Reason

SHAPE = re.compile(r"[0-9]{0,3}[A-Z]")
"""Up to three digits and one upper-case letter; the rest of a field is the value."""

_ALLOCATED = {
    "B": "0-5 7-31 55",
    "C": "0-5",
    "D": "0-28",
    "E": "0-6 10-13",
    "F": "0 1 3-5",
    "H": "0-12 15 25 26",
    "I": "0 2 4 5",
    "J": "0-8",
    "K": "0-22 25-27",
    "L": "0-9 11-13 15-18 20-36 51 52 54 55",
    "M": "10-14",
    "N": "0 1 3-12 15",
    "P": "0-34 40 49-55",
    "Q": "0-9 11-32",
    "R": "1 2 4-9",
    "S": "0-28 30-37 42 43 50-54 96 97",
    "T": "0 1 3 20-27 30-34",
    "U": "5 6 15-19 55",
    "V": "0-25",
    "W": "0-6 10-12",
    "Z": "0-4 10-99",
}
"""By letter: the numbers before it that are allocated; 0 stands for none."""

_CATEGORIES = {
    "B": "container",
    "C": "continuation of a field",
    "D": "date",
    "E": "environment",
    "F": "looping",
    "H": "person or party",
    "I": "vehicle",
    "J": "licence plate",
    "K": "transaction",
    "L": "location",
    "M": "military form",
    "N": "industry-assigned code",
    "P": "item",
    "Q": "measurement",
    "R": "miscellaneous",
    "S": "serial number or entity",
    "T": "traceability number",
    "U": "postal",
    "V": "party to the transaction",
    "W": "activity",
    "Z": "mutually defined",
}

_TITLES = {
    "D": "date YYMMDD",
    "1D": "date DDMMYY",
    "9D": "date, by agreement",
    "10D": "date YYWW",
    "11D": "date YYYYWW",
    "12D": "date YYYYMMDD",
    "14D": "expiration date YYYYMMDD",
    "16D": "production date YYYYMMDD",
    "25D": "best before date YYYYMMDD",
    "13E": "moisture sensitivity level",
    "I": "vehicle identification number",
    "J": "licence plate",
    "1J": "licence plate, unbreakable unit",
    "2J": "licence plate, several packages",
    "3J": "licence plate, unbreakable unit, with EDI",
    "4J": "licence plate, several packages, with EDI",
    "5J": "licence plate, mixed load",
    "6J": "licence plate, master load",
    "K": "customer's order number",
    "1K": "supplier's order number",
    "4K": "order line",
    "11K": "packing list number",
    "15K": "kanban number",
    "L": "storage location",
    "4L": "country of origin",
    "20L": "location, first level",
    "9N": "pharmacy product number",
    "P": "customer's item code",
    "1P": "supplier's item code",
    "2P": "revision level",
    "25P": "item code with issuing agency and company",
    "30P": "supplier's item code, first level",
    "31P": "supplier's item code, second level",
    "50P": "manufacturer's item identifier",
    "51P": "globally unique item identifier",
    "54P": "UDI device identifier",
    "Q": "quantity",
    "2Q": "actual weight",
    "3Q": "unit of measure",
    "7Q": "quantity with unit of measure",
    "S": "supplier's serial number",
    "1S": "supplier's additional serial code",
    "2S": "shipment id of the advance notice",
    "3S": "package id, like items",
    "4S": "master package id, like items",
    "5S": "master package id, unlike items",
    "10S": "machine, cell or tool",
    "18S": "CAGE code and serial number",
    "20S": "customer's traceability code",
    "25S": "serial number with issuing agency and company",
    "30S": "supplier's additional traceability code",
    "37S": "unique item identifier: company, part and serial",
    "T": "customer's lot number",
    "1T": "supplier's lot number",
    "20T": "customer's lot number, first level",
    "25T": "lot number with issuing agency and company",
    "30T": "supplier's lot number, first level",
    "V": "supplier code by customer",
    "1V": "supplier code by supplier",
    "4V": "carrier code",
    "12V": "DUNS number of the manufacturer",
    "13V": "DUNS number of the supplier",
    "17V": "CAGE code",
    "18V": "party: issuing agency and company",
    "W": "work order number",
    "Z": "by agreement of customer and supplier",
}

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_NUMBER_AND_UNIT = re.compile(r"([0-9]+(?:\.[0-9]+)?)([0-9A-Z]{2})")
_LETTERS = re.compile(r"[A-Z]{2}")
_LONG_DAYS = frozenset({"12D", "14D", "16D", "25D", "26D", "27D"})
_QUANTITY = "Q"
_QUANTITY_AND_UNIT = "7Q"
_COUNTRY = "4L"
_SHORT_DAY = "D"


@cache
def allocated() -> Mapping[str, str]:
    """Return the title of every allocated data identifier, by the identifier."""
    found = {}
    for letter, ranges in _ALLOCATED.items():
        for span in ranges.split():
            first, _, last = span.partition("-")
            for number in range(int(first), int(last or first) + 1):
                code = f"{number or ''}{letter}"
                found[code] = _TITLES.get(code, _CATEGORIES[letter])
    return found


def split(field: str) -> tuple[str, str] | None:
    """Return identifier and value of a field, None where it begins with no identifier."""
    found = SHAPE.match(field)
    return (found[0], field[found.end() :]) if found else None


def fault(code: str, value: str, reference: date) -> Reason | None:
    """Return what is wrong with a value under a data identifier, None if nothing is."""
    if code == _QUANTITY and not _NUMBER.fullmatch(value):
        return Reason.BAD_VALUE
    if code == _QUANTITY_AND_UNIT and not _NUMBER_AND_UNIT.fullmatch(value):
        return Reason.BAD_VALUE
    if code == _COUNTRY and not _LETTERS.fullmatch(value):
        return Reason.BAD_VALUE
    if (code == _SHORT_DAY or code in _LONG_DAYS) and day_of(code, value, reference) is None:
        return Reason.BAD_DATE
    return None


def day_of(code: str, value: str, reference: date) -> Day | None:
    """Return the day that a field gives, None if its identifier is none of a day."""
    if code == _SHORT_DAY:
        return yymmdd(value, reference, zero_day=False)
    return yyyymmdd(value) if code in _LONG_DAYS else None


def quantity_of(code: str, value: str) -> tuple[str, str] | None:
    """Return quantity and unit (empty where the field gives none), None if it is no quantity."""
    if code == _QUANTITY:
        return value, ""
    found = _NUMBER_AND_UNIT.fullmatch(value) if code == _QUANTITY_AND_UNIT else None
    return (found[1], found[2]) if found else None
