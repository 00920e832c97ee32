"""What the proof of completeness is made from, and the cases that a model does not draw."""

from dataclasses import replace
from hashlib import sha256

import orjson
import pytest

from agent.formats.canonical import canonical
from agent.formats.cloudevents import envelope
from agent.trace.claims import Answered, Fork, Lack, Range, Stand
from agent.trace.completeness import Ledger
from agent.trace.heard import HeardError, answer_of, event_of, link_of, place_of, stand_of
from tests.streams import STATION, digest, written

EPOCH = "000042-9f3a1c7e"


def stored(**members: object) -> bytes:
    """Return an event as a journal would store it."""
    content = {
        "epoch": EPOCH,
        "seq": 7,
        "kind": "unit_completed",
        "schema": 1,
        "station": STATION,
        "time": {"received": "2026-11-30T07:00:00.000Z"},
        "prev": digest("before"),
        **members,
    }
    return canonical({**content, "hash": sha256(canonical(content)).hexdigest()})


def test_an_event_is_read_from_its_envelope_or_bare() -> None:
    """Both name the same address and hash; `after` stands beside the event (D-116)."""
    body = stored()
    bare = link_of(event_of(body))
    assert (bare.epoch, bare.seq, bare.prev, bare.after) == (EPOCH, 7, digest("before"), None)
    wrapped = link_of(event_of(envelope(body, after=f"{EPOCH}-3", resend=True)))
    assert wrapped == replace(bare, after=(EPOCH, 3))


def test_an_altered_event_is_no_link() -> None:
    """What was changed on its way is told by its address, never counted as held."""
    altered = stored().replace(b'"unit_completed"', b'"unit_scrapped"')
    with pytest.raises(HeardError, match=f"{EPOCH}-7: its content is not its hash's"):
        link_of(event_of(altered))


@pytest.mark.parametrize(
    "message", [b"", b"[]", b"{}", b'{"data": 1}', b'{"hash": "0"}', b'{"data": {"hash": 1}}']
)
def test_what_is_no_event_is_refused(message: bytes) -> None:
    """Whatever else is on the topic stops nothing and proves nothing."""
    with pytest.raises(HeardError):
        link_of(event_of(message))


def test_the_first_event_names_the_epoch_before() -> None:
    """`agent_started` says where the epoch before ended; the very first one says nothing."""
    body = stored(
        kind="agent_started",
        seq=1,
        previous_epoch="000041-aaaaaaaa",
        previous_seq=9,
        previous_hash=digest("end"),
    )
    link = link_of(event_of(body))
    assert (link.starts, link.previous, link.previous_hash) == (
        True,
        ("000041-aaaaaaaa", 9),
        digest("end"),
    )
    first = link_of(event_of(stored(kind="agent_started", seq=1)))
    assert (first.starts, first.previous) == (True, None)


def test_positions_and_answers_are_read() -> None:
    """As the MQTT sink writes them; anything else is refused with what it lacks."""
    position = {
        "epoch": EPOCH,
        "first_kept": f"{EPOCH}-3",
        "last_seq": 9,
        "last_hash": digest("last"),
    }
    assert stand_of(STATION, orjson.dumps(position)) == Stand(
        station=STATION,
        epoch=EPOCH,
        last_seq=9,
        last_hash=digest("last"),
        first_kept=(EPOCH, 3),
    )
    with pytest.raises(HeardError, match="lacks 'epoch'"):
        stand_of(STATION, b"{}")
    answer = {"epoch": EPOCH, "from": 1, "to": 9, "sent": 3, "unsent": [4], "filtered": True}
    assert answer_of(STATION, orjson.dumps({**answer, "follows": ""})) == Answered(
        station=STATION,
        epoch=EPOCH,
        first=1,
        last=9,
        sent=4,
        is_filtered=True,
        starts=True,
        previous=None,
    )
    assert answer_of(STATION, b'{"refused": "no longer kept"}') == "no longer kept"
    with pytest.raises(HeardError, match="lacks 'epoch'"):
        answer_of(STATION, b"{}")
    with pytest.raises(ValueError, match="'x' is no epoch"):
        place_of("x-1")


