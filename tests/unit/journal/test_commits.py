"""What follows from rows in the journal itself."""

from agent.journal.chain import place
from agent.journal.commits import consequences
from agent.ports import Address
from tests.histories import History, epoch


def at(seq: int) -> Address:
    """Return an address of the first epoch."""
    return Address(epoch(1), seq)


def test_most_rows_have_no_consequences() -> None:
    """They are only recorded."""
    history = History()
    history.start(1)
    history.links(3)
    found = consequences(history.rows, -1)
    assert (found.lost, found.skipped, found.set_after) == ([], {}, None)


def test_what_is_told_as_lost_is_told_once() -> None:
    """The range goes into the same transaction."""
    history = History()
    history.start(2)
    history.lose((epoch(1), 3, 5, "damaged"))
    assert consequences(history.rows, -1).lost == [(epoch(1), 3, 5)]


def test_what_a_sink_is_told_to_have_lost_moves_its_cursor() -> None:
    """The newest word counts."""
    history = History()
    history.start(1)
    history.skip("audit", at(1), at(7), 7)
    history.skip("audit", at(8), at(9), 2)
    assert consequences(history.rows, -1).skipped == {"audit": at(9), "audit#after": at(9)}


def test_the_newest_complete_set_is_where_the_old_end_may_come_to() -> None:
    """Counted from the row before its first part; a set that does not end here does not count."""
    history = History()
    history.start(1, carried=2)
    history.links(2)
    history.carry(3)
    history.links(1)
    history.carry(2)
    rows = history.rows
    assert consequences(rows[:3], -1).set_after == place(at(1))
    assert consequences(rows[3:9], place(at(3))).set_after == place(at(5))
    assert consequences(rows[:-1], -1).set_after == place(at(5))
    assert consequences(rows[5:8], place(at(5))).set_after == place(at(5))
