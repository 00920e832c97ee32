"""Events out of the archive: by id, by address, and what was said to correct them."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

import orjson
from sqlalchemy import Connection, select

from agent.trace.corrections import Document, Standing, address_of, standing
from agent.trace.rows import NAMES_AT_ONCE, pieces
from agent.trace.tables import BODIES, EPOCHS, EVENTS, REFS, SOURCES

STATION = "station:"
"""How the sources are called that are stations."""
_KNOWN = "lineside.stations"
"""Where a connection remembers them: the transaction, and their numbers by name."""


def source(connection: Connection, station: str) -> int | None:
    """Return the number of a station, None for one that is not known.

    It is asked for once a transaction: a plant has hundreds, and each batch has events of most.
    """
    transaction = connection.get_transaction()
    of, known = connection.info.get(_KNOWN, (None, {}))
    if of is not transaction:
        known = {}
        connection.info[_KNOWN] = (transaction, known)
    if station not in known:
        asked = select(SOURCES.c.id).where(SOURCES.c.name == STATION + station)
        found = connection.scalar(asked)
        if found is None:
            return None
        known[station] = found
    number: int = known[station]
    return number


def bodies(connection: Connection, ids: Iterable[int]) -> dict[int, Document]:
    """Return events by id."""
    found: dict[int, Document] = {}
    for some in pieces(ids, NAMES_AT_ONCE):
        asked = select(BODIES.c.event, BODIES.c.body).where(BODIES.c.event.in_(some))
        found |= {n: orjson.loads(zlib.decompress(body)) for n, body in connection.execute(asked)}
    return found


def by_address(
    connection: Connection, station: str, addresses: Iterable[str]
) -> dict[int, Document]:
    """Return those events of a station that are held."""
    by_epoch: dict[str, list[int]] = defaultdict(list)
    for address in addresses:
        epoch, _, seq = address.rpartition("-")
        if epoch and seq.isdecimal():
            by_epoch[epoch].append(int(seq))
    number = source(connection, station)
    ids: list[int] = []
    for epoch, seqs in by_epoch.items():
        for some in pieces(seqs, NAMES_AT_ONCE):
            asked = (
                select(EVENTS.c.id)
                .join(EPOCHS, EPOCHS.c.id == EVENTS.c.epoch)
                .where(EPOCHS.c.station == number, EPOCHS.c.name == epoch, EVENTS.c.seq.in_(some))
            )
            ids += [n for (n,) in connection.execute(asked)]
    return bodies(connection, ids)


def chains(
    connection: Connection, station: str, addresses: Iterable[str]
) -> dict[str, list[Document]]:
    """Return of each event that was corrected all corrections, through those of corrections."""
    number = source(connection, station)
    direct: dict[str, list[Document]] = defaultdict(list)
    wanted, seen = set(addresses), set[str]()
    asked_for = set(wanted)
    while asked_for:
        seen |= asked_for
        reached = set()
        targets = _refs(connection, number, asked_for, "correct")
        events = bodies(connection, {n for numbers in targets.values() for n in numbers})
        for target, numbers in targets.items():
            for n in numbers:
                direct[target].append(events[n])
                reached.add(address_of(events[n]))
        asked_for = reached - seen
    return {each: _closure(each, direct) for each in wanted if each in direct}


def _closure(address: str, direct: Mapping[str, list[Document]]) -> list[Document]:
    found: dict[str, Document] = {}
    frontier = [address]
    while frontier:
        for correction in direct.get(frontier.pop(), ()):
            name = address_of(correction)
            if name not in found:
                found[name] = correction
                frontier.append(name)
    return list(found.values())


def _refs(
    connection: Connection, station: int | None, targets: Iterable[str], kind: str
) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for some in pieces(sorted(targets), NAMES_AT_ONCE):
        asked = select(REFS.c.target, REFS.c.event).where(
            REFS.c.station == station, REFS.c.target.in_(some), REFS.c.kind == kind
        )
        for target, number in connection.execute(asked):
            found[target].append(number)
    return found


def installs(
    connection: Connection, station: str, cycles: Iterable[str]
) -> dict[str, list[Document]]:
    """Return of each cycle's event the parts that were put in by it, in order."""
    targets = _refs(connection, source(connection, station), cycles, "install")
    events = bodies(connection, {n for numbers in targets.values() for n in numbers})
    return {cycle: [events[n] for n in sorted(numbers)] for cycle, numbers in targets.items()}


def stand(
    connection: Connection, station: str, events: Iterable[Document]
) -> dict[str, Standing | None]:
    """Return what counts of events of one station, by address."""
    by_name = {address_of(event): event for event in events}
    chain = chains(connection, station, by_name)
    return {name: standing(event, chain.get(name, ())) for name, event in by_name.items()}
