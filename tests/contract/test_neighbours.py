"""Two stations of one folder, run as the agent runs them: what one records the other knows.

Manual benches, so that the scan is the cycle; a real journal and look-up each, by a manual clock.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.app.attached import Attach
from agent.app.reading import Query, read_events
from agent.app.registries import registries
from agent.app.station import StationRun
from agent.app.surroundings import Surroundings
from agent.config.load import load_folder
from agent.config.loaded import StationConfig
from agent.journal.files import DiskFiles
from agent.journal.sqlite import Rim
from agent.trace.lookup import FILE, LookupStore
from drivers.base import CodeScanned, LinkChanged
from tests.doubles import InlineWorker, ManualClock, SeededRandom, settled
from tests.unit.app.test_trouble import Told

BENCH = """
station: acme/{name}
machine: {name}
timezone: Europe/Vienna
operators: {{mode: none}}
journal: {{keep: 1h}}
devices:
  scanner: {{driver: scanner, port: /dev/serial/by-id/{name}}}
scans:
  - {{match: {{regex: 'SN-[0-9]+'}}, means: unit}}
  - {{match: {{regex: 'BLOCK (?P<id>SN-[0-9]+)'}}, means: block}}
track:
  by: serial
  {previous}
  pair: {{strategy: scan-only, window: 1s}}
"""
OVER_S = 1.5
"""After a scan: its window is over and it is judged."""


@dataclass
class Floor:
    """A folder with a saw and a press after it."""

    directory: Path
    clock: ManualClock = field(default_factory=ManualClock)
    told: Told = field(default_factory=Told)
    lookups: dict[str, LookupStore] = field(default_factory=dict)
    attach: Attach | None = None
    scans: int = 0

    def configs(self, more: str = "") -> tuple[StationConfig, ...]:
        """Return what the files of the folder say."""
        folder = self.directory / "stations"
        folder.mkdir(exist_ok=True)
        previous = f"previous: [acme/saw]\n  {more}"
        for name, before in (("saw", ""), ("press", previous)):
            text = BENCH.format(name=name, previous=before)
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        found = load_folder(folder, registries())
        assert found.refused == {}
        return found.stations

    def station(self, config: StationConfig) -> StationRun:
        """Return a station that has not begun."""
        directory = self.directory / config.station.machine
        around = Surroundings(
            clock=self.clock,
            random=SeededRandom(),
            worker=lambda _: InlineWorker(),
            journal=Rim(
                files=DiskFiles(),
                clock=self.clock,
                worker=lambda _: InlineWorker(),
                ballast_bytes=4096,
                reserve_bytes=4096,
            ),
            secret=str,
            directory=directory,
            journal_path=directory / "journal",
            lookups=self.lookups,
            attach=self.attach,
        )
        return StationRun(config, around, self.told)

    @asynccontextmanager
    async def running(self, more: str = "") -> AsyncIterator[dict[str, StationRun]]:
        """Run both stations; a test may stop one of them before."""
        self.lookups.clear()
        stations = {c.station.machine: self.station(c) for c in self.configs(more)}
        runs = [asyncio.create_task(station.run()) for station in stations.values()]
        await settled()
        for station in stations.values():
            await station.emit(self.link())
        try:
            yield stations
        finally:
            for station in stations.values():
                station.stop()
            await self.clock.advance(10)
            await asyncio.gather(*runs)

    def link(self) -> LinkChanged:
        """Return that a reader is there."""
        return LinkChanged(**self.about(), up=True)

    def about(self) -> dict[str, Any]:
        """Return what each observation has."""
        self.scans += 1
        now = self.clock.now()
        return {
            "id": f"s{self.scans}",
            "device": "scanner",
            "earliest_ms": now.boot_ms,
            "latest_ms": now.boot_ms,
            "received": now,
        }

    async def emit(self, station: StationRun, code: str) -> None:
        """Let a station see a code."""
        await station.emit(CodeScanned(**self.about(), raw=code.encode()))

    async def scan(self, station: StationRun, code: str) -> dict[str, Any]:
        """Scan a code at a station and return its newest event of a unit."""
        await self.emit(station, code)
        await self.clock.advance(OVER_S)
        kinds = ("unit_completed", "unit_refused")
        directory = self.directory / station.name.partition("/")[2] / "journal"
        rows = read_events(directory, Query(kinds=kinds, newest_first=True, limit=1))
        newest = [json.loads(row.body) for row in rows]
        return dict(newest[0]) if newest else {}


def outcome(event: dict[str, Any]) -> tuple[str, str | None, int]:
    """Return kind, reason and answer."""
    return event["kind"], event.get("reason"), event["answer"]


@pytest.fixture
def floor(tmp_path: Path) -> Floor:
    """Return a folder of its own for each test."""
    return Floor(tmp_path)


async def test_a_unit_passes_the_press_after_the_saw_only(floor: Floor) -> None:
    """Refused (5) before the saw, recorded after it with the saw's own event as evidence."""
    async with floor.running() as at:
        early = await floor.scan(at["press"], "SN-1")
        assert outcome(early) == ("unit_refused", "previous_missing", 5)
        sawn = await floor.scan(at["saw"], "SN-1")
        done = await floor.scan(at["press"], "SN-1")
        assert outcome(done) == ("unit_completed", None, 1)
        (said,) = done["previous"]
        assert (said["station"], said["result"]) == ("acme/saw", "ok")
        assert said["address"] == f"{sawn['epoch']}-{sawn['seq']}"
        again = await floor.scan(at["press"], "SN-1")
        assert outcome(again) == ("unit_refused", "duplicate", 3)


async def test_what_was_known_outlives_a_restart_and_a_lost_file(floor: Floor) -> None:
    """After a restart, and with the press's look-up deleted, the same answers are given."""
    async with floor.running() as at:
        await floor.scan(at["saw"], "SN-1")
        await floor.scan(at["press"], "SN-1")
        await floor.scan(at["saw"], "SN-2")
    (floor.directory / "press" / FILE).unlink()
    async with floor.running() as at:
        assert outcome(await floor.scan(at["press"], "SN-1"))[1:] == ("duplicate", 3)
        second = await floor.scan(at["press"], "SN-2")
        assert outcome(second) == ("unit_completed", None, 1)
        assert "knowledge_since" not in second  # the journal still had everything


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("unknown: refuse", ("unit_refused", "previous_unknown", 5)),
        ("unknown: record", ("unit_completed", None, 1)),
    ],
)
async def test_while_the_saw_is_away_the_policy_decides(
    floor: Floor, more: str, expected: tuple[str, str | None, int]
) -> None:
    """A station whose journal is not open cannot be asked: it is said, and nothing is guessed."""
    async with floor.running(more) as at:
        await floor.scan(at["saw"], "SN-1")
        at["saw"].stop()
        await floor.clock.advance(2)
        event = await floor.scan(at["press"], "SN-1")
        assert outcome(event) == expected
        assert event["why"] == ["previous_unknown"]
        assert event["previous"] == [{"station": "acme/saw"}]


async def test_a_unit_blocked_at_the_saw_is_blocked_at_the_press(floor: Floor) -> None:
    """Whoever blocks a unit in this folder blocks it everywhere here: answer 6 (D-56)."""
    async with floor.running() as at:
        await floor.scan(at["saw"], "SN-1")
        await floor.scan(at["saw"], "BLOCK SN-1")
        event = await floor.scan(at["press"], "SN-1")
        assert outcome(event) == ("unit_refused", "unit_blocked", 6)
