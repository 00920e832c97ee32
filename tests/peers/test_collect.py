"""`lineside collect` against a real Mosquitto, the MQTT sink, and both databases."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from functools import partial
from pathlib import Path

import orjson
import pytest

from agent.app.catching import Stage
from agent.demo.process import Child, python
from agent.formats.cloudevents import envelope
from agent.trace.holdings import completeness
from agent.trace.store import Store
from tests.peers.collect_rig import CollectorBench
from tests.peers.mosquitto import Mosquitto
from tests.peers.mqtt_bench import STATION, MqttBench, eventually
from tests.peers.mqtt_reader import Reader
from tests.peers.test_mqtt_tls import Authority
from tests.postgres import Postgres
from tests.streams import rows

Fresh = Callable[[], str]


async def test_all_that_a_station_has_comes_over_restarts_of_broker_and_database(
    tmp_path: Path, fresh: Fresh, request: pytest.FixtureRequest
) -> None:
    """What it missed is asked for; what comes while the database is away waits; all of it once."""
    where, stored = fresh(), rows([40, 300], STATION)
    async with Mosquitto(tmp_path) as broker:
        bench = MqttBench(tmp_path, broker.port, resend=5000)
        bench.journal.append(stored[:60])
        async with bench.running():
            await eventually(lambda: bench.journal.cursors.get("plant") == stored[59].address)
            collector = CollectorBench(where, broker.port)
            async with collector.running():
                await collector.until(lambda now: now.is_complete and now.events == 60)
                broker.kill()
                bench.journal.append(stored[60:150])
                await broker.start()
                await collector.until(lambda now: now.is_complete and now.events == 150)
                if where.startswith("postgresql"):
                    server: Postgres = request.getfixturevalue("postgres")
                    server.kill()
                    bench.journal.append(stored[150:250])
                    await collector.until(lambda now: now.store_error is not None)
                    server.start()
                else:
                    other = sqlite3.connect(where, isolation_level=None)
                    other.execute("BEGIN EXCLUSIVE")
                    bench.journal.append(stored[150:250])
                    await eventually(
                        lambda: bench.journal.cursors.get("plant") == stored[249].address
                    )
                    other.execute("ROLLBACK")
                    other.close()
                await collector.until(lambda now: now.is_complete and now.events == 250)
                bench.journal.append(stored[250:])
                await collector.until(lambda now: now.is_complete and now.events == 340)
                await collector.until(lambda now: now.stage is Stage.CAUGHT_UP)
    (held,) = collector.stations()
    assert (held.station, held.events, held.is_whole) == (STATION, 340, True)
    assert "broker_lost" in collector.names()
    assert collector.names().count("store_lost") == collector.names().count("store_works")
    assert collector.aside() == []


@pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
async def test_killed_at_any_moment_it_loses_and_doubles_nothing(
    tmp_path: Path, fresh: Fresh
) -> None:
    """The process is killed again and again while events come; SIGTERM ends it with 0."""
    where, stored = fresh(), rows([300], STATION)
    async with Mosquitto(tmp_path) as broker:
        bench = MqttBench(tmp_path, broker.port)
        url = f"mqtt://127.0.0.1:{broker.port}"
        command = python("agent", "collect", "--broker", url, "--store", where, "--name", "a")
        collector = Child("collect", [*command, "--wait", "1"], tmp_path / "log")
        async with bench.running(), AsyncExitStack() as undo:
            undo.push_async_callback(collector.kill)
            for first in range(0, 200, 100):
                collector.start()
                bench.journal.append(stored[first : first + 100])
                await eventually(partial(_has_more, where, first))
                await collector.kill()
            collector.start()
            bench.journal.append(stored[200:])
            await eventually(partial(_has_more, where, len(stored) - 1))
            collector.signal(signal.SIGTERM)
            assert await collector.ended() == 0, collector.last_words()
    with Store.open(where) as store:
        (held,) = completeness(store.archive)
        assert (held.events, held.is_whole) == (300, True)


def _has_more(where: str, than: int) -> bool:
    """Return whether a store has more events than that, looked at from beside."""
    if not Path(where).exists():
        return False
    with closing(sqlite3.connect(f"file:{where}?mode=ro", uri=True, timeout=10)) as beside:
        try:
            (count,) = beside.execute("SELECT count(*) FROM events").fetchone()
        except sqlite3.OperationalError:
            return False  # its tables are being made
    return int(count) > than


async def test_what_is_poison_is_set_aside_and_named(tmp_path: Path, fresh: Fresh) -> None:
    """No JSON, an altered event, another station's, one nobody can read: the rest goes on."""
    good = [envelope(row.body) for row in rows([12], STATION)]
    unreadable = orjson.loads(rows([3], STATION)[2].body)
    bad = [
        b"\xff not JSON",
        b'{"a": 1}',
        good[3].replace(b"SN-1-4", b"SN-9-9"),
        envelope(rows([2], "acme/elsewhere")[1].body),
    ]
    assert unreadable["kind"] == "unit_completed"
    async with Mosquitto(tmp_path) as broker:
        collector = CollectorBench(fresh(), broker.port, wait_s=1000)
        async with collector.running(), Reader(broker.port, "none", "plant") as plant:
            await collector.until(lambda now: now.is_connected)
            topic = f"lineside/v1/{STATION}/events/unit_completed"
            for payload in [*good[:6], *bad, *good[6:], good[2], bad[0]]:
                plant.send(topic, payload)
            await collector.until(lambda now: now.events == 12 and now.aside == 4)
    assert [one.payload for one in collector.aside()] == bad
    (held,) = collector.stations()
    assert (held.events, held.is_whole) == (12, True)
    said = [one.why for one in collector.aside()]
    assert "not its hash" in said[2]
    assert said[3] == "000001-00000001-2: is of station acme/elsewhere"


