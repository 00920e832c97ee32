"""Values go in and are asked for whatever is in them, and many at a time."""

from collections.abc import Callable

import pytest
from sqlalchemy import Integer, String, select

from agent.trace.rows import among, given, ids_of, known_ids, mark_units, put
from agent.trace.store import Store
from agent.trace.tables import BODIES, MEASURED, THINGS

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
