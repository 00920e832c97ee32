"""What a process knows of its journal beyond what an opening finds."""

from agent.app.known import REASON, with_known
from agent.ports import Address, Recovery
from tests.histories import History, epoch


def found(rows: int, *, lost: tuple[tuple[str, int, int, str], ...] = ()) -> Recovery:
    """Return what an opening found of an epoch with so many rows."""
    history = History()
    history.start(1)
    history.links(rows)
    last = history.rows[rows - 1] if rows else None
    return Recovery(last=last, highest_ordinal=bool(rows), fold=(), lost=lost, set_aside=())


def test_what_is_all_there_is_left_as_it_is() -> None:
    """Nothing was known before the first run; and after it no less is there than was known."""
    assert with_known(found(5), None) == found(5)
    assert with_known(found(5), Address(epoch(1), 5)) == found(5)
    assert with_known(found(5), Address(epoch(1), 3)) == found(5)


def test_what_the_journal_names_itself_is_not_named_twice() -> None:
    """The mark knew it too."""
    lost = ((epoch(1), 6, 9, "missing"),)
    assert with_known(found(5, lost=lost), Address(epoch(1), 9)).lost == lost


def test_what_is_gone_is_named() -> None:
    """The end of an epoch, a whole one, and a number that is not given again."""
    assert with_known(found(5), Address(epoch(1), 9)).lost == ((epoch(1), 6, 9, REASON),)
    later = with_known(found(5), Address(epoch(3), 9))
    assert (later.lost, later.highest_ordinal) == (((epoch(3), 1, 9, REASON),), 3)
    empty = with_known(found(0), Address(epoch(2), 4))
    assert (empty.lost, empty.highest_ordinal) == (((epoch(2), 1, 4, REASON),), 2)