async def test_two_of_a_group_share_the_events_and_one_asks(
    tmp_path: Path, postgres: Postgres
) -> None:
    """Each takes a part, into one store; together they have everything, and it is asked once."""
    where, stored = postgres.fresh(), rows([400], STATION)
    async with Mosquitto(tmp_path) as broker:
        bench = MqttBench(tmp_path, broker.port, resend=5000)
        bench.journal.append(stored[:100])
        async with bench.running():
            await eventually(lambda: bench.journal.cursors.get("plant") == stored[99].address)
            one = CollectorBench(where, broker.port, name="one", group="g")
            two = CollectorBench(where, broker.port, name="two", group="g")
            async with one.running(), two.running():
                for each in (one, two):
                    await each.until(lambda now: now.is_connected)
                bench.journal.append(stored[100:])
                for each in (one, two):
                    await each.until(lambda now: now.is_complete and now.events == 400)
    assert one.last is not None
    assert two.last is not None
    assert one.last.new + two.last.new == 400
    assert min(one.last.new, two.last.new) > 0
    assert ("events_lack" in one.names()) or ("events_lack" in two.names())
    assert [held.is_whole for held in one.stations()] == [True]


@pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
async def test_a_broker_is_not_lost_while_nothing_is_read_of_it(
    tmp_path: Path, fresh: Fresh
) -> None:
    """More comes than can wait while the store is away: it is read later, over the same connection.

    Nothing is lost, nothing is doubled, and the broker is not said to be silent.
    """
    where, stored = fresh(), rows([300], STATION)
    log = tmp_path / "broker.log"
    log.touch()
    async with Mosquitto(tmp_path, f"log_dest file {log}", "log_type all") as broker:
        bench = MqttBench(tmp_path, broker.port, resend=5000)
        bench.journal.append(stored[:60])
        collector = CollectorBench(where, broker.port, window=20, keepalive_s=2)
        async with (
            bench.running(),
            Reader(broker.port, "none", "bridge") as bridge,
            collector.running(),
        ):
            await collector.until(lambda now: now.is_complete and now.events == 60)
            other = sqlite3.connect(where, isolation_level=None)
            other.execute("BEGIN EXCLUSIVE")
            for row in stored[60:160]:  # at QoS 0, which no window holds back
                bridge.send(f"lineside/v1/{STATION}/events/{row.kind}", envelope(row.body))
            bench.journal.append(stored[60:])
            pings = _pings(log)
            await eventually(lambda: _pings(log) >= pings + 28)  # one a tick, of an eighth second
            other.execute("ROLLBACK")
            other.close()
            await collector.until(lambda now: now.is_complete and now.events == 300)
    (held,) = collector.stations()
    assert (held.events, held.is_whole, collector.aside()) == (300, True, [])
    assert "broker_lost" not in collector.names()


