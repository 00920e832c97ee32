"""A station epoch after epoch: on a real journal whose disk the test breaks, by a manual clock."""

import asyncio
import errno
import fcntl
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from agent.app.commanding import socket_path
from agent.app.reading import Query, read_events
from agent.app.station import StationRun
from agent.app.surroundings import Surroundings
from agent.core.state import NotReady
from agent.engine import QUEUE_SIZE
from agent.journal.files import DiskFiles
from agent.journal.sqlite import Rim
from agent.ports import Worker
from drivers.base import CodeScanned, LinkChanged, WriteGroup
from tests.doubles import InlineWorker, ManualClock, SeededRandom, settled
from tests.unit.app.test_commanding import Bench as Person
from tests.unit.app.test_commanding import Engine
from tests.unit.app.test_conceal import scanned
from tests.unit.app.test_trouble import Told
from tests.unit.config.stations import PRESS, edited, loaded

T = TypeVar("T")
AUDIT = "path: audit.jsonl, required: false, kinds: [unit_completed]}\n"
STATION = edited(
    PRESS,
    ("credential:operator-key", "file:KEY"),
    ('  plant: {sink: mqtt, url: "mqtt://127.0.0.1"}\n', ""),
)


class Disk(InlineWorker):
    """The writer's thread, whose next job fails when the test says so."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        """Cleared: the disk hangs."""

    async def run(self, job: Callable[[], T]) -> T:
        """Do the job, or fail once."""
        await self.goes_on.wait()
        error, self.error = self.error, None
        if error is not None:
            raise error
        return job()


@dataclass
class Bench:
    """A station with its world, and what it said."""

    station: StationRun
    clock: ManualClock
    disk: Disk
    told: Told
    journal: Path
    scans: int = 0

    def scan(self, raw: bytes) -> CodeScanned:
        """Return what the reader sends next, at this moment."""
        self.scans += 1
        now = self.clock.now()
        return CodeScanned(
            id=f"s{self.scans}",
            device="scanner",
            earliest_ms=now.boot_ms,
            latest_ms=now.boot_ms,
            received=now,
            raw=raw,
        )

    def link(self, device: str) -> LinkChanged:
        """Return that a device is there."""
        now = self.clock.now()
        return LinkChanged(
            id=f"{device}-up",
            device=device,
            earliest_ms=now.boot_ms,
            latest_ms=now.boot_ms,
            received=now,
            up=True,
        )

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """Return what is recorded of some kinds, oldest first."""
        rows = read_events(self.journal, Query(kinds=kinds, newest_first=False))
        return [json.loads(row.body) for row in rows]

    def standing(self) -> tuple[bool, bool]:
        """Return (whether it is refused, whether the devices are its to use)."""
        return self.station.is_refused, self.station.claimed.is_set()

    def turns_read_only(self) -> None:
        """Let the disk take no writing: the next commit fails, and the place is not to be held."""
        self.disk.error = OSError(errno.EROFS, os.strerror(errno.EROFS))
        (self.journal / "lock").unlink()
        (self.journal / "lock").mkdir()  # it can be opened to read, and no other way

    def takes_writing(self) -> None:
        """Have it mounted for writing again."""
        (self.journal / "lock").rmdir()

    def epochs(self) -> list[str]:
        """Return the epochs that have begun."""
        return [event["epoch"] for event in self.events("agent_started")]

    def names(self) -> list[str]:
        """Return the names of the lines so far."""
        return [event for event, _ in self.told.lines]


class Threadless(InlineWorker):
    """A worker whose thread the system does not give."""

    async def run(self, job: Callable[[], T]) -> T:
        """Fail as the pool does."""
        raise RuntimeError(f"can't start new thread for {job}")


@dataclass
class World:
    """Where stations are set up."""

    directory: Path
    clock: ManualClock = field(default_factory=ManualClock)
    disk: Disk = field(default_factory=Disk)
    told: Told = field(default_factory=Told)
    text: str = STATION
    threadless: set[str] = field(default_factory=set)
    """Workers for which no thread can be had."""

    def station(self) -> StationRun:
        """Return a station that has not begun."""

        def worker(name: str) -> Worker:
            if name in self.threadless:
                return Threadless()
            return self.disk if name == "journal-writer" else InlineWorker()

        (self.directory / "key").write_text("demo-key-not-for-use")
        text = self.text.replace("file:KEY", f"file:{self.directory}/key")
        around = Surroundings(
            clock=self.clock,
            random=SeededRandom(),
            worker=worker,
            journal=Rim(files=DiskFiles(), clock=self.clock, worker=worker),
            secret=lambda reference: Path(reference.removeprefix("file:")).read_text("utf-8"),
            directory=self.directory / "state",
            journal_path=self.directory / "state" / "journal",
        )
        return StationRun(loaded(text), around, self.told)

    @asynccontextmanager
    async def running_without_a_disk(self) -> AsyncIterator[Bench]:
        """Run a station whose journal cannot be made: a file stands where it has to be."""
        place = self.directory / "state" / "journal"
        place.parent.mkdir(exist_ok=True)
        place.write_text("in the way")
        async with self.running() as bench:
            await self.clock.advance(3)
            yield bench

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Bench]:
        """Run a station until the test is done with it, then let it end in order."""
        station = self.station()
        run = asyncio.create_task(station.run())
        await settled()
        try:
            yield Bench(
                station, self.clock, self.disk, self.told, self.directory / "state" / "journal"
            )
        finally:
            station.stop()
            async with asyncio.timeout(60):
                while not run.done():
                    await self.clock.advance(1)
            await run


def published(directory: Path) -> list[dict[str, Any]]:
    """Return the events that a file sink has got, as they came."""
    lines = (directory / "audit.jsonl").read_bytes().splitlines()
    return [json.loads(line)["data"] for line in lines]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world of its own for each test."""
    return World(tmp_path)


