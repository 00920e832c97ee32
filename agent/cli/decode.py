r"""`lineside decode`: what is this code, part by part, and what is wrong with it and where."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from agent.app import decode as app
from agent.app import station_code
from agent.app.decode import Assume, Family, Profile, Reason
from agent.cli import exits
from agent.cli.code_view import picture, show
from agent.config.problems import ConfigError


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
    hibc: Annotated[
        bool, typer.Option("--hibc", help="Read what begins with + as a HIBC label.")
    ] = False,
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
    port: Annotated[
        str | None,
        typer.Option(
            help="Listen to a reader: its port, host:port, or with --station the device's name."
        ),
    ] = None,
    line: Annotated[str, typer.Option(help="Serial line of --port: 115200, '9600 7E1'.")] = "",
    end: Annotated[
        str,
        typer.Option(help="What ends a code of --port: CR, LF, CRLF, ANY, ETX, or a silence: 50ms"),
    ] = "ANY",
    seconds: Annotated[
        float | None, typer.Option("--for", help="Stop listening after so many seconds.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(help="Stop listening after so many codes.", min=1)
    ] = None,
) -> None:
    """Say what a code is, part by part, and what is wrong with it and where.

    Exit code 0: accepted (a batch: every record was judged; a port: codes came, and each was
    accepted). 1: refused. 2: not understood. 78: the station file is refused.
    """
    if batch is not None:
        raise typer.Exit(_batch(batch, family))
    if (code is None) == (port is None):
        raise typer.BadParameter("give a code, `-`, --port PORT or --batch FILE")
    try:
        profile = Profile(
            reference_date=date.fromisoformat(day) if day else datetime.now(UTC).date(),
            assume=assume,
            separator_text=separator_text,
            expect=frozenset(expect or ()),
            hibc=hibc,
            tolerates=frozenset(tolerate or ()),
        )
        raw = b"" if code is None else _bytes(code, as_hex=as_hex)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if port is not None:
        from agent.cli.live import Asked, live  # noqa: PLC0415 - brings the drivers with it

        asked = Asked(port=port, station=station, line=line, end=end, for_s=seconds, most=count)
        raise typer.Exit(live(asked, profile, as_json=as_json))
    if station is not None:
        raise typer.Exit(_by_station(station, raw, profile.reference_date, as_json=as_json))
    explanation = app.explain(raw, profile)
    if as_json:
        sys.stdout.write(json.dumps(app.as_object(explanation), ensure_ascii=False) + "\n")
    else:
        show(explanation)
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
        sys.stdout.write("".join(picture(byte) for byte in raw) + "\n")
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
