"""P-8: values per second over OPC UA on one core, against the library's own handler.

Both clients run in this process and connect to a canned server in another one, whose messages are
the same for both; rounds alternate, and each side's best round counts.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from asyncua import Client as Library
from asyncua import Node, ua

from drivers.base import AnyObservation, ValuesSeen
from drivers.opcua import SPEC, OpcUaOptions, OpcUaTag
from drivers.options import Tag
from tests.bench.opcua_canned import NAMESPACE
from tests.bench.result import Result
from tests.contract.rig import RealClock

ITEMS = 500
GOAL_PER_S, STRETCH_PER_S = 12_000, 20_000
GOAL_RATIO, STRETCH_RATIO = 0.47, 0.8


@asynccontextmanager
async def canned(messages: int) -> AsyncIterator[str]:
    """Yield the URL of a canned server with so many messages."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.opcua_canned",
        str(messages),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"opc.tcp://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.stdin.close()
        await process.wait()


Client = Callable[[str, "Count"], Awaitable[float]]


class Count:
    """Counts values and knows when the last one came."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._seen = 0
        self._begun_s = 0.0
        self._first = 0
        self._took_s = 0.0
        self._all = asyncio.Event()

    def add(self, count: int) -> None:
        """Take so many values; the clock starts behind the first lot."""
        if not self._seen:
            self._begun_s, self._first = time.perf_counter(), count
        self._seen += count
        if self._seen == self._expected:
            self._took_s = time.perf_counter() - self._begun_s
            self._all.set()

    def datachange_notification(self, node: Node, val: object, data: object) -> None:
        """Take one value from the library."""
        del node, val, data
        self.add(1)

    async def rate(self) -> float:
        """Return values per second, once every one has come: nothing was dropped."""
        async with asyncio.timeout(120):
            await self._all.wait()
        return (self._expected - self._first) / self._took_s


async def bare(url: str, count: Count) -> float:
    """Return the rate of the library's subscription with a plain handler."""
    async with Library(url) as client:
        subscription = await client.create_subscription(100, count)
        nodes = [client.get_node(ua.NodeId(ua.String(f"n{i}"), ua.Int16(1))) for i in range(ITEMS)]
        await subscription.subscribe_data_change(nodes, queuesize=10)
        return await count.rate()


async def ours(url: str, count: Count) -> float:
    """Return the rate of the driver's `run`, up to its observations."""

    async def emit(observation: AnyObservation) -> None:
        if isinstance(observation, ValuesSeen):
            count.add(len(observation.values))

    tags = [
        Tag(name=f"n{i}", address=OpcUaTag(node=f"nsu={NAMESPACE};s=n{i}")) for i in range(ITEMS)
    ]
    driver = SPEC.build("plc", OpcUaOptions(url=url), tags, RealClock())
    running = asyncio.create_task(driver.run(emit))
    try:
        return await count.rate()
    finally:
        running.cancel()
        await asyncio.wait([running])


async def main(quick: bool) -> list[Result]:  # noqa: FBT001 - every benchmark is called so
    """Return P-8."""
    messages, rounds = (60, 2) if quick else (200, 4)
    rates: dict[Client, list[float]] = {bare: [], ours: []}
    for _ in range(rounds):
        for client, seen in rates.items():
            async with canned(messages) as url:
                seen.append(await client(url, Count(messages * ITEMS)))
    theirs, figure = max(rates[bare]), max(rates[ours])
    ratio = figure / theirs
    reached = figure >= STRETCH_PER_S and ratio >= STRETCH_RATIO
    return [
        Result(
            goal="P-8",
            what="OPC UA values, publish response to observation, one core",
            figure=figure,
            unit="values/s",
            bare=theirs,
            ratio=ratio,
            passed=figure >= GOAL_PER_S and ratio >= GOAL_RATIO,
            note="stretch reached" if reached else "stretch not reached",
        )
    ]
