"""`lineside check` and `lineside schema`: right files in plain words, wrong ones line by line."""

import json
from pathlib import Path

import pytest

from agent.cli import exits, main
from tests.unit.config.stations import CELL, FILLER, PRESS, edited, write


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Return exit code and standard output of one call."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().out


def lines(out: str, word: str) -> list[str]:
    """Return what the summary says under a word."""
    return [line[13:] for line in out.splitlines() if line[2:12].strip() == word]


def test_right_file_is_told_in_plain_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is bound to what, when, and what happens when it cannot be: a line each."""
    write(tmp_path, press=PRESS)
    code, out = answer(capsys, "check", str(tmp_path / "press.yaml"))
    assert code == exits.OK
    assert out.startswith(f"{tmp_path}/press.yaml: OK\n")
    assert lines(out, "binds") == [
        (
            "end: when plc raises 'trigger', the one scan of the last 20s (waiting 150ms for it) "
            "and force, result by 'verdict'; then 'result', then 'ack'"
        ),
        "a unit without operator is refused",
        "a unit without order is recorded as lacking it",
    ]
    assert lines(out, "scan") == [
        r"text OP-(?P<operator>\d{4}) means operator",
        r"text WO-(?P<order>\d{6}) means order",
        "GS1 (01)(10) means component for position housing",
        "GS1 (01)(21) means unit",
    ]
    assert lines(out, "if not") == [
        "no scan, or two: recorded as unbound, answer 8",
        "a code that no rule takes: answer 4",
        "a unit that was here before: refused, answer 13",
        "a unit that a person has scrapped: refused, answer 6",
        "nothing on disk within 4s: answer 7 (end)",
        "nothing can be recorded: 'ready' goes off",
    ]
    assert lines(out, "material") == ["housing: a lot until the next is scanned, required"]
    assert lines(out, "people") == [
        "badges as pseudonyms",
        "one at a time: the next badge ends the session before",
        "a unit names everybody who was signed on during its cycle; else nobody",
    ]
    assert lines(out, "publishes") == [
        "plant: every event to mqtt; nothing is deleted before it has it",
        "audit: unit_completed to file; may lose when disk is short",
    ]


def test_each_strategy_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counting and tag-coded stations say what they do in their own words."""
    cell = edited(
        CELL,
        ("by: serial\n", "by: serial\n  duplicates: record\n  components: {ecu: {by: serial}}\n"),
        ("{regex: 'CELL[0-9]{8}'}", '{di: ["25S"]}'),
        ("host: 127.0.0.1", "host: 127.0.0.2"),
    )
    write(tmp_path, filler=FILLER, tag=cell)
    code, out = answer(capsys, "check", str(tmp_path))
    assert code == exits.OK
    assert lines(out, "binds") == [
        "every step of 'bottles' to the lot that is open (named by tag 'lot')",
        "end: when plc raises 'trigger', the code in 'code'; then 'result', then 'ack'",
    ]
    assert lines(out, "scan") == ["ISO 15434 format 06 25S means unit"]
    assert lines(out, "if not") == [
        "no lot open, or it changed within a step: pieces are recorded as possible",
        "a code that no rule takes: answer 4",
        "a unit that was here before: recorded as another visit",
        "a unit that a person has scrapped: refused, answer 6",
        "nothing on disk within 5s: answer 7 (end)",
        "nothing can be recorded: no ready tag: the PLC is not told",
    ]
    assert lines(out, "material") == [
        "ecu: one serial a unit, recorded as unknown where missing",
        "ecu: what is in another unit is refused",
    ]
    assert lines(out, "people") == ["nobody is recorded"] * 2
    nowhere = "nowhere: events stay in the journal for as long as `journal.keep` says"
    assert lines(out, "publishes") == [nowhere] * 2


def test_wrong_file_is_told_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every problem is one line that an editor can jump to, and the exit code is EX_CONFIG."""
    write(tmp_path, press=edited(PRESS, ("driver: opcua", "driver: opc-ua")))
    code, out = answer(capsys, "check", str(tmp_path / "press.yaml"))
    assert (code, out) == (
        exits.CONFIG,
        (
            f"{tmp_path}/press.yaml:7:17: devices.plc.driver: no driver 'opc-ua'; "
            "did you mean 'opcua'?\n1 problem; nothing was reached.\n"
        ),
    )


def test_folder_tells_right_and_wrong_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One wrong file makes the folder wrong, and the others are told all the same."""
    write(
        tmp_path, a=FILLER, b="x", c=edited(CELL, (", unit: code", ""), ("by: serial", "by: lot"))
    )
    code, out = answer(capsys, "check", str(tmp_path))
    assert code == exits.CONFIG
    assert f"{tmp_path}/a.yaml: OK" in out
    assert "3 problems; nothing was reached." in out


def test_warning_does_not_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A doubt is told and the file is right."""
    write(tmp_path, press=edited(PRESS, (", key: credential:operator-key", "")))
    code, out = answer(capsys, "check", str(tmp_path / "press.yaml"))
    assert code == exits.OK
    assert f"warning: {tmp_path}/press.yaml:5:1: operators: no key for pseudonyms" in out


def test_nothing_to_check_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty folder is refused, not passed."""
    code, out = answer(capsys, "check", str(tmp_path))
    assert (code, "has no station file" in out) == (exits.CONFIG, True)


def test_json_is_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same as one object, each problem with its place and parts."""
    write(tmp_path, a=FILLER, b=edited(PRESS, ("sink: mqtt", "sink: mqt")))
    code, out = answer(capsys, "check", "--json", str(tmp_path))
    report = json.loads(out)
    assert (code, report["ok"]) == (exits.CONFIG, False)
    assert [station["station"] for station in report["stations"]] == ["acme/filler"]
    assert len(report["stations"][0]["config"]) == 64
    assert report["problems"] == [
        {
            "file": f"{tmp_path}/b.yaml",
            "line": 42,
            "column": 17,
            "path": "publish.plant.sink",
            "message": "no sink 'mqt'",
            "value": None,
            "hint": "did you mean 'mqtt'?",
        }
    ]


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """`lineside schema` prints one JSON Schema."""
    code, out = answer(capsys, "schema")
    assert (code, json.loads(out)["title"]) == (exits.OK, "Lineside station file")
