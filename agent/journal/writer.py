"""The writer: what waits for the disk, and the thread's work that brings it there.

Laws:
    1. Whatever waits while a commit runs is the next commit. Nobody waits for a timer.
    2. Rows count as durable when the mark says so; their consequences are in their transaction.
    3. Pruning comes after the commit at hand and takes a few milliseconds: an append waits for one
       step at most. The mark gives an edge up before the rows behind it are deleted.

`add`, `move`, `prune`, `flush` and `left` are called by the loop, `drain` by the writer's thread;
they share what waits, under a lock. News go back by `report`, which runs a call on the loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from agent.journal.ballast import Ballast
from agent.journal.chain import Edge, place_of
from agent.journal.commits import Consequences, Store, consequences
from agent.journal.errors import BrokenError, DiskFullError, DoubtfulCommitError, JournalError
from agent.journal.mark import MarkFile
from agent.journal.place import Paths
from agent.journal.recovery import demand_rebuild
from agent.journal.remedies import remedy
from agent.ports import Address, Files, Row

MOST_ROWS = 1000
"""More rows are not put into one commit: those that come first need not wait for the last."""
MOST_PAGES = 4000
"""From here on the writer checkpoints before it goes on: the log is bounded (S1)."""
LOG_BYTES = 5 << 20
"""The log gets this size at once: a file that grows costs a commit half as much again."""


@dataclass(frozen=True, slots=True)
class Prune:
    """One step of pruning that is asked for."""

    upto: int | None
    """Rows up to this place may go; None: only free pages are given back."""
    pages: int
    """So many free pages are given back."""
    done: asyncio.Future[Pruned]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one step did."""

    edge: Edge | None
    """None where nothing could go."""
    first: Address | None
    """The oldest row that is left."""


@dataclass(frozen=True, slots=True)
class Group:
    """Decisions that go into one commit, and the future of it that they share."""

    done: asyncio.Future[None]
    rows: list[Row]


