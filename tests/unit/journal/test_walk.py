"""The walk: what holds, what is lost, what to fold; on rows alone, without a database."""

import pytest

from agent.journal.chain import Proven, place, prove
from agent.journal.mark import Mark
from agent.journal.store import Stored
from agent.journal.walk import Fold, Gap, Walk
from agent.ports import Address, Row
from tests.histories import History, epoch


def down(
    rows: list[Row], *, rotten: tuple[int, ...] = (), without: tuple[int, ...] = ()
) -> list[Stored]:
    """Return rows as they stand in the table, newest first; some rotten, some missing."""
    return [
        (place(row.address), b"rotten" if at in rotten else row.body)
        for at, row in reversed(list(enumerate(rows)))
        if at not in without
    ]


def mark_of(row: Row) -> Mark:
    """Return the mark that was written after a row."""
    return Mark(1, row.address, row.hash)


def walked(
    stored: list[Stored], mark: Mark | None = None, told: tuple[Gap, ...] = ()
) -> tuple[Walk, tuple[Row, ...]]:
    """Return the walk and what it has to be folded from."""
    walk, fold = Walk(mark, told), Fold()
    for found, hole_after in walk.run(stored):
        if not fold.is_done:
            fold.take(found, hole_after=hole_after)
    return walk, fold.rows(hole_before=walk.hole)


@pytest.fixture
def history() -> History:
    """Two epochs: 1..5 without a carried state, then 1..7 with a set at 2 and 3."""
    made = History()
    made.start(1)
    made.links(4)
    made.start(2, carried=2)
    made.links(4)
    return made


def test_a_whole_history_is_folded_from_its_newest_set(history: History) -> None:
    """Nothing is lost, and the state comes from the set and what followed."""
    walk, fold = walked(down(history.rows), mark_of(history.rows[-1]))
    assert (walk.lost, walk.orphans, walk.rows) == ([], [], 12)
    assert walk.newest == history.rows[-1]
    assert fold == tuple(history.rows[6:])


def test_a_first_epoch_is_folded_from_its_beginning(history: History) -> None:
    """Without a set, everything since the very first event is the state."""
    assert walked(down(history.rows[:5]))[1] == tuple(history.rows[:5])


def test_a_pruned_history_without_a_set_has_no_state(history: History) -> None:
    """What came before is not known, so nothing is folded."""
    assert walked(down(history.rows[1:5]))[1] == ()


def test_a_set_at_the_very_beginning_of_what_is_kept_counts(history: History) -> None:
    """Pruning stops right before the newest set."""
    assert walked(down(history.rows[6:]))[1] == tuple(history.rows[6:])


def test_of_two_sets_the_newer_counts() -> None:
    """Sets that follow each other directly are two, each with its own end."""
    made = History()
    made.start(1, carried=2)
    newer = made.carry(3)
    assert walked(down(made.rows))[1] == tuple(newer)


def test_an_unmarked_batch_is_normal(history: History) -> None:
    """A cut between commit and mark leaves the mark behind; nothing is lost."""
    walk, _ = walked(down(history.rows), mark_of(history.rows[-3]))
    assert walk.lost == []


def test_a_history_shorter_than_the_mark_is_found(history: History) -> None:
    """What the mark knows and the journal does not is lost; nothing is folded over it (S1)."""
    walk, fold = walked(down(history.rows[:-2]), mark_of(history.rows[-1]))
    assert walk.lost == [(epoch(2), 6, 7, "missing")]
    assert fold == ()


def test_an_epoch_that_is_gone_as_a_whole_is_found(history: History) -> None:
    """The mark names another epoch than the newest row: all of it up to there is lost."""
    walk, _ = walked(down(history.rows[:5]), mark_of(history.rows[-1]))
    assert walk.lost == [(epoch(2), 1, 7, "missing")]


def test_an_emptied_journal_is_found(history: History) -> None:
    """No row at all, and a mark: never a silent fresh start (P20)."""
    walk, fold = walked([], mark_of(history.rows[-1]))
    assert (walk.lost, walk.newest, fold) == ([(epoch(2), 1, 7, "missing")], None, ())


def test_a_rotten_row_is_named_and_its_neighbours_stay(history: History) -> None:
    """One damaged row is one lost address (S2)."""
    walk, fold = walked(down(history.rows, rotten=(9,)), mark_of(history.rows[-1]))
    assert walk.lost == [(epoch(2), 5, 5, "damaged")]
    assert (walk.rows, fold) == (11, ())


def test_a_rotten_row_before_the_set_does_not_touch_the_fold(history: History) -> None:
    """History is damaged, the state is not."""
    walk, fold = walked(down(history.rows, rotten=(2,)), mark_of(history.rows[-1]))
    assert walk.lost == [(epoch(1), 3, 3, "damaged")]
    assert fold == tuple(history.rows[6:])


@pytest.mark.parametrize("rotten", [5, 6, 7])
def test_a_set_that_is_not_whole_is_not_folded(history: History, rotten: int) -> None:
    """A part missing, or what stands before the first part: then nobody knows how many."""
    _, fold = walked(down(history.rows, rotten=(rotten,)), mark_of(history.rows[-1]))
    assert fold == ()


def test_rotten_rows_at_both_ends_are_named(history: History) -> None:
    """The newest without a mark, and the oldest: known to have existed by their place alone."""
    walk, fold = walked(down(history.rows, rotten=(0, 10, 11)))
    assert walk.lost == [(epoch(2), 6, 7, "damaged"), (epoch(1), 1, 1, "damaged")]
    assert fold == ()


