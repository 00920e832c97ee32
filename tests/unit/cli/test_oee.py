"""`lineside oee`, as a user calls it: from journals and from the store, as table, JSON and CSV."""

import csv
import io
import json
from pathlib import Path

import orjson
import pytest

from agent.app.plant import station_directory
from agent.cli import exits, main
from agent.core import events as ev
from agent.formats.json import encode
from agent.journal.chain import seal
from agent.journal.commits import Store as JournalStore
from agent.journal.store import create
from agent.ports import Row
from agent.trace.store import Store
from tests.measured import STATION, Day
from tests.unit.config.stations import FILLER, PRESS, edited

OEE = """oee:
  ideal_cycle: 30s
  small_stop: 1min
  shifts:
    early: {time: "07:00-08:00", days: [mon], breaks: ["07:50-08:00"]}
    late: {time: "08:00-09:00", days: [mon]}
"""
STATE = "track:\n  state: {word: state, values: {running: 1, down: 2}}\n"
TAG = 'tags:\n  state: {device: plc, node: "nsu=urn:a;s=State"}\n'
SINCE = ("--since", "2024-11-25T06:30:00Z", "--until", "2024-11-25T08:00:00Z")


def day() -> Day:
    """Return a morning of which the first shift is worked from 07:00 local time (06:00 UTC) on."""
    made = Day()
    made.started(-60)
    made.state(-50, "running")
    made.unit(-40, product="valve")
    made.order = "WO-1"
    made.add(ev.OrderStarted, 0)
    for minute in range(1, 41):
        made.unit(minute, "nok" if minute == 7 else "ok", product="valve")
    wrong = made.events[-1]
    made.state(40, "down", "E7")
    made.unit(45, kind=ev.UnitUnbound, result=None)
    made.state(50, "running")
    made.add(
        ev.EventCorrected,
        52,
        supersedes=(wrong.address,),
        reason="scratch",
        who="k:1",
        replacement=(("result", "nok"),),
    )
    made.unit(55, product="valve")
    made.state(70, "unknown")
    made.add(
        ev.EventCorrected,
        80,
        supersedes=(made.events[-2].address,),
        reason="no",
        who="k:1",
        retracted=True,
    )
    return made


def sealed(made: Day) -> list[Row]:
    """Return a day as the journal's rows."""
    rows: list[Row] = []
    for event in made.events:
        rows.append(seal(event, rows[-1].hash if rows else None))
    return rows


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """A station file, with its journal where `--state` says."""
    return kept_in(tmp_path)


def kept_in(directory: Path) -> Path:
    """Return a station file in a directory, with the day in the journal of its state there."""
    path = directory / "press.yaml"
    path.write_text(edited(PRESS, ("track:\n", OEE + STATE), ("tags:\n", TAG)))
    journal = station_directory(directory / "state", STATION) / "journal"
    journal.mkdir(parents=True)
    store = JournalStore(create(journal / "journal.db", None, STATION), journal / "journal.db")
    store.commit(sealed(day()), {})
    store.close()
    return path


