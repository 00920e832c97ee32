"""`python -m tests.bench`: every goal of the performance budget, beside its bare rig, in one table.

    python -m tests.bench [--quick] [--json FILE] [MODULE ...]

Absolute figures drift with the machine; the verdicts are about ratios to bare rigs that run
interleaved with the product in the same run. A goal that is missed is said, not failed: exit 0.
"""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.result import Result

MODULES = (
    "core",
    "decode",
    "journal",
    "agent",
    "ends",
    "publish",
    "modbus",
    "opcua",
    "resources",
    "trace",
    "collect",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it works")
    parser.add_argument("--json", type=Path, help="write the results here as well")
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(MODULES)}")
    given = parser.parse_args()
    results = []
    for name in given.modules or MODULES:
        sys.stderr.write(f"measuring {name} … ")
        sys.stderr.flush()
        begun_s = time.monotonic()
        results += asyncio.run(import_module(f"tests.bench.{name}").main(given.quick))
        sys.stderr.write(f"{time.monotonic() - begun_s:.0f} s\n")
    if given.json:
        given.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    show(results)


def show(results: list[Result]) -> None:
    """Print the table."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("goal", "what", "figure", "bare", "ratio", "verdict", "note"):
        table.add_column(column, overflow="fold", justify="left")
    for result in sorted(results, key=lambda r: (int(r.goal.partition("-")[2] or 0), r.what)):
        verdict = {True: "[green]reached[/green]", False: "[red]MISSED[/red]", None: "reported"}
        table.add_row(
            result.goal,
            result.what,
            f"{result.figure:,.4g} {result.unit}",
            "" if result.bare is None else f"{result.bare:,.4g}",
            "" if result.ratio is None else f"{result.ratio:.2f}",
            verdict[result.passed],
            result.note,
        )
    width = None if sys.stdout.isatty() else 180
    Console(width=width, highlight=False).print(table)


if __name__ == "__main__":
    main()
