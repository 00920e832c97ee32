"""Shifts by the clock on the wall: midnight, the nights in which clocks change, breaks (D-104)."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from agent.core.calendars import Calendar, Shift, Span, Stop, Window, instant_ms, overlaps, windows

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_MS = 3_600_000
NIGHT = Shift(name="night", span=Span(begin=22 * 60, end=6 * 60))
WHOLE = Shift(name="day", span=Span(begin=0, end=0))


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    """Return a moment as UTC ms."""
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 10, 24), 9), ((2026, 3, 28), 7), ((2026, 6, 1), 8)]
)
def test_a_night_shift_has_the_hours_that_people_work(
    day: tuple[int, int, int], hours: int
) -> None:
    """22:00 to 06:00 in Berlin is 9 hours in autumn, 7 in spring, and of the day it starts on."""
    since = utc(*day, 21, 30)
    (found,) = windows(Calendar(shifts=(NIGHT,)), BERLIN, since, since + HOUR_MS)
    assert (found.length_ms, found.day) == (hours * HOUR_MS, date(*day))


def test_days_of_23_and_25_hours_follow_each_other() -> None:
    """A shift from midnight to midnight is the local day, and no instant is left out."""
    for day, hours in ((29, 23), (25, 25)):
        month = 3 if day == 29 else 10
        since = utc(2026, month, day, 12)
        found = windows(Calendar(shifts=(WHOLE,)), BERLIN, since - 24 * HOUR_MS, since + HOUR_MS)
        assert [each.length_ms // HOUR_MS for each in found] == [24, hours]
        assert found[0].end_ms == found[1].begin_ms


def test_times_that_are_not_there_or_there_twice() -> None:
    """02:30 is the change itself in spring, and the first of the two in autumn."""
    assert instant_ms(date(2026, 3, 29), 150, BERLIN) == utc(2026, 3, 29, 1)
    assert instant_ms(date(2026, 10, 25), 150, BERLIN) == utc(2026, 10, 25, 0, 30)
    assert instant_ms(date(2026, 10, 24), 26 * 60 + 30, BERLIN) == utc(2026, 10, 25, 0, 30)


def test_breaks_stops_and_closed_days() -> None:
    """Planned down time is joined and cut to the shift; on a closed day no shift starts."""
    shift = Shift(
        name="night",
        span=NIGHT.span,
        days=frozenset({0, 1}),
        breaks=(Span(begin=120, end=150), Span(begin=23 * 60, end=23 * 60 + 15)),
    )
    stop = Stop(begin_ms=utc(2026, 11, 30, 22, 10), end_ms=utc(2026, 11, 30, 22, 40))
    late = Stop(begin_ms=utc(2026, 12, 1, 4, 30), end_ms=utc(2026, 12, 1, 9))
    other = Stop(begin_ms=utc(2027, 1, 1), end_ms=utc(2027, 1, 2))
    calendar = Calendar(
        shifts=(shift,), closed=frozenset({date(2026, 12, 1)}), stops=(stop, late, other)
    )
    (found,) = windows(calendar, BERLIN, utc(2026, 11, 29), utc(2026, 12, 6))
    assert found.begin_ms == utc(2026, 11, 30, 21)
    assert found.stops == (
        (utc(2026, 11, 30, 22), utc(2026, 11, 30, 22, 40)),
        (utc(2026, 12, 1, 1), utc(2026, 12, 1, 1, 30)),
        (utc(2026, 12, 1, 4, 30), utc(2026, 12, 1, 5)),
    )
    assert found.down_ms == 100 * 60_000


def test_a_window_can_be_cut() -> None:
    """What lies between two instants, and what is over, with the stops in it."""
    window = Window(name="a", day=date(2026, 11, 30), begin_ms=100, end_ms=200, stops=((120, 140),))
    cut = window.cut(130, 999)
    assert cut is not None
    assert (cut.begin_ms, cut.end_ms, cut.stops) == (130, 200, ((130, 140),))
    assert window.cut(200, 300) is None
    assert window.until(50).length_ms == 0
    assert window.until(130).stops == ((120, 130),)


def test_shifts_that_share_a_minute_are_found() -> None:
    """Also over midnight and over the end of the week; shifts that only meet share none."""
    early, late = Shift(name="early", span=Span(begin=360, end=840)), NIGHT
    assert overlaps(Calendar(shifts=(early, late))) == []
    assert overlaps(Calendar()) == []
    sunday = Shift(name="sunday", span=NIGHT.span, days=frozenset({6}))
    monday = Shift(name="monday", span=Span(begin=300, end=600), days=frozenset({0}))
    assert overlaps(Calendar(shifts=(monday, sunday))) == [("sunday", "monday")]
