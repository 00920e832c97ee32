"""A station's look-up: fed from its journal by a cursor of its own, and asked by whoever may know.

Laws:
    1. What is told covers every durable event up to `as_of`. Who needs more waits with `reach`.
    2. The journal keeps what was not taken and committed here yet: `taken`.
    3. A file that is not whole, or gone, is filled anew with what the journal has; `since` says
       from where on.
    4. While it cannot be used it says so by StoreError, and is tried again; nothing else stops.

It outlives the runs of its station: a run lends it the journal (`feed`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from agent.ports import Address, Clock, Row, StoreError, Worker
from agent.trace.asking import Contents, History, Place
from agent.trace.facts_file import BrokenError, UnusableError, set_aside
from agent.trace.remembered import Store

T = TypeVar("T")

LINGER_S = 0.2
"""How long events gather before they are taken, unless somebody asks for them."""
COMMIT_EVERY_S = 5.0
FORGET_EVERY_S = 60.0
TRY_AGAIN_S = 10.0
BATCH_ROWS = 500
FILE = "lookup.db"


class Source(Protocol):
    """What the feed reads: a journal."""

    @property
    def last(self) -> Address | None:
        """The newest durable address."""
        ...

    @property
    def aged_ms(self) -> int | None:
        """The wall time that ages are counted by; None while nobody knows it."""
        ...

    async def read(self, after: Address | None, limit: int) -> list[Row]:
        """Return durable rows after an address, oldest first."""
        ...

    async def wait_beyond(self, address: Address | None) -> None:
        """Return when a durable row after the address exists."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What one station knows of a unit, and up to where."""

    station: str
    history: History
    as_of: str
    since: str
    is_whole: bool = True
    """Whether nothing that the station recorded of it is known to lack."""


