"""Every identity that things had or have: who is given another name stays one history (D-37)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from agent.trace.corrections import Document
from agent.trace.genealogy import OTHER, Kind
from agent.trace.rows import NAMES_AT_ONCE, among, known_ids, pieces
from agent.trace.tables import THINGS, USES

Pair = tuple[str, str]
"""Two names of one thing."""


def names_of(connection: Connection, name: str) -> frozenset[str]:
    """Return every identity that a unit or lot had or has, this one included."""
    return identities(connection, [name])[name]


def identities(
    connection: Connection, names: Iterable[str], fresh: Iterable[Pair] = ()
) -> Mapping[str, frozenset[str]]:
    """Return of each thing all its identities, by every one of them.

    Args:
        connection: Of the store.
        names: Of the things.
        fresh: New names that are not in it yet.
    """
    links: dict[str, set[str]] = {}
    for old, new in fresh:
        links.setdefault(old, set()).add(new)
        links.setdefault(new, set()).add(old)
    seen = set[str]()
    frontier = set(names)
    while frontier:
        seen |= frontier
        for one, other in _pairs(connection, frontier):
            links.setdefault(one, set()).add(other)
            links.setdefault(other, set()).add(one)
        found = {other for name in frontier for other in links.get(name, ())}
        frontier = found - seen
    groups: dict[str, frozenset[str]] = {}
    for name in seen:
        if name not in groups:
            group = _joined(name, links)
            groups |= dict.fromkeys(group, group)
    return groups


def renamed(events: Iterable[Document]) -> list[Pair]:
    """Return the names that events give to what had others."""
    return [(e["unit"], e["new"]) for e in events if e["kind"] == "unit_reidentified"]


def _pairs(connection: Connection, names: Iterable[str]) -> list[Pair]:
    """Return each pair of names of which one is among these."""
    older, newer = THINGS.alias(), THINGS.alias()
    asked = (
        select(older.c.name, newer.c.name)
        .select_from(USES)
        .join(older, older.c.id == USES.c.option)
        .join(newer, newer.c.id == USES.c.holder)
        .where(USES.c.kind == Kind.NAME.value, older.c.name != OTHER)
    )
    ids = sorted(known_ids(connection, names).values())
    return [
        (one, other)
        for some in pieces(ids, NAMES_AT_ONCE)
        for side in (USES.c.holder, USES.c.option)
        for one, other in connection.execute(asked.where(among(connection, side, some)))
    ]


def _joined(name: str, links: Mapping[str, set[str]]) -> frozenset[str]:
    group, frontier = {name}, [name]
    while frontier:
        for other in links.get(frontier.pop(), set()) - group:
            group.add(other)
            frontier.append(other)
    return frozenset(group)
