"""`lineside plan`, as a user calls it."""

import json
from pathlib import Path

import pytest

from agent.cli import exits, main

EXAMPLE = Path(__file__).parents[3] / "config" / "plan" / "products.yaml"


def run(*arguments: str) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_table_says_what_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    """Proposal, reasons, options, findings and gaps of each product, with its place in the file."""
    assert run("plan", str(EXAMPLE)) == exits.OK
    told = capsys.readouterr().out
    assert f"valve: lot, cut every 500  {EXAMPLE}:" in told.replace("\n", "")
    assert "lots where the risk is high: today 5,000 units may come back" in told
    assert "the least costs sub-lots of 10: 5,310 a year against 8,660; cutting finer pays" in told
    assert "not said: the cost of a recall: give `costs.per_recalled_unit`" in told
    assert "D-1" not in told


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """--json writes what the table says."""
    assert run("plan", str(EXAMPLE), "--json") == exits.OK
    told = json.loads(capsys.readouterr().out)
    assert [each["by"] for each in told["products"]] == ["lot", "lot", "serial", "serial", "both"]


def test_a_start_and_slips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--init prints a start; no list, or a wrong one, is said in a line and no traceback."""
    assert run("plan", "--init") == exits.OK
    path = tmp_path / "products.yaml"
    path.write_text(capsys.readouterr().out.replace("value: medium", "value: huge"))
    assert run("plan", str(path)) == exits.CONFIG
    assert "products.my-product.value: must be 'low', 'medium' or" in capsys.readouterr().err
    assert run("plan") == exits.USAGE
    path.write_text("products:\n  a: {volume: 5, lot: 5, value: low, consequence: low}\n")
    assert run("plan", str(path)) == exits.OK
    assert "a        ?      lot       ?" in capsys.readouterr().out