def _pings(log: Path) -> int:
    """Return how often the broker was asked whether it is there."""
    return log.read_text().count("Received PINGREQ from lineside-historian")


@pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
async def test_two_hundred_stations_on_one_collector(tmp_path: Path, fresh: Fresh) -> None:
    """Each is known by its own path, whatever its depth, and all of each is held."""
    names = [f"acme/{'/'.join('abcd'[: n % 4])}/s{n}".replace("//", "/") for n in range(200)]
    async with Mosquitto(tmp_path) as broker:
        collector = CollectorBench(fresh(), broker.port)
        async with collector.running(), Reader(broker.port, "none", "plant") as plant:
            await collector.until(lambda now: now.is_connected)
            for name in names:
                for row in rows([2, 2], name):
                    plant.send(f"lineside/v1/{name}/events/{row.kind}", envelope(row.body))
                position = {"epoch": row.epoch, "last_seq": 2, "last_hash": row.hash}
                plant.send(f"lineside/v1/{name}/position", orjson.dumps(position))
            await collector.until(lambda now: now.is_complete and now.stations == 200)
    held = collector.stations()
    assert [one.station for one in held] == sorted(names)
    assert all(one.is_whole and one.events == 4 for one in held)


async def test_a_filtered_stream_is_proven_too(tmp_path: Path, fresh: Fresh) -> None:
    """What the sink leaves out is not missing: `after`, and answers, speak for it (D-138)."""
    stored = rows([30, 1, 30], STATION)
    async with Mosquitto(tmp_path) as broker:
        bench = MqttBench(tmp_path, broker.port, resend=5000, kinds=("unit_completed",))
        bench.journal.append(stored[:20])
        async with bench.running():
            await eventually(lambda: bench.journal.cursors.get("plant") == stored[19].address)
            collector = CollectorBench(fresh(), broker.port)
            async with collector.running():
                await collector.until(lambda now: now.is_complete and now.events == 19)
                bench.journal.append(stored[20:])
                await collector.until(lambda now: now.is_complete and now.events == 58)
    (held,) = collector.stations()
    assert (held.events, held.gaps) == (58, ())


@pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
async def test_a_broker_that_refuses_is_told_once_and_tried_again(
    tmp_path: Path, fresh: Fresh
) -> None:
    """Refused, or not there: the cause and what to do, once; nothing ends for it."""
    async with Mosquitto(tmp_path, "allow_anonymous false") as broker:
        collector = CollectorBench(fresh(), broker.port)
        async with collector.running():
            await collector.until(lambda _: len(collector.told) > 0)
            broker.kill()
            await collector.until(lambda _: len(collector.told) > 1)
    said = [str(fields["error"]) for event, fields in collector.told if event == "broker_lost"]
    assert "not authorised to connect" in said[0]
    assert "nothing listens there" in said[1]
    assert len(said) == 2


@pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
async def test_two_of_one_name_are_told_of_each_other(tmp_path: Path, fresh: Fresh) -> None:
    """A session is one collector's; not every broker says that another one took it."""
    async with Mosquitto(tmp_path) as broker:
        one, two = (CollectorBench(fresh(), broker.port, name="same") for _ in range(2))
        async with one.running():
            await one.until(lambda now: now.is_connected)
            async with two.running():
                await one.until(lambda _: "broker_lost" in one.names())
    said = [str(fields.get("error")) for event, fields in one.told if event == "broker_lost"]
    told = ("another collector came under the name same; give each its own", "client of this name")
    assert any(words in said[0] for words in told)


@pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
async def test_over_tls_each_side_proves_itself(tmp_path: Path, fresh: Fresh) -> None:
    """The broker by the authority that is named and its pin, the collector by its certificate."""
    authority = Authority(tmp_path, "Acme Root")
    ours, theirs = authority.sign("historian"), authority.sign("127.0.0.1")
    other = tmp_path / "other"
    other.mkdir()
    stranger = Authority(other, "Other Root")
    tls = (f"cafile {authority.file}", f"certfile {theirs.cert}", f"keyfile {theirs.key}")
    async with Mosquitto(tmp_path, *tls, "require_certificate true") as broker:
        url = f"mqtts://127.0.0.1:{broker.port}"
        proof = {"url": url, "certificate": str(ours.cert), "key": str(ours.key)}
        good = CollectorBench(fresh(), broker.port, broker={**proof, "ca": str(authority.file)})
        async with good.running():
            await good.until(lambda now: now.is_connected)
        pinned = {**proof, "ca": str(authority.file), "pin": "0" * 64}
        other_one = CollectorBench(fresh(), broker.port, broker=pinned)
        async with other_one.running():
            await other_one.until(lambda _: "broker_lost" in other_one.names())
        bad = CollectorBench(fresh(), broker.port, broker={**proof, "ca": str(stranger.file)})
        async with bad.running():
            await bad.until(lambda _: "broker_lost" in bad.names())
    assert "its certificate is not accepted" in str(bad.told[0][1]["error"])
    error = str(other_one.told[0][1]["error"])
    assert error.startswith(f"broker 127.0.0.1:{broker.port}: shows another certificate (SHA-256")


@pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
async def test_what_is_not_wanted_any_more_is_unsubscribed(tmp_path: Path, fresh: Fresh) -> None:
    """The broker keeps a session's subscriptions: what was followed once is let go by name."""
    where = fresh()
    async with Mosquitto(tmp_path) as broker, Reader(broker.port, "none", "plant") as plant:
        first = CollectorBench(where, broker.port, places=("acme/old",))
        async with first.running():
            await first.until(lambda now: now.is_connected)
        second = CollectorBench(
            where, broker.port, places=("acme/new",), left=lambda: ("acme/old",)
        )
        async with second.running():
            await second.until(lambda now: now.is_connected)
            for station in ("acme/old", "acme/new"):
                (row,) = rows([1], station)
                plant.send(f"lineside/v1/{station}/events/{row.kind}", envelope(row.body))
            await second.until(lambda now: now.events == 1)
    assert [held.station for held in second.stations()] == ["acme/new"]


@pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
async def test_the_access_list_of_the_manual_is_enough(tmp_path: Path, fresh: Fresh) -> None:
    """Who follows one station may read five topics of it and write one, and needs no more."""
    of = f"lineside/v1/{STATION}"
    reads = [f"topic read {of}/{name}" for name in ("events/+", "position", "health", "reply/+")]
    acl = ("topic readwrite #", "user press", *reads, f"topic write {of}/control")
    async with (
        Mosquitto(tmp_path, acl=acl) as broker,
        Reader(broker.port, "none", "plant") as plant,
    ):
        login = {"user": "press"}
        one = CollectorBench(fresh(), broker.port, broker=login, places=(STATION,))
        async with one.running():
            await one.until(lambda now: now.is_connected)
            (row,) = rows([1], STATION)
            plant.send(f"{of}/events/{row.kind}", envelope(row.body))
            await one.until(lambda now: now.events == 1)
