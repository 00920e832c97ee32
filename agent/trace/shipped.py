"""Whether what a recall lists left the house, as far as it was recorded; never guessed.

    shipped     a record says so: of the unit, of what it was in then, or of the lot that it is of
    in_part     of a lot: some of it
    in_house    it came back or was last seen here, and the records of shipping that go on from then
                do not name it
    unknown     `shipped_why` says why

Records of shipping are those of stations (`lineside do STATION ship`) and lists of other systems.
They speak for a time: from their first shipment to the newest event of the station, or the last
line of the list. Without any, everything is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from math import inf
from typing import Any

from sqlalchemy import Connection, func, select

from agent.trace import fetching
from agent.trace.fetching import STATION
from agent.trace.genealogy import Kind, Links
from agent.trace.holdings import Station, moment
from agent.trace.rows import NAMES_AT_ONCE, among, pieces
from agent.trace.said import Role
from agent.trace.shipment_records import Record, Within, within
from agent.trace.tables import ABOUT, EVENTS, SHIPMENTS, SOURCES, THINGS, USES
from agent.trace.unmatched import is_unmatched, unmatched

SHIPPED, IN_PART, IN_HOUSE, UNKNOWN = "shipped", "in_part", "in_house", "unknown"
_SEEN = ("unit_started", "unit_completed", "unit_refused", "unit_packed", "unit_unpacked")
"""Kinds that say that a unit itself was there."""
_WITHIN = frozenset({Kind.PACK, Kind.PART, Kind.NAME, Kind.SUBLOT})
_SITE = 2
"""So many parts of a station's path name its site, where it has more."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A station that records shipping, or a list, and for which time it speaks."""

    name: str
    since: float
    until: float
    is_whole: bool
    is_list: bool

    def told(self) -> dict[str, Any]:
        """Return it as the report has it."""
        return {
            "source": self.name.removeprefix(STATION),
            "since": moment(round(self.since * 1000)),
            "until": moment(round(self.until * 1000)),
            "is_whole": self.is_whole,
        }


