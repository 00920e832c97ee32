"""One simulation from one seed, and what came of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum, unique
from hashlib import sha256
from pathlib import Path
from unittest import mock

import orjson

from agent.journal.opening import open_journal
from agent.journal.sqlite import SqliteJournal
from agent.journal.verify import verify
from agent.ports import Row
from agent.sinks import registry
from tests.crash.cuts import cut_rim
from tests.sim.broker import Broker, Place
from tests.sim.disk import Condition
from tests.sim.faults import Director, drawn
from tests.sim.gateway import Gateway, Outside
from tests.sim.oracle import Books, Verdict, judge
from tests.sim.person import Person, Reader
from tests.sim.plc import SimulatedPlc
from tests.sim.station import Variant, variant
from tests.sim.world import World, numbered_loop

CYCLE_S = 10.0
SETTLE_S = 150.0
"""From the last fault on: longer than any back-off and any silence."""
DRAIN_S = 90.0


@unique
class Wrong(StrEnum):
    """What a control does wrong; the oracle must see it."""

    EARLY = "acknowledged before the commit"
    UNSENT = "delivered when it is sent"
    LYING = "a disk that lies about sync"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be simulated."""

    seed: int
    hours: float = 0.5
    cycle_s: float = CYCLE_S
    only: tuple[str, ...] = ()
    """Draw these kinds of fault and no others."""
    wrong: Wrong | None = None
    """A control: what is done wrong on purpose."""


@dataclass(slots=True)
class Outcome:
    """What came of one simulation."""

    task: Task
    variant: Variant
    verdict: Verdict
    faults: dict[str, int]
    steps: int
    lives: int
    epochs: int
    digest: str
    """Over the journal, what was delivered and the log: the same in each run of the seed."""
    log: list[str] = field(repr=False)

    @property
    def problems(self) -> list[str]:
        """What does not hold."""
        return self.verdict.problems


def simulate(task: Task) -> Outcome:
    """Run one simulation, to its end and its judgement."""
    memory = Path("/dev/shm")  # noqa: S108 - a disk without syncs, where there is one
    with ExitStack() as undo:
        place = undo.enter_context(
            tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        )
        sinks = {"simulated": "tests.sim.broker"}
        undo.enter_context(mock.patch.dict(registry.SINKS, sinks))
        if task.wrong is Wrong.EARLY:
            undo.enter_context(mock.patch.object(SqliteJournal, "append", _append_early))
        runner = undo.enter_context(asyncio.Runner(loop_factory=numbered_loop))
        return runner.run(_Simulation(task, Path(place)).run())


_append = SqliteJournal.append


def _append_early(journal: SqliteJournal, rows: Sequence[Row]) -> asyncio.Future[None]:
    """Say that rows are durable before they are."""
    _append(journal, rows).add_done_callback(lambda done: done.cancelled() or done.exception())
    told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    told.set_result(None)
    return told


class _Simulation:
    """The parts of one simulation, wired up."""

    def __init__(self, task: Task, directory: Path) -> None:
        self._task = task
        world = self._world = World(task.seed)
        self._variant = variant(world.source)
        self._plc = SimulatedPlc(world)
        self._reader = Reader(world)
        self._broker = Broker(world, confirms_unsent=task.wrong is Wrong.UNSENT)
        disk = Condition(world, is_lying=task.wrong is Wrong.LYING)
        outside = Outside(self._plc, self._reader, self._broker, disk)
        self._gateway = Gateway(world, outside, directory, self._variant.config)
        self._person = Person(world, self._plc, self._reader, task.cycle_s)
        self._person.scans_parts = not self._variant.has_camera
        self._director = Director(world, self._gateway, self._person)

    async def run(self) -> Outcome:
        """Let it happen, then judge."""
        until_s = self._task.hours * 3600
        clock, world = self._world.clock, self._world
        Place.broker = self._broker
        world.say(f"seed {self._task.seed}: {self._variant}")
        last_s = until_s - SETTLE_S - DRAIN_S
        plan = drawn(world.source, self._variant.every_s, last_s, self._task.only)
        work = [
            asyncio.create_task(self._plc.run(), name="plc"),
            asyncio.create_task(self._gateway.run(), name="gateway"),
            asyncio.create_task(self._person.work(), name="person"),
            *(asyncio.create_task(self._director.bring(fault), name="fault") for fault in plan),
        ]
        try:
            await clock.advance(last_s + 30)
            self._director.heal()
            healed_ms = world.now_ms
            await clock.advance(SETTLE_S - 30)
            self._person.goes_home = True
            await clock.advance(DRAIN_S - 20)
            self._gateway.is_off = True
            self._gateway.stop()
            await clock.advance(20)
            for task in work:
                if task.done() and not task.cancelled():
                    task.result()
        finally:
            for task in work:
                task.cancel()
            self._plc.close()
            ending = asyncio.gather(*work, return_exceptions=True)
            while not ending.done():
                await clock.advance(1)
            Place.broker = None
        return await self._judged(healed_ms)

    async def _judged(self, healed_ms: int) -> Outcome:
        world, gateway = self._world, self._gateway
        rows = await self._rows()
        report = verify(gateway.journal)
        books = Books(
            strokes=self._plc.strokes,
            reader=self._reader,
            rows=tuple(rows),
            taken=self._broker.taken,
            quarantined={name: self._quarantine(name) for name in ("plant", "units")},
            cycles=self._task.hours * 3600 / self._task.cycle_s,
            healed_ms=healed_ms,
            gateway=gateway,
            happened=tuple(self._director.happened),
            proof="" if report.is_whole else report.text(),
        )
        digest = sha256()
        for row in rows:
            digest.update(row.body)
        for name in sorted(self._broker.taken):
            for payload in self._broker.taken[name]:
                digest.update(payload)
        digest.update("\n".join(world.log).encode())
        return Outcome(
            task=self._task,
            variant=self._variant,
            verdict=judge(books),
            faults={kind: n for kind, n in sorted(world.faults.items()) if n},
            steps=world.steps,
            lives=len(gateway.lives),
            epochs=report.epochs,
            digest=digest.hexdigest(),
            log=world.log,
        )

    async def _rows(self) -> list[Row]:
        journal, _ = await open_journal(
            self._gateway.journal, self._gateway.config.station.path, cut_rim()
        )
        try:
            return await journal.read(None, 10_000_000)
        finally:
            await journal.close()

    def _quarantine(self, sink: str) -> list[bytes]:
        path = self._gateway.directory / f"quarantine-{sink}.jsonl"
        if not path.exists():
            return []
        lines = path.read_bytes().splitlines()
        return [orjson.loads(line)["body"].encode() for line in lines]
