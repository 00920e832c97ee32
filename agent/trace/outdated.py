"""What a store derived by an older version, and is not as this one derives it: until it is.

A newer version may derive more from the same events: a value that a person corrected is judged by
its limits anew, an import says where its units were last. An answer of what is there already may
then be narrower than the truth; so each says so, until it is derived anew (D-4). Whoever changes
what is derived makes a new version of the store for it, in `_OUTDATED` of store.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, delete, exists, insert, select

from agent.trace.fetching import STATION
from agent.trace.tables import EVENTS, META, SIGHTS, SOURCES, USES

_NOTE = "outdated:"
_EVENTS = f"{_NOTE}events"
_IMPORT = f"{_NOTE}import:"
_BY_EVENTS = (
    "this store was filled by an older version, and an answer of it may be too narrow: run "
    "`lineside trace rebuild` once"
)


def note_outdated(connection: Connection) -> None:
    """Note what of a store was derived by an older version.

    A CSV says nothing of stations, so that there is nothing more to derive from one.
    """
    names = []
    if connection.scalar(select(exists().where(EVENTS.c.id.is_not(None)))):
        names.append(_EVENTS)
    imported = select(SOURCES.c.name).where(
        ~SOURCES.c.name.startswith(STATION),
        exists().where(USES.c.source == SOURCES.c.id),
        ~exists().where(SIGHTS.c.source == SOURCES.c.id),
    )
    for (name,) in connection.execute(imported):
        if not name.lower().endswith(".csv"):
            names.append(f"{_IMPORT}{name}")
    connection.execute(delete(META).where(META.c.name.in_(names)))  # noted by a version before
    if names:
        connection.execute(insert(META), [{"name": name, "value": ""} for name in names])


def outdated(connection: Connection) -> Iterator[str]:
    """Yield what to say of an answer, a line each; nothing where all is as this version has it."""
    asked = select(META.c.name).where(META.c.name.startswith(_NOTE)).order_by(META.c.name)
    for (name,) in connection.execute(asked).fetchall():
        yield _BY_EVENTS if name == _EVENTS else _by_import(name.removeprefix(_IMPORT))


def _by_import(name: str) -> str:
    return (
        f"{name} was imported by an older version, and where its units were last is not known: run "
        f"`lineside trace import {name}` once"
    )


def events_are_anew(connection: Connection) -> None:
    """Let go of the note about events: all of them are derived anew."""
    connection.execute(delete(META).where(META.c.name == _EVENTS))


def import_is_anew(connection: Connection, name: str) -> None:
    """Let go of the note about an import: it is taken in anew."""
    connection.execute(delete(META).where(META.c.name == f"{_IMPORT}{name}"))