@dataclass(slots=True)
class Batch:
    """What one commit takes."""

    rows: list[Row] = field(default_factory=list)
    done: asyncio.Future[None] | None = None
    cursors: Mapping[str, Address] = field(default_factory=dict)
    ahead_ms: int | None = None
    prune: Prune | None = None
    effects: Consequences = field(default_factory=Consequences)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Who is told what became of a batch; called on the loop."""

    settled: Callable[[Batch], None]
    pruned: Callable[[Prune, Pruned], None]
    failed: Callable[[JournalError], None]


class Writer:
    """What waits for the disk; see the module."""

    def __init__(
        self,
        store: Store,
        mark: MarkFile,
        ballast: Ballast,
        *,
        paths: Paths,
        files: Files,
        sinks: Collection[str],
        newest: int,
        outcome: Outcome,
        report: Callable[..., object],
    ) -> None:
        self.store = store
        self._mark = mark
        self._ballast = ballast
        self._paths, self._files = paths, files
        self._sinks = sinks
        self._newest = newest
        self._outcome = outcome
        self._report = report
        self._lock = threading.Lock()
        """Guards what loop and thread share: the rest."""
        self._waiting: deque[Group] = deque()
        self._dirty: dict[str, Address] = {}
        self._ahead_ms: int | None = None
        self._prune: Prune | None = None
        self._is_flush_due = False
        self._is_draining = False
        self._in_hand: Batch | None = None

    # -------------------------------------------------------------- by the loop

    def add(
        self, rows: Sequence[Row], future: Callable[[], asyncio.Future[None]]
    ) -> tuple[asyncio.Future[None], bool]:
        """Queue rows for the next commit.

        Returns:
            The commit's future, made by `future` where these rows are its first, and whether
            `drain` has to be called.
        """
        with self._lock:
            last = self._waiting[-1] if self._waiting else None
            if last is None or len(last.rows) >= MOST_ROWS or last.done.done():  # cancelled
                last = Group(future(), [])
                self._waiting.append(last)
            last.rows.extend(rows)
            return last.done, self._begin()

    def move(self, sink: str, to: Address) -> None:
        """Have a cursor go with the next commit or flush."""
        with self._lock:
            self._dirty[sink] = to

    def note_ahead(self, ahead_ms: int) -> bool:
        """Keep how far the clock is ahead; return whether `drain` has to be called."""
        with self._lock:
            self._ahead_ms = ahead_ms
            self._is_flush_due = True
            return self._begin()

    def prune(self, prune: Prune) -> bool:
        """Queue one step of pruning; return whether `drain` has to be called."""
        with self._lock:
            self._prune = prune
            return self._begin()

    def flush(self) -> bool:
        """Have cursors go even if no rows do; return whether `drain` has to be called."""
        with self._lock:
            self._is_flush_due = self._is_flush_due or bool(self._dirty)
            return self._is_flush_due and self._begin()

    def _begin(self) -> bool:
        is_idle, self._is_draining = not self._is_draining, True
        return is_idle

    def left(self) -> list[asyncio.Future[None]]:
        """Return whoever waits for what will not be committed any more."""
        with self._lock:
            in_hand = self._in_hand.done if self._in_hand is not None else None
            futures = [] if in_hand is None else [in_hand]
            futures += [group.done for group in self._waiting]
            self._waiting.clear()
        return futures

    # -------------------------------------------------------------- in the thread

    def drain(self) -> None:
        """Commit whatever waits until nothing does."""
        while (batch := self._take()) is not None:
            try:
                self._commit(batch)
                self._report(self._outcome.settled, batch)
                if batch.prune is not None:
                    self._report(self._outcome.pruned, batch.prune, self._cut(batch.prune))
            except JournalError as error:
                self._report(self._outcome.failed, error)
                return

    def _take(self) -> Batch | None:
        """Return what is to be committed next, None when nothing waits (and the drain ends)."""
        batch = Batch()
        with self._lock:
            if self._waiting:
                group = self._waiting.popleft()
                batch.rows, batch.done = group.rows, group.done
            elif not self._is_flush_due and self._prune is None:
                self._is_draining = False
                return None
            self._is_flush_due = False
            batch.prune, self._prune = self._prune, None
            batch.cursors, self._dirty = self._dirty, {}
            batch.ahead_ms, self._ahead_ms = self._ahead_ms, None
            self._in_hand = batch
        return batch

    def _commit(self, batch: Batch) -> None:
        rows = batch.rows
        batch.effects = consequences(rows, self._newest)
        try:
            if self.store.log_pages > MOST_PAGES:
                self.store.checkpoint()
            if rows or batch.cursors or batch.ahead_ms is not None:
                cursors = {**batch.cursors, **batch.effects.skipped}
                self.store.commit(rows, cursors, batch.effects.lost, batch.ahead_ms)
            if rows:
                self._newest = place_of(rows[-1])
                self._mark.write(rows[-1].address, rows[-1].hash)
        except (JournalError, OSError) as error:
            raise self._failure(error) from error

    def _cut(self, prune: Prune) -> Pruned:
        """Delete a little at the old end, and give pages back."""
        edge, first = None, None
        try:
            if prune.upto is not None:
                edge = self.store.edge_below(prune.upto)
            if edge is not None:
                self._mark.give_up(edge)
                first = self.store.drop(edge, self._sinks)
            if prune.pages:
                self.store.shrink(prune.pages)
        except (JournalError, OSError) as error:
            raise self._failure(error) from error
        return Pruned(edge, first)

    def _failure(self, error: JournalError | OSError) -> JournalError:
        """Do what a failure asks for, and return what it is for those who wait."""
        if isinstance(error, JournalError):
            if isinstance(error, DiskFullError):
                self._ballast.free()
            elif isinstance(error, BrokenError):
                demand_rebuild(self._paths, self._files)
            return error
        self.store.close()
        return DoubtfulCommitError(f"mark not written: {error}; {remedy(error.errno)}")
