"""Days in codes, without any clock."""

from datetime import date

import pytest

from agent.core.identity.dates import Day, day_of, year_of, yymmdd, yyyymmdd

TODAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("two_digits", "reference", "year"),
    [
        (26, TODAY, 2026),
        (76, TODAY, 2076),
        (77, TODAY, 1977),
        (0, TODAY, 2000),
        (99, TODAY, 1999),
        (10, date(2060, 1, 1), 2110),
        (11, date(2060, 1, 1), 2011),
    ],
)
def test_century_is_the_nearest(two_digits: int, reference: date, year: int) -> None:
    """51 years ahead or more is the last century, 50 back or more the next (D-75)."""
    assert year_of(two_digits, reference) == year


@pytest.mark.parametrize(
    ("value", "zero_day", "day"),
    [
        ("260131", False, Day(date(2026, 1, 31), exact=True)),
        ("260200", True, Day(date(2026, 2, 28), exact=False)),
        ("280200", True, Day(date(2028, 2, 29), exact=False)),
        ("260200", False, None),
        ("270229", True, None),
        ("261301", True, None),
        ("260001", True, None),
        ("260132", True, None),
        ("26013", True, None),
        ("26O131", True, None),
        ("²60131", True, None),
    ],
)
def test_six_digits(value: str, day: Day | None, *, zero_day: bool) -> None:
    """YYMMDD is a day; day 00 is the last of the month where it is allowed (D-76)."""
    assert yymmdd(value, TODAY, zero_day=zero_day) == day


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("20260131", Day(date(2026, 1, 31), exact=True)),
        ("20260100", None),
        ("00000101", None),
        ("260131", None),
        ("2026O131", None),
    ],
)
def test_eight_digits(value: str, day: Day | None) -> None:
    """YYYYMMDD is a day of the calendar, without exception."""
    assert yyyymmdd(value) == day


def test_century_turns_leap_years() -> None:
    """29 February of year 00 is a day in 2000 and none in 2100."""
    assert yymmdd("000229", TODAY, zero_day=False) is not None
    assert yymmdd("000229", date(2060, 1, 1), zero_day=False) is None
    assert day_of(2100, 2, 29, zero_day=False) is None
