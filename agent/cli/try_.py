"""`lineside try PATH`: watch a line through a station file without touching it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from agent.app import trying
from agent.cli import exits


def try_(
    path: Annotated[Path, typer.Argument(help="A station file, or a folder of them.")],
    *,
    seconds: Annotated[
        float | None, typer.Option("--for", help="Stop after so many seconds.")
    ] = None,
) -> None:
    """Do everything but write to a PLC and publish; the journal is thrown away. Ctrl-C ends it.

    Log lines go to standard error, events to standard output.
    """
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)

    def show(told: trying.Told) -> None:
        console.print(f"{told.time}  {told.kind:<20} {told.subject}  {told.rest}", markup=False)

    try:
        trying.try_out(path, show, seconds)
    except trying.ConfigError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(exits.CONFIG) from error