@dataclass(slots=True)
class Shipping:
    """What a store knows of shipping, for one recall."""

    connection: Connection
    links: Links
    stations: Sequence[Station]
    records: int = 0
    sources: list[_Source] = field(default_factory=list)
    _unmatched: float | None = None

    def __post_init__(self) -> None:
        """Look up whether shipping is recorded at all."""
        count = select(func.count()).select_from(SHIPMENTS)
        self.records = self.connection.scalar(count) or 0
        self.sources = list(self._sources())

    def told(self) -> dict[str, Any]:
        """Return what all of it rests on."""
        return {
            "records": self.records,
            "sources": [each.told() for each in self.sources],
            "unmatched": unmatched(self.connection) if self.records else [],
        }

    def of(
        self,
        names: Mapping[str, str],
        stations: Mapping[str, str | None],
        *,
        are_lots: bool = False,
    ) -> dict[str, dict[str, Any]]:
        """Return of each thing that is listed whether it was shipped.

        Args:
            names: Every name that a thing has or had, with the one by which it is listed.
            stations: Of what is listed, the path of the station that saw it last.
            are_lots: Of which a part may leave while they go on.
        """
        listed = set(names.values())
        if not self.records:
            quantity = {"shipped_quantity": None} if are_lots else {}
            return {name: _unknown("no_records") | quantity for name in listed}
        places = self._places(names)
        by_thing = self._said({place.thing for some in places.values() for place in some})
        own = {} if are_lots else self._own_lots(names)
        for name, lots in own.items():
            by_thing |= self._said({place.thing for place in lots} - by_thing.keys())
            places[name] += lots
        seen = self._last_seen(names)
        found = {}
        for name in listed:
            said = [
                (record, place)
                for place in places[name]
                for record in by_thing.get(place.thing, ())
                if place.has(record)
            ]
            sight = seen.get(name)
            at = None if are_lots else sight
            judged = self._judged(said, at, sight, stations.get(name))
            is_part = judged["shipped_why"] == "part_of_lot" and are_lots
            found[name] = judged | ({SHIPPED: IN_PART, "shipped_why": None} if is_part else {})
            if are_lots:
                found[name]["shipped_quantity"] = _sum_of(said)
        return found

    # -------------------------------------------------------------- one thing

    def _judged(
        self,
        said: Iterable[tuple[Record, Within]],
        here_at: float | None,
        seen: float | None,
        station: str | None,
    ) -> dict[str, Any]:
        """Return what the records come to; those from before it was seen here say nothing more.

        Lists aside: they may be dated by the day, or booked before the goods went.
        """
        gone: tuple[Record, Within] | None = None
        doubt: tuple[str, Record, Within] | None = None
        since = seen
        for record, place in sorted(said, key=lambda pair: pair[0].order):
            if record.order > -inf and record.order < max(place.since, here_at or -inf):
                if record.event is None and not record.is_back:  # it may have left after that
                    doubt = ("seen_after", record, place)
                continue
            is_sure = place.is_certain and record.is_all
            why = "part_of_lot" if place.is_certain else "may_be_in"
            if is_sure:
                doubt, gone = None, None if record.is_back else (record, place)
            elif record.is_back == (gone is not None):
                doubt = (why, record, place)
            if record.is_back and is_sure:
                since = max(record.order, -inf if since is None else since)
        if doubt is not None:
            return _unknown(doubt[0]) | _told(doubt[1], doubt[2].thing)
        if gone is not None:
            return {SHIPPED: SHIPPED, "shipped_why": None} | _told(gone[0], gone[1].thing)
        return self._here(since, station)

    def _here(self, since: float | None, station: str | None) -> dict[str, Any]:
        """Return whether what was seen then is here still, by records that go on from then."""
        speak = [each for each in self.sources if each.is_list or _is_of_site(each.name, station)]
        why = None
        if since is None or since == -inf:
            why = "never_seen"
        elif not speak:
            why = "no_records"
        elif not any(each.since <= since for each in speak):
            why = "before_records"
        elif not any(each.since <= since <= each.until for each in speak):
            why = "after_records"
        elif not all(each.is_whole for each in speak):
            why = "gap"
        elif self._newest_unmatched() >= since:
            why = "unmatched_shipment"
        if why is not None:
            return _unknown(why)
        return {SHIPPED: IN_HOUSE, "shipped_why": None} | _NOT_TOLD

    # -------------------------------------------------------------- what it was in

    def _places(self, names: Mapping[str, str]) -> dict[str, list[Within]]:
        """Return of each thing that is listed all that it is or was in, itself first."""
        found: dict[str, list[Within]] = defaultdict(list)
        for name, listed in names.items():
            found[listed].append(Within(name))
        frontier = {name: [(listed, Within(name))] for name, listed in names.items()}
        seen = {(listed, name, -inf, inf) for name, listed in names.items()}
        while frontier:
            reached: dict[str, list[tuple[str, Within]]] = defaultdict(list)
            for use in self.links.above(list(frontier)):
                if use.kind not in _WITHIN and use.why != "alias":
                    continue
                for listed, inner in frontier[use.option]:
                    place = within(inner, use)
                    key = (listed, place.thing, place.since, place.until)
                    if place.since < place.until and key not in seen:
                        seen.add(key)
                        found[listed].append(place)
                        reached[place.thing].append((listed, place))
            frontier = dict(reached)
        return found

    def _own_lots(self, names: Mapping[str, str]) -> dict[str, list[Within]]:
        """Return of units the lots that they are of, where anything of those was shipped.

        What a unit is of is no load, so that it is in no kit (kits.py).
        """
        holder, option = THINGS.alias(), THINGS.alias()
        pairs: dict[str, set[str]] = defaultdict(set)
        for some in pieces(names, NAMES_AT_ONCE):
            asked = (
                select(holder.c.name, option.c.name)
                .distinct()
                .select_from(USES)
                .join(SHIPMENTS, SHIPMENTS.c.thing == USES.c.option)
                .join(holder, holder.c.id == USES.c.holder)
                .join(option, option.c.id == USES.c.option)
                .where(USES.c.kind == Kind.FEED.value, among(self.connection, holder.c.name, some))
            )
            for name, lot in self.connection.execute(asked):
                pairs[name].add(lot)
        found: dict[str, list[Within]] = defaultdict(list)
        for name, event in self._made(pairs):
            lots = [event.get("lot"), *event.get("lots", ())]
            is_sure = len(lots) == 1 and not event.get("lot_why")
            found[names[name]] += [
                Within(lot, is_certain=is_sure) for lot in lots if lot in pairs[name]
            ]
        return found

    def _made(self, names: Collection[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the completed cycles of units."""
        if not names:
            return
        asked = (
            select(THINGS.c.name, EVENTS.c.id)
            .join(ABOUT, ABOUT.c.thing == THINGS.c.id)
            .join(EVENTS, EVENTS.c.id == ABOUT.c.event)
            .where(
                among(self.connection, THINGS.c.name, sorted(names)),
                EVENTS.c.kind == "unit_completed",
            )
        )
        rows = self.connection.execute(asked).fetchall()
        said = fetching.bodies(self.connection, [number for _, number in rows])
        yield from ((name, said[number]) for name, number in rows)

    # -------------------------------------------------------------- what is recorded

    def _said(self, things: Collection[str]) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = defaultdict(list)
        columns = [SHIPMENTS.c[name] for name in _COLUMNS]
        for some in pieces(sorted(things), NAMES_AT_ONCE):
            asked = (
                select(THINGS.c.name, *columns)
                .join(THINGS, THINGS.c.id == SHIPMENTS.c.thing)
                .where(among(self.connection, THINGS.c.name, some))
                .order_by(SHIPMENTS.c.event)
            )
            for row in self.connection.execute(asked):
                found[row[0]].append(Record(*row))
        return found

    def _last_seen(self, names: Mapping[str, str]) -> dict[str, float]:
        """Return when a station saw each of them last, by its own senses."""
        found: dict[str, float] = {}
        for some in pieces(names, NAMES_AT_ONCE):
            asked = (
                select(THINGS.c.name, func.max(EVENTS.c.received_ms))
                .join(ABOUT, ABOUT.c.thing == THINGS.c.id)
                .join(EVENTS, EVENTS.c.id == ABOUT.c.event)
                .where(
                    among(self.connection, THINGS.c.name, some),
                    ABOUT.c.role.in_([Role.IS.value, Role.PIECES.value]),
                    EVENTS.c.kind.in_((*_SEEN, "lot_counted", "lot_closed")),
                )
                .group_by(THINGS.c.name)
            )
            for name, at_ms in self.connection.execute(asked):
                listed = names[name]
                found[listed] = max(found.get(listed, -inf), at_ms / 1000)
        return found

    def _sources(self) -> Iterator[_Source]:
        held = {STATION + each.station: each for each in self.stations}
        ends = (func.min(SHIPMENTS.c.at), func.max(SHIPMENTS.c.at))
        asked = (
            select(SOURCES.c.name, *ends)
            .join(SHIPMENTS, SHIPMENTS.c.source == SOURCES.c.id)
            .group_by(SOURCES.c.name)
            .order_by(SOURCES.c.name)
        )
        for name, first, last in self.connection.execute(asked):
            if first is None:
                continue
            station = held.get(name)
            if station is None:
                yield _Source(name, first, last, is_whole=True, is_list=True)
            else:
                newest = last if station.until is None else max(last, _seconds(station.until))
                yield _Source(name, first, newest, is_whole=station.is_whole, is_list=False)

    def _newest_unmatched(self) -> float:
        """Return when the newest thing left of which only that is known: it may hold anything."""
        if self._unmatched is not None:
            return self._unmatched
        asked = select(func.max(func.coalesce(SHIPMENTS.c.at, _FOR_EVER)))
        asked = asked.where(*is_unmatched(), SHIPMENTS.c.is_back.is_(False))
        newest = self.connection.scalar(asked)
        self._unmatched = -inf if newest is None else float(newest)
        return self._unmatched


_COLUMNS = ("at", "is_back", "is_all", "quantity", "measure", "party", "document", "event")
_FOR_EVER = 1e15
_NOT_TOLD = {"shipped_at": None, "shipped_to": None, "document": None, "shipped_in": None}


def _told(record: Record, thing: str) -> dict[str, Any]:
    return {
        "shipped_at": None if record.at is None else moment(round(record.at * 1000)),
        "shipped_to": record.party,
        "document": record.document,
        "shipped_in": thing,
    }


def _unknown(why: str) -> dict[str, Any]:
    return {SHIPPED: UNKNOWN, "shipped_why": why} | _NOT_TOLD


def _sum_of(said: Iterable[tuple[Record, Within]]) -> str | None:
    """Return how much of a lot is out, as far as every record says how much it was."""
    total = Decimal(0)
    for record, _ in said:
        try:
            amount = Decimal(record.quantity or "")
        except InvalidOperation:
            return None
        total += -amount if record.is_back else amount
    return f"{total:f}" if said else None


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _is_of_site(source: str, station: str | None) -> bool:
    """Whether a station that records shipping is at the site of another one."""
    if station is None:
        return False
    ours, theirs = station.split("/"), source.removeprefix(STATION).split("/")
    depth = _SITE if min(len(ours), len(theirs)) > _SITE else 1
    return ours[:depth] == theirs[:depth]
