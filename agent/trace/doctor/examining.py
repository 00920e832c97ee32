"""All that the doctor looks for, in one go."""

from __future__ import annotations

from agent.trace.doctor import lots, neighbours, scans, serials
from agent.trace.doctor.finding import Finding, Period
from agent.trace.store import Store


def examine(store: Store, period: Period | None = None) -> list[Finding]:
    """Return what is wrong with how stations record, by station and mistake."""
    connection, period = store.archive.connection, period or Period()
    with connection.begin():
        parts = (serials, scans, lots, neighbours)
        found = [each for part in parts for each in part.find(connection, period)]
    return sorted(found, key=lambda each: (each.place.station, each.mistake))
