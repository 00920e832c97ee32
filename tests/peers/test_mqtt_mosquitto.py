"""The MQTT sink against a real Mosquitto that is stopped, killed, forbids and restarts."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import orjson
import pytest

from agent.demo.process import free_port
from agent.publisher import Condition
from tests.doubles import EPOCH
from tests.peers.mosquitto import Mosquitto
from tests.peers.mqtt_bench import PATIENCE_S, TOPICS, MqttBench, eventually
from tests.peers.mqtt_reader import Reader

ROOT = Path(__file__).parents[2]

VICTIM = """
import asyncio, sys
from pathlib import Path
from tests.peers.mqtt_bench import MqttBench

async def main():
    bench = MqttBench(Path(sys.argv[1]), int(sys.argv[2]), rows=3)
    async with bench.running():
        await asyncio.Event().wait()

asyncio.run(main())
"""


def ids(reader: Reader) -> list[int]:
    """Return the seq of each event the reader got, repeats included."""
    return [orjson.loads(payload)["data"]["seq"] for payload in reader.events()]


def got_all(reader: Reader, last: int) -> bool:
    """Say whether each of 1..last is there; repeats are allowed."""
    return set(ids(reader)) == set(range(1, last + 1))


async def test_every_event_reaches_a_subscriber_once_and_in_order(tmp_path: Path) -> None:
    """On a quiet line nothing is repeated and the order is the journal's."""
    async with Mosquitto(tmp_path) as broker, Reader(broker.port) as reader:
        bench = MqttBench(tmp_path, broker.port, rows=500)
        async with bench.running():
            await bench.until_confirmed(500)
            await reader.until(lambda: len(ids(reader)) == 500)
        assert ids(reader) == list(range(1, 501))


async def test_a_restarted_broker_loses_nothing(tmp_path: Path) -> None:
    """Stopped and started in mid-flow, with a persistent session: every event arrives (B01)."""
    async with Mosquitto(tmp_path) as broker:
        reader = Reader(broker.port)
        await reader.connect()
        bench = MqttBench(tmp_path, broker.port)
        async with bench.running():
            bench.append(1, 2000)
            await eventually(lambda: bench.confirmed > 200)
            broker.stop()
            await reader.disconnect()
            bench.append(2001, 3000)
            await bench.until(Condition.DOWN)
            await broker.start()
            await bench.until_confirmed(3000)
        await reader.connect()
        await reader.until(lambda: got_all(reader, 3000))
        await reader.disconnect()


async def test_a_killed_broker_gets_again_what_it_had_not_confirmed(tmp_path: Path) -> None:
    """Killed with events under way: each that was not confirmed comes again, after it is back."""
    async with Mosquitto(tmp_path) as broker:
        bench = MqttBench(tmp_path, broker.port)
        async with bench.running():
            bench.append(1, 2000)
            await eventually(lambda: bench.confirmed > 200)
            broker.kill()
            await bench.until(Condition.DOWN)
            confirmed = bench.confirmed
            await broker.start()
            async with Reader(broker.port) as reader:
                bench.append(2001, 2100)
                await bench.until_confirmed(2100)
                await reader.until(lambda: 2100 in ids(reader))
                assert set(range(max(confirmed + 51, 1500), 2101)) <= set(ids(reader))
        assert not bench.quarantined.exists()


async def test_a_long_outage_is_caught_up_in_order(tmp_path: Path) -> None:
    """What was committed while nobody listened arrives in the order of the journal."""
    port = free_port()
    bench = MqttBench(tmp_path, port, rows=3000)
    broker = Mosquitto(tmp_path, port=port)
    async with bench.running():
        await bench.until(Condition.DOWN)
        await broker.start()
        async with Reader(port) as reader:
            await bench.until_confirmed(3000)
            await reader.until(lambda: 3000 in ids(reader))
            got = ids(reader)
            assert got == list(range(got[0], 3001))
    broker.stop()


async def test_an_access_list_pauses_this_sink_alone(tmp_path: Path) -> None:
    """Refused by the ACL the sink waits, and goes on by itself when it is allowed (B03).

    Mosquitto 2.0.11 hangs up after each refusal: that is not told as another trouble.
    """
    status = (f"topic write {TOPICS}/health", f"topic write {TOPICS}/position", "topic read #")
    async with Mosquitto(tmp_path, acl=status) as broker, Reader(broker.port) as reader:
        bench = MqttBench(tmp_path, broker.port, rows=30)
        async with bench.running():
            state = await bench.until(Condition.PAUSED)
            assert state.reason == (
                "refused by broker: not authorised: allow this client to publish to the topic in "
                "the broker's ACL (0x87)"
            )
            assert bench.confirmed == 0
            broker.allow("topic write lineside/#", "topic read #")
            await bench.until_confirmed(30)
            await reader.until(lambda: got_all(reader, 30))
        assert not bench.quarantined.exists()
        assert bench.publisher.state().refused >= 1
        assert not any("closed the connection" in state.reason for state in bench.states)


