"""The journal as the agent uses it: one thread that writes, one that reads, one that checkpoints.

Laws:
    1. The events of one decision become durable together or not at all.
    2. An append is done when its rows are durable and the mark says so; never earlier.
    3. seq starts at 1 in each epoch and rises by one; each event carries its predecessor's hash.
    4. Whatever waits while a commit runs is the next commit. Nobody waits for a timer.
    5. A failed or doubtful commit fails everything that waits and everything after it; the journal
       must be opened again, which is a new epoch (PITFALLS S5).
    6. A row is proven before it is handed out. One that does not hold is named, never shown.

What runs in a thread is synchronous (writer.py, reading.py, ballast.py); this module only passes
work to the threads and their news back to the loop. With inline workers there is no thread at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import apsw

from agent.journal.age import Ages, stamp_of
from agent.journal.ballast import BALLAST_BYTES, RESERVE_BYTES, Ballast
from agent.journal.chain import BEGINNING, follow, place, place_of
from agent.journal.commits import Store
from agent.journal.errors import DiskFullError, DoubtfulCommitError, JournalError
from agent.journal.place import Paths
from agent.journal.reading import Lookup
from agent.journal.recovery import Opened, demand_rebuild
from agent.journal.remedies import remedy
from agent.journal.retention import Filling, Keep, Retention
from agent.journal.store import (
    DAMAGE,
    checkpoint,
    connect,
    stored_ahead_ms,
    stored_cursors,
)
from agent.journal.tail import Tail
from agent.journal.walk import Lost
from agent.journal.writer import LOG_BYTES, Batch, Outcome, Prune, Pruned, Writer
from agent.ports import (
    Address,
    Clock,
    ComponentSeen,
    ContentsSeen,
    Files,
    Row,
    UnitSeen,
    Worker,
)
from drivers.base import EventSeen

T = TypeVar("T")

CHECKPOINT_PAGES = 1000
"""From here on the log is copied into the database, by its own thread."""
CURSOR_DELAY_S = 1.0
LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rim:
    """What the outside offers a journal."""

    files: Files
    clock: Clock
    worker: Callable[[str], Worker]
    """Makes a worker of that name: the journal asks for three and closes them."""
    machine: str = ""  # which one this is; empty where that cannot be told
    vfs: str | None = None
    """SQLite's way to the disk where it is not the default one: a simulated disk."""
    ballast_bytes: int = BALLAST_BYTES
    reserve_bytes: int = RESERVE_BYTES
    log_bytes: int = LOG_BYTES


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
        keep: Keep | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = rim.clock
        self._mark = opened.mark
        self._mark.stay_open()
        self._ballast = ballast
        self._lookup = Lookup(connect(paths.database, rim.vfs, read_only=True))
        self._rim, self._paths = rim, paths
        self._checkpointer = connect(paths.database, rim.vfs)
        self._thread, self._reader, self._keeper = workers
        self._release = release
        self._tasks: set[asyncio.Future[None]] = set()
        self._flush: asyncio.Task[None] | None = None
        self._is_checkpointing = False
        self._is_closed = False
        self._news: asyncio.Future[None] | None = None
        self._error: JournalError | None = None
        newest = opened.recovery.last
        self._last = newest.address if newest else None
        self._last_hash = newest.hash if newest else None
        self._end = (newest.epoch, newest.seq, newest.hash) if newest else BEGINNING
        """Where the rows that were handed over end, durable or not."""
        self._tail = Tail()
        self._first_kept = self._lookup.first_kept()
        self._cursors = stored_cursors(opened.connection)
        self._told_at_opening = frozenset(opened.recovery.lost)
        self._damage: dict[Lost, None] = {}
        self.set_after: int | None = None
        """The place before the newest complete set of `state_carried` of this run."""
        ahead_ms = stored_ahead_ms(opened.connection)
        self._store = Store(opened.connection, paths.database)
        self._writer = Writer(
            self._store,
            opened.mark,
            ballast,
            paths=paths,
            files=rim.files,
            sinks=frozenset(keep.sinks if keep else ()),
            newest=place_of(newest) if newest else -1,
            outcome=Outcome(settled=self._settle, pruned=self._shortened, failed=self._fail),
            report=self._loop.call_soon_threadsafe,
        )
        self._watches = [self._spawn(self._watch_space(), "journal space")]
        self._retention: Retention | None = None
        if keep is not None:
            ages = Ages(ahead_ms, stamp_of(newest) if newest else None)
            self._retention = Retention(keep, rim.clock, ages, self)
            self._watches.append(self._spawn(self._retention.run(), "journal retention"))

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
        if self._ballast.is_short:
            return "disk full"
        return "journal quota used up" if self.filling.is_full else None

    @property
    def filling(self) -> Filling:
        """How full the journal is of what it may hold, and what has to be told for it."""
        return self._retention.filling if self._retention is not None else Filling()

    @property
    def aged_ms(self) -> int | None:
        """The wall time that ages are counted by; None while nobody knows it."""
        return self._retention.now_ms if self._retention is not None else None

    @property
    def damage(self) -> tuple[Lost, ...]:
        """What reading found damaged or missing since the opening: for `history_lost`, an alarm."""
        return tuple(self._damage)

    # -------------------------------------------------------------- writing

    def append(self, rows: Sequence[Row]) -> asyncio.Future[None]:
        """Queue one decision's rows for the next commit; done when they are durable and marked.

        Decisions that go into one commit share its future. It fails with DoubtfulCommitError
        (DiskFullError where that was the cause), and so does every later one.

        Raises:
            ValueError: the rows do not follow the last one: a bug of the caller.
        """
        if self._error is not None:
            failed: asyncio.Future[None] = self._loop.create_future()
            failed.set_exception(self._error)
            return failed
        self._end = follow(self._end, rows)
        done, is_due = self._writer.add(rows, self._loop.create_future)
        self._drain_if(is_due)
        return done

    def _drain_if(self, is_due: bool) -> None:  # noqa: FBT001 - what the writer answered
        if is_due:
            self._keep(asyncio.ensure_future(self._thread.run(self._writer.drain)))

    def _settle(self, batch: Batch) -> None:
        self._cursors |= batch.effects.skipped
        if batch.effects.set_after is not None:
            self.set_after = batch.effects.set_after
        if batch.rows:
            self._last, self._last_hash = batch.rows[-1].address, batch.rows[-1].hash
            self._first_kept = self._first_kept or batch.rows[0].address
            self._tail.extend(batch.rows)
        if batch.done is not None and not batch.done.done():  # who waited may have been cancelled
            batch.done.set_result(None)
        if batch.rows and self._news is not None:  # after the answers: the machine waits for those
            self._news.set_result(None)
            self._news = None
        self._checkpoint_if_due()

    def _checkpoint_if_due(self) -> None:
        if self._store.log_pages >= CHECKPOINT_PAGES and not self._is_checkpointing:
            self._is_checkpointing = True
            self._spawn(self._checkpoint(), "journal checkpoint")

    def _fail(self, error: JournalError) -> None:
        if self._error is None:
            self._error = error
        for future in self._writer.left():
            if not future.done():
                future.set_exception(error)
        if self._news is not None and not self._news.done():
            self._news.set_exception(error)
            self._news.exception()  # nobody may be waiting, and that is nobody's mistake

    # -------------------------------------------------------------- retention

    @property
    def is_short(self) -> bool:
        """Whether the disk has too little space."""
        return self._ballast.is_short

    async def look(self, job: Callable[[apsw.Connection], T]) -> T:
        """Return what a job finds in the database, beside the writer."""
        return await self._look_up(lambda: self._lookup.ask(job))

    def note_ahead(self, ahead_ms: int) -> None:
        """Keep how far the wall clock has jumped ahead."""
        self._drain_if(self._writer.note_ahead(ahead_ms))

    async def prune(self, upto: int | None, pages: int) -> bool:
        """Delete a little up to a place, give pages back; return whether rows went."""
        done: asyncio.Future[Pruned] = self._loop.create_future()
        self._drain_if(self._writer.prune(Prune(upto, pages, done)))
        return (await done).edge is not None

    def _shortened(self, prune: Prune, pruned: Pruned) -> None:
        if pruned.edge is not None:
            self._first_kept = pruned.first
        if not prune.done.done():
            prune.done.set_result(pruned)
        self._checkpoint_if_due()

    async def _watch_space(self) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            try:
                await self._keeper.run(self._ballast.look)
                await self._keeper.run(self._ballast.refill)
            except OSError as error:
                hint = remedy(error.errno)
                self._fail(JournalError(f"{self._paths.directory}: {error}; {hint}"))

    async def _checkpoint(self) -> None:
        try:
            await self._keeper.run(lambda: checkpoint(self._checkpointer))
        except apsw.Error as error:
            self._fail(JournalError(f"checkpoint failed: {error}; see the disk"))
        finally:
            self._is_checkpointing = False

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = self._loop.create_task(work, name=name)
        self._keep(task)
        return task

    def _keep(self, task: asyncio.Future[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[None]) -> None:
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
            await self._thread.run(self._mark.renew)
        except OSError as error:
            hint = remedy(error.errno)
            doubtful = DoubtfulCommitError(f"mark not written: {error}; {hint}")
            self._fail(doubtful)
            raise doubtful from error

    # -------------------------------------------------------------- cursors

    def cursor(self, sink: str) -> Address | None:
        """Return how far a sink has confirmed, None if it never has."""
        return self._cursors.get(sink)

    def move_cursor(self, sink: str, to: Address) -> None:
        """Record how far a sink has confirmed: durable with the next commit, or a second later.

        A cursor never goes back: a late confirmation of what the sink was told it lost is none.
        """
        known = self._cursors.get(sink)
        if known is not None and to < known:
            return
        self._cursors[sink] = to
        self._writer.move(sink, to)
        if self._flush is None and self._error is None:
            self._flush = self._spawn(self._flush_later(), "journal cursors")

    async def _flush_later(self) -> None:
        try:
            await self._clock.sleep(CURSOR_DELAY_S)
        finally:
            self._flush = None
        self._drain_if(self._writer.flush())

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
            done_result=found.done_result,
            as_of=as_of,
            scrapped=found.scrapped,
            reworked=found.reworked,
            renamed_to=found.renamed_to,
        )

    async def component_seen(self, component: str) -> ComponentSeen:
        """Return what a serial component or a child is in, by the durable events."""
        as_of = str(self._last) if self._last is not None else ""
        found = await self._look_up(lambda: self._lookup.installed(component))
        address, unit, position = found or (None, None, None)
        return ComponentSeen(address=address, unit=unit, as_of=as_of, position=position)

    async def event_seen(self, address: Address) -> EventSeen | None:
        """Return what is known of a durable event, None where none is kept under the address."""
        return await self._look_up(lambda: self._lookup.event(address))

    async def contents_seen(self, parent: str) -> ContentsSeen:
        """Return what is in a closed parent or in a unit, by the durable events."""
        children, components = await self._look_up(lambda: self._lookup.contents(parent))
        return ContentsSeen(children=children, components=components)

    async def reach(self, address: Address) -> None:
        """Return when what an address names is durable, and so known."""
        while self._last is None or self._last < address:
            await self.wait_beyond(self._last)

    def blocked(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return none: what is blocked here is in the state, and others are not known of."""
        del names
        return ()

    def is_current(self, seen: UnitSeen) -> bool:
        """Return True: nobody else is asked."""
        return bool(seen)

    # -------------------------------------------------------------- end

    async def close(self) -> None:
        """Commit what waits, checkpoint, close. A journal that failed is only closed."""
        if self._is_closed:
            return
        self._is_closed = True
        for watch in (*self._watches, self._flush):
            if watch is not None:
                watch.cancel()
        try:
            if self._error is None:
                self._drain_if(self._writer.flush())
            while self._tasks:
                await asyncio.wait(self._tasks)
            await self._thread.run(self._store.finish)
        finally:
            self._fail(JournalError("the journal is closed"))
            for worker in (self._reader, self._keeper):
                worker.close()
            self._lookup.close()
            self._checkpointer.close()
            self._thread.close()
            self._store.close()
            self._mark.close()
            self._release()
