"""More sources of events for commands: files of JSON lines, and the trace store."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from agent.app.event_sources import EventSource, JournalSource, SourceError, told
from agent.app.reading import find_journals
from agent.formats.codec import FormatError
from agent.formats.json import from_document
from agent.trace import streaming
from agent.trace.archive import DocumentError, event_of
from agent.trace.corrections import Document
from agent.trace.said import when
from agent.trace.spans import Spans
from agent.trace.store import Store
from agent.trace.wanted import Wanted

_LINES = frozenset({".jsonl", ".ndjson", ".json"})


@dataclass(frozen=True, slots=True)
class LinesSource:
    """What the file sink wrote, or `lineside events --json`: an event a line."""

    path: Path

    @property
    def name(self) -> str:
        """The file's path."""
        return str(self.path)

    def stations(self) -> frozenset[str]:
        """Return whose events are in the file."""
        return frozenset(event["station"] for _, event in self.lines())

    def read(self, wanted: Wanted) -> Iterator[Document]:
        """Yield events in the order of the file, each once; the last line may be under way."""
        found = once(event for _, event in self.lines())
        return (event for event in found if is_wanted(event, wanted))

    def lines(self) -> Iterator[tuple[int, Document]]:
        """Yield every event with its line's number.

        Raises:
            SourceError: the file cannot be read, or a line is no event.
        """
        with told(), self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n") and line.strip():
                    yield number, self._event(number, line)

    def newest(self, wanted: Wanted) -> Document | None:
        """Return the last event."""
        return last_of(self.read(wanted))

    def _event(self, number: int, line: bytes) -> Document:
        try:
            found = orjson.loads(line)
            return event_of(found if isinstance(found, dict) else {})
        except orjson.JSONDecodeError as error:
            raise SourceError(f"{self.path}:{number}: not JSON: {error}") from error
        except DocumentError as error:
            raise SourceError(f"{self.path}:{number}: {error}") from error


def wrong_line(path: Path) -> str | None:
    """Return which line of a file is no event as an agent writes it, and why; None: each is one."""
    number = 0
    try:
        for number, event in LinesSource(path).lines():  # noqa: B007 - it is told where one is wrong
            from_document(dict(event))
    except FormatError as error:
        return f"{path}:{number}: no event as an agent writes it: {error}"
    except SourceError as error:
        return str(error)
    return None


@dataclass(frozen=True, slots=True)
class StoreSource:
    """One station's events in the trace store."""

    store: Store
    station: str

    @property
    def name(self) -> str:
        """The station's path."""
        return self.station

    def stations(self) -> frozenset[str]:
        """Return the one station."""
        return frozenset((self.station,))

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

    What two of them lead to is there once: its rows would else be counted twice.

    Raises:
        ConfigError: the station files say nothing usable.
        SourceError: a path leads nowhere.
    """
    found: dict[Path, EventSource] = {}
    for path in paths:
        if path.suffix.lower() in _LINES:
            found.setdefault(path.resolve(), LinesSource(path))
        else:
            with told():
                for each in find_journals(path, state):
                    found.setdefault(each.resolve(), JournalSource(each))
    return list(found.values())


def store_sources(store: Store) -> list[EventSource]:
    """Return every station of a trace store."""
    names = streaming.stations(store.archive.connection)
    return [StoreSource(store, station) for station in names]


def once(events: Iterable[Document]) -> Iterator[Document]:
    """Yield events in their order, none twice: a file sink writes each at least once (D-136).

    Memory goes by the holes in what came, not by the events.
    """
    held: dict[tuple[str, str], Spans] = {}
    for event in events:
        seqs = held.setdefault((event["station"], event["epoch"]), Spans())
        if event["seq"] not in seqs:
            seqs.add(event["seq"], event["seq"])
            yield event


def last_of(events: Iterable[Document]) -> Document | None:
    """Return the last of some events, None where there is none."""
    last = deque(events, maxlen=1)
    return last[0] if last else None


def is_wanted(event: Document, wanted: Wanted) -> bool:
    """Whether an event is one of those that are asked for."""
    if wanted.kinds and event["kind"] not in wanted.kinds:
        return False
    if wanted.station is not None and event["station"] != wanted.station:
        return False
    if wanted.since_ms is None and wanted.until_ms is None:
        return True
    at_ms = when(event) * 1000
    is_early = wanted.since_ms is not None and at_ms < wanted.since_ms
    return not is_early and (wanted.until_ms is None or at_ms < wanted.until_ms)
