"""`lineside demo`: a simulated line on real protocols, and proof that nothing was lost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.app.demo import demo as run_demo
from agent.cli import example, exits


def demo(
    *,
    forever: Annotated[
        bool, typer.Option("--forever", help="keep running until Ctrl-C, then compare the books")
    ] = False,
    outage: Annotated[
        bool,
        typer.Option("--outage", help="more trouble: agent killed, PLC restarted, scanner pulled"),
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option(help="leave journals, station files and logs in this new directory"),
    ] = None,
) -> None:
    """Run a press and a filler with a broker for a shift of forty seconds.

    Everything is real and on this machine: OPC UA, Modbus TCP, a serial scanner, Mosquitto, and the
    agent as its own process. At the end what truly happened is compared with what was recorded and
    with what was delivered; the exit code is 0 only if all agree. Last comes the worked example
    (`lineside example`).
    """
    code = run_demo(forever=forever, outage=outage, keep=keep)
    if code == exits.OK and not forever:
        typer.echo("\nThe books agree. What such records are worth when a part is faulty:\n")
        code = example.show_measured()
    raise typer.Exit(code)
