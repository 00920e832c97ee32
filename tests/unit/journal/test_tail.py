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


def test_two_epochs_are_read_from_the_disk() -> None:
    """Across a border of epochs memory says nothing."""
    history = History()
    history.start(1)
    history.start(2)
    tail = Tail()
    tail.extend(history.rows)
    assert tail.after(Address(epoch(2), 1), 9) is None
