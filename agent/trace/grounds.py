"""What a binding rests on, where that was corrected after it.

A cycle on a carrier is bound to what was loaded on it, an `end` to what `begin` let in. Where that
is corrected later, the station goes on by what is right, but what it bound before still names the
first unit as certain. It may have been either, until a person corrects the cycle itself (D-25,
D-28, D-143).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, select

from agent.trace import fetching
from agent.trace.corrections import Document, place_of, standing
from agent.trace.fetching import Key, key_of
from agent.trace.rows import known_ids
from agent.trace.tables import ABOUT, EVENTS

KINDS = frozenset({"carrier_loaded", "unit_started"})
MARK = "grounds"
"""A station with corrections of these has a row in `refs` under this name."""
_BOUND = ("unit_started", "unit_completed")


def is_corrected(event: Document) -> bool:
    """Return whether an event corrects what bindings rest on."""
    return event["kind"] == "event_corrected" and event.get("corrects") in KINDS


def resting(connection: Connection, ground: Document, chain: Iterable[Document]) -> set[int]:
    """Return the events of the units that a ground was said to be about."""
    names = {ground["unit"]}
    for correction in chain:
        names.update(value for name, value in correction.get("replacement", ()) if name == "unit")
    asked = (
        select(EVENTS.c.id)
        .join(ABOUT, ABOUT.c.event == EVENTS.c.id)
        .where(
            ABOUT.c.thing.in_(sorted(known_ids(connection, names).values())),
            EVENTS.c.station == fetching.source(connection, ground["station"]),
            EVENTS.c.kind.in_(_BOUND),
        )
    )
    return {number for (number,) in connection.execute(asked)}


def doubts(
    connection: Connection,
    events: Iterable[Document],
    chains: Mapping[Key, Sequence[Document]],
) -> dict[Key, Document]:
    """Return of each binding whose ground was corrected since that it is in doubt.

    Args:
        connection: Of the store.
        events: The events that are read.
        chains: The corrections of each of them; one that names the unit settles it.
    """
    bound = [each for each in events if each["kind"] in _BOUND and each.get("unit")]
    stations = {each["station"] for each in bound}
    marked = fetching.refs(connection, {(station, MARK) for station in stations}, [MARK])
    concerned = {station for station, _ in marked}
    bound = [each for each in bound if each["station"] in concerned]
    bound = [each for each in bound if not _is_settled(chains.get(key_of(each), ()))]
    named = {(each["station"], address) for each in bound for address in each["because"]}
    by_ground = fetching.chains(connection, named)
    held = fetching.by_address(connection, by_ground).values()
    grounds = {key_of(each): each for each in held if each["kind"] in KINDS}
    found: dict[Key, Document] = {}
    for event in bound:
        keys = ((event["station"], address) for address in event["because"])
        names = [
            name
            for key in keys
            if key in grounds
            for name in _right(event, grounds[key], by_ground[key])
        ]
        if names:
            found[key_of(event)] = {**event, "candidates": names}
    return found


def _is_settled(chain: Iterable[Document]) -> bool:
    return any(name == "unit" for each in chain for name, _ in each.get("replacement", ()))


def _right(event: Document, ground: Document, chain: Sequence[Document]) -> Iterable[str]:
    """Yield which units it may have been, where its ground does not stand as it did then."""
    before = standing(ground, [each for each in chain if place_of(each) < place_of(event)])
    after = standing(ground, chain)
    was, is_ = (None if each is None else each.event["unit"] for each in (before, after))
    if was != is_:
        yield from (name for name in (event["unit"], is_) if name is not None)
