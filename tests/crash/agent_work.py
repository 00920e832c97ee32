"""A whole station that lives and may be killed: its machine, its person, its days.

The station is the real one (engine, journal, publishers, look-up), the devices and the sinks are
the scene's. A clock that is turned by hand lets a life of minutes pass in a moment.

Laws:
    1. The machine goes on after a kill where the notes left it: a raised trigger is still raised.
    2. Without threads the same seed is the same life, line by line.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from agent.app.registries import registries
from agent.app.station import StationRun
from agent.app.surroundings import Surroundings
from agent.config.load import load_source
from agent.config.loaded import StationConfig
from agent.config.source import parse_source
from agent.core.state import Reply, SnapshotAsk
from agent.journal import sqlite
from agent.journal.files import DiskFiles
from agent.journal.sqlite import Rim, SqliteJournal
from agent.ports import Clock, Row, Worker
from agent.sinks import registry
from agent.threads import ThreadWorker
from drivers.base import (
    AnyObservation,
    CodeScanned,
    LinkChanged,
    Quality,
    Scalar,
    SnapshotRead,
    TagValue,
    ValuesSeen,
)
from tests.crash.told import STORED, Ear, Notes, Tell
from tests.doubles import MORNING_MS, ManualClock, SeededRandom
from tests.sim.station import STATION

T = TypeVar("T")

CHECKPOINT_PAGES = 20
CYCLES = 4
LOOKS = 4000
"""So many looks at the machine before it counts as stuck."""
LOOK_S = 0.02
TRIES = 3
_LIFE_MS = 10_000_000
_OLD_S = 70.0
"""Longer than delivered events stay."""


def _config() -> StationConfig:
    """Return the station: parts are scanned, delivered events stay for a minute."""
    text = STATION.replace("simulated", "told").replace("KEEP", "60s")
    pair = "{strategy: scan-then-cycle, window: 60s, settle: 200ms}"
    for word, line in (("PAIR", pair), ("UNIT", ""), ("CODE", "")):
        text = text.replace(word, line)
    with mock.patch.dict(registry.SINKS, SINKS):
        return load_source(parse_source(text.encode(), "press-07.yaml"), registries())


SINKS = {"told": "tests.crash.told"}
CONFIG = _config()


class StuckError(Exception):
    """The scene waited for something that did not come."""


class LaterWorker:
    """Does its jobs on the loop, in order, a few turns later: as a thread would, and repeatable."""

    def __init__(self, source: random.Random, clock: Clock, most_s: float) -> None:
        self._source, self._clock, self._most_s = source, clock, most_s
        self._turn = asyncio.Lock()

    def run(self, job: Callable[[], T]) -> Awaitable[T]:
        """Return what the job returns; it is done even if nobody waits any more."""
        return asyncio.shield(asyncio.ensure_future(self._do(job)))

    async def _do(self, job: Callable[[], T]) -> T:
        async with self._turn:
            for _ in range(self._source.randrange(4)):
                await asyncio.sleep(0)
            if self._most_s:
                await self._clock.sleep(self._source.uniform(0, self._most_s))
            return job()

    def close(self) -> None:
        """There is no thread to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How one life of the agent is led."""

    seed: int
    cycles: int = CYCLES
    has_threads: bool = False
    disk_s: float = 0.0
    """How long a job of the writer takes at most."""
    is_calm: bool = False
    """Whether the sinks take everything, and all is delivered before the end."""
    is_early: bool = False
    """A control: rows are said to be durable before they are."""


class Machine:
    """The PLC, the reader and the person at them; for the station they are its one device."""

    name = "plc"

    def __init__(self, life: Life, notes: Notes, tell: Tell, clock: ManualClock) -> None:
        self._notes, self._clock, self._threads = notes, clock, life.has_threads
        self._tell_out = tell
        self._source = random.Random(life.seed)  # noqa: S311 - not a secret
        self._numbers = itertools.count(1)
        self._changed = asyncio.Event()
        self._asks: list[SnapshotAsk] = []
        self._code = ""
        self._held: dict[str, Scalar] = {}
        self.is_shown = False

    def tell(self, kind: str, text: str) -> None:
        """Note something, and say it."""
        self._notes.take(kind, text)
        self._tell_out(kind, text)

    # what the station asks of a device

    def ask(self, station: StationRun, ask: SnapshotAsk) -> None:
        """Read a group soon."""
        del station
        self._asks.append(ask)
        self._changed.set()

    def outputs_changed(self, station: StationRun) -> None:
        """Write what is due soon."""
        del station
        self._changed.set()

    def show(self, station: StationRun) -> None:
        """Show link and values to a run that begins."""
        del station
        self.is_shown = True

    async def reply(self, station: StationRun, reply: Reply) -> None:
        """The reader beeps."""
        del station
        if reply.good:
            self.tell("beep", self._code)

    # what the machine does

    async def hold(self, station: StationRun) -> None:
        """Keep written what is due, as the supervisor does, and read what is asked for."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for group in station.due("plc"):
                self._held |= dict(group.values)
            answer, up = self._reads, self._notes.up
            known = [] if up is None else self._notes.answers.get(up, [])
            if up is not None and answer is not None and answer not in known:
                self.tell("answer", f"{up} {answer}")
            while self._asks:
                ask = self._asks.pop(0)
                read: dict[str, Any] = {"ask": ask.id, "group": ask.handshake, "tries": 1}
                values = self._values()
                await self._see(station, SnapshotRead, "plc", coherent=True, values=values, **read)

    async def _see(
        self,
        station: StationRun,
        kind: Callable[..., AnyObservation],
        device: str,
        **members: Any,  # noqa: ANN401 - fields
    ) -> None:
        now = self._clock.now()
        about = {
            "id": f"{device}:{next(self._numbers)}",
            "device": device,
            "earliest_ms": now.boot_ms,
            "latest_ms": now.boot_ms,
            "received": now,
        }
        await station.emit(kind(**(about | members)))

    def _values(self) -> tuple[TagValue, ...]:
        request = max(self._notes.offered, default=0)
        tags: dict[str, Scalar] = {
            "request": request,
            "counter": request,
            "force": request + 0.5,
            "verdict": True,
            "boots": 1,
            "life": 1,
            "result": 0,
            "ack": False,
            "ready": True,
        }
        tags |= {tag: value for tag, value in self._held.items() if tag in tags}
        tags["trigger"] = self._notes.up is not None
        return tuple(TagValue(tag=tag, value=tags[tag], quality=Quality.GOOD) for tag in tags)

    async def _poll(self, station: StationRun) -> None:
        await self._see(station, ValuesSeen, "plc", values=self._values())

    async def until(self, is_so: Callable[[], bool], what: str) -> None:
        """Let time pass until something is so."""
        for _ in range(LOOKS):
            if is_so():
                return
            await self._pass(LOOK_S)
        raise StuckError(what)

    async def _pass(self, by_s: float) -> None:
        await self._clock.advance(by_s)
        if self._threads:
            await asyncio.sleep(0.0005)

    # what the person does

    async def work(self, station: StationRun, cycles: int) -> None:
        """Finish the part at hand, make some more, be away for a while in between."""
        await self.until(lambda: self.is_shown, "the station does not begin")
        for device in ("scanner", "plc"):
            await self._see(station, LinkChanged, device, up=True)
        await self._poll(station)
        if self._notes.up is not None:
            await self._answered(station, self._notes.up)
        for number in range(cycles):
            await self._part(station)
            if number == cycles // 2 and cycles > 1:
                await self._pass(_OLD_S)
                await self._poll(station)

    async def _part(self, station: StationRun) -> None:
        request = max(self._notes.offered, default=0) + 1
        part = f"SN{request:08d}"
        if self._source.random() < 0.25:
            await self._scan(station, f"L{request:06d}")
        if self._source.random() < 0.9:
            await self._scan(station, part)
        else:
            part = "none"
        self.tell("offer", f"{request} {part}")
        await self._poll(station)
        await self._answered(station, request)

    async def _scan(self, station: StationRun, code: str) -> None:
        self._code = code
        self.tell("scan", code)
        await self._see(station, CodeScanned, "scanner", raw=code.encode())
        await self.until(lambda: code in self._notes.beeped, f"the reader does not beep at {code}")
        await self._pass(1.1)

    async def _answered(self, station: StationRun, request: int) -> None:
        """Wait for the answer of the raised request and let it fall; after a 7 it asks again."""
        for _ in range(TRIES):
            await self.until(lambda: self._reads is not None, f"request {request}: no answer")
            is_over = self._reads in STORED
            self._notes.up = None
            if is_over:
                self.tell("gone", str(request))
            await self._poll(station)
            await self.until(lambda: self._reads is None, "the answer stays")
            if is_over:
                return
            self._notes.up = request
            await self._poll(station)
        raise StuckError(f"request {request} gets 7 again and again")

    @property
    def _reads(self) -> str | None:
        """The answer that the PLC reads beside a raised ack."""
        return str(self._held["result"]) if self._held.get("ack") else None

    async def delivered(self, station: StationRun) -> None:
        """Wait until every sink has everything."""

        def is_all() -> bool:
            journal = station.journal
            sinks = CONFIG.sinks
            return journal is not None and all(
                journal.cursor(name) == journal.last for name in sinks
            )

        await self.until(is_all, "the sinks do not get everything")


