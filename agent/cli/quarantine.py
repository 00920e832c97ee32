"""`lineside quarantine`: what a sink could not deliver, shown, and let out again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.table import Table

from agent.app import quarantining
from agent.cli import exits, screen

T = TypeVar("T")
_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
_PATH = typer.Argument(help="A station file, or a folder of them.")
_SINK = typer.Option(help="Only of this sink.")
_STATE = typer.Option(help="Where the state is kept.")


def quarantine(arguments: Sequence[str]) -> int:
    """Run `lineside quarantine …`."""
    _app(args=list(arguments), prog_name="lineside quarantine")
    return exits.OK  # not reached: typer exits


@_app.command("list")
def list_(
    path: Annotated[Path, _PATH],
    *,
    sink: Annotated[str | None, _SINK] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an event.")] = False,
    state: Annotated[Path | None, _STATE] = None,
) -> None:
    """Show what is held, and why.

    Exit code 0: nothing is held. 1: something is, or cannot be read, or be looked at.
    """
    places = _told(lambda: quarantining.find_quarantines(path, state, sink))
    found = _told(lambda: quarantining.listed(places))
    sys.stderr.writelines(f"lineside quarantine: {one}\n" for one in found.broken)
    if as_json:
        sys.stdout.write("".join(json.dumps(_document(*one)) + "\n" for one in found.held))
    else:
        _show(found.held)
    raise typer.Exit(exits.REFUSED if found.held or found.broken else exits.OK)


@_app.command()
def show(
    path: Annotated[Path, _PATH],
    address: Annotated[str, typer.Argument(help="Of the event: 000042-9f3a1c7e-17.")],
    *,
    sink: Annotated[str | None, _SINK] = None,
    state: Annotated[Path | None, _STATE] = None,
) -> None:
    """Show one event as it is stored, and why it is held."""
    for place, held in _found(path, state, sink, (address,)):
        sys.stderr.write(f"{place.station} {place.sink}: {held.cause}\n")
        sys.stdout.write(f"{held.row.body.decode()}\n")


@_app.command()
def release(
    path: Annotated[Path, _PATH],
    addresses: Annotated[list[str] | None, typer.Argument(help="Of the events.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that is held.")] = False,
    sink: Annotated[str | None, _SINK] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the outcome; 0: none.")] = 15,
    state: Annotated[Path | None, _STATE] = None,
) -> None:
    """Have events sent once more; the agent does it, now or when it is started.

    Exit code 0: all of them were delivered. 1: one was refused again, or waits.
    """
    if everything == bool(addresses):
        _complain("name the addresses of events, or --all", exits.USAGE)
    found = _found(path, state, sink, addresses or ())
    try:
        quarantining.release(found)
        outcomes = quarantining.outcome(found, wait)
    except quarantining.QuarantineError as error:
        _complain(str(error), exits.REFUSED)
    for one in outcomes:
        sys.stdout.write(f"{one.address}: {'delivered' if one.is_delivered else one.why}\n")
    is_done = all(one.is_delivered for one in outcomes)
    raise typer.Exit(exits.OK if is_done else exits.REFUSED)


def _found(
    path: Path, state: Path | None, sink: str | None, addresses: Sequence[str]
) -> list[tuple[quarantining.Place, quarantining.Held]]:
    places = _told(lambda: quarantining.find_quarantines(path, state, sink))
    return _told(lambda: quarantining.chosen(places, addresses))


def _told(look: Callable[[], T]) -> T:
    """Return what a look finds; what it cannot ends the command in one line."""
    try:
        return look()
    except quarantining.ConfigError as error:
        _complain(str(error), exits.CONFIG)
    except quarantining.QuarantineError as error:
        _complain(str(error), exits.REFUSED)


def _complain(text: str, code: int) -> NoReturn:
    sys.stderr.write(f"lineside quarantine: {text}\n")
    raise typer.Exit(code)


def _document(place: quarantining.Place, held: quarantining.Held) -> dict[str, object]:
    return {
        "station": place.station,
        "sink": place.sink,
        "address": str(held.row.address),
        "kind": held.row.kind,
        "refused": _time(held.wall_ms),
        "cause": held.cause,
    }


def _time(wall_ms: int) -> str:
    return datetime.fromtimestamp(wall_ms / 1000, tz=UTC).isoformat(timespec="seconds")


def _show(found: Sequence[tuple[quarantining.Place, quarantining.Held]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("station", "sink", "address", "kind", "refused", "cause"):
        table.add_column(column, overflow="fold", no_wrap=column == "address")
    for place, held in found:
        table.add_row(*map(str, _document(place, held).values()))
    console = screen.plain(elsewhere=200)
    if found:
        console.print(table)
    console.print(f"{len(found)} events held", style="dim")
