"""How answers of the trace store are asked for and shown: a table, JSON or CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum, unique
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agent.app import tracing
from agent.cli import exits, screen

STORE = typer.Option(help="A file, or postgresql://…; else $LINESIDE_STORE or the user's.")
FROM = typer.Option(
    "--from",
    help="First take in what is new here: a station file, a folder, a journal, JSON lines.",
)
AS_JSON = typer.Option("--json", help="One JSON document.")
AS_CSV = typer.Option("--csv", help="A line each, with a head line.")


@unique
class Form(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def form(command: str, *, as_json: bool, as_csv: bool) -> Form:
    """Return how the answer is wanted."""
    if as_json and as_csv:
        sys.stderr.write(f"lineside {command}: --json or --csv, not both\n")
        raise typer.Exit(exits.USAGE)
    return Form.JSON if as_json else Form.CSV if as_csv else Form.TABLE


@contextmanager
def opened(command: str, store: str | None, sources: Iterable[Path]) -> Iterator[tracing.Trace]:
    """Open the store, brought up to date with what feeds it; errors end the command in one line."""
    try:
        with tracing.open_trace(store) as trace:
            for path in sources:
                tracing.feed(trace.store, path)
            for trouble in tracing.feed_known(trace.store):
                screen.tell(f"lineside {command}: {trouble}")
            tell_outdated(command, trace.store)
            yield trace
    except (tracing.FeedError, tracing.TraceStoreError, ValueError) as error:
        sys.stderr.write(f"lineside {command}: {screen.pictured(str(error))}\n")
        raise typer.Exit(exits.REFUSED) from error


def tell_outdated(command: str, store: tracing.Store) -> None:
    """Say what of a store an older version derived, so that its answers may be too narrow."""
    for line in store.outdated():
        screen.tell(f"lineside {command}: OUTDATED: {line}")


def named(command: str, trace: tracing.Trace, text: str) -> tracing.Named:
    """Return the name of what somebody asks about; what to know of it is told beside the answer."""
    why = "the name is empty" if not text.strip() else tracing.unkeepable(text)
    if why:
        screen.tell(f"lineside {command}: {why}")
        raise typer.Exit(exits.USAGE)
    try:
        found = tracing.known_name(trace, text)
    except tracing.SeveralError:
        raise
    except ValueError as error:
        screen.tell(f"lineside {command}: {error}")
        raise typer.Exit(exits.USAGE) from error
    if found.note is not None:
        screen.tell(f"lineside {command}: {found.note}")
    return found


def end(*, is_known: bool) -> NoReturn:
    """End a command that has answered: a script can tell a name that nobody knows from no unit."""
    raise typer.Exit(exits.OK if is_known else exits.UNKNOWN)


def write_json(document: object) -> None:
    """Write one JSON document."""
    sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a head line and a line each, in UTF-8; return the SHA-256 of what was written."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    written = text.getvalue().encode()
    sys.stdout.flush()
    sys.stdout.buffer.write(written)
    sys.stdout.flush()
    return sha256(written).hexdigest()


def show(console: Console, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a plain table; on a terminal that is too narrow for it a few lines a row.

    Into a pipe or a file a row is a line, however long: what reads it looks for whole names.
    """
    plain = table(columns, rows)
    wanted = console.measure(plain, options=console.options.update(max_width=_ANY)).maximum
    if console.file is sys.stdout and not console.is_terminal:
        console.width = max(console.width, wanted)
    if console.width >= _NARROW or wanted <= console.width:
        console.print(plain)
        return
    for row in rows:
        cells = [
            (name, screen.pictured(str(cell)))
            for name, cell in zip(columns, row, strict=True)
            if cell
        ]
        console.print(cells[0][1] if row[0] else "", style="bold")
        told = "  ".join(f"{name} {cell}" for name, cell in cells if name != columns[0])
        console.print(Padding(Text(told), (0, 0, 0, 2)))


_NARROW, _ANY = 120, 10_000


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Return a plain table."""
    found = Table(box=None, pad_edge=False, header_style="bold")
    for at, column in enumerate(columns):  # what a row is about stays in one piece
        found.add_column(column, overflow="fold", no_wrap=at == 0)
    for row in rows:
        found.add_row(*(Text("" if cell is None else screen.pictured(str(cell))) for cell in row))
    return found


def rests_on(stations: Iterable[dict[str, Any]], imported: Sequence[str]) -> Iterator[str]:
    """Yield what an answer rests on, a line each."""
    n = 0
    for each in stations:
        n += 1
        gaps = each["gaps"]
        whole = "no gaps" if each["is_whole"] else f"{len(gaps)} GAPS" if gaps else "NOT PROVEN"
        if each["is_whole"] and each["position"] is not None:
            whole += f", up to {each['position']} where it stood"
        yield (
            f"{each['station']}: {each['events']:,} events of {each['runs']} runs, "
            f"{each['since']} to {each['until']}, {whole}"
        )
        for gap in gaps:
            which = f"{gap['epoch']} {gap['first']} to {gap['last']} ({gap['why']})"
            yield f"  missing: {which}, between {gap['since'] or '?'} and {gap['until'] or '?'}"
        for fork in each["forks"]:
            yield f"  FORK after {fork}: a cloned gateway; what it recorded may be held in part"
    for source in imported:
        yield f"imported: {source}"
    if not n and not imported:
        yield "nothing: the store is empty; see `lineside trace update`"


def corrected(corrections: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what persons corrected, a line each: of what, what is right, who says so and why."""
    for each in corrections:
        right = ", ".join(f"{name} {value or 'none'}" for name, value in each["replacement"])
        what = "was never so" if each["retracted"] else right
        about = f" of {tracing.shown(each['about'])}" if each["about"] else ""
        yield (
            f"corrected: {each['corrects']} {each['supersedes'][0]}{about} at {each['station']}: "
            f"{what}; by {each['who']}: {each['reason']} ({each['address']})"
        )
