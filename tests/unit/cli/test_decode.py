"""`lineside decode`: a code part by part, with a caret under the byte that is wrong."""

import io
import json
from pathlib import Path

import pytest

from agent.cli import exits, main
from tests.unit.config.stations import PRESS, write

GTIN = "09521234543213"
DATA = Path(__file__).parents[2] / "data" / "barcodes"


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Return exit code and standard output of one call."""
    with pytest.raises(SystemExit) as ended:
        main(["decode", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().out


def test_accepted_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, the bytes with visible controls, a row a field, the verdict."""
    code, out = answer(capsys, rf"]d201{GTIN}10L1\x1d21S1", "--day", "2026-06-01")
    lines = out.splitlines()
    assert code == exits.OK
    assert lines[:2] == [f"]d201{GTIN}10L1␝21S1", "]d2 GS1 DataMatrix"]
    assert [line.split() for line in lines[3:6]] == [
        ["(01)", "GTIN", GTIN],
        ["(10)", "BATCH/LOT", "L1"],
        ["(21)", "SERIAL", "S1"],
    ]
    assert lines[-1] == "accepted: gs1"


def test_refused_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and the caret stands under the byte that is wrong, whatever stands before it."""
    code, out = answer(capsys, "--hex", f"]d201{GTIN}10L\x00\xe4".encode("latin-1").hex())
    lines = out.splitlines()
    assert code == exits.REFUSED
    assert lines[0] == f"]d201{GTIN}10L␀�"
    assert lines[1].index("^") == lines[0].index("␀")
    assert lines[-1] == "refused: bad_charset at byte 22: (10) BATCH/LOT cannot hold '0x00'"


def test_doubts_and_ignored_parts_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """What carries no pair is told, and so is a defect that was declared."""
    link = f"]Q1https://x.at/01/{GTIN}?a=b&10=L"
    _, out = answer(capsys, link, "--tolerate", "dl_qualifier_in_query")
    assert "ignored: a=b" in out.splitlines()
    assert "doubtful: dl_qualifier_in_query at byte 38" in out.splitlines()


def test_plain_code(capsys: pytest.CaptureFixture[str]) -> None:
    """A plain code has no rows."""
    code, out = answer(capsys, "WO-4711")
    assert (code, out.splitlines()) == (exits.OK, ["WO-4711", "accepted: plain"])


def test_message(capsys: pytest.CaptureFixture[str]) -> None:
    """Data identifiers stand without brackets, with what they mean."""
    _, out = answer(capsys, "[)><RS>06<GS>1PAB<GS>D260131<RS><EOT>")
    assert ["D", "date", "YYMMDD", "260131", "2026-01-31"] in [
        line.split() for line in out.splitlines()
    ]


@pytest.mark.parametrize("hexed", [False, True])
def test_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, hexed: bool
) -> None:
    """`-` reads the bytes of standard input, as they are or in hex; --json is one object."""
    raw = f"]C101{GTIN}21S1\r\n".encode()
    given = io.TextIOWrapper(io.BytesIO(raw.hex().encode() if hexed else raw))
    monkeypatch.setattr("sys.stdin", given)
    code, out = answer(capsys, "-", "--json", *(["--hex"] if hexed else []))
    assert code == exits.OK
    assert json.loads(out)["raw"] == raw.hex()


def test_profile_of_the_reader(capsys: pytest.CaptureFixture[str]) -> None:
    """What the reader does and what the label must carry can be told."""
    arguments = (f"01{GTIN}10L1", "--assume", "gs1", "--expect", "21", "--json")
    code, out = answer(capsys, *arguments)
    assert code == exits.REFUSED
    assert json.loads(out)["error"]["class"] == "missing_expected_ai"
    code, out = answer(capsys, f"01{GTIN}10L1^21S", "--assume", "gs1", "--separator-text", "^")
    assert code == exits.OK


@pytest.mark.parametrize(
    "arguments", [(), ("--hex", "zz"), ("X", "--tolerate", "bad_date"), ("--batch", "/none.jsonl")]
)
def test_what_is_not_understood(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """No code, no hex, no day, no file: exit code 2 and nothing on standard output."""
    assert answer(capsys, *arguments) == (exits.USAGE, "")


def test_batch(capsys: pytest.CaptureFixture[str]) -> None:
    """One verdict a line, in the order of the records."""
    file = DATA / "gs1_vectors.jsonl"
    code, out = answer(capsys, "--batch", str(file), "--family", "gs1")
    lines = out.splitlines()
    assert code == exits.OK
    assert len(lines) == 160
    assert json.loads(lines[0]) == {
        "id": "gs1-001",
        "verdict": "ok",
        "ais": [["01", GTIN], ["21", "SN000123"]],
    }


def test_by_the_rules_of_a_station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A station file decides what the code means; a wrong file says what is wrong with it."""
    write(tmp_path, press=PRESS)
    file = str(tmp_path / "press.yaml")
    code, out = answer(capsys, "WO-123456", "--station", file)
    assert (code, out.splitlines()[:2]) == (
        exits.OK,
        ["WO-123456", "accepted by scan rule 2: order"],
    )
    code, out = answer(capsys, "WO-1", "--station", file, "--json")
    assert (code, json.loads(out)["accepted"]) == (exits.REFUSED, False)
    write(tmp_path, press=PRESS.replace("machine: press-07", "machine: 7"))
    assert answer(capsys, "WO-1", "--station", file)[0] == exits.CONFIG
