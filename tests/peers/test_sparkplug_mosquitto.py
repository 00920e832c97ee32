"""The Sparkplug edge node against a real Mosquitto, judged by a host that believes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.demo.process import free_port
from agent.formats.sparkplug import DEVICE_REBIRTH, decode
from agent.publisher import Condition
from agent.sinks.options import Oddity
from tests.peers.mosquitto import Mosquitto
from tests.peers.mqtt_bench import eventually
from tests.peers.mqtt_reader import Reader
from tests.peers.sparkplug_bench import (
    GROUP,
    NODE,
    SparkplugBench,
    Tap,
    rebirth,
    said,
    state,
    until,
    until_said,
)
from tests.peers.sparkplug_rules import Rules, Seen

HOST = "scada"
STATE = f"spBv1.0/STATE/{HOST}"
NCMD = f"spBv1.0/{GROUP}/NCMD/{NODE}"
DCMD = f"spBv1.0/{GROUP}/DCMD/{NODE}/plc"


@dataclass
class Line:
    """A broker, the judge, and the wire between the node and the broker."""

    broker: Mosquitto
    rules: Rules
    tap: Tap

    async def died(self) -> None:
        """Return when the node has said its death."""
        await until(self.rules, lambda: bool(self.seen) and self.seen[-1].kind == "NDEATH")

    @property
    def seen(self) -> list[Seen]:
        """Every message of the node."""
        return self.rules.seen

    def historical(self, device: str | None = "plc") -> list[tuple[str, object]]:
        """Return what was said of the past: (metric, value)."""
        kind = "NDATA" if device is None else "DDATA"
        return [
            (name, value)
            for one in said(self.rules, kind, device)
            for name, value, _ in one.historical
        ]


@asynccontextmanager
async def line(directory: Path, *, primary_host: str | None = None) -> AsyncIterator[Line]:
    """Start a broker and listen before it."""
    rules = Rules(GROUP, NODE, primary_host=primary_host)
    async with Mosquitto(directory) as broker, Tap(rules, broker.port) as tap:
        yield Line(broker, rules, tap)
    assert rules.problems == []


async def test_births_come_first_and_then_what_changes(tmp_path: Path) -> None:
    """NBIRTH, the devices' births, then a message for what changed, each by the rules."""
    async with line(tmp_path) as there:
        bench = SparkplugBench(tmp_path, there.tap.port)
        bench.start_devices()
        async with bench.running():
            (birth,) = await until_said(there.rules, "DBIRTH", "plc")
            assert birth.values == {
                DEVICE_REBIRTH: False,
                "force": 1.5,
                "count": 1,
                "ok": True,
                "text": "a",
            }
            bench.show("plc", force=2.5, count=2, ok=True)
            (data,) = await until_said(there.rules, "DDATA", "plc")
            assert data.values == {"force": 2.5, "count": 2}
            bench.show("plc", force=None)
            data = (await until_said(there.rules, "DDATA", "plc", n=2))[-1]
            assert data.values == {"force": None}
            bench.status = {"ready": False, "reason": "operator"}
            (data,) = await until_said(there.rules, "NDATA")
            assert data.values == {"Station/Ready": False, "Station/Reason": "operator"}
        await there.died()


async def test_a_device_comes_and_goes_by_its_link(tmp_path: Path) -> None:
    """DDEATH when the link is lost, DBIRTH when it is back; the node and the others live on."""
    async with line(tmp_path) as there:
        bench = SparkplugBench(tmp_path, there.tap.port)
        bench.start_devices()
        async with bench.running():
            await until_said(there.rules, "DBIRTH", "plc")
            bench.link("plc", up=False)
            await until_said(there.rules, "DDEATH", "plc")
            bench.show("feeder", level=11)
            await until_said(there.rules, "DDATA", "feeder")
            bench.link("plc", up=True)
            bench.show("plc", force=3.5)  # the others are not seen within the second
            birth = (await until_said(there.rules, "DBIRTH", "plc", n=2))[-1]
            assert birth.values["force"] == 3.5
            assert birth.values["count"] is None
        assert len(said(there.rules, "NBIRTH")) == 1


async def test_a_value_of_a_new_type_is_born_first(tmp_path: Path) -> None:
    """A tag never seen before, and one that has changed its type, lead to births, once for all."""
    async with line(tmp_path) as there:
        bench = SparkplugBench(tmp_path, there.tap.port)
        bench.link("plc", up=True)
        bench.show("plc", count=1)
        async with bench.running():
            (birth,) = await until_said(there.rules, "DBIRTH", "plc")
            assert birth.values == {DEVICE_REBIRTH: False, "count": 1}
            bench.show("plc", count=2.5, text="a")
            birth = (await until_said(there.rules, "DBIRTH", "plc", n=2))[-1]
            assert birth.values == {DEVICE_REBIRTH: False, "count": 2.5, "text": "a"}
            bench.show("plc", count=3)
            (data,) = await until_said(there.rules, "DDATA", "plc")
            assert data.values == {"count": 3.0}


