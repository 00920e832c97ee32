"""What a program asks the trace store: the same as the commands, as Python.

    from agent.trace.api import Selection, Trace

    with Trace.open("trace.db") as trace:
        trace.take_events(documents)                 # events as stored, or as delivered
        for entry in trace.history("SN-17"):         # under all its names
            print(entry["time"], entry["kind"])
        report = trace.recall("REEL-4711")           # certain, possible, what it rests on
        report = trace.recall(Selection(station="press-07", value="force", below=10.0))
        trace.where_used("REEL-4711").certain

Every answer is never narrower than the truth; what is not certain is in `possible` (DOMAIN D-4).
Each is of one state of the store, whatever a collector writes meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from agent.trace import naming
from agent.trace.archive import DocumentError, Taken
from agent.trace.corrected import corrections
from agent.trace.genealogy import Answer, where_from, where_used
from agent.trace.history import Node, history, names, newest_name, tree
from agent.trace.holdings import Gap, Station, completeness
from agent.trace.report import content_hash, recall_report
from agent.trace.selecting import Selection
from agent.trace.store import Store, TraceStoreError

__all__ = [
    "Answer",
    "DocumentError",
    "Gap",
    "Node",
    "Selection",
    "Station",
    "Taken",
    "Trace",
    "TraceStoreError",
    "content_hash",
]


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace store and what can be asked of it; a context manager."""

    store: Store

    @classmethod
    def open(cls, where: str) -> Self:
        """Open a store: the path of a file, made if it is not there, or a PostgreSQL URL.

        Raises:
            TraceStoreError: it cannot be opened.
        """
        return cls(Store.open(where))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.store.close()

    def take_events(self, documents: Iterable[Mapping[str, Any]]) -> Taken:
        """Take events in, in any order, as often as they come.

        Raises:
            DocumentError: one is no event.
            TraceStoreError: the store refused.
        """
        return self.store.take_events(documents)

    def ending(self, text: str) -> list[str]:
        """Return the names of which somebody may mean one: its serial, or its lot number."""
        with self.store.snapshot():
            return naming.ending(self.store.archive.connection, text)

    def similar(self, text: str) -> list[str]:
        """Return some names that have a text in them, for who may have mistyped one."""
        with self.store.snapshot():
            return naming.similar(self.store.archive.connection, text)

    def names(self, name: str) -> list[str]:
        """Return every identity of a unit or lot, this one first (D-37)."""
        with self.store.snapshot():
            return names(self.store, name)

    def newest_name(self, name: str) -> str:
        """Return the identity that a unit or lot bears now."""
        with self.store.snapshot():
            return newest_name(self.store, name)

    def history(self, name: str) -> list[dict[str, Any]]:
        """Return what is recorded of a unit, lot or component, under all its names, oldest first.

        Each entry has `time`, `station`, `address`, `kind`, the `event` as recorded, whether it
        `counts`, and `corrected_by`.
        """
        with self.store.snapshot():
            return history(self.store, name)

    def corrections(self, name: str) -> list[dict[str, Any]]:
        """Return what persons corrected of a unit, lot or component, oldest first (D-143)."""
        with self.store.snapshot():
            return corrections(self.store.archive.connection, names(self.store, name))

    def tree(self, name: str) -> Node:
        """Return what is and was in a unit or lot, to any depth."""
        with self.store.snapshot():
            return tree(self.store, name)

    def where_used(self, name: str) -> Answer:
        """Return every lot and unit that holds it now, through any number of levels."""
        with self.store.snapshot():
            return where_used(self.store.widened(name), name)

    def where_from(self, name: str) -> Answer:
        """Return every lot and unit that is in it now, through any number of levels."""
        with self.store.snapshot():
            return where_from(self.store, name)

    def recall(self, asked: str | Selection) -> dict[str, Any]:
        """Return the recall of a lot, serial or unit, or of what passed as selected.

        The document is JSON: `certain`, `possible`, `scrapped` and `cleared` units, `unidentified`
        ones by station, `lots` with pieces, `scopes` by coarser records, `rests_on` (stations, runs
        and gaps), and `content_hash`.
        """
        with self.store.snapshot():
            return recall_report(self.store, asked)

    def completeness(self) -> list[Station]:
        """Return which runs of which stations are held, and what is missing."""
        with self.store.snapshot():
            return completeness(self.store.archive)
