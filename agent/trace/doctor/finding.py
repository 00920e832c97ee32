"""A finding: what is wrong, where, when, what shows it, what it costs, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique

from sqlalchemy import ColumnElement, Connection, select

from agent.trace.corrections import Document
from agent.trace.fetching import STATION, bodies
from agent.trace.rows import pieces
from agent.trace.tables import EVENTS, SOURCES

FEWEST = 20
"""Of fewer than this nothing is concluded."""


@unique
class Mistake(StrEnum):
    """What is found; the names are public."""

    UNLINKED_SERIALS = "unlinked_serials"
    TWO_SPELLINGS = "two_spellings"
    SCANS_FAIL = "scans_fail"
    SCANS_LAG = "scans_lag"
    SCANS_KEYED = "scans_keyed"
    LOTS_TOO_WIDE = "lots_too_wide"
    LINKS_UNSURE = "links_unsure"
    LOAD_NOT_CHANGED = "load_not_changed"
    PREVIOUS_UNKNOWN = "previous_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What is looked at; None: no bound."""

    since_ms: int | None = None
    until_ms: int | None = None

    def terms(self) -> Iterator[ColumnElement[bool]]:
        """Yield what must hold of an event."""
        if self.since_ms is not None:
            yield EVENTS.c.received_ms >= self.since_ms
        if self.until_ms is not None:
            yield EVENTS.c.received_ms <= self.until_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A station, and when its evidence was recorded."""

    station: str
    since: str | None
    until: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong."""

    mistake: Mistake
    place: Place
    shown_by: str
    counts: Mapping[str, int | float] = field(default_factory=dict)
    """The evidence in numbers, by public names."""
    examples: tuple[str, ...] = ()
    costs: str
    do: str


def stations(connection: Connection) -> dict[int, str]:
    """Return the names of stations by the numbers of their sources."""
    asked = select(SOURCES.c.id, SOURCES.c.name).where(SOURCES.c.name.startswith(STATION))
    return {n: name.removeprefix(STATION) for n, name in connection.execute(asked)}


def of_kinds(
    connection: Connection, kinds: Iterable[str], period: Period, station: int | None = None
) -> Iterator[tuple[int, Document]]:
    """Yield (station, event) of events of some kinds, in the order in which they were stored."""
    asked = (
        select(EVENTS.c.id, EVENTS.c.station)
        .where(EVENTS.c.kind.in_(list(kinds)), *period.terms())
        .order_by(EVENTS.c.id)
    )
    if station is not None:
        asked = asked.where(EVENTS.c.station == station)
    rows = [(number, place) for number, place in connection.execute(asked)]
    for some in pieces(rows, 5_000):
        found = bodies(connection, [number for number, _ in some])
        yield from ((place, found[number]) for number, place in some)
