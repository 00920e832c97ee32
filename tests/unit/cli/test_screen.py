"""What stands in a name, a code or a path is shown as it is, by every command."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent.cli
from agent.cli import exits, main
from agent.demo.process import free_port
from tests.unit.config.stations import FILLER, edited, write

SOURCES = sorted(Path(agent.cli.__file__).parent.glob("*.py"))
NAME = "we[ird] [b] [red]:warning: [link=x]"
"""What rich would draw, refuse or leave out, were it markup."""
READS_MARKUP = frozenset({"from_markup", "render_markup", "Prompt", "Confirm"})


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call in a source by the last word of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute):
                yield function.attr, node
            elif isinstance(function, ast.Name):
                yield function.id, node


def offs(call: ast.Call) -> set[str]:
    """Return which options of a call are plainly off."""
    return {
        option.arg
        for option in call.keywords
        if option.arg and isinstance(option.value, ast.Constant) and option.value.value is False
    }


def wrongs(path: Path, tree: ast.AST) -> Iterator[str]:
    """Yield what in a command's source would read markup in what it shows."""
    for name, call in calls(tree):
        at = f"{path.name}:{call.lineno}"
        if name == "Console":
            yield f"{at}: a console of its own; screen.plain() is for that"
        elif name == "_Plain" and not {"markup", "emoji", "highlight"} <= offs(call):
            yield f"{at}: reads markup"
        elif name in {"status", "Status", "Spinner"} and (
            not (given := next(calls(call.args[0]), None) if call.args else None)
            or given[0] != "Text"
        ):
            yield f"{at}: {name} reads markup in all but a Text"
        elif name in READS_MARKUP or any(
            option.arg == "markup"
            and not (isinstance(option.value, ast.Constant) and option.value.value is False)
            for option in call.keywords
        ):
            yield f"{at}: {name} reads markup"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "rich":
            yield f"{path.name}:{node.lineno}: rich's own print reads markup"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_command_reads_markup(path: Path) -> None:
    """Each console is made in one place, without markup, and nothing else reads it."""
    assert list(wrongs(path, ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "source",
    [
        "Console()",
        "_Plain(markup=False, highlight=False)",
        "console.Console(markup=False)",
        "console.status('x')",
        "console.status(f'{name}')",
        "Text.from_markup(name)",
        "console.print(name, markup=True)",
        "from rich import print",
    ],
)
def test_the_law_sees_what_it_forbids(source: str) -> None:
    """Each way to read markup is found in a source that has it."""
    assert list(wrongs(Path("export.py"), ast.parse(source)))


def test_a_path_is_shown_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`lineside probe`: a place in a folder whose name looks like a style."""
    folder = tmp_path / NAME
    folder.mkdir()
    write(
        folder, filler=edited(FILLER, ("host: 127.0.0.1", f"host: 127.0.0.1, port: {free_port()}"))
    )
    with pytest.raises(SystemExit) as ended:
        main(("probe", str(folder / "filler.yaml"), "--within", "0.2"))
    assert ended.value.code == exits.REFUSED
    shown = capsys.readouterr().out.replace("\n", "")
    assert f"looking at the devices of {folder}/filler.yaml" in shown
    assert "NOT THERE" in shown
    assert f"  {folder}/filler.yaml:7:3: " in shown


def test_a_code_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """`lineside decode`: its signs, and its part."""
    with pytest.raises(SystemExit) as ended:
        main(("decode", NAME))
    assert ended.value.code == exits.OK
    assert capsys.readouterr().out.splitlines()[0] == NAME


def test_a_name_steers_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What would wipe the line of an affected unit, or ring, is a picture in it."""
    monkeypatch.setenv("LINESIDE_STORE", str(tmp_path / "trace.db"))
    event = {"type": "process", "unit": "SN-1\x1b[2K\x1b[1A", "station": "S\x9b2J\a\r", "t": 1}
    load = {"type": "load", "station": event["station"], "slot": "p\t", "lot": "L", "t": 0}
    plant = tmp_path / "plant.json"
    plant.write_text(json.dumps({"events": [load, event]}))
    for asked in (("trace", "import", str(plant)), ("recall", "L"), ("where-from", event["unit"])):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in asked])
        assert ended.value.code == exits.OK
        shown = capsys.readouterr().out
        assert all(sign.isprintable() for sign in shown.replace("\n", ""))
        assert ("SN-1␛[2K␛[1A" in shown) is (asked[0] == "recall")


@pytest.mark.parametrize("csv", [(), ("--csv",)])
def test_a_name_forges_no_line_of_a_statement(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    csv: tuple[str, ...],
) -> None:
    """What stands beside an answer is a line each: no name ends one, or wipes the one before."""
    monkeypatch.setenv("LINESIDE_STORE", str(tmp_path / "trace.db"))
    plant, shipped = tmp_path / "plant.json", tmp_path / "shipped.csv"
    load = {"type": "load", "station": "S", "slot": "p", "lot": "L", "t": 0}
    process = {"type": "process", "unit": "SN-1", "station": "S", "t": 1}
    plant.write_text(json.dumps({"events": [load, process]}))
    name = "SN-9\x1b[2K\nSHA-256 of this CSV: 00"
    shipped.write_text(f'unit;shipped\n"{name}";2026-11-25T14:02:00Z\n')
    for asked in (("trace", "import", str(plant), str(shipped)), ("recall", "L", *csv)):
        with pytest.raises(SystemExit) as ended:
            main(asked)
        assert ended.value.code == exits.OK
    told = "".join(capsys.readouterr())
    assert "SN-9␛[2K" in told
    assert all(sign.isprintable() for sign in told.replace("\n", ""))
    assert not any(line.startswith("SHA-256 of this CSV: 00") for line in told.splitlines())
    with pytest.raises(SystemExit) as ended:
        main(("recall", "no\x1b[2K\nsuch"))
    assert ended.value.code == exits.UNKNOWN
    assert capsys.readouterr().err == "lineside recall: 'no␛[2K␊such' is not known to this store\n"
