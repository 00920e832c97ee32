"""When units were seen by what was imported from other systems, for a recall.

An import has no events. What went into a unit, and when, says that it was there then; so does what
was taken out of it. It does not say where, nor that a station saw it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from sqlalchemy import Connection, func, select

from agent.trace.fetching import STATION
from agent.trace.genealogy import Kind
from agent.trace.holdings import moment
from agent.trace.rows import NAMES_AT_ONCE, among, pieces
from agent.trace.tables import SOURCES, THINGS, USES


def add_sights(
    connection: Connection, names: Mapping[str, str], seen: dict[str, dict[str, Any]]
) -> None:
    """Widen when things were seen first and last by what was imported of them.

    Where an import was the last to know of one, no station is where it was seen last.

    Args:
        connection: Of the store.
        names: Every name that a thing has or had, with the one by which it is listed.
        seen: By that name what stations say; added to in place.
    """
    for listed, (first_s, last_s) in _sights(connection, names).items():
        first, last = (str(moment(round(at * 1000))) for at in (first_s, last_s))
        entry = seen.setdefault(
            listed,
            {"first_seen": first, "last_seen": last, "last_station": None, "left": None},
        )
        entry["first_seen"] = min(entry["first_seen"], first)
        if last > entry["last_seen"]:
            entry |= {"last_seen": last, "last_station": None}


def _sights(connection: Connection, names: Mapping[str, str]) -> dict[str, tuple[float, float]]:
    """Return of what is listed when something was put into it or it into something, or out again.

    Seconds of UTC.
    """
    imported = select(SOURCES.c.id).where(~SOURCES.c.name.startswith(STATION))
    ends = (func.min(USES.c.since), func.max(USES.c.since), func.max(USES.c.until))
    found: dict[str, tuple[float, float]] = {}
    for side, kinds in ((USES.c.holder, _INTO), (USES.c.option, (Kind.PART.value,))):
        for some in pieces(names, NAMES_AT_ONCE):
            asked = (
                select(THINGS.c.name, *ends)
                .join(USES, side == THINGS.c.id)
                .where(
                    among(connection, THINGS.c.name, some),
                    USES.c.kind.in_(kinds),
                    USES.c.source.in_(imported),
                )
                .group_by(THINGS.c.name)
            )
            for name, *moments in connection.execute(asked):
                known = [at for at in moments if at is not None and abs(at) < _NO_MOMENT_S]
                if known:
                    first, last = found.get(names[name], (inf, -inf))
                    found[names[name]] = (min(first, *known), max(last, *known))
    return found


_INTO = (Kind.FEED.value, Kind.PART.value)
_NO_MOMENT_S = 6e10
"""So far from 1970 no calendar reaches: a file may count its seconds from wherever it likes."""