def test_a_rotten_first_row_leaves_a_first_epoch_without_state(history: History) -> None:
    """Without its beginning a history cannot be folded."""
    assert walked(down(history.rows[:5], rotten=(0,)))[1] == ()


def test_a_rotten_row_before_a_set_at_the_beginning_breaks_it(history: History) -> None:
    """It may have been a part of the set."""
    assert walked(down(history.rows[5:], rotten=(0,)))[1] == ()


def test_rows_missing_in_the_middle_are_named(history: History) -> None:
    """A hole between two rows that hold is lost, over the border of epochs too."""
    walk, _ = walked(down(history.rows, without=(3, 4, 5, 6)), mark_of(history.rows[-1]))
    assert walk.lost == [(epoch(2), 1, 2, "missing")]
    walk, _ = walked(down(history.rows, without=(3, 4)), mark_of(history.rows[-1]))
    assert walk.lost == [(epoch(1), 4, 5, "missing")]


def test_an_epoch_missing_between_two_is_named() -> None:
    """The start of the next epoch names where the one before ended."""
    made = History()
    made.start(1)
    made.start(2)
    made.links(3)
    made.start(3)
    walk, _ = walked(down(made.rows, without=(1, 2, 3, 4)))
    assert walk.lost == [(epoch(2), 1, 4, "missing")]


def test_an_end_that_only_the_mark_knows_is_named(history: History) -> None:
    """The first row of the newest epoch is lost, and with it where the one before ended."""
    newest = history.rows[-1]
    mark = Mark(9, newest.address, newest.hash, before=history.rows[4].address)
    walk, _ = walked(down(history.rows, without=(3, 4, 5)), mark)
    assert walk.lost == [(epoch(2), 1, 1, "missing"), (epoch(1), 4, 5, "missing")]
    walk, _ = walked(down(history.rows[:3]), mark)
    assert walk.lost == [(epoch(2), 1, 7, "missing"), (epoch(1), 4, 5, "missing")]
    walk, _ = walked(down(history.rows, without=(2,)), mark)
    assert walk.lost == [(epoch(1), 3, 3, "missing")]


def test_an_epoch_of_which_no_row_holds_goes_by_its_number() -> None:
    """Its random bits are nowhere else."""
    made = History()
    made.start(1)
    made.start(2)
    walk, _ = walked(down(made.rows, rotten=(0, 1)), None)
    assert walk.lost == [
        ("000002-unknown", 1, 1, "damaged"),
        ("000001-unknown", 1, 1, "damaged"),
    ]


def test_a_row_altered_with_its_own_hash_is_found_by_its_successor(history: History) -> None:
    """Whoever edits a row and its hash breaks the link to it (X06)."""
    other = History()
    other.start(1)
    other.links(2)
    forged = other.unit("forged")
    rows = [*history.rows[:3], forged, *history.rows[4:]]
    walk, _ = walked(down(rows), mark_of(rows[-1]))
    assert walk.lost == [(epoch(1), 4, 4, "damaged")]


def test_a_last_row_altered_with_its_own_hash_is_found_by_the_mark(history: History) -> None:
    """The newest row has no successor; the mark knows its hash (X06)."""
    other = History()
    other.start(1)
    other.links(3)
    forged = other.unit("forged")
    walk, _ = walked(down([*history.rows[:4], forged]), mark_of(history.rows[4]))
    assert walk.lost == [(epoch(1), 5, 5, "damaged")]


def test_a_row_at_a_wrong_place_is_missing_at_its_own() -> None:
    """A row is what its bytes say, and has to stand there."""
    made = History()
    made.start(1)
    made.links(2)
    stored = down(made.rows)
    stored[1] = (stored[1][0] + 2**20, stored[1][1])
    walk, _ = walked([stored[1], stored[0], stored[2]])
    assert walk.lost == [(epoch(1), 2, 2, "missing")]


def test_rows_beyond_what_the_next_epoch_names_are_orphans(history: History) -> None:
    """They never became part of history, so they are neither kept nor lost."""
    other = History()
    other.start(1)
    other.links(6)
    orphans = other.rows[5:]
    rows = [*history.rows[:5], *orphans, *history.rows[5:]]
    walk, _ = walked(down(rows), mark_of(rows[-1]))
    assert walk.lost == []
    assert walk.orphans == [place(row.address) for row in reversed(orphans)]


def test_what_was_told_is_not_told_again_but_never_folded_over(history: History) -> None:
    """A named loss stays a hole for the fold (DESIGN 3)."""
    made = History()
    made.start(1, carried=1)
    told = (epoch(1), 3, 9)
    made.start(2)
    made.lose((*told, "missing"))
    walk, fold = walked(down(made.rows), mark_of(made.rows[-1]), (told,))
    assert (walk.lost, fold) == ([], ())
    rotten = down(history.rows, rotten=(9,))
    walk, _ = walked(rotten, mark_of(history.rows[-1]), ((epoch(2), 5, 5),))
    assert walk.lost == []


def test_a_fold_that_is_done_takes_no_more() -> None:
    """Rows before the set are not part of it, whatever they are."""
    made = History()
    made.start(1, carried=1)
    found = [prove(row.body) for row in reversed(made.rows)]
    fold = Fold()
    for row in found:
        assert isinstance(row, Proven)
        fold.take(row, hole_after=False)
    assert fold.is_done
    assert fold.rows() == (made.rows[1],)
    assert Address(epoch(1), 2) == fold.rows()[0].address
