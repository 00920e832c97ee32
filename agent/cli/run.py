"""`lineside run PATH`: the daemon.

Its arguments are read by the standard library: typer would stay in memory for as long as the daemon
runs, 1.2 MB of the 50 that it may take.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Sequence
from pathlib import Path


def run(arguments: Sequence[str]) -> int:
    """Run the station file or folder until it is told to stop; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="lineside run",
        description="Run the station file or folder until it is told to stop.",
    )
    parser.add_argument("path", type=Path, help="a station file, or a folder of them")
    parser.add_argument(
        "--state",
        type=Path,
        help="where journals are kept; else $STATE_DIRECTORY or the user's own",
    )
    given = parser.parse_args(arguments)
    gc.disable()  # what a start makes it keeps: looking through it costs up to 40 ms
    try:
        from agent.app.run import run as run_plant  # noqa: PLC0415 - a slip is answered at once

        return run_plant(given.path, given.state)
    finally:
        gc.enable()
