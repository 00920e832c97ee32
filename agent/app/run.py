"""The daemon: `lineside run PATH`."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from agent import telemetry
from agent.app.exposed import with_exposed
from agent.app.owner import doubt
from agent.app.plant import Plant, Way
from agent.app.registries import registries
from agent.app.rim import state_directory
from agent.config.load import load_folder
from agent.config.loaded import FolderConfig
from agent.config.problems import ConfigError
from agent.seat import Tell

OK, FAILED, CONFIG = 0, 1, 78
"""Exit codes; 78 (EX_CONFIG) is not restarted by systemd, for only an edit can help."""


def run(path: Path, directory: Path | None = None) -> int:
    """Run the station file or folder until SIGTERM or SIGINT; return the exit code."""
    telemetry.set_up()
    tell = telemetry.Teller()
    try:
        folder = with_exposed(load_folder(path, registries()))
    except ConfigError as error:
        _print_problems(error)
        return CONFIG
    for refused in folder.refused.values():
        _print_problems(refused)
    if not folder.stations:
        return CONFIG
    try:
        return asyncio.run(_run(folder, Way(directory=directory or state_directory()), tell))
    except Exception as error:  # noqa: BLE001 - one of the two broad excepts: said once, then exit
        tell("agent_failed", error=f"{type(error).__name__}: {error}", exc_info=error)
        return FAILED


def _print_problems(error: ConfigError) -> None:
    for problem in error.problems:
        sys.stderr.write(f"{problem}\n")


async def _run(folder: FolderConfig, way: Way, tell: telemetry.Teller) -> int:
    plant = Plant(folder.stations, way, tell)
    gc.freeze()  # all this stays; a full collection over it holds up an answer for 8 to 30 ms
    gc.enable()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(partial(uncaught, plant, tell))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, plant.stop)
    tell(
        "agent_started",
        stations=[station.name for station in plant.stations],
        refused=len(folder.refused),
    )
    for config in folder.stations:
        for warning in config.warnings:
            tell("config_warning", station=config.station.path, error=str(warning))
    if (text := doubt(way.directory)) is not None:
        tell("config_warning", error=text)
    await plant.run(telemetry.Notifier())
    tell("agent_stopped")
    return FAILED if plant.is_refused else OK


def uncaught(
    plant: Plant, tell: Tell, _loop: asyncio.AbstractEventLoop, seen: dict[str, Any]
) -> None:
    """Take what no task could catch: a bug in a callback ends the process, the rest is told.

    The rest is a library's: a future that it dropped, a connection that broke under it.
    """
    error = seen.get("exception")
    if "handle" in seen and isinstance(error, Exception):
        plant.fail(error)
    else:
        cause = "" if error is None else f": {type(error).__name__}: {error}"
        tell("stray_error", error=f"{seen['message']}{cause}")
