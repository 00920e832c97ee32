"""`lineside collect`: keep everything that a plant's stations publish, and prove that it is all."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, TextIO, cast

import typer
from rich.console import Console
from rich.text import Text

from agent.app import collect as app
from agent.cli import exits, screen
from agent.cli.answers import STORE

_DAY_S = 86_400


def collect(
    *,
    broker: Annotated[str, typer.Option(help="mqtts://HOST, or mqtt://HOST (MQTT 5).")],
    store: Annotated[str | None, STORE] = None,
    topic: Annotated[
        str, typer.Option(help="Which stations: a filter over their paths, as acme/graz/#.")
    ] = "#",
    group: Annotated[
        str | None, typer.Option(help="Share the events with the other collectors of this group.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Of this collector, each its own; made from the machine's if left out."),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=1, help="Seconds that something lacks before it is asked for.")
    ] = 60,
    session: Annotated[
        int, typer.Option(min=60, help="Seconds that the broker keeps events while it is away.")
    ] = 7 * _DAY_S,
    until_complete: Annotated[
        bool, typer.Option("--until-complete", help="End when everything is proven to be there.")
    ] = False,
    root: Annotated[str, typer.Option(help="First part of every topic.")] = "lineside",
    user: Annotated[str | None, typer.Option(help="User name at the broker.")] = None,
    password: Annotated[
        str | None, typer.Option(help="Where it is found: file:/PATH, env:NAME, credential:NAME.")
    ] = None,
    ca: Annotated[str | None, typer.Option(help="PEM file of the broker's authority.")] = None,
    certificate: Annotated[str | None, typer.Option(help="PEM file of our certificate.")] = None,
    key: Annotated[str | None, typer.Option(help="PEM file of its key.")] = None,
) -> None:
    """Take every event of a plant into the trace store, for as long as it runs.

    Nothing is confirmed to the broker before it is in the store. What lacks is asked for. SIGTERM
    and Ctrl-C end it in order, with exit code 0; the broker keeps what comes meanwhile.
    """
    try:
        wanted = app.wanted_of(
            {
                "url": broker,
                "root": root,
                "user": user,
                "password": password,
                "ca": ca,
                "certificate": certificate,
                "key": key,
            },
            under=topic,
            store=store,
            group=group,
            name=name,
            wait_s=wait,
            session_s=session,
            until_complete=until_complete,
        )
    except app.CollectError as error:
        sys.stderr.write(f"lineside collect: {error}\n")
        raise typer.Exit(exits.CONFIG) from error
    try:
        with _shown() as (show, log):
            is_well = app.collect(wanted, show, log)
    except app.TraceStoreError as error:
        sys.stderr.write(f"lineside collect: {error}\n")
        raise typer.Exit(exits.REFUSED) from error
    raise typer.Exit(exits.OK if is_well else exits.REFUSED)


class _Above(io.TextIOBase):
    """Where log lines go on a terminal: above the line that moves."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def isatty(self) -> bool:
        """Return that people read it."""
        return True

    def write(self, text: str) -> int:
        """Print a line."""
        self._console.print(Text.from_ansi(text.rstrip("\n")))
        return len(text)


@contextmanager
def _shown() -> Iterator[tuple[Callable[[app.Status], None], TextIO]]:
    """Show a line that moves, on a terminal; elsewhere the log says what changes."""
    if not sys.stdout.isatty():
        yield (lambda _status: None), sys.stdout
        return
    console = screen.plain()
    with console.status(Text("starting")) as line:
        above = cast("TextIO", _Above(console))  # all of it that the log uses
        yield (lambda status: line.update(Text(str(status)))), above
