"""Journals as commands read them: where they are, when it was, how an event is told."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.app.reading import (
    ConfigError,
    JournalError,
    Query,
    find_journals,
    find_places,
    moment_ms,
    read_events,
    tell,
    verify_journal,
)
from agent.ports import Row
from tests.unit.app.test_station import World
from tests.unit.config.stations import CELL, PRESS, edited, write

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-25T06:00:00Z", datetime(2026, 11, 25, 6, tzinfo=UTC)),
        ("2026-11-25T06:00:00+01:00", datetime(2026, 11, 25, 5, tzinfo=UTC)),
        ("2h", datetime(2026, 11, 25, 10, tzinfo=UTC)),
        ("2h ago", datetime(2026, 11, 25, 10, tzinfo=UTC)),
        ("1.5h", datetime(2026, 11, 25, 10, 30, tzinfo=UTC)),
        ("30min", datetime(2026, 11, 25, 11, 30, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 18, 12, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_time_or_how_long_ago(text: str, moment: datetime) -> None:
    """Both as people write them."""
    assert moment_ms(text, NOON) == moment.timestamp() * 1000


@pytest.mark.parametrize("text", ["yesterday", "2 h ago", "", "25.11.2026"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    """The text says what can be written instead."""
    with pytest.raises(ValueError, match="is no moment; write 2026-11-25T06:00:00"):
        moment_ms(text, NOON)


@pytest.mark.parametrize("text", ["2026-11-25T06:00:00", "2026-11-25 06:00"])
def test_a_moment_without_an_offset_is_refused(text: str) -> None:
    """Whose wall clock is meant, the gateway's or the station's, would be a guess."""
    with pytest.raises(ValueError, match="without its offset; write 2026-11-25T06:00:00"):
        moment_ms(text, NOON)


def test_journals_are_found_by_station_file_folder_or_place(tmp_path: Path) -> None:
    """What somebody has at hand leads to the journal: also to one on a disk of its own."""
    folder = tmp_path / "stations"
    folder.mkdir()
    elsewhere = edited(CELL, ("track:", "journal: {path: /data/cell}\ntrack:"))
    write(folder, press=PRESS, cell=elsewhere)
    state = tmp_path / "state"
    assert find_journals(folder / "press.yaml", state) == [state / "acme" / "press-07" / "journal"]
    places = find_places(folder, state)
    assert places.journals == (Path("/data/cell"), state / "acme" / "press-07" / "journal")
    assert [station.path for station in places.stations] == ["acme/cell", "acme/press-07"]
    assert places.unit_named("CELL00000001") == "CELL00000001"
    journal = tmp_path / "one" / "journal"
    journal.mkdir(parents=True)
    (journal / "journal.db").touch()
    assert find_journals(journal, None) == find_journals(journal.parent, None) == [journal]


def test_a_path_that_leads_nowhere_is_one_line(tmp_path: Path) -> None:
    """A wrong file, a name that no disk takes, a folder without a journal."""
    with pytest.raises(ConfigError):
        find_journals(tmp_path / "no.yaml", None)
    long = tmp_path / ("x" * 300)
    with pytest.raises(JournalError) as error:
        find_journals(long, None)
    assert str(error.value) == f"{long}/journal.db: File name too long"
    with pytest.raises(JournalError):
        list(read_events(long, Query()))
    with pytest.raises(JournalError):
        verify_journal(long)


async def test_a_running_journal_is_read_and_proven(tmp_path: Path) -> None:
    """Beside the daemon, by kind; a kind that there is not is named with those that there are."""
    async with World(tmp_path).running() as bench:
        await bench.station.emit(bench.scan(b"OP-4711"))
        await bench.station.emit(bench.scan(b"]C1010952123454321321S1"))
        await bench.clock.advance(1)
        rows = list(read_events(bench.journal, Query(kinds=("operator_signed_on",))))
        assert verify_journal(bench.journal).is_whole
        with pytest.raises(ValueError, match="no kind 'scanned'; known: "):
            list(read_events(bench.journal, Query(kinds=("scanned",))))
        told = tell(rows[0])
        assert told.kind == "operator_signed_on"
        assert told.time == "2026-11-30 10:00:00.000+01:00"
        assert "4711" not in told.rest
        [scan] = read_events(bench.journal, Query(kinds=("code_scanned",), limit=1))
        assert tell(scan).subject == "01/09521234543213/21/S1"


def test_a_row_says_what_matters_in_few_words() -> None:
    """Certainty first where it is not certain, values by name, people by the head of their name."""
    event = {
        "kind": "unit_completed",
        "certainty": "possible",
        "why": ["scan_before_restart"],
        "time": {"received": "2026-11-30T07:00:00.000Z", "offset_min": 60},
        "unit": "https://id.gs1.org/01/1/21/2",
        "result": "ok",
        "bypass": True,
        "values": [{"name": "force", "value": 1.5}, {"name": "hot", "value": None}, {}],
        "operators": [{"ref": "f062b7f6:cd0123456789abcdef"}],
        "raw": "00",
    }
    row = Row(
        epoch="000001-aaaa0001",
        seq=7,
        kind="unit_completed",
        unit="https://id.gs1.org/01/1/21/2",
        wall_ms=0,
        body=json.dumps(event).encode(),
        hash="",
    )
    told = tell(row)
    assert told.subject == "01/1/21/2"
    assert told.rest == (
        "possible (scan_before_restart) result=ok bypass=yes values=force:1.5,hot:?,… "
        "operator=f062b7f6:cd012345"
    )
    assert told.address == "000001-aaaa0001-7"


def test_an_orders_row_is_about_the_order() -> None:
    """Where no unit is named, what the event is about stands in its place."""
    event = {
        "kind": "order_started",
        "certainty": "certain",
        "time": {"received": "2026-11-30T07:00:00.000Z", "offset_min": 60},
        "order": "104711",
    }
    row = Row(
        epoch="e",
        seq=1,
        kind="order_started",
        unit=None,
        wall_ms=0,
        body=json.dumps(event).encode(),
        hash="",
    )
    assert tell(row).subject == "104711"
