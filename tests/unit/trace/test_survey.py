"""What lacks, and since when: nothing is asked for that may simply be on its way."""

from orjson import loads

from agent.trace.claims import Range, Stand
from agent.trace.survey import Overdue, Survey, Surveyed
from tests.streams import STATION, rows
from tests.trace_rig import stored

EPOCH = "000001-00000001"


def surveyed(newest: int, *lacking: tuple[int, int]) -> Surveyed:
    """Return what a look found."""
    return Surveyed(
        events=newest,
        newest=(EPOCH, newest),
        lacking=tuple(Range(EPOCH, *each) for each in lacking),
        gone=0,
        is_complete=not lacking,
        doubts=(),
    )


def test_only_what_lacked_before_is_asked_for() -> None:
    """A hole is as old as two looks at least (D-138)."""
    overdue = Overdue()
    assert overdue.look("s", surveyed(10, (3, 4))) == ()
    assert overdue.look("s", surveyed(20, (4, 4), (12, 13))) == (Range(EPOCH, 4, 4),)
    assert overdue.look("s", surveyed(20, (12, 13))) == (Range(EPOCH, 12, 13),)


def test_what_is_newer_than_all_that_came_is_waited_for_while_it_comes() -> None:
    """A backlog is not asked for; where nothing comes any more it is."""
    overdue = Overdue()
    overdue.look("s", surveyed(10, (11, 90)))
    assert overdue.look("s", surveyed(40, (41, 90))) == ()
    assert overdue.look("s", surveyed(40, (41, 90))) == (Range(EPOCH, 41, 90),)


def test_what_came_meanwhile_is_asked_for_no_more() -> None:
    """Between two looks for patience, only what still lacks is left."""
    asked = (Range(EPOCH, 3, 9),)
    assert Overdue().still(asked, surveyed(10, (5, 6), (8, 20))) == (
        Range(EPOCH, 5, 6),
        Range(EPOCH, 8, 9),
    )


def test_a_store_is_surveyed_against_the_positions() -> None:
    """Complete is what holds all up to the position; each hole is named, and a whole epoch too."""
    events = rows([4, 3])
    last = events[-1]
    stand = Stand(
        station=STATION,
        epoch=last.epoch,
        last_seq=last.seq,
        last_hash=last.hash,
        first_kept=None,
    )
    stands = {STATION: stand}
    with stored([loads(row.body) for row in events]) as store:
        survey = Survey(store)
        found = survey.look(stands)[STATION]
        assert (found.events, found.is_complete, found.lacking) == (7, True, ())
        assert survey.look(stands)[STATION] is found
    with stored([loads(row.body) for row in events[4:6]]) as store:
        found = Survey(store).look(stands)[STATION]
        assert found.lacking == (Range(EPOCH, 1, 4), Range("000002-00000002", 3, 3))
        assert found.newest == ("000002-00000002", 2)
    with stored() as store:
        found = Survey(store).look(stands)[STATION]
        assert found.lacking == (Range("000002-00000002", 1, 3),)
        assert Survey(store).look({}) == {}
