"""`lineside export`: events for others: EPCIS 2.0 for partners, CSV and Parquet for analysts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.table import Table

from agent.app import giving_out
from agent.cli import exits, screen

_SHOWN = 5


def export(
    what: Annotated[
        str,
        typer.Argument(metavar="WHAT", help=f"One of {', '.join(giving_out.FORMS)}, or `columns`."),
    ],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH",
            help="Station files, folders of them, journals, or JSON lines of the file sink.",
        ),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to; a table as Parquet where it ends so."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="From then on: 2026-11-25T06:00:00+01:00, or 2h ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before then; written alike.")] = None,
    store: Annotated[
        str | None,
        typer.Option(help="From this trace store (a file, or a URL): all of its stations."),
    ] = None,
    station: Annotated[str | None, typer.Option(help="Only this station, by its path.")] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="URI", help="EPCIS: ids that are not GS1's go below it: https://id.acme.com/."
        ),
    ] = None,
    commissions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATION", help="EPCIS: units get their identity at this station; repeatable."
        ),
    ] = None,
    state: Annotated[Path | None, typer.Option(help="Where journals are kept.")] = None,
) -> None:
    """Write what was recorded in a form for others; `columns` tells what the columns mean.

    Exit code 1: something cannot be read or written, or breaks the rules of the form. 2: the
    question is none, or names a station of which nothing is there. 78: a station file is refused.
    """
    if what == "columns":
        _columns()
        return
    try:
        asked = giving_out.asked(
            what,
            paths or (),
            since=since,
            until=until,
            station=station,
            store=store,
            base=base,
            commissions=commissions or (),
        )
    except ValueError as error:
        _complain(str(error), exits.USAGE)
    try:
        done = giving_out.give(
            asked,
            out,
            state=state,
            progress=_progress if sys.stderr.isatty() else None,
        )
    except giving_out.UnknownStationError as error:
        _complain(str(error), exits.USAGE)
    except giving_out.ConfigError as error:
        _complain(str(error), exits.CONFIG)
    except (giving_out.SourceError, giving_out.TraceStoreError) as error:
        _complain(str(error), exits.REFUSED)
    _told(done, out)


def _told(done: giving_out.Exported, out: Path | None) -> None:
    """Say what was written, beside it; what could not be ends the command with 1."""
    where = "" if out is None else f" to {out}"
    sys.stderr.write(f"{done.read:,} events read, {done.written:,} rows written{where}\n")
    for reason, n in done.left_out.items():
        sys.stderr.write(f"left out: {n:,} {reason}\n")
    for refused in done.refused[:_SHOWN]:
        screen.tell(f"lineside export: refused: {refused}")
    if len(done.refused) > _SHOWN:
        sys.stderr.write(f"lineside export: and {len(done.refused) - _SHOWN} more\n")
    if done.refused:
        raise typer.Exit(exits.REFUSED)


def _progress(read: int) -> None:
    sys.stderr.write(f"\r{read:,} events ")


def _complain(text: str, code: int) -> NoReturn:
    sys.stderr.write(f"lineside export: {screen.pictured(text)}\n")
    raise typer.Exit(code)


def _columns() -> None:
    console = screen.plain()
    for name, about in giving_out.TABLES.items():
        table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
        for head in (name, "holds", "unit", "meaning"):
            table.add_column(head, overflow="fold")
        for column in about.columns:
            table.add_row(column.name, column.sort.value, column.unit, column.meaning)
        console.print(about.about, style="bold")
        console.print(table)
