"""Trace: events a second into the store, bytes a unit, and what a recall of 5,000 hits takes.

    make bench ARGS=trace                       plants of 10,000 and 100,000 units, both databases
    make bench ARGS=trace UNITS=1000000         as many as are named; STORES=sqlite: on one only
    make bench ARGS=trace PLOT=docs/scale.svg   and draws it, with what was measured before (.json)

The plant is that of plant.py; its events go in as a collector's do, and it is asked by the Python
API. PostgreSQL is a server of its own with the settings below, on a local socket, in the temporary
folder, as the SQLite file is. Beside the time on the clock stand the processor seconds, of this
process and of the server's for it: on a busy machine the clock says more about the others. The bare
rig is the links alone, a plain row for each of the 20 components, by the same SQLite.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from sqlalchemy import create_engine, text

from agent.trace.api import Trace
from tests.bench.plant import POSITIONS, Asked, asked_of, events, lines_of
from tests.bench.result import Result
from tests.bench.slope import Point, Timed, keep
from tests.postgres import Postgres

GOAL_PER_S = 5_000
MOST_S = 1.0
ROUNDS = 5
CHUNK = 2_000
"""As many as a collector takes at once."""
SETTINGS = {
    "listen_addresses": "''",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "20",
}
"""All else as PostgreSQL comes, so that a commit is on the disk."""


async def main(quick: bool) -> list[Result]:  # noqa: FBT001 - every module's main is so
    """Measure plants of the sizes asked for; `--quick`: one of 1,000 units."""
    sizes = [int(size) for size in os.environ.get("UNITS", "").split()] or [10_000, 100_000]
    stores = os.environ.get("STORES", "").split() or list(STORES)
    found: list[Result] = []
    for units, name in itertools.product([1_000] if quick else sizes, stores):
        with STORES[name]() as rig:
            point = _measured(name, rig, units)
        bare = _bare(min(units, 100_000)) if name == "sqlite" else None
        found += _told(point, bare)
        if "PLOT" in os.environ and not quick:
            keep(point, Path(os.environ["PLOT"]))
    return found


# ------------------------------------------------------------------ the two databases


@dataclass(frozen=True, slots=True)
class Rig:
    """A store to measure, empty."""

    where: str
    size: Callable[[Trace], int]
    """In bytes."""
    server: Callable[[Trace], int | None]
    """The process that serves a store; None: there is none."""


@contextmanager
def _sqlite() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "trace.db"
        yield Rig(str(path), lambda _: path.stat().st_size, lambda _: None)


@contextmanager
def _postgresql() -> Iterator[Rig]:
    with Postgres(SETTINGS, tempfile.gettempdir()) as server:
        yield Rig(server.fresh(), _database_size, lambda trace: _one(trace, "pg_backend_pid()"))


def _database_size(trace: Trace) -> int:
    tables = "pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
    return _one(trace, f"sum(pg_total_relation_size(oid))::bigint FROM {tables}")


def _one(trace: Trace, what: str) -> int:
    with trace.store.archive.connection.begin():
        return int(trace.store.archive.connection.scalar(text(f"SELECT {what}")) or 0)


STORES = {"sqlite": _sqlite, "postgresql": _postgresql}


# ------------------------------------------------------------------ measuring


@dataclass(slots=True)
class _Watch:
    """Adds up the time of what is done under it: the clock's, ours, and the server's."""

    server: int | None
    wall_s: float = 0.0
    client_s: float = 0.0
    server_s: float = 0.0

    @property
    def cpu_s(self) -> float:
        """Ours and the server's."""
        return self.client_s + self.server_s

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what is done within."""
        wall, client, server = time.perf_counter(), time.process_time(), _cpu_s(self.server)
        yield
        self.wall_s += time.perf_counter() - wall
        self.client_s += time.process_time() - client
        self.server_s += _cpu_s(self.server) - server


def _cpu_s(pid: int | None) -> float:
    """Return the processor seconds of a process, to a hundredth."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _measured(name: str, rig: Rig, units: int) -> Point:
    load = os.getloadavg()[0]
    with Trace.open(rig.where) as trace:
        server = rig.server(trace)
        taking = _take(trace, units, server)
        if server is not None:  # as the server itself does some minutes later
            with trace.store.archive.connection.begin():
                trace.store.archive.connection.execute(text("ANALYZE"))
        timed = {what: _asked(ask, server) for what, ask in _questions(trace, units).items()}
        size = rig.size(trace)
    return Point(
        store=name,
        units=units,
        stations=4 * lines_of(units),
        events=taking.events,
        wall_s=taking.watch.wall_s,
        client_s=taking.watch.client_s,
        server_s=taking.watch.server_s,
        first_per_s=taking.rate(of_last=False),
        last_per_s=taking.rate(of_last=True),
        bytes=size,
        questions=timed,
        load=(load + os.getloadavg()[0]) / 2,
        day=time.strftime("%Y-%m-%d", time.gmtime()),
    )


