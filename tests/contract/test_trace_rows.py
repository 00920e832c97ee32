"""Values go in and are asked for whatever is in them, and many at a time."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Integer, String, func, select
from sqlalchemy.exc import DBAPIError

from agent.trace.engines import is_of_the_row
from agent.trace.rows import among, given, ids_of, known_ids, mark_units, put
from agent.trace.store import Store
from agent.trace.tables import ABOUT, BODIES, KIT_LOTS, MEASURED, THINGS

Fresh = Callable[[], str]
NAMES = ["plain", 'a "quoted" \\ one', "{a,b}", "tab\tand\nline", "NULL", "", "é 漢 😀", "%s $1 :x"]


def test_a_name_comes_back_as_it_is(fresh: Fresh) -> None:
    """Whatever signs a name has, it is the same thing again, and another than the rest."""
    where = fresh()
    names = NAMES if where.startswith("postgresql") else [*NAMES, "cut\0here", "cut"]
    with Store.open(where) as store, store.archive.connection.begin():
        connection = store.archive.connection
        ids = ids_of(connection, names, {"plain"})
        assert len(set(ids.values())) == len(names)
        assert ids_of(connection, names) == known_ids(connection, names) == ids
        found = connection.execute(select(THINGS.c.name).where(THINGS.c.is_unit))
        assert [name for (name,) in found] == ["plain"]
        mark_units(connection, ids.values())
        found = connection.execute(select(THINGS.c.name).where(THINGS.c.is_unit))
        assert {name for (name,) in found} == set(names)


def test_rows_that_are_given_are_joined_by_each_of_their_columns(fresh: Fresh) -> None:
    """A row counts where all of its values fit, not each in some row."""
    where = fresh()
    names = NAMES if where.startswith("postgresql") else [*NAMES, "cut\0here"]
    with Store.open(where) as store, store.archive.connection.begin():
        connection = store.archive.connection
        rows = [(name, number, 0.5 * number, None) for number, name in enumerate(names)]
        put(connection, MEASURED, ("name", "event", "number", "verdict"), rows)
        asked_for = [(name, number % 2 and number) for number, name in enumerate(names)]
        place = given(connection, (String(), Integer()), asked_for)
        name, event = place.c
        asked = (
            select(MEASURED.c.event, MEASURED.c.number)
            .select_from(place)
            .join(MEASURED, (MEASURED.c.name == name) & (MEASURED.c.event == event))
        )
        odd = [(0, 0.0), *((n, 0.5 * n) for n in range(1, len(names), 2))]
        assert sorted(tuple(row) for row in connection.execute(asked)) == odd
        beyond = select(MEASURED.c.event).where(
            among(connection, MEASURED.c.event, [1, 3, 1 << 40])
        )
        assert sorted(n for (n,) in connection.execute(beyond)) == [1, 3]


@pytest.mark.parametrize("body", [b"", bytes(range(256)), b'\\x00"{}'])
def test_bytes_come_back_as_they_are(fresh: Fresh, body: bytes) -> None:
    """A body is what it was, whatever is in it."""
    with Store.open(fresh()) as store, store.archive.connection.begin():
        put(store.archive.connection, BODIES, ("event", "body"), [(1, body), (2, body)])
        found = store.archive.connection.execute(select(BODIES.c.body)).fetchall()
        assert [bytes(row.body) for row in found] == [body, body]


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (KIT_LOTS, {"kit": 1, "at": 1 << 15, "option": 1}),
        (MEASURED, {"name": "force", "event": 1 << 63, "number": None, "verdict": None}),
        (ABOUT, {"thing": 1, "event": 1, "role": "is", "n": 1.5}),
        (MEASURED, {"name": "cut\0here", "event": 1, "number": None, "verdict": None}),
        (MEASURED, {"name": "force", "event": 1, "number": None, "verdict": "nine long"}),
    ],
    ids=["wide", "wider", "broken", "cut", "long"],
)
def test_a_value_is_kept_whole_or_refused(fresh: Fresh, table: Any, row: dict[str, Any]) -> None:  # noqa: ANN401 - a table
    """What a column cannot hold is an error of its row, and never a part of it in its place."""
    with Store.open(fresh()) as store:
        connection = store.archive.connection
        refused: list[DBAPIError | OverflowError] = []
        try:
            with connection.begin():
                put(connection, table, list(row), [tuple(row.values())])
        except (DBAPIError, OverflowError) as error:
            refused.append(error)
        with connection.begin():
            found = [dict(kept) for kept in connection.execute(select(table)).mappings()]
        assert found == ([] if refused else [row])
        if connection.dialect.name == "postgresql":
            assert len(refused) == 1
            assert isinstance(refused[0], DBAPIError)
            assert is_of_the_row(refused[0])


def test_rows_that_cannot_be_made_leave_nothing_behind(fresh: Fresh) -> None:
    """Rows are made while others go in: an error in the making is that error, and none is kept."""

    def rows() -> Iterator[tuple[int, bytes]]:
        """Make more than goes in at once, and fail."""
        for number in range(5_000):
            yield number, bytes(100)
        raise LookupError("no more")

    with Store.open(fresh()) as store:
        connection = store.archive.connection
        with pytest.raises(LookupError, match="no more"), connection.begin():
            put(connection, BODIES, ("event", "body"), rows())
        with connection.begin():
            put(connection, BODIES, ("event", "body"), iter(()))
            assert connection.scalar(select(func.count()).select_from(BODIES)) == 0
