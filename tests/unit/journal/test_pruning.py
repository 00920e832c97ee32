"""What is deleted at the old end, in SQL."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from agent.journal import pruning
from agent.journal.chain import Edge, place
from agent.journal.commits import Store
from agent.journal.pruning import STEP_ROWS, Aged, edge_below, measure, skippable
from agent.journal.store import create, stored_cursors, stored_edge
from agent.ports import Address
from drivers.base import ClockState
from tests.doubles import MORNING_MS
from tests.histories import STATION, History, epoch


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    """An empty database."""
    made = create(tmp_path / "journal.db", None, STATION)
    yield made
    made.close()


@pytest.fixture
def store(connection: apsw.Connection, tmp_path: Path) -> Store:
    """What writes it."""
    return Store(connection, tmp_path / "journal.db")


def at(seq: int) -> Address:
    """Return an address of the first epoch."""
    return Address(epoch(1), seq)


def before_ms(seq: int) -> int:
    """Return a moment right after that row of the first epoch was made."""
    return MORNING_MS + seq * 1000 + 1


def spoil(connection: apsw.Connection, *seqs: int) -> None:
    """Let rows rot."""
    connection.executemany(
        "UPDATE events SET body = x'7b7d' WHERE place = ?", [(place(at(seq)),) for seq in seqs]
    )


def history(count: int) -> History:
    """Return one epoch of so many rows."""
    made = History()
    made.start(1)
    made.links(count - 1)
    return made


def test_a_step_deletes_a_little_and_names_the_edge(
    store: Store, connection: apsw.Connection
) -> None:
    """Rows and edge go and come together, however much may go."""
    made = history(STEP_ROWS + 50)
    store.commit(made.rows, {})
    edge = edge_below(connection, place(at(STEP_ROWS + 40)))
    assert edge == Edge(at(STEP_ROWS), made.rows[STEP_ROWS - 1].hash)
    assert edge is not None
    assert stored_edge(connection) is None
    assert store.drop(edge, ()) == at(STEP_ROWS + 1)
    assert stored_edge(connection) == edge
    assert connection.execute("SELECT count(*) FROM events").get == 50
    assert edge_below(connection, place(at(STEP_ROWS))) is None


def test_the_edge_is_a_row_that_holds(store: Store, connection: apsw.Connection) -> None:
    """Rotten rows go with a later one; where only rotten ones could go, nothing does."""
    made = history(9)
    store.commit(made.rows, {})
    spoil(connection, 4, 5)
    edge = edge_below(connection, place(at(5)))
    assert edge == Edge(at(3), made.rows[2].hash)
    assert edge is not None
    assert store.drop(edge, ()) is None  # the oldest that is left does not hold
    assert edge_below(connection, place(at(5))) is None
    assert edge_below(connection, place(at(6))) == Edge(at(6), made.rows[5].hash)


def test_a_rotten_edge_is_none(store: Store, connection: apsw.Connection) -> None:
    """It is a note with a checksum."""
    made = history(3)
    store.commit(made.rows, {})
    store.drop(Edge(at(1), made.rows[0].hash), ())
    connection.execute("UPDATE meta SET value = replace(value, '/1/', '/2/') WHERE name = 'edge'")
    assert stored_edge(connection) is None


def test_cursors_of_sinks_that_are_gone_go_with_the_rows(
    store: Store, connection: apsw.Connection
) -> None:
    """Behind the edge a cursor means nothing; those of sinks that are there are never touched."""
    made = history(9)
    gone = {"old": at(2), "old#after": at(1), "late": at(5), "here": at(2), "here#after": at(1)}
    store.commit(made.rows, gone)
    store.drop(Edge(at(4), made.rows[3].hash), {"here"})
    assert set(stored_cursors(connection)) == {"late", "here", "here#after"}


def test_rows_are_old_by_their_own_clock(store: Store, connection: apsw.Connection) -> None:
    """All up to the newest that is older than the moment, and no further than allowed."""
    store.commit(history(9).rows, {})
    assert Aged().find(connection, place(at(9)), before_ms(0)) is None
    assert Aged().find(connection, place(at(9)), before_ms(4)) == place(at(4))
    assert Aged().find(connection, place(at(3)), before_ms(4)) == place(at(3))
    assert Aged().find(connection, -1, before_ms(4)) is None


def test_rows_without_a_trusted_time_are_as_old_as_a_later_one(
    store: Store, connection: apsw.Connection
) -> None:
    """What an unset clock stamped, or what rotted, goes when something after it is old (D-91)."""
    made = History()
    made.clock_state = ClockState.UNSYNCED
    made.start(1)
    made.links(STEP_ROWS + 9)
    made.clock_state = ClockState.HOLDOVER
    made.links(5)
    store.commit(made.rows, {})
    last = STEP_ROWS + 15
    spoil(connection, last - 4)
    aged = Aged()
    assert aged.find(connection, place(at(last)), before_ms(STEP_ROWS)) is None
    assert aged.undated_to == place(at(STEP_ROWS))
    found = aged.find(connection, place(at(last)), before_ms(last - 3))
    assert found == place(at(last - 3))
    assert Aged().find(connection, place(at(STEP_ROWS + 2)), before_ms(last)) is None


def test_a_long_row_of_undated_events_is_looked_through_in_parts(
    store: Store, connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So much at a time; the next look goes on where this one ended, and at the end waits."""
    monkeypatch.setattr(pruning, "_MOST_UNDATED", 1)
    made = History()
    made.clock_state = ClockState.UNSYNCED
    made.start(1)
    made.links(STEP_ROWS + 9)
    store.commit(made.rows, {})
    aged = Aged()
    for undated_to in (STEP_ROWS, STEP_ROWS + 10, STEP_ROWS + 10):
        assert aged.find(connection, place(at(9999)), before_ms(9999)) is None
        assert aged.undated_to == place(at(undated_to))


def test_free_pages_are_given_back(
    store: Store, connection: apsw.Connection, tmp_path: Path
) -> None:
    """Deleted rows leave free pages; the file shrinks with the next checkpoint."""
    made = history(2000)
    store.commit(made.rows, {})
    store.checkpoint()
    full = measure(connection)
    assert full.used_bytes == full.pages * 4096
    store.drop(Edge(at(1900), made.rows[1899].hash), ())
    less = measure(connection)
    assert less.pages == full.pages
    assert less.free_pages > 100
    assert less.used_bytes < full.used_bytes / 2
    store.shrink(50)
    assert measure(connection).free_pages == less.free_pages - 50
    store.shrink(less.free_pages)
    store.checkpoint()
    least = measure(connection)
    assert (least.free_pages, least.used_bytes) == (0, least.pages * 4096)
    assert (tmp_path / "journal.db").stat().st_size == least.used_bytes


def test_what_a_sink_loses_is_counted_and_named(store: Store, connection: apsw.Connection) -> None:
    """First and last address of rows that hold, and how many lie between them."""
    store.commit(history(20).rows, {})
    assert skippable(connection, -1, place(at(20)), 100) == (at(1), at(20), 20)
    assert skippable(connection, place(at(5)), place(at(9)), 100) == (at(6), at(9), 4)
    assert skippable(connection, place(at(5)), place(at(20)), 3) == (at(6), at(8), 3)
    assert skippable(connection, place(at(5)), place(at(5)), 3) is None
    spoil(connection, 6, 9)
    assert skippable(connection, place(at(5)), place(at(9)), 9) == (at(7), at(8), 3)
    assert skippable(connection, place(at(5)), place(at(6)), 9) is None
