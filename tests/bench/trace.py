"""Trace: events a second into the store, bytes a unit, and how long a recall of 5,000 hits takes.

Each unit gets a part at each of 20 positions, of lots of 5,000; the events are as a station stores
them. The bare rig is the library below: the same number of rows into one table of the same shape.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import create_engine, text

from agent.trace.api import Trace
from tests.bench.result import Result

POSITIONS = 20
LOT = 5_000
GOAL_PER_S = 5_000
MOST_S = 1.0
DAY_MS = 1_790_000_000_000


async def main(quick: bool) -> list[Result]:  # noqa: FBT001 - every module's main is so
    """Measure plants of 10,000 and 100,000 units; `--quick`: of 1,000."""
    found: list[Result] = []
    for units in (1_000,) if quick else (10_000, 100_000):
        with TemporaryDirectory() as directory:
            found += _plant(Path(directory), units)
    return found


def _plant(directory: Path, units: int) -> list[Result]:
    path = directory / "trace.db"
    what = f"{units:,} units x {POSITIONS}"
    with Trace.open(str(path)) as trace:
        began_s = time.perf_counter()
        taken = trace.take_events(_events(units))
        rate = taken.new / (time.perf_counter() - began_s)
        began_s = time.perf_counter()
        report = trace.recall("LOT-7-0")
        recall_s = time.perf_counter() - began_s
        hits = len(report["certain"])
        began_s = time.perf_counter()
        trace.where_used("LOT-7-0")
        used_s = time.perf_counter() - began_s
    size = path.stat().st_size / units
    bare = _bare(directory / "bare.db", units)
    return [
        _told(f"projection, {what}", rate, "events/s", bare, rate >= GOAL_PER_S),
        _told(
            f"recall of a lot with {hits:,} hits, {what}", recall_s, "s", None, recall_s < MOST_S
        ),
        _told(f"where-used of it, {what}", used_s, "s", None, used_s < MOST_S),
        _told(f"store, {what}", size, "bytes/unit", None, None),
    ]


def _told(
    what: str,
    figure: float,
    unit: str,
    bare: float | None,
    passed: bool | None,  # noqa: FBT001 - a verdict
) -> Result:
    ratio = None if bare is None else figure / bare
    return Result(
        goal="P-18", what=what, figure=figure, unit=unit, bare=bare, ratio=ratio, passed=passed
    )


def _events(units: int) -> Iterator[dict[str, Any]]:
    """Yield what a station stores: a load at each position every 5,000 units, and each unit."""
    seq = 0
    loads = [""] * POSITIONS
    for unit in range(units):
        if unit % LOT == 0:
            for at in range(POSITIONS):
                seq += 1
                loads[at] = f"000001-aa-{seq}"
                lot = {"lot": f"LOT-{at}-{unit // LOT}", "position": f"p{at}"}
                moment = {"earliest_ms": unit * 1000, "latest_ms": unit * 1000}
                yield _event(seq, unit, "component_loaded", **lot, **moment)
        seq += 1
        yield _event(
            seq,
            unit,
            "unit_completed",
            unit=f"https://id.gs1.org/01/09521234000020/21/SN{unit:09}",
            cycle=f"c-{seq}",
            handshake="end",
            answer=1,
            result="ok",
            earliest_ms=unit * 1000 + 500,
            latest_ms=unit * 1000 + 600,
            values=[{"name": "force", "value": 12.5, "quality": "good"}],
            components=[
                {
                    "position": f"p{at}",
                    "candidates": [f"LOT-{at}-{unit // LOT}"],
                    "certainty": "certain",
                    "loads": [loads[at]],
                }
                for at in range(POSITIONS)
            ],
        )


def _event(seq: int, number: int, kind: str, /, **members: Any) -> dict[str, Any]:  # noqa: ANN401 - fields
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(DAY_MS / 1000 + number))
    return {
        "epoch": "000001-aa",
        "seq": seq,
        "station": "acme/graz/assembly/line-3/press-07",
        "machine": "press-07",
        "kind": kind,
        "schema": 1,
        "certainty": "certain",
        "order": f"WO-{number // 20_000}",
        "time": {
            "received": f"{at}.000Z",
            "boottime_ms": number * 1000,
            "boot_id": "boot-1",
            "clock_state": "synced",
        },
        **members,
    }


def _bare(path: Path, units: int) -> float:
    """Return how many units a second go into one plain table with two indexes."""
    engine = create_engine(f"sqlite:///{path}")
    rows = [
        (unit, at, f"{unit // LOT}-{at}", unit) for unit in range(units) for at in range(POSITIONS)
    ]
    began_s = time.perf_counter()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE uses (holder, slot, option, at)"))
        connection.execute(text("CREATE INDEX by_option ON uses (option)"))
        connection.execute(text("CREATE INDEX by_holder ON uses (holder)"))
        connection.exec_driver_sql("INSERT INTO uses VALUES (?, ?, ?, ?)", rows)
    took_s = time.perf_counter() - began_s
    engine.dispose()
    return units / took_s
