"""An OPC UA driver under test: run until everything is seen, ended, looked at."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from drivers.base import (
    Driver,
    Instant,
    LinkChanged,
    Scalar,
)
from tests.contract.rig import PATIENCE_S, RealClock, Recorder
from tests.opcua_plc import PRESS_VARIABLES

TAGS = {name.lower() for name in PRESS_VARIABLES}


class QuickClock(RealClock):
    """The machine's clocks, a hundred times as fast: what is done once a minute comes soon."""

    def now(self) -> Instant:
        """Return the clocks with a boot time that runs fast."""
        now = super().now()
        return replace(now, boot_ms=now.boot_ms * 100)

    async def sleep(self, delay_s: float) -> None:
        """Return after a hundredth of that."""
        await super().sleep(delay_s / 100)


@asynccontextmanager
async def running(driver: Driver) -> AsyncIterator[tuple[Recorder, asyncio.Task[Any]]]:
    """Run a driver until every tag of the press was seen; stop it afterwards."""
    recorder = Recorder()
    task = asyncio.create_task(driver.run(recorder), name="driver under test")
    try:
        await recorder.until(lambda seen: set(seen.values()) >= TAGS)
        yield recorder, task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def ended(task: asyncio.Task[Any]) -> None:
    """Return when the run is over, raising what it raised."""
    async with asyncio.timeout(PATIENCE_S):
        await task


def shows(tag: str, value: Scalar | None) -> Callable[[Recorder], bool]:
    """Return whether a tag's newest value is this one."""
    return lambda seen: seen.values()[tag].value == value


def first_link(recorder: Recorder) -> LinkChanged:
    """Return how the link came up."""
    first = recorder.seen[0]
    assert isinstance(first, LinkChanged)
    return first
