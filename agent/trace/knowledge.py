"""What one station can know of a unit: its own look-up, and those of the stations around it.

Stations of one process share what they know. A station beside this one is asked up to its newest
durable event, so that a unit that has just left it is not missing; one that cannot be asked says
so, and the station's policy decides (D-41). Other names of a unit count wherever they were given.

A station elsewhere is followed over a broker (`neighbour.py`) and is asked in the same way. Where
what is known of it may not be all, it counts as not known, save for what is against the unit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

from agent.ports import Address, ComponentSeen, ContentsSeen, PreviousSeen, StoreError, UnitSeen
from agent.trace.asking import COMPLETED, Contents, Place, Stay
from agent.trace.lookup import Known, LookupStore
from drivers.base import EventSeen

SCRAPPED, REWORKED = "unit_scrapped", "unit_reworked"
_LIFE = frozenset({SCRAPPED, REWORKED})


class Events(Protocol):
    """What only the events themselves say: a journal."""

    async def event_seen(self, address: Address) -> EventSeen | None:
        """Return what is known of a durable event."""
        ...


class Source(Protocol):
    """A station beside this one, of this process or elsewhere."""

    @property
    def version(self) -> int:
        """Rises with all that may change an answer."""
        ...

    @property
    def blocked(self) -> frozenset[str]:
        """The lots, units and components that are blocked there."""
        ...

    async def reach(self) -> None:
        """Return when all that can be known now is known.

        Raises:
            StoreError: it cannot be asked now.
        """
        ...

    async def known(self, names: Collection[str], asked: str | None = None) -> Known:
        """Return what is known of the unit that bears these names; `asked`: by which it came.

        Raises:
            StoreError: it cannot be asked now.
        """
        ...

    async def component(self, component: str) -> tuple[Place | None, str]:
        """Return where a serial component is, and up to which address that is known.

        Raises:
            StoreError: it cannot be asked now.
        """
        ...

    async def contents(self, parent: Collection[str]) -> Contents:
        """Return what is in the unit or the parent that bears these names.

        Raises:
            StoreError: it cannot be asked now.
        """
        ...


class StationLookup:
    """The port `TraceLookup` of one station."""

    def __init__(
        self,
        own: LookupStore,
        around: Mapping[str, Source],
        previous: tuple[str, ...],
        events: Events,
        elsewhere: Mapping[str, Source] | None = None,
    ) -> None:
        """Know the stations of this process, and those that are followed.

        Args:
            own: This station's own look-up.
            around: Those of all stations of the process, by path; it may still grow.
            previous: Stations that a unit must have passed before this one.
            events: This station's journal.
            elsewhere: Stations of other gateways, by path.
        """
        self._own = own
        self._around = around
        self._far = elsewhere or {}
        self._previous = previous
        self._asked = tuple(dict.fromkeys((*previous, *self._far)))
        """Whose word on a unit counts: it may be scrap, or have another name, at any of them."""
        self._events = events

    # -------------------------------------------------------------- units

    async def unit_seen(self, unit: str, handshake: str) -> UnitSeen:
        """Return what is known of a unit here, and at the stations before this one."""
        version = self._version()
        names, known, elsewhere = await self._all(unit)
        newest, done, visits, reworked = None, None, 0, False
        for stay in known.history.stays:
            visits += stay.kind == COMPLETED
            done = stay if stay.kind == COMPLETED else done
            reworked = stay.kind == REWORKED or (reworked and stay.kind != COMPLETED)
            if stay.kind not in _LIFE and handshake in {"", stay.handshake}:
                newest = stay
        everywhere = (known, *(each for each in elsewhere.values() if each is not None))
        renamed = (each.history.renamed_to for each in everywhere)
        return UnitSeen(
            address=newest.address if newest is not None else None,
            kind=newest.kind if newest is not None else None,
            result=newest.result if newest is not None else None,
            visits=visits,
            done_result=done.result if done is not None else None,
            as_of=known.as_of,
            names=tuple(sorted(names)),
            scrapped=any(_is_scrap(each) for each in everywhere),
            reworked=reworked,
            renamed_to=next((name for name in renamed if name is not None), None),
            previous=tuple(_previous(path, elsewhere[path]) for path in self._previous),
            since=known.since,
            version=version,
        )

    async def _all(self, unit: str) -> tuple[frozenset[str], Known, dict[str, Known | None]]:
        """Ask every station, again for each other name that one of them knows."""
        names = frozenset({unit})
        while True:
            known = await self._own.known(names, unit)
            elsewhere = await self._ask_all(names, unit)
            heard = [known, *(each for each in elsewhere.values() if each is not None)]
            found = names.union(*(each.history.names for each in heard))
            if found == names:
                return names, known, elsewhere
            names = found

    async def _ask_all(self, names: frozenset[str], unit: str) -> dict[str, Known | None]:
        """Ask every other station, all at the same time."""
        if len(self._asked) == 1:  # mostly; it needs no task
            return {self._asked[0]: await self._elsewhere(self._asked[0], names, unit)}
        asked = (self._elsewhere(path, names, unit) for path in self._asked)
        return dict(zip(self._asked, await asyncio.gather(*asked), strict=True))

    def _source(self, path: str) -> Source | None:
        return self._around.get(path) or self._far.get(path)

    def _sources(self) -> Iterator[Source]:
        """Yield every station that can be asked, this one too."""
        yield from self._around.values()
        yield from self._far.values()

    async def _elsewhere(self, path: str, names: frozenset[str], unit: str) -> Known | None:
        """Return what a station knows up to its newest durable event; None: it cannot be asked."""
        source = self._source(path)
        if source is None:
            return None
        try:
            await source.reach()
            return await source.known(names, unit)
        except StoreError:
            return None

    def _version(self) -> tuple[int, ...]:
        sources = (self._source(path) for path in self._asked)
        return tuple(source.version if source is not None else -1 for source in sources)

    def is_current(self, seen: UnitSeen) -> bool:
        """Return whether no station before this one has learned anything since."""
        return seen.version == self._version()

    async def reach(self, address: Address) -> None:
        """Return once answers cover this station's events up to an address."""
        await self._own.reach(address)

    async def event_seen(self, address: Address) -> EventSeen | None:
        """Return what the journal knows of a durable event; None: it is not kept."""
        return await self._events.event_seen(address)

    async def contents_seen(self, parent: str) -> ContentsSeen:
        """Return what is in a parent or a unit, whichever station put it in, and by what name."""
        names, known = await self._everywhere(parent)
        children = [code for each in known for code in each.children]
        components = [code for each in known for code in each.components]
        return ContentsSeen(
            names=tuple(sorted(names)),
            children=await self._still_in(names, children),
            components=await self._still_in(names, components),
        )

    async def _everywhere(self, parent: str) -> tuple[frozenset[str], list[Contents]]:
        """Ask every station of this process, again for each other name that one of them knows."""
        names = frozenset({parent})
        while True:
            known = [await self._own.contents(names)]
            for source in self._sources():
                if source is not self._own:
                    known += await self._contents(source, names)
            found = names.union(*(each.names for each in known))
            if found == names:
                return names, known
            names = found

    async def _contents(self, source: Source, names: frozenset[str]) -> list[Contents]:
        """Return what a station knows; nothing where it cannot be asked."""
        try:
            await source.reach()
            return [await source.contents(names)]
        except StoreError:
            return []

    async def _still_in(self, names: frozenset[str], codes: Iterable[str]) -> tuple[str, ...]:
        """Return what is there by the newest word of any station."""
        homes = {code: (await self.component_seen(code)).unit for code in dict.fromkeys(codes)}
        return tuple(code for code, home in homes.items() if home in names)

    def blocked(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return which of these are blocked at any station of this process."""
        blocked = frozenset[str]().union(*(source.blocked for source in self._sources()))
        return tuple(name for name in names if name in blocked)

    # -------------------------------------------------------------- components

    async def component_seen(self, component: str) -> ComponentSeen:
        """Return where a serial component is: by the newest word of any station here."""
        place, as_of = await self._own.component(component)
        for source in self._sources():
            if source is not self._own:
                place = _newer(place, await self._component(source, component))
        return ComponentSeen(
            address=place.address if place is not None else None,
            unit=place.unit if place is not None else None,
            as_of=as_of,
            position=place.position if place is not None else None,
        )

    async def _component(self, source: Source, component: str) -> Place | None:
        try:
            await source.reach()
            return (await source.component(component))[0]
        except StoreError:
            return None


def _newer(one: Place | None, other: Place | None) -> Place | None:
    if one is None or (other is not None and other.at_ms > one.at_ms):
        return other
    return one


def _is_scrap(known: Known) -> bool:
    return any(stay.kind == SCRAPPED for stay in known.history.stays)


def _previous(path: str, known: Known | None) -> PreviousSeen:
    if known is None:
        return PreviousSeen(station=path, known=False)
    if not known.is_whole:
        return PreviousSeen(station=path, known=False, as_of=known.as_of or None)
    done: Stay | None = None
    for stay in known.history.stays:
        done = stay if stay.kind == COMPLETED else done
    return PreviousSeen(
        station=path,
        known=True,
        address=done.address if done is not None else None,
        result=done.result if done is not None else None,
        certain=done.certain if done is not None else True,
        as_of=known.as_of,
    )