async def live(directory: Path, life: Life, notes: Notes, tell: Tell) -> None:
    """Lead one life of the agent on what is there, from its start to its end in order.

    Raises:
        StuckError: it did not do what it must.
    """
    ago_ms = notes.lives * _LIFE_MS
    clock = ManualClock(wall_ms=MORNING_MS + ago_ms, boot_ms=1_000_000 + ago_ms)
    chance = random.Random(life.seed + 1)  # noqa: S311 - not a secret
    with ExitStack() as undo:
        undo.enter_context(mock.patch.object(sqlite, "CHECKPOINT_PAGES", CHECKPOINT_PAGES))
        undo.enter_context(mock.patch.dict(registry.SINKS, SINKS))
        if life.is_early:
            undo.enter_context(mock.patch.object(SqliteJournal, "append", _append_early))
        machine = Machine(life, notes, tell, clock)
        ear = Ear(machine.tell, None if life.is_calm else chance)
        undo.enter_context(mock.patch.object(Ear, "here", ear))
        machine.tell("life", str(life.seed))
        around = _around(directory, life, clock, 17 * notes.lives + life.seed)
        station = StationRun(CONFIG, around, lambda *_, **__: None)
        station.devices += [machine]  # type: ignore[list-item]  # what a station needs of a device
        running = asyncio.create_task(station.run(), name="station")
        holding = asyncio.create_task(machine.hold(station), name="device")
        try:
            working = machine.work(station, life.cycles)
            await _beside(working, running, holding)
            if life.is_calm:
                await _beside(machine.delivered(station), running, holding)
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


def _around(directory: Path, life: Life, clock: ManualClock, seed: int) -> Surroundings:
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
            files=DiskFiles(), clock=clock, worker=worker, machine="press-07-gateway",
            ballast_bytes=4096, reserve_bytes=0, log_bytes=0,
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