async def test_what_a_broker_missed_comes_after_it_as_history(tmp_path: Path) -> None:
    """Values of an outage follow the births with their own times; the birth says what is now."""
    async with line(tmp_path) as there:
        bench = SparkplugBench(tmp_path, there.tap.port)
        bench.start_devices()
        async with bench.running():
            await until_said(there.rules, "DBIRTH", "plc")
            there.broker.kill()
            await bench.until(Condition.DOWN)
            for count in range(2, 302):
                bench.show("plc", count=count)
            bench.commit_state("held", "held")
            bench.commit_state("execute")
            await there.broker.start()
            await until(there.rules, lambda: ("count", 300) in there.historical())
            assert bench.confirmed in {0, 2}
            birth = said(there.rules, "DBIRTH", "plc")[-1]
            assert birth.values["count"] == 301
            counts = [value for name, value in there.historical() if name == "count"]
            assert counts[-299:] == list(range(2, 301))
            assert counts[:-299] in ([], [1])  # the first birth may have been under way
            node = said(there.rules, "NBIRTH")[-1]
            assert node.values["Machine/State"] == "execute"
            await eventually(lambda: bench.confirmed == 2)
            states = [v for name, v in there.historical(None) if name == "Machine/State"]
            assert states == ["held", "execute"]
            stamps = [t for one in said(there.rules, "DDATA", "plc") for *_, t in one.historical]
            assert stamps == sorted(stamps)
            assert stamps[-1] < bench.clock.now().wall_ms


async def test_what_was_under_way_when_a_wire_broke_comes_again(tmp_path: Path) -> None:
    """What the broker is not known to have read is said again, as history, and a state too."""
    async with line(tmp_path) as there:
        bench = SparkplugBench(tmp_path, there.tap.port)
        bench.start_devices()
        async with bench.running():
            await until_said(there.rules, "DBIRTH", "plc")
            there.tap.hold_back()
            bench.show("plc", count=2)
            await until_said(there.rules, "DDATA", "plc")
            bench.show("plc", count=3)
            bench.commit_state("held", "held")
            there.tap.cut()
            await bench.until(Condition.DOWN)
            there.tap.pass_on()
            await until(there.rules, lambda: ("count", 2) in there.historical())
            await eventually(lambda: bench.confirmed == 1)


async def test_a_buffer_has_an_end_and_says_so(tmp_path: Path) -> None:
    """The oldest values go, the newest stay; the count of the lost is a metric and a warning."""
    async with line(tmp_path) as there:
        bench = SparkplugBench(tmp_path, there.tap.port, buffer=100)
        bench.start_devices()
        for count in range(2, 252):
            bench.show("plc", count=count)
        async with bench.running():
            await until(there.rules, lambda: ("count", 250) in there.historical())
            lost = said(there.rules, "NBIRTH")[-1].values["Station/Values Dropped"]
            counts = [value for name, value in there.historical() if name == "count"]
            assert counts == list(range(252 - 100, 251))
            assert lost == bench.feed.dropped == bench.sink.counts[Oddity.VALUES_DROPPED]
        assert [reason for reason, _ in bench.warnings] == [Oddity.VALUES_DROPPED] * 2


async def test_the_primary_host_decides_when_there_is_a_session(tmp_path: Path) -> None:
    """No birth before its STATE says online; offline ends the session properly; values wait."""
    async with line(tmp_path, primary_host=HOST) as there, Reader(there.broker.port) as host:
        bench = SparkplugBench(tmp_path, there.tap.port, primary_host=HOST)
        bench.start_devices()
        async with bench.running():
            host.send("spBv1.0/STATE/other", state(online=True, at_ms=9), retain=True)
            host.send(STATE, b"ONLINE", retain=True)  # as Sparkplug 2 had it
            down = await bench.until(Condition.DOWN)
            assert "the primary host 'scada' is not online; values wait" in down.reason
            assert there.seen == []
            there.rules.host_online = True
            host.send(STATE, state(online=True, at_ms=1000), retain=True)
            await until_said(there.rules, "DBIRTH", "plc")
            host.send(STATE, state(online=False, at_ms=900), retain=True)  # late
            bench.show("plc", count=2)
            await until_said(there.rules, "DDATA", "plc")
            there.rules.host_online = False
            host.send(STATE, state(online=False, at_ms=1000), retain=True)
            await there.died()
            bench.show("plc", count=3)
            bench.show("plc", count=4)
            down = await bench.until(Condition.DOWN)
            assert f"the primary host '{HOST}'" in down.reason
            assert len(said(there.rules, "NBIRTH")) == 1
            there.rules.host_online = True
            host.send(STATE, state(online=True, at_ms=2000), retain=True)
            await until(there.rules, lambda: ("count", 3) in there.historical())
            assert said(there.rules, "DBIRTH", "plc")[-1].values["count"] == 4
        assert (Oddity.REFUSED_REQUESTS) in [reason for reason, _ in bench.warnings]


