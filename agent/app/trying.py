"""`lineside try`: the whole agent on real devices, but nothing is written to a PLC or published."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from agent import telemetry
from agent.app.plant import Plant, Way
from agent.app.reading import CARRIED, Told
from agent.app.reading import tell as in_words
from agent.app.registries import registries
from agent.app.station import StationRun
from agent.config.load import load_folder
from agent.config.loaded import StationConfig
from agent.config.problems import ConfigError
from agent.journal.errors import JournalError
from agent.ports import Address

__all__ = ["ConfigError", "Told", "try_out"]

READ_ROWS = 200
BETWEEN_RUNS_S = 0.1


def try_out(path: Path, show: Callable[[Told], None], for_s: float | None) -> None:
    """Run the stations with a throw-away journal and show each event, until stopped.

    Args:
        path: A station file or a folder of them.
        show: Called with each event.
        for_s: Stop after so long; None: on SIGINT or SIGTERM.

    Raises:
        ConfigError: no station file is right.
    """
    telemetry.set_up(sys.stderr)
    folder = load_folder(path, registries())
    if not folder.stations:
        raise ConfigError(folder.problems)
    with tempfile.TemporaryDirectory(prefix="lineside-try-") as directory:
        way = Way(directory=Path(directory), write=False, publish=False, keep_journal_path=False)
        asyncio.run(_run(folder.stations, way, show, for_s))


async def _run(
    stations: Sequence[StationConfig], way: Way, show: Callable[[Told], None], for_s: float | None
) -> None:
    plant = Plant(stations, way, telemetry.Teller())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, plant.stop)
    if for_s is not None:
        loop.call_later(for_s, plant.stop)
    async with asyncio.TaskGroup() as tasks:
        watching = [tasks.create_task(_watch(station, show)) for station in plant.stations]
        await plant.run(telemetry.Notifier({}))
        for task in watching:
            task.cancel()


async def _watch(station: StationRun, show: Callable[[Told], None]) -> None:
    """Show each event as soon as it is recorded, over all runs; return only by cancellation."""
    after: Address | None = None
    await station.opened.wait()
    while True:
        journal = station.journal
        if journal is None:  # it is opened again, or this is the end
            await asyncio.sleep(BETWEEN_RUNS_S)
            continue
        try:
            for row in await journal.read(after, READ_ROWS):
                if row.kind != CARRIED:
                    show(in_words(row))
                after = row.address
            await journal.wait_beyond(after)
        except JournalError:  # told by the station
            await asyncio.sleep(BETWEEN_RUNS_S)
