"""Was this unit here before? Answered up to the planned events, and mostly before it is asked.

The store knows what is durable, up to an address that it names; what came after is in memory here.
An answer is given only when both together cover every planned event: else the store is waited for,
and who asks gives up in time. A scan says which unit will be asked for, so its look-up is begun at
once and is there when the trigger comes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import replace

from agent.core.events import (
    ComponentInstalled,
    ComponentRemoved,
    Event,
    UnitCompleted,
    UnitEvent,
    UnitPacked,
    UnitReidentified,
    UnitReworked,
    UnitScrapped,
    UnitUnpacked,
)
from agent.core.facts import facts
from agent.ports import Address, ComponentSeen, PackageSeen, TraceLookup, UnitSeen

MOST_EXPECTED = 256
"""Units whose look-up is held ready; the oldest is forgotten first."""
MOST_RECENT = 4096
"""Unit events held in memory: more than can be on their way to disk."""
MOST_DEPTH = 64
"""Parents in parents that are followed; nothing real is nested as deep."""

Placed = ComponentInstalled | ComponentRemoved | UnitPacked | UnitUnpacked
"""Events that say where something is from now on."""


def code_of(event: Placed) -> str:
    """Return the serial component, or the child, that an event has moved."""
    return event.child if isinstance(event, UnitPacked | UnitUnpacked) else event.component


def home_of(event: Placed) -> str | None:
    """Return the unit or parent that it is in from now on, None for none."""
    if isinstance(event, UnitPacked):
        return event.parent
    return event.unit if isinstance(event, ComponentInstalled) else None


LIFE = (UnitEvent, UnitScrapped, UnitReworked)
"""What says something of a unit under one of its names."""
LifeEvent = UnitEvent | UnitScrapped | UnitReworked


class Lookups:
    """What is known of units at this station, the newest events included."""

    def __init__(self, store: TraceLookup, epoch: str, before: Address | None = None) -> None:
        """Know nothing yet of an epoch; `before` is the newest address before it."""
        self._store = store
        self._epoch = epoch
        self._needed = before
        """Up to here the store must know, for it is not in memory, or cannot be merged."""
        self._recent: deque[LifeEvent] = deque()
        self._by_unit: dict[str | None, deque[LifeEvent]] = {}
        self._expected: OrderedDict[str, asyncio.Task[UnitSeen]] = OrderedDict()
        self._placed: OrderedDict[str, Placed] = OrderedDict()
        self._renamed: dict[str, str] = {}
        """What units are called by now that got another identity in this run."""
        self._running: set[asyncio.Task[UnitSeen]] = set()

    def note(self, event: Event) -> None:
        """Know a planned event from now on.

        What says more than that a unit was here, or a component moved, is rare: it is waited for
        until the store knows it.
        """
        if isinstance(event, LIFE):
            self._note_unit(event)
        elif isinstance(event, Placed):
            self._note_placed(event)
        elif facts(event):
            if isinstance(event, UnitReidentified):
                self._renamed[event.unit] = event.new
            self._need(event)

    def _note_unit(self, event: LifeEvent) -> None:
        if len(self._recent) == MOST_RECENT:
            self._forget(self._recent.popleft())
        self._recent.append(event)
        self._by_unit.setdefault(event.unit, deque()).append(event)

    def _note_placed(self, event: Placed) -> None:
        """Know from now on where a planned event says that a component or a child is."""
        code = code_of(event)
        self._placed.pop(code, None)
        self._placed[code] = event
        if len(self._placed) > MOST_RECENT:
            self._need(self._placed.popitem(last=False)[1])

    def _need(self, event: Event) -> None:
        """Have the store know an event before it is believed."""
        address = Address(event.epoch, event.seq)
        self._needed = address if self._needed is None else max(self._needed, address)

    def _forget(self, oldest: LifeEvent) -> None:
        self._need(oldest)
        left = self._by_unit[oldest.unit]
        left.popleft()
        if not left:
            del self._by_unit[oldest.unit]

    def expect(self, unit: str, handshake: str) -> None:
        """Begin the look-up of a unit that will be asked for."""
        self._expected.pop(unit, None)
        self._expected[unit] = self._begin(unit, handshake)
        if len(self._expected) > MOST_EXPECTED:
            self._expected.popitem(last=False)

    def at_hand(self, unit: str) -> UnitSeen | None:
        """Return what is known of a unit if it is known already, with all that is planned."""
        expected = self._expected.pop(unit, None)
        if expected is None or not expected.done() or expected.cancelled():
            return None
        if expected.exception() is not None:
            return None
        seen = expected.result()
        if not self._covers(seen.as_of) or not self._store.is_current(seen):
            return None
        return self._with_recent(unit, seen)

    async def find(self, unit: str, handshake: str) -> UnitSeen:
        """Return what is known of a unit, with all that is planned.

        Raises:
            StoreError: nobody can know it now.
        """
        seen = await self._begin(unit, handshake)
        while self._needed is not None and not self._covers(seen.as_of):
            await self._store.reach(self._needed)
            seen = await self._begin(unit, handshake)
        return self._with_recent(unit, seen)

    def blocked(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return which of these are blocked, as far as the store knows."""
        return self._store.blocked(names)

    def _covers(self, as_of: str) -> bool:
        """Whether what came after an address is all in memory here."""
        return self._needed is None or (bool(as_of) and Address.parse(as_of) >= self._needed)

    async def find_component(self, component: str) -> ComponentSeen:
        """Return what a serial component or a child is in, with all that is planned.

        Raises:
            StoreError: nobody can know it now.
        """
        seen = await self._store.component_seen(component)
        while self._needed is not None and not self._covers(seen.as_of):
            await self._store.reach(self._needed)
            seen = await self._store.component_seen(component)
        newest = self._placed.get(component)
        if newest is None:  # what is not in memory any more is durable
            return seen
        position = newest.position if isinstance(newest, ComponentInstalled) else None
        home = self._called_now(home_of(newest))
        return replace(seen, address=newest.address, unit=home, position=position)

    def _called_now(self, unit: str | None) -> str | None:
        """Return the identity that a unit bears by now, where it got another in this run (D-37)."""
        seen: set[str] = set()
        while unit is not None and unit not in seen:
            seen.add(unit)
            unit = self._renamed.get(unit, unit)
        return unit

    async def find_package(self, code: str) -> PackageSeen:
        """Return what something is in, to any depth, and what is in it, with all that is planned.

        Where the record has something within itself, the way ends there (D-9).
        """
        first = await self.find_component(code)
        way, home = [code], first.unit
        while home is not None and home not in way and len(way) <= MOST_DEPTH:
            way.append(home)
            home = (await self.find_component(home)).unit
        durable = await self._store.contents_seen(code)
        return PackageSeen(
            address=first.address,
            within=tuple(way[1:]),
            contents=self._still_in((code, *durable.names), durable.children, UnitPacked),
            components=self._still_in(
                (code, *durable.names), durable.components, ComponentInstalled
            ),
        )

    def _still_in(
        self, names: tuple[str, ...], durable: tuple[str, ...], kind: type[Placed]
    ) -> tuple[str, ...]:
        """Return what is in a parent, with what was planned to go in by events of a kind."""
        moved = {code: home_of(event) for code, event in self._placed.items()}
        here = [code for code in durable if moved.get(code, names[0]) in names]
        put_in = [code for code, event in self._placed.items() if isinstance(event, kind)]
        here += [code for code in put_in if moved[code] in names]
        return tuple(dict.fromkeys(here))

    def _begin(self, unit: str, handshake: str) -> asyncio.Task[UnitSeen]:
        looking = asyncio.get_running_loop().create_task(
            self._store.unit_seen(unit, handshake), name=f"look-up {unit}"
        )
        self._running.add(looking)
        looking.add_done_callback(self._ended)
        return looking

    def _ended(self, looking: asyncio.Task[UnitSeen]) -> None:
        self._running.discard(looking)
        if not looking.cancelled():
            looking.exception()  # whoever asks for the answer gets it; unasked, nobody minds

    def _with_recent(self, unit: str, seen: UnitSeen) -> UnitSeen:
        epoch, _, seq = seen.as_of.rpartition("-")
        covered = int(seq) if epoch == self._epoch else 0
        names = seen.names or (unit,)
        recent = [event for name in names for event in self._by_unit.get(name, ())]
        for event in sorted(recent, key=_seq) if len(names) > 1 else recent:
            if event.seq > covered:
                seen = _with(seen, event)
        return seen

    async def close(self) -> None:
        """Give up what is still looked for."""
        for looking in tuple(self._running):
            looking.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


def _seq(event: LifeEvent) -> int:
    return event.seq


def _with(seen: UnitSeen, event: LifeEvent) -> UnitSeen:
    """Return what is known of a unit after one more event."""
    if isinstance(event, UnitScrapped):
        return replace(seen, scrapped=True)
    if isinstance(event, UnitReworked):
        return replace(seen, reworked=True)
    seen = replace(seen, address=event.address, kind=event.kind, result=None)
    if isinstance(event, UnitCompleted):
        visits = seen.visits + 1
        result = str(event.result)
        return replace(seen, result=result, done_result=result, visits=visits, reworked=False)
    return seen
