"""Events out of the archive: by id, by address, and what was said to correct them.

An address is one within its station, so what is asked for is named by station and address; each
function asks the database the same few questions, of however many stations the events are.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import orjson
from sqlalchemy import Connection, Integer, String, and_, select

from agent.trace.corrections import Document, Standing, address_of, place_of, standing
from agent.trace.rows import NAMES_AT_ONCE, among, given, pieces
from agent.trace.tables import BODIES, EPOCHS, EVENTS, REFS, SOURCES

STATION = "station:"
"""How the sources are called that are stations."""
_KNOWN = "lineside.stations"
"""Where a connection remembers them: the transaction, and their numbers by name."""

Key = tuple[str, str]
"""An event by the name of its station and its address there."""


def key_of(event: Document) -> Key:
    """Return by what an event is asked for."""
    return event["station"], address_of(event)


def sources(connection: Connection, stations: Collection[str]) -> dict[str, int]:
    """Return the numbers of those stations that are known.

    They are asked for once a transaction: a plant has hundreds, and each batch has events of most.
    """
    transaction = connection.get_transaction()
    of, known = connection.info.get(_KNOWN, (None, {}))
    if of is not transaction:
        known = {}
        connection.info[_KNOWN] = (transaction, known)
    new = {STATION + station for station in stations if station not in known}
    if new:
        asked = select(SOURCES.c.name, SOURCES.c.id)
        asked = asked.where(among(connection, SOURCES.c.name, new))
        known.update((name.removeprefix(STATION), n) for name, n in connection.execute(asked))
    return {station: known[station] for station in stations if station in known}


def source(connection: Connection, station: str) -> int | None:
    """Return the number of a station, None for one that is not known."""
    return sources(connection, [station]).get(station)


def bodies(connection: Connection, ids: Iterable[int]) -> dict[int, Document]:
    """Return events by id."""
    found: dict[int, Document] = {}
    for some in pieces(ids, NAMES_AT_ONCE):
        asked = select(BODIES.c.event, BODIES.c.body).where(among(connection, BODIES.c.event, some))
        found |= {n: orjson.loads(zlib.decompress(body)) for n, body in connection.execute(asked)}
    return found


def by_address(connection: Connection, keys: Iterable[Key]) -> dict[int, Document]:
    """Return those events that are held."""
    wanted = [
        (station, epoch, int(seq))
        for station, (epoch, _, seq) in ((of, at.rpartition("-")) for of, at in keys)
        if epoch and seq.isdecimal()
    ]
    known = sources(connection, {station for station, *_ in wanted})
    places = [(known[of], epoch, seq) for of, epoch, seq in wanted if of in known]
    ids: list[int] = []
    for some in pieces(places, NAMES_AT_ONCE):
        place = given(connection, (Integer(), String(), Integer()), some)
        of, epoch, seq = place.c
        asked = (
            select(EVENTS.c.id)
            .select_from(place)
            .join(EPOCHS, and_(EPOCHS.c.station == of, EPOCHS.c.name == epoch))
            .join(EVENTS, and_(EVENTS.c.epoch == EPOCHS.c.id, EVENTS.c.seq == seq))
        )
        ids += [n for (n,) in connection.execute(asked)]
    return bodies(connection, ids)


def chains(connection: Connection, keys: Iterable[Key]) -> dict[Key, list[Document]]:
    """Return of each event that was corrected all corrections, through those of corrections."""
    direct: dict[Key, list[Document]] = defaultdict(list)
    wanted, seen = set(keys), set[Key]()
    asked_for = set(wanted)
    while asked_for:
        seen |= asked_for
        reached = set()
        targets = refs(connection, asked_for, ["correct"])
        events = bodies(connection, {n for some in targets.values() for n, _ in some})
        for target, some in targets.items():
            for n, _ in some:
                direct[target].append(events[n])
                reached.add(key_of(events[n]))
        asked_for = reached - seen
    return {each: _closure(each, direct) for each in wanted if each in direct}


def _closure(key: Key, direct: Mapping[Key, list[Document]]) -> list[Document]:
    found: dict[Key, Document] = {}
    frontier = [key]
    while frontier:
        for correction in direct.get(frontier.pop(), ()):
            name = key_of(correction)
            if name not in found:
                found[name] = correction
                frontier.append(name)
    return list(found.values())


def refs(
    connection: Connection, targets: Iterable[Key], kinds: Collection[str]
) -> dict[Key, list[tuple[int, str]]]:
    """Return which events speak of events, and how: (id, kind)."""
    wanted = sorted(set(targets))
    known = sources(connection, {station for station, _ in wanted})
    names = {number: station for station, number in known.items()}
    places = [(known[of], address) for of, address in wanted if of in known]
    found: dict[Key, list[tuple[int, str]]] = defaultdict(list)
    for some in pieces(places, NAMES_AT_ONCE):
        place = given(connection, (Integer(), String()), some)
        of, target = place.c
        asked = (
            select(REFS.c.station, REFS.c.target, REFS.c.event, REFS.c.kind)
            .select_from(place)
            .join(REFS, and_(REFS.c.station == of, REFS.c.target == target))
            .where(REFS.c.kind.in_(kinds))
        )
        for number, address, event, kind in connection.execute(asked):
            found[names[number], address].append((event, kind))
    return found


def installs(connection: Connection, cycles: Iterable[Key]) -> dict[Key, list[Document]]:
    """Return of each cycle's event the parts that were put in by it, in order."""
    targets = refs(connection, cycles, ["install"])
    events = bodies(connection, {n for some in targets.values() for n, _ in some})
    return {
        cycle: sorted((events[n] for n, _ in some), key=place_of) for cycle, some in targets.items()
    }


def stand(connection: Connection, events: Iterable[Document]) -> dict[Key, Standing | None]:
    """Return what counts of events."""
    by_name = {key_of(event): event for event in events}
    chain = chains(connection, by_name)
    return {name: standing(event, chain.get(name, ())) for name, event in by_name.items()}
