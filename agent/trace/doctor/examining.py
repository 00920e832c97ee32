"""All that the doctor looks for, in one go."""

from __future__ import annotations

from sqlalchemy import select

from agent.trace.doctor import lots, neighbours, scans, serials
from agent.trace.doctor.finding import Finding, Period
from agent.trace.store import Store
from agent.trace.tables import EVENTS


def examine(store: Store, period: Period | None = None) -> list[Finding]:
    """Return what is wrong with how stations record, by station and mistake."""
    connection, period = store.archive.connection, period or Period()
    with connection.begin():
        parts = (serials, scans, lots, neighbours)
        found = [each for part in parts for each in part.find(connection, period)]
    return sorted(found, key=lambda each: (each.place.station, each.mistake))


def is_recorded(store: Store, period: Period) -> bool:
    """Return whether stations recorded anything within a time: nothing else is looked at."""
    connection = store.archive.connection
    with connection.begin():
        asked = select(EVENTS.c.id).where(*period.terms()).limit(1)
        return connection.execute(asked).first() is not None
