"""`lineside trace`: import and answer as a user calls them, in the public form."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.cli import exits, main
from agent.trace.report import recall_report
from agent.trace.store import Store
from tests.trace_rig import Plant

SMALL = Path("tests/data/trace/genealogy_small.json")


def run(*arguments: str) -> int:
    """Run the command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(("trace", *arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_import_then_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every published answer comes out of the store, in the order of the questions."""
    store = str(tmp_path / "trace.db")
    assert run("import", str(SMALL), "--store", store) == exits.OK
    assert capsys.readouterr().out.endswith("store: 1 sources, 17 units, 60 links\n")
    assert run("answer", str(SMALL), "--store", store) == exits.OK
    answers = json.loads(capsys.readouterr().out)
    wanted = json.loads(SMALL.read_bytes())["queries"]
    assert [
        {key: answer[key] for key in query} for answer, query in zip(answers, wanted, strict=True)
    ] == wanted
    assert set(answers[0]) == {"q", "of", "certain", "possible"}


def test_the_store_is_the_users_own_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """LINESIDE_STORE names it, else it lies in the state directory."""
    monkeypatch.setenv("LINESIDE_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("LINESIDE_STORE", raising=False)
    assert run("import", str(SMALL)) == exits.OK
    assert (tmp_path / "state" / "trace.db").exists()
    monkeypatch.setenv("LINESIDE_STORE", str(tmp_path / "other.db"))
    assert run("import", str(SMALL)) == exits.OK
    assert (tmp_path / "other.db").exists()
    monkeypatch.delenv("LINESIDE_STORE")
    monkeypatch.setenv("LINESIDE_STATE", "/proc/no")
    assert run("import", str(SMALL)) == exits.REFUSED
    assert "name another place with --store" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not JSON"),
        ("{}", "no list of queries"),
        ("[7]", "query 1: write"),
        ('[{"q": "recall"}]', "query 1: write"),
        ('[{"q": "guess", "of": "L"}]', "q 'guess'; known are where_used, where_from, recall"),
    ],
)
def test_queries_that_are_none_are_named(
    tmp_path: Path, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says what is wrong and what to write; the exit code is 1."""
    path = tmp_path / "queries.json"
    path.write_text(content)
    assert run("answer", str(path), "--store", str(tmp_path / "t.db")) == exits.REFUSED
    assert said in capsys.readouterr().err
    assert run("answer", str(tmp_path / "none"), "--store", "x.db") == exits.REFUSED


def test_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line names it; nothing was taken in."""
    path = tmp_path / "a.csv"
    path.write_text("part\n")
    assert run("import", str(path), "--store", str(tmp_path / "t.db")) == exits.REFUSED
    assert capsys.readouterr().err.count("\n") == 1


def test_a_stores_password_that_cannot_be_read_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reference is named; a file needs none and takes none ill."""
    store = str(tmp_path / "trace.db")
    monkeypatch.setenv("LINESIDE_STORE_PASSWORD", "env:LINESIDE_NO")
    assert run("rebuild", "--store", store) == exits.REFUSED
    assert "LINESIDE_STORE_PASSWORD: env:LINESIDE_NO cannot be read" in capsys.readouterr().err
    monkeypatch.setenv("LINESIDE_NO", "open sesame")
    assert run("rebuild", "--store", store) == exits.OK


def test_nothing_was_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty list is well; taken again is none. The file that was made for it is ours alone."""
    store = str(tmp_path / "trace.db")
    assert run("aside", "--store", store) == exits.OK
    assert Path(store).stat().st_mode & 0o777 == 0o600
    assert run("aside", "--again", "--store", store) == exits.OK
    assert capsys.readouterr().out == "0 taken\n"


def test_what_is_imported_has_its_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each member of a recall says why, whichever system it is from (D-5)."""
    store, units = str(tmp_path / "trace.db"), tmp_path / "units.csv"
    units.write_text("unit,component\nSN-1,LOT-A\nSN-2,LOT-A|LOT-B\n")
    assert run("import", str(SMALL), str(units), "--store", store) == exits.OK
    capsys.readouterr()
    with Store.open(store) as opened:
        for query in json.loads(SMALL.read_bytes())["queries"]:
            report = recall_report(opened, query["of"])
            for each in (*report["certain"], *report["possible"]):
                assert each["reasons"] or each["unit"] == query["of"], query
        report = recall_report(opened, "LOT-A")
    assert [each["reasons"] for each in report["certain"]] == [["direct_link"]]
    assert [each["reasons"] for each in report["possible"]] == [["multi_lot_label"]]


def test_what_is_imported_was_seen_when_something_went_in_or_out(tmp_path: Path) -> None:
    """First and last, also of what was put in; where nothing says when, and where, nothing is."""
    store, units, plant = (str(tmp_path / n) for n in ("trace.db", "units.csv", "plant.json"))
    Path(units).write_text(
        "unit,component,kind,since,until\n"
        "SN-1,LOT-A,,2026-03-02T06:00:00Z,2026-03-04T06:00:00Z\n"
        "SN-1,ECU-1,serial,2026-03-03T06:00:00Z,\n"
        "SN-2,LOT-A,,,\nSN-3,LOT-A,,1e15,\nSN-9,LOT-A,,2026-03-02T06:00:00Z,\n"
    )
    event = {"type": "process", "unit": "SN-4", "station": "S", "t": 1772431200, "u": 5}
    load = {"type": "load", "station": "S", "slot": "p", "lot": "LOT-A", "t": 0}
    Path(plant).write_text(json.dumps({"form": "trace-v1", "events": [load, event]}))
    assert run("import", units, plant, "--store", store) == exits.OK
    rig = Plant()
    rig.unit("SN-9", "LOT-A")
    with Store.open(store) as opened:
        opened.take_events(rig.events)
        report = recall_report(opened, "LOT-A")
        (part,) = recall_report(opened, "ECU-1")["certain"]
    listed = (*report["certain"], *report["cleared"])
    seen = {each["unit"]: (each["first_seen"], each["last_seen"]) for each in listed}
    assert seen == {
        "SN-1": ("2026-03-02T06:00:00.000Z", "2026-03-04T06:00:00.000Z"),
        "SN-2": (None, None),
        "SN-3": (None, None),
        "SN-4": ("2026-03-02T05:59:55.000Z", "2026-03-02T06:00:05.000Z"),
        "SN-9": ("2026-03-02T06:00:00.000Z", "2026-11-25T06:00:00.000Z"),
    }
    where = {each["unit"]: each["last_station"] for each in listed}
    assert where == {"SN-1": None, "SN-2": None, "SN-3": None, "SN-4": "S", "SN-9": "acme/press"}
    assert (part["unit"], part["shipped_why"]) == ("SN-1", "no_records")


def test_an_imported_unit_was_seen_last_where_it_drew_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By time and not by the order of the file; what is put into it afterwards has no place."""
    store, plant = str(tmp_path / "trace.db"), tmp_path / "plant.json"
    drew = {"type": "process", "unit": "SN-1"}
    events: list[dict[str, Any]] = [
        {"type": "load", "station": "S1", "slot": "p", "lot": "L", "t": 0},
        {"id": "last", "station": "S3", "t": 1772438400} | drew,
        {"station": "S1", "t": 1772431200} | drew,
        {"station": "S2", "t": 1772434800, "u": 60} | drew,
        {"type": "install", "parent": "BOX", "child": "SN-1", "t": 1772442000},
        {"type": "process", "unit": "SN-2", "station": "S2", "t": 1e15},
        {"type": "install", "parent": "SN-1", "child": "SN-2", "t": 1772442000},
    ]

    def seen() -> dict[str, tuple[str | None, ...]]:
        """Take the file in, and return what a recall says of first, last and where."""
        plant.write_text(json.dumps({"events": events}))
        assert run("import", str(plant), "--store", store) == exits.OK
        capsys.readouterr()
        with Store.open(store) as opened:
            listed = [
                *recall_report(opened, "L")["certain"],
                *recall_report(opened, "SN-2")["certain"],
            ]
        words = ("first_seen", "last_seen", "last_station")
        return {each["unit"]: tuple(each[word] for word in words) for each in listed}

    put_in = "2026-03-02T09:00:00.000Z"
    assert seen() == {"BOX": (put_in, put_in, None)}
    del events[4]
    assert seen() == {"SN-1": ("2026-03-02T06:00:00.000Z", put_in, "S3")}
    events.append({"type": "correct", "target": "last", "action": "void"})
    assert seen() == {"SN-1": ("2026-03-02T06:00:00.000Z", put_in, "S2")}


def test_what_is_hardly_meant_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is taken all the same; some is told on standard error, with its line, the rest counted."""
    draw = {"type": "process", "unit": "U", "station": "PRES", "t": 0}
    path, queries = tmp_path / "plant.json", tmp_path / "queries.json"
    path.write_text(json.dumps({"stations": [{"station": "PRESS"}], "events": [draw] * 7}))
    store = str(tmp_path / "trace.db")
    assert run("import", str(path), "--store", store) == exits.OK
    said = capsys.readouterr()
    line = f"{path}:1: event #5: station 'PRES' is not one of the stations listed"
    assert said.err.splitlines()[-2:] == [
        f"{line}; taken as it stands: is it a slip?",
        "and 2 more like that",
    ]
    assert "1 units" in said.out
    queries.write_text('[{"q": "where_from", "of": "\\ud800"}]')
    assert run("answer", str(queries), "--store", store) == exits.REFUSED
    assert "query 1: of '\\ud800'; write it without halves" in capsys.readouterr().err


def test_an_answer_has_things_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands for anything else that it may have been is no name in an answer."""
    place = {"station": "S", "slot": "A"}
    events = [
        {"type": "load", "lot": "OLD", "t": 0} | place,
        {"type": "process", "unit": "U", "station": "S", "t": 1, "u": 2},
        {"type": "replace", "unit": "U", "lot": "NEW", "t": 2} | place,
    ]
    path, queries = tmp_path / "plant.json", tmp_path / "queries.json"
    path.write_text(json.dumps({"events": events}))
    queries.write_text('[{"q": "where_from", "of": "U"}, {"q": "recall", "of": "OLD"}]')
    store = str(tmp_path / "trace.db")
    assert run("import", str(path), "--store", store) == exits.OK
    capsys.readouterr()
    assert run("answer", str(queries), "--store", store) == exits.OK
    assert json.loads(capsys.readouterr().out) == [
        {"q": "where_from", "of": "U", "certain": ["NEW"], "possible": ["OLD"]},
        {"q": "recall", "of": "OLD", "certain": [], "possible": ["U"]}
        | {"scrapped": [], "cleared": []},
    ]


@pytest.mark.parametrize(
    "asked",
    [
        ("recall", "LOT"),
        ("recall", "LOT", "--csv"),
        ("where-used", "LOT", "--json"),
        ("where-from", "SN-1"),
        ("trace", "SN-1"),
        ("doctor",),
        ("trace", "answer", "queries.json"),
    ],
    ids=" ".join,
)
def test_no_answer_of_an_outdated_store_comes_untold(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    asked: tuple[str, ...],
) -> None:
    """Beside each, on standard error, stands that it may be too narrow and what to do (D-4)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LINESIDE_STORE", str(tmp_path / "trace.db"))
    Path("queries.json").write_text('[{"q": "recall", "of": "LOT"}]')
    plant = Plant()
    plant.unit("SN-1", "LOT")
    with Store.open("trace.db") as store:
        store.take_events(plant.events)
    with closing(sqlite3.connect("trace.db")) as database, database:
        database.execute("UPDATE meta SET value = '9' WHERE name = 'schema'")
    command = " ".join(asked[:2]) if "answer" in asked else asked[0]
    for told in (True, True, False):
        if not told:
            with pytest.raises(SystemExit):
                main(("trace", "rebuild"))
        capsys.readouterr()
        with pytest.raises(SystemExit):
            main(asked)
        says = f"lineside {command}: OUTDATED: this store was filled by an older version"
        assert (says in capsys.readouterr().err) is told
