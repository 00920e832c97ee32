"""A recall as a document that can go to an authority: the list, its reasons, and what it rests on.

The list is never narrower than the truth (D-4): what is uncertain is in it as possible, with the
reason codes of D-5, and units that nobody can name are counted beside it (D-7). `content_hash` is
SHA-256 over the canonical JSON (RFC 8785) of everything else in the document, so that whoever gets
it can prove that nothing was added or left out since.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, func, select

from agent.formats.canonical import canonical
from agent.trace import imported
from agent.trace.corrected import corrections
from agent.trace.fetching import STATION
from agent.trace.genealogy import STANDS_FOR, Found, Kind, find
from agent.trace.holdings import Station, completeness, moment
from agent.trace.label_sets import LABELS
from agent.trace.rows import NAMES_AT_ONCE, among, known_ids, pieces, reading
from agent.trace.said import UNIDENTIFIED, Role
from agent.trace.selecting import Selection, choose, cycles_of, unheard, with_whole_names
from agent.trace.shipped import Shipping
from agent.trace.store import Store
from agent.trace.tables import ABOUT, EVENTS, SOURCES, THINGS, USES
from agent.trace.widened import QUERY, Selected

ASSUMPTION = "A change of material that nobody scanned and nothing else shows cannot be seen (D-6)."


def recall_report(store: Store, asked: str | Selection) -> dict[str, Any]:
    """Return the recall of a lot, serial or unit, or of what passed as selected."""
    if isinstance(asked, str):
        query: dict[str, Any] = {"of": asked}
        cycles = None
        unknown = [] if store.knows(asked) else [f"'{asked}' is not known to this store"]
        found, lots = find(store.widened(asked), asked), frozenset({asked})
        own = {use.option: {use.why} for use in store.below(lots) if use.kind is Kind.SUBLOT}
        found = replace(
            found, surely=found.surely | lots | own.keys(), reasons={**found.reasons, **own}
        )
    else:
        with reading(store.archive.connection):
            asked = with_whole_names(store.archive.connection, asked)
            chosen = choose(store.archive.connection, asked)
            unknown = unheard(store.archive.connection, asked)
        query, cycles = asked.told(), cycles_of(asked)
        selected = Selected(store, chosen.certain, chosen.possible, "unbound_cycle")
        found, lots = find(selected, QUERY), chosen.lots
    rests = completeness(store.archive)
    with reading(store.archive.connection):
        body = _body(store, found, lots, rests)
        concern = {*found.holders, *lots, *_with_older(found, _everyone(found))}
        body["corrections"] = corrections(store.archive.connection, concern, cycles)
    body = {"recall": query, "is_known": not unknown, "unknown": unknown, **body}
    body["rests_on"] = [asdict(each) for each in rests]
    body["imported"] = store.imported()
    body["outdated"] = store.outdated()
    body["is_complete"] = bool(rests) and all(each.is_whole for each in rests)
    body["assumption"] = ASSUMPTION
    return {**body, "content_hash": content_hash(body)}


def content_hash(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a report, in which `content_hash` itself does not count."""
    plain = {key: value for key, value in document.items() if key != "content_hash"}
    return sha256(canonical(plain)).hexdigest()


def _body(
    store: Store, found: Found, lots: Collection[str], rests: Sequence[Station]
) -> dict[str, Any]:
    connection, answer = store.archive.connection, found.recall
    named = {
        "certain": _named(answer.certain),
        "possible": _named(answer.possible),
        "scrapped": _named(answer.scrapped),
        "cleared": _named(answer.cleared),
    }
    names = _with_older(found, _everyone(found))
    seen = _seen(connection, names)
    shipping = Shipping(connection, store, rests)
    shipped = shipping.of(names, _stations(seen))
    imported.add_sights(connection, names, seen)
    anonymous = [
        name for name in (*answer.certain, *answer.possible) if name.startswith(UNIDENTIFIED)
    ]
    listed = {
        what: [
            {
                "unit": unit,
                **_why(found, unit, what),
                **seen.get(unit, _UNSEEN),
                **_place(found, unit),
                **shipped[unit],
            }
            for unit in units
        ]
        for what, units in named.items()
    }
    counted = _lots(connection, {*found.holders, *lots}, found)
    of_lots = {each["lot"]: each["lot"] for each in counted}
    seen = _seen(connection, of_lots)
    shipped = shipping.of(of_lots, _stations(seen), are_lots=True)
    units = {*named["certain"], *named["possible"]}
    scopes = _scopes(connection, {name: of for name, of in names.items() if of in units})
    return {
        **listed,
        "unidentified": _unidentified(connection, anonymous),
        "lots": [{**each, **shipped[each["lot"]]} for each in counted],
        "scopes": scopes | _scopes_of_pieces(connection, counted),
        "shipping": shipping.told(),
    }


