"""What left the house and of which nothing else is known: a parcel that may hold anything."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, or_, select

from agent.trace.kits import LINKS
from agent.trace.rows import reading
from agent.trace.tables import ABOUT, EVENTS, SHIPMENTS, SOURCES, THINGS

_OF_SHIPPING = ("unit_shipped", "unit_returned", "lot_issued", "lot_returned")


def unmatched(connection: Connection, source: str) -> list[str]:
    """Return what a list says that it left or came back, and of which only that is known."""
    asked = (
        select(THINGS.c.name)
        .distinct()
        .join(SHIPMENTS, SHIPMENTS.c.thing == THINGS.c.id)
        .join(SOURCES, SOURCES.c.id == SHIPMENTS.c.source)
        .where(SOURCES.c.name == source, *is_unmatched())
    )
    with reading(connection):
        return sorted(name for (name,) in connection.execute(asked))


def is_unmatched() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the terms that of what a shipment is of nothing else is known."""
    is_in = select(LINKS.c.slot).where(
        or_(LINKS.c.holder == SHIPMENTS.c.thing, LINKS.c.option == SHIPMENTS.c.thing)
    )
    is_seen = (
        select(ABOUT.c.event)
        .join(EVENTS, EVENTS.c.id == ABOUT.c.event)
        .where(ABOUT.c.thing == SHIPMENTS.c.thing, EVENTS.c.kind.not_in(_OF_SHIPPING))
    )
    return ~is_in.exists(), ~is_seen.exists()
