"""P-4, P-5, P-13: the journal beside a bare fdatasync and a bare apsw, and what an event costs.

Rounds of product and bare rig alternate on the same directory of the same disk. Rows are those of a
press: a completed unit with a value, an operator and an order, about 900 bytes. P-4 counts twice,
in a new journal, whose log still grows (the file system writes its size with each sync), and once
the backlog has given the log its size and it is written in place, as in a daemon that runs on.
"""

import asyncio
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from agent.core.events import (
    AgentStarted,
    EventTime,
    OperatorRef,
    UnitCompleted,
    Value,
)
from agent.core.events import Result as Verdict
from agent.journal.chain import seal
from agent.journal.files import DiskFiles
from agent.journal.opening import open_journal
from agent.journal.sqlite import Rim, SqliteJournal
from agent.ports import Row
from agent.threads import ThreadWorker
from drivers.base import ClockState, Quality
from tests.bench.result import Result
from tests.contract.rig import RealClock
from tests.histories import STATION, epoch

BATCH = 100
GOAL_COMMIT_RATIO = 3.0
GOAL_BACKLOG_PER_S, GOAL_BACKLOG_P99_MS, GOAL_BACKLOG_RATIO = 50_000, 6.0, 0.5
GOAL_EVENT_US = 15.0
EPOCH = epoch(1)


def moment(seq: int) -> EventTime:
    """Return an event's time."""
    return EventTime(
        received_ms=1_796_029_200_000 + seq,
        offset_min=60,
        boottime_ms=81_244_161 + seq,
        boot_id="3f0c2b9e-5a0d-4c36-9d1a-5f2f6f0a7c11",
        clock_state=ClockState.SYNCED,
    )


def unit(seq: int) -> UnitCompleted:
    """Construct one event as the core does."""
    return UnitCompleted(
        epoch=EPOCH,
        seq=seq,
        station=STATION,
        config="9c41d2b07b7f4b1f",
        time=moment(seq),
        machine="press-07",
        order="WO-104711",
        operators=(OperatorRef(ref="k1:bedb4575d0b25d22"),),
        because=(f"{EPOCH}-{seq - 1}",),
        unit=f"https://id.gs1.org/01/09506000134352/21/LOT7-{seq:06d}",
        cycle=f"c-{seq}",
        handshake="end",
        generation=1,
        request=seq,
        content=(seq,),
        answer=1,
        values=(Value(name="force", value=12.25, quality=Quality.GOOD, measure="kN"),),
        earliest_ms=81_244_100,
        latest_ms=81_244_161,
        result=Verdict.OK,
        visit=1,
    )


class Line:
    """Makes sealed rows in order, without end."""

    def __init__(self) -> None:
        first = AgentStarted(
            epoch=EPOCH,
            seq=1,
            station=STATION,
            config="c",
            time=moment(1),
            machine="m",
            version="1",
        )
        self.first = seal(first, None)
        self._last = self.first

    def rows(self, count: int) -> list[Row]:
        """Return the next rows."""
        made = []
        for _ in range(count):
            self._last = seal(unit(self._last.seq + 1), self._last.hash)
            made.append(self._last)
        return made


