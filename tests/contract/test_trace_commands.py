"""The commands that read a trace store say the same on every database."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from agent.cli import exits, main
from agent.formats.json import encode
from agent.trace.store import Store
from tests.trace_rig import Plant
from tests.unit.cli.test_oee import SINCE, day, kept_in

Fresh = Callable[[], str]


def run(*arguments: str) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def plant() -> Plant:
    """Units with values and corrections, a refused cycle, a shipment, serials that join nothing."""
    found = Plant()
    found.add("agent_started", station="acme/gate")
    found.add("agent_started")
    value = {"name": "force", "value": 8.5, "quality": "good", "verdict": "low"}
    cycle = found.unit("SN-1", "LOT", result="ok", values=[value], order="WO-1")
    found.unit("SN-2", "LOT", result="nok", certainty="possible")
    use = {"position": "p0", "candidates": ["LOT"], "certainty": "certain"}
    found.add("unit_refused", unit="SN-3", handshake="end", latest_ms=0, components=[use])
    found.correct(cycle, result="nok", order="WO-2")
    found.add(
        "unit_shipped", station="acme/gate", unit="SN-1", destination="A", who="k", reason="r"
    )
    for n in range(30):
        found.unit(f"lone-{n}", result="ok")
    return found


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A file of the file sink."""
    path = tmp_path / "audit.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in plant().events))
    return path


@pytest.fixture
def store(fresh: Fresh) -> str:
    """A store of the same, by its name."""
    where = fresh()
    with Store.open(where) as opened:
        opened.take_events(plant().events)
    return where


Said = pytest.CaptureFixture[str]


@pytest.mark.parametrize("what", ["epcis", "units", "links", "values", "shipments", "events"])
def test_an_export_from_the_store_is_that_from_the_file(
    what: str, lines: Path, store: str, capsys: Said
) -> None:
    """Row for row; a plant's store goes by stations, each in the order of its addresses."""
    assert run("export", what, str(lines), "--station", "acme/press") == exits.OK
    wanted = capsys.readouterr()
    assert run("export", what, "--store", store, "--station", "acme/press") == exits.OK
    found = capsys.readouterr()
    assert _plain(found.out) == _plain(wanted.out)
    assert found.err == wanted.err
    assert what == "shipments" or len(found.out.splitlines()) > 1 or "eventList" in found.out
    assert run("export", what, "--store", store) == exits.OK
    told = capsys.readouterr().out
    assert ("SN-1" in told) or what == "shipments"


def _plain(text: str) -> Any:  # noqa: ANN401 - JSON, or the text itself
    """Return what is told, without the moment at which it was."""
    if not text.startswith("{"):
        return text
    return json.loads(text) | {"creationDate": "", "as_of": ""}


def test_the_doctor_and_the_recall_read_any_database(
    lines: Path, store: str, tmp_path: Path, capsys: Said
) -> None:
    """What is asked of a file's store and of a server's has one answer."""
    other = str(tmp_path / "trace.db")
    with Store.open(other) as opened:
        opened.take_events(json.loads(line) for line in lines.read_text().splitlines())
    queries = tmp_path / "queries.json"
    queries.write_text(
        json.dumps([{"q": "recall", "of": "LOT"}, {"q": "where_from", "of": "SN-1"}])
    )
    asked = (
        (("doctor", "--json"), exits.REFUSED),
        (("recall", "LOT", "--json"), exits.OK),
        (("recall", "--order", "WO-2", "--json"), exits.OK),
        (("recall", "--value", "force", "--csv"), exits.OK),
        (("where-used", "LOT", "--json"), exits.OK),
        (("where-from", "SN-1"), exits.OK),
        (("trace", "SN-1", "--json"), exits.OK),
        (("trace", "answer", str(queries)), exits.OK),
    )
    for arguments, code in asked:
        told = []
        for where in (store, other):
            assert run(*arguments, "--store", where) == code, arguments
            told.append(capsys.readouterr())
        assert told[0] == told[1], arguments
        assert any(word in told[0].out for word in ("unlinked", "SN-1", "LOT")), arguments


def test_key_figures_from_the_store_are_those_of_the_journal(
    tmp_path: Path, fresh: Fresh, capsys: Said
) -> None:
    """Corrections included, in every form (D-104 to D-112)."""
    where, station = fresh(), kept_in(tmp_path)
    with Store.open(where) as opened:
        opened.take_events(orjson.loads(encode(event)) for event in day().events)
    for form in ("--json", "--csv"):
        asked = ("oee", str(station), "--state", str(tmp_path / "state"), *SINCE, form)
        assert run(*asked) == exits.OK
        wanted = _plain(capsys.readouterr().out)
        assert run(*asked, "--store", where) == exits.OK
        assert _plain(capsys.readouterr().out) == wanted


def test_a_store_that_has_nothing_of_it_says_so(
    fresh: Fresh, store: str, tmp_path: Path, capsys: Said
) -> None:
    """No empty table is written of a station or a store that was named by mistake."""
    assert run("export", "units", "--store", store, "--station", "acme/pres") == exits.USAGE
    told = capsys.readouterr()
    assert (told.out, told.err) == (
        "",
        "lineside export: no station 'acme/pres' in this store; did you mean 'acme/press'?\n",
    )
    empty, file = fresh(), kept_in(tmp_path)
    assert run("export", "units", "--store", empty) == exits.REFUSED
    assert "no events in this store; see `lineside trace update`" in capsys.readouterr().err
    for where in (store, empty):
        assert run("oee", str(file), *SINCE, "--store", where) == exits.REFUSED
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err == (
            "lineside oee: acme/press-07: no events of it in this store; see "
            "`lineside trace update`\n"
        )
