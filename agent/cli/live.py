"""`lineside decode --port`: what a reader sends, code by code, until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from agent.app import listening as app
from agent.app import station_code
from agent.app.decode import Profile
from agent.cli import exits
from agent.cli.code_view import picture, show


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says of the reader."""

    port: str
    station: Path | None
    line: str
    end: str
    for_s: float | None
    most: int | None


def live(asked: Asked, profile: Profile, *, as_json: bool) -> int:
    """Show what comes, and return the exit code: 0 if codes came and each was accepted."""
    verdicts: list[bool] = []

    def shown(heard: app.Heard) -> None:
        verdicts.append(heard.accepted)
        if as_json:
            sys.stdout.write(json.dumps(app.as_object(heard), ensure_ascii=False) + "\n")
        else:
            _show(heard)
        sys.stdout.flush()

    def told(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    try:
        if asked.station is None:
            reader = app.reader_at(asked.port, line=asked.line, end=asked.end)
        else:
            reader = app.reader_of(asked.station, asked.port)
        asyncio.run(app.listen(reader, profile, shown, told, for_s=asked.for_s, most=asked.most))
    except app.ConfigError as error:
        told("\n".join(str(problem) for problem in error.problems))
        return exits.CONFIG
    except app.ReaderError as error:
        told(str(error))
        return exits.REFUSED
    return exits.OK if verdicts and all(verdicts) else exits.REFUSED


def _show(heard: app.Heard) -> None:
    sys.stdout.write(f"{heard.time:%H:%M:%S.%f}"[:-3] + f"  {heard.length} bytes\n")
    if heard.explanation is not None:
        show(heard.explanation)
        return
    if heard.raw:
        sys.stdout.write("".join(picture(byte) for byte in heard.raw) + "\n")
    if heard.judgement is not None:
        sys.stdout.write("".join(f"{line}\n" for line in station_code.said(heard.judgement)))
    elif heard.is_badge:
        sys.stdout.write("accepted: a badge; it is not shown\n")
    elif not heard.raw:
        sys.stdout.write("refused: it begins like a badge and is none; it is not shown\n")
    else:
        sys.stdout.write(f"no code: {heard.status}\n")