async def test_a_failed_commit_ends_the_epoch_and_the_next_begins_by_itself(world: World) -> None:
    """One line when it fails, one when it is over; scans of the time between are recorded."""
    async with world.running() as bench:
        await bench.station.emit(bench.scan(b"WO-000001"))
        await settled()
        bench.disk.error = OSError("no spindle")
        await bench.station.emit(bench.scan(b"WO-000002"))
        await settled()
        assert bench.station.readiness() is NotReady.JOURNAL
        assert bench.station.due("plc") == (WriteGroup(device="plc", values=(("ready", False),)),)
        await bench.station.emit(bench.scan(b"WO-000003"))
        await bench.clock.advance(1)
        started = bench.events("order_started")
        assert [(event["epoch"][:6], event["order"]) for event in started] == [
            ("000001", "000001"),
            ("000002", "000002"),
            ("000002", "000003"),
        ]
        failed = [fields for event, fields in bench.told.lines if event == "journal_failed"]
        begun = [fields for event, fields in bench.told.lines if event == "epoch_started"]
        assert [str(fields["error"]) for fields in failed] == [
            "the journal's thread died: OSError('no spindle')"
        ]
        assert [fields.get("attempts") for fields in begun] == [None, 1]


async def test_a_journal_that_is_removed_under_the_agent_is_no_fresh_start(world: World) -> None:
    """What was recorded is named as lost, to the log and in the next epoch (FAULTS P20)."""
    async with world.running() as bench:
        await bench.station.emit(bench.scan(b"WO-000001"))
        await settled()
        newest = bench.events()[-1]
        shutil.rmtree(bench.journal)
        bench.disk.error = OSError("no such directory")
        await bench.station.emit(bench.scan(b"WO-000002"))
        await bench.clock.advance(1)
        lost = bench.events("history_lost")
        assert [
            (event["lost_epoch"], event["first_seq"], event["last_seq"], event["epoch"][:6])
            for event in lost
        ] == [(newest["epoch"], 1, newest["seq"], "000002")]
        assert bench.names().count("history_lost") == 1
        assert [event["order"] for event in bench.events("order_started")] == ["000002"]


