"""The Sparkplug edge node over TLS, against a real Mosquitto that wants its certificate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from agent.demo.process import free_port
from agent.formats.sparkplug import decode
from agent.publisher import Condition
from tests.peers.mosquitto import Mosquitto
from tests.peers.mqtt_reader import Reader
from tests.peers.sparkplug_bench import GROUP, NODE, SparkplugBench, rebirth
from tests.peers.tcp_proxy import Proxy
from tests.peers.test_mqtt_tls import Authority, Signed

NODE_TOPIC = f"spBv1.0/{GROUP}/{{kind}}/{NODE}"


@asynccontextmanager
async def guarded(directory: Path, authority: Authority) -> AsyncIterator[tuple[int, Reader]]:
    """Give the port at which a broker talks over TLS to holders of a certificate, and a host.

    The host has a listener of its own, as a SCADA server on the broker's machine.
    """
    signed, port = authority.sign("127.0.0.1"), free_port()
    lines = (
        f"listener {port} 127.0.0.1",
        f"cafile {authority.file}",
        f"certfile {signed.cert}",
        f"keyfile {signed.key}",
        "require_certificate true",
    )
    async with (
        Mosquitto(directory, *lines) as broker,
        Reader(broker.port, topics="spBv1.0/#") as host,
    ):
        yield port, host


def said(host: Reader, kind: str, device: str = "") -> Callable[[], bool]:
    """Return whether a message of that kind came."""
    topic = NODE_TOPIC.format(kind=kind) + (f"/{device}" if device else "")
    return lambda: any(one.topic == topic for one in host.got)


def deaths(host: Reader) -> list[list[tuple[str | None, object]]]:
    """Return the metrics of each death that was said."""
    said_so = (decode(one.payload) for one in host.got if "/NDEATH/" in one.topic)
    return [[(metric.name, metric.value) for metric in one.metrics] for one in said_so]


def node(directory: Path, port: int, authority: Authority, ours: Signed) -> SparkplugBench:
    """Return a node that trusts an authority and shows a certificate, with its devices there."""
    bench = SparkplugBench(
        directory, port, scheme="mqtts", ca=str(authority.file), certificate=str(ours.cert),
        key=str(ours.key),
    )  # fmt: skip
    bench.start_devices()
    return bench


async def test_births_data_commands_and_the_will_pass_over_tls(tmp_path: Path) -> None:
    """A host has births, values, an answered rebirth, and the death, of a cut and of a close."""
    authority = Authority(tmp_path, "Acme Root")
    ours = authority.sign("press-07")
    async with guarded(tmp_path, authority) as (port, host):
        async with Proxy(port) as wire:
            first = node(tmp_path, wire.port, authority, ours)
            async with first.killed():
                await host.until(said(host, "DBIRTH", "plc"))
                first.show("plc", force=2.5)
                await host.until(said(host, "DDATA", "plc"))
                host.got.clear()
                host.send(NODE_TOPIC.format(kind="NCMD"), rebirth())
                await host.until(said(host, "NBIRTH"))
        await host.until(said(host, "NDEATH"))
        assert deaths(host) == [[("bdSeq", 0)]]
        host.got.clear()
        async with node(tmp_path, port, authority, ours).running():
            await host.until(said(host, "DBIRTH", "plc"))
        await host.until(said(host, "NDEATH"))
        assert deaths(host)[0] == [("bdSeq", 1)]


async def test_without_trust_on_either_side_nothing_is_said(tmp_path: Path) -> None:
    """A broker of another authority, or one that does not know us, gets no message of the node."""
    (tmp_path / "other").mkdir()
    authority, other = Authority(tmp_path, "Acme Root"), Authority(tmp_path / "other", "Other Root")
    ours, foreign = authority.sign("press-07"), other.sign("press-07")
    async with guarded(tmp_path, authority) as (port, host):
        for trusted, shown in ((other, ours), (authority, foreign)):
            bench = node(tmp_path, port, trusted, shown)
            async with bench.running():
                state = await bench.until(Condition.DOWN)
                is_told = "its certificate is not accepted: " in state.reason
                assert is_told == (trusted is other)
        assert host.got == []
