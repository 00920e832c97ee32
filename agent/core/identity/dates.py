"""Dates in codes: two-digit years, day 00, and never the machine's own clock.

Source: GS1 General Specifications, 7.12 (century) and 3.4 (day 00); D-75, D-76.
"""

from __future__ import annotations

import calendar
import re
from datetime import date
from typing import NamedTuple

_CENTURY = 100
_AHEAD = 51
_BEHIND = -50
_MONTHS = 12
_DIGITS = re.compile(r"[0-9]+")


class Day(NamedTuple):
    """A day as a code gives it."""

    day: date
    """The day itself, or the last of the month where the code gives no day."""
    exact: bool
    """False where the code gives day 00: the month is all that is known."""


def year_of(two_digits: int, reference: date) -> int:
    """Return the full year that a two-digit year means on the reference day.

    51 or more years ahead is the last century, 50 or more back is the next one.
    """
    century, now = divmod(reference.year, _CENTURY)
    ahead = two_digits - now
    if ahead >= _AHEAD:
        century -= 1
    elif ahead <= _BEHIND:
        century += 1
    return century * _CENTURY + two_digits


def day_of(year: int, month: int, day: int, *, zero_day: bool) -> Day | None:
    """Return the day, None if the calendar has none such.

    With `zero_day`, day 00 is allowed and means the last day of the month.
    """
    if not 1 <= month <= _MONTHS or not 1 <= year <= date.max.year:
        return None
    last = calendar.monthrange(year, month)[1]
    if day == 0 and zero_day:
        return Day(date(year, month, last), exact=False)
    if not 1 <= day <= last:
        return None
    return Day(date(year, month, day), exact=True)


def yymmdd(value: str, reference: date, *, zero_day: bool) -> Day | None:
    """Return the day that six digits YYMMDD give, None if they give none."""
    if len(value) != len("YYMMDD") or not _DIGITS.fullmatch(value):
        return None
    year = year_of(int(value[:2]), reference)
    return day_of(year, int(value[2:4]), int(value[4:]), zero_day=zero_day)


def yyyymmdd(value: str) -> Day | None:
    """Return the day that eight digits YYYYMMDD give, None if they give none."""
    if len(value) != len("YYYYMMDD") or not _DIGITS.fullmatch(value):
        return None
    return day_of(int(value[:4]), int(value[4:6]), int(value[6:]), zero_day=False)
