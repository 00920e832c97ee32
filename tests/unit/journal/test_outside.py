"""What others hold and a journal does not: what tells an older copy from every honest one."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from agent.journal import pruning
from agent.journal.chain import Edge, place
from agent.journal.outside import Unknown, unknown_to
from agent.journal.place import Paths
from agent.journal.store import connect, tell_lost
from agent.ports import Address
from tests.histories import History, epoch
from tests.unit.journal.test_recovery import fill

OTHER = "000002-ffffffff"
"""An epoch with the ordinal of one that is here."""


@pytest.fixture
def history() -> History:
    """Three epochs, of 11, 21 and 31 events."""
    made = History()
    for number in (1, 2, 3):
        made.start(number)
        made.links(number * 10)
    return made


@pytest.fixture
def journal(tmp_path: Path, history: History) -> Iterator[apsw.Connection]:
    """A journal that holds it."""
    fill(tmp_path, history)
    connection = connect(Paths(tmp_path).database, None)
    yield connection
    connection.close()


def test_what_is_here_is_known(journal: apsw.Connection, history: History) -> None:
    """Each event that was sent is known by address and hash, the newest and all before."""
    assert {unknown_to(journal, row.address, row.hash) for row in history.rows} == {None}


@pytest.mark.parametrize(
    ("held", "first"),
    [
        (Address(epoch(3), 40), 32),  # the copy was made while it ran
        (Address(epoch(4), 7), 1),
        (Address(OTHER, 5), 1),  # what came after the copy was made, and what goes on from it
        (Address(OTHER, 400), 1),
        (Address("000000-00000000", 1), 1),
    ],
)
def test_what_is_beyond_is_named_from_where_it_lacks(
    journal: apsw.Connection, held: Address, first: int
) -> None:
    """Of an epoch that is here what follows, of another all of it."""
    unknown = Unknown(epoch=held.epoch, first=first, last=held.seq)
    assert unknown_to(journal, held, "0" * 64) == unknown


def test_another_event_under_one_address_is_named(journal: apsw.Connection) -> None:
    """An address has one content for ever."""
    assert unknown_to(journal, Address(epoch(2), 5), "0" * 64) == Unknown(
        epoch=epoch(2), first=5, last=5, is_other=True
    )


def test_what_was_pruned_is_known(journal: apsw.Connection, history: History) -> None:
    """A broker that was away for longer than events are kept says nothing new."""
    row = history.rows[20]
    with journal:
        pruning.drop(journal, Edge(row.address, row.hash), ())
    assert {unknown_to(journal, one.address, one.hash) for one in history.rows} == {None}


def test_what_was_told_is_not_told_again(journal: apsw.Connection) -> None:
    """A range that a `history_lost` has named is known, by ordinal where nobody knew its name."""
    with journal:
        tell_lost(journal, (epoch(4), 3, 9))
        tell_lost(journal, ("000005-unknown", 1, 9))
    told = (Address(epoch(4), 3), Address(epoch(4), 9), Address(epoch(5), 9))
    assert {unknown_to(journal, held, "0" * 64) for held in told} == {None}
    beyond = (Address(epoch(4), 10), Address(epoch(5), 10), Address(epoch(6), 1))
    assert None not in {unknown_to(journal, held, "0" * 64) for held in beyond}


def test_what_rotted_in_the_middle_is_the_walks_to_name(
    journal: apsw.Connection, history: History
) -> None:
    """A hole in an epoch that goes on behind it, or a body that does not hold, is no older copy."""
    gone, rotten = Address(epoch(2), 5), Address(epoch(2), 9)
    hashes = {row.address: row.hash for row in history.rows}
    with journal:
        journal.execute("DELETE FROM events WHERE place = ?", (place(gone),))
        journal.execute("UPDATE events SET body = x'00' WHERE place = ?", (place(rotten),))
    assert unknown_to(journal, gone, hashes[gone]) is None
    assert unknown_to(journal, rotten, hashes[rotten]) is None


def test_an_empty_journal_knows_nothing(tmp_path: Path) -> None:
    """One that begins anew where there was one before lacks all of it."""
    fill(tmp_path, History())
    connection = connect(Paths(tmp_path).database, None)
    held = Address(epoch(1), 4)
    assert unknown_to(connection, held, "0" * 64) == Unknown(epoch=epoch(1), first=1, last=4)
    connection.close()
