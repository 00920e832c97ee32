"""`lineside probe`: is each device of a station file there, and what does each tag hold now?"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.app import probe as app
from agent.cli import exits, screen


def probe(
    path: Annotated[Path, typer.Argument(help="A station file.")],
    *,
    within: Annotated[float, typer.Option(help="Seconds a device may take to come up.")] = 10.0,
    listen: Annotated[float, typer.Option(help="Seconds to listen to a scanner.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a device.")] = False,
) -> None:
    """Connect to each device and show every tag's live value, quality, times and round trip.

    Writes nothing. Exit code 0: every device is up and every tag has a value. 1: not so.
    """
    try:
        fine = asyncio.run(_probe_all(path, within, listen, as_json=as_json))
    except app.ConfigError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(exits.CONFIG) from error
    raise typer.Exit(exits.OK if fine else exits.REFUSED)


async def _probe_all(path: Path, within_s: float, listen_s: float, *, as_json: bool) -> bool:
    console = screen.plain()
    fine = True
    if not as_json:
        console.print(f"looking at the devices of {path} (scan something to see it) …", style="dim")
    async for device in app.probe(path, within_s=within_s, listen_s=listen_s):
        fine = fine and device.is_fine
        if as_json:
            sys.stdout.write(json.dumps(_plain(device)) + "\n")
        else:
            _show(console, device)
    return fine


def _show(console: Console, device: app.ProbedDevice) -> None:
    head = Text.assemble((device.name, "bold"), f"  {device.endpoint}  ")
    if device.error is not None:
        console.print(Text.assemble(head, ("NOT THERE", "red")))
        console.print(f"  {device.place}: {device.error}")
        return
    trip = (
        "" if device.round_trip_ms is None else f", all tags read in {device.round_trip_ms:.1f} ms"
    )
    up = ("up", "green")
    console.print(Text.assemble(head, up, f" in {device.connect_ms or 0:.0f} ms{trip}"))
    if device.is_reader:
        for code in device.codes:
            console.print(f"  scanned {code!r}")
        if device.badges:
            console.print(f"  {device.badges} badges came (never shown)")
        if not device.codes and not device.badges:
            console.print("  nothing was scanned while it was listened to", style="dim")
        return
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for column in ("tag", "value", "quality", "source time", "where"):
        table.add_column(column, overflow="fold")
    for tag in device.tags:
        table.add_row(*_cells(tag))
    console.print(table)


def _cells(tag: app.ProbedTag) -> tuple[str, str | Text, str, str, str]:
    if tag.fault is not None:
        return (tag.name, Text("fault", "red"), tag.fault.cause, tag.fault.hint, tag.place)
    if tag.seen is None:
        return (tag.name, Text("nothing came", "red"), "", "", tag.place)
    quality = f"{tag.seen.quality} {tag.seen.code}".strip()
    name = f"{tag.name} (written)" if tag.write else tag.name
    return (name, repr(tag.seen.value), quality, _moment(tag.seen.source_ms), tag.place)


def _moment(source_ms: int | None) -> str:
    if source_ms is None:
        return "-"
    return datetime.fromtimestamp(source_ms / 1000, tz=UTC).isoformat(timespec="milliseconds")


def _plain(device: app.ProbedDevice) -> dict[str, Any]:
    return {
        "device": device.name,
        "endpoint": device.endpoint,
        "place": device.place,
        "up": device.error is None,
        "error": device.error,
        "connect_ms": device.connect_ms,
        "round_trip_ms": device.round_trip_ms,
        "codes": [code.hex() for code in device.codes],
        "badges": device.badges,
        "tags": [
            {
                "tag": tag.name,
                "place": tag.place,
                "value": tag.seen.value if tag.seen else None,
                "quality": str(tag.seen.quality) if tag.seen else None,
                "code": tag.seen.code if tag.seen else None,
                "source": _moment(tag.seen.source_ms) if tag.seen else None,
                "fault": f"{tag.fault.cause}; {tag.fault.hint}" if tag.fault else None,
            }
            for tag in device.tags
        ],
    }
