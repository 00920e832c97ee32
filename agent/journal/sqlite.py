"""The journal as the agent uses it: one thread that writes, one that reads, one that checkpoints.

Laws:
    1. The events of one decision become durable together or not at all.
    2. An append is done when its rows are durable and the mark says so; never earlier.
    3. seq starts at 1 in each epoch and rises by one; each event carries its predecessor's hash.
    4. Whatever waits while a commit runs is the next commit. Nobody waits for a timer.
    5. A failed or doubtful commit fails everything that waits and everything after it; the journal
       must be opened again, which is a new epoch (PITFALLS S5).
    6. A row is proven before it is handed out. One that does not hold is named, never shown.

What runs in a thread is `Store`, `Ballast` and `MarkFile`, all synchronous; this module only passes
work to the threads and their news back to the loop. With inline workers there is no thread at all.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import apsw
import orjson

from agent.journal.ballast import BALLAST_BYTES, RESERVE_BYTES, Ballast
from agent.journal.chain import BEGINNING, follow, place
from agent.journal.errors import DiskFullError, DoubtfulCommitError, JournalError
from agent.journal.mark import MarkFile
from agent.journal.place import Paths
from agent.journal.reading import Lookup
from agent.journal.recovery import Opened, demand_rebuild
from agent.journal.store import DAMAGE, Store, checkpoint, connect, stored_cursors
from agent.journal.tail import Tail
from agent.journal.walk import Gap, Lost
from agent.ports import Address, Clock, Files, Row, UnitSeen, Worker

T = TypeVar("T")

MOST_ROWS = 1000
"""More rows are not put into one commit: those that come first need not wait for the last."""
CHECKPOINT_PAGES = 1000
"""From here on the log is copied into the database, by its own thread."""
MOST_PAGES = 4000
"""From here on the writer does it itself before it goes on: the log is bounded (S1)."""
CURSOR_DELAY_S = 1.0
LOOK_EVERY_S = 1.0


@dataclass(slots=True)
class _Batch:
    rows: list[Row] = field(default_factory=list)
    futures: list[asyncio.Future[None]] = field(default_factory=list)
    cursors: dict[str, Address] = field(default_factory=dict)
    lost: list[Gap] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rim:
    """What the outside offers a journal."""

    files: Files
    clock: Clock
    worker: Callable[[str], Worker]
    """Makes a worker of that name: the journal asks for three and closes them."""
    vfs: str | None = None
    """SQLite's way to the disk where it is not the default one: a simulated disk."""
    ballast_bytes: int = BALLAST_BYTES
    reserve_bytes: int = RESERVE_BYTES