class LookupStore:
    """One station's look-up."""

    def __init__(
        self,
        directory: Path,
        station: str,
        *,
        worker: Callable[[str], Worker],
        clock: Clock,
        keep_s: float,
        tell: Callable[..., None],
    ) -> None:
        self.station = station
        self.version = 0
        """Rises with everything that is taken."""
        self._path = directory / FILE
        self._make_worker = worker
        self._worker: Worker | None = None
        self._clock = clock
        self._keep_s = keep_s
        self._tell = tell
        self._store: Store | None = None
        self._source: Source | None = None
        self._error: str | None = None
        self._found: StoreError | None = None
        """What a question met; the feed deals with it."""
        self._waiting = 0
        """How many wait for events to be taken: then nothing gathers first."""
        self._hurry = asyncio.Event()
        self._moved = asyncio.Event()
        self._committed_ms = 0
        self._forgot_ms = 0

    @property
    def taken(self) -> Address | None:
        """Up to where the journal may forget: what is committed here."""
        return self._store.committed if self._store is not None else None

    @property
    def blocked(self) -> frozenset[str]:
        """The lots, units and components that are blocked by what was taken."""
        return self._store.blocked if self._store is not None else frozenset()

    # -------------------------------------------------------------- feeding

    async def feed(self, source: Source, before: Address | None) -> None:
        """Take what the journal has and gets; return only by cancellation.

        Args:
            source: The journal of this run.
            before: The newest address before this run; what was heard beyond it is lost there.
        """
        try:
            while True:
                try:
                    await self._open(before)
                    self._source = source
                    await self._follow(source)
                except BrokenError as error:
                    self._drop()
                    await self._run(lambda: set_aside(self._path))
                    self._tell("lookup_damaged", error=f"{error}; it is filled from the journal")
                except UnusableError as error:
                    self._drop()
                    self._failed(str(error))
                    await self._clock.sleep(TRY_AGAIN_S)
        finally:
            self._source = None
            self._pulse()

    async def _open(self, before: Address | None) -> None:
        if self._store is None:
            self._store = await self._run(lambda: Store(self._path, self.station))
        store = self._store
        await self._run(lambda: store.rewind(before))
        if self._error is not None:
            self._error = None
            self._tell("lookup_works")
        self._pulse()

    async def _follow(self, source: Source) -> None:
        store = self._opened
        since = store.since
        while True:
            if self._found is not None:
                found, self._found = self._found, None
                raise found
            rows = await source.read(store.heard, BATCH_ROWS)
            if rows:
                await self._run(partial(store.take, rows))
                self.version += 1
                self._pulse()
            if store.since != since:
                since = store.since
                self._tell("lookup_begins", address=since)
            await self._tidy(store, source)
            if len(rows) < BATCH_ROWS:
                await self._linger(source, store)

    async def _linger(self, source: Source, store: Store) -> None:
        """Wait for more: a while, so that it comes in one go, unless somebody asks."""
        is_dirty = store.committed != store.heard
        news = asyncio.ensure_future(source.wait_beyond(store.heard))
        asked = asyncio.ensure_future(self._hurry.wait())
        pauses = [asyncio.ensure_future(self._clock.sleep(COMMIT_EVERY_S))] if is_dirty else []
        try:
            await asyncio.wait({news, asked, *pauses}, return_when=asyncio.FIRST_COMPLETED)
            if news.done():
                await news
            if news.done() and not asked.done() and not self._waiting:
                pauses.append(asyncio.ensure_future(self._clock.sleep(LINGER_S)))
                await asyncio.wait({asked, pauses[-1]}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in (news, asked, *pauses):
                waiting.cancel()
            self._hurry.clear()

    async def _tidy(self, store: Store, source: Source) -> None:
        now_ms = self._clock.now().boot_ms
        if now_ms - self._committed_ms >= COMMIT_EVERY_S * 1000 and store.heard != store.committed:
            self._committed_ms = now_ms
            await self._run(store.commit)
        aged_ms = source.aged_ms
        if aged_ms is not None and now_ms - self._forgot_ms >= FORGET_EVERY_S * 1000:
            before_ms = aged_ms - round(self._keep_s * 1000)
            if not await self._run(lambda: store.forget(before_ms)):
                self._forgot_ms = now_ms

    def _failed(self, error: str) -> None:
        if self._error is None:
            self._tell("lookup_failed", error=error)
        self._error = error
        self._pulse()

    def _pulse(self) -> None:
        """Let everyone who waits look again."""
        self._moved.set()
        self._moved = asyncio.Event()

    def _drop(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

    # -------------------------------------------------------------- asking

    async def reach(self, address: Address | None = None) -> None:
        """Return when all events up to an address (None: all durable ones) are known.

        Raises:
            StoreError: they will not be: nothing feeds it, or it cannot be used.
        """
        wanted = address or (self._source.last if self._source is not None else None)
        self._waiting += 1
        try:
            while not self._has(wanted):
                self._hurry.set()
                await self._moved.wait()
        finally:
            self._waiting -= 1

    def _has(self, wanted: Address | None) -> bool:
        """Return whether all up to an address is known.

        Raises:
            StoreError: it will not be.
        """
        if self._source is None or self._error is not None:
            raise StoreError(f"{self.station}: its look-up is not fed now")
        heard = self._store.heard if self._store is not None else None
        return wanted is None or (heard is not None and heard >= wanted)

    async def known(self, names: Collection[str], asked: str | None = None) -> Known:
        """Return what is known of the unit that bears these names; `asked`: by which it came.

        Raises:
            StoreError: the look-up cannot be used now.
        """

        def look() -> Known:
            store = self._opened
            as_of = str(store.heard or "")
            history = store.history(names, asked)
            return Known(station=self.station, history=history, as_of=as_of, since=store.since)

        return await self._asked(look)

    async def component(self, component: str) -> tuple[Place | None, str]:
        """Return where a serial component is, and up to which address that is known.

        Raises:
            StoreError: the look-up cannot be used now.
        """

        def look() -> tuple[Place | None, str]:
            store = self._opened
            return store.component(component), str(store.heard or "")

        return await self._asked(look)

    async def contents(self, parent: Collection[str]) -> Contents:
        """Return what is in the unit or the parent that bears these names.

        Raises:
            StoreError: the look-up cannot be used now.
        """
        return await self._asked(lambda: self._opened.contents(parent))

    async def _asked(self, job: Callable[[], T]) -> T:
        while self._store is None and self._error is None:
            await self._moved.wait()
        try:
            return await self._run(job)
        except (BrokenError, UnusableError) as error:
            self._found = error
            self._hurry.set()
            raise

    @property
    def _opened(self) -> Store:
        if self._store is None:
            raise StoreError(f"{self._path}: not open")
        return self._store

    async def begin(self) -> None:
        """Begin its thread: later none may be had any more (E03)."""
        await self._run(lambda: None)

    async def _run(self, job: Callable[[], T]) -> T:
        if self._worker is None:
            self._worker = self._make_worker("lookup")
        return await self._worker.run(job)

    # -------------------------------------------------------------- the end

    async def flush(self) -> None:
        """Commit what was taken; what cannot be is taken again by the next run."""
        if self._store is not None:
            try:
                await self._run(self._store.commit)
            except StoreError:
                self._drop()

    async def close(self) -> None:
        """Commit and let go."""
        await self.flush()
        self._drop()
        if self._worker is not None:
            self._worker.close()
            self._worker = None
