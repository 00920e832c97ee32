"""The Sparkplug node against a scripted broker, for what Mosquitto cannot be made to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.publisher import Condition
from agent.sinks.options import Oddity
from tests.peers.fake_broker import FakeBroker
from tests.peers.mqtt_bench import eventually
from tests.peers.sparkplug_bench import SparkplugBench

REFUSED = b"\0\x87\0"


async def test_a_broker_that_refuses_us_is_told_nothing(tmp_path: Path) -> None:
    """No birth and no value, however often it is tried."""
    async with FakeBroker(connack=REFUSED) as broker:
        bench = SparkplugBench(tmp_path, broker.port)
        bench.start_devices()
        async with bench.running():
            down = await bench.until(Condition.DOWN)
            assert "not authorised to connect" in down.reason
            await broker.until(lambda: len(broker.connects) >= 4)
        assert broker.status == []


async def test_a_host_that_cannot_be_heard_is_not_waited_for(tmp_path: Path) -> None:
    """A subscription to STATE that is refused says so; one to commands is a warning."""
    async with FakeBroker() as broker:
        broker.suback = 0x87
        bench = SparkplugBench(tmp_path, broker.port, primary_host="scada")
        async with bench.running():
            down = await bench.until(Condition.DOWN)
            assert "spBv1.0/STATE/scada cannot be subscribed to" in down.reason
            await broker.until(lambda: len(broker.connects) >= 3)  # begun anew, never half-way
        assert broker.status == []
        assert bench.warnings[0][0] is Oddity.NO_CONTROL


@pytest.mark.parametrize("connack", [None, b""])
async def test_a_broker_that_says_nothing_is_left(tmp_path: Path, connack: bytes | None) -> None:
    """One that hangs up on CONNECT and one that never answers are both told, and tried again."""
    async with FakeBroker(connack=connack) as broker:
        bench = SparkplugBench(tmp_path, broker.port)
        async with bench.running():
            await bench.until(Condition.DOWN)
            await broker.until(lambda: len(broker.connects) >= 2)
        assert "did not answer" in bench.states[0].reason


async def test_a_disk_that_takes_no_number_keeps_the_node_away(tmp_path: Path) -> None:
    """Without a bdSeq on disk nothing is said: it might come twice. With room it goes on."""
    async with FakeBroker() as broker:
        bench = SparkplugBench(tmp_path, broker.port)
        (tmp_path / "sparkplug-live.new").mkdir()
        (tmp_path / "sparkplug-live.new" / "in-the-way").touch()
        async with bench.running():
            down = await bench.until(Condition.DOWN)
            assert "its session number cannot be kept in" in down.reason
            assert broker.connects == []
            (tmp_path / "sparkplug-live.new" / "in-the-way").unlink()
            (tmp_path / "sparkplug-live.new").rmdir()
            await broker.until(lambda: bool(broker.status))


async def test_a_memory_that_is_damaged_is_told(tmp_path: Path) -> None:
    """It begins anew, and what was there is set aside."""
    (tmp_path / "sparkplug-live.json").write_bytes(b"{")
    async with FakeBroker() as broker:
        bench = SparkplugBench(tmp_path, broker.port)
        async with bench.running():
            await eventually(lambda: bool(bench.warnings))
            await broker.until(lambda: bool(broker.status))
        assert bench.warnings[0][0] is Oddity.MEMORY_LOST
    assert (tmp_path / "sparkplug-live.damaged").read_bytes() == b"{"


async def test_a_second_gateway_of_the_same_name_is_told(tmp_path: Path) -> None:
    """A session that is taken over is an alarm: two nodes of one name fool every host."""
    async with FakeBroker() as broker:
        bench = SparkplugBench(tmp_path, broker.port)
        async with bench.running():
            await broker.until(lambda: bool(broker.status))
            broker.send_disconnect(0x8E)
            await bench.until(Condition.DOWN)
        assert bench.warnings[0][0] is Oddity.TAKEN_OVER
