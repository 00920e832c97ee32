"""`lineside doctor`, as a user calls it."""

import json
from pathlib import Path

import pytest

from agent.cli import exits, main
from agent.demo import worked_example as line
from agent.demo.worked_example import Shift
from tests.trace_rig import Plant, documents


def run(*arguments: str) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own store."""
    monkeypatch.setenv("LINESIDE_STORE", str(tmp_path / "trace.db"))


def test_findings_are_shown_and_told_by_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Station, evidence, cost and cure of each; 1 where there is any; the same as JSON."""
    lot = documents(line.counted(Shift(units=500, faulty=14, place=301)))
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in lot))
    assert run("doctor", "--from", str(path)) == exits.REFUSED
    told = capsys.readouterr().out
    assert "acme/graz/assembly/line-3: lots swept too wide" in told
    assert "CL-BAD fed 15, its recall takes 500" in told
    assert "costs: up to 485 pieces too many in one recall" in told
    assert run("doctor", "--json") == exits.REFUSED
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["mistake"] == "lots_too_wide"
    assert finding["counts"]["recalled"] == 500
    assert run("doctor", "--since", "2026-12-24T00:00:00Z") == exits.UNKNOWN
    assert "Nothing is recorded in that time." in capsys.readouterr().out


def test_a_clean_store_is_said_to_be_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing found is exit code 0, with what that rests on; a moment that is none is refused."""
    plant = Plant()
    plant.add("agent_started")
    plant.unit("SN-1", "LOT")
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in plant.events))
    assert run("doctor", "--from", str(path)) == exits.OK
    told = capsys.readouterr().out
    assert "Nothing found." in told
    assert "acme/press: 2 events of 1 runs" in told
    for slip, says in (
        (("--until", "yesterday"), "'yesterday' is no moment"),
        (("--since", "1h", "--until", "2h"), "--until 2h is before --since 1h"),
    ):
        assert run("doctor", *slip) == exits.USAGE
        assert says in capsys.readouterr().err


def test_a_store_without_records_is_not_said_to_be_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is nothing to look at nothing can be found: 3, also where there are imports."""
    assert run("doctor") == exits.UNKNOWN
    told = capsys.readouterr().out
    assert told.startswith("Nothing is recorded by a station: there is nothing to look at.\n")
    assert "Nothing found" not in told
    units = tmp_path / "units.csv"
    units.write_text("unit;component\nSN-1;L-1\n")
    assert run("trace", "import", str(units)) == exits.OK
    capsys.readouterr()
    assert run("doctor", "--json") == exits.UNKNOWN
    told = json.loads(capsys.readouterr().out)
    assert (told["is_recorded"], told["findings"]) == (False, [])
    assert told["imported"] == [str(units)]
