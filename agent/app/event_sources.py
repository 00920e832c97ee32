"""Where events are read from, in order, at flat memory: here journals; `other_sources` has more.

The daemon measures from its own journal, and does not load what reads a store.

Laws:
    1. Events of one station come in the order of their addresses; of a file, in its order.
    2. Nothing is held but a page.
    3. A source is read as often as is asked: what was said later to correct an event is found in a
       first pass, so that the second needs no look-up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import orjson

from agent.journal.errors import JournalError
from agent.journal.reader import JournalReader, Query
from agent.trace.corrections import Document
from agent.trace.said import plant_address
from agent.trace.wanted import Wanted


class SourceError(Exception):
    """A source of events cannot be read; the text names it and says what to do."""


class EventSource(Protocol):
    """Some events that can be read again and again."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def stations(self) -> frozenset[str]:
        """Return the paths of the stations whose events are there.

        Raises:
            SourceError: it cannot be read.
        """
        ...

    def read(self, wanted: Wanted) -> Iterator[Document]:
        """Yield events in order.

        Raises:
            SourceError: it cannot be read.
        """
        ...

    def newest(self, wanted: Wanted) -> Document | None:
        """Return the last of the events that `read` yields.

        Raises:
            SourceError: it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class JournalSource:
    """A station's journal, beside its daemon; each row is proven."""

    directory: Path

    @property
    def name(self) -> str:
        """The journal's folder."""
        return str(self.directory)

    def stations(self) -> frozenset[str]:
        """Return whose journal it is."""
        with told(), JournalReader(self.directory) as journal:
            return frozenset((journal.station,))

    def read(self, wanted: Wanted) -> Iterator[Document]:
        """Yield events in order."""
        with told():
            yield from self._read(wanted, Query(newest_first=False))

    def newest(self, wanted: Wanted) -> Document | None:
        """Return the last event."""
        with told():
            return next(self._read(wanted, Query(limit=1)), None)

    def _read(self, wanted: Wanted, query: Query) -> Iterator[Document]:
        asked = replace(
            query, kinds=tuple(wanted.kinds), from_ms=wanted.since_ms, to_ms=wanted.until_ms
        )
        with JournalReader(self.directory) as journal:
            if wanted.station in {None, journal.station}:
                for row in journal.query(asked):
                    found: Document = orjson.loads(row.body)
                    yield found


@contextmanager
def told() -> Iterator[None]:
    """Let what cannot be read be told in one line."""
    try:
        yield
    except JournalError as error:
        raise SourceError(str(error)) from error
    except OSError as error:
        raise SourceError(f"{error.filename}: {error.strerror}") from error


def corrections(source: EventSource, wanted: Wanted) -> dict[str, list[Document]]:
    """Return of each corrected event the whole chain of its corrections, by station and address.

    Args:
        source: Where the events are.
        wanted: Which events may have been corrected; a correction may be received later.
    """
    direct: dict[str, list[Document]] = {}
    later = Wanted(kinds=("event_corrected",), since_ms=wanted.since_ms, station=wanted.station)
    for correction in source.read(later):
        for address in correction["supersedes"]:
            direct.setdefault(f"{correction['station']}/{address}", []).append(correction)
    return {place: _closure(place, direct) for place in direct}


def _closure(place: str, direct: dict[str, list[Document]]) -> list[Document]:
    found: dict[str, Document] = {}
    frontier = [place]
    while frontier:
        for correction in direct.get(frontier.pop(), ()):
            name = plant_address(correction)
            if name not in found:
                found[name] = correction
                frontier.append(name)
    return list(found.values())