async def test_a_host_that_is_elsewhere_is_found_there(tmp_path: Path) -> None:
    """With several servers the node leaves the one without the host, and is at one at a time."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    rules = Rules(GROUP, NODE, primary_host=HOST)
    async with (
        Mosquitto(first) as here,
        Mosquitto(second) as there,
        Tap(rules, here.port) as tap,
        Tap(rules, there.port) as other,
        Reader(there.port) as host,
    ):
        rules.host_online = True
        host.send(STATE, state(online=True, at_ms=1), retain=True)
        bench = SparkplugBench(
            tmp_path, tap.port, primary_host=HOST, others=(f"mqtt://127.0.0.1:{other.port}",)
        )
        bench.start_devices()
        async with bench.running():
            await until_said(rules, "DBIRTH", "plc")
            assert (tap.open_wires, other.open_wires) == (0, 1)
            rules.host_online = False
            host.send(STATE, state(online=False, at_ms=2), retain=True)
            await until_said(rules, "NDEATH")
            async with Reader(here.port, client_id="host") as host_here:
                rules.host_online = True
                host_here.send(STATE, state(online=True, at_ms=3), retain=True)
                await until_said(rules, "NBIRTH", n=2)
                assert (tap.open_wires, other.open_wires) == (1, 0)
    assert rules.problems == []


async def test_a_rebirth_is_given_at_once_and_then_not_too_often(tmp_path: Path) -> None:
    """A host that asks gets NBIRTH and DBIRTHs with the same bdSeq; many asking get them once."""
    async with line(tmp_path) as there, Reader(there.broker.port) as host:
        bench = SparkplugBench(tmp_path, there.tap.port)
        bench.start_devices()
        async with bench.running():
            await until_said(there.rules, "DBIRTH", "plc")
            began = bench.clock.now().boot_ms
            host.send(NCMD, rebirth())
            await until_said(there.rules, "DBIRTH", "feeder", n=2)
            for _ in range(5):
                host.send(NCMD, rebirth())
            await until_said(there.rules, "DBIRTH", "feeder", n=3)
            assert bench.clock.now().boot_ms - began >= 10_000
            host.send(DCMD, rebirth(DEVICE_REBIRTH))
            await until_said(there.rules, "DBIRTH", "plc", n=4)
            assert len(said(there.rules, "DBIRTH", "feeder")) == 3
            assert len(said(there.rules, "NBIRTH")) == 3
            assert bench.sink.counts[Oddity.REBIRTHS] == 3


async def test_other_commands_are_refused_and_told(tmp_path: Path) -> None:
    """Nothing is written for a host: unknown metrics, false, bytes and retained ones do nothing."""
    async with line(tmp_path) as there, Reader(there.broker.port) as host:
        host.send(NCMD, rebirth(), retain=True)
        bench = SparkplugBench(tmp_path, there.tap.port)
        bench.start_devices()
        async with bench.running():
            await until_said(there.rules, "DBIRTH", "plc")
            for topic, payload in (
                (NCMD, rebirth("Node Control/Reboot")),
                (NCMD, rebirth(value=False)),
                (NCMD, b"\xff"),
                (DCMD, rebirth("force")),
                (f"spBv1.0/{GROUP}/DCMD/{NODE}/nobody", rebirth(DEVICE_REBIRTH)),
            ):
                host.send(topic, payload)
            await eventually(lambda: bench.sink.counts.get(Oddity.REFUSED_REQUESTS) == 4)
            bench.show("plc", count=2)
            await until_said(there.rules, "DDATA", "plc")
        assert len(said(there.rules, "NBIRTH")) == 1
        assert [reason for reason, _ in bench.warnings] == [Oddity.REFUSED_REQUESTS]


async def test_an_agent_that_is_killed_is_dead_for_hosts_and_comes_back(tmp_path: Path) -> None:
    """The broker speaks the will with the session's bdSeq; the next session has the next one."""
    async with line(tmp_path) as there, Reader(there.broker.port, "spBv1.0/#") as host:
        first = SparkplugBench(tmp_path, there.tap.port)
        first.start_devices()
        async with first.killed():
            await until_said(there.rules, "DBIRTH", "plc")
            first.commit_state("held", "held")
            await eventually(lambda: first.confirmed == 1)
        there.tap.cut()
        await host.until(lambda: any("/NDEATH/" in one.topic for one in host.got))
        (death,) = (one for one in host.got if "/NDEATH/" in one.topic)
        assert [(m.name, m.value) for m in decode(death.payload).metrics] == [("bdSeq", 0)]
        first.commit_state("execute")
        second = SparkplugBench(tmp_path, there.tap.port, journal=first.journal)
        second.machine = first.machine
        second.link("plc", up=True)
        async with second.running():
            await eventually(lambda: second.confirmed == 2)
            birth = (await until_said(there.rules, "DBIRTH", "plc", n=2))[-1]
            assert birth.values["count"] is None  # its type is known from before
            nbirth = said(there.rules, "NBIRTH")[-1]
            assert nbirth.values["bdSeq"] == 1
            assert ("Machine/State", "execute") in there.historical(None)


