"""`lineside trace`, `where-used`, `where-from` and `recall`, as a user calls them."""

import csv
import io
import json
from pathlib import Path

import pytest

from agent.cli import exits, main
from tests.histories import History
from tests.trace_rig import Plant


def run(*arguments: str) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the file sink, and a store that is the user's."""
    monkeypatch.setenv("LINESIDE_STORE", str(tmp_path / "trace.db"))
    plant = Plant()
    plant.add("agent_started")
    plant.unit("SN-1", "LOT")
    plant.unit("SN-2", "LOT")
    plant.install("SN-2", "ECU-7")
    plant.add("unit_reidentified", unit="SN-2", new="VIN-2")
    path = tmp_path / "audit.jsonl"
    path.write_text(
        "".join(json.dumps({"specversion": "1.0", "data": e}) + "\n" for e in plant.events)
    )
    return path


def test_update_then_ask(lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the file sink wrote is taken in once, and every question has its answer."""
    assert run("trace", "update", str(lines)) == exits.OK
    assert "6 new events, 0 known" in capsys.readouterr().out
    assert run("trace", "update", str(lines)) == exits.OK
    assert "0 new events, 0 known" in capsys.readouterr().out
    assert run("recall", "LOT", "--json") == exits.OK
    report = json.loads(capsys.readouterr().out)
    assert [entry["unit"] for entry in report["certain"]] == ["SN-1", "VIN-2"]
    assert run("recall", "LOT", "--csv") == exits.OK
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["unit"] for row in rows] == ["SN-1", "VIN-2"]
    assert run("recall", "--station", "press", "--since", "2026-11-25T06:00:00Z") == exits.OK
    shown = capsys.readouterr().out
    assert "content hash" in shown
    assert "acme/press: 6 events of 1 runs" in shown
    assert run("where-used", "ECU-7", "--json") == exits.OK
    assert json.loads(capsys.readouterr().out)["certain"] == ["SN-2", "VIN-2"]
    assert run("where-from", "VIN-2", "--csv") == exits.OK
    assert "ECU-7,certain" in capsys.readouterr().out
    assert run("where-from", "VIN-2") == exits.OK
    assert "3 certain" in capsys.readouterr().out


def test_the_history_of_a_unit(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By any of its names: every line, the tree in the terminal, in JSON, CSV and as a drawing."""
    svg = tmp_path / "tree.svg"
    assert run("trace", "SN-2", "--from", str(lines), "--svg", str(svg)) == exits.OK
    shown = capsys.readouterr().out
    assert "VIN-2, also called SN-2" in shown
    assert "ECU-7" in shown
    assert svg.read_text(encoding="utf-8").startswith("<svg")
    assert run("trace", "unit", "VIN-2", "--json") == exits.OK
    found = json.loads(capsys.readouterr().out)
    assert found["names"] == ["VIN-2", "SN-2"]
    assert len(found["history"]) == 3
    assert run("trace", "VIN-2", "--csv") == exits.OK
    assert capsys.readouterr().out.count("unit_completed") == 2
    assert run("trace", "rebuild") == exits.OK
    assert "derived anew from 6 events" in capsys.readouterr().out


def test_a_question_reads_on_where_it_read_before(
    lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was written since is in the answer; a file that is gone is told, no more."""
    assert run("trace", "update", str(lines)) == exits.OK
    plant = Plant()
    for _ in range(6):
        plant.add("agent_started")
    plant.unit("SN-3", "LOT")
    with lines.open("a") as file:
        file.write(json.dumps(plant.events[-1]) + "\n" + '{"torn')
    capsys.readouterr()
    assert run("recall", "LOT", "--csv") == exits.OK
    assert "SN-3,certain" in capsys.readouterr().out
    lines.unlink()
    assert run("recall", "LOT", "--csv") == exits.OK
    told = capsys.readouterr()
    assert "not up to date" in told.err
    assert "SN-3,certain" in told.out


def test_a_journal_is_read_beside_its_daemon(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it once, then what is new."""
    from agent.journal.commits import Store  # noqa: PLC0415 - apsw, for this one
    from agent.journal.store import create  # noqa: PLC0415 - the same
    from tests.histories import STATION  # noqa: PLC0415 - the same

    del lines
    history = History()
    history.start(1)
    history.unit("unit-1")
    folder = tmp_path / "journal"
    folder.mkdir()
    journal = Store(create(folder / "journal.db", None, STATION), folder / "journal.db")
    journal.commit(history.rows, {})
    assert run("trace", "update", str(folder)) == exits.OK
    assert f"{len(history.rows)} new events, 0 known" in capsys.readouterr().out
    before = len(history.rows)
    history.start(2)
    history.unit("unit-2")
    journal.commit(history.rows[before:], {})
    assert run("trace", "update", str(folder)) == exits.OK
    assert f"{len(history.rows) - before} new events, 0 known" in capsys.readouterr().out
    assert run("trace", "unit-2", "--csv") == exits.OK
    assert "unit_completed" in capsys.readouterr().out
    journal.close()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("recall",), exits.USAGE, "name a lot"),
        (("recall", "LOT", "--order", "WO"), exits.USAGE, "name a lot"),
        (("recall", "--below", "3"), exits.USAGE, "bounds of a --value"),
        (("recall", "--since", "soon"), exits.USAGE, "is no moment"),
        (("recall", "LOT", "--json", "--csv"), exits.USAGE, "not both"),
        (("recall", "LOT", "--from", "no/such"), exits.REFUSED, "no/such"),
        (("trace", "update", "no/such"), exits.REFUSED, "no/such"),
        (("where-used", "]C1zzz"), exits.REFUSED, "no right code"),
    ],
)
@pytest.mark.usefixtures("lines")
def test_a_slip_is_one_line(
    arguments: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong and what to write; no traceback."""
    assert run(*arguments) == code
    assert said in capsys.readouterr().err


def test_a_line_that_is_no_event_is_named(lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File and line; nothing behind it is taken."""
    for wrong in ("{", "7", '{"a": 1}'):
        lines.write_text(wrong + "\n")
        assert run("trace", "update", str(lines)) == exits.REFUSED
        assert "audit.jsonl:1: " in capsys.readouterr().err
