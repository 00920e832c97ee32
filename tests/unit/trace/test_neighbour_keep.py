"""What stations elsewhere say, on disk: once, proven, and nothing that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from agent.core.events import LotBlocked, Result, UnitScrapped
from agent.formats.cloudevents import envelope
from agent.ports import Row, StoreError
from agent.trace.asking import History as Told
from agent.trace.claims import Answered, Range, Stand
from agent.trace.facts_file import ASIDE
from agent.trace.neighbour_keep import DIRECTORY, MOST_ASIDE, NeighbourKeep
from agent.trace.took import Proof
from tests.doubles import MORNING_MS
from tests.histories import STATION, History, epoch
from tests.streams import hashed

TOPIC = f"lineside/v1/{STATION}/events/unit_completed"
ONE = epoch(1)
LATER_MS = MORNING_MS + 3_600_000


def keep_in(directory: Path, *stations: str) -> NeighbourKeep:
    """Return what is kept of some stations; of the one of these histories where none is named."""
    proof = Proof("lineside", "me")
    return NeighbourKeep(directory, stations or (STATION,), proof, asks=True)


def messages(*rows: Row) -> list[tuple[str, bytes]]:
    """Return events as a broker hands them out."""
    return [(TOPIC, envelope(row.body)) for row in rows]


def stand_of(history: History) -> dict[str, Stand]:
    """Return where the station stands."""
    last, first = history.rows[-1], history.rows[0]
    stand = Stand(
        station=STATION,
        epoch=last.epoch,
        last_seq=last.seq,
        last_hash=last.hash,
        first_kept=(first.epoch, first.seq),
    )
    return {STATION: stand}


def results(told: Told) -> list[str | None]:
    """Return the results of a unit's visits, oldest first."""
    return [stay.result for stay in told.stays if stay.kind == "unit_completed"]


@pytest.fixture
def saw() -> History:
    """Return a station with two units."""
    history = History()
    history.start(1)
    history.unit("SN-1")
    history.unit("SN-2", result=Result.NOK)
    return history


def test_twice_and_backwards_is_once_and_outlives_the_process(tmp_path: Path, saw: History) -> None:
    """Nothing is doubled, and what was taken is there when the files are opened again (D-136)."""
    keep = keep_in(tmp_path)
    first = keep.take(messages(*saw.rows[::-1]), LATER_MS)
    again = keep.take(messages(*saw.rows), LATER_MS)
    assert (first.new, first.known, again.new, again.known) == (3, 0, 0, 3)
    assert (again.aside, again.newest) == ([], {STATION: (ONE, 3)})
    assert keep.versions == {STATION: 1}
    keep.close()
    other = keep_in(tmp_path)
    assert results(other.history(STATION, {"SN-2"}, "SN-2")) == ["nok"]
    (extent,) = other.extents(stand_of(saw)).values()
    assert (extent.as_of, extent.holes, extent.since) == (f"{ONE}-3", (), "")
    other.close()


def test_poison_is_set_aside_once_and_leaves_a_hole(tmp_path: Path, saw: History) -> None:
    """No JSON, no event, an altered one, another station's: the rest is taken, all is confirmed."""
    stranger = {**orjson.loads(saw.rows[1].body), "station": "acme/elsewhere"}
    bad = [
        b"\xff{",
        b"[]",
        b'{"data": {"hash": 1}}',
        envelope(saw.rows[2].body).replace(b"SN-2", b"SN-9"),
        envelope(hashed(stranger)),
        b'{"hash":"x","kind":"k","x":' + b"[" * 900 + b"]" * 900 + b"}",
    ]
    keep = keep_in(tmp_path)
    sent = [*messages(*saw.rows[:2]), *((TOPIC, each) for each in bad)]
    took = keep.take(sent, LATER_MS)
    assert (took.new, [one.payload for one in took.aside]) == (2, bad)
    assert keep.take(sent, LATER_MS).aside == []
    (extent,) = keep.extents(stand_of(saw)).values()
    assert [hole.range for hole in extent.holes] == [Range(ONE, 3, 3)]
    assert keep.history(STATION, {"SN-9"}, "SN-9").stays == ()
    keep.close()


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"result": 7}, "FormatError"),
        ({"unit": ["SN-1"]}, "FormatError"),
        ({"kind": ["unit_completed"]}, "TypeError"),
        ({"schema": 99}, "unit_completed of schema 99 is newer than this version"),
        ({"time": "now"}, "TypeError"),
        ({"time": {"received": "yesterday", "clock_state": "synced"}}, "ValueError"),
        ({"seq": 1e30}, "is no seq"),
        ({"seq": 0}, "is no seq"),
        (
            {"kind": "event_corrected", "schema": 1, "supersedes": [f"{ONE}-{10**30}"]},
            "Error",
        ),
        ({"kind": "history_lost", "lost_epoch": ONE, "first_seq": 1, "last_seq": 1e30}, "no seq"),
    ],
)
def test_what_this_version_cannot_read_is_a_hole_and_no_guess(
    tmp_path: Path, saw: History, members: dict[str, object], why: str
) -> None:
    """It is what was recorded, so a resend does not help: it is said, and all else is taken."""
    odd = hashed({**orjson.loads(saw.rows[2].body), **members})
    keep = keep_in(tmp_path)
    took = keep.take([*messages(saw.rows[0]), (TOPIC, odd), *messages(saw.rows[1])], LATER_MS)
    assert (took.new, len(took.unreadable)) == (2, 1)
    assert [why in one.why for one in took.aside] == [True]
    (extent,) = keep.extents(stand_of(saw)).values()
    assert [hole.range for hole in extent.holes] == [Range(ONE, 3, 3)]
    assert keep.take(messages(*saw.rows), LATER_MS).new == 1
    keep.close()


