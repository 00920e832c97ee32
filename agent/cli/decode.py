r"""`lineside decode`: what is this code, part by part, and what is wrong with it and where."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.app import decode as app
from agent.app import station_code
from agent.app.decode import Assume, Explanation, Family, Profile, Reason
from agent.cli import exits
from agent.config.problems import ConfigError

_CONTROL_PICTURES = 0x2400
_FIRST_PRINTABLE = 0x20
_LAST_PRINTABLE = 0x7E


def decode(
    code: Annotated[
        str | None,
        typer.Argument(help=r"The code; \x1d or <GS> is the separator. `-` reads standard input."),
    ] = None,
    *,
    as_hex: Annotated[bool, typer.Option("--hex", help="The code is given in hex.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    assume: Annotated[
        Assume, typer.Option(help="What data without an AIM symbology identifier is.")
    ] = Assume.UNKNOWN,
    expect: Annotated[
        list[str] | None, typer.Option(help="An identifier that the label must carry; repeatable.")
    ] = None,
    separator_text: Annotated[
        str, typer.Option(help="What the reader sends in place of control characters.")
    ] = "",
    tolerate: Annotated[
        list[Reason] | None, typer.Option(help="A defect known of these labels; repeatable.")
    ] = None,
    day: Annotated[
        str | None, typer.Option(help="Day of the scan, YYYY-MM-DD; decides the century.")
    ] = None,
    station: Annotated[
        Path | None, typer.Option(help="Judge the code by the scan rules of this station file.")
    ] = None,
    batch: Annotated[
        Path | None, typer.Option(help="Records, one JSON object a line; one verdict a line.")
    ] = None,
    family: Annotated[Family, typer.Option(help="What the records hold.")] = Family.GS1,
) -> None:
    """Say what a code is, part by part, and what is wrong with it and where.

    Exit code 0: accepted (a batch: every record was judged). 1: refused. 2: not understood.
    78: the station file is refused.
    """
    if batch is not None:
        raise typer.Exit(_batch(batch, family))
    if code is None:
        raise typer.BadParameter("give a code, `-`, or --batch FILE")
    try:
        profile = Profile(
            reference_date=date.fromisoformat(day) if day else datetime.now(UTC).date(),
            assume=assume,
            separator_text=separator_text,
            expect=frozenset(expect or ()),
            tolerates=frozenset(tolerate or ()),
        )
        raw = _bytes(code, as_hex=as_hex)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if station is not None:
        raise typer.Exit(_by_station(station, raw, profile.reference_date, as_json=as_json))
    explanation = app.explain(raw, profile)
    if as_json:
        sys.stdout.write(json.dumps(app.as_object(explanation), ensure_ascii=False) + "\n")
    else:
        _show(explanation)
    raise typer.Exit(exits.OK if explanation.accepted else exits.REFUSED)


def _bytes(code: str, *, as_hex: bool) -> bytes:
    """Return the code as a reader would send it."""
    if code == "-":
        given = sys.stdin.buffer.read()
        return bytes.fromhex(given.decode("ascii")) if as_hex else given
    return bytes.fromhex(code) if as_hex else app.unescaped(code)


def _by_station(path: Path, raw: bytes, day: date, *, as_json: bool) -> int:
    try:
        station = station_code.station_of(path)
    except ConfigError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return exits.CONFIG
    judgement = station_code.judged(raw, station, day)
    answer = station_code.as_object(judgement)
    if as_json:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(_picture(byte) for byte in raw) + "\n")
        sys.stdout.write("".join(f"{line}\n" for line in station_code.said(judgement)))
    return exits.OK if answer["accepted"] else exits.REFUSED


def _batch(path: Path, family: Family) -> int:
    try:
        with path.open(encoding="utf-8") as lines:
            for verdict in app.batch(lines, family):
                sys.stdout.write(json.dumps(verdict, ensure_ascii=False) + "\n")
    except (OSError, app.RecordError) as error:
        sys.stderr.write(f"{path}: {error}\n")
        return exits.USAGE
    return exits.OK


def _show(explanation: Explanation) -> None:
    """Print what is known of a code: the bytes, the parts, the verdict."""
    console = Console(highlight=False, soft_wrap=True)
    error = explanation.error
    console.print(Text("".join(_picture(byte) for byte in explanation.raw), style="bold"))
    if error is not None:
        console.print(Text(" " * error.at + "^", style="bold red"))
    if explanation.symbology:
        console.print(Text(f"{explanation.symbology} {explanation.symbol}"))
    if explanation.parts:
        console.print(_table(explanation))
    for doubt in explanation.doubts:
        console.print(Text(f"doubtful: {doubt}", style="yellow"))
    for ignored in explanation.ignored:
        console.print(Text(f"ignored: {ignored}", style="dim"))
    if error is None:
        console.print(Text(f"accepted: {explanation.form}", style="green"))
    else:
        text = f"refused: {error.reason} at byte {error.at}: {error.detail}"
        console.print(Text(text, style="red"))


def _table(explanation: Explanation) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "what", "value", "means"):
        table.add_column(heading, overflow="fold")
    for part in explanation.parts:
        name = f"({part.identifier})" if part.format in ("", "05") else part.identifier
        cells = (name, part.title, part.value, part.meaning)
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _picture(byte: int) -> str:
    """Return one column for one byte, so that a caret can stand under it."""
    if byte < _FIRST_PRINTABLE:
        return chr(_CONTROL_PICTURES + byte)
    return chr(byte) if byte <= _LAST_PRINTABLE else "�"
