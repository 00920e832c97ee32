"""A whole station at its quota: optional sinks lose first, and are told; then it holds (E08)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.app.station import StationRun
from agent.app.surroundings import Surroundings
from agent.core.state import NotReady
from agent.journal.files import DiskFiles
from agent.journal.sqlite import Rim
from agent.journal.verify import verify
from tests.doubles import InlineWorker, SeededRandom
from tests.unit.app.test_station import STATION, Bench, World
from tests.unit.config.stations import edited, loaded


class Small(World):
    """A world whose station may keep little, and whose only sink cannot write."""

    required = "false"

    def station(self) -> StationRun:
        """Return a station that has not begun."""
        (self.directory / "key").write_text("demo-key-not-for-use")
        (self.directory / "state").mkdir(mode=0o700, exist_ok=True)
        (self.directory / "state" / "audit.jsonl").mkdir(exist_ok=True)  # in the file's way
        text = edited(
            STATION.replace("file:KEY", f"file:{self.directory}/key"),
            ("publish:\n", "journal: {keep: 1h, quota: 1MiB}\npublish:\n"),
            ("required: false, kinds", f"required: {self.required}, kinds"),
        )
        around = Surroundings(
            clock=self.clock,
            random=SeededRandom(),
            worker=lambda _: InlineWorker(),
            journal=Rim(files=DiskFiles(), clock=self.clock, worker=lambda _: InlineWorker()),
            secret=lambda reference: Path(reference.removeprefix("file:")).read_text("utf-8"),
            directory=self.directory / "state",
            journal_path=self.directory / "state" / "journal",
        )
        return StationRun(loaded(text), around, self.told)


class Strict(Small):
    """The same with a sink that must have everything."""

    required = "true"


@asynccontextmanager
async def filled(world: World) -> AsyncIterator[Bench]:
    """Run a station twice: it scans until its quota is used up, and again after a restart."""
    for last, scans in ((False, 1000), (True, 300)):
        async with world.running() as bench:
            for number in range(scans):
                await bench.station.emit(bench.scan(b"WO-%06d" % number))
                if number % 50 == 0:
                    await bench.clock.advance(2)
            await bench.clock.advance(5)
            if last:
                yield bench


async def test_an_optional_sink_loses_first_and_is_told(tmp_path: Path) -> None:
    """The range is an event and a line in the log; the station goes on, and is whole."""
    async with filled(Small(tmp_path)) as bench:
        skipped = bench.events("sink_skipped")
        assert [event["sink"] for event in skipped] == ["audit"] * len(skipped)
        assert skipped[0]["from_address"].endswith("-1")
        assert sum(event["n"] for event in skipped) >= 500
        assert bench.names().count("sink_skipped") == len(skipped)
        assert bench.station.readiness() is not NotReady.DISK_FULL
        assert "journal_filled" in bench.names()
        report = verify(bench.journal)
        assert report.is_whole
        assert report.edge is not None
        told_to = int(skipped[-1]["to_address"].rpartition("-")[2])
        assert report.edge.address.seq <= told_to


async def test_what_a_required_sink_lacks_holds_the_station(tmp_path: Path) -> None:
    """Nothing is deleted, the log names the sink, and the PLC reads that the disk is full."""
    async with filled(Strict(tmp_path)) as bench:
        assert bench.events("sink_skipped") == []
        assert bench.station.readiness() is NotReady.DISK_FULL
        waits = {f["waits_for"] for event, f in bench.told.lines if event == "journal_filled"}
        assert waits == {"audit"}
        report = verify(bench.journal)
        assert report.edge is None
        assert report.is_whole
