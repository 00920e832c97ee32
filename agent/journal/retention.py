"""How long events are kept: what may go, when, and who loses when space runs out (D-142).

Ladder, by the share of the quota that is in use:
    - at any time: what all sinks have and is older than `keep` goes.
    - from KEPT on: what all sinks have goes, however young: so all that follows speaks of outages.
    - at 70 and 85 %: told.
    - from SKIP on (and on a disk without space): optional sinks lose their oldest events. A
      `sink_skipped` names the range first; with that event their cursor moves, and then it may go.
    - from HOLD on: the station is not ready. What a required sink lacks is never deleted.

Laws:
    1. The newest complete set of `state_carried` and what came after it stay: the state is folded
       from there. So does the row before it.
    2. An optional sink loses nothing to age, only to the quota: never silently.
    3. One step at a time, with pauses: who appends waits for one step at most.

A sink that is no longer in the station file holds nothing back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Protocol, TypeVar

import apsw

from agent.journal.age import Ages
from agent.journal.chain import place
from agent.journal.pruning import Aged, Skip, Space, measure, skippable
from agent.ports import Address, Clock

T = TypeVar("T")

KEPT, SKIP, HOLD = 0.65, 0.90, 0.95
LEVELS = (0.70, 0.85, HOLD)
_SLACK = 0.02
"""A level is left only so far below where it is reached."""
SKIP_ROWS = 10_000
"""An optional sink loses no more at once."""
SPARE_PAGES = 4096
"""Free pages that the database keeps for what comes next: 16 MiB; more are given back."""
SHRINK_PAGES = 64
LOOK_EVERY_S = 1.0
PAUSE_S = 0.05
"""Between two steps: a twentieth of the time or so is the most that pruning takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long a station's events are kept."""

    keep_s: float
    quota_bytes: int
    sinks: Mapping[str, bool]
    """The sinks of the station file: whether each is required."""
    taken: Callable[[], Address | None] | None = None
    """Up to where the look-up has taken what it keeps longer: what it lacks stays. None: there is
    no look-up."""


@dataclass(frozen=True, slots=True)
class Filling:
    """How full a journal is."""

    share: float = 0.0
    """Of the quota; more than 1 where required sinks have been away for too long."""
    level: float = 0.0
    """The highest of LEVELS that was reached, 0 below all of them."""
    held_by: tuple[str, ...] = ()
    """The sinks without which more could go, those furthest behind first."""
    skips: tuple[Skip, ...] = ()
    """What optional sinks have to lose now: each is to be told as `sink_skipped`."""

    @property
    def is_full(self) -> bool:
        """Whether the station has to hold."""
        return self.level >= HOLD


class Outside(Protocol):
    """What retention asks of the journal."""

    @property
    def set_after(self) -> int | None:
        """The place before the newest complete set of `state_carried`; None: none is known."""
        ...

    @property
    def is_short(self) -> bool:
        """Whether the disk has too little space."""
        ...

    def cursor(self, sink: str) -> Address | None:
        """Return how far a sink has confirmed."""
        ...

    async def look(self, job: Callable[[apsw.Connection], T]) -> T:
        """Return what a job finds in the database, read beside the writer."""
        ...

    def note_ahead(self, ahead_ms: int) -> None:
        """Keep how far the wall clock has jumped ahead."""
        ...

    async def prune(self, upto: int | None, pages: int) -> bool:
        """Have one step of pruning done; return whether rows went."""
        ...


class Retention:
    """Keeps one journal within its limits for as long as `run` is awaited."""

    def __init__(self, keep: Keep, clock: Clock, ages: Ages, outside: Outside) -> None:
        self._keep = keep
        self._clock = clock
        self._ages = ages
        self._outside = outside
        self._aged = Aged()
        self.filling = Filling()
        self.now_ms: int | None = None
        """The wall time that ages are counted by, as of the newest step; None: nobody knows it."""

    async def run(self) -> None:
        """Look each second, prune step by step; return only by cancellation."""
        while True:
            await self._clock.sleep(PAUSE_S if await self.step() else LOOK_EVERY_S)

    async def step(self) -> bool:
        """Look, and prune a little if something may go; return whether there may be more."""
        now_ms = self.now_ms = self._now_ms()
        space = await self._outside.look(measure)
        set_after = self._outside.set_after
        if set_after is None:
            return False
        needed = min(self._place(sink) for sink in self._required) if self._required else inf
        limit = min(needed, set_after - 1, self._taken)
        upto = min([limit, *(self._place(sink) for sink in self._keep.sinks)])
        await self._judge(space, limit, upto)
        is_tight = self.filling.share > KEPT or self._outside.is_short
        if not is_tight:
            upto = await self._old(upto, now_ms)
        return await self._prune(upto, space)

    async def _old(self, upto: float, now_ms: int | None) -> float:
        if now_ms is None or upto < 0:
            return -1
        before_ms = now_ms - round(self._keep.keep_s * 1000)
        old = await self._outside.look(lambda db: self._aged.find(db, int(upto), before_ms))
        return -1 if old is None else old

    async def _prune(self, upto: float, space: Space) -> bool:
        spare = 0 if self._outside.is_short else max(SPARE_PAGES, space.pages // 4)
        pages = min(SHRINK_PAGES, max(0, space.free_pages - spare))
        if upto < 0 and not pages:
            return False
        went = await self._outside.prune(int(upto) if upto >= 0 else None, pages)
        return went or pages > 0

    @property
    def _taken(self) -> float:
        """The place up to which the look-up needs no row any more."""
        if self._keep.taken is None:
            return inf
        at = self._keep.taken()
        return place(at) if at is not None else -1

    @property
    def _required(self) -> list[str]:
        return [sink for sink, is_required in self._keep.sinks.items() if is_required]

    def _place(self, sink: str) -> int:
        """Return up to where a sink has confirmed: that, and what is older, it lacks no more."""
        at = self._outside.cursor(sink)
        return place(at) if at is not None else -1

    def _now_ms(self) -> int | None:
        before = self._ages.ahead_ms
        now_ms = self._ages.see(self._clock.now())
        if self._ages.ahead_ms != before:
            self._outside.note_ahead(self._ages.ahead_ms)
        return now_ms

    async def _judge(self, space: Space, limit: float, upto: float) -> None:
        share = space.used_bytes / self._keep.quota_bytes
        reached = max((level for level in LEVELS if share >= level), default=0.0)
        level = self.filling.level
        if reached > level or share < level - _SLACK:
            level = reached
        behind: list[tuple[float, str]] = sorted(
            (self._place(sink), sink) for sink in self._keep.sinks
        )
        behind.append((self._taken, "lookup"))
        held_by = tuple(name for at, name in behind if at < (self._outside.set_after or 0) - 1)
        skips: tuple[Skip, ...] = ()
        if upto < limit and (share >= SKIP or self._outside.is_short):
            skips = await self._skips(limit)
        self.filling = Filling(share, level, held_by, skips)

    async def _skips(self, limit: float) -> tuple[Skip, ...]:
        found = []
        for sink, is_required in self._keep.sinks.items():
            after = self._place(sink)
            if not is_required and after < limit:
                job = partial(skippable, after=after, upto=int(limit), most=SKIP_ROWS)
                lost = await self._outside.look(job)
                if lost is not None:
                    found.append(Skip(sink, *lost))
        return tuple(found)
