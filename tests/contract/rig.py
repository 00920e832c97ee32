"""What a rig is: for a driver one device on loopback that the tests can handle and disturb.

A new driver brings its rig in a file of its own and one line in `rigs.RIGS`. Which laws apply
follows from the driver's SPEC: a driver with `tag_options` needs a `TagRig`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from drivers.base import (
    AnyObservation,
    ClockState,
    Driver,
    Instant,
    LinkChanged,
    Observation,
    Scalar,
    TagGroup,
    TagValue,
    ValuesSeen,
    WriteGroup,
)

PATIENCE_S = 60.0
"""How long a test waits before it gives up; never how long something may take."""

Seen = TypeVar("Seen", bound=Observation)


class RealClock:
    """The machine's clocks: rigs speak to real sockets, which know no other time."""

    def __init__(self) -> None:
        self._boot_id = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()

    def now(self) -> Instant:
        """Return the wall clock and the boot-time clock, read together."""
        return Instant(
            wall_ms=time.time_ns() // 1_000_000,
            offset_min=0,
            boot_ms=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
            boot_id=self._boot_id,
            clock_state=ClockState.UNSYNCED,
        )

    async def sleep(self, delay_s: float) -> None:
        """Return after that long by this clock."""
        await asyncio.sleep(delay_s)


class Recorder:
    """The receiving end of a driver: keeps every observation and lets a test wait for one."""

    def __init__(self) -> None:
        self.seen: list[AnyObservation] = []
        self._more = asyncio.Condition()

    async def __call__(self, observation: AnyObservation) -> None:
        """Take one observation; this is what a driver is given as `emit`."""
        async with self._more:
            self.seen.append(observation)
            self._more.notify_all()

    def values(self) -> dict[str, TagValue]:
        """Return the newest value of each tag."""
        return {
            value.tag: value
            for observation in self.seen
            if isinstance(observation, ValuesSeen)
            for value in observation.values
        }

    async def until(self, true: Callable[["Recorder"], object]) -> None:
        """Return as soon as that holds of what was seen; asked again with each observation."""
        async with asyncio.timeout(PATIENCE_S), self._more:
            await self._more.wait_for(lambda: bool(true(self)))

    async def first(self, kind: type[Seen]) -> Seen:
        """Return the first observation of that kind, waiting for it if need be."""
        await self.until(lambda all_of: any(isinstance(one, kind) for one in all_of.seen))
        return next(one for one in self.seen if isinstance(one, kind))


@asynccontextmanager
async def run_of(
    driver: Driver, seen_first: Iterable[str] = ()
) -> AsyncIterator[tuple[Recorder, asyncio.Task[None]]]:
    """Run a driver; give what it emits once the link is up and those tags were seen."""
    recorder = Recorder()
    task = asyncio.create_task(driver.run(recorder), name="driver under test")
    there = asyncio.create_task(
        recorder.until(
            lambda seen: (
                seen.seen
                and isinstance(seen.seen[0], LinkChanged)
                and set(seen_first) <= set(seen.values())
            )
        ),
        name="waiting for what is there",
    )
    try:
        await asyncio.wait([there, task], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        await there
        yield recorder, task
    finally:
        there.cancel()
        task.cancel()
        await asyncio.wait([task, there])


async def ended(task: asyncio.Task[None]) -> None:
    """Return when a run is over, raising what it raised."""
    async with asyncio.timeout(PATIENCE_S):
        await task


class Rig(Protocol):
    """A device on loopback, up while the context is open, and a driver built to speak to it."""

    driver: Driver
    """Not yet run; its device's name in the station file is `device`."""
    device: str
    nowhere: Driver
    """The same kind of driver, built for an endpoint where nobody is."""
    nowhere_endpoint: str
    """What the error of `nowhere` has to name."""
    tags: tuple[str, ...]
    """Every tag of `driver` that the device really has, each with a value; empty without tags."""

    @property
    def connections_seen(self) -> int:
        """How often the driver connected (opened the port) since the rig came up."""
        ...

    async def __aenter__(self) -> Self:
        """Bring the device up and build the drivers."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Take the device down."""
        ...

    async def cut(self) -> None:
        """Cut the link while the driver is reading: it waits for an answer, a code is half sent."""
        ...

    async def released(self) -> None:
        """Return once the device sees that the driver has let go (connection closed, port free)."""
        ...


class TagRig(Rig, Protocol):
    """A rig whose device has tags: it can be read as a whole, and written."""

    missing: str
    """A tag of `driver` that the device has not got; not among `tags`."""
    group: TagGroup
    """Guarded; its tags are among `tags`."""
    result: WriteGroup
    """To be written first: one tag of `tags`, declared for writing, not yet holding that value."""
    ack: WriteGroup
    """To be written second; the same."""
    read_only: str
    """A tag of `tags` that is not declared for writing."""

    @property
    def writes_seen(self) -> list[tuple[str, Scalar]]:
        """Which tag was written with which value, in the order in which the device got them."""
        ...

    def held(self, tag: str) -> Scalar:
        """Return what the device holds now."""
        ...

    def tear(self, times: int) -> None:
        """Move the guard on under the next that many tries to read the group."""
        ...

    def hold_fast(self, tag: str) -> None:
        """Let the device accept writes to this tag from now on, and not hold what was written."""
        ...
