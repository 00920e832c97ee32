"""The MQTT sink where it does not get in: each cause is one line that says what to do."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from agent.publisher import Condition
from tests.peers.fake_broker import FakeBroker
from tests.peers.mqtt_bench import MqttBench, eventually


@pytest.mark.parametrize(
    ("connack", "cause"),
    [
        (b"\0\x84\0", "refused the connection: it knows no MQTT v5; use a broker that does, for "),
        (b"\0\x01", "refused the connection: it knows no MQTT v5; use a broker that does, for "),
        (b"\0\x86\0", "refused the connection: bad user name or password; check `user` and "),
        (b"\0\x87\0", "refused the connection: not authorised to connect; check `user` and "),
        (b"\0\x88\0", "refused the connection: it is not available; it may be starting"),
        (b"\0\x00\x02\x24\x00", "refused the connection: it does not take QoS 1"),
        (b"\0\x05", "did not answer in MQTT v5; check that `url` names an MQTT v5 broker and "),
        (None, "did not answer in MQTT v5; check that `url` names an MQTT v5 broker and "),
        (b"", "did not answer within 15 s; check the network and `url`"),
    ],
)
async def test_a_refused_connection_says_why(
    tmp_path: Path, connack: bytes | None, cause: str
) -> None:
    """One line that names the broker, the cause and what to do; 3.1.1 is never tried (B13)."""
    async with FakeBroker(connack=connack) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        async with bench.running():
            state = await bench.until(Condition.DOWN)
            assert state.reason.startswith(f"broker 127.0.0.1:{broker.port}: {cause}")
            broker.connack = b"\0\0\0"
            await bench.until_confirmed(1)


async def test_a_name_that_does_not_resolve_is_told(tmp_path: Path) -> None:
    """A wrong host is told from a broker that is off."""
    bench = MqttBench(tmp_path, 1883, host="broker.invalid")
    async with bench.running():
        state = await bench.until(Condition.DOWN)
    assert state.reason == (
        "broker broker.invalid:1883: the name cannot be resolved; "
        "check the host in `url` and the name server"
    )


async def test_a_name_that_nobody_knows_any_more_is_found_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a name server a broker is reached where it last was; a new one is not (N09)."""

    async def gone(*_: object, **__: object) -> list[object]:
        await asyncio.sleep(0)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1, host="localhost")
        async with bench.running():
            await bench.until_confirmed(1)
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", gone)
            broker.cut()
            bench.append(2, 20)
            await bench.until_confirmed(20)
        other = MqttBench(tmp_path, broker.port, host="localhost")
        async with other.running():
            state = await other.until(Condition.DOWN)
        assert "the name cannot be resolved" in state.reason


async def test_the_password_is_read_anew_for_each_connection(tmp_path: Path) -> None:
    """A changed credential works at the next connection, without a restart (B14)."""
    async with FakeBroker() as broker:
        reference = {"user": "press", "password": "credential:broker"}
        bench = MqttBench(tmp_path, broker.port, rows=1, **reference)
        async with bench.running():
            state = await bench.until(Condition.DOWN)
            assert "its credentials cannot be read: 'credential:broker'; check " in state.reason
            bench.secrets["credential:broker"] = "first"
            await bench.until_confirmed(1)
            bench.secrets["credential:broker"] = "second"
            broker.cut()
            await eventually(lambda: len(broker.connects) == 2)
        assert [(c.user, c.password) for c in broker.connects] == [
            ("press", "first"),
            ("press", "second"),
        ]
