"""`lineside try PATH`: watch a line through a station file without touching it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from agent.app import trying
from agent.cli import exits, screen


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
    console = screen.plain(elsewhere=200)

    def show(told: trying.Told) -> None:
        console.print(f"{told.time}  {told.kind:<20} {told.subject}  {told.rest}")

    try:
        trying.try_out(path, show, seconds)
    except trying.ConfigError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(exits.CONFIG) from error
