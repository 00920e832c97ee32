"""P-7: reads of 100 registers over 32 connections in one loop, beside bare pymodbus.

The server is a process of its own that answers from a prepared frame, so that the client is what is
measured. The driver does all its work: checks, blocks, change detection, values with quality and
time. Two loads: one register in ten changes with each read, as at a machine, which is the goal's;
and all of them change, which is reported: there the values that are handed on are what costs.
"""

import asyncio
import contextlib
import statistics
import struct
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from pymodbus.client import AsyncModbusTcpClient

from drivers.base import AnyObservation, ValuesSeen
from drivers.modbus import SPEC, ModbusOptions, ModbusTag
from drivers.modbus.layout import Table
from drivers.options import Tag
from tests.bench.result import Result
from tests.contract.rig import RealClock

CONNECTIONS = 32
HOSTS = [f"127.0.0.{number}" for number in range(1, CONNECTIONS + 1)]
"""All of 127.0.0.0/8 is loopback. Devices on one host and port would share one connection."""
REGISTERS = 100
GOAL = 0.5


class Server(asyncio.Protocol):
    """Answers every read of holding registers; the first `changing` ones count its requests."""

    def __init__(self, changing: int) -> None:
        self._changing = changing
        self._number = 0
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer the requests; each is 12 bytes and comes alone."""
        number, _, _, unit, _, _, count = struct.unpack(">HHHBBHH", data)
        self._number = self._number + 1 & 0xFFFF
        words = self._number.to_bytes(2) * self._changing + bytes(2 * (count - self._changing))
        head = struct.pack(">HHHBBB", number, 0, 3 + 2 * count, unit, 3, 2 * count)
        self._transport.write(head + words)


async def serve(changing: int) -> None:
    """Serve on one loopback port of each host, print it, and end with standard input."""
    loop = asyncio.get_running_loop()
    port = 0
    async with contextlib.AsyncExitStack() as servers:
        for host in HOSTS:
            server = await loop.create_server(lambda: Server(changing), host, port)
            port = server.sockets[0].getsockname()[1]
            await servers.enter_async_context(server)
        print(port, flush=True)  # noqa: T201 - how the parent learns it
        await loop.run_in_executor(None, sys.stdin.read)


@contextlib.asynccontextmanager
async def served(changing: int) -> AsyncIterator[int]:
    """Give the port of a server in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.modbus", str(changing),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


class Rate:
    """Counts, and turns the count over a span of time into a rate."""

    def __init__(self) -> None:
        self.count = 0

    async def over(self, span_s: float) -> float:
        """Return how many came per second in the next span."""
        count, began = self.count, time.perf_counter()
        await asyncio.sleep(span_s)
        return (self.count - count) / (time.perf_counter() - began)

    async def __call__(self, observation: AnyObservation) -> None:
        """Count one poll: with changing registers each brings values."""
        self.count += isinstance(observation, ValuesSeen)


async def bare_rate(port: int, span_s: float) -> float:
    """Return the requests per second of bare pymodbus."""
    rate = Rate()

    over = asyncio.Event()  # not by cancelling: wait_for in pymodbus swallows some of that

    async def read_on(client: AsyncModbusTcpClient) -> None:
        while not over.is_set():
            await client.read_holding_registers(0, count=REGISTERS)
            rate.count += 1

    clients = [AsyncModbusTcpClient(host, port=port, retries=0) for host in HOSTS]
    for client in clients:
        await client.connect()
    async with asyncio.TaskGroup() as tasks:
        for client in clients:
            tasks.create_task(read_on(client))
        figure = await rate.over(span_s)
        over.set()
    for client in clients:
        client.close()
    return figure


async def driver_rate(port: int, span_s: float) -> float:
    """Return the requests per second of our driver, each with its values handed on."""
    rate = Rate()
    tags = [
        Tag(name=f"r{at}", address=ModbusTag(table=Table.HOLDING, address=at, type="uint16"))
        for at in range(REGISTERS)
    ]
    drivers = []
    for host in HOSTS:
        options = {
            "host": host,
            "port": port,
            "address_base": "wire",
            "poll": "1ms",
            "timeout": "5s",
        }
        settings = ModbusOptions.model_validate(options)
        drivers.append(SPEC.build(host, settings, tags, RealClock()))
    async with stopped([asyncio.create_task(driver.run(rate)) for driver in drivers]):
        await asyncio.sleep(span_s / 4)  # all are connected and polling
        return await rate.over(span_s)


@contextlib.asynccontextmanager
async def stopped(tasks: list[asyncio.Task[Any]]) -> AsyncIterator[None]:
    """Cancel the tasks at the end; one that has failed before fails the measurement."""
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def measured(changing: int, rounds: int, span_s: float) -> Result:
    """Return the median of interleaved rounds."""
    async with served(changing) as port:
        pairs = [
            (await bare_rate(port, span_s), await driver_rate(port, span_s)) for _ in range(rounds)
        ]
    ratio = statistics.median(ours / bare for bare, ours in pairs)
    return Result(
        goal="P-7",
        what=f"Modbus reads of {REGISTERS} registers, {CONNECTIONS} connections, {changing} change",
        figure=statistics.median(ours for _, ours in pairs),
        unit="req/s",
        bare=statistics.median(bare for bare, _ in pairs),
        ratio=ratio,
        passed=ratio >= GOAL if changing < REGISTERS else None,
        note=f"bare pymodbus hands on lists, ours {changing} values a read, each with its quality",
    )


async def main(quick: bool) -> list[Result]:  # noqa: FBT001 - every benchmark is called so
    """Return the results of P-7."""
    rounds, span_s = (3, 0.5) if quick else (7, 2.0)
    return [await measured(changing, rounds, span_s) for changing in (REGISTERS // 10, REGISTERS)]


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
