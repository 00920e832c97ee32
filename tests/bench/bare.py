"""The same libraries with nothing of ours around them: the bare rig of P-10 to P-12.

    python -m tests.bench.bare [--opcua URL] [--modbus PORT] [--count N] [--fast] [--scanner PORT]
                               [--broker PORT] --database FILE

It subscribes to an OPC UA server's values at 100 ms, reads N registers over Modbus at 10 Hz, has a
serial line open, is connected to a broker and holds a journal open; with --fast it also reads two
tags of each PLC every 10 ms. It prints a line once everything has been seen for the first time.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import apsw
import orjson  # noqa: F401 - no event is written without it
import pydantic  # noqa: F401 - no station file is read without these two
import ruamel.yaml  # noqa: F401 - as above

EVERY_S, FAST_S = 0.1, 0.01


async def again(every_s: float, job: Callable[[], Awaitable[object]]) -> None:
    """Do a job at its interval, for ever."""
    while True:
        await job()
        await asyncio.sleep(every_s)


class Seen:
    """The handler of a subscription."""

    def __init__(self) -> None:
        self.first = asyncio.Event()

    def datachange_notification(self, *_: object) -> None:
        """Take a value."""
        self.first.set()


async def opcua(
    url: str, names: list[str], stack: AsyncExitStack, *, fast: bool
) -> Callable[[], Awaitable[object]] | None:
    """Watch a server; return how its trigger is read."""
    from asyncua import Client  # noqa: PLC0415 - imported on use, as the agent does

    client = await stack.enter_async_context(Client(url))
    index = await client.get_namespace_index("urn:acme:press")
    seen = Seen()
    subscription = await client.create_subscription(EVERY_S * 1000, seen)
    await subscription.subscribe_data_change(
        [client.get_node(f"ns={index};s={name}") for name in names]
    )
    await seen.first.wait()
    handshake = [client.get_node(f"ns={index};s={name}") for name in ("Trigger", "Request")]
    return (lambda: client.read_values(handshake)) if fast else None


async def modbus(port: int, count: int, *, fast: bool) -> list[Awaitable[None]]:
    """Read a device once; return how it is read on."""
    from pymodbus.client import AsyncModbusTcpClient  # noqa: PLC0415 - as above

    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    await client.read_holding_registers(0, count=count)
    jobs = [again(EVERY_S, lambda: client.read_holding_registers(0, count=count))]
    if fast:
        jobs.append(again(FAST_S, lambda: client.read_holding_registers(0, count=2)))
    return list(jobs)


def mqtt(port: int) -> Awaitable[None]:
    """Connect to a broker; return how it is kept."""
    from paho.mqtt.client import Client  # noqa: PLC0415 - as above
    from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion  # noqa: PLC0415 - as above

    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.connect("127.0.0.1", port, clean_start=True)
    line = client.socket()
    assert line is not None
    asyncio.get_running_loop().add_reader(line, client.loop_read)

    async def misc() -> None:
        client.loop_misc()

    return again(1.0, misc)


def scanner(port: str) -> None:
    """Hold a serial line open and read what comes."""
    import serial  # noqa: PLC0415 - as above

    line = serial.Serial(port, timeout=0)
    asyncio.get_running_loop().add_reader(line.fileno(), lambda: line.read(256))


async def main(given: argparse.Namespace) -> None:
    """Open everything, say so, and go on for ever."""
    logging.disable(logging.CRITICAL)  # what the libraries think of a server is not asked
    rows = apsw.Connection(str(given.database))
    rows.pragma("journal_mode", "wal")
    rows.pragma("synchronous", 2)
    rows.execute("CREATE TABLE event(seq INTEGER PRIMARY KEY, body BLOB)")
    rows.execute("INSERT INTO event VALUES (1, x'00')")
    jobs: list[Awaitable[None]] = []
    async with AsyncExitStack() as stack:
        if given.scanner:
            scanner(given.scanner)
        if given.broker:
            jobs.append(mqtt(given.broker))
        if given.modbus:
            jobs += await modbus(given.modbus, given.count, fast=given.fast)
        if given.opcua:
            read = await opcua(given.opcua, given.values, stack, fast=given.fast)
            if read is not None:
                jobs.append(again(FAST_S, read))
        sys.stdout.write("polling\n")
        sys.stdout.flush()
        await asyncio.gather(*jobs)


if __name__ == "__main__":
    _parser = argparse.ArgumentParser()
    _parser.add_argument("--opcua")
    _parser.add_argument("--values", nargs="*", default=[])
    _parser.add_argument("--modbus", type=int)
    _parser.add_argument("--count", type=int, default=10)
    _parser.add_argument("--fast", action="store_true")
    _parser.add_argument("--scanner")
    _parser.add_argument("--broker", type=int)
    _parser.add_argument("--database", type=Path, required=True)
    asyncio.run(main(_parser.parse_args()))
