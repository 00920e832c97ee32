"""`lineside trace`, `where-used`, `where-from` and `recall`, as a user calls them."""

import csv
import io
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from textwrap import dedent

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
        (
            ("recall", "--since", "1h ago", "--until", "2h ago"),
            exits.USAGE,
            "--until 2h ago is before --since 1h ago",
        ),
        (("recall", " "), exits.USAGE, "the name is empty"),
        (("trace", "unit", ""), exits.USAGE, "the name is empty"),
        (("recall", "LOT", "--json", "--csv"), exits.USAGE, "not both"),
        (("recall", "LOT", "--from", "no/such"), exits.REFUSED, "no/such"),
        (("trace", "update", "no/such"), exits.REFUSED, "no/such"),
        (("where-used", "]C1zzz"), exits.USAGE, "no right code"),
        (("where-used", "SN\udcff"), exits.USAGE, "write it without halves of UTF-16"),
        (("recall", "--value", "v", "--below", "nan"), exits.USAGE, "--below nan is no bound"),
        (("recall", "--value", "v", "--above", "inf"), exits.USAGE, "--above inf is no bound"),
        (("trace", "SN-1", "--svg", "no/such/tree.svg"), exits.REFUSED, "no/such/tree.svg"),
        (("trace", "SN-9"), exits.UNKNOWN, "'SN-9' is not known to this store\n"),
        (
            ("recall", "sn-1"),
            exits.UNKNOWN,
            "'sn-1' is not known to this store; similar are: SN-1\n",
        ),
        (
            ("recall", "--machine", "prss"),
            exits.UNKNOWN,
            "no machine 'prss' is known to this store",
        ),
    ],
)
def test_a_slip_is_one_line(
    lines: Path,
    arguments: tuple[str, ...],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is wrong and what to write; no traceback."""
    assert run("trace", "update", str(lines)) == exits.OK
    assert run(*arguments) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("before", [("--json",), ("--csv", "--"), ("--",)])
def test_a_unit_is_one_wherever_its_options_stand(
    lines: Path, before: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the name or behind it; behind `--` a name may begin as an option does."""
    assert run("trace", "update", str(lines)) == exits.OK
    capsys.readouterr()
    assert run("trace", *before, "SN-1") == exits.OK
    assert "unit_completed" in capsys.readouterr().out
    assert run("trace", *before, *(() if "--" in before else ("--",)), "-SN") == exits.UNKNOWN
    assert "'-SN' is not known" in capsys.readouterr().err


def test_in_a_pipe_a_row_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """However long its names are: what is looked for in it is not folded over two."""
    monkeypatch.setenv("LINESIDE_STORE", str(tmp_path / "trace.db"))
    plant = Plant()
    name = f"SN-{'x' * 150}"
    plant.unit(name, "LOT")
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in plant.events))
    assert run("recall", "LOT", "--from", str(path)) == exits.OK
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "SN-" in line)
    assert name in line
    assert "acme/press" in line


