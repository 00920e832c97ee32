"""A wire that carries one direction only, or a byte a segment (N05, N06)."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.publisher import Condition
from drivers.base import LinkDownError
from tests.contract.modbus_device import HOLDING, TcpDevice
from tests.contract.rig import ended, run_of
from tests.contract.rig_modbus import holding, modbus_driver, writing
from tests.peers.mosquitto import Mosquitto
from tests.peers.mqtt_bench import CalmBench, MqttBench
from tests.peers.mqtt_reader import Reader
from tests.peers.tcp_proxy import Proxy, Way
from tests.peers.test_modbus_late import tcp
from tests.peers.test_mqtt_mosquitto import got_all
from tests.soak.wires import late_reads, plc_flaps


@pytest.mark.parametrize("way", Way)
async def test_a_broker_that_is_heard_or_hears_alone_costs_nothing(
    tmp_path: Path, way: Way
) -> None:
    """What is not confirmed counts as lost, is told, and comes again over the next connection."""
    async with (
        Mosquitto(tmp_path) as broker,
        Reader(broker.port) as reader,
        Proxy(broker.port) as wire,
    ):
        bench = MqttBench(tmp_path, wire.port, rows=20)
        async with bench.running():
            await bench.until_confirmed(20)
            wire.loses = way
            bench.append(21, 200)
            await bench.until(Condition.DOWN)
            assert wire.swallowed > 0
            assert bench.confirmed == 20
            wire.loses = None
            await bench.until_confirmed(200)
            await reader.until(lambda: got_all(reader, 200))


async def test_a_byte_a_segment_reaches_the_broker_whole(tmp_path: Path) -> None:
    """However packets are cut on their way, there and back, all is confirmed and none is bad."""
    async with (
        Mosquitto(tmp_path) as broker,
        Reader(broker.port) as reader,
        Proxy(broker.port) as wire,
    ):
        wire.piece = 1
        bench = CalmBench(tmp_path, wire.port, rows=30)
        async with bench.running():
            await bench.until_confirmed(30)
            await reader.until(lambda: got_all(reader, 30))
        assert [state.condition for state in bench.states] == [Condition.CONNECTED]


async def test_a_byte_a_segment_is_no_other_register() -> None:
    """However answers are cut on their way, each value is that of its own address."""
    tags = [holding(f"r{at}", at) for at in range(60)]
    async with TcpDevice() as plc, Proxy(plc.port) as wire:
        plc.memory.set(HOLDING, 0, *range(60))
        wire.piece = 1
        driver = modbus_driver(tags, host="127.0.0.1", port=wire.port, poll="10ms", timeout="60s")
        async with run_of(driver, [tag.name for tag in tags]) as (recorder, _):
            assert {name: seen.value for name, seen in recorder.values().items()} == {
                f"r{at}": at for at in range(60)
            }


@pytest.mark.parametrize("way", Way)
async def test_an_acknowledgement_is_never_written_blind(way: Way) -> None:
    """A write without an answer ends the link, and is not made a second time before looking."""
    async with TcpDevice() as plc, Proxy(plc.port) as wire:
        plc.memory.set(HOLDING, 0, 0)
        driver = modbus_driver(
            [holding("ack", 0, write=True)], host="127.0.0.1", port=wire.port, poll="1h",
            timeout="500ms",
        )  # fmt: skip
        async with run_of(driver, ["ack"]) as (_, task):
            wire.loses = way
            with pytest.raises(LinkDownError):
                await driver.write([writing(("ack", 1))])
            with pytest.raises(LinkDownError):
                await ended(task)
        arrived = [(HOLDING, 0, (1,))] if way is Way.BACK else []
        assert plc.memory.writes == arrived
        wire.loses = None
        async with run_of(driver, ["ack"]):
            await driver.write([writing(("ack", 1))])
        assert plc.memory.writes == [(HOLDING, 0, (1,))]


async def test_a_flapping_wire_to_a_plc_shows_no_foreign_value_and_leaks_nothing() -> None:
    """Cut at any moment of its polls, again and again: each value is that of its own address."""
    came = await plc_flaps(20, seed=1)
    assert came == {"cut": 20, "connections": 20, "values, each its own": 400}


@contextmanager
def starved() -> Iterator[None]:
    """Leave us a small share of one processor: others of the same one never rest."""
    took_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mine)})
    greedy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        yield
    finally:
        for process in greedy:
            process.kill()
            process.wait()
        os.sched_setaffinity(0, mine)
    took_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - took_s
    assert took_s > 0, "nobody was greedy"


async def test_without_time_to_run_no_value_is_another_s() -> None:
    """Too little processor makes answers late: links are dropped, nothing is mixed up (E04)."""
    with starved():
        came = await late_reads(tcp, 40, seed=2)
    assert came["links dropped"] > 0
    assert came["answered in time"] + came["links dropped"] <= came["reads"]
