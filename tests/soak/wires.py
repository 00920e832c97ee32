"""`python -m tests.soak.wires`: late replies and flapping wires by the thousand, and a table.

    python -m tests.soak.wires [--reads N] [--flaps N] [--seed N]

The long form of M01, M02, N07 and N08: a Modbus device that answers around the timeout, over TCP
with transaction id 0 and over a serial line; a wire to a real Mosquitto and one to a PLC that are
cut again and again. Ends with an error where a foreign value was seen, an event was lost or a
connection was left.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path

from drivers.base import LinkDownError
from tests.contract.modbus_device import HOLDING, TcpDevice
from tests.contract.rig import ended, run_of
from tests.contract.rig_modbus import holding, modbus_driver
from tests.peers.mosquitto import Mosquitto
from tests.peers.mqtt_bench import MqttBench, eventually
from tests.peers.mqtt_reader import Reader
from tests.peers.tcp_proxy import Proxy
from tests.peers.test_modbus_late import (
    Device,
    Wire,
    around_the_timeout,
    read_them_all,
    rtu,
    tcp,
)
from tests.peers.test_mqtt_mosquitto import got_all

READS, FLAPS = 10_000, 1_000
EVENTS = 20
"""Committed at each flap."""
REGISTERS = 20
PATIENCE_S = 120.0


async def late_reads(wire: Wire, reads: int, seed: int) -> Mapping[str, int]:
    """Read from a device that answers around the timeout; every value must be its own."""
    latency = around_the_timeout(seed)

    def late(device: Device) -> None:
        device.latency_s = latency

    count = await read_them_all(wire, reads, late)
    return {"reads": reads, "answered in time": count.right, "links dropped": count.down}


async def broker_flaps(directory: Path, flaps: int) -> Mapping[str, int]:
    """Cut the wire to a broker while events are under way; all have to arrive."""
    async with Mosquitto(directory) as broker, Reader(broker.port) as reader:
        async with Proxy(broker.port) as wire:
            bench = MqttBench(directory, wire.port)
            async with bench.running():
                for flap in range(flaps):
                    bench.append(flap * EVENTS + 1, flap * EVENTS + EVENTS)
                    await eventually(lambda least=flap * EVENTS: bench.confirmed > least)  # type: ignore[misc]  # a default, so that the loop's value counts
                    wire.cut()
                await bench.until_confirmed(flaps * EVENTS)
                left, connections = wire.open, wire.connections
        await reader.until(lambda: got_all(reader, flaps * EVENTS), PATIENCE_S)
    assert left == 1, f"{left} connections are left"
    assert not bench.quarantined.exists(), "an event was set aside"
    return {"cut": flaps, "connections": connections, "events, all arrived": flaps * EVENTS}


async def plc_flaps(flaps: int, seed: int) -> Mapping[str, int]:
    """Cut the wire to a PLC at any moment of its polls; no value is another address's."""
    source = random.Random(seed)  # noqa: S311 - not a secret
    own = {f"r{at}": at for at in range(REGISTERS)}
    tags = [holding(name, at) for name, at in own.items()]
    values = 0
    async with TcpDevice() as plc, Proxy(plc.port) as wire:
        plc.memory.set(HOLDING, 0, *range(REGISTERS))
        plc.latency_s = lambda _number: source.uniform(0, 0.004)
        driver = modbus_driver(tags, host="127.0.0.1", port=wire.port, poll="2ms", timeout="1s")
        for _ in range(flaps):
            async with run_of(driver, own) as (recorder, task):
                await asyncio.sleep(source.uniform(0, 0.008))  # anywhere in a poll
                wire.cut()
                with contextlib.suppress(LinkDownError):
                    await ended(task)
                found = recorder.values()
                assert {name: seen.value for name, seen in found.items()} == own
                values += len(found)
        connections = wire.connections
        await eventually(lambda: wire.open == 0)
    return {"cut": flaps, "connections": connections, "values, each its own": values}


def main() -> int:
    """Do all of it, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.wires")
    parser.add_argument("--reads", type=int, default=READS)
    parser.add_argument("--flaps", type=int, default=FLAPS)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args()
    sys.stdout.write(
        f"seed {given.seed}\n\n| what | came of it | seconds |\n| --- | --- | ---: |\n"
    )
    with tempfile.TemporaryDirectory() as place:
        works: Mapping[str, Callable[[], Coroutine[None, None, Mapping[str, int]]]] = {
            "late replies, Modbus TCP": partial(late_reads, tcp, given.reads, given.seed),
            "late replies, Modbus RTU": partial(late_reads, rtu, given.reads, given.seed + 1),
            "flapping wire to a broker": partial(broker_flaps, Path(place), given.flaps),
            "flapping wire to a PLC": partial(plc_flaps, given.flaps, given.seed),
        }
        for name, work in works.items():
            began_s = time.monotonic()
            came = ", ".join(f"{what} {n:,}" for what, n in asyncio.run(work()).items())
            sys.stdout.write(f"| {name} | {came} | {time.monotonic() - began_s:,.0f} |\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
