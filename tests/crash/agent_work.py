"""A whole station that lives and may be killed: its machine, its person, its days.

The station is the real one (engine, journal, publishers, look-up), the devices and the sinks are
the scene's. A clock that is turned by hand lets a life of minutes pass in a moment.

Laws:
    1. The machine goes on after a kill where the notes left it: a raised trigger is still raised.
    2. Without threads the same seed is the same life, line by line.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from agent.app.registries import registries
from agent.app.station import StationRun
from agent.app.surroundings import Surroundings
from agent.config.load import load_source
from agent.config.loaded import StationConfig
from agent.config.source import parse_source
from agent.journal import sqlite
from agent.journal.sqlite import Rim, SqliteJournal
from agent.ports import Clock, Row, Worker
from agent.sinks import registry
from agent.threads import ThreadWorker
from tests.crash.agent_machine import Disk, Life, Machine, StuckError
from tests.crash.told import Ear, Notes, Tell
from tests.doubles import MORNING_MS, ManualClock, SeededRandom
from tests.sim.station import STATION

T = TypeVar("T")

STATION_TASK = "station"
_LIFE_MS = 10_000_000


def _config() -> StationConfig:
    """Return the station: parts are scanned, delivered events stay for a minute."""
    text = STATION.replace("simulated", "told").replace("KEEP", "60s")
    changes = {
        "PAIR": "{strategy: scan-then-cycle, window: 60s, settle: 200ms}",
        "UNIT": "",
        "CODE": 'picture: {device: plc, node: "nsu=urn:acme;s=Press.Picture"}',
        "[force]": "[force, picture]",
    }
    for word, line in changes.items():
        text = text.replace(word, line)
    with mock.patch.dict(registry.SINKS, SINKS):
        return load_source(parse_source(text.encode(), "press-07.yaml"), registries())


SINKS = {"told": "tests.crash.told"}
CONFIG = _config()


class LaterWorker:
    """Does its jobs on the loop, in order, a few turns later: as a thread would, and repeatable."""

    def __init__(self, source: random.Random, clock: Clock, most_s: float) -> None:
        self._source, self._clock, self._most_s = source, clock, most_s
        self._turn = asyncio.Lock()

    def run(self, job: Callable[[], T]) -> Awaitable[T]:
        """Return what the job returns; it is done even if nobody waits any more."""
        doing = asyncio.ensure_future(self._do(job))
        doing.add_done_callback(lambda done: done.cancelled() or done.exception())
        return asyncio.shield(doing)

    async def _do(self, job: Callable[[], T]) -> T:
        async with self._turn:
            for _ in range(self._source.randrange(4)):
                await asyncio.sleep(0)
            if self._most_s:
                await self._clock.sleep(self._source.uniform(0, self._most_s))
            return job()

    def close(self) -> None:
        """There is no thread to end."""


async def live(
    directory: Path, life: Life, notes: Notes, tell: Tell, disk: Disk | None = None
) -> None:
    """Lead one life of the agent on what is there, from its start to its end in order.

    Raises:
        StuckError: it did not do what it must.
    """
    ago_ms = notes.lives * _LIFE_MS
    clock = ManualClock(wall_ms=MORNING_MS + ago_ms, boot_ms=1_000_000 + ago_ms)
    chance = random.Random(life.seed + 1)  # noqa: S311 - not a secret
    disk = disk or Disk()
    with ExitStack() as undo:
        undo.enter_context(mock.patch.object(sqlite, "CHECKPOINT_PAGES", disk.checkpoint_pages))
        undo.enter_context(mock.patch.dict(registry.SINKS, SINKS))
        if life.is_early:
            undo.enter_context(mock.patch.object(SqliteJournal, "append", _append_early))
        machine = Machine(life, notes, tell, clock, disk)
        ear = Ear(machine.tell, None if life.is_calm else chance)
        undo.enter_context(mock.patch.object(Ear, "here", ear))
        machine.tell("life", str(life.seed))
        around = _around(directory, life, clock, disk, 17 * notes.lives + life.seed)
        station = StationRun(CONFIG, around, disk.said)
        station.devices += [machine]  # type: ignore[list-item]  # what a station needs of a device
        running = asyncio.create_task(station.run(), name=STATION_TASK)
        holding = asyncio.create_task(machine.hold(station), name="device")
        try:
            working = machine.work(station, life.cycles)
            await _beside(working, running, holding)
            if life.is_calm:
                await _beside(machine.delivered(station, CONFIG.sinks), running, holding)
        finally:
            station.stop()
            await machine.until(running.done, "the station does not end")
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
        running.result()


async def _beside(work: Coroutine[Any, Any, None], *others: asyncio.Task[None]) -> None:
    """Do some work while others go on; one that ends early has failed."""
    task = asyncio.ensure_future(work)
    await asyncio.wait((task, *others), return_when=asyncio.FIRST_COMPLETED)
    for other in others:
        if other.done():
            task.cancel()
            other.result()
            raise StuckError(f"{other.get_name()} has ended")
    task.result()


def _around(directory: Path, life: Life, clock: ManualClock, disk: Disk, seed: int) -> Surroundings:
    source = random.Random(seed)  # noqa: S311 - not a secret

    def worker(name: str) -> Worker:
        if life.has_threads:
            return ThreadWorker(name)
        return LaterWorker(source, clock, life.disk_s if name == "journal-writer" else 0.0)

    return Surroundings(
        clock=clock,
        random=SeededRandom(seed),
        worker=worker,
        journal=Rim(
            files=disk.files, clock=clock, worker=worker, machine="press-07-gateway",
            vfs=disk.vfs, ballast_bytes=disk.ballast_bytes, reserve_bytes=disk.reserve_bytes,
            log_bytes=0,
        ),
        secret=lambda reference: reference,
        directory=directory,
        journal_path=directory / "journal",
    )  # fmt: skip


_append = SqliteJournal.append


def _append_early(journal: SqliteJournal, rows: Sequence[Row]) -> asyncio.Future[None]:
    _append(journal, rows).add_done_callback(lambda done: done.cancelled() or done.exception())
    told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    told.set_result(None)
    return told
