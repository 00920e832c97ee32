"""`lineside events`: what happened at a station, read beside the live daemon."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from agent.app import reading
from agent.cli import exits, screen

DEFAULT_LIMIT = 50


def events(
    path: Annotated[
        Path, typer.Argument(help="A station file, a folder of them, or a journal's directory.")
    ],
    *,
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=(
                "Only of this unit or lot: canonical text with or without https://id.gs1.org/, the "
                "label as printed '(01)…(21)…' or as scanned ']C1…' (<GS> for the separator), or a "
                "plain code. What received a lot as a component is not among them: docs/events.md "
                "says how to find it."
            ),
        ),
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind; repeatable.")] = None,
    since: Annotated[
        str | None,
        typer.Option(help="From then on: 2026-11-25T06:00:00+01:00, or how long ago: 2h."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before then; written alike.")] = None,
    epoch: Annotated[str | None, typer.Option(help="Only of this run of the agent.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many at most, the newest; 0: all.")] = (
        DEFAULT_LIMIT
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="One event a line, as it is stored.")
    ] = False,
    state: Annotated[Path | None, typer.Option(help="Where journals are kept.")] = None,
) -> None:
    """Show what happened at a station, the newest last. Reads only; the daemon may be running.

    Exit code 3: no event here is about that unit. 1: there is no journal to read. 2: a moment, kind
    or epoch is not one.
    """
    if unit is not None and not unit.strip():
        _complain("the name is empty", exits.USAGE)
    try:
        places = reading.find_places(path, state)
        from_ms, to_ms = reading.period_ms(since, until)
        query = reading.Query(
            unit=None if unit is None else places.unit_named(unit),
            kinds=tuple(kind or ()),
            epoch=None if epoch is None else reading.epoch_named(epoch),
            from_ms=from_ms,
            to_ms=to_ms,
            limit=limit or None,
        )
        found = [
            sorted(reading.read_events(journal, query), key=lambda row: row.address)
            for journal in places.journals
        ]
        is_known = any(found) or query.unit is None or _knows(places, query.unit)
    except ValueError as error:
        _complain(str(error), exits.USAGE)
    except reading.ConfigError as error:
        _complain(str(error), exits.CONFIG)
    except reading.JournalError as error:
        _complain(str(error), exits.REFUSED)
    rows = sorted(chain.from_iterable(found), key=lambda row: row.wall_ms)
    if as_json:
        sys.stdout.write("".join(row.body.decode() + "\n" for row in rows))
    else:
        _show(rows if query.kinds else [row for row in rows if row.kind != reading.CARRIED])
    if any(len(of_one) == limit for of_one in found):
        sys.stderr.write(f"lineside events: only the newest {limit}; --limit 0 for all\n")
    if not is_known:
        _complain(
            f"'{unit}' is not known here: no event that is kept is about it; name it in full, as "
            "on its label, or ask `lineside trace`",
            exits.UNKNOWN,
        )


def _knows(places: reading.Places, unit: str) -> bool:
    """Whether any event that is kept is about a unit, whatever its time and kind."""
    query = reading.Query(unit=unit, limit=1)
    return any(list(reading.read_events(journal, query)) for journal in places.journals)


def _complain(text: str, code: int) -> None:
    sys.stderr.write(f"lineside events: {screen.pictured(text)}\n")
    raise typer.Exit(code)


def _show(rows: list[reading.Row]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("time", no_wrap=True)
    table.add_column("address", no_wrap=True)
    table.add_column("kind", no_wrap=True, style="cyan")
    table.add_column("about", overflow="fold")
    table.add_column("what", overflow="fold", ratio=1)
    for row in rows:
        told = reading.tell(row)
        table.add_row(told.time, told.address, told.kind, told.subject, told.rest)
    console = screen.plain(elsewhere=200)
    console.print(table)
    console.print(f"{len(rows)} events", style="dim")