def test_what_the_station_has_lost_is_named_and_no_fork() -> None:
    """An epoch of which the station told that it is lost has no claim to be followed (D-139)."""
    links = written([3, 2])
    ledger = Ledger()
    for link in links:
        ledger.take(link)
    first, second = links[0].epoch, links[3].epoch
    third = "000003-33333333"
    begin = replace(
        links[3],
        epoch=third,
        hash=digest(third, 1),
        lost=None,
    )
    told = replace(
        begin,
        seq=2,
        hash=digest(third, 2),
        prev=digest(third, 1),
        starts=False,
        previous=None,
        previous_hash=None,
        lost=(second, 1, 4),
    )
    ledger.take(begin)
    assert ledger.report(STATION).forks == (Fork(first, (second, third)),)
    ledger.take(told)
    ledger.stand(
        Stand(station=STATION, epoch=third, last_seq=2, last_hash=told.hash, first_kept=None)
    )
    report = ledger.report(STATION)
    assert report.forks == ()
    assert [(str(gap.range), gap.why) for gap in report.gaps] == [(f"{second}-3…4", Lack.LOST)]
    assert report.to_ask == ()
    assert not report.is_complete
    assert report.upto == f"{second}-2"
    for seq in (3, 4, 5):
        ledger.take(
            replace(links[4], seq=seq, hash=digest(second, seq), prev=digest(second, seq - 1))
        )
        is_twin = seq == 5  # somebody records on where there should be nobody
        forks = (Fork(first, (second, third)),) if is_twin else ()
        assert ledger.report(STATION).forks == forks


def test_a_tail_that_the_next_epoch_does_not_know_is_kept_as_orphaned() -> None:
    """Who holds more than the successor claims keeps it, marked (DESIGN 3)."""
    links = written([5, 2])
    cut = replace(links[5], previous=(links[0].epoch, 3), previous_hash=links[2].hash)
    ledger = Ledger()
    for link in (*links[:5], cut, links[6]):
        ledger.take(link)
    epoch = ledger.report(STATION).epochs[0]
    assert (epoch.end, epoch.orphaned) == (5, Range(links[0].epoch, 4, 5))


def test_completeness_can_be_asked_for_from_an_address_on() -> None:
    """A consumer that began later proves what it holds from there, and the report says so."""
    links = written([4, 3])
    ledger = Ledger()
    for link in links[2:]:
        ledger.take(link)
    last = links[-1]
    ledger.stand(
        Stand(
            station=STATION,
            epoch=last.epoch,
            last_seq=last.seq,
            last_hash=last.hash,
            first_kept=None,
        )
    )
    assert not ledger.report(STATION).is_complete
    assert ledger.report(STATION).upto is None
    ledger.since(STATION, (links[2].epoch, 3))
    report = ledger.report(STATION)
    assert (report.is_complete, report.since, report.upto) == (
        True,
        f"{links[2].epoch}-3",
        f"{last.epoch}-{last.seq}",
    )


def test_what_a_database_holds_needs_its_first_events_for_a_proof() -> None:
    """Ranges alone say nothing of what came before an epoch; the first events do."""
    links = written([4, 3])
    last = links[-1]
    ledger = Ledger()
    ledger.hold(STATION, links[0].epoch, 1, 4)
    ledger.hold(STATION, last.epoch, 1, 3)
    ledger.stand(
        Stand(
            station=STATION,
            epoch=last.epoch,
            last_seq=last.seq,
            last_hash=last.hash,
            first_kept=None,
        )
    )
    assert not ledger.report(STATION).is_complete
    assert not ledger.take(links[0])
    assert not ledger.take(links[4])
    assert ledger.report(STATION).is_complete
    assert ledger.stations == (STATION,)
