"""A station elsewhere as it can be asked: what it said of units, and whether that is all.

Laws:
    1. What is told is said to be whole only while nothing is known to lack of what the station
       recorded: the broker is there, the station is online at it, all up to where it says that it
       stands has come, and no hole is younger than `within`. Else the doubt says why (D-41).
    2. A unit of which nothing is found is one that was not there only where what is known reaches
       back further than `within`, the longest that a unit is under way.
    3. What is known to be against a unit counts in doubt too: scrap and blocks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum, unique

from agent.core.events import Result
from agent.ports import Clock, Worker
from agent.trace.account import Extent, Hole
from agent.trace.asking import COMPLETED, Contents, Place
from agent.trace.lookup import Known
from agent.trace.neighbour_keep import NeighbourKeep
from drivers.base import SET_CLOCKS, Instant


@unique
class Doubt(StrEnum):
    """Why what is known of a neighbour may not be all."""

    NOT_HEARD = "not_heard"
    """It has not said yet where it stands, since the broker was reached."""
    BROKER_AWAY = "broker_away"
    OFFLINE = "offline"
    """The broker has lost it, or it was stopped."""
    BEHIND = "behind"
    """Events that it has recorded are on their way."""
    EVENTS_LACK = "events_lack"
    TWIN = "twin"
    """Two stations speak under its name, or one was set back."""
    FILTERED = "filtered"
    """Its sink sends some kinds of events only."""
    STORE = "store"
    """What it says cannot be kept or read here."""


PASSING = frozenset({Doubt.NOT_HEARD, Doubt.BEHIND})
"""What is over in a moment, mostly: worth waiting for."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a neighbour's knowledge is judged by, at a moment."""

    is_connected: bool
    store_error: str | None
    online: bool | None
    """As the station said over this connection; None: it has not."""
    extent: Extent | None
    """None: it has not said where it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Whether what is known of a neighbour is all."""

    doubt: Doubt | None
    says: str = ""
    """The doubt in words, with what to do."""
    as_of: str = ""
    since: str = ""
    reaches_back: bool = False
    """Whether a unit that is not found was not there."""


def judge(seen: Seen, within_s: float, now: Instant) -> Condition:
    """Return what is to be thought of a neighbour."""
    extent = seen.extent
    after_ms = now.wall_ms - round(within_s * 1000) if now.clock_state in SET_CLOCKS else None
    doubt, says = _doubt(seen, after_ms)
    if extent is None:
        return Condition(doubt=doubt, says=says)
    old = extent.since_ms is not None and after_ms is not None and extent.since_ms <= after_ms
    return Condition(
        doubt=doubt,
        says=says,
        as_of=extent.as_of,
        since=extent.since,
        reaches_back=old or (not extent.since and bool(extent.as_of)),
    )


def _doubt(seen: Seen, after_ms: int | None) -> tuple[Doubt | None, str]:
    if seen.store_error is not None:
        return Doubt.STORE, seen.store_error
    if not seen.is_connected:
        return Doubt.BROKER_AWAY, "the broker is not reached"
    if seen.extent is None or seen.online is None:
        return Doubt.NOT_HEARD, (
            "it has not said that it is there: check that it runs, its path, `root`, and the "
            "broker's access list"
        )
    if not seen.online:
        return Doubt.OFFLINE, "it is not connected to the broker"
    return _lack(seen.extent, after_ms)


def _lack(extent: Extent, after_ms: int | None) -> tuple[Doubt | None, str]:
    """Return what is wrong with what has come."""
    holes = [hole for hole in extent.holes if _counts(hole, after_ms)]
    if extent.is_filtered:
        return Doubt.FILTERED, "its sink sends some kinds only: take `kinds` out, or add a sink"
    if any(_counts(twin, after_ms) for twin in extent.twins):
        return Doubt.TWIN, "two agents have recorded under its name: was its gateway cloned?"
    if holes and extent.behind:
        return Doubt.BEHIND, "its newest events are on their way"
    if holes:
        lacking = sum(len(hole.range) for hole in holes)
        return Doubt.EVENTS_LACK, f"{lacking} events lack, the first at {holes[0].range}"
    return None, ""


def _counts(hole: Hole, after_ms: int | None) -> bool:
    """Whether it may hold what matters now."""
    return hole.until_ms is None or after_ms is None or hole.until_ms > after_ms


