"""What a file of another system brought, put into the store in the place of what it had brought.

Slots go in as they come, so that a large file is never there as a whole; in whose transaction that
is, is the caller's business.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from math import isinf
from typing import Any, Protocol

from sqlalchemy import Connection, delete, insert, select

from agent.trace.drawing import Sight
from agent.trace.genealogy import Kind
from agent.trace.interchange import Slot
from agent.trace.rows import ROWS_AT_ONCE, ids_of, pieces, put, put_shipments
from agent.trace.shipment import Shipment
from agent.trace.tables import REASONS, SCRAPPED, SHIPMENTS, SIGHTS, SOURCES, USES

_COLUMNS = ("source", "slot", "kind", "holder", "option", "options", "since", "until", "why")
_WORDS = {kind: kind.value for kind in Kind}


class Brought(Protocol):
    """What a file comes down to, in memory or slot by slot."""

    @property
    def slots(self) -> Iterable[Slot]:
        """Each slot with its options."""
        ...

    @property
    def all_units(self) -> Collection[str]:
        """What is a unit."""
        ...

    @property
    def all_scrapped(self) -> Collection[str]:
        """What is scrap."""
        ...

    @property
    def shipments(self) -> list[Shipment]:
        """What left the house, or came back."""
        ...

    @property
    def sights(self) -> Iterable[Sight]:
        """When and where stations saw a unit."""
        ...


def take_source(connection: Connection, source: str, facts: Brought, body: bytes) -> int:
    """Put a source's facts in the place of what it brought before; return how many slots."""
    run = connection.execute
    known = connection.scalar(select(SOURCES.c.id).where(SOURCES.c.name == source))
    if known is not None:
        for table in (USES, SHIPMENTS, SCRAPPED, SIGHTS):
            run(delete(table).where(table.c.source == known))
        run(delete(SOURCES).where(SOURCES.c.id == known))
    added = run(insert(SOURCES).values(name=source, body=body))
    number = added.inserted_primary_key[0] if added.inserted_primary_key else None
    names = {*facts.all_units, *facts.all_scrapped, *(each.thing for each in facts.shipments)}
    ids = ids_of(connection, names, facts.all_units)
    scrapped = [(ids[name], number) for name in facts.all_scrapped]
    put(connection, SCRAPPED, ("thing", "source"), scrapped)
    for seen in pieces(facts.sights, ROWS_AT_ONCE):
        rows = [(ids[each.unit], number, *each[1:]) for each in seen]
        put(connection, SIGHTS, ("thing", "source", *Sight._fields[1:]), rows)
    slots = 0
    for some in pieces(facts.slots, ROWS_AT_ONCE):
        named = {slot.holder for slot in some}.union(*(slot.options for slot in some))
        ids |= ids_of(connection, named - ids.keys())
        put(connection, USES, _COLUMNS, list(_rows(number, slots, some, ids)))
        slots += len(some)
    put_shipments(connection, ids, ((number, None, each) for each in facts.shipments))
    return slots


def _rows(
    source: int | None, first: int, slots: Iterable[Slot], ids: dict[str, int]
) -> Iterator[tuple[Any, ...]]:
    for number, slot in enumerate(slots, first):
        since = None if isinf(slot.since) else slot.since
        until = None if isinf(slot.until) else slot.until
        kind, holder, n = _WORDS[slot.kind], ids[slot.holder], len(slot.options)
        code = REASONS.index(slot.why)
        for option in slot.options:
            yield source, number, kind, holder, ids[option], n, since, until, code
