"""How rows go in and out in bulk, the same on SQLite and PostgreSQL.

What is written and what is asked for goes as one value a column (an array, a JSON array), not as a
parameter a row: a statement of thousands of parameters costs the client more than the database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from hashlib import blake2b
from itertools import chain, islice
from typing import Any, TypeVar

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Float,
    FromClause,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    cast,
    column,
    func,
    literal,
    literal_column,
    select,
    update,
    values,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

from agent.trace.shipment import Shipment
from agent.trace.tables import META, SHIPMENTS, THINGS

T = TypeVar("T")


_KINDS: Mapping[type[TypeEngine[Any]], str] = {
    BigInteger: "int8",
    SmallInteger: "int2",
    Integer: "int4",
    String: "text",
    Float: "float8",
    Boolean: "bool",
    LargeBinary: "bytea",
}
"""What PostgreSQL calls the types of our columns; `Integer` is every other one's kin."""
_AS_IT_IS = {"int8", "bytea"}
"""What is sent in binary, where a table has nothing else: of bytes it is half as much. Of a number
that is too large for a narrower column the driver would send a part, and say nothing."""

_FEW = 20
ROWS_AT_ONCE = 10_000
NAMES_AT_ONCE = 5_000


def pieces(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield things in lists of at most so many."""
    left = iter(things)
    while piece := list(islice(left, size)):
        yield piece


def put(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Any]) -> None:
    """Insert rows given as tuples of these columns; they may be made while others go in."""
    names = ", ".join(f'"{name}"' for name in columns)
    if connection.dialect.name == "sqlite":
        into = f'INSERT INTO "{table.name}" ({names})'
        sql = f"{into} VALUES ({', '.join('?' * len(columns))})"
        for some in pieces(rows, ROWS_AT_ONCE):
            connection.exec_driver_sql(sql, some)
        return
    # By COPY: a row at a time takes ten times as long, and an array a column a half more.
    kinds = [_kind(table.c[name].type) for name in columns]
    how = " (FORMAT BINARY)" if _AS_IT_IS.issuperset(kinds) else ""
    sql = f'COPY "{table.name}" ({names}) FROM STDIN{how}'
    left = iter(rows)
    first = next(left, None)
    if first is not None:
        _copy(connection, sql, kinds, chain([first], left))


def put_shipments(
    connection: Connection,
    ids: Mapping[str, int],
    shipments: Iterable[tuple[int | None, int | None, Shipment]],
) -> None:
    """Insert what left and came back, each with its source and the event that says so, if any."""
    names = ("at", "is_back", "is_all", "quantity", "measure", "party", "document")
    rows = [
        (source, event, ids[each.thing], *(getattr(each, name) for name in names))
        for source, event, each in shipments
    ]
    put(connection, SHIPMENTS, ("source", "event", "thing", *names), rows)


def _copy(connection: Connection, sql: str, kinds: Sequence[str], rows: Iterable[Any]) -> None:
    """Run a COPY, which only the driver itself knows, with errors as those of other statements.

    Raises:
        DBAPIError: the database refused, or cannot be told such a value.
    """
    driver = connection.dialect.loaded_dbapi
    cursor: Any = connection.connection.cursor()
    try:
        with cursor.copy(sql) as copy:
            copy.set_types(kinds)
            for row in rows:
                copy.write_row(row)
    except driver.Error as error:
        raise DBAPIError.instance(sql, None, error, driver.Error) from error
    finally:
        cursor.close()


def _kind(of: TypeEngine[Any]) -> str:
    """Return what PostgreSQL calls a column's type."""
    return next(name for kind, name in _KINDS.items() if isinstance(of, kind))


def among(
    connection: Connection, column: ColumnElement[Any], values: Collection[Any]
) -> ColumnElement[bool]:
    """Return the term that a column has one of many values: of text, or whole numbers.

    They go as one JSON array, and the statement is the same however many there are; of a few each
    goes by itself, so that the database knows that they are few, and begins with them.
    """
    if len(values) <= _FEW:
        return column.in_(list(values))
    whole = orjson.dumps(list(values)).decode()
    if connection.dialect.name != "sqlite":
        kind = BigInteger() if isinstance(column.type, Integer) else String()
        each = func.json_array_elements_text(cast(literal(whole, String), JSON))
        return column.in_(select(cast(each, kind)))
    if _NUL in whole:  # SQLite reads a JSON text up to its first NUL
        return column.in_(values)
    return column.in_(select(func.json_each(whole).table_valued("value").c.value))


def given(
    connection: Connection, kinds: Sequence[TypeEngine[Any]], rows: Sequence[Sequence[Any]]
) -> FromClause:
    """Return rows as a table to join, with a column of each kind: for `among` by several columns.

    It comes first in the statement, so that the indexes of the others are used.
    """
    whole = orjson.dumps(rows).decode()
    places, members = range(len(kinds)), list[ColumnElement[Any]]()
    if connection.dialect.name != "sqlite":
        array = func.json_array_elements(cast(literal(whole, String), JSON))
        each = array.table_valued(column("value", JSON)).c.value
        members += [cast(each.op("->>")(literal_column(str(at))), kinds[at]) for at in places]
    elif _NUL in whole:
        plain = values(*(column(f"column{at + 1}", kinds[at]) for at in places))
        rows_of = plain.data([tuple(row) for row in rows])
        named = (literal_column(f"column{at + 1}", kinds[at]).label(f"c{at}") for at in places)
        return select(*named).select_from(rows_of).subquery()
    else:
        each = func.json_each(whole).table_valued("value").c.value
        members += [func.json_extract(each, f"$[{at}]", type_=kinds[at]) for at in places]
    return select(*(member.label(f"c{at}") for at, member in enumerate(members))).subquery()


_NUL = "\\u0000"


def reading(connection: Connection) -> AbstractContextManager[object]:
    """Return a transaction to read in: the one that is open (`Store.snapshot`), or its own."""
    return nullcontext() if connection.in_transaction() else connection.begin()


def lock(connection: Connection) -> None:
    """Keep every other writer out until this transaction ends: it begins with a write.

    PostgreSQL is told to look things up by index, as all is that a writer asks: it takes what it is
    given for more than it is, and then reads all events instead.
    """
    connection.execute(update(META).where(META.c.name == "schema").values(value=META.c.value))
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")


def next_id(connection: Connection, table: Table) -> int:
    """Return the number for the next row; the writers are locked out."""
    return (connection.scalar(select(func.max(table.c.id))) or 0) + 1


def numbers_of(
    connection: Connection, table: Table, sets: Iterable[T]
) -> tuple[dict[T, int], list[T]]:
    """Return the numbers of sets that are kept once each, and which of them are new."""
    digests = {_digest(each): each for each in sets}
    numbers: dict[T, int] = {}
    for some in pieces(sorted(digests), NAMES_AT_ONCE):
        asked = select(table.c.digest, table.c.id).where(among(connection, table.c.digest, some))
        numbers.update((digests[digest], number) for digest, number in connection.execute(asked))
    new = [(digest, each) for digest, each in sorted(digests.items()) if each not in numbers]
    if new:
        rows = [(n, digest) for n, (digest, _) in enumerate(new, next_id(connection, table))]
        put(connection, table, ("id", "digest"), rows)
        numbers |= {each: n for (n, _), (_, each) in zip(rows, new, strict=True)}
    return numbers, [each for _, each in new]


def _digest(members: object) -> str:
    return blake2b(repr(members).encode(), digest_size=16).hexdigest()


def ids_of(
    connection: Connection, names: Iterable[str], units: Collection[str] = ()
) -> dict[str, int]:
    """Return the numbers of things by name; new ones are added.

    `units`: which of them are units.
    """
    wanted = set(names)
    ids = known_ids(connection, wanted)
    first = next_id(connection, THINGS)
    fresh = {name: number for number, name in enumerate(sorted(wanted - ids.keys()), first)}
    rows = [(number, name, name in units) for name, number in fresh.items()]
    put(connection, THINGS, ("id", "name", "is_unit"), rows)
    mark_units(connection, [ids[name] for name in units if name in ids])
    return ids | fresh


def known_ids(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the numbers of those things that are known."""
    ids: dict[str, int] = {}
    for some in pieces(sorted(names), NAMES_AT_ONCE):
        asked = select(THINGS.c.name, THINGS.c.id).where(among(connection, THINGS.c.name, some))
        ids.update((name, number) for name, number in connection.execute(asked))
    return ids


def mark_units(connection: Connection, ids: Iterable[int]) -> None:
    """Note that things are units."""
    for some in pieces(sorted(ids), NAMES_AT_ONCE):
        are_they = among(connection, THINGS.c.id, some)
        connection.execute(update(THINGS).where(are_they, ~THINGS.c.is_unit).values(is_unit=True))