# ------------------------------------------------------------------ asking


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How neighbours are asked."""

    within_s: float
    """The longest that a unit is under way."""
    linger_s: float
    """How long is waited for what may be on its way."""
    clock: Clock
    worker: Worker
    """The one thread in which the files are used."""


class Neighbour:
    """One station that is followed.

    Args:
        station: Its path.
        keep: What it has said.
        manner: How it is asked.
        is_before: Whether units must have passed it: else no unit waits for its word.
    """

    def __init__(
        self, station: str, keep: NeighbourKeep, manner: Manner, *, is_before: bool
    ) -> None:
        self.station = station
        self._is_before = is_before
        self.condition = Condition(doubt=Doubt.BROKER_AWAY, says="the broker is not reached yet")
        self._keep = keep
        self._manner = manner
        self._changes = 0
        self._moved = asyncio.Event()

    @property
    def version(self) -> int:
        """Rises with all that changes an answer."""
        return self._keep.versions[self.station] + self._changes

    @property
    def blocked(self) -> frozenset[str]:
        """The lots, units and components that are blocked there."""
        return self._keep.blocked.get(self.station, frozenset())

    def see(self, condition: Condition) -> None:
        """Take over how it stands, and let everyone who waits look again."""
        before, self.condition = self.condition, condition
        self._changes += (before.doubt, before.reaches_back) != (
            condition.doubt,
            condition.reaches_back,
        )
        self._moved.set()
        self._moved = asyncio.Event()

    async def reach(self) -> None:
        """Return when what is on its way is there, or soon."""
        if not self._is_before:
            return
        async with self._patience() as pause:
            while self.condition.doubt in PASSING and not pause.done():
                await self._news(pause)

    async def known(self, names: Collection[str], asked: str | None = None) -> Known:
        """Return what is known of the unit that bears these names; `asked`: by which it came.

        Of a unit that is not known to be OK the event may be on its way: it is looked for again.

        Raises:
            StoreError: it cannot be read now.
        """
        known = await self._known(names, asked)
        if not self._is_before or len(names) > 1 or self.condition.doubt is not None:
            return known
        async with self._patience() as pause:
            while not (_is_ok(known) or pause.done() or self.condition.doubt is not None):
                version = self.version
                await self._news(pause)
                if self.version != version:  # a doubt that came meanwhile counts too
                    known = await self._known(names, asked)
        return known

    async def _known(self, names: Collection[str], asked: str | None) -> Known:
        before = self.condition
        history = await self._manner.worker.run(
            lambda: self._keep.history(self.station, names, asked or next(iter(names)))
        )
        condition = self.condition
        found = any(stay.kind == COMPLETED for stay in history.stays)
        no_doubt = before.doubt is None and condition.doubt is None
        return Known(
            station=self.station,
            history=history,
            as_of=condition.as_of,
            since=condition.since,
            is_whole=no_doubt and (found or condition.reaches_back),
        )

    async def component(self, component: str) -> tuple[Place | None, str]:
        """Return where a serial component is, and up to which address that is known.

        Raises:
            StoreError: it cannot be read now.
        """
        place = await self._manner.worker.run(lambda: self._keep.component(self.station, component))
        return place, self.condition.as_of

    async def contents(self, parent: Collection[str]) -> Contents:
        """Return what is in the unit or the parent that bears these names.

        Raises:
            StoreError: it cannot be read now.
        """
        return await self._manner.worker.run(lambda: self._keep.contents(self.station, parent))

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[asyncio.Future[None]]:
        """Yield what is done once nothing that may be on its way is waited for any longer."""
        pause = asyncio.ensure_future(self._manner.clock.sleep(self._manner.linger_s))
        try:
            yield pause
        finally:
            pause.cancel()

    async def _news(self, pause: asyncio.Future[None]) -> None:
        """Return when something of it has moved, or the pause is over."""
        moved = asyncio.ensure_future(self._moved.wait())
        try:
            await asyncio.wait((moved, pause), return_when=asyncio.FIRST_COMPLETED)
        finally:
            moved.cancel()


def _is_ok(known: Known) -> bool:
    results = [stay.result for stay in known.history.stays if stay.kind == COMPLETED]
    return results[-1:] == [Result.OK.value]
