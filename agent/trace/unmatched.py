"""What left the house and of which nothing else is known: a parcel that may hold anything."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, exists, select

from agent.trace.rows import reading
from agent.trace.tables import (
    ABOUT,
    DRAWN,
    EVENTS,
    KIT_LOTS,
    SHIPMENTS,
    SOURCES,
    THINGS,
    USES,
)

_OF_SHIPPING = ("unit_shipped", "unit_returned", "lot_issued", "lot_returned")


def unmatched(connection: Connection, source: str | None = None) -> list[str]:
    """Return what left or came back, and of which only that is known.

    Args:
        connection: Of the store.
        source: The list that says so; None: whichever says so.
    """
    asked = (
        select(THINGS.c.name)
        .distinct()
        .join(SHIPMENTS, SHIPMENTS.c.thing == THINGS.c.id)
        .where(*is_unmatched())
    )
    if source is not None:
        asked = asked.join(SOURCES, SOURCES.c.id == SHIPMENTS.c.source)
        asked = asked.where(SOURCES.c.name == source)
    with reading(connection):
        return sorted(name for (name,) in connection.execute(asked))


def is_unmatched() -> tuple[ColumnElement[bool], ...]:
    """Return the terms that of what a shipment is of nothing else is known.

    A term for each way in which something may be known, so that each goes by its own index.
    """
    thing = SHIPMENTS.c.thing
    told = exists().where(
        ABOUT.c.thing == thing, EVENTS.c.id == ABOUT.c.event, EVENTS.c.kind.not_in(_OF_SHIPPING)
    )
    linked = (USES.c.holder, USES.c.option, DRAWN.c.holder, KIT_LOTS.c.option)
    return ~told, *(~exists().where(column == thing) for column in linked)
