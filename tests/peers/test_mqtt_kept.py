"""What a broker keeps of our own position, as brokers send it: soon, late, not, or nonsense."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from agent.ports import Address
from agent.publisher import Condition
from agent.sinks.mqtt.connection import Connection
from agent.sinks.mqtt.kept import LATE_S, UnreadError, kept_position
from agent.sinks.mqtt.login import Login
from agent.sinks.mqtt.sink import HANG_UPS
from tests.doubles import EPOCH, ManualClock, settled
from tests.peers.fake_broker import FakeBroker
from tests.peers.mqtt_bench import MqttBench, eventually

TOPIC = "lineside/v1/acme/press-07/position"
HASH = "ab" * 32
KEPT = {"epoch": EPOCH, "first_kept": None, "last_seq": 7, "last_hash": HASH}
Asked = asyncio.Task[tuple[Address, str] | None]


@asynccontextmanager
async def asking(broker: FakeBroker, clock: ManualClock) -> AsyncIterator[Asked]:
    """Connect, and ask the broker what it keeps."""
    login = Login(
        host="127.0.0.1", port=broker.port, client_id="me", user=None, password=None, tls=None
    )
    connection = await Connection.dial(login)
    assert await connection.greet() is None
    task = asyncio.create_task(kept_position(connection, TOPIC, clock))
    await broker.until(lambda: bool(broker.subscriptions))
    yield task
    await asyncio.wait((task,))
    await connection.leave()


@pytest.mark.parametrize("answers_pings", [True, False])
async def test_a_kept_message_is_taken_whenever_it_comes(answers_pings: bool) -> None:  # noqa: FBT001 - a case
    """Before the answer to a ping, without one, and a moment after it: a broker may dawdle."""
    async with FakeBroker() as broker:
        broker.answers_pings = answers_pings
        async with asking(broker, ManualClock()) as asked:
            broker.ask(TOPIC, b"{}")  # somebody says it now: it is not kept
            broker.ask(TOPIC, orjson.dumps(KEPT), is_retained=True)
            broker.ask(TOPIC, b"{}", is_retained=True)
            assert await asked == (Address(EPOCH, 7), HASH)


async def test_where_nothing_is_kept_nobody_waits_for_long() -> None:
    """A moment after the answer to a ping it is clear that nothing will come."""
    clock = ManualClock()
    async with FakeBroker() as broker, asking(broker, clock) as asked:
        await eventually(lambda: bool(clock.sleepers))
        await clock.advance(LATE_S)
        assert await asked is None


async def test_a_broker_that_goes_meanwhile_says_nothing() -> None:
    """The connection has ended: that is the sink's to tell."""
    async with FakeBroker() as broker:
        broker.answers_pings = False
        async with asking(broker, ManualClock()) as asked:
            broker.cut()
            assert await asked is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe{",
        b"[1]",
        b'"000042-9f3a1c7e"',
        orjson.dumps({**KEPT, "epoch": "../42"}),
        orjson.dumps({**KEPT, "epoch": 42}),
        orjson.dumps({**KEPT, "last_seq": True}),
        orjson.dumps({**KEPT, "last_seq": 0}),
        orjson.dumps({**KEPT, "last_seq": 1 << 50}),
        orjson.dumps({**KEPT, "last_hash": "abc"}),
        orjson.dumps({**KEPT, "last_hash": None}),
    ],
)
async def test_what_is_no_position_is_told_as_it_stands(payload: bytes) -> None:
    """Anybody may write there whom the broker lets: it is data, and shown cut short."""
    async with FakeBroker() as broker, asking(broker, ManualClock()) as asked:
        broker.ask(TOPIC, payload, is_retained=True)
        with pytest.raises(UnreadError, match=f"topic {TOPIC} keeps no position of ours"):
            await asked


async def test_a_sink_that_may_not_read_says_so_and_goes_on(tmp_path: Path) -> None:
    """An access list that forbids it costs this check and nothing else (B03)."""
    async with FakeBroker() as broker:
        broker.suback = 0x87
        bench = MqttBench(tmp_path, broker.port, rows=3, is_known=True)
        async with bench.running():
            await bench.until_confirmed(3)
        assert bench.warnings == ["position_unread", "no_control"]


async def test_a_broker_that_hangs_up_on_being_asked_is_not_asked_for_ever(tmp_path: Path) -> None:
    """Some end the connection of who subscribes to what it may not: the events go all the same."""
    async with FakeBroker() as broker:
        broker.suback = None
        bench = MqttBench(tmp_path, broker.port, rows=3, is_known=True, resend=0)
        async with bench.running():
            await bench.until_confirmed(3)
        assert len(broker.subscriptions) == HANG_UPS
        assert bench.warnings == ["position_unread"]


async def test_a_sink_whose_run_is_over_sends_nothing(tmp_path: Path) -> None:
    """What is kept stays as it is: it is what tells of the events that the journal lacks."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=3, is_known=False)
        async with bench.running():
            await broker.until(lambda: bool(broker.subscriptions))
            broker.ask(TOPIC, orjson.dumps(KEPT), is_retained=True)
            state = await bench.until(Condition.DOWN)
        assert f"holds {EPOCH}-7 of this station, which the journal does not know" in state.reason
        assert (broker.events, broker.status) == ([], [])


async def test_a_connection_that_ends_while_it_is_asked_is_down(tmp_path: Path) -> None:
    """And no warning: nothing was refused."""
    async with FakeBroker() as broker:
        broker.answers_pings = False
        bench = MqttBench(tmp_path, broker.port, rows=1, is_known=True)
        async with bench.running():
            await broker.until(lambda: bool(broker.subscriptions))
            broker.cut()
            await bench.until(Condition.DOWN)
            await settled()
        assert bench.warnings == []
