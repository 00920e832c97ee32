"""`lineside export`, as a user calls it."""

import csv
import io
import json
from pathlib import Path

import pytest

from agent.cli import exits, main
from agent.formats.epcis.rules import problems
from agent.trace.store import Store
from tests.trace_rig import Plant


def run(*arguments: str) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(("export", *arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A file of the file sink."""
    plant = Plant()
    plant.add("agent_started")
    plant.unit("SN-1", "LOT", result="ok")
    plant.unit("SN-2", "LOT", result="ok", certainty="possible")
    path = tmp_path / "audit.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in plant.events))
    return path


def test_an_epcis_document(lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To standard output; what was left out is told beside it."""
    base = ("--base", "https://id.acme.com/", "--commissions", "acme/press")
    assert run("epcis", str(lines), *base) == exits.OK
    out, told = capsys.readouterr()
    document = json.loads(out)
    assert problems(document) == []
    assert [each["bizStep"] for each in document["epcisBody"]["eventList"]] == [
        "commissioning",
        "other",
        "assembling",
    ]
    assert told == "3 events read, 3 rows written\nleft out: 1 possible\n"


def test_a_table_from_lines_and_from_the_store(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CSV is the default; the store has every station, or the one that is named."""
    assert run("units", str(lines)) == exits.OK
    out = capsys.readouterr().out
    assert [row["unit"] for row in csv.DictReader(io.StringIO(out))] == ["SN-1", "SN-2"]
    where = str(tmp_path / "trace.db")
    with Store.open(where) as store:
        store.take_events(map(json.loads, lines.read_text().splitlines()))
    path = tmp_path / "links.csv"
    assert run("links", "--store", where, "--out", str(path)) == exits.OK
    assert f"2 rows written to {path}" in capsys.readouterr().err
    assert [row["part"] for row in csv.DictReader(path.read_text().splitlines())] == ["LOT", "LOT"]
    assert run("links", "--store", where, "--station", "acme/press") == exits.OK
    assert "2 rows written" in capsys.readouterr().err
    since = ("--since", "2026-11-25T06:00:02Z", "--until", "2026-11-25T06:00:03Z")
    assert run("units", str(lines), *since) == exits.OK
    assert [row["unit"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))] == ["SN-2"]


def test_the_columns_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Of every table: what they hold, and in which unit of measure."""
    assert run("columns") == exits.OK
    out = capsys.readouterr().out
    assert "A row for each captured value." in out
    assert "the least that it may be" in out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (
            ("untis", "x.jsonl"),
            exits.USAGE,
            "nothing is exported as 'untis'; did you mean 'units'?",
        ),
        (("units",), exits.USAGE, "name station files, journals or JSON lines, or a --store"),
        (("units", "x.jsonl", "--since", "soon"), exits.USAGE, "'soon' is no moment"),
        (("epcis", "x.jsonl", "--base", "acme"), exits.USAGE, "'acme' is no base of ids"),
        (("units", "x.jsonl", "--base", "urn:acme:"), exits.USAGE, "--commissions are EPCIS's"),
        (("links", "x.jsonl", "--commissions", "a"), exits.USAGE, "--commissions are EPCIS's"),
        (
            ("units", "x.jsonl", "--since", "1h", "--until", "2h"),
            exits.USAGE,
            "--until 2h is before --since 1h",
        ),
        (("units", "no.jsonl"), exits.REFUSED, "no.jsonl: No such file"),
        (("units", "no/such"), exits.CONFIG, "cannot be read"),
        (("units", "--store", "mysql://x"), exits.REFUSED, "name a file"),
    ],
)
def test_what_cannot_be_exported_is_said(
    arguments: tuple[str, ...], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and the exit code says whose fault it is."""
    assert run(*arguments) == code
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--station", "--commissions"])
def test_a_station_that_is_not_there_is_refused(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """From files as from a store: what a slip names would silently not be done."""
    where, out = str(tmp_path / "trace.db"), tmp_path / "out.json"
    with Store.open(where) as store:
        store.take_events(map(json.loads, lines.read_text().splitlines()))
    for source, place in (((str(lines),), "what is named"), (("--store", where), "this store")):
        asked = ("epcis", *source, "--out", str(out))
        assert run(*asked, option, "acme/pres") == exits.USAGE
        assert capsys.readouterr().err == (
            f"lineside export: no station 'acme/pres' in {place}; did you mean 'acme/press'?\n"
        )
        assert not out.exists()
        assert run(*asked, option, "acme/press") == exits.OK
        capsys.readouterr()
        out.unlink()


def test_what_breaks_the_rules_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is named, the first few; the rest is written."""
    plant = Plant()
    for n in range(7):
        plant.unit(f"SN-{n}", result="ok")
        plant.events[-1]["time"]["received"] = "2026-11-25 06:00"
    path = tmp_path / "audit.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in plant.events))
    out = tmp_path / "out.json"
    assert run("epcis", str(path), "--out", str(out)) == exits.REFUSED
    told = capsys.readouterr().err
    assert "refused: acme/press/000001-aa-1: eventTime: is missing, or no time" in told
    assert "and 2 more" in told
    assert json.loads(out.read_text())["epcisBody"]["eventList"] == []