@pytest.mark.parametrize("name", ["9" * 5000 + "-1", "x-1", "", 7, None])
def test_an_epoch_that_is_none_is_set_aside(tmp_path: Path, saw: History, name: object) -> None:
    """However long: no number is made of it."""
    odd = envelope(hashed({**orjson.loads(saw.rows[1].body), "epoch": name}))
    keep = keep_in(tmp_path)
    took = keep.take([(TOPIC, odd), (TOPIC, odd), *messages(saw.rows[0])], LATER_MS)
    assert (took.new, len(took.aside)) == (1, 1)
    keep.close()


def test_kinds_that_this_version_does_not_know_are_no_hole(tmp_path: Path, saw: History) -> None:
    """They are additions, and say nothing that is asked here (D-141)."""
    new = envelope(hashed({**orjson.loads(saw.rows[2].body), "kind": "unit_polished"}))
    keep = keep_in(tmp_path)
    took = keep.take([*messages(*saw.rows[:2]), (TOPIC, new)], LATER_MS)
    (extent,) = keep.extents(stand_of(saw)).values()
    assert (took.new, extent.holes) == (3, ())
    keep.close()


def test_another_content_under_one_address_is_noticed(tmp_path: Path, saw: History) -> None:
    """A cloned gateway: the first stays, and what is known is in doubt, over a restart too."""
    other = envelope(hashed({**orjson.loads(saw.rows[1].body), "unit": "SN-CLONE"}))
    keep = keep_in(tmp_path)
    keep.take(messages(*saw.rows), LATER_MS)
    took = keep.take([(TOPIC, other)], LATER_MS)
    assert [one.payload for one in took.aside] == [other]
    keep.close()
    again = keep_in(tmp_path)
    (extent,) = again.extents(stand_of(saw)).values()
    assert [twin.range for twin in extent.twins] == [Range(ONE, 2, 2)]
    assert results(again.history(STATION, {"SN-1"}, "SN-1")) == ["ok"]
    again.close()


def test_a_clock_that_was_not_set_makes_nothing_old(tmp_path: Path, saw: History) -> None:
    """An event of 1970 may be from just now, and so may the hole before it."""
    members = orjson.loads(saw.rows[2].body)
    time = {**members["time"], "received": "1970-01-01T00:00:07.000Z", "clock_state": "unsynced"}
    keep = keep_in(tmp_path)
    odd = envelope(hashed({**members, "time": time}))
    keep.take([*messages(saw.rows[0]), (TOPIC, odd)], LATER_MS)
    (extent,) = keep.extents(stand_of(saw)).values()
    assert [hole.until_ms for hole in extent.holes] == [LATER_MS]
    keep.close()


def test_a_stream_that_leaves_kinds_out_is_noticed(tmp_path: Path, saw: History) -> None:
    """By `after`, or by an answer; and that it no longer does, by its newest event (D-138)."""
    filtered = envelope(saw.rows[1].body, after=f"{ONE}-1")
    keep = keep_in(tmp_path)

    def is_filtered() -> bool:
        (extent,) = keep.extents(stand_of(saw)).values()
        return extent.is_filtered

    keep.take([*messages(saw.rows[0]), (TOPIC, filtered)], LATER_MS)
    assert is_filtered()
    keep.take([(TOPIC, envelope(saw.rows[2].body, resend=True))], LATER_MS)
    assert is_filtered()
    saw.unit("SN-3")
    keep.take(messages(saw.rows[3]), LATER_MS)
    assert not is_filtered()
    answer = Answered(station=STATION, epoch=ONE, first=1, last=2, sent=1, is_filtered=True)
    keep.answered(answer)
    keep.close()
    keep = keep_in(tmp_path)
    assert is_filtered()
    keep.close()


