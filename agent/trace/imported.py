"""When and where units were seen by what was imported from other systems, for a recall.

An import has no events. What went into a unit, and when, says that it was there then; so does what
was taken out of it. Of a unit that drew from a station it says where, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from sqlalchemy import Connection, func, select

from agent.trace.fetching import STATION
from agent.trace.genealogy import Kind
from agent.trace.holdings import moment
from agent.trace.rows import NAMES_AT_ONCE, among, pieces
from agent.trace.tables import SIGHTS, SOURCES, THINGS, USES


def add_sights(
    connection: Connection, names: Mapping[str, str], seen: dict[str, dict[str, Any]]
) -> None:
    """Widen when things were seen first and last by what was imported of them.

    The last to know of one says where it was last: a source names the last station at which it drew
    something, or none.

    Args:
        connection: Of the store.
        names: Every name that a thing has or had, with the one by which it is listed.
        seen: By that name what stations say; added to in place.
    """
    by_last = sorted(_sights(connection, names).items(), key=lambda item: item[1].last)
    for (listed, _), sight in by_last:
        first, last = (str(moment(round(at * 1000))) for at in (sight.first, sight.last))
        entry = seen.setdefault(
            listed,
            {"first_seen": first, "last_seen": last, "last_station": sight.station, "left": None},
        )
        entry["first_seen"] = min(entry["first_seen"], first)
        if last > entry["last_seen"]:
            entry |= {"last_seen": last, "last_station": sight.station}


@dataclass(slots=True)
class _Sight:
    """When one source saw one thing, in seconds of UTC, and at which station last."""

    first: float = inf
    last: float = -inf
    station: str | None = None
    there: float = -inf
    """When it was at that station."""

    def widen(self, moments: Iterable[float | None]) -> None:
        """Take when it was seen too."""
        for at in moments:
            if at is not None and abs(at) < _NO_MOMENT_S:
                self.first, self.last = min(self.first, at), max(self.last, at)


def _sights(connection: Connection, names: Mapping[str, str]) -> dict[tuple[str, int], _Sight]:
    """Return by the name under which a thing is listed, and import, when and where it was seen.

    When something was put into it or it into something, or out again; and when it drew.
    """
    found: dict[tuple[str, int], _Sight] = defaultdict(_Sight)
    imported = select(SOURCES.c.id).where(~SOURCES.c.name.startswith(STATION))
    ends = (func.min(USES.c.since), func.max(USES.c.since), func.max(USES.c.until))
    there = (SIGHTS.c.source, SIGHTS.c.first, SIGHTS.c.last, SIGHTS.c.station)
    for some in pieces(names, NAMES_AT_ONCE):
        are_they = among(connection, THINGS.c.name, some)
        for side, kinds in ((USES.c.holder, _INTO), (USES.c.option, (Kind.PART.value,))):
            asked = (
                select(THINGS.c.name, USES.c.source, *ends)
                .join(USES, side == THINGS.c.id)
                .where(are_they, USES.c.kind.in_(kinds), USES.c.source.in_(imported))
                .group_by(THINGS.c.name, USES.c.source)
            )
            for name, source, *moments in connection.execute(asked):
                found[names[name], source].widen(moments)
        at_stations = select(THINGS.c.name, *there).join(SIGHTS, SIGHTS.c.thing == THINGS.c.id)
        for name, source, first, last, station in connection.execute(at_stations.where(are_they)):
            sight = found[names[name], source]
            sight.widen((first, last))
            if last > sight.there:
                sight.there, sight.station = last, station
    return {of: sight for of, sight in found.items() if sight.first <= sight.last}


_INTO = (Kind.FEED.value, Kind.PART.value)
_NO_MOMENT_S = 6e10
"""So far from 1970 no calendar reaches: a file may count its seconds from wherever it likes."""
