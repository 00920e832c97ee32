"""The MQTT sink and a real Mosquitto with a bad network, a slow side and a wrong clock between."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from agent.publisher import Condition
from drivers.base import Instant
from tests.doubles import EPOCH, FastClock
from tests.peers.mosquitto import Mosquitto
from tests.peers.mqtt_bench import TOPICS, MqttBench, eventually
from tests.peers.mqtt_reader import Reader
from tests.peers.tcp_proxy import Proxy
from tests.peers.test_mqtt_mosquitto import got_all, ids

_HOUR_S, _YEAR_S = 3600, 365 * 86_400
AT_ONCE = 4
"""What a session that keeps so little can be sent in one go."""


async def test_a_black_hole_is_noticed_and_everything_arrives(tmp_path: Path) -> None:
    """The wire swallows all and closes nothing: given up by our own deadline (N03, N04)."""
    async with (
        Mosquitto(tmp_path) as broker,
        Reader(broker.port) as reader,
        Proxy(broker.port) as wire,
    ):
        bench = MqttBench(tmp_path, wire.port, rows=20)
        async with bench.running():
            await bench.until_confirmed(20)
            wire.is_hole = True
            bench.append(21, 200)
            state = await bench.until(Condition.DOWN)
            assert "did not confirm for 30 s" in state.reason
            assert wire.swallowed > 0
            wire.is_hole = False
            await bench.until_confirmed(200)
            await reader.until(lambda: got_all(reader, 200))
        assert not bench.quarantined.exists()


async def test_a_broker_that_stands_still_costs_nothing_but_time(tmp_path: Path) -> None:
    """The process is stopped with a full window under way: told, and delivered when it goes on."""
    async with Mosquitto(tmp_path) as broker, Reader(broker.port) as reader:
        bench = MqttBench(tmp_path, broker.port, rows=20)
        async with bench.running():
            await bench.until_confirmed(20)
            broker.freeze()
            try:
                bench.append(21, 2000)
                await bench.until(Condition.DOWN)
                assert bench.publisher.state().unacknowledged <= 50
            finally:
                broker.thaw()
            await bench.until_confirmed(2000)
            await reader.until(lambda: got_all(reader, 2000))
        assert not bench.quarantined.exists()


async def test_a_slow_consumer_slows_nobody_and_can_ask_again(tmp_path: Path) -> None:
    """A broker that keeps ten messages for it drops the rest; the gap is seen and is closed.

    Mosquitto confirms to us what it then drops for a session whose queue is full.
    """
    async with Mosquitto(tmp_path, "max_queued_messages 10", "max_inflight_messages 5") as broker:
        slow = Reader(broker.port, f"{TOPICS}/#", "slow")
        await slow.connect()
        await slow.disconnect()
        async with Reader(broker.port, f"{TOPICS}/#", "quick") as quick:
            bench = MqttBench(tmp_path, broker.port, rows=1)
            async with bench.running():
                for seq in range(2, 101):
                    bench.append(seq, seq)
                    await bench.until_confirmed(seq)
                await quick.until(lambda: got_all(quick, 100))
                await slow.connect()
                await slow.until(lambda: bool(ids(slow)))
                lacking = sorted(set(range(1, 101)) - set(ids(slow)))
                assert lacking
                for first in lacking[::AT_ONCE]:
                    await ask_again(slow, first)
                await slow.disconnect()
    again = [orjson.loads(got.payload) for got in slow.got if "/reply/" in got.topic]
    assert set(lacking) <= {answer["data"]["seq"] for answer in again if "data" in answer}


async def ask_again(slow: Reader, first: int) -> None:
    """Have a few events sent again, and wait for the end of the answer."""
    asked = {"epoch": EPOCH, "from": first, "to": min(100, first + AT_ONCE - 1), "reply_to": "slow"}
    ends = sum(b'"sent":' in got.payload for got in slow.got)
    slow.send(f"{TOPICS}/control", orjson.dumps({"resend": asked}))
    await slow.until(lambda: sum(b'"sent":' in got.payload for got in slow.got) > ends)


async def test_a_broker_that_lost_its_store_is_asked_around(tmp_path: Path) -> None:
    """What it confirmed and nobody had read is gone with it; the range is sent again (B02)."""
    async with Mosquitto(tmp_path) as broker:
        reader = Reader(broker.port)
        await reader.connect()
        bench = MqttBench(tmp_path, broker.port, rows=10)
        async with bench.running():
            await reader.until(lambda: got_all(reader, 10))
            await reader.disconnect()
            bench.append(11, 60)
            await bench.until_confirmed(60)
            broker.kill()
            broker.forget()
            await bench.until(Condition.DOWN)
            await broker.start()
            await bench.until(Condition.CONNECTED)
            await reader.connect()
            bench.append(61, 61)
            await reader.until(lambda: 61 in ids(reader))
            assert sorted(set(ids(reader))) == [*range(1, 11), 61]
            asked = {"epoch": EPOCH, "from": 11, "to": 60, "reply_to": "historian"}
            reader.send(f"{TOPICS}/control", orjson.dumps({"resend": asked}))
            await reader.until(lambda: any(b'"sent":50' in got.payload for got in reader.got))
            await reader.disconnect()


@pytest.mark.parametrize("most", [2, 20])
async def test_the_brokers_receive_maximum_is_kept(tmp_path: Path, most: int) -> None:
    """Mosquitto says how much it takes at once; we stay within, and all arrives (B11)."""
    async with Mosquitto(tmp_path, f"max_inflight_messages {most}") as broker:
        async with Reader(broker.port) as reader:
            bench = MqttBench(tmp_path, broker.port, rows=300)
            async with bench.running():
                await bench.until_confirmed(300)
                assert bench.sink.window < most
                await reader.until(lambda: got_all(reader, 300))
        assert not bench.quarantined.exists()


class SteppedClock(FastClock):
    """The same, with a wall that somebody sets."""

    def __init__(self, speed: float) -> None:
        super().__init__(speed)
        self.by_s = 0

    def now(self) -> Instant:
        """Return both hands."""
        now = super().now()
        return Instant(
            wall_ms=now.wall_ms + self.by_s * 1000,
            offset_min=now.offset_min,
            boot_ms=now.boot_ms,
            boot_id=now.boot_id,
            clock_state=now.clock_state,
        )


class SteppedBench(MqttBench):
    """A publisher by that clock."""

    clock_type = SteppedClock


@pytest.mark.parametrize("by_s", [-_HOUR_S, _YEAR_S])
async def test_a_step_of_the_clock_moves_nothing(tmp_path: Path, by_s: int) -> None:
    """Neither a connection nor an event ends with the wall clock, whatever it says (C01, C02)."""
    async with Mosquitto(tmp_path) as broker, Reader(broker.port) as reader:
        bench = SteppedBench(tmp_path, broker.port, rows=20)
        clock = bench.clock
        assert isinstance(clock, SteppedClock)
        async with bench.running():
            await bench.until_confirmed(20)
            clock.by_s = by_s
            bench.append(21, 60)
            await bench.until_confirmed(60)
            await reader.until(lambda: ids(reader) == list(range(1, 61)))
            await clock.sleep(32)
            bench.append(61, 61)
            await bench.until_confirmed(61)
        assert [state.condition for state in bench.states] == [Condition.CONNECTED]
        await eventually(lambda: ids(reader) == list(range(1, 62)))


async def test_a_flapping_wire_loses_nothing_and_leaks_nothing(tmp_path: Path) -> None:
    """Cut again and again with events under way: all arrive, and one connection is left (N08)."""
    async with Mosquitto(tmp_path) as broker, Reader(broker.port) as reader:
        async with Proxy(broker.port) as wire:
            bench = MqttBench(tmp_path, wire.port)
            async with bench.running():
                for flap in range(20):
                    bench.append(flap * 50 + 1, flap * 50 + 50)
                    await eventually(lambda flap=flap: bench.confirmed > flap * 50)  # type: ignore[misc]  # a default, so that the loop's value counts
                    wire.cut()
                await bench.until_confirmed(1000)
                assert wire.open == 1
                assert wire.connections > 10
            await reader.until(lambda: got_all(reader, 1000))
        assert not bench.quarantined.exists()
