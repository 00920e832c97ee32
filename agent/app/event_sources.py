"""Where commands read events from, in order, at flat memory: journals, JSON lines, the store.

Laws:
    1. Events of one station come in the order of their addresses; of a file, in its order.
    2. Nothing is held but a page.
    3. A source is read as often as is asked: what was said later to correct an event is found in a
       first pass, so that the second needs no look-up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import orjson

from agent.app.reading import JournalError, find_journals
from agent.journal.reader import JournalReader, Query
from agent.trace import streaming
from agent.trace.archive import DocumentError, event_of
from agent.trace.corrections import Document
from agent.trace.said import plant_address, when
from agent.trace.store import Store
from agent.trace.streaming import Wanted

__all__ = [
    "EventSource",
    "SourceError",
    "Wanted",
    "corrections",
    "find_sources",
    "store_sources",
]

_LINES = frozenset({".jsonl", ".ndjson", ".json"})


class SourceError(Exception):
    """A source of events cannot be read; the text names it and says what to do."""


class EventSource(Protocol):
    """Some events that can be read again and again."""

    @property
    def name(self) -> str:
        """What people call it."""
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

    def read(self, wanted: Wanted) -> Iterator[Document]:
        """Yield events in order."""
        with _told():
            yield from self._read(wanted, Query(newest_first=False))

    def newest(self, wanted: Wanted) -> Document | None:
        """Return the last event."""
        with _told():
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


@dataclass(frozen=True, slots=True)
class LinesSource:
    """What the file sink wrote, or `lineside events --json`: an event a line."""

    path: Path

    @property
    def name(self) -> str:
        """The file's path."""
        return str(self.path)

    def read(self, wanted: Wanted) -> Iterator[Document]:
        """Yield events in the order of the file; the last line may be under way."""
        with _told(), self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n") or not line.strip():
                    continue
                event = self._event(number, line)
                if _is_wanted(event, wanted):
                    yield event

    def newest(self, wanted: Wanted) -> Document | None:
        """Return the last event."""
        found = None
        for found in self.read(wanted):  # noqa: B007 - the last one is wanted
            pass
        return found

    def _event(self, number: int, line: bytes) -> Document:
        try:
            found = orjson.loads(line)
            return event_of(found if isinstance(found, dict) else {})
        except (orjson.JSONDecodeError, DocumentError) as error:
            raise SourceError(f"{self.path}:{number}: no event: {error}") from error


@dataclass(frozen=True, slots=True)
class StoreSource:
    """One station's events in the trace store."""

    store: Store
    station: str

    @property
    def name(self) -> str:
        """The station's path."""
        return self.station

    def read(self, wanted: Wanted) -> Iterator[Document]:
        """Yield events in order."""
        yield from streaming.stream(self.store.archive.connection, self._own(wanted))

    def newest(self, wanted: Wanted) -> Document | None:
        """Return the last event."""
        return streaming.newest(self.store.archive.connection, self._own(wanted))

    def _own(self, wanted: Wanted) -> Wanted:
        return replace(wanted, station=self.station)


def find_sources(paths: Sequence[Path], state: Path | None) -> list[EventSource]:
    """Return what paths lead to: station files, folders of them, journals, files of JSON lines.

    Raises:
        ConfigError: the station files say nothing usable.
        SourceError: a path leads nowhere.
    """
    found: list[EventSource] = []
    for path in paths:
        if path.suffix.lower() in _LINES:
            found.append(LinesSource(path))
        else:
            with _told():
                found += [JournalSource(each) for each in find_journals(path, state)]
    return found


def store_sources(store: Store) -> list[EventSource]:
    """Return every station of a trace store."""
    names = streaming.stations(store.archive.connection)
    return [StoreSource(store, station) for station in names]


def _is_wanted(event: Document, wanted: Wanted) -> bool:
    if wanted.kinds and event["kind"] not in wanted.kinds:
        return False
    if wanted.station is not None and event["station"] != wanted.station:
        return False
    if wanted.since_ms is None and wanted.until_ms is None:
        return True
    at_ms = when(event) * 1000
    is_early = wanted.since_ms is not None and at_ms < wanted.since_ms
    return not is_early and (wanted.until_ms is None or at_ms < wanted.until_ms)


@contextmanager
def _told() -> Iterator[None]:
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
