"""Which events are to be read anew because of events that came in.

What speaks of what:
    correction          -> what it supersedes, through corrections of corrections; of a load all
                           that drew from it, of a removal all that had the part in it
    late load, its end  -> units recorded before that it meets by its interval (D-44)
                           of what a cycle was bound by, the cycle (grounds.py)
    install             -> the cycle it belongs to; the cycle -> its installs
    removal, conflict   -> what had the part in it, under any of its names
    new identity        -> what was put into the unit under any of its names, and what had it in it
                           if it was moved
    cycle, load, its end -> cycles behind it that nobody saw (unseen.py)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select

from agent.trace import fetching, grounds, identities, unseen
from agent.trace.corrections import Document
from agent.trace.fetching import STATION, Key, key_of
from agent.trace.genealogy import Kind
from agent.trace.rows import NAMES_AT_ONCE, among, known_ids, pieces
from agent.trace.said import lots_of, unknown_at
from agent.trace.tables import (
    ABOUT,
    DRAWN,
    EPOCHS,
    EVENTS,
    KIT_LOTS,
    LOADS,
    MOVES,
    SOURCES,
    USES,
)

SLOT_BITS = 12
"""How many slots an event may have: the rest of a slot's number is the event's id."""
_LOADS = frozenset({"component_loaded", "load_refused"})
_MOVES = {
    "component_removed": "component",
    "component_conflict": "component",
    "unit_unpacked": "child",
    "packing_conflict": "child",
}


def by(connection: Connection, fresh: Mapping[int, Document]) -> set[int]:
    """Return which events, new ones aside, are to be read anew."""
    corrected: set[Key] = set()
    parts: set[str] = set()
    units: set[str] = set()
    for event in fresh.values():
        kind = event["kind"]
        if kind == "event_corrected" or (kind == "component_installed" and event.get("because")):
            corrected |= _concerned(event)
        elif kind in _MOVES:
            parts.add(event[_MOVES[kind]])
        elif kind == "unit_reidentified":
            units |= {event["unit"], event["new"]}
        elif kind == "identity_conflict":
            units.add(event["unit"])
    renamed = identities.renamed(fresh.values())
    units |= {*identities.identities(connection, units, renamed)}
    parts |= units & {*moved(connection, units)}
    found = _of_corrected(connection, corrected, parts)
    found |= _corrected_already(connection, fresh, parts)
    found |= _met(
        connection,
        [n for n, event in fresh.items() if event["kind"] in _LOADS | {"component_unloaded"}],
    )
    found |= users(connection, {*identities.identities(connection, parts, renamed)})
    found |= _of_units(connection, units)
    found |= unseen.later(connection, fresh)
    return found - fresh.keys()


def _of_corrected(connection: Connection, keys: Iterable[Key], parts: set[str]) -> set[int]:
    """Return what corrections concern; the parts that they concern are added to `parts`."""
    found: set[int] = set()
    seen: set[Key] = set()
    frontier = set(keys)
    while frontier:
        seen |= frontier
        events = fetching.by_address(connection, frontier)
        found |= events.keys()
        frontier = set()
        for event in events.values():
            frontier |= _concerned(event)
            found |= _by_correction(connection, event, parts)
        frontier -= seen
    return found


def _concerned(event: Document) -> set[Key]:
    """Return the events that a corrected event itself speaks of."""
    if event["kind"] == "event_corrected":
        return {(event["station"], address) for address in event["supersedes"]}
    if event["kind"] == "component_installed" and event.get("because"):
        return {(event["station"], event["because"][0])}
    return set()


def _corrected_already(
    connection: Connection, fresh: Mapping[int, Document], parts: set[str]
) -> set[int]:
    """Return what is concerned where an event came after its own correction, or its installs."""
    by_key = {key_of(e): e for e in fresh.values() if e["kind"] != "event_corrected"}
    found: set[int] = set()
    for key, said in fetching.refs(connection, by_key, ["correct", "install"]).items():
        found.update(number for number, kind in said if kind == "install")
        if any(kind == "correct" for _, kind in said):
            found |= _by_correction(connection, by_key[key], parts)
    return found


def _by_correction(connection: Connection, event: Document, parts: set[str]) -> set[int]:
    """Return what is concerned where an event is not, or no longer, as it was recorded."""
    kind = event["kind"]
    if kind in _LOADS:
        return _drawn_from(connection, event)
    if kind in grounds.KINDS:
        return _resting(connection, event)
    if kind == "unit_reidentified":
        names = {*identities.identities(connection, _names_given(connection, event))}
        parts |= names
        return _of_units(connection, names)
    if kind in _MOVES:
        parts.add(event[_MOVES[kind]])
    elif kind == "component_installed":
        return set(fetching.by_address(connection, _concerned(event)))
    return set()


def _names_given(connection: Connection, event: Document) -> set[str]:
    """Return the names that a new identity is about, as it was recorded and as it is right."""
    chain = fetching.chains(connection, [key_of(event)])
    right = (each.get("replacement", ()) for some in chain.values() for each in some)
    named = (value for some in right for name, value in some if name in {"unit", "new"})
    return {event["unit"], event["new"], *named}


def _resting(connection: Connection, ground: Document) -> set[int]:
    """Return every event that may have been bound by what was corrected."""
    chain = fetching.chains(connection, [key_of(ground)])
    return grounds.resting(connection, ground, [each for some in chain.values() for each in some])


def _drawn_from(connection: Connection, load: Document) -> set[int]:
    """Return every event that may have drawn from a load, by any of the lots it was said to be."""
    chain = fetching.chains(connection, [key_of(load)])
    names = {*lots_of(load), unknown_at(load, load["position"])}
    for corrections in chain.values():
        for correction in corrections:
            names.update(
                value for name, value in correction.get("replacement", ()) if name == "lot"
            )
    source = fetching.source(connection, load["station"])
    return _using(connection, names, source)


def users(connection: Connection, parts: set[str]) -> set[int]:
    """Return every event that put one of these into something."""
    return _using(connection, parts, None) if parts else set()


def _using(connection: Connection, names: set[str], source: int | None) -> set[int]:
    ids = sorted(known_ids(connection, names).values())
    found: set[int] = set()
    for some in pieces(ids, NAMES_AT_ONCE):
        uses = select(USES.c.slot).where(among(connection, USES.c.option, some))
        drawn = (
            select(DRAWN.c.slot)
            .join(KIT_LOTS, KIT_LOTS.c.kit == DRAWN.c.kit)
            .where(among(connection, KIT_LOTS.c.option, some))
        )
        for asked, of in ((uses, USES.c.source), (drawn, DRAWN.c.source)):
            found |= _events_of(connection, asked, of, source)
    return found


def _events_of(
    connection: Connection, asked: Select[Any], of: ColumnElement[int], source: int | None
) -> set[int]:
    """Return the events of slots; of one station, or of any."""
    if source is not None:
        asked = asked.where(of == source)
    else:
        asked = asked.join(SOURCES, SOURCES.c.id == of).where(SOURCES.c.name.startswith(STATION))
    return {slot >> SLOT_BITS for (slot,) in connection.execute(asked)}


def _of_units(connection: Connection, units: set[str]) -> set[int]:
    """Return what was put into units, and what gave them their names."""
    if not units:
        return set()
    ids = sorted(known_ids(connection, units).values())
    found: set[int] = set()
    for some in pieces(ids, NAMES_AT_ONCE):
        uses = select(USES.c.slot).where(
            among(connection, USES.c.holder, some), USES.c.kind != Kind.NAME.value
        )
        drawn = select(DRAWN.c.slot).where(among(connection, DRAWN.c.holder, some))
        for put_in, of in ((uses, USES.c.source), (drawn, DRAWN.c.source)):
            found |= _events_of(connection, put_in, of, None)
        named = (
            select(EVENTS.c.id)
            .join(ABOUT, ABOUT.c.event == EVENTS.c.id)
            .where(among(connection, ABOUT.c.thing, some), EVENTS.c.kind == "unit_reidentified")
        )
        found.update(number for (number,) in connection.execute(named))
    return found


def _met(connection: Connection, loads: Sequence[int]) -> set[int]:
    """Return what was recorded before loads that meet it by their interval (D-44)."""
    found: set[int] = set()
    for some in pieces(loads, NAMES_AT_ONCE):
        before = or_(
            EPOCHS.c.name < LOADS.c.epoch,
            and_(EPOCHS.c.name == LOADS.c.epoch, EVENTS.c.seq < LOADS.c.seq),
        )
        drawn = (
            select(EVENTS.c.id)
            .join(LOADS, LOADS.c.station == EVENTS.c.station)
            .join(EPOCHS, EPOCHS.c.id == EVENTS.c.epoch)
            .where(among(connection, LOADS.c.event, some), before, EVENTS.c.latest_ms.is_not(None))
        )
        same = drawn.where(EVENTS.c.boot == LOADS.c.boot, EVENTS.c.latest_ms >= LOADS.c.from_ms)
        found.update(number for (number,) in connection.execute(same))
        reaching = select(LOADS.c.event).where(
            among(connection, LOADS.c.event, some), LOADS.c.from_ms < 0
        )
        if connection.execute(reaching.limit(1)).fetchone() is not None:
            other = drawn.where(EVENTS.c.boot != LOADS.c.boot, LOADS.c.from_ms < 0)
            found.update(number for (number,) in connection.execute(other))
    return found


def moved(connection: Connection, parts: Iterable[str]) -> dict[str, list[int]]:
    """Return which events say of parts that they are no longer, or not only, where they were."""
    found: dict[str, list[int]] = {}
    for some in pieces(sorted(set(parts)), NAMES_AT_ONCE):
        asked = select(MOVES.c.part, MOVES.c.event).where(among(connection, MOVES.c.part, some))
        for part, number in connection.execute(asked):
            found.setdefault(part, []).append(number)
    return found


def with_two_bearers(connection: Connection, units: Iterable[str]) -> set[str]:
    """Return which of these units' identities two have borne."""
    found: set[str] = set()
    for some in pieces(sorted(set(units)), NAMES_AT_ONCE):
        asked = (
            select(MOVES.c.part)
            .join(EVENTS, EVENTS.c.id == MOVES.c.event)
            .where(EVENTS.c.kind == "identity_conflict", among(connection, MOVES.c.part, some))
        )
        found.update(part for (part,) in connection.execute(asked))
    return found
