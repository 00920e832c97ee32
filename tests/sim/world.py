"""The world of one simulation: one loop, one clock, one source of chance.

Laws:
    1. Nothing reads real time or real randomness: a seed gives the same run, byte by byte.
    2. A task has a number and is hashed by it, so that the order within a set of tasks is the same
       in each run, wherever they lie in memory.
    3. A worker does one job at a time, in order, and not before its time has passed: the loop goes
       on meanwhile, as it does beside a thread. A job that was begun is done, whoever has gone.
       Where a job takes no time and none is before it, it is done at once.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from drivers.base import ClockState, Instant
from tests.doubles import ManualClock

T = TypeVar("T")


class NumberedTask(asyncio.Task[Any]):
    """A task whose place in a set does not depend on where it lies in memory."""

    numbers = itertools.count(1)

    def __init__(
        self,
        work: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        **arguments: Any,  # noqa: ANN401 - what a loop passes on
    ) -> None:
        self.number = next(self.numbers)
        super().__init__(work, **arguments)

    def __hash__(self) -> int:
        """Return the task's number."""
        return self.number


def numbered_loop() -> asyncio.AbstractEventLoop:
    """Return a loop whose tasks are numbered from 1."""
    NumberedTask.numbers = itertools.count(1)
    loop = asyncio.new_event_loop()
    loop.set_task_factory(lambda loop, work, **rest: NumberedTask(work, loop=loop, **rest))
    return loop


@dataclass(slots=True)
class World:
    """What everything in a simulation shares."""

    seed: int
    clock: ManualClock = field(default_factory=lambda: ManualClock(boot_ms=0))
    source: random.Random = field(init=False)
    faults: Counter[str] = field(default_factory=Counter)
    """What was really done, by kind: a fault that met nothing is none."""
    log: list[str] = field(default_factory=list)
    """What happened, a line each, for whoever repeats a seed."""
    steps: int = 0
    """Observations, jobs of workers, deliveries, scans of the PLC."""

    def __post_init__(self) -> None:
        """Draw from the seed."""
        self.source = random.Random(self.seed)  # noqa: S311 - the same in each run

    @property
    def now_ms(self) -> int:
        """The world's time, from its beginning."""
        return self.clock.now().boot_ms

    def say(self, text: str) -> None:
        """Note what happened."""
        self.log.append(f"{self.now_ms / 1000:10.3f} {text}")

    async def pass_ms(self, least_ms: float, most_ms: float) -> None:
        """Let some time pass."""
        self.steps += 1
        await self.clock.sleep(self.source.uniform(least_ms, most_ms) / 1000)


class GatewayClock:
    """The clocks of the agent's machine: boot time begins anew with a power cut, the wall jumps."""

    def __init__(self, world: ManualClock) -> None:
        self._world = world
        self._booted_ms = 0
        self._boots = 1
        self._boot_id = "boot-1"
        self._shift_ms = 0

    def now(self) -> Instant:
        """Return both hands."""
        now = self._world.now()
        return Instant(
            wall_ms=now.wall_ms + self._shift_ms,
            offset_min=60,
            boot_ms=now.boot_ms - self._booted_ms,
            boot_id=self._boot_id,
            clock_state=ClockState.SYNCED,
        )

    async def sleep(self, delay_s: float) -> None:
        """Return after that long."""
        await self._world.sleep(delay_s)

    def step(self, by_ms: int) -> None:
        """Set the wall clock."""
        self._shift_ms += by_ms

    def boot(self) -> None:
        """Start the machine anew."""
        self._boots += 1
        self._boot_id = f"boot-{self._boots}"
        self._booted_ms = self._world.now().boot_ms - 5_000


class SimulatedWorker:
    """A thread that is none (the port `Worker`)."""

    def __init__(self, world: World, delay_ms: Callable[[], float]) -> None:
        self._world = world
        self._delay_ms = delay_ms
        self._turn = asyncio.Lock()
        self._jobs: set[asyncio.Task[None]] = set()

    def run(self, job: Callable[[], T]) -> Awaitable[T]:
        """Return what the job returns, once it had its turn and its time."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._world.steps += 1
        delay_ms = self._delay_ms()
        if delay_ms <= 0 and not self._jobs:
            _settle(job, done)
            return done
        work = self._do(delay_ms, job, done)
        task = asyncio.get_running_loop().create_task(work, name="job")
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        return done

    async def _do(self, delay_ms: float, job: Callable[[], T], done: asyncio.Future[T]) -> None:
        async with self._turn:
            await self._world.clock.sleep(delay_ms / 1000)
            _settle(job, done)

    def close(self) -> None:
        """There is no thread to end; a job that was begun is done in its time."""


def _settle(job: Callable[[], T], done: asyncio.Future[T]) -> None:
    """Do a job; who asked for it may be gone."""
    try:
        result = job()
    except Exception as error:  # noqa: BLE001 - as a thread's: it is told to who asked
        if not done.done():
            done.set_exception(error)
    else:
        if not done.done():
            done.set_result(result)