async def test_a_broker_that_knows_3_1_1_only(tmp_path: Path) -> None:
    """With `version: 3.1.1` all rules hold that there are, NDEATH before DISCONNECT among them."""
    async with line(tmp_path) as there, Reader(there.broker.port) as host:
        bench = SparkplugBench(tmp_path, there.tap.port, version="3.1.1")
        bench.start_devices()
        async with bench.running():
            await until_said(there.rules, "DBIRTH", "plc")
            host.send(NCMD, rebirth())
            await until_said(there.rules, "DBIRTH", "plc", n=2)
        await there.died()
        assert {
            "tck-id-principles-persistence-clean-session-311",
            "tck-id-payloads-ndeath-will-message-publisher-disconnect-mqtt311",
        } <= there.rules.asked.keys()


async def test_a_birth_that_is_too_large_says_so(tmp_path: Path) -> None:
    """A small limit of the broker is told with the numbers; one value that is too large goes."""
    (tmp_path / "small").mkdir()
    rules = Rules(GROUP, NODE)
    async with (
        Mosquitto(tmp_path / "small", "max_packet_size 1200") as broker,
        Tap(rules, broker.port) as tap,
    ):
        bench = SparkplugBench(tmp_path, tap.port)
        bench.start_devices()
        async with bench.running():
            await until_said(rules, "DBIRTH", "plc")
            bench.show("plc", text="x" * 2000, count=2)
            await until_said(rules, "DDATA", "plc")
            await eventually(lambda: bench.sink.counts.get(Oddity.TOO_LARGE) == 1)
            assert said(rules, "DDATA", "plc")[-1].values == {"count": 2}
            async with Reader(broker.port) as host:
                host.send(NCMD, rebirth())
                down = await bench.until(Condition.DOWN)
        assert "takes 1200 bytes, and the birth of 'plc' has " in down.reason
    assert rules.problems == []


async def test_a_broker_that_is_away_is_named(tmp_path: Path) -> None:
    """Where nothing listens, the reason says which broker and what to check; bdSeq is kept."""
    port = free_port()
    bench = SparkplugBench(tmp_path, port)
    async with bench.running():
        down = await bench.until(Condition.DOWN)
        assert down.reason.startswith(f"broker 127.0.0.1:{port}: nothing listens there; check")
        await eventually(lambda: bench.publisher.state().attempts >= 3)
    rules = Rules(GROUP, NODE)
    async with Mosquitto(tmp_path) as broker, Tap(rules, broker.port) as tap:
        bench = SparkplugBench(tmp_path, tap.port)
        rules.expect_bd_seq(0)  # one was on disk, and no CONNECT had carried it
        async with bench.running():
            await until_said(rules, "NBIRTH")
    assert rules.problems == []


async def test_a_broker_that_answers_nothing_is_noticed_however_busy(tmp_path: Path) -> None:
    """A half-open wire ends the session though values keep coming; none of them is lost."""
    async with line(tmp_path) as there:
        bench = SparkplugBench(tmp_path, there.tap.port)
        bench.start_devices()
        async with bench.running():
            await until_said(there.rules, "DBIRTH", "plc")
            there.tap.hold_back()
            counts = iter(range(2, 100_000))
            last = 1

            def keep_busy() -> bool:
                nonlocal last
                last = next(counts)
                bench.show("plc", count=last)
                return bench.states[-1].condition is Condition.DOWN

            await eventually(keep_busy)
            there.tap.pass_on()
            there.tap.cut()
            await until(there.rules, lambda: ("count", last - 1) in there.historical())
            told = {value for name, value in there.historical() if name == "count"}
            assert set(range(2, last)) <= told
