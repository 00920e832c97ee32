"""How a database looks for what every batch asks for: by an index, however much the store holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event

from agent.trace.store import Store
from tests.trace_rig import Plant

Fresh = Callable[[], str]
_EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}


@pytest.mark.parametrize(
    ("asked", "found_by"),
    [
        ("events.seq > ", {"events_unseen (epoch=? AND seq>?)", "events_unseen on events"}),
        (
            "(loads.epoch, loads.seq) > ",
            {
                "loads_by_station (station=? AND (epoch,seq)>(?,?))",
                "AND (ROW((epoch)::text, seq) > ROW",
            },
        ),
    ],
    ids=["cycles that nobody saw", "loads that came late"],
)
def test_what_is_behind_a_batch_is_found_by_an_index(
    fresh: Fresh, asked: str, found_by: set[str]
) -> None:
    """Not by reading all events, or all loads of the stations: that is dearer with each batch."""
    plant, plans = Plant(), []
    plant.unit("U1", "LOT")
    with Store.open(fresh()) as store:
        connection = store.archive.connection

        @event.listens_for(connection, "before_cursor_execute")
        def explain(
            connection: Connection,
            cursor: object,
            sql: str,
            parameters: Any,  # noqa: ANN401 - as the driver takes them
            *_: object,
        ) -> None:
            """Ask for the plan of a statement before it is run."""
            del cursor
            if asked in sql and not sql.startswith("EXPLAIN"):
                how = _EXPLAIN[connection.dialect.name]
                rows = connection.exec_driver_sql(how + sql, parameters).fetchall()
                plans.append("\n".join(str(row[-1]) for row in rows))

        if connection.dialect.name == "postgresql":  # a table so small it would rather read whole
            with connection.begin():
                for other in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):
                    connection.exec_driver_sql(f"SET enable_{other} = off")
        store.take_events(plant.events)
    assert plans
    for plan in plans:
        assert any(way in plan for way in found_by), plan
