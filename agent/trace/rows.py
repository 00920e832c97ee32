"""How rows go in and out in bulk, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    Boolean,
    Connection,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    func,
    select,
    update,
)
from sqlalchemy.types import TypeEngine

from agent.trace.tables import META, THINGS

T = TypeVar("T")

_ARRAYS: Mapping[type[TypeEngine[Any]], str] = {
    String: "text[]",
    Integer: "bigint[]",  # and every smaller and larger one
    Float: "double precision[]",
    Boolean: "boolean[]",
    LargeBinary: "bytea[]",
}

ROWS_AT_ONCE = 10_000
NAMES_AT_ONCE = 5_000


def pieces(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield things in lists of at most so many."""
    left = iter(things)
    while piece := list(islice(left, size)):
        yield piece


def put(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Any]) -> None:
    """Insert rows given as tuples of these columns."""
    if not rows:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    into = f'INSERT INTO "{table.name}" ({names})'
    if connection.dialect.name == "sqlite":
        sql = f"{into} VALUES ({', '.join('?' * len(columns))})"
        for some in pieces(rows, ROWS_AT_ONCE):
            connection.exec_driver_sql(sql, some)
        return
    # One array a column: a row at a time would be a tenth as fast.
    arrays = ", ".join(f"%s::{_array(table.c[name].type)}" for name in columns)
    sql = f"{into} SELECT * FROM unnest({arrays})"  # noqa: S608 - names are ours
    for some in pieces(rows, ROWS_AT_ONCE):
        connection.exec_driver_sql(sql, tuple(map(list, zip(*some, strict=True))))


def _array(kind: TypeEngine[Any]) -> str:
    """Return PostgreSQL's name for many of a column's values."""
    return next(name for of, name in _ARRAYS.items() if isinstance(kind, of))


def reading(connection: Connection) -> AbstractContextManager[object]:
    """Return a transaction to read in: the one that is open (`Store.snapshot`), or its own."""
    return nullcontext() if connection.in_transaction() else connection.begin()


def lock(connection: Connection) -> None:
    """Keep every other writer out until this transaction ends: it begins with a write."""
    connection.execute(update(META).where(META.c.name == "schema").values(value=META.c.value))


def next_id(connection: Connection, table: Table) -> int:
    """Return the number for the next row; the writers are locked out."""
    return (connection.scalar(select(func.max(table.c.id))) or 0) + 1


def ids_of(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the numbers of things by name; new ones are added."""
    wanted = set(names)
    ids = known_ids(connection, wanted)
    first = next_id(connection, THINGS)
    fresh = {name: number for number, name in enumerate(sorted(wanted - ids.keys()), first)}
    rows = [(number, name, False, False) for name, number in fresh.items()]
    put(connection, THINGS, ("id", "name", "is_unit", "is_scrapped"), rows)
    return ids | fresh


def known_ids(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the numbers of those things that are known."""
    ids: dict[str, int] = {}
    for some in pieces(sorted(names), NAMES_AT_ONCE):
        asked = select(THINGS.c.name, THINGS.c.id).where(THINGS.c.name.in_(some))
        ids.update((name, number) for name, number in connection.execute(asked))
    return ids


def mark_things(connection: Connection, names: Iterable[str], column: str) -> None:
    """Set a flag of things."""
    for some in pieces(sorted(names), NAMES_AT_ONCE):
        connection.execute(update(THINGS).where(THINGS.c.name.in_(some)).values({column: True}))
