"""`python -m tests.sim.outage`: the broker is away for three days, then everything is caught up.

    python -m tests.sim.outage [--hours H] [--rate N] [--most-mb N] [--place DIRECTORY]

First the days pass in virtual time: a press with a camera makes parts, each an event in the journal
on a real disk, and the sink finds nobody. Then a second life of the agent works in real time, with
real threads: it delivers the backlog while the press goes on. Told are how long the days took, the
memory at each tenth of the outage and of the catching up, the rate of that, and how long the PLC
waits for its answer meanwhile and after.

Laws:
    1. Each event of the journal is delivered, in order, each proven and following the one before.
    2. The memory does not grow with the backlog: once what is bounded is full, it grows by
       `--most-mb` at most to the end of the catching up, however many days there are.
    3. Each request of the PLC is answered 1, also while the backlog is delivered.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from agent.app.registries import registries
from agent.app.station import StationRun
from agent.app.surroundings import Surroundings
from agent.config.load import load_source
from agent.config.loaded import StationConfig
from agent.config.source import parse_source
from agent.journal.files import DiskFiles
from agent.journal.sqlite import Rim
from agent.journal.verify import verify
from agent.ports import Address, Clock, Worker
from agent.sinks import registry
from agent.threads import ThreadWorker
from tests.contract.rig import RealClock
from tests.doubles import InlineWorker, ManualClock, SeededRandom
from tests.sim.outage_press import Press
from tests.sim.outage_sink import SINKS, Subscriber
from tests.sim.station import Variant

HOURS, RATE = 72.0, 2.0
MOST_MB = 24.0
"""By so much the memory may grow: the second life has threads, and its own bounded stores."""
FULL_PARTS = 5_000
"""After so many parts the stores of what was newest are full (`agent.lookups.MOST_RECENT`)."""
TENTHS = 10
RESTING = 100
"""Requests whose waiting is measured once nothing is left to catch up."""
BALLAST_BYTES, RESERVE_BYTES = 1 << 20, 1 << 20


def _config() -> StationConfig:
    """Return the press with a camera and one sink."""
    text = Variant(has_camera=True, keep="30d", every_s=0).text
    text = "\n".join(line for line in text.splitlines() if not line.startswith("  units:"))
    with mock.patch.dict(registry.SINKS, SINKS):
        return load_source(parse_source(text.encode(), "press-07.yaml"), registries())


@dataclass(slots=True)
class Report:
    """What came of it."""

    hours: float
    rate: float
    events: int = 0
    days_s: float = 0
    """Real seconds that the days took."""
    catch_up_s: float = 0
    caught_up: int = 0
    away_mb: list[float] = field(default_factory=list)
    """The memory of the process after each tenth of the outage."""
    back_mb: list[float] = field(default_factory=list)
    """The same after each tenth of the backlog, and after the last part."""
    journal_mb: float = 0
    busy_ms: list[float] = field(default_factory=list)
    """How long the PLC waited for each answer while the backlog was delivered."""
    resting_ms: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def highest_mb(self) -> float:
        """The most memory that was seen."""
        return max(self.away_mb + self.back_mb)

    @property
    def grown_mb(self) -> float:
        """By how much the memory grew from the tenth of the outage on that filled the stores."""
        parts = self.hours * 3600 * self.rate
        full = min(TENTHS - 1, int(FULL_PARTS * TENTHS / parts))
        return max(self.away_mb[full:] + self.back_mb) - self.away_mb[full]

    def table(self) -> str:
        """Return what was measured as Markdown, as docs/reliability.md has it."""
        rows = {
            "hours without the broker": f"{self.hours:g}",
            "events in the journal": f"{self.events:,}",
            "real time of these hours": f"{self.days_s:,.0f} s",
            "journal": f"{self.journal_mb:,.0f} MB",
            "memory of the process, highest": f"{self.highest_mb:.0f} MB",
            "of that grown since what is bounded was full": f"{self.grown_mb:.1f} MB",
            "memory after each tenth of the outage": _listed(self.away_mb),
            "memory after each tenth of the backlog, and at rest": _listed(self.back_mb),
            "caught up": f"{self.caught_up:,} events in {self.catch_up_s:.1f} s",
            "events a second": f"{self.caught_up / max(self.catch_up_s, 1e-9):,.0f}",
            "PLC waits meanwhile, p50 / p99": f"{_at(self.busy_ms)} ms",
            "PLC waits afterwards, p50 / p99": f"{_at(self.resting_ms)} ms",
            "lost, altered or out of order": f"{len(self.problems)}",
        }
        lines = (f"| {name} | {value} |\n" for name, value in rows.items())
        return "".join(("| | |\n| --- | ---: |\n", *lines))


def _at(took_ms: list[float]) -> str:
    if len(took_ms) < 2:
        return f"{took_ms[0]:.1f} / {took_ms[0]:.1f}" if took_ms else "-"
    parts = statistics.quantiles(took_ms, n=100)
    return f"{parts[49]:.1f} / {parts[98]:.1f}"


def _listed(sizes_mb: list[float]) -> str:
    return f"{' '.join(f'{size:.1f}' for size in sizes_mb)} MB"


def memory_mb() -> float:
    """Return the memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1e6