def run(*arguments: str) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(("oee", *arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def asked(station: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what the command writes."""
    state = ("--state", str(station.parent / "state"))
    assert run(str(station), *SINCE, *state, *arguments) == exits.OK
    return capsys.readouterr().out


def test_a_row_a_shift(station: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first shift has its figures, and of the second what is known up to its end."""
    document = json.loads(asked(station, capsys, "--json"))
    early, late = document["rows"]
    assert (early["station"], early["day"], early["shift"]) == (STATION, "2024-11-25", "early")
    assert (early["begin"], early["end"]) == (
        "2024-11-25T06:00:00.000Z",
        "2024-11-25T07:00:00.000Z",
    )
    assert early["availability"] == {"value": 0.8}
    assert early["performance"]["value"] == pytest.approx(41 * 30 / 2400)
    assert early["losses"] == [{"category": "down", "reason": "E7", "s": 600.0}]
    assert (early["produced"], early["good"], early["counts"]["nok"]) == (41, 38, 2)
    assert early["quality"]["why"] == "not_all_judged"
    assert (early["times_s"]["planned_down"], early["times_s"]["ran_in_planned_down"]) == (600, 600)
    assert early["is_over"]
    assert late["availability"]["why"] == "coverage_below_1"
    assert late["quality"] == {"value": None, "why": "nothing_produced"}
    assert late["oee"] == {"value": None, "why": "nothing_produced"}
    (inputs,) = document["stations"]
    assert (inputs["as_of"], inputs["small_stop_s"]) == ("000001-00000001-51", 60.0)


def test_a_table_for_people(station: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ratios in percent, bounds as such, the largest losses, and why something is not known."""
    shown = asked(station, capsys)
    early = next(line for line in shown.splitlines() if line.startswith("2024-11-25  early"))
    assert "80.0%" in early
    assert "51.2%" in early
    assert "down E7 0:10:00" in early
    assert "2024-11-25 early: quality and oee: not_all_judged" in shown
    assert "2024-11-25 late: availability and performance: coverage_below_1" in shown
    assert "acme/press-07: as of 000001-00000001-51, Europe/Vienna" in shown
    empty = asked(
        station, capsys, "--since", "2024-11-24T06:00:00Z", "--until", "2024-11-24T07:00:00Z"
    )
    assert "no shift in this time" in empty


def test_a_row_without_a_name_is_told_as_such(
    station: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What no order was on has lines of its own, which say so; one row of all needs no name."""
    path = station.with_name("late.yaml")
    path.write_text(
        station.read_text()
        .replace(', breaks: ["07:50-08:00"]', "")
        .replace("07:00-08:00", "05:00-06:00")
    )
    state = ("--state", str(station.parent / "state"))
    since = ("--since", "2024-11-25T04:30:00Z", "--until", "2024-11-25T05:00:00Z")
    assert run(str(path), *since, *state, "--by", "order") == exits.OK
    assert "\nno order: availability" in capsys.readouterr().out
    assert run(str(path), *since, *state, "--by", "station") == exits.OK
    assert "\ntogether: availability" in capsys.readouterr().out


def test_by_order_and_product_as_csv(station: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Any of the dimensions; what is outside of shifts is in no shift's row."""
    out = asked(station, capsys, "--csv", "--by", "order", "--by", "product")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["order"], row["product"], row["produced"]) for row in rows] == [
        ("WO-1", "valve", "41")
    ]
    assert "down_s" in rows[0]


def test_the_store_and_the_journal_agree(
    station: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same events give the same figures, wherever they are read from."""
    where = tmp_path / "trace.db"
    with Store.open(str(where)) as store:
        store.take_events([orjson.loads(encode(event)) for event in day().events])
    one = json.loads(asked(station, capsys, "--json"))
    other = json.loads(asked(station, capsys, "--json", "--store", str(where)))
    assert one["rows"] == other["rows"]
    assert one["stations"] == other["stations"]


def test_a_store_that_lacks_events_says_so(
    station: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shift of which something is missing has no figure that rests on it; the others have."""
    where = tmp_path / "trace.db"
    documents = [orjson.loads(encode(event)) for event in day().events]
    del documents[20:23]
    with Store.open(str(where)) as store:
        store.take_events(documents)
    early, late = json.loads(asked(station, capsys, "--json", "--store", str(where)))["rows"]
    assert ("events_lack" in early["checks"], "events_lack" in late["checks"]) == (True, False)
    assert early["quality"]["why"] == early["oee"]["why"] == "counts_uncertain"
    assert "early: events_lack" in asked(station, capsys, "--store", str(where))


def test_without_a_calendar_there_is_no_availability(
    station: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The times are told all the same."""
    station.write_text(edited(PRESS, ("track:\n", STATE), ("tags:\n", TAG)))
    (row,) = json.loads(asked(station, capsys, "--json"))["rows"]
    assert row["shift"] is None
    assert row["availability"] == {"value": None, "why": "no_planned_time"}
    assert row["performance"]["why"] == "no_ideal_cycle"
    assert row["times_s"]["actual_production"] == 30 * 60


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--by", "shft"), exits.USAGE, "not told by 'shft'; did you mean 'shift'?"),
        (("--since", "soon"), exits.USAGE, "'soon' is no moment"),
        (("--since", "1h", "--until", "2h"), exits.USAGE, "--until is not later than --since"),
        (("--json", "--csv"), exits.USAGE, "--json or --csv, not both"),
        ((*SINCE, "--state", "nowhere"), exits.REFUSED, "no journal here"),
        (("--store", "mysql://x"), exits.REFUSED, "name a file"),
    ],
)
def test_what_cannot_be_told_is_said(
    station: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    """One line, and the exit code says whose fault it is."""
    assert run(str(station), *arguments) == code
    assert says in capsys.readouterr().err


def test_a_station_file_that_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused by file and line; so is a path that leads nowhere."""
    path = tmp_path / "press.yaml"
    path.write_text(edited(PRESS, ("timezone: Europe/Vienna", "timezone: Europe/Wien")))
    assert run(str(path)) == exits.CONFIG
    assert "press.yaml:4:11: timezone" in capsys.readouterr().err
    assert run(str(tmp_path / "no.yaml")) == exits.CONFIG


def test_a_folder_with_a_station_that_has_no_journal(
    station: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are told, what is not in the answer is named, and the exit code says so."""
    folder = station.parent / "stations"
    folder.mkdir()
    (folder / "press.yaml").write_text(station.read_text())
    (folder / "filler.yaml").write_text(FILLER)
    (folder / "odd.yaml").write_text("station: 1\n")
    state = ("--state", str(station.parent / "state"))
    assert run(str(folder), *SINCE, *state, "--json") == exits.REFUSED
    out, told = capsys.readouterr()
    document = json.loads(out)
    assert {row["station"] for row in document["rows"]} == {STATION}
    assert "acme/filler: " in told
    assert "odd.yaml:1:10: station: must be text" in told
    assert told.count("lineside oee: not in it: ") == len(document["unread"])


def test_where_nothing_judges_the_pieces_none_is_said_to_be_good(
    station: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table has no number for it: 0 would be read as all scrap."""
    path = tmp_path / "unjudged.yaml"
    path.write_text(station.read_text().replace("    verdict: verdict\n", ""))
    assert path.read_text() != station.read_text()
    state = ("--state", str(tmp_path / "state"))
    for file, good in ((station, "38"), (path, "-")):
        assert run(str(file), *SINCE, *state) == exits.OK
        row = next(
            line
            for line in capsys.readouterr().out.splitlines()
            if line.startswith("2024-11-25  e")
        )
        assert row.split()[row.split().index("41") + 1] == good