async def test_what_is_recorded_is_published_while_nothing_can_be_written(world: World) -> None:
    """A place that turned read-only holds the station; its sinks get what is there (FAULTS P17).

    Nothing is recorded and no epoch begins; how far they have come is kept, and once the place
    takes writing the next run goes on behind it.
    """
    away = world.directory / "away"
    world.text = edited(STATION, (AUDIT, f"path: {away}/audit.jsonl}}\n"))
    async with world.running() as bench:
        await bench.station.emit(bench.scan(b"WO-000001"))
        await settled()
        recorded = bench.events()
        bench.turns_read_only()
        await bench.station.emit(bench.scan(b"WO-000002"))
        await bench.clock.advance(3)
        assert bench.station.readiness() is NotReady.JOURNAL
        assert "publishing_goes_on" in bench.names()
        away.mkdir()
        await bench.clock.advance(60)
        assert published(away) == recorded
        assert bench.events() == recorded
        assert len(bench.epochs()) == 1
        bench.takes_writing()
        await bench.clock.advance(10)
        assert [event["order"] for event in bench.events("order_started")] == ["000001", "000002"]
        assert len(bench.epochs()) == 2
        await bench.clock.advance(10)
        assert published(away) == bench.events()
        assert bench.names().count("journal_failed") == 2


async def test_a_stop_ends_what_is_published_meanwhile(world: World) -> None:
    """The station that waits for its disk is stopped like any other, and begins no epoch."""
    async with world.running() as bench:
        bench.turns_read_only()
        await bench.station.emit(bench.scan(b"WO-000001"))
        await bench.clock.advance(3)
        assert "publishing_goes_on" in bench.names()
        assert len(bench.epochs()) == 1
    assert len(bench.epochs()) == 1


async def test_a_command_whose_commit_failed_is_not_said_to_be_done(world: World) -> None:
    """The person is told where to look, and gives it again in the next epoch (law 1)."""
    async with world.running() as bench:
        door = Person(socket_path(world.directory / "state"), Engine(), world.told)
        world.disk.error = OSError(5, "input/output error")
        assert await door.ask() == {}
        await bench.clock.advance(1)
        await settled()
        first, again = await door.ask(), await door.ask()
        assert (first["accepted"], again["error"]) == (True, "'L-1' is blocked already")
        blocked = bench.events("lot_blocked")
        assert [f"{event['epoch']}-{event['seq']}" for event in blocked] == [first["address"]]
        assert blocked[0]["who"] == bench.events("command_refused")[0]["who"]