def test_a_line_that_is_no_event_is_named(lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File and line; nothing behind it is taken."""
    for wrong in ("{", "7", '{"a": 1}'):
        lines.write_text(wrong + "\n")
        assert run("trace", "update", str(lines)) == exits.REFUSED
        assert "audit.jsonl:1: " in capsys.readouterr().err


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with units of two products that have the same serial, one of which was shipped."""
    monkeypatch.setenv("LINESIDE_STORE", str(tmp_path / "trace.db"))
    plant = Plant()
    plant.add("agent_started")
    root = "https://id.gs1.org/01"
    for product, serial in (("0952", "SN-1"), ("0953", "SN-1"), ("0952", "SN-2"), ("0952", "SN-3")):
        plant.unit(f"{root}/{product}/21/{serial}", "LOT")
    scrapped = plant.add("unit_scrapped", unit=f"{root}/0952/21/SN-3")
    plant.correct(scrapped)
    plant.add("lot_counted", lot="LOT", n=9, first_ms=0, last_ms=1)
    events = tmp_path / "audit.jsonl"
    events.write_text("".join(json.dumps(event) + "\n" for event in plant.events))
    assert run("trace", "update", str(events)) == exits.OK
    lists = tmp_path / "shipped.csv"
    lists.write_text(
        "unit,lot,quantity,shipped,destination,document\n"
        "SN-2,,,2026-11-25T07:00:00Z,ACME Berlin,DN-1\n"
        ",LOT,4,2026-11-25T05:00:00Z,ACME Berlin,DN-1\n"
        "SN-9,,,2026-11-25T05:00:00Z,,\n"
    )
    assert run("trace", "import", str(lists)) == exits.OK


@pytest.mark.usefixtures("shipped")
def test_a_recall_says_what_was_shipped_and_what_that_rests_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a list of another system; the CSV has it beside each unit, the statement beside that."""
    assert run("trace", "import", str(tmp_path / "shipped.csv")) == exits.OK  # again: the same
    assert "3 shipments taken in; 1 of things that this store does not know: SN-9" in (
        capsys.readouterr().out
    )
    assert run("recall", "LOT", "--csv") == exits.OK
    told = capsys.readouterr()
    rows = {row["unit"][-9:]: row for row in csv.DictReader(io.StringIO(told.out))}
    assert sorted((name, row["shipped"], row["shipped_to"]) for name, row in rows.items()) == [
        ("2/21/SN-1", "in_house", ""),
        ("2/21/SN-2", "shipped", "ACME Berlin"),
        ("2/21/SN-3", "in_house", ""),
        ("3/21/SN-1", "in_house", ""),
        ("LOT", "in_part", "ACME Berlin"),
    ]
    assert rows["2/21/SN-2"]["document"] == "DN-1"
    assert "shipping: 3 in house, 1 shipped\n" in told.err
    assert "lot LOT: 9 pieces, certain, 4 of it shipped\n" in told.err
    assert "content hash of the same as --json: " in told.err
    assert "1 left or came back of which nothing else is known: SN-9\n" in told.err
    assert "shipped.csv, 2026-11-25T05:00:00.000Z to 2026-11-25T07:00:00.000Z" in told.err
    assert run("recall", "LOT") == exits.OK
    shown = capsys.readouterr().out
    assert "01/0952/21/SN-2" in shown
    assert "https://" not in shown
    assert "corrected: unit_scrapped 000001-aa-6 at acme/press: was never so; by k:1" in shown


@pytest.mark.usefixtures("shipped")
def test_the_serial_of_a_label_is_enough_where_it_is_one_units(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of several none is taken, and all are named; a history names what took a line back."""
    assert run("trace", "SN-3") == exits.OK
    told = capsys.readouterr()
    assert "'SN-3' is 01/0952/21/SN-3" in told.err
    assert "retracted by 000001-aa-7" in told.out
    assert "corrected: unit_scrapped 000001-aa-6 at acme/press: was never so; by k:1" in told.out
    assert run("recall", "SN-1") == exits.REFUSED
    assert (
        "lineside recall: 'SN-1' may be any of these, name one in full: "
        "01/0952/21/SN-1; 01/0953/21/SN-1\n"
    ) in capsys.readouterr().err


ODD = "we[ird] :id:"
LOTS = ("[/x]", "[red]L[/red]")


def test_a_name_is_shown_as_it_is_whatever_it_looks_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What reads as a style or a picture to a terminal is a name, whole in every answer."""
    monkeypatch.setenv("LINESIDE_STORE", str(tmp_path / "trace.db"))
    plant, svg = Plant(), tmp_path / "tree.svg"
    plant.unit(ODD, *LOTS)
    path = tmp_path / "audit.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in plant.events))
    asked = (
        ("recall", LOTS[0], "--from", str(path)),
        ("where-used", LOTS[1]),
        ("where-from", ODD),
        ("trace", ODD, "--svg", str(svg)),
        ("trace", LOTS[0]),
    )
    for arguments in asked:
        assert run(*arguments) == exits.OK, arguments
        shown = capsys.readouterr().out
        wanted = LOTS if arguments[0] == "where-from" else (ODD,)
        assert all(name in shown for name in wanted) or arguments == ("trace", LOTS[0]), arguments
    drawn = svg.read_text(encoding="utf-8")
    assert all(name in drawn for name in LOTS)
    assert "url(" not in drawn.replace("url(#", "")


def test_what_is_told_above_in_a_tree_is_marked_where_there_is_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lot with nothing in it has nothing that is told elsewhere; a history names the order."""
    monkeypatch.setenv("LINESIDE_STORE", str(tmp_path / "trace.db"))
    plant = Plant()
    plant.unit("BOARD", "LOT", order="WO-1")
    plant.unit("TOP", "LOT", "BOARD")
    plant.install("TOP", "BOARD")
    path = tmp_path / "audit.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in plant.events))
    assert run("trace", "TOP", "--from", str(path)) == exits.OK
    shown = capsys.readouterr().out
    assert not any(line.endswith("…") for line in shown.splitlines() if "LOT" in line)
    assert any(line.endswith("…") for line in shown.splitlines() if "BOARD" in line)
    assert run("trace", "BOARD", "--csv") == exits.OK
    (made, *_) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert made["what"].endswith("order=WO-1")
    assert "unit=" not in made["what"]


def test_a_product_lot_is_recalled_where_nobody_records_shipping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In every form: its pieces are the answer, and the CSV has them as well."""
    monkeypatch.setenv("LINESIDE_STORE", str(tmp_path / "trace.db"))
    plant = Plant()
    use = {"position": "p0", "candidates": ["RESIN"], "certainty": "certain", "loads": []}
    plant.add("lot_counted", lot="L-1", n=38, components=[use], last_ms=5)
    path = tmp_path / "audit.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in plant.events))
    assert run("recall", "RESIN", "--from", str(path)) == exits.OK
    assert "lot L-1: 38 pieces, certain load_interval, unknown" in capsys.readouterr().out
    assert run("recall", "L-1", "--csv") == exits.OK
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["unit"], row["certainty"], row["pieces"]) == ("L-1", "certain", "38")
    assert row["shipped_why"] == "no_records"
    assert run("recall", "L-1", "--json") == exits.OK
    (lot,) = json.loads(capsys.readouterr().out)["lots"]
    assert lot["shipped_quantity"] is None


@pytest.mark.parametrize(
    ("command", "form"),
    [
        ("trace", ()),
        ("trace", ("--csv",)),
        ("trace", ("--json",)),
        ("where-used", ()),
        ("where-from", ("--json",)),
        ("recall", ("--csv",)),
        ("recall", ("--json",)),
    ],
)
def test_a_script_tells_an_unknown_name_from_no_unit(
    lines: Path, command: str, form: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Known, with nothing to take back: 0. Known to nobody: 3, and the answer all the same."""
    assert run("trace", "update", str(lines)) == exits.OK
    capsys.readouterr()
    for name, code in (("SN-1", exits.OK), ("SN-9", exits.UNKNOWN)):
        assert run(command, name, *form) == code
        told = capsys.readouterr()
        assert ("is not known to this store" in told.err) is (code == exits.UNKNOWN)
        if form == ("--json",):
            assert json.loads(told.out)["is_known"] is (code == exits.OK)
            assert [each["station"] for each in json.loads(told.out)["rests_on"]] == ["acme/press"]


def test_a_recall_of_a_lot_that_nobody_knows_says_so_on_its_list(
    lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Printed or sent on, the list of nothing says why it is empty and what it rests on."""
    assert run("trace", "update", str(lines)) == exits.OK
    capsys.readouterr()
    assert run("recall", "LOTT") == exits.UNKNOWN
    shown = capsys.readouterr().out
    assert "0 certain, 0 possible, 0 scrapped, 0 cleared\n'LOTT' is not known" in shown
    assert "acme/press: 6 events" in shown
    assert "content hash" in shown


def test_an_empty_store_is_no_complete_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who holds nothing has proven nothing (D-4)."""
    monkeypatch.setenv("LINESIDE_STORE", str(tmp_path / "trace.db"))
    assert run("recall", "LOT", "--json") == exits.UNKNOWN
    assert json.loads(capsys.readouterr().out)["is_complete"] is False


def test_a_breach_of_limits_that_there_never_were_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty list would be read as no breach; with a bound of one's own it is a question."""
    monkeypatch.setenv("LINESIDE_STORE", str(tmp_path / "trace.db"))
    plant = Plant()
    plant.unit("SN-1", values=[{"name": "force", "value": 8.5, "quality": "good"}])
    path = tmp_path / "audit.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in plant.events))
    assert run("recall", "--value", "force", "--from", str(path)) == exits.UNKNOWN
    told = "no limits of value 'force' are known: say below or above what"
    assert told in capsys.readouterr().err
    assert run("recall", "--value", "force", "--below", "9", "--csv") == exits.OK
    found = capsys.readouterr()
    assert "SN-1,certain" in found.out
    assert "no limits" not in found.err


def test_the_program_of_the_page_proves_what_a_recall_wrote(
    lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another program makes the content hash anew; one unit less, and it is another."""
    page = (Path(__file__).parents[3] / "docs" / "trace.md").read_text(encoding="utf-8")
    program = dedent(page.partition("  ```python\n")[2].partition("  ```")[0])
    assert run("recall", "LOT", "--from", str(lines), "--json") == exits.OK
    written = capsys.readouterr().out
    short = json.loads(written)
    short["certain"].pop()
    for document, wanted in ((written, "True\n"), (json.dumps(short), "False\n")):
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, input=document, capture_output=True, text=True, check=True)
        assert done.stdout == wanted


def test_the_hash_that_is_told_of_a_csv_is_that_of_the_file(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever gets the list checks it by `sha256sum`; the other hash is told as the document's."""
    plant = Plant()
    plant.unit("SN-\u00e4\u20ac", "LOT")
    lines.write_text("".join(json.dumps(event) + "\n" for event in plant.events))
    command = (sys.executable, "-m", "agent", "recall", "LOT", "--from", str(lines), "--csv")
    listed = tmp_path / "list.csv"
    for encoding in ("utf-8", "latin-1"):
        with listed.open("wb") as out:
            ended = subprocess.run(
                command,
                stdout=out,
                stderr=subprocess.PIPE,
                check=True,
                env=os.environ | {"PYTHONIOENCODING": encoding},
            )
        statement = ended.stderr.decode().splitlines()
        written = listed.read_bytes()
        assert "SN-\u00e4\u20ac,certain" in written.decode()
        assert statement[-1] == (
            f"SHA-256 of this CSV, as sha256sum has it: {sha256(written).hexdigest()}"
        )
    assert run("recall", "LOT", "--json") == exits.OK
    document = json.loads(capsys.readouterr().out)["content_hash"]
    assert f"content hash of the same as --json: {document}" in statement
