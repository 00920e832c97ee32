"""The benches work: what they measure is for `make bench` on a quiet machine, not for a test."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.bench.__main__ import MODULES

BENCH = Path(__file__).parents[1] / "bench"
ROOT = BENCH.parents[1]
WITHIN_S = 600


def test_every_bench_is_in_the_table() -> None:
    """A file with a `main` of the benches' form is run by `make bench`, and nothing else is."""
    found = [
        file.stem
        for file in BENCH.glob("*.py")
        if "async def main(quick: bool)" in file.read_text(encoding="utf-8")
    ]
    assert sorted(MODULES) == sorted(found)
    assert all(callable(import_module(f"tests.bench.{name}").main) for name in MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_bench_runs_and_says_what_it_found(name: str, tmp_path: Path) -> None:
    """The short form of each bench ends well and fills the table, whatever the figures are."""
    results = tmp_path / "results.json"
    command = [sys.executable, "-m", "tests.bench", "--quick", "--json", str(results), name]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert run.returncode == 0, run.stderr
    rows = json.loads(results.read_text(encoding="utf-8"))
    assert rows
    assert all(row["figure"] > 0 and row["goal"] in run.stdout for row in rows)
