"""A state directory that is put back from a backup: only what is out betrays it (FAULTS P21).

The station is the real one with its sinks, the broker a real Mosquitto; for the station each start
is one of a process.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.app.orphaned import REASON
from agent.app.reading import Query, read_events
from agent.app.rim import SystemClock, SystemRandom
from agent.app.station import StationRun
from agent.app.surroundings import Surroundings
from agent.journal.files import DiskFiles
from agent.journal.place import Paths
from agent.journal.sqlite import Rim
from agent.threads import ThreadWorker
from drivers.base import CodeScanned
from tests.journeys.plants import until
from tests.peers.mosquitto import Mosquitto
from tests.peers.mqtt_reader import Reader
from tests.unit.app.test_trouble import Told
from tests.unit.config.stations import PRESS, edited, loaded

TOPICS = "lineside/v1/acme/press-07"
AUDIT = "  audit: {sink: file, path: audit.jsonl, required: false, kinds: [unit_completed]}\n"
ALARMS = ("history_unknown", "history_lost", "sink_warning", "session_taken_over")
SOURCE = "sink/plant/history"
Event = dict[str, Any]


@dataclass
class Gateway:
    """A box with one station, which is started, stopped and put back."""

    state: Path
    text: str
    starts: int = 0
    told: Told = field(default_factory=Told)

    @asynccontextmanager
    async def on(self, *, ends: bool = True) -> AsyncIterator[StationRun]:
        """Run the agent, to which an order is scanned; it ends in order, or is killed."""
        self.told, clock = Told(), SystemClock()
        around = Surroundings(
            clock=clock,
            random=SystemRandom(),
            worker=ThreadWorker,
            journal=Rim(files=DiskFiles(), clock=clock, worker=ThreadWorker, ballast_bytes=4096),
            secret=lambda _: "demo-key-not-for-use",
            directory=self.state,
            journal_path=self.state / "journal",
        )
        station = StationRun(loaded(self.text), around, self.told)
        run = asyncio.create_task(station.run())
        try:
            await station.opened.wait()
            self.starts += 1
            await station.emit(self._order(clock))
            yield station
        finally:
            if ends:
                station.stop()
            else:
                run.cancel()
            await asyncio.wait((run,))

    def _order(self, clock: SystemClock) -> CodeScanned:
        now = clock.now()
        return CodeScanned(
            id=f"s{self.starts}",
            device="scanner",
            earliest_ms=now.boot_ms,
            latest_ms=now.boot_ms,
            received=now,
            raw=b"WO-%06d" % self.starts,
        )

    def events(self, *kinds: str) -> list[Event]:
        """Return what the journal holds of some kinds, oldest first."""
        rows = read_events(self.state / "journal", Query(kinds=kinds, newest_first=False))
        return [json.loads(row.body) for row in rows]

    def alarms(self) -> list[str]:
        """Return what was told since the start that a person should look at."""
        return [event for event, _ in self.told.lines if event in ALARMS]

    def put_back(self, backup: Path) -> None:
        """Put an older copy of the state directory in the place of what is there."""
        shutil.rmtree(self.state)
        shutil.copytree(backup, self.state)


@dataclass
class Plant:
    """A gateway, its broker, and who collects."""

    gateway: Gateway
    broker: Mosquitto
    reader: Reader

    def taken(self) -> list[Event]:
        """Return what the consumer has, as it came."""
        return [json.loads(payload)["data"] for payload in self.reader.events()]

    async def delivers(self, *, ends: bool = True) -> None:
        """Run the agent until the consumer has the order of this start."""
        async with self.gateway.on(ends=ends):
            await self.has(f"{self.gateway.starts:06d}")

    async def has(self, order: str) -> None:
        """Return once the consumer has an order."""
        await self.reader.until(
            lambda: any(event.get("order") == order for event in self.taken()[-200:])
        )

    def retained(self, name: str) -> Event:
        """Return the newest that came on a topic which the broker keeps."""
        newest = [one.payload for one in self.reader.got if one.topic == f"{TOPICS}/{name}"][-1]
        return dict(json.loads(newest))


@asynccontextmanager
async def plant(directory: Path, options: str = "") -> AsyncIterator[Plant]:
    """Set up a plant; nothing has begun."""
    async with Mosquitto(directory) as broker, Reader(broker.port, "lineside/#") as reader:
        url = f'"mqtt://127.0.0.1:{broker.port}"{options}'
        text = edited(PRESS, ('"mqtt://127.0.0.1"', url), (AUDIT, ""))
        yield Plant(Gateway(directory / "state", text), broker, reader)


@pytest.mark.parametrize("options", ["", ", version: 3.1.1"], ids=["v5", "v3.1.1"])
async def test_a_backup_that_is_put_back_is_an_alarm_with_its_addresses(
    tmp_path: Path, options: str
) -> None:
    """What the broker keeps is beyond the journal: named in the log, the events and the status.

    The next epoch is behind all that is out; no address has two contents, and nothing that the
    consumer had taken is lost there. Started again, or killed, it says nothing any more.
    """
    async with plant(tmp_path, options) as there:
        gateway = there.gateway
        await there.delivers()
        shutil.copytree(gateway.state, tmp_path / "backup")
        await there.delivers()
        orphan = gateway.events()[-1]
        gateway.put_back(tmp_path / "backup")
        async with gateway.on():
            await until(lambda: bool(gateway.events("fault_raised")))
            await there.has("000003")
            await until(lambda: SOURCE in there.retained("state").get("faults", ()))
        assert gateway.alarms().count("history_unknown") == 1
        (fault,) = gateway.events("fault_raised")
        assert fault["source"] == SOURCE
        assert f"up to {orphan['epoch']}-{orphan['seq']} that the journal" in fault["cause"]
        assert [
            (lost["lost_epoch"], lost["first_seq"], lost["last_seq"], lost["reason"])
            for lost in gateway.events("history_lost")
        ] == [(orphan["epoch"], 1, orphan["seq"], REASON)]
        epochs = [event["epoch"][:6] for event in gateway.events("agent_started")]
        assert epochs == ["000001", "000002", "000003"]
        await there.delivers(ends=False)
        await there.delivers()
        assert gateway.alarms() == (["sink_warning"] if options else [])
        assert [one["source"] for one in gateway.events("fault_cleared")] == [SOURCE]
        held = {(event["epoch"], event["seq"], event["hash"]) for event in there.taken()}
        assert max(Counter((epoch, seq) for epoch, seq, _ in held).values()) == 1
        assert len({epoch for epoch, _, _ in held}) == 6


async def test_a_file_that_lies_elsewhere_betrays_it_too(tmp_path: Path) -> None:
    """Its last line is beyond the journal; lines are added behind it, and none is taken away."""
    audit = tmp_path / "audit.jsonl"
    publish = ('  plant: {sink: mqtt, url: "mqtt://127.0.0.1"}\n', "")
    here = (AUDIT, f"  plant: {{sink: file, path: {audit}}}\n")
    gateway = Gateway(tmp_path / "state", edited(PRESS, publish, here))
    for backup in ("backup", "newer"):
        async with gateway.on():
            await until(lambda: len(audit_orders(audit)) == gateway.starts)
        shutil.copytree(gateway.state, tmp_path / backup)
    before = audit.read_bytes()
    orphan = gateway.events()[-1]
    gateway.put_back(tmp_path / "backup")
    async with gateway.on():
        await until(lambda: bool(gateway.events("fault_raised")))
    assert gateway.alarms() == ["history_unknown", "history_lost"]
    (lost,) = gateway.events("history_lost")
    assert (lost["lost_epoch"], lost["last_seq"]) == (orphan["epoch"], orphan["seq"])
    assert audit.read_bytes().startswith(before)
    async with gateway.on():
        await until(lambda: len(audit_orders(audit)) == gateway.starts)
    assert gateway.alarms() == []


def audit_orders(file: Path) -> set[str]:
    """Return the orders that were begun, by the lines of a file sink."""
    lines = file.read_bytes().splitlines() if file.exists() else ()
    events = [json.loads(line)["data"] for line in lines]
    return {event["order"] for event in events if event["kind"] == "order_started"}


async def test_what_is_no_backup_is_no_alarm(tmp_path: Path) -> None:
    """Started again, killed, told of a loss, with nothing kept or another's position: it is calm.

    What is no position is told and costs nothing.
    """
    async with plant(tmp_path) as there:
        gateway, position = there.gateway, f"{TOPICS}/position"
        await there.delivers()
        there.reader.send("lineside/v1/acme/press-08/position", b"{}", retain=True)
        await there.delivers(ends=False)
        assert gateway.alarms() == []
        there.reader.send(position, b"", retain=True)
        await there.delivers()
        assert gateway.alarms() == []
        Paths(gateway.state / "journal").database.unlink()
        await there.delivers()
        assert set(gateway.alarms()) == {"history_lost"}
        await there.delivers()
        assert gateway.alarms() == []
        for garbage in (b"\xff{", b'{"epoch": "000099-aaaaaaaa", "last_seq": "1"}', b"[]"):
            there.reader.send(position, garbage, retain=True)
            await there.delivers()
            assert gateway.alarms() == ["sink_warning"]
        assert gateway.events("fault_raised") == []
