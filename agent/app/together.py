"""Sources that are named together: a journal and what its own file sink wrote, two copies of one.

Laws:
    1. By station, epoch and seq an event is one event, in however many sources it is (D-137).
    2. A station's events come in the order of their addresses, whichever source has them: what
       was said later to correct an event comes after it.
    3. Memory goes by the holes of what is held, not by the events.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.app.event_sources import EventSource
from agent.app.other_sources import is_wanted, last_of, once
from agent.trace.corrections import Document, place_of
from agent.trace.wanted import Wanted


@dataclass(frozen=True, slots=True)
class MergedSource:
    """One station's events out of all the sources that have some."""

    station: str
    parts: Sequence[EventSource]

    @property
    def name(self) -> str:
        """The station's path."""
        return self.station

    def stations(self) -> frozenset[str]:
        """Return whose events are there."""
        return frozenset((self.station,))

    def read(self, wanted: Wanted) -> Iterator[Document]:
        """Yield events in order."""
        whole = Wanted(station=self.station)  # all of them: what is held merges into few spans
        merged = heapq.merge(*(part.read(whole) for part in self.parts), key=place_of)
        return (event for event in once(merged) if is_wanted(event, wanted))

    def newest(self, wanted: Wanted) -> Document | None:
        """Return the last event."""
        return max(self.read(wanted), key=place_of, default=None)


@dataclass(frozen=True, slots=True)
class OthersSource:
    """A source's other stations: those that no other source has."""

    source: EventSource
    merged: frozenset[str]

    @property
    def name(self) -> str:
        """The source's."""
        return self.source.name

    def stations(self) -> frozenset[str]:
        """Return whose events are there."""
        return self.source.stations() - self.merged

    def read(self, wanted: Wanted) -> Iterator[Document]:
        """Yield events in order."""
        found = self.source.read(wanted)
        return (event for event in found if event["station"] not in self.merged)

    def newest(self, wanted: Wanted) -> Document | None:
        """Return the last event."""
        return last_of(self.read(wanted))


def together(sources: Sequence[EventSource]) -> list[EventSource]:
    """Return sources of the same events of which no two have one station.

    Raises:
        SourceError: one cannot be read.
    """
    if len(sources) < 2:  # noqa: PLR2004 - one source alone
        return list(sources)
    stations = [source.stations() for source in sources]
    counts = Counter(name for names in stations for name in names)
    shared = frozenset(name for name, n in counts.items() if n > 1)
    found: list[EventSource] = []
    for source, names in zip(sources, stations, strict=True):
        if not names & shared:
            found.append(source)
        elif names - shared:
            found.append(OthersSource(source, shared))
    for station in sorted(shared):
        parts = [each for each, names in zip(sources, stations, strict=True) if station in names]
        found.append(MergedSource(station, parts))
    return found
