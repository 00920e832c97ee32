"""Look-ups: proven rows only, damaged ones named."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from agent.core.events import ComponentInstalled, UnitStarted
from agent.journal.chain import place
from agent.journal.commits import Store
from agent.journal.reading import Lookup, Seen
from agent.journal.store import create
from agent.ports import Address
from tests.histories import STATION, History, epoch


@pytest.fixture
def history() -> History:
    """One epoch with three visits of two units, and one refused at the beginning."""
    made = History()
    made.start(1)
    made.unit("unit-1")
    made.unit("unit-2")
    made.unit("unit-1", visit=2)
    made.unit("unit-1", handshake="begin")
    return made


@pytest.fixture
def connection(tmp_path: Path, history: History) -> Iterator[apsw.Connection]:
    """A database that holds the history."""
    made = create(tmp_path / "j", None, STATION)
    Store(made, tmp_path / "j").commit(history.rows, {})
    yield made
    made.close()


def spoil(connection: apsw.Connection, *seqs: int) -> None:
    """Let the bodies of rows rot."""
    for seq in seqs:
        connection.execute(
            "UPDATE events SET body = x'00' WHERE place = ?", (place(Address(epoch(1), seq)),)
        )


def test_rows_come_in_order_in_pages(connection: apsw.Connection, history: History) -> None:
    """After a place, at most so many, oldest first."""
    lookup = Lookup(connection)
    assert lookup.after(-1, 2) == (history.rows[:2], [])
    assert lookup.after(place(history.rows[1].address), 9) == (history.rows[2:], [])
    assert lookup.after(place(history.rows[-1].address), 9) == ([], [])
    assert lookup.first_kept() == Address(epoch(1), 1)


def test_damaged_rows_are_named_and_passed(connection: apsw.Connection, history: History) -> None:
    """A page is filled from behind the damage, so that nobody waits in front of it."""
    spoil(connection, 2, 3)
    assert Lookup(connection).after(place(history.rows[0].address), 1) == (
        [history.rows[3]],
        [(epoch(1), 2, 3, "damaged")],
    )
    assert Lookup(connection).after(-1, 9) == (
        [history.rows[0], *history.rows[3:]],
        [(epoch(1), 2, 3, "damaged")],
    )
    spoil(connection, 4, 5)
    assert Lookup(connection).after(place(history.rows[0].address), 1) == (
        [],
        [(epoch(1), 2, 5, "damaged")],
    )


def test_a_hole_is_named(connection: apsw.Connection, history: History) -> None:
    """Rows that are not there where others of the epoch follow are missing, told ones apart."""
    connection.execute("DELETE FROM events WHERE place = ?", (place(Address(epoch(1), 3)),))
    lookup = Lookup(connection)
    found = lookup.after(place(history.rows[1].address), 9)
    assert found == (history.rows[3:], [(epoch(1), 3, 3, "missing")])
    connection.execute("INSERT INTO lost VALUES (?, 3, 3)", (epoch(1),))
    assert lookup.after(-1, 9) == ([*history.rows[:2], *history.rows[3:]], [])


def test_the_oldest_row_that_holds_is_the_first(connection: apsw.Connection) -> None:
    """A damaged first row is not there; neither is any in an empty journal."""
    spoil(connection, 1)
    assert Lookup(connection).first_kept() == Address(epoch(1), 2)
    connection.execute("DELETE FROM events")
    assert Lookup(connection).first_kept() is None


def test_a_row_that_its_successor_disowns_is_damaged(connection: apsw.Connection) -> None:
    """An altered row with a hash of its own is not handed out (X06)."""
    other = History()
    other.start(1)
    forged = other.unit("forged")
    connection.execute(
        "UPDATE events SET body = ? WHERE place = ?", (forged.body, place(forged.address))
    )
    rows, lost = Lookup(connection).after(-1, 2)
    assert [row.seq for row in rows] == [1, 3]
    assert lost == [(epoch(1), 2, 2, "damaged")]


def test_a_row_at_a_wrong_place_is_damaged(connection: apsw.Connection) -> None:
    """What stands at an address has to be what was stored there."""
    connection.execute(
        "UPDATE events SET place = place + 100 WHERE place = ?", (place(Address(epoch(1), 5)),)
    )
    rows, lost = Lookup(connection).after(-1, 9)
    assert [row.seq for row in rows] == [1, 2, 3, 4]
    assert lost == [(epoch(1), 5, 5, "damaged")]


@pytest.mark.parametrize(
    ("unit", "handshake", "expected"),
    [
        (
            "unit-1",
            "end",
            Seen(
                address=f"{epoch(1)}-4",
                kind="unit_completed",
                result="ok",
                visits=3,
                done_result="ok",
            ),
        ),
        (
            "unit-1",
            "begin",
            Seen(
                address=f"{epoch(1)}-5",
                kind="unit_completed",
                result="ok",
                visits=3,
                done_result="ok",
            ),
        ),
        ("unit-2", "begin", Seen(visits=1, done_result="ok")),
        ("unit-3", "end", Seen()),
    ],
)
def test_a_unit_is_seen_by_its_newest_event(
    connection: apsw.Connection, unit: str, handshake: str, expected: Seen
) -> None:
    """Newest event in this handshake, and all completed visits."""
    assert Lookup(connection).seen(unit, handshake) == expected


def test_a_unit_that_was_let_in_has_made_no_visit(tmp_path: Path) -> None:
    """The newest event says so; only what was completed counts as a visit."""
    history = History()
    history.start(1)
    body = {"handshake": "begin", "cycle": "c-1", "generation": 1, "request": 1, "content": ()}
    body |= {"earliest_ms": 1, "latest_ms": 1}
    history.add(UnitStarted, unit="unit-1", answer=1, **body)
    made = create(tmp_path / "j", None, STATION)
    Store(made, tmp_path / "j").commit(history.rows, {})
    assert Lookup(made).seen("unit-1", "begin") == Seen(
        address=f"{epoch(1)}-2", kind="unit_started", result=None, visits=0
    )
    made.close()


def test_a_rotten_row_is_no_visit(connection: apsw.Connection) -> None:
    """What does not hold, or is about another unit, says nothing of this one."""
    spoil(connection, 4)
    connection.execute("UPDATE events SET unit = 'unit-1' WHERE unit = 'unit-2'")
    assert Lookup(connection).seen("unit-1", "end") == Seen(
        address=f"{epoch(1)}-2", kind="unit_completed", result="ok", visits=2, done_result="ok"
    )


def test_a_rotten_row_moves_no_component(tmp_path: Path) -> None:
    """The newest row that holds, and is about this component, says where it is (D-42)."""
    history = History()
    history.start(1)
    for unit, component in (("unit-1", "ecu-1"), ("unit-2", "ecu-1"), ("unit-3", "ecu-2")):
        history.add(ComponentInstalled, position="ecu", component=component, unit=unit, cycle="c-1")
    made = create(tmp_path / "j", None, STATION)
    Store(made, tmp_path / "j").commit(history.rows, {})
    spoil(made, 3)
    made.execute("UPDATE events SET unit = 'ecu-1' WHERE unit = 'ecu-2'")
    assert Lookup(made).installed("ecu-1") == (f"{epoch(1)}-2", "unit-1", "ecu")
    assert Lookup(made).installed("ecu-9") is None
    made.close()
