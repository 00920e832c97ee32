"""HIBC supplier labels: the other UDI of medical devices beside GS1's.

    +A99912345/$$52001510X3/16D20111212/S77DE1G45-
     item       |secondary   supplements          check character over all before it

The whole code is under one check character (modulus 43), which shows one character misread; it has
no weights, so two that are swapped do not show. A second symbol that carries lot and
expiry alone names no item; it is refused, for what it belongs to would be a guess. Values keep the
flag of their date format: `520015` is day 15 of 2020.

Source: ANSI/HIBC 2.6, Supplier Labeling Standard, as public material describes it; the check
character is proven with published samples. Provider labels (`+/…`) are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from agent.core.identity.dates import Day, day_of, year_of, yyyymmdd
from agent.core.identity.reading import CodeError, Field, Reason

FORMAT = "hibc"
"""What stands for the format of the one envelope of such a code."""
NAMES = frozenset({"item", "lot", "serial", "expiry", "made", "quantity"})
"""What a code can carry; `item` is labeler, product number and packaging level: the device id."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_START = re.compile(r"\+[A-Z0-9$]")
_SHORTEST = 3
_ITEM = re.compile(r"[A-Z][A-Z0-9]{3}[A-Z0-9]{1,18}[0-9]")
_LOT = r"(?P<lot>[A-Z0-9. -]{1,18})?"
_DATE = r"[01][0-9]{3}|[23][0-9]{6}|4[0-9]{8}|5[0-9]{5}|6[0-9]{7}"
_SECONDARY = (
    re.compile(rf"(?P<julian>[0-9]{{5}}){_LOT}"),
    re.compile(rf"\$(?P<sign>\+?){_LOT}"),
    re.compile(
        r"\$\$(?P<sign>\+?)(?:8(?P<two>[0-9]{2})|9(?P<five>[0-9]{5}))?"
        rf"(?:(?:(?P<date>{_DATE})|7){_LOT})?"
    ),
)
_SUPPLEMENTS = (
    ("expiry", re.compile(r"14D([0-9]{8})")),
    ("made", re.compile(r"16D([0-9]{8})")),
    ("serial", re.compile(r"S([A-Z0-9. -]{1,18})")),
    ("quantity", re.compile(r"Q([0-9]{1,5})")),
)
_DAYS = frozenset({"expiry", "made"})
_HOURS = 24
_MONTH, _JULIAN = 4, 5
_FULL = 8


def looks_like_hibc(text: str) -> bool:
    """Return whether a text is a HIBC code where a profile says that there are any."""
    return _START.match(text) is not None


def check_character(text: str) -> str:
    """Return the check character for the characters before it.

    >>> check_character("+A99912345/$$52001510X3")
    '3'
    """
    return _ALPHABET[sum(_VALUES[character] for character in text) % len(_ALPHABET)]


def parse_hibc(text: str, reference: date, base: int = 0) -> tuple[Field, ...]:
    """Return what a code says, in order; the check character is no field.

    Raises:
        CodeError: a character is wrong, or a part.
    """
    for at, character in enumerate(text):
        if character not in _VALUES:
            raise CodeError(Reason.BAD_CHARSET, base + at, "HIBC holds digits, capitals, -. $/+%")
    if len(text) < _SHORTEST:
        raise CodeError(Reason.BAD_LENGTH, base + len(text), "no item and no check character")
    if check_character(text[:-1]) != text[-1]:
        wanted = check_character(text[:-1])
        detail = f"the check character is {text[-1]!r}, wants {wanted!r}"
        raise CodeError(Reason.BAD_CHECK_DIGIT, base + len(text) - 1, detail)
    fields: dict[str, Field] = {}
    for field in _fields(text, base):
        first = fields.setdefault(field.identifier, field)
        if not _agree(first, field, reference):
            detail = f"{field.identifier} stands there twice, with different values"
            raise CodeError(Reason.REPEATED_IDENTIFIER, field.at, detail)
        if field.identifier in _DAYS and day_in(field.value, reference) is None:
            detail = f"{field.value!r} is no day"
            raise CodeError(Reason.BAD_DATE, field.at, detail)
    return tuple(fields.values())


def day_in(value: str, reference: date) -> Day | None:
    """Return the day of a value of `expiry` or `made`, None if there is none such.

    Its first digit says how it is written, except in MMYY and YYYYMMDD, which their length tells.
    """
    flag, digits = value[0], value[1:]
    if len(value) == _MONTH:
        return day_of(year_of(int(value[2:]), reference), int(value[:2]), 0, zero_day=True)
    if len(value) == _FULL and flag != "6":
        return yyyymmdd(value)
    if len(value) == _JULIAN or flag in "56":
        year, day, hour = (value, value[2:], "") if len(value) == _JULIAN else _parted(digits)
        return _julian(int(year[:2]), int(day[:3]), hour, reference)
    month_first = flag == "2"
    year, month, day = (
        (digits[4:6], digits[:2], digits[2:4])
        if month_first
        else (digits[:2], digits[2:4], digits[4:6])
    )
    if int(digits[6:] or 0) >= _HOURS:
        return None
    return day_of(year_of(int(year), reference), int(month), int(day), zero_day=False)


def _parted(digits: str) -> tuple[str, str, str]:
    return digits[:2], digits[2:5], digits[5:]


def _julian(year: int, number: int, hour: str, reference: date) -> Day | None:
    """Return a day of the year."""
    first = date(year_of(year, reference), 1, 1)
    if number < 1 or int(hour or 0) >= _HOURS:
        return None
    day = first + timedelta(days=number - 1)
    return Day(day, exact=True) if day.year == first.year else None


def _agree(first: Field, other: Field, reference: date) -> bool:
    """Return whether two fields say the same; a date may be written in two ways."""
    if first.value == other.value:
        return True
    if first.identifier not in _DAYS:
        return False
    one, two = day_in(first.value, reference), day_in(other.value, reference)
    return one is not None and one == two


def _fields(text: str, base: int) -> Iterator[Field]:
    at = base + 1
    item, *rest = text[1:-1].split("/")
    if _ITEM.fullmatch(item) is None:
        if item.startswith("$") or item[:1].isdecimal():
            detail = "lot and expiry without their item: it is in another symbol"
            raise CodeError(Reason.MISSING_REQUIRED_AI, at, detail)
        raise CodeError(Reason.BAD_VALUE, at, f"{item!r} is no labeler, product and level")
    yield Field("item", item, at)
    at += len(item) + 1
    for place, part in enumerate(rest):
        found = list(_secondary(part, at)) if place == 0 else []
        found = found or list(_supplement(part, at))
        if not found:
            raise CodeError(Reason.UNKNOWN_IDENTIFIER, at, f"nothing known begins {part[:4]!r}")
        yield from found
        at += len(part) + 1


def _secondary(part: str, at: int) -> Iterator[Field]:
    """Yield quantity, expiry and lot or serial; nothing if it is no secondary data."""
    for pattern in _SECONDARY:
        found = pattern.fullmatch(part)
        if found is None:
            continue
        groups = found.groupdict()
        name = "serial" if groups.get("sign") else "lot"
        for group, identifier in (
            ("two", "quantity"),
            ("five", "quantity"),
            ("julian", "expiry"),
            ("date", "expiry"),
            ("lot", name),
        ):
            if groups.get(group):
                yield Field(identifier, groups[group], at + found.start(group))
        return


def _supplement(part: str, at: int) -> Iterator[Field]:
    for name, pattern in _SUPPLEMENTS:
        found = pattern.fullmatch(part)
        if found is not None:
            yield Field(name, found[1], at + found.start(1))
