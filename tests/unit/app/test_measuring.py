"""Key figures of shifts, as asked: a shift is the same whatever is asked beside it (D-112)."""

from pathlib import Path
from typing import Any

import pytest

from agent.app.measuring import DEFAULT_BY, document, measure
from agent.app.other_sources import LinesSource
from agent.core import events as ev
from agent.formats.json import encode
from tests.measured import Day, at
from tests.unit.config.stations import PRESS, edited, loaded

OEE = """oee:
  ideal_cycle: 30s
  small_stop: 1min
  shifts:
    early: {time: "07:00-08:00", days: [mon]}
    late: {time: "08:00-09:00", days: [mon]}
"""
"""Local time: minute 0 to 60, and 60 to 120."""
CONFIG = loaded(
    edited(
        PRESS,
        ("track:\n", OEE + "track:\n  state: {word: state, values: {running: 1, down: 2}}\n"),
        ("tags:\n", 'tags:\n  state: {device: plc, node: "nsu=urn:a;s=State"}\n'),
    )
)


def figures(
    path: Path, day: Day, since: float, until: float, by: tuple[str, ...] = DEFAULT_BY
) -> list[dict[str, Any]]:
    """Return the rows that are told of a day between two of its minutes."""
    source = LinesSource(path / "events.jsonl")
    source.path.write_bytes(b"".join(encode(event) + b"\n" for event in day.events))
    found = measure(CONFIG, source, at(since), at(until), at(10_000))
    rows: list[dict[str, Any]] = document([found], by, at(10_000))["rows"]
    return rows


def slow() -> Day:
    """Return a morning with a cycle each 25 minutes, of which one meets the end of a shift."""
    day = Day()
    day.started(-30)
    day.state(-20, "running")
    for minute in (5, 30, 55):
        day.unit(minute)
    boottime_ms = round(59.99 * 60_000) + 1_000_000
    day.unit(60.02, earliest_ms=boottime_ms, latest_ms=boottime_ms)  # its look-up took a moment
    day.unit(60.5)
    day.unit(85)
    day.state(130, "down")
    return day


def test_a_shift_is_the_same_whatever_is_asked_beside_it(tmp_path: Path) -> None:
    """What ran on over its end is known to have run; a cycle of its last second is in it."""
    both = figures(tmp_path, slow(), 0, 120)
    assert both == [
        *figures(tmp_path, slow(), 0, 60),
        *figures(tmp_path, slow(), 61, 119),
    ]
    early, late = both
    assert (early["times_s"]["actual_production"], early["produced"]) == (3600, 4)
    assert (late["times_s"]["actual_production"], late["produced"]) == (3600, 2)
    assert early["availability"] == {"value": 1.0}


def test_the_next_run_proves_nothing_of_what_was_before_it(tmp_path: Path) -> None:
    """Where the agent was away over a shift's end, nobody saw the rest of the shift (D-108)."""
    day = Day()
    day.started(-30)
    day.state(0, "running")
    day.unit(30)
    day.started(140)
    (early,) = figures(tmp_path, day, 0, 60)
    assert (early["times_s"]["actual_production"], early["times_s"]["unknown"]) == (1800, 1800)


def test_time_behind_an_order_is_not_the_orders(tmp_path: Path) -> None:
    """An order that ended before a shift has none of its time, whatever was recorded since."""
    day = Day()
    day.started(-30)
    day.state(-25, "running")
    day.order = "WO-1"
    day.add(ev.OrderStarted, -20)
    day.unit(-10)
    day.add(ev.OrderEnded, -5, reason="scan")
    day.order = None
    day.state(-3, "idle")
    day.state(60, "running")
    (row,) = figures(tmp_path, day, 0, 60, ("order",))
    assert (row["order"], row["times_s"]["planned_busy"]) == (None, 3600)


@pytest.mark.parametrize("by", [("order",), ("product",), ("station",), ("day", "shift")])
def test_what_is_made_outside_of_shifts_raises_no_figure(
    tmp_path: Path, by: tuple[str, ...]
) -> None:
    """Whatever figures are told by, it has a row of its own, without planned time."""
    day = Day()
    day.started(-200)
    day.state(-190, "running")
    day.unit(-100, product="valve")
    for minute in (10, 20, 30):
        day.unit(minute, product="valve")
    for minute in (130, 140, 150, 160):
        day.unit(minute, product="valve")
    day.state(200, "idle")
    rows = figures(tmp_path, day, -150, 180, by)
    told = {row["in_shift"]: 0 for row in rows}
    for row in rows:
        told[row["in_shift"]] += row["produced"]
    assert told == {True: 3, False: 5}
    for row in rows:
        if not row["in_shift"]:
            assert row["oee"] == {"value": None, "why": "no_planned_time"}
            assert row["times_s"]["planned_busy"] == 0


def test_what_is_made_where_no_shift_is_near_is_told(tmp_path: Path) -> None:
    """Of an evening on which people worked all the same there is a row: without planned time."""
    day = Day()
    day.started(1000)
    day.state(1010, "running")
    day.unit(1100)
    day.unit(1300)
    (row,) = figures(tmp_path, day, 1020, 1200)
    assert (row["in_shift"], row["produced"], row["times_s"]["ran_in_planned_down"]) == (
        False,
        1,
        180 * 60,
    )
    assert figures(tmp_path, day, 1310, 1400) == []


@pytest.mark.parametrize(
    ("gone", "lacking"), [(3, True), (6, True), (7, True), (8, False), (10, False)]
)
def test_what_a_source_lacks_is_not_made_up(tmp_path: Path, gone: int, lacking: bool) -> None:  # noqa: FBT001 - a parameter
    """A hole before a shift, in it, or over its end may have anything in it; one behind it not."""
    day = Day()
    day.started(-30)
    day.state(-20, "running")
    day.unit(-10)
    day.add(ev.LinkRestored, -5, device="plc")
    day.unit(10)
    day.unit(20)
    day.add(ev.LinkRestored, 65, device="plc")
    day.add(ev.LinkRestored, 80, device="plc")
    day.add(ev.LinkRestored, 90, device="plc")
    del day.events[gone - 1 : gone]
    source = LinesSource(tmp_path / "events.jsonl")
    source.path.write_bytes(b"".join(encode(event) + b"\n" for event in day.events))
    holes = [("000001-00000001", gone)]
    found = measure(CONFIG, source, at(0), at(60), at(10_000), holes=holes)
    (row,) = document([found], DEFAULT_BY, at(10_000))["rows"]
    assert (row["times_s"]["unknown"] > 0) == lacking
    assert (row["oee"]["value"] is None) == lacking


@pytest.mark.parametrize(("now", "checks"), [(60, ["events_lack"]), (59, [])])
def test_what_came_after_all_that_is_here_is_not_made_up(
    tmp_path: Path, now: float, checks: list[str]
) -> None:
    """The rest of a shift that is over is unknown; one that runs is told as far as it was seen."""
    day = Day()
    day.started(-30)
    day.state(-20, "running")
    day.unit(10)
    source = LinesSource(tmp_path / "events.jsonl")
    source.path.write_bytes(b"".join(encode(event) + b"\n" for event in day.events))
    holes = [("000001-00000001", 4)]
    found = measure(CONFIG, source, at(0), at(60), at(now), holes=holes)
    (row,) = document([found], DEFAULT_BY, at(now))["rows"]
    assert row["checks"] == checks
    assert row["quality"].get("why") == ("counts_uncertain" if checks else None)
    assert row["times_s"]["unknown"] == (50 * 60 if checks else 0)
