"""A process whose station meets a disk that is read-only; it says what became of its events.

usage: unshare -Urm python -m tests.faults.read_only tmpfs DIRECTORY
       python -m tests.faults.read_only double DIRECTORY      where no name space is to be had

The sink's file lies on another disk, which comes only when the station's own is read-only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest import mock

from agent.app.reading import Query, read_events
from agent.app.rim import SystemClock, SystemRandom
from agent.app.station import StationRun
from agent.app.surroundings import Surroundings
from agent.core.state import NotReady
from agent.journal.files import DiskFiles
from agent.journal.sqlite import Rim
from agent.threads import ThreadWorker
from drivers.base import CodeScanned
from tests.faults.journal_filler import say
from tests.faults.scarce import Disk, Double, Tmpfs
from tests.journeys.plants import until
from tests.unit.config.stations import PRESS, edited, loaded

AUDIT = "  audit: {sink: file, path: audit.jsonl, required: false, kinds: [unit_completed]}\n"
PLANT = '  plant: {sink: mqtt, url: "mqtt://127.0.0.1"}\n'


class Box:
    """A station on a disk, and a sink's file on another one."""

    def __init__(self, state: Path, away: Path) -> None:
        self.away = away
        self._state = state
        sink = f"  plant: {{sink: file, path: {away}/audit.jsonl}}\n"
        self._config = loaded(edited(PRESS, (PLANT, sink), (AUDIT, "")))
        self._clock = SystemClock()
        self._scans = 0

    @contextlib.asynccontextmanager
    async def on(self) -> AsyncIterator[StationRun]:
        """Run the station; it ends in order."""
        around = Surroundings(
            clock=self._clock,
            random=SystemRandom(),
            worker=ThreadWorker,
            journal=Rim(
                files=DiskFiles(),
                clock=self._clock,
                worker=ThreadWorker,
                ballast_bytes=256 << 10,
                reserve_bytes=64 << 10,
                log_bytes=0,
            ),
            secret=lambda _: "demo-key-not-for-use",
            directory=self._state,
            journal_path=self._state / "journal",
        )
        station = StationRun(self._config, around, lambda *_, **__: None)
        running = asyncio.create_task(station.run())
        try:
            await station.opened.wait()
            yield station
        finally:
            station.stop()
            await running

    async def scan(self, station: StationRun) -> None:
        """Have an order scanned."""
        self._scans += 1
        now = self._clock.now()
        seen = CodeScanned(
            id=f"s{self._scans}",
            device="scanner",
            earliest_ms=now.boot_ms,
            latest_ms=now.boot_ms,
            received=now,
            raw=b"WO-%06d" % self._scans,
        )
        await station.emit(seen)

    def recorded(self) -> list[dict[str, Any]]:
        """Return what the journal holds."""
        rows = read_events(self._state / "journal", Query(newest_first=False))
        return [json.loads(row.body) for row in rows]

    def published(self) -> list[dict[str, Any]]:
        """Return what the sink has got."""
        file = self.away / "audit.jsonl"
        lines = file.read_bytes().splitlines() if file.exists() else ()
        return [json.loads(line)["data"] for line in lines]


async def live(disk: Disk, box: Box) -> None:
    """Record; begin on a disk that is read-only; go on once it is mounted for writing."""
    async with box.on() as station:
        await box.scan(station)
        await until(lambda: any(event["kind"] == "order_started" for event in box.recorded()))
    before = box.recorded()
    disk.turn("ro")
    async with box.on() as station:
        await box.scan(station)
        box.away.mkdir()
        await until(lambda: len(box.published()) >= len(before))
        say(
            published=box.published() == before,
            held=station.readiness() is NotReady.JOURNAL,
            recorded=box.recorded() == before,
        )
        disk.turn("rw")
        await until(lambda: len(orders(box.published())) == 2)
    say(once=box.published() == box.recorded()[: len(box.published())])
    say(epochs=len({event["epoch"] for event in box.recorded()}), orders=orders(box.recorded()))


def orders(events: list[dict[str, Any]]) -> list[str]:
    """Return the orders that were begun."""
    return [event["order"] for event in events if event["kind"] == "order_started"]


def main(how: str, directory: Path) -> None:
    """Mount the small disk if we may, and live on it."""
    place = directory / "disk"
    place.mkdir(mode=0o700)
    disk: Disk = Tmpfs(place) if how == "tmpfs" else Double(place)
    with contextlib.ExitStack() as undo:
        undo.callback(mock.patch.stopall)
        asyncio.run(live(disk, Box(place / "state", directory / "away")))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