class Bare:
    """The least that stores rows durably: apsw in one thread, WAL, FULL, one table, no checks."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, body BLOB)")
        self._id = 0

    def commit(self, rows: list[Row]) -> None:
        """Commit rows."""
        with self._connection:
            self._connection.executemany(
                "INSERT INTO events VALUES (?, ?)",
                [(self._id + at, row.body) for at, row in enumerate(rows)],
            )
        self._id += len(rows)

    def close(self) -> None:
        """Close."""
        self._connection.close()


def synced(descriptor: int, content: bytes) -> float:
    """Return how long it takes to append and fdatasync."""
    began = time.perf_counter()
    os.write(descriptor, content)
    os.fdatasync(descriptor)
    return time.perf_counter() - began


async def one_at_a_time(
    journal: SqliteJournal, line: Line, directory: Path, rounds: int
) -> tuple[list[float], list[float]]:
    """Return seconds of commits of one event, and of fdatasyncs of as many bytes, in turn."""
    ours, bare = [], []
    descriptor = os.open(directory / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(rounds):
        rows = line.rows(50)
        for row in rows:
            began = time.perf_counter()
            await journal.append([row])
            ours.append(time.perf_counter() - began)
        bare += [synced(descriptor, row.body) for row in rows]
    os.close(descriptor)
    return ours, bare


async def committed(journal: SqliteJournal, batches: list[list[Row]]) -> list[float]:
    """Return the seconds of each batch: every event its own append, as the engine makes them."""
    took = []
    for batch in batches:
        began = time.perf_counter()
        for future in [journal.append([row]) for row in batch]:
            await future
        took.append(time.perf_counter() - began)
    return took


async def pipelined(journal: SqliteJournal, batches: Iterable[list[Row]]) -> float:
    """Return the seconds for all, two on their way: the next waits while one is synced."""
    began, behind = time.perf_counter(), list[asyncio.Future[None]]()
    for batch in batches:
        ahead = [journal.append([row]) for row in batch]
        for future in behind:
            await future
        behind = ahead
    for future in behind:
        await future
    return time.perf_counter() - began


def stored(bare: Bare, batches: list[list[Row]]) -> list[float]:
    """Return the seconds of each batch with the bare rig."""
    took = []
    for batch in batches:
        began = time.perf_counter()
        bare.commit(batch)
        took.append(time.perf_counter() - began)
    return took


@dataclass
class Backlog:
    """What draining a backlog took, in seconds."""

    rates: list[float] = field(default_factory=list)
    """Each: a batch of the journal, pipelined."""
    bare: list[float] = field(default_factory=list)
    """Each: a batch of the bare rig."""
    latencies: list[float] = field(default_factory=list)
    """Each: a batch of the journal, one at a time, from first append to last row durable."""


async def backlog(journal: SqliteJournal, line: Line, directory: Path, rounds: int) -> Backlog:
    """Measure journal and bare rig in turn."""
    bare, found = Bare(directory / "bare.db"), Backlog()
    for _ in range(rounds):
        batches = [line.rows(BATCH) for _ in range(30)]
        gc.collect()
        found.rates.append(await pipelined(journal, batches) / len(batches))
        found.bare += stored(bare, batches)
        found.latencies += await committed(journal, [line.rows(BATCH) for _ in range(30)])
    bare.close()
    return found


def microseconds(job: Callable[[int], object], count: int) -> float:
    """Return microseconds of processor a call, the best of five runs: it waits for nothing."""

    def once() -> float:
        began = time.thread_time()
        for seq in range(2, count + 2):
            job(seq)
        return (time.thread_time() - began) / count * 1e6

    return min(once() for _ in range(5))


def percentile(figures: list[float], share: float) -> float:
    """Return the figure below which that share lies."""
    return sorted(figures)[min(int(len(figures) * share), len(figures) - 1)]


def commit_result(when: str, ours: list[float], bare: list[float]) -> Result:
    """Judge P-4."""
    figure, floor = statistics.median(ours) * 1e3, statistics.median(bare) * 1e3
    return Result(
        goal="P-4",
        what=f"commit of one event, mark included, p50, {when}",
        figure=figure,
        unit="ms",
        bare=floor,
        ratio=figure / floor,
        passed=figure <= GOAL_COMMIT_RATIO * floor,
        note=f"bare: append + fdatasync; p99 {percentile(ours, 0.99) * 1e3:.2f} ms, "
        f"bare {percentile(bare, 0.99) * 1e3:.2f} ms; goal <= {GOAL_COMMIT_RATIO:g}x",
    )


def backlog_results(found: Backlog) -> list[Result]:
    """Judge P-5: rate and worst batches."""
    rate, floor = (BATCH / statistics.mean(took) for took in (found.rates, found.bare))
    p99_ms, bare_p99_ms = (percentile(took, 0.99) * 1e3 for took in (found.latencies, found.bare))
    return [
        Result(
            goal="P-5",
            what="backlog, rows already sealed, batches of 100",
            figure=rate,
            unit="events/s",
            bare=floor,
            ratio=rate / floor,
            passed=rate >= GOAL_BACKLOG_PER_S and rate >= GOAL_BACKLOG_RATIO * floor,
            note="bare: apsw alone, one table, no mark; "
            f"goal >= {GOAL_BACKLOG_PER_S:,} and >= {GOAL_BACKLOG_RATIO:g}x",
        ),
        Result(
            goal="P-5",
            what="a batch of 100, one at a time, p99",
            figure=p99_ms,
            unit="ms",
            bare=bare_p99_ms,
            ratio=p99_ms / bare_p99_ms,
            passed=p99_ms <= GOAL_BACKLOG_P99_MS,
            note=f"goal <= {GOAL_BACKLOG_P99_MS:g} ms",
        ),
    ]


def event_results(count: int) -> list[Result]:
    """Judge P-13."""
    prev = "5c0e" * 16
    whole = microseconds(lambda seq: seal(unit(seq), prev), count)
    return [
        Result(
            goal="P-13",
            what="event: construct, encode, hash",
            figure=whole,
            unit="us",
            bare=None,
            ratio=None,
            passed=whole <= GOAL_EVENT_US,
            note=f"of it construct {microseconds(unit, count):.1f} us; goal <= {GOAL_EVENT_US:g}",
        )
    ]


async def main(quick: bool) -> list[Result]:  # noqa: FBT001 - the runner's contract
    """Measure P-4, P-5 and P-13."""
    rounds, line = (3 if quick else 20), Line()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        rim = Rim(files=DiskFiles(), clock=RealClock(), worker=ThreadWorker)
        journal, _ = await open_journal(directory / "journal", STATION, rim)
        await journal.append([line.first])
        growing = await one_at_a_time(journal, line, directory, rounds=3)
        batches = await backlog(journal, line, directory, rounds)
        in_place = await one_at_a_time(journal, line, directory, rounds)
        count = rounds * 10
        took_s = await pipelined(journal, (line.rows(BATCH) for _ in range(count)))
        await journal.close()
    both = Result(
        goal="P-5",
        what="backlog, events constructed and sealed as well",
        figure=count * BATCH / took_s,
        unit="events/s",
        bare=None,
        ratio=None,
        passed=None,
    )
    events = event_results(2_000 if quick else 10_000)
    return [
        commit_result("new journal", *growing),
        commit_result("log in place", *in_place),
        *backlog_results(batches),
        both,
        *events,
    ]