def _everyone(found: Found) -> list[str]:
    """Return all that is listed by name."""
    answer = found.recall
    return _named((*answer.certain, *answer.possible, *answer.scrapped, *answer.cleared))


def _stations(seen: Mapping[str, Mapping[str, Any]]) -> dict[str, str | None]:
    """Return of each thing that is listed where it was seen last."""
    return {name: each["last_station"] for name, each in seen.items()}


def _named(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith(STANDS_FOR)]


def _why(found: Found, unit: str, what: str) -> dict[str, Any]:
    codes = found.reasons.get(unit, set()) if what in {"certain", "possible"} else set()
    return {"reasons": sorted(codes)}


def _with_older(found: Found, units: Iterable[str]) -> dict[str, str]:
    """Return of each name that a unit has or had the one by which it is listed."""
    names = {unit: unit for unit in units}
    for unit in list(names):
        name = found.older.get(unit)
        while name is not None and name not in names:
            names[name] = unit
            name = found.older.get(name)
    return names


_NO_SIGHT = (Role.ENTERED.value, Role.WAS.value)
_UNSEEN = {"first_seen": None, "last_seen": None, "last_station": None, "left": None}


def _place(found: Found, unit: str) -> dict[str, Any]:
    return {"in": found.packed.get(unit)}


