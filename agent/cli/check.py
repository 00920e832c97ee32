"""`lineside check`: is this station file right, and what does it say? No device is reached."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from agent.app.exposed import with_exposed
from agent.app.registries import registries
from agent.cli import exits
from agent.config.explain import explained
from agent.config.load import load_folder
from agent.config.loaded import FolderConfig
from agent.config.problems import ConfigError


def check(
    path: Annotated[Path, typer.Argument(help="A station file, or a folder of them.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Validate station files and say in plain words what they do. Reaches no device.

    Exit code 0: every file is right (warnings do not count). 78: at least one is refused.
    """
    try:
        found = with_exposed(load_folder(path, registries()))
    except ConfigError as error:
        found = FolderConfig(stations=(), refused={str(path): error})
    sys.stdout.write(_as_json(found) if as_json else _as_text(found))
    raise typer.Exit(exits.CONFIG if found.refused else exits.OK)


def _as_text(found: FolderConfig) -> str:
    """Return what each file says, then warnings, then everything that is wrong."""
    parts = [f"{config.file}: OK\n{explained(config)}\n" for config in found.stations]
    parts += [f"{warning}\n" for warning in _warnings(found)]
    parts += [f"{problem}\n" for problem in found.problems]
    if found.refused:
        count = sum(1 for _ in found.problems)
        parts.append(f"{count} problem{'s' if count > 1 else ''}; nothing was reached.\n")
    return "".join(parts)


def _warnings(found: FolderConfig) -> list[str]:
    return [f"warning: {warning}" for config in found.stations for warning in config.warnings]


def _as_json(found: FolderConfig) -> str:
    report = {
        "ok": not found.refused,
        "stations": [
            {
                "file": config.file,
                "station": config.station.path,
                "config": config.hash,
                "warnings": [asdict(warning) for warning in config.warnings],
                "says": explained(config).splitlines(),
            }
            for config in found.stations
        ],
        "problems": [asdict(problem) for problem in found.problems],
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"