class SqliteJournal:
    """One station's journal, open (the `Journal` and `TraceLookup` ports); see `open_journal`."""

    def __init__(
        self,
        *,
        paths: Paths,
        rim: Rim,
        opened: Opened,
        ballast: Ballast,
        workers: tuple[Worker, Worker, Worker],
        release: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = rim.clock
        self._mark: MarkFile = opened.mark
        self._ballast = ballast
        self._store = Store(opened.connection, paths.database)
        self._lookup = Lookup(connect(paths.database, rim.vfs, read_only=True))
        self._rim, self._paths = rim, paths
        self._checkpointer = connect(paths.database, rim.vfs)
        self._writer, self._reader, self._keeper = workers
        self._release = release
        self._lock = threading.Lock()
        """Guards what the loop and the writer share: the next five."""
        self._waiting: deque[tuple[Sequence[Row], asyncio.Future[None]]] = deque()
        self._dirty: dict[str, Address] = {}
        self._is_flush_due = False
        self._is_draining = False
        self._in_hand: _Batch | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._flush: asyncio.Task[None] | None = None
        self._is_checkpointing = False
        self._is_closed = False
        self._news: asyncio.Future[None] | None = None
        self._error: JournalError | None = None
        newest = opened.recovery.last
        self._last = newest.address if newest is not None else None
        self._last_hash = newest.hash if newest is not None else None
        self._end = (newest.epoch, newest.seq, newest.hash) if newest else BEGINNING
        """Where the rows that were handed over end, durable or not."""
        self._tail = Tail()
        self._first_kept = self._lookup.first_kept()
        self._cursors = stored_cursors(opened.connection)
        self._told_at_opening = frozenset(opened.recovery.lost)
        self._damage: dict[Lost, None] = {}
        self._watch = self._spawn(self._watch_space(), "journal space")

    # -------------------------------------------------------------- state

    @property
    def last(self) -> Address | None:
        """The newest durable address."""
        return self._last

    @property
    def last_hash(self) -> str | None:
        """The hash of the newest durable row."""
        return self._last_hash

    @property
    def first_kept(self) -> Address | None:
        """The oldest row kept."""
        return self._first_kept

    @property
    def trouble(self) -> str | None:
        """Why nothing can be recorded now, for the not-ready word; None when all is well."""
        if self._error is not None:
            return "disk full" if isinstance(self._error, DiskFullError) else "journal failed"
        return "disk full" if self._ballast.is_short else None

    @property
    def damage(self) -> tuple[Lost, ...]:
        """What reading found damaged or missing since the opening: for `history_lost`, an alarm."""
        return tuple(self._damage)

    # -------------------------------------------------------------- writing

    def append(self, rows: Sequence[Row]) -> asyncio.Future[None]:
        """Queue one decision's rows for the next commit; done when they are durable and marked.

        The future fails with DoubtfulCommitError (DiskFullError where that was the cause), and so
        does every later one.

        Raises:
            ValueError: the rows do not follow the last one: a bug of the caller.
        """
        done = self._loop.create_future()
        if self._error is not None:
            done.set_exception(self._error)
            return done
        self._end = follow(self._end, rows)
        with self._lock:
            self._waiting.append((rows, done))
            is_idle = not self._is_draining
            self._is_draining = True
        if is_idle:
            self._drain_soon()
        return done

    def _drain_soon(self) -> None:
        self._spawn(self._writer.run(self._drain), "journal writer")

    def _take(self) -> _Batch | None:
        """Return what is to be committed next, None when nothing waits (and the drain ends)."""
        batch = _Batch()
        with self._lock:
            while self._waiting and len(batch.rows) < MOST_ROWS:
                rows, done = self._waiting.popleft()
                batch.rows += rows
                batch.futures.append(done)
            if not batch.futures and not self._is_flush_due:
                self._is_draining = False
                return None
            self._is_flush_due = False
            batch.cursors, self._dirty = self._dirty, {}
            self._in_hand = batch
        return batch

    def _drain(self) -> None:
        """Commit whatever waits until nothing does. Runs in the writer's thread."""
        while (batch := self._take()) is not None:
            try:
                self._commit(batch)
            except JournalError as error:
                self._loop.call_soon_threadsafe(self._fail, error)
                return
            self._loop.call_soon_threadsafe(self._settle, batch)

    def _commit(self, batch: _Batch) -> None:
        try:
            if self._store.log_pages > MOST_PAGES:
                self._store.checkpoint()
            self._store.commit(batch.rows, batch.cursors, _told(batch.rows))
            if batch.rows:
                self._mark.write(batch.rows[-1].address, batch.rows[-1].hash)
        except DiskFullError:
            self._ballast.free()
            raise
        except OSError as error:
            self._store.close()
            raise DoubtfulCommitError(f"mark not written: {error}; see the disk") from error

    def _settle(self, batch: _Batch) -> None:
        if batch.rows:
            self._last, self._last_hash = batch.rows[-1].address, batch.rows[-1].hash
            self._first_kept = self._first_kept or batch.rows[0].address
            self._tail.extend(batch.rows)
        for future in batch.futures:
            if not future.done():  # whoever waited may have been cancelled
                future.set_result(None)
        if batch.rows and self._news is not None:  # after the answers: the machine waits for those
            self._news.set_result(None)
            self._news = None
        if self._store.log_pages >= CHECKPOINT_PAGES and not self._is_checkpointing:
            self._is_checkpointing = True
            self._spawn(self._checkpoint(), "journal checkpoint")

    def _fail(self, error: JournalError) -> None:
        if self._error is None:
            self._error = error
        with self._lock:
            batch = self._in_hand or _Batch()
            futures = [*batch.futures, *(done for _, done in self._waiting)]
            self._waiting.clear()
        for future in futures:
            if not future.done():
                future.set_exception(error)
        if self._news is not None and not self._news.done():
            self._news.set_exception(error)
            self._news.exception()  # nobody may be waiting, and that is nobody's mistake

    async def _watch_space(self) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            try:
                await self._keeper.run(self._ballast.look)
                await self._keeper.run(self._ballast.refill)
            except OSError as error:
                self._fail(JournalError(f"{self._paths.directory}: {error}; see the disk"))

    async def _checkpoint(self) -> None:
        try:
            await self._keeper.run(lambda: checkpoint(self._checkpointer))
        except apsw.Error as error:
            self._fail(JournalError(f"checkpoint failed: {error}; see the disk"))
        finally:
            self._is_checkpointing = False

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(JournalError(f"the journal's thread died: {error!r}"))

    async def beat(self) -> None:
        """Return when the writer has shown that it lives and that the disk takes what it writes.

        For the watchdog of an idle station: the mark is written again, not a row (PITFALLS D1).

        Raises:
            JournalError: it does not.
        """
        if self._error is not None:
            raise self._error
        try:
            await self._writer.run(self._mark.renew)
        except OSError as error:
            doubtful = DoubtfulCommitError(f"mark not written: {error}; see the disk")
            self._fail(doubtful)
            raise doubtful from error

    # -------------------------------------------------------------- cursors

    def cursor(self, sink: str) -> Address | None:
        """Return how far a sink has confirmed, None if it never has."""
        return self._cursors.get(sink)

    def move_cursor(self, sink: str, to: Address) -> None:
        """Record how far a sink has confirmed: durable with the next commit, or a second later."""
        self._cursors[sink] = to
        with self._lock:
            self._dirty[sink] = to
        if self._flush is None and self._error is None:
            self._flush = self._spawn(self._flush_later(), "journal cursors")

    async def _flush_later(self) -> None:
        try:
            await self._clock.sleep(CURSOR_DELAY_S)
        finally:
            self._flush = None
        self._flush_now()

    def _flush_now(self) -> None:
        with self._lock:
            self._is_flush_due = bool(self._dirty)
            is_idle = not self._is_draining and self._is_flush_due
            self._is_draining = self._is_draining or is_idle
        if is_idle:
            self._drain_soon()

    # -------------------------------------------------------------- reading

    async def read(self, after: Address | None, limit: int) -> list[Row]:
        """Return durable rows after an address (None: from the oldest kept), oldest first."""
        newest = self._tail.after(after, limit)
        if newest is not None:
            return newest
        where = place(after) if after is not None else -1
        rows, lost = await self._look_up(lambda: self._lookup.after(where, limit))
        self._damage |= dict.fromkeys(gap for gap in lost if gap not in self._told_at_opening)
        return rows

    async def _look_up(self, job: Callable[[], T]) -> T:
        """Return what a look-up finds; where the tree is broken, the next opening rebuilds it."""
        try:
            return await self._reader.run(job)
        except DAMAGE as error:
            broken = JournalError(f"{self._paths.database}: {error}; it is rebuilt when reopened")
            await self._reader.run(lambda: demand_rebuild(self._paths, self._rim.files))
            self._fail(broken)
            raise broken from error

    async def wait_beyond(self, address: Address | None) -> None:
        """Return when a durable row after the address exists.

        Raises:
            JournalError: there will be none: the journal failed or was closed.
        """
        while self._last is None or (address is not None and self._last <= address):
            if self._error is not None:
                raise self._error
            if self._news is None:
                self._news = self._loop.create_future()
                # whoever waited may have gone: then nobody asks how it ended
                self._news.add_done_callback(asyncio.Future.exception)
            await asyncio.shield(self._news)

    async def unit_seen(self, unit: str, handshake: str) -> UnitSeen:
        """Return the newest durable unit event of a unit in this handshake, and its visits."""
        as_of = str(self._last) if self._last is not None else ""
        found = await self._look_up(lambda: self._lookup.seen(unit, handshake))
        return UnitSeen(
            address=found.address,
            kind=found.kind,
            result=found.result,
            visits=found.visits,
            as_of=as_of,
        )

    # -------------------------------------------------------------- end

    async def close(self) -> None:
        """Commit what waits, checkpoint, close. A journal that failed is only closed."""
        if self._is_closed:
            return
        self._is_closed = True
        self._watch.cancel()
        if self._flush is not None:
            self._flush.cancel()
        try:
            if self._error is None:
                self._flush_now()
            while self._tasks:
                await asyncio.wait(self._tasks)
            await self._writer.run(self._store.finish)
        finally:
            self._fail(JournalError("the journal is closed"))
            for worker in (self._reader, self._keeper):
                worker.close()
            self._lookup.close()
            self._checkpointer.close()
            self._writer.close()
            self._store.close()
            self._release()


def _told(rows: Sequence[Row]) -> list[Gap]:
    """Return the ranges that these rows name as lost: committed with them, told once."""
    named = [orjson.loads(row.body) for row in rows if row.kind == "history_lost"]
    return [(lost["lost_epoch"], lost["first_seq"], lost["last_seq"]) for lost in named]
