"""When a station is planned to work: shifts by the clock on the wall, as instants (D-104).

Laws:
    1. A shift belongs to the local date on which it starts.
    2. Its length is what lies between the two instants: over a night in which the clocks change, a
       shift from 22:00 to 06:00 has 7 or 9 hours.
    3. A wall time that does not exist (spring) is the instant at which the clocks are moved; one
       that is there twice (autumn) is its first. So where one shift ends and the next begins at the
       same time on the wall, no instant is in both or in neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

MINUTE_MS = 60_000
DAY_MINUTES = 1440
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Two times of a day, in minutes from midnight; an end that is not later is the next day's."""

    begin: int
    end: int

    @property
    def minutes(self) -> int:
        """How long it is on the clock; from a time to the same time is a whole day."""
        return (self.end - self.begin - 1) % DAY_MINUTES + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A shift that comes again on some days of the week."""

    name: str
    span: Span
    days: frozenset[int] = frozenset(range(7))
    """0 is Monday."""
    breaks: tuple[Span, ...] = ()
    """Planned down time in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Planned down time that was ordered once: UTC ms."""

    begin_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The shifts of a station, in no order; they do not overlap."""

    shifts: tuple[Shift, ...] = ()
    closed: frozenset[date] = frozenset()
    """Local dates on which no shift starts."""
    stops: tuple[Stop, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One shift of one day: planned operation time, with the planned down time in it."""

    name: str
    day: date
    """The local date on which it starts."""
    begin_ms: int
    end_ms: int
    stops: tuple[tuple[int, int], ...] = ()
    """Planned down time within it: in order, without overlap."""

    @property
    def down_ms(self) -> int:
        """How long the planned down time is."""
        return sum(end - begin for begin, end in self.stops)

    @property
    def length_ms(self) -> int:
        """How long it is."""
        return self.end_ms - self.begin_ms

    def until(self, end_ms: int) -> Window:
        """Return what of it is over at an instant; nothing of it may be."""
        end_ms = min(self.end_ms, max(self.begin_ms, end_ms))
        return self._within(self.begin_ms, end_ms)

    def cut(self, begin_ms: int, end_ms: int) -> Window | None:
        """Return what of it lies between two instants, None if nothing does."""
        low, high = max(self.begin_ms, begin_ms), min(self.end_ms, end_ms)
        return self._within(low, high) if low < high else None

    def _within(self, begin_ms: int, end_ms: int) -> Window:
        stops = tuple(_within(self.stops, begin_ms, end_ms))
        return Window(name=self.name, day=self.day, begin_ms=begin_ms, end_ms=end_ms, stops=stops)


def windows(calendar: Calendar, zone: tzinfo, since_ms: int, until_ms: int) -> list[Window]:
    """Return every shift that has some time in [since, until), whole, in order.

    Args:
        calendar: The shifts.
        zone: Where the clock on the wall is.
        since_ms: UTC ms.
        until_ms: UTC ms.
    """
    day = _local(since_ms, zone).date() - 2 * _DAY
    last = _local(until_ms, zone).date() + _DAY
    found: list[Window] = []
    while day <= last:
        found += [
            _window(calendar, shift, day, zone)
            for shift in calendar.shifts
            if day.weekday() in shift.days and day not in calendar.closed
        ]
        day += _DAY
    kept = (each for each in found if each.begin_ms < until_ms and each.end_ms > since_ms)
    return sorted(kept, key=lambda each: each.begin_ms)


def overlaps(calendar: Calendar) -> list[tuple[str, str]]:
    """Return which shifts share time of some week: a minute would count twice."""
    starts = [
        (weekday * DAY_MINUTES + shift.span.begin, shift.span.minutes, shift.name)
        for shift in calendar.shifts
        for weekday in sorted(shift.days)
    ]
    in_order = sorted(starts)
    again = [(begin + 7 * DAY_MINUTES, minutes, name) for begin, minutes, name in in_order[:1]]
    pairs = pairwise([*in_order, *again])
    return [(name, other) for (begin, n, name), (after, _, other) in pairs if begin + n > after]


def instant_ms(day: date, minute: int, zone: tzinfo) -> int:
    """Return the instant at which the clock on the wall says so, UTC ms.

    Args:
        day: The local date.
        minute: Minutes from midnight; a day's 1440 and more are the next day's.
        zone: Where the clock is.
    """
    days, minutes = divmod(minute, DAY_MINUTES)
    hour, rest = divmod(minutes, 60)
    wall = datetime.combine(day + days * _DAY, time(hour, rest), zone)
    early, late = (_ms(wall.replace(fold=fold)) for fold in (0, 1))
    if late < early:  # it does not exist: as far behind the change by one offset as before it
        return _changed_ms(late, early, zone)
    return early


def _changed_ms(before_ms: int, after_ms: int, zone: tzinfo) -> int:
    """Return the instant between two at which the zone's offset changes."""
    first = _local(before_ms, zone).utcoffset()
    low, high = before_ms, after_ms
    while high - low > 1:
        middle = (low + high) // 2
        if _local(middle, zone).utcoffset() == first:
            low = middle
        else:
            high = middle
    return high


def _window(calendar: Calendar, shift: Shift, day: date, zone: tzinfo) -> Window:
    begin_ms, end_ms = _span(day, shift.span, zone)
    stops = [_span(_day_of(day, shift.span, each), each, zone) for each in shift.breaks]
    stops += [(each.begin_ms, each.end_ms) for each in calendar.stops]
    return Window(
        name=shift.name,
        day=day,
        begin_ms=begin_ms,
        end_ms=end_ms,
        stops=tuple(_within(_joined(stops), begin_ms, end_ms)),
    )


def _day_of(day: date, shift: Span, inside: Span) -> date:
    """Return the date of a break: one before the shift's begin is on the next day."""
    return day if inside.begin >= shift.begin else day + _DAY


def _span(day: date, span: Span, zone: tzinfo) -> tuple[int, int]:
    begin_ms = instant_ms(day, span.begin, zone)
    return begin_ms, instant_ms(day, span.begin + span.minutes, zone)


def _joined(stops: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(stops):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def _within(
    stops: list[tuple[int, int]] | tuple[tuple[int, int], ...], low: int, high: int
) -> Iterator[tuple[int, int]]:
    for begin, end in stops:
        if max(begin, low) < min(end, high):
            yield max(begin, low), min(end, high)


def _local(instant: int, zone: tzinfo) -> datetime:
    return (_EPOCH + instant * _MS).astimezone(zone)


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MS
