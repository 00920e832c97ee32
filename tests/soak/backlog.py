"""`python -m tests.soak.backlog`: a million events that no sink has, and then one that takes them.

    python -m tests.soak.backlog [--events N] [--most-mb N] [--place DIRECTORY]

The long form of B16, on a real journal with real threads: each event is proven as it arrives and
follows the one before, a live event is committed every ten milliseconds meanwhile, and the memory
is looked at after each tenth. Exit code 1 if anything lacks, was altered or came out of order, or
if the memory is not flat.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from unittest import mock

from agent.journal.files import DiskFiles
from agent.journal.opening import open_journal
from agent.journal.sqlite import Rim, SqliteJournal
from agent.ports import Address
from agent.publisher import Publisher, Quarantine
from agent.sinks.options import SinkPlace, position_of
from agent.threads import ThreadWorker
from tests.bench.journal import Line
from tests.contract.rig import RealClock
from tests.doubles import InlineWorker, SeededRandom, nothing_aside
from tests.histories import STATION
from tests.sim.outage import memory_mb
from tests.sim.outage_sink import SPEC, Subscriber

EVENTS, BATCH, TENTHS = 1_000_000, 1_000, 10
MOST_MB = 24.0
LIVE_EVERY_S = 0.01


@dataclass(slots=True)
class Drained:
    """What came of it."""

    events: int
    filled_s: float = 0
    took_s: float = 0
    memory_mb: list[float] = field(default_factory=list)
    """After each tenth."""
    live_ms: list[float] = field(default_factory=list)
    """How long each live event took to commit meanwhile."""
    problems: list[str] = field(default_factory=list)

    def table(self) -> str:
        """Return it as Markdown, as docs/reliability.md has it."""
        p99_ms = statistics.quantiles(self.live_ms, n=100)[98] if len(self.live_ms) > 1 else 0
        rows = {
            "events that waited": f"{self.events:,}",
            "recorded in": f"{self.filled_s:,.0f} s",
            "delivered in": f"{self.took_s:,.0f} s: {self.events / self.took_s:,.0f} a second",
            "memory after each tenth": f"{' '.join(f'{mb:.1f}' for mb in self.memory_mb)} MB",
            "live events meanwhile": f"{len(self.live_ms):,}",
            "committed within, p99": f"{p99_ms:.1f} ms",
            "lost, altered or out of order": f"{len(self.problems)}",
        }
        lines = (f"| {name} | {value} |\n" for name, value in rows.items())
        return "".join(("| | |\n| --- | ---: |\n", *lines))


async def drained(directory: Path, events: int, most_mb: float = MOST_MB) -> Drained:
    """Record so many events, then deliver them while more are recorded."""
    found, line, subscriber = Drained(events), Line(), Subscriber(is_away=False)
    rim = Rim(files=DiskFiles(), clock=RealClock(), worker=ThreadWorker)
    journal, _ = await open_journal(directory / "journal", STATION, rim)
    try:
        began_s = time.monotonic()
        await journal.append([line.first])
        for _ in range(-(-events // BATCH)):
            await journal.append(line.rows(BATCH))
        found.filled_s = time.monotonic() - began_s
        last = journal.last
        assert last is not None
        with mock.patch.object(Subscriber, "here", subscriber):
            async with _publishing(directory, journal):
                began_s = time.monotonic()
                while not _has(subscriber, last):
                    asked_s = time.perf_counter()
                    await journal.append(line.rows(1))
                    found.live_ms.append((time.perf_counter() - asked_s) * 1000)
                    if subscriber.delivered * TENTHS // events > len(found.memory_mb):
                        found.memory_mb.append(memory_mb())
                    await asyncio.sleep(LIVE_EVERY_S)
                found.took_s = time.monotonic() - began_s
                newest = journal.last
                while newest is not None and not _has(subscriber, newest):  # noqa: ASYNC110 - another task's progress
                    await asyncio.sleep(LIVE_EVERY_S)
    finally:
        await journal.close()
    found.problems += subscriber.problems
    grown_mb = max(found.memory_mb) - found.memory_mb[0]
    if grown_mb > most_mb:
        found.problems.append(f"the memory is not flat: {grown_mb:.1f} MB more")
    return found


def _has(subscriber: Subscriber, address: Address) -> bool:
    return subscriber.newest is not None and subscriber.newest.row.address >= address


@asynccontextmanager
async def _publishing(directory: Path, journal: SqliteJournal) -> AsyncIterator[None]:
    clock, worker = RealClock(), InlineWorker()
    place = SinkPlace(
        name="plant",
        station=STATION,
        directory=directory,
        clock=clock,
        worker=worker,
        position=partial(position_of, journal),
        status=lambda: None,
        read=journal.read,
        set_aside=nothing_aside,
        secret=str,
        warn=lambda _reason, _text: None,
    )
    publisher = Publisher(
        "plant",
        SPEC.build(SPEC.options.model_validate({"root": "plant"}), place),
        journal,
        Quarantine(directory / "plant.jsonl", worker, clock),
        clock=clock,
        random=SeededRandom(),
        on_state=lambda _state: None,
    )
    task = asyncio.create_task(publisher.run(), name="publisher")
    try:
        yield
    finally:
        await publisher.close()
        assert task.cancelled()


def main() -> int:
    """Record, deliver, print what was measured, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.backlog")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--most-mb", type=float, default=MOST_MB, help="memory may grow by so much")
    parser.add_argument("--place", type=Path, help="where the journal lies meanwhile")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.place) as place:
        found = asyncio.run(drained(Path(place), given.events, given.most_mb))
    sys.stdout.write(found.table())
    sys.stdout.writelines(f"{problem}\n" for problem in found.problems[:5])
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
