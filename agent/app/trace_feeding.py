"""What feeds the trace store on this machine: journals beside their daemons, and files of events.

A path is remembered with the store once it was read, and read on before each question. Journals are
opened for reading only; a file of JSON lines is what the file sink writes (sinks.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from agent.app.other_sources import wrong_line
from agent.app.reading import ConfigError, JournalError, find_journals
from agent.journal.reader import JournalReader, Query
from agent.trace.archive import DocumentError, Taken
from agent.trace.holdings import resume_at
from agent.trace.said import UNREADABLE
from agent.trace.store import Store

_PATH, _READ = "update:", "read:"
_NO_EVENTS = frozenset({".yaml", ".yml", ".db"})
"""Files that are not JSON lines: stations, and a journal's database."""


class FeedError(Exception):
    """A source of events cannot be read; the text names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Fed:
    """What came of one journal or file."""

    source: str
    taken: Taken


def feed(store: Store, path: Path, state: Path | None = None) -> list[Fed]:
    """Take in what is new at a station file, a folder of them, a journal, or a file of events.

    Raises:
        FeedError: it cannot be read.
        TraceStoreError: the store refused.
    """
    try:
        if path.is_file() and path.suffix.lower() not in _NO_EVENTS:
            found = [Fed(str(path), _lines(store, path))]
        else:
            journals = find_journals(path.parent if path.name == "journal.db" else path, state)
            found = [Fed(str(journal), _journal(store, journal)) for journal in journals]
    except (ConfigError, JournalError) as error:
        raise FeedError(str(error)) from error
    except OSError as error:
        raise FeedError(f"{error.filename}: {error.strerror}") from error
    store.note(f"{_PATH}{path.resolve()}", "" if state is None else str(state.resolve()))
    return found


def feed_known(store: Store) -> Iterator[str]:
    """Read on wherever the store was fed from; yield what cannot be read, in one line each.

    Raises:
        TraceStoreError: the store refused.
    """
    for path, state in store.noted(_PATH).items():
        try:
            feed(store, Path(path), Path(state) if state else None)
        except FeedError as error:
            yield f"not up to date: {error}"


def _journal(store: Store, directory: Path) -> Taken:
    with JournalReader(directory) as journal:
        first = next(journal.query(Query(limit=1, newest_first=False)), None)
        if first is None:
            return Taken(0, 0, 0)
        after = resume_at(store.archive, journal.station, first.address)
        rows = journal.query(Query(after=after, newest_first=False))
        return store.take_events(orjson.loads(row.body) for row in rows)


def _lines(store: Store, path: Path) -> Taken:
    """Take in the whole lines behind what was read before; a file that is another begins anew."""
    place = f"{_READ}{path.resolve()}"
    noted = json.loads(store.noted(place).get("", "{}"))
    status = path.stat()
    begin = noted.get("end", 0) if noted.get("inode") == status.st_ino else 0
    begin = begin if begin <= status.st_size else 0
    reader = _LineReader(path, begin)
    try:
        taken = store.take_events(reader.events())
    except DocumentError as error:
        raise FeedError(f"{path}:{reader.line}: {error}") from error
    except UNREADABLE as error:
        wrong = wrong_line(path)
        if wrong is None:
            raise
        raise FeedError(wrong) from error
    store.note(place, json.dumps({"inode": status.st_ino, "end": reader.end}))
    return taken


class _LineReader:
    """The events of a file, and how far it was read."""

    def __init__(self, path: Path, begin: int) -> None:
        self.path, self.end, self.line = path, begin, 0

    def events(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as file:
            file.seek(self.end)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # it is being written
                self.line += 1
                self.end += len(line)
                if line.strip():
                    yield self._event(line)

    def _event(self, line: bytes) -> dict[str, Any]:
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DocumentError(f"not JSON: {error}") from error
        if not isinstance(found, dict):
            raise DocumentError("no JSON object")
        return found