@dataclass(slots=True)
class _Taking:
    """How a plant's events went in."""

    watch: _Watch
    parts: list[tuple[int, float]] = field(default_factory=list)
    """Of each batch, events and processor seconds."""

    @property
    def events(self) -> int:
        """How many there were."""
        return sum(new for new, _ in self.parts)

    def rate(self, *, of_last: bool) -> float:
        """Return the events a processor second of the first tenth of them, or of the last."""
        whole = [part for part in self.parts if part[0] == CHUNK] or self.parts
        tenth = max(1, len(whole) // 10)
        some = whole[-tenth:] if of_last else whole[:tenth]
        return sum(new for new, _ in some) / max(sum(cpu_s for _, cpu_s in some), 0.01)


def _take(trace: Trace, units: int, server: int | None) -> _Taking:
    taking, documents = _Taking(_Watch(server)), events(units)
    while some := list(itertools.islice(documents, CHUNK)):
        before_s = taking.watch.cpu_s
        with taking.watch.running():
            new = trace.take_events(some).new
        taking.parts.append((new, taking.watch.cpu_s - before_s))
    return taking


def _questions(trace: Trace, units: int) -> Mapping[str, Callable[[], int]]:
    """Return what is asked, each question with how many hits it has."""
    asked: Asked = asked_of(units)

    def history() -> int:
        return len(trace.history(asked.unit)) and len(trace.tree(asked.unit).children)

    return {
        "recall": lambda: len(trace.recall(asked.lot)["certain"]),
        "where_used": lambda: len(trace.where_used(asked.raw).certain),
        "trace": history,
    }


def _asked(ask: Callable[[], int], server: int | None) -> Timed:
    watches = [_Watch(server) for _ in range(ROUNDS)]
    hits = 0
    for watch in watches:
        with watch.running():
            hits = ask()
    return Timed(
        hits=hits,
        median_s=median(watch.wall_s for watch in watches),
        worst_s=max(watch.wall_s for watch in watches),
        cpu_s=sum(watch.cpu_s for watch in watches) / ROUNDS,
    )


# ------------------------------------------------------------------ telling


def _told(point: Point, bare: float | None) -> list[Result]:
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[point.store]
    what = f"{point.units:,} units x {POSITIONS}, {point.stations} stations, {name}"
    rate = point.events / point.wall_s
    cpu = point.client_s + point.server_s
    busy = f"{point.events / max(cpu, 0.01):,.0f} events a processor second; load {point.load:.1f}"
    projection = _result(f"projection, {what}", rate, "events/s", rate >= GOAL_PER_S, busy)
    if bare is not None:
        projection = replace(projection, bare=bare, ratio=rate / bare)
    found = [
        projection,
        _result(f"store, {what}", point.bytes / point.units, "bytes/unit", None),
    ]
    told = {
        "recall": "recall of a lot, {} hits",
        "where_used": "where-used over five levels, {} hits",
        "trace": "history and tree of a unit of {} components",
    }
    for question, words in told.items():
        timed = point.questions[question]
        said = f"processor {timed.cpu_s:.2g} s; worst of {ROUNDS}: {timed.worst_s:.2g} s"
        asked = f"{words.format(f'{timed.hits:,}')}, {what}"
        reached = timed.median_s < MOST_S
        found.append(_result(asked, timed.median_s, "s", reached, said))
    return found


def _result(
    what: str,
    figure: float,
    unit: str,
    passed: bool | None,  # noqa: FBT001 - a verdict
    note: str = "",
) -> Result:
    return Result(
        goal="P-18",
        what=what,
        figure=figure,
        unit=unit,
        bare=None,
        ratio=None,
        passed=passed,
        note=note,
    )


def _bare(units: int) -> float:
    """Return how many units a second go into one plain table with two indexes."""
    rows = [(unit, at, f"{unit // 5_000}-{at}") for unit in range(units) for at in range(POSITIONS)]
    with _sqlite() as rig:
        engine = create_engine(f"sqlite:///{rig.where}")
        began_s = time.perf_counter()
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE uses (holder, slot, option)"))
            connection.execute(text("CREATE INDEX by_option ON uses (option)"))
            connection.execute(text("CREATE INDEX by_holder ON uses (holder)"))
            connection.exec_driver_sql("INSERT INTO uses VALUES (?, ?, ?)", rows)
        took_s = time.perf_counter() - began_s
        engine.dispose()
    return units / took_s