def test_what_is_not_followed_is_let_go(tmp_path: Path, saw: History) -> None:
    """A session that the broker kept may still bring what was followed once."""
    keep = keep_in(tmp_path)
    keep.take(messages(*saw.rows), LATER_MS)
    keep.close()
    keep = keep_in(tmp_path, "acme/drill")
    took = keep.take(messages(*saw.rows), LATER_MS)
    assert (took.new, took.aside, took.newest) == (0, [], {})
    assert keep.others == [STATION]
    assert (keep.extents(stand_of(saw)), keep.survey(stand_of(saw))) == ({}, {})
    keep.answered(Answered(station=STATION, epoch=ONE, first=1, last=2, sent=1, is_filtered=True))
    keep.close()
    assert keep_in(tmp_path / "new").others == []


def test_a_file_that_is_not_whole_is_set_aside(tmp_path: Path, saw: History) -> None:
    """Told once; a new one begins, and everything in it is asked for."""
    keep = keep_in(tmp_path)
    keep.take(messages(*saw.rows), LATER_MS)
    keep.close()
    keep.path(STATION).write_bytes(b"rot" * 4000)
    keep.open()
    assert len(keep.damaged) == 1
    assert keep.path(STATION).with_name(keep.path(STATION).name + ASIDE).exists()
    assert keep.history(STATION, {"SN-1"}, "SN-1").stays == ()
    assert keep.survey(stand_of(saw))[STATION].lacking == (Range(ONE, 1, 3),)
    keep.close()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, saw: History) -> None:
    """Nothing is taken, so that nothing is confirmed; later it is."""
    (tmp_path / DIRECTORY).write_text("", encoding="utf-8")
    keep = keep_in(tmp_path)
    with pytest.raises(StoreError, match="cannot be made"):
        keep.take(messages(*saw.rows), LATER_MS)
    (tmp_path / DIRECTORY).unlink()
    keep.path(STATION).mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot open"):
        keep.take(messages(*saw.rows), LATER_MS)
    keep.path(STATION).rmdir()
    assert keep.take(messages(*saw.rows), LATER_MS).new == 3
    keep.close()


def test_old_facts_go_and_what_is_blocked_stays(tmp_path: Path, saw: History) -> None:
    """As in the look-up: a unit that was here long ago is forgotten, its block is not (D-56)."""
    saw.add(LotBlocked, lot="L-1", source="scan", who="k:1", reason="odd")
    saw.start(2)
    saw.add(UnitScrapped, unit="SN-3", who="k:1", reason="dropped")
    keep = keep_in(tmp_path)
    keep.take(messages(*saw.rows), LATER_MS)
    assert keep.blocked == {STATION: frozenset({"L-1"})}
    keep.forget(facts_before_ms=LATER_MS, runs_before_ms=LATER_MS, stands={})
    assert keep.history(STATION, {"SN-1"}, "SN-1").stays == ()
    (extent,) = keep.extents(stand_of(saw)).values()
    assert (extent.as_of, extent.since, extent.holes) == (f"{epoch(2)}-2", "", ())
    stands = {name: replace(at, first_kept=(epoch(2), 1)) for name, at in stand_of(saw).items()}
    for _ in range(2):
        keep.forget(facts_before_ms=LATER_MS, runs_before_ms=LATER_MS, stands=stands)
    (extent,) = keep.extents(stands).values()
    assert (extent.as_of, extent.since, extent.holes) == (f"{epoch(2)}-2", f"{epoch(2)}-1", ())
    keep.close()
    again = keep_in(tmp_path)
    again.open()
    assert again.blocked == {STATION: frozenset({"L-1"})}
    again.close()


def test_only_so_many_refused_messages_are_remembered(tmp_path: Path) -> None:
    """A flood of poison takes no memory: the oldest is told again if it comes again."""
    keep = keep_in(tmp_path)
    flood = [(TOPIC, str(n).encode()) for n in range(MOST_ASIDE + 1)]
    assert len(keep.take(flood, LATER_MS).aside) == MOST_ASIDE + 1
    assert [one.payload for one in keep.take([flood[0], flood[-1]], LATER_MS).aside] == [b"0"]
    assert keep.may_ask("me", 0, 0)
    keep.close()