def _seen(connection: Connection, units: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return of units when and where they were seen, and whether they left as far as is known.

    `units` has every name that they had, with the one by which they are listed.
    """
    found: dict[str, dict[str, Any]] = {}
    for some in pieces(units, NAMES_AT_ONCE):
        asked = (
            select(THINGS.c.name, EVENTS.c.received_ms, SOURCES.c.name, ABOUT.c.role)
            .join(ABOUT, ABOUT.c.thing == THINGS.c.id)
            .join(EVENTS, EVENTS.c.id == ABOUT.c.event)
            .join(SOURCES, SOURCES.c.id == EVENTS.c.station)
            .where(among(connection, THINGS.c.name, some), ABOUT.c.role.not_in(_NO_SIGHT))
            .order_by(EVENTS.c.received_ms, EVENTS.c.id)
        )
        for name, at_ms, station, role in connection.execute(asked):
            at = moment(at_ms)
            entry = found.setdefault(units[name], {"first_seen": at, "last_seen": at, "left": None})
            entry["first_seen"] = min(entry["first_seen"], at)
            if at >= entry["last_seen"]:
                entry |= {"last_seen": at, "last_station": station.removeprefix(STATION)}
            if role == Role.LEFT.value:
                entry["left"] = at
    return found


def _unidentified(connection: Connection, holders: Iterable[str]) -> list[dict[str, Any]]:
    """Return of each station how many units that nobody can name belong to it, and when (D-7)."""
    found: dict[str, dict[str, Any]] = {}
    for some in pieces(holders, NAMES_AT_ONCE):
        asked = (
            select(SOURCES.c.name, EVENTS.c.received_ms, ABOUT.c.n)
            .join(EVENTS, EVENTS.c.station == SOURCES.c.id)
            .join(ABOUT, ABOUT.c.event == EVENTS.c.id)
            .join(THINGS, THINGS.c.id == ABOUT.c.thing)
            .where(among(connection, THINGS.c.name, some), ABOUT.c.role == Role.UNIDENTIFIED.value)
            .order_by(EVENTS.c.received_ms)
        )
        for name, at_ms, n in connection.execute(asked):
            station, at = name.removeprefix(STATION), moment(at_ms)
            entry = found.setdefault(
                station, {"station": station, "up_to": 0, "unknown_more": False, "from": at}
            )
            entry["up_to"] += n or 0
            entry["unknown_more"] |= n is None
            entry["to"] = at
    return [found[station] for station in sorted(found)]


def _lots(connection: Connection, holders: Iterable[str], found: Found) -> list[dict[str, Any]]:
    """Return the product lots among what may hold it, with the pieces that were counted to them."""
    return [
        {
            "lot": lot,
            "pieces": n,
            "certainty": "certain" if lot in found.surely else "possible",
            "reasons": sorted(found.reasons.get(lot, ())),
        }
        for lot, n in _pieces_of(connection, _named(holders))
    ]


def _pieces_of(connection: Connection, lots: Iterable[str]) -> list[tuple[str, int]]:
    """Return those lots to which pieces were counted themselves, by name, with how many."""
    found: list[tuple[str, int]] = []
    for some in pieces(sorted(lots), NAMES_AT_ONCE):
        asked = (
            select(THINGS.c.name, func.sum(ABOUT.c.n))
            .join(ABOUT, ABOUT.c.thing == THINGS.c.id)
            .where(among(connection, THINGS.c.name, some), ABOUT.c.role == Role.PIECES.value)
            .group_by(THINGS.c.name)
        )
        found += [(lot, int(n)) for lot, n in connection.execute(asked)]
    return sorted(found)


def _scopes_of_pieces(
    connection: Connection, counted: Collection[Mapping[str, Any]]
) -> dict[str, int]:
    """Return how many pieces it is by sub-lots, and would be by the lots they are of (D-10)."""
    if not counted:
        return {}
    named = {each["lot"] for each in counted}
    holder, option = THINGS.alias(), THINGS.alias()
    everything = set(named)
    for begin, end in ((option, holder), (holder, option)):  # up to the lots, down to all of them
        for some in pieces(sorted(everything), NAMES_AT_ONCE):
            asked = (
                select(end.c.name)
                .distinct()
                .select_from(USES)
                .join(holder, holder.c.id == USES.c.holder)
                .join(option, option.c.id == USES.c.option)
                .where(USES.c.kind == Kind.SUBLOT.value, among(connection, begin.c.name, some))
            )
            everything |= {name for (name,) in connection.execute(asked)}
    return {
        "pieces_by_lots": sum(each["pieces"] for each in counted),
        "pieces_by_whole_lots": sum(n for _, n in _pieces_of(connection, everything)),
    }


def _scopes(connection: Connection, names: Mapping[str, str]) -> dict[str, int]:
    """Return how many units it would be by coarser records: order, station and time (D-10).

    Coarser records cannot tell apart what these can: whoever is listed is in each of them.

    Args:
        connection: Of the store.
        names: Every name that a unit has or had, with the one by which it is listed.
    """
    units = set(names.values())
    listed = set(known_ids(connection, names).values())
    orders: set[str] = set()
    times: dict[int, list[int]] = defaultdict(list)
    for some in pieces(sorted(names), NAMES_AT_ONCE):
        of_units = (
            select(EVENTS.c.id, EVENTS.c.station, EVENTS.c.received_ms)
            .join(ABOUT, ABOUT.c.event == EVENTS.c.id)
            .join(THINGS, THINGS.c.id == ABOUT.c.thing)
            .where(among(connection, THINGS.c.name, some), EVENTS.c.kind == "unit_completed")
        )
        events: set[int] = set()
        for number, station, at_ms in connection.execute(of_units):
            events.add(number)
            times[station].append(at_ms)
        asked = (
            select(LABELS.c.name)
            .distinct()
            .where(LABELS.c.what == "order", among(connection, LABELS.c.event, events))
        )
        orders.update(name for (name,) in connection.execute(asked))
    found = {"by_links": len(units)}
    if times:
        found["by_station_and_time"] = len(_within(connection, times) - listed) + len(units)
    if orders:
        found["by_order"] = len(_of_orders(connection, orders) - listed) + len(units)
    return found


def _within(connection: Connection, times: Mapping[int, list[int]]) -> set[int]:
    things: set[int] = set()
    for station, at_ms in times.items():
        asked = (
            select(ABOUT.c.thing)
            .distinct()
            .join(EVENTS, EVENTS.c.id == ABOUT.c.event)
            .where(
                EVENTS.c.station == station,
                EVENTS.c.received_ms.between(min(at_ms), max(at_ms)),
                EVENTS.c.kind == "unit_completed",
                ABOUT.c.role == Role.IS.value,
            )
        )
        things.update(thing for (thing,) in connection.execute(asked))
    return things


def _of_orders(connection: Connection, orders: Iterable[str]) -> set[int]:
    things: set[int] = set()
    for some in pieces(sorted(orders), NAMES_AT_ONCE):
        asked = (
            select(ABOUT.c.thing)
            .distinct()
            .join(LABELS, LABELS.c.event == ABOUT.c.event)
            .where(
                LABELS.c.what == "order",
                among(connection, LABELS.c.name, some),
                ABOUT.c.role == Role.IS.value,
            )
        )
        things.update(thing for (thing,) in connection.execute(asked))
    return things
