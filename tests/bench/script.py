"""What a plant engineer writes instead of an agent: forty lines for each protocol, and no more.

    python -m tests.bench.script {opcua,modbus} PLACE PORT DATABASE   polls every 50 ms, for ever
    python -m tests.bench.script {opcua,modbus} PLACE --trips N       times the bare round trips

It polls trigger and data together, takes the last scan, commits it with apsw (WAL, FULL), writes
result and ack. No window, no check, no read-back, no repeat: the bare rig of P-9. The round trips
are those of one answer (guard, data, guard; result, read-back; ack), one after the other.
"""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import apsw
import serial
from asyncua import Client, ua
from pymodbus.client import AsyncModbusTcpClient

EVERY_S = 0.05
PRESS = "urn:acme:press"

Read = Callable[..., Awaitable[list[object]]]
Write = Callable[[str, int], Awaitable[None]]


async def opcua(url: str, stack: AsyncExitStack) -> tuple[Read, Write]:
    """Return how to read and write a press over OPC UA."""
    client = await stack.enter_async_context(Client(url))
    index = await client.get_namespace_index(PRESS)
    names = ("trigger", "request", "count", "force", "result", "ack")
    nodes = {name: client.get_node(f"ns={index};s={name.title()}") for name in names}
    kinds = {"result": ua.VariantType.Int16, "ack": ua.VariantType.Boolean}

    async def read(*tags: str) -> list[object]:
        values: list[object] = await client.read_values([nodes[tag] for tag in tags])
        return values

    async def write(tag: str, value: int) -> None:
        typed = bool(value) if tag == "ack" else value
        await nodes[tag].write_value(ua.DataValue(ua.Variant(typed, kinds[tag])))

    return read, write


async def modbus(port: str, stack: AsyncExitStack) -> tuple[Read, Write]:
    """Return how to read and write a press over Modbus TCP."""
    client = AsyncModbusTcpClient("127.0.0.1", port=int(port))
    await client.connect()
    stack.callback(client.close)
    at = {"trigger": 0, "request": 1, "count": 2, "force": 4, "result": 6, "ack": 7}

    async def read(*tags: str) -> list[object]:
        first, last = at[tags[0]], at[tags[-1]]
        answer = await client.read_holding_registers(first, count=last - first + 2)
        return [answer.registers[at[tag] - first] for tag in tags]

    async def write(tag: str, value: int) -> None:
        await client.write_register(at[tag], value)

    return read, write


async def poll(read: Read, write: Write, port: str, database: Path) -> None:
    """Serve the press until killed."""
    line = serial.Serial(port, timeout=0)
    rows = apsw.Connection(str(database))
    rows.pragma("journal_mode", "wal")
    rows.pragma("synchronous", 2)
    rows.execute("CREATE TABLE IF NOT EXISTS unit(code, request, count, force, at)")
    answered = False
    sys.stdout.write("polling\n")
    sys.stdout.flush()
    while True:
        trigger, request, count, force = await read("trigger", "request", "count", "force")
        if trigger and not answered:
            code = line.read(256).decode().strip()
            row = (code, request, count, force, time.time())
            rows.execute("INSERT INTO unit VALUES (?, ?, ?, ?, ?)", row)
            await write("result", 1)
            await write("ack", 1)
            answered = True
        elif answered and not trigger:
            await write("ack", 0)
            await write("result", 0)
            answered = False
        await asyncio.sleep(EVERY_S)


async def trips(read: Read, write: Write, count: int) -> list[float]:
    """Return how long the round trips of one answer take, in ms, again and again."""
    took_ms = []
    for _ in range(count):
        began_s = time.perf_counter()
        await read("count")
        await read("request", "count", "force")
        await read("count")
        await write("result", 1)
        await read("result")
        await write("ack", 1)
        took_ms.append((time.perf_counter() - began_s) * 1000)
        await write("ack", 0)
        await asyncio.sleep(EVERY_S / 10)
    await write("result", 0)
    return took_ms


async def main() -> None:
    """Read the arguments and run."""
    logging.disable(logging.CRITICAL)  # what the libraries think of a server is not asked
    parser = argparse.ArgumentParser()
    parser.add_argument("protocol", choices=("opcua", "modbus"))
    parser.add_argument("place")
    parser.add_argument("port", nargs="?", default="")
    parser.add_argument("database", nargs="?", type=Path, default=Path())
    parser.add_argument("--trips", type=int)
    given = parser.parse_args()
    async with AsyncExitStack() as stack:
        read, write = await {"opcua": opcua, "modbus": modbus}[given.protocol](given.place, stack)
        if given.trips:
            sys.stdout.write(json.dumps(await trips(read, write, given.trips)))
        else:
            await poll(read, write, given.port, given.database)


if __name__ == "__main__":
    asyncio.run(main())