@pytest.mark.parametrize(
    "limits",
    [
        ("max_packet_size 2000",),
        ("message_size_limit 2000", "max_queued_messages 1000"),
        ("message_size_limit 2000", "max_queued_messages 0"),
    ],
)
async def test_what_the_broker_cannot_take_is_set_aside(
    tmp_path: Path, limits: tuple[str, ...]
) -> None:
    """Larger events do not stop the rest, however Mosquitto says that they are (B06).

    It names its largest packet, refuses an event (0x95, which the standard does not list for a
    PUBACK), or refuses it and hangs up: 2.0.11 does that where the queue has no limit.
    """
    async with Mosquitto(tmp_path, *limits) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        bench.append(2, 3, padding=3000)
        bench.append(4, 4)
        async with bench.running():
            await bench.until_confirmed(4)
        lines = bench.quarantined.read_bytes().splitlines()
        assert [orjson.loads(line)["seq"] for line in lines] == [2, 3]


async def test_two_under_one_name_take_turns_and_say_so(tmp_path: Path) -> None:
    """They throw each other out, both say it, and what they had to send has arrived (B12).

    How slowly is a matter of the back-off: `tests/unit/publisher/test_trouble.py`. Mosquitto 2.0.11
    closes the older connection without the reason code for it.
    """
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    async with Mosquitto(tmp_path) as broker:
        one = MqttBench(tmp_path / "one", broker.port, rows=1)
        other = MqttBench(tmp_path / "other", broker.port, rows=1)
        async with one.running(), other.running():
            await eventually(lambda: len(one.states) >= 6 and len(other.states) >= 6)
            cause = (
                f"broker 127.0.0.1:{broker.port}: closed the connection and gave no reason; its "
                "log may have one, such as a second client of this name"
            )
            for bench in (one, other):
                assert {state.reason for state in bench.states if state.reason} == {cause}
                assert bench.confirmed == 1


async def test_the_will_is_seen_after_a_kill(tmp_path: Path) -> None:
    """Killed in mid-run, the station is shown offline, and its position stays as it was."""
    async with Mosquitto(tmp_path) as broker, Reader(broker.port) as reader:

        def last(topic: str) -> object:
            found = [p.payload for p in reader.got if p.topic == f"{TOPICS}/{topic}"]
            return json.loads(found[-1]) if found else None

        victim = await asyncio.create_subprocess_exec(
            sys.executable, "-c", VICTIM, str(tmp_path), str(broker.port), cwd=ROOT
        )
        try:
            await reader.until(lambda: last("health") == {"online": True, "epoch": EPOCH})
            position = last("position")
        finally:
            victim.kill()
            await asyncio.wait_for(victim.wait(), PATIENCE_S)
        await reader.until(lambda: last("health") == {"online": False, "epoch": EPOCH})
        assert last("position") == position


async def test_health_and_position_wait_for_a_late_reader(tmp_path: Path) -> None:
    """Who comes after the end still learns where the journal ended and that all is off."""
    async with Mosquitto(tmp_path) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=7)
        async with bench.running():
            await bench.until_confirmed(7)
        async with Reader(broker.port, f"{TOPICS}/#") as reader:
            await reader.until(lambda: len(reader.got) == 2)
            said = {p.topic.rpartition("/")[2]: json.loads(p.payload) for p in reader.got}
        assert said["health"] == {"online": False, "epoch": EPOCH}
        assert said["position"]["last_seq"] == 7


async def test_a_broker_that_wants_a_password_says_so(tmp_path: Path) -> None:
    """Without credentials the connection is refused with one line that says what to do."""
    async with Mosquitto(tmp_path, "allow_anonymous false") as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        async with bench.running():
            state = await bench.until(Condition.DOWN)
        assert state.reason == (
            f"broker 127.0.0.1:{broker.port}: refused the connection: not authorised to connect; "
            "check `user` and what `password` refers to, or allow this client in the broker (0x87)"
        )


@pytest.mark.parametrize("version", [5, "3.1.1"])
async def test_a_gap_is_closed_by_asking_in_either_version(
    tmp_path: Path, version: int | str
) -> None:
    """`resend` works in 3.1.1 too, which is used where the file says so, and told (B13)."""
    async with Mosquitto(tmp_path) as broker, Reader(broker.port) as reader:
        bench = MqttBench(tmp_path, broker.port, rows=30, version=version)
        async with bench.running():
            await bench.until_confirmed(30)
            await reader.until(lambda: len(ids(reader)) == 30)
            asked = {"epoch": EPOCH, "from": 11, "to": 20, "reply_to": "historian"}
            reader.send(f"{TOPICS}/control", orjson.dumps({"resend": asked}))
            await reader.until(lambda: any(b'"sent":10' in got.payload for got in reader.got))
        again = [got for got in reader.got if got.topic == f"{TOPICS}/reply/historian"]
        assert [orjson.loads(got.payload)["data"]["seq"] for got in again[:-1]] == [*range(11, 21)]
        assert ("refusals_unseen" in bench.warnings) == (version == "3.1.1")
        assert got_all(reader, 30)
