"""`lineside run PATH`: the daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.app.run import run as run_plant


def run(
    path: Annotated[Path, typer.Argument(help="a station file, or a folder of them")],
    state: Annotated[
        Path | None,
        typer.Option(help="where journals are kept; else $STATE_DIRECTORY or the user's own"),
    ] = None,
) -> None:
    """Run the station file or folder until it is told to stop."""
    raise typer.Exit(run_plant(path, state))
