"""The newest rows in memory: the same answer as the disk, or none."""

from agent.journal.tail import Tail
from agent.ports import Address
from tests.histories import History, epoch


def test_what_is_there_is_returned_and_the_rest_is_read() -> None:
    """Only a question that memory can answer whole is answered."""
    history = History()
    history.start(1)
    history.links(5)
    tail = Tail(most=3)
    assert tail.after(Address(epoch(1), 1), 9) is None
    tail.extend(history.rows)
    assert tail.after(None, 9) is None
    assert tail.after(Address(epoch(1), 2), 9) is None
    assert tail.after(Address(epoch(0), 5), 9) is None
    assert tail.after(Address(epoch(1), 3), 2) == history.rows[3:5]
    assert tail.after(Address(epoch(1), 6), 9) == []


def test_any_part_is_that_of_all_rows() -> None:
    """Read from the nearer end, it is the same part, oldest first."""
    history = History()
    history.start(1)
    history.links(9)
    tail = Tail()
    tail.extend(history.rows)
    for seq in range(len(history.rows) + 2):
        for limit in (1, 3, 99):
            wanted = history.rows[seq : seq + limit]
            assert tail.after(Address(epoch(1), seq), limit) == wanted


def test_it_is_bounded_by_bytes_too() -> None:
    """Large events do not fill the memory: the oldest go, and are read from the disk."""
    history = History()
    history.start(1)
    history.links(9)
    three = sum(len(row.body) for row in history.rows[-3:])
    tail = Tail(most_bytes=three)
    tail.extend(history.rows)
    last = history.rows[-1].seq
    assert tail.after(Address(epoch(1), last - 4), 9) is None
    assert tail.after(Address(epoch(1), last - 3), 9) == history.rows[-3:]


def test_two_epochs_are_read_from_the_disk() -> None:
    """Across a border of epochs memory says nothing."""
    history = History()
    history.start(1)
    history.start(2)
    tail = Tail()
    tail.extend(history.rows)
    assert tail.after(Address(epoch(2), 1), 9) is None