async def test_another_agents_journal_is_left_alone(world: World) -> None:
    """While another process holds the place, no device is ours; once it is free, the run begins."""
    place = world.directory / "state" / "journal"
    place.mkdir(mode=0o700, parents=True)
    held = os.open(place / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    async with world.running() as bench:
        assert bench.standing() == (True, False)
        assert bench.station.opened.is_set()
        assert bench.station.due("plc") == ()
        await bench.station.emit(bench.scan(b"WO-000001"))  # the other agent's, not ours
        await bench.clock.advance(20)
        os.close(held)
        await bench.clock.advance(40)
        assert bench.standing() == (False, True)
        assert bench.events("order_started") == []
        assert bench.names().count("station_refused") == 1


async def test_what_is_scanned_before_any_disk_takes_it_is_recorded(world: World) -> None:
    """A disk that is read-only at the start costs no scan, and no badge its pseudonym."""
    async with world.running_without_a_disk() as bench:
        assert bench.station.readiness() is NotReady.JOURNAL
        await bench.station.emit(bench.scan(b"WO-104711"))
        await bench.station.emit(bench.scan(b"OP-4711"))
        bench.journal.unlink()
        await bench.clock.advance(40)
        assert [event["order"] for event in bench.events("order_started")] == ["104711"]
        (signed_on,) = bench.events("operator_signed_on")
        assert "4711" not in signed_on["operator"]["ref"]
        assert "scans_lost" not in bench.names()


async def test_a_stop_names_the_scans_that_no_disk_took(world: World) -> None:
    """What ends with the process is told, so that it can be scanned again; no badge in clear."""
    async with world.running_without_a_disk() as bench:
        await bench.station.emit(bench.scan(b"WO-104711"))
        await bench.station.emit(bench.scan(b"OP-4711"))
    (lost,) = [fields for event, fields in world.told.lines if event == "scans_lost"]
    order, badge = cast("list[str]", lost["codes"])
    assert (lost["n"], order) == (2, "WO-104711")
    assert "4711" not in badge


async def test_a_scan_that_waits_for_room_is_recorded_when_its_reader_is_let_go(
    world: World,
) -> None:
    """At a stop readers end first; one that waits for a slow disk had its scan in hand."""
    async with world.running() as bench:
        bench.disk.goes_on.clear()
        codes = [b"SN%06d" % number for number in range(4 * QUEUE_SIZE)]

        async def read() -> None:
            for code in codes:
                handed.append(code)
                await bench.station.emit(bench.scan(code))

        handed: list[bytes] = []
        reader = asyncio.create_task(read())
        await bench.clock.advance(1)
        assert len(handed) < len(codes)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        bench.station.stop()
        await bench.clock.advance(1)
        bench.disk.goes_on.set()
        await bench.clock.advance(5)
        recorded = {bytes.fromhex(e["raw"]) for e in bench.events() if "raw" in e}
        assert sorted(set(handed) - recorded)[:5] == []
        assert handed[-1] in recorded


async def test_without_a_thread_for_the_journal_the_run_ends_with_the_reason(world: World) -> None:
    """Nobody was ready meanwhile, and the service manager begins it again (E03, as R10)."""
    world.disk.error = RuntimeError("can't start new thread")
    station = world.station()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        await station.run()
    assert [event for event, _ in world.told.lines if event == "ready"] == []
    assert station.readiness() is not NotReady.READY
    async with world.running() as bench:
        assert "epoch_started" in bench.names()


@pytest.mark.parametrize("name", ["sink-audit", "lookup"])
async def test_with_some_threads_and_not_all_no_epoch_begins(world: World, name: str) -> None:
    """Nobody sees it ready for a moment, nothing is recorded, and once there are all it works."""
    world.threadless = {name}
    station = world.station()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        await station.run()
    assert station.readiness() is not NotReady.READY
    assert [event for event, _ in world.told.lines if event in {"ready", "epoch_started"}] == []
    world.threadless = set()
    async with world.running() as bench:
        assert bench.events()[0]["epoch"].startswith("000001-")


async def test_a_missing_key_holds_the_station_until_it_is_there(world: World) -> None:
    """Without the key no badge could be recorded as it must: told once, and tried again."""
    async with world.running() as other:
        assert other.names()[0] == "epoch_started"
    world.told.lines.clear()
    station = world.station()
    (world.directory / "key").unlink()
    run = asyncio.create_task(station.run())
    await world.clock.advance(3)
    assert station.readiness() is NotReady.JOURNAL
    assert [event for event, _ in world.told.lines] == ["key_missing", "not_ready"]
    assert str(world.told.lines[0][1]["at"]).startswith("f:")
    await station.emit(scanned(b"OP-4711"))
    (world.directory / "key").write_text("demo-key-not-for-use")
    await world.clock.advance(40)
    assert [event for event, _ in world.told.lines][2:4] == ["epoch_started", "scans_lost"]
    station.stop()
    while not run.done():
        await world.clock.advance(1)
    await run


async def test_readiness_is_told_once_each_time_it_changes(world: World) -> None:
    """Ready when the devices are there, not ready with the reason when one goes."""
    async with world.running() as bench:
        await bench.clock.advance(3)
        await bench.station.emit(bench.link("plc"))
        await bench.station.emit(bench.link("scanner"))
        await bench.clock.advance(3)
        told = [line for line in bench.told.lines if line[0] in {"ready", "not_ready"}]
        assert told == [
            ("not_ready", {"reason": "device_lost"}),
            ("not_ready", {"reason": "tag_fault"}),  # its trigger has not been read yet
        ]
        assert bench.station.moves()


async def test_epochs_do_not_follow_each_other_five_times_a_second(world: World) -> None:
    """A disk that takes the first commit of each epoch and no second fills with nothing else."""
    async with world.running() as bench:
        for _ in range(60):
            bench.disk.error = OSError("again")
            await bench.station.emit(bench.scan(b"WO-000001"))
            await settled()
            await bench.clock.advance(1)
        assert bench.names().count("epoch_started") < 12


async def test_sinks_are_links_like_every_other(world: World) -> None:
    """A sink that comes is told and recorded; what it was sent is there."""
    async with world.running() as bench:
        await bench.clock.advance(1)
        assert "sink_connected" in bench.names()
        restored = bench.events("link_restored")
        assert [event["device"] for event in restored] == ["sink/audit"]
    assert (world.directory / "state" / "audit.jsonl").exists()
