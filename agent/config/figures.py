"""The keys of `oee`, and of a file of shifts: what key figures are measured against."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from agent.config.problems import shown
from agent.config.quantities import Millis, Name
from agent.core.calendars import Span
from drivers.options import DURATION_SCHEMA, Options, seconds

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_STOP = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})/(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})")


def _span(value: object) -> Span:
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{shown(value)} is no span of a day; write it in quotes, "06:00-14:00"')
    begin, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    return Span(begin=begin, end=end)


def _weekday(value: object) -> int:
    if value not in _DAYS:
        raise ValueError(f"{shown(value)} is no day; the days are {', '.join(_DAYS)}")
    return _DAYS.index(str(value))


def _date(value: object) -> date:
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(f'{shown(value)} is no date; write it in quotes, "2026-12-24"') from None


def _stop(value: object) -> tuple[datetime, datetime]:
    match = _STOP.fullmatch(value) if isinstance(value, str) else None
    hint = 'write it in quotes, local: "2026-12-01T10:00/2026-12-01T12:00"'
    if match is None:
        raise ValueError(f"{shown(value)} is no stop; {hint}")
    try:
        begin, end = datetime.fromisoformat(match[1]), datetime.fromisoformat(match[2])
    except ValueError:
        raise ValueError(f"{shown(value)} is no stop; {hint}") from None
    if begin >= end:
        raise ValueError(f"{shown(value)} ends before it begins; exchange the two")
    return begin, end


def _micros(value: object) -> int:
    length_s = seconds(value)
    if not isinstance(length_s, float):  # `seconds` answers with a float or raises
        raise TypeError(f"{length_s!r} is not a number of seconds")
    if not length_s:
        raise ValueError("nothing is made in no time; write how long one piece takes")
    return round(length_s * 1_000_000)


SpanText = Annotated[
    Any,
    BeforeValidator(_span),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_SPAN.pattern}$", "examples": ["06:00-14:00"]}
    ),
]
"""From and until, by the clock on the wall; an end that is not later is the next day's."""
Weekday = Annotated[int, BeforeValidator(_weekday), WithJsonSchema({"enum": list(_DAYS)})]
DateText = Annotated[
    date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})
]
StopText = Annotated[
    Any,
    BeforeValidator(_stop),
    WithJsonSchema({"type": "string", "pattern": f"^{_STOP.pattern}$"}),
]
Micros = Annotated[int, BeforeValidator(_micros), WithJsonSchema(DURATION_SCHEMA)]
"""A duration, held in microseconds."""


class ShiftSection(Options):
    """One shift: planned operation time, by the clock on the wall of the station's `timezone`."""

    time: SpanText
    """From and until, `"22:00-06:00"`. It belongs to the day on which it starts; over a night in
    which the clocks change it is an hour longer or shorter."""
    days: tuple[Weekday, ...]
    """On which days of the week it starts: `[mon, tue, wed, thu, fri]`."""
    breaks: tuple[SpanText, ...] = ()
    """Planned down time in it: `["09:00-09:15"]`. What runs or is made then is told apart."""


def _is_path(value: object) -> str:
    return "by word" if isinstance(value, str) else "by mapping"


Shifts = Annotated[
    Annotated[str, Tag("by word")] | Annotated[dict[Name, ShiftSection], Tag("by mapping")],
    Discriminator(_is_path),
]


class ShiftsFile(Options):
    """A file of shifts, which stations share."""

    shifts: Annotated[dict[Name, ShiftSection], Field(min_length=1)]
    """By name."""
    closed: tuple[DateText, ...] = ()
    """Dates on which no shift starts."""
    stops: tuple[StopText, ...] = ()
    """Planned down time that was ordered once."""


class OeeSection(Options):
    """What key figures are measured against (ISO 22400). What is not declared stays undefined."""

    ideal_cycle: Micros | None = None
    """Planned run time per piece. Without it, and without one of the product, there is no
    performance. Fractions are kept: `65.45ms`."""
    ideal_cycles: dict[str, Micros] = Field(default_factory=dict)
    """Per product, where they differ: by its name under `products`, else as codes or orders call
    it."""
    shifts: Shifts | None = None
    """When the machine is planned to work: a file beside this one, `shifts/two-shift.yaml`, or the
    shifts themselves, `{early: {time: "06:00-14:00", days: [mon, fri]}}`. Without it there is no
    availability."""
    closed: tuple[DateText, ...] = ()
    """Dates on which no shift starts, beside those of the file."""
    stops: tuple[StopText, ...] = ()
    """Planned down time that was ordered once, local: `["2026-12-01T10:00/2026-12-01T12:00"]`."""
    small_stop: Millis = 0
    """Shorter stops stay in the production time, and lower performance instead of availability.
    They are told apart; two stations compare only with the same value."""
    rework_counts: bool = False
    """Whether further passes of a unit count as produced, and as good. False: first passes only."""
    every: Annotated[Millis, Field(ge=1_000)] = 10_000
    """How often the figures of the running shift are published over MQTT, beside the events."""
