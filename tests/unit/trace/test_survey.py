"""What lacks, and since when: nothing is asked for that may simply be on its way."""

import pytest
from orjson import loads

from agent.formats.cloudevents import envelope
from agent.ports import Row
from agent.trace.api import Trace
from agent.trace.archive import DocumentError
from agent.trace.claims import Answered, Range, Stand
from agent.trace.holdings import completeness
from agent.trace.survey import Survey
from agent.trace.surveyed import Overdue, Surveyed
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


def stand_of(last: Row, kept: Row | None = None) -> Stand:
    """Return the position behind an event."""
    return Stand(
        station=STATION,
        epoch=last.epoch,
        last_seq=last.seq,
        last_hash=last.hash,
        first_kept=(kept.epoch, kept.seq) if kept else None,
    )


def answered(last: int, *, sent: int, is_filtered: bool = True, starts: bool = False) -> Answered:
    """Return the end of an answer about the first epoch, from its first event on."""
    return Answered(
        station=STATION,
        epoch=EPOCH,
        first=1,
        last=last,
        sent=sent,
        is_filtered=is_filtered,
        starts=starts,
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
    stands = {STATION: stand_of(events[-1])}
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


def test_a_filtered_stream_is_proven_from_the_store() -> None:
    """`after` is kept, so that a store that is opened anew proves what was left out (D-138)."""
    events = rows([6, 4])
    kept = [row for row in events if row.seq % 2 == 0]
    sent = []
    for row, before in zip(kept, [None, *kept], strict=False):
        sent.append(loads(envelope(row.body, after=str(before.address) if before else None)))
    stand = stand_of(events[-1])
    with stored(sent[::-1], sent[:2]) as store:
        found = Survey(store).look({STATION: stand})[STATION]
        assert found.lacking == (Range(EPOCH, 1, 1),)
        store.archive.answered(answered(1, sent=0, starts=True))
        found = Survey(store).look({STATION: stand})[STATION]
        assert (found.lacking, found.is_complete, found.events) == ((), True, 5)
        (held,) = completeness(store.archive)
        assert (held.is_whole, held.gaps) == (True, ())


def test_an_answer_whose_events_did_not_all_come_speaks_for_nothing() -> None:
    """Nor does one of a full stream: there only the events themselves prove anything."""
    with stored([loads(rows([3])[1].body)]) as store:
        store.archive.answered(answered(3, sent=2))
        store.archive.answered(answered(3, sent=1, is_filtered=False))
        found = Survey(store).look({})[STATION]
        assert found.lacking == (Range(EPOCH, 1, 1),)
    with stored() as store:
        store.archive.answered(answered(3, sent=0))
        assert Survey(store).look({})[STATION].newest is None
        with pytest.raises(DocumentError, match="no address"):
            store.take_events(
                [{"specversion": "1.0", "after": "x", "data": loads(rows([1])[0].body)}]
            )


def test_what_was_deleted_before_anybody_collected_is_not_missing() -> None:
    """Complete is from what the station still kept then; what it deletes later was held (D-142)."""
    events = rows([6, 4])
    with stored() as store:
        found = Survey(store).look({STATION: stand_of(events[-1], events[3])})[STATION]
        assert found.lacking == (Range("000002-00000002", 1, 4),)
        store.take_events(loads(row.body) for row in events[6:])
        found = Survey(store).look({STATION: stand_of(events[-1], events[3])})[STATION]
        assert (found.lacking, found.is_complete) == ((Range(EPOCH, 4, 6),), False)
        store.take_events(loads(row.body) for row in events[3:6])
        found = Survey(store).look({STATION: stand_of(events[-1], events[3])})[STATION]
        assert (found.is_complete, found.gone, found.events) == (True, 0, 7)
        found = Survey(store).look({STATION: stand_of(events[-1], events[8])})[STATION]
        assert (found.is_complete, found.gone) == (True, 0)


def test_what_a_station_said_it_has_is_kept_and_an_answer_rests_on_it() -> None:
    """What came after the newest event that is held is a gap; nobody says so without it."""
    events = rows([4, 3])
    with stored([loads(row.body) for row in events[:5]]) as store:
        (held,) = completeness(store.archive)
        assert (held.is_whole, held.position, held.gaps) == (True, None, ())
        Survey(store).look({STATION: stand_of(events[-1])})
        (held,) = completeness(store.archive)
        assert (held.is_whole, held.position) == (False, str(events[-1].address))
        assert [(gap.first, gap.last, gap.why) for gap in held.gaps] == [(2, 3, "missing")]
        Survey(store).look({STATION: stand_of(events[4])})  # an older word, heard again
        assert completeness(store.archive) == [held]
        store.take_events(loads(row.body) for row in events[5:])
        (held,) = completeness(store.archive)
        assert (held.is_whole, held.gaps) == (True, ())
        Survey(store).look({STATION: stand_of(events[-1], events[2])})  # what it keeps goes on
        (again,) = completeness(store.archive)
        assert again == held


def test_a_station_of_which_nothing_came_is_no_silence() -> None:
    """It has events by its own word: an answer does not rest on them, and says so."""
    with stored() as store:
        Survey(store).look({STATION: stand_of(rows([3])[-1])})
        (held,) = completeness(store.archive)
        assert (held.station, held.events, held.runs) == (STATION, 0, 0)
        assert (held.is_whole, held.since, held.until, held.upto) == (False, None, None, None)
        assert [(gap.first, gap.last) for gap in held.gaps] == [(1, 3)]
        assert not Trace(store).recall("LOT")["is_complete"]