async def outage(
    directory: Path, hours: float = HOURS, rate: float = RATE, most_mb: float = MOST_MB
) -> Report:
    """Let the broker be away for so long at so many events a second, and catch up."""
    report, subscriber = Report(hours, rate), Subscriber()
    with ExitStack() as undo:
        undo.enter_context(mock.patch.dict(registry.SINKS, SINKS))
        undo.enter_context(mock.patch.object(Subscriber, "here", subscriber))
        press = await _days(directory, report)
        subscriber.is_away = False
        await _after(directory, press.request, subscriber, report)
    proof = verify(directory / "journal")
    report.events = proof.rows
    if not proof.is_whole:
        report.problems.append(proof.text())
    report.problems += subscriber.problems
    if subscriber.delivered < report.events:
        report.problems.append(f"{report.events - subscriber.delivered} not delivered")
    if report.grown_mb > most_mb:
        report.problems.append(f"the memory is not flat: {report.grown_mb:.1f} MB more")
    report.journal_mb = _size_mb(directory)
    return report


def _size_mb(directory: Path) -> float:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) / 1e6


async def _days(directory: Path, report: Report) -> Press:
    """Let the days pass by a clock that is turned as fast as the agent can follow."""
    hours, rate, now = report.hours, report.rate, RealClock().now()
    clock = ManualClock(wall_ms=now.wall_ms - round(hours * 3_600_000), boot_ms=0)
    station = _station(directory, clock, lambda _: InlineWorker())
    press = Press(clock)
    began_s = time.monotonic()
    parts = round(hours * 3600 * rate)
    async with _running(station, press):
        while not press.is_shown.is_set():
            await clock.advance(0.1)
        await press.begin(station)
        for number in range(1, parts + 1):
            pressing = asyncio.ensure_future(press.press(station))
            while not pressing.done():
                await clock.advance(0.5 / rate)
            pressing.result()
            await clock.advance(0.5 / rate)
            if number * TENTHS // parts > len(report.away_mb):
                report.away_mb.append(memory_mb())
        station.stop()
        await clock.advance(30)
    report.days_s = time.monotonic() - began_s
    return press


async def _after(directory: Path, request: int, subscriber: Subscriber, report: Report) -> None:
    """Deliver the backlog in real time while the press goes on."""
    clock = RealClock()
    station = _station(directory, clock, ThreadWorker)
    press = Press(clock)
    press.request = request
    backlog = round(report.hours * 3600 * report.rate)
    began_s = time.monotonic()
    async with _running(station, press):
        await press.is_shown.wait()
        await press.begin(station)
        while len(report.resting_ms) < RESTING:
            is_behind = not _is_caught_up(station, subscriber)
            asked_s = time.perf_counter()
            await press.press(station)
            took_s = time.perf_counter() - asked_s
            (report.busy_ms if is_behind else report.resting_ms).append(took_s * 1000)
            if is_behind:
                report.catch_up_s = time.monotonic() - began_s
                report.caught_up = subscriber.delivered
            if min(subscriber.delivered, backlog) * TENTHS // backlog > len(report.back_mb):
                report.back_mb.append(memory_mb())
            await asyncio.sleep(0.005)
        assert station.journal is not None
        last = station.journal.last
        while subscriber.newest is None or (last and subscriber.newest.row.address < last):  # noqa: ASYNC110 - another task's progress
            await asyncio.sleep(0.01)
    report.back_mb.append(memory_mb())


@asynccontextmanager
async def _running(station: StationRun, press: Press) -> AsyncIterator[None]:
    """Run a station with its press; it is asked to end at the end, and must."""
    station.devices += [press]  # type: ignore[list-item]  # what a station needs of a device
    running = asyncio.create_task(station.run(), name="station")
    holding = asyncio.create_task(press.hold(station), name="press")
    try:
        yield
        station.stop()
        await running
    finally:
        running.cancel()
        holding.cancel()
        await asyncio.gather(running, holding, return_exceptions=True)


def _station(directory: Path, clock: Clock, worker: Callable[[str], Worker]) -> StationRun:
    around = Surroundings(
        clock=clock,
        random=SeededRandom(),
        worker=worker,
        journal=Rim(
            files=DiskFiles(), clock=clock, worker=worker,
            ballast_bytes=BALLAST_BYTES, reserve_bytes=RESERVE_BYTES,
        ),
        secret=lambda reference: reference,
        directory=directory,
        journal_path=directory / "journal",
    )  # fmt: skip
    return StationRun(_config(), around, lambda *_, **__: None)


def _is_caught_up(station: StationRun, subscriber: Subscriber) -> bool:
    journal, newest = station.journal, subscriber.newest
    last: Address | None = journal.last if journal is not None else None
    return newest is not None and last is not None and last <= newest.row.address


def main() -> int:
    """Let the broker be away, print what was measured, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.outage")
    parser.add_argument("--hours", type=float, default=HOURS)
    parser.add_argument("--rate", type=float, default=RATE, help="events a second")
    parser.add_argument("--most-mb", type=float, default=MOST_MB, help="memory may grow by so much")
    parser.add_argument("--place", type=Path, help="where the journal lies meanwhile")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.place) as place:
        report = asyncio.run(outage(Path(place), given.hours, given.rate, given.most_mb))
    sys.stdout.write(report.table())
    sys.stdout.writelines(f"{problem}\n" for problem in report.problems[:5])
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
