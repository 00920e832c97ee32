"""What an answer rests on: which runs of which stations are held, and what is missing (DESIGN 3).

Who holds 1 to n of each epoch, and finds that each names the end of the one before, holds all up to
the newest event that is held; what came after that nobody here knows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, select

from agent.ports import Address
from agent.trace import fetching
from agent.trace.archive import Archive, Run
from agent.trace.tables import EVENTS


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that exist and are not held."""

    epoch: str
    first: int
    last: int
    why: str
    """`missing` between others, `before` the first that is held, `end` of the run, `run`: nothing
    of it is held, `link`: the hash that the next run names is another."""
    since: str | None
    """Received after; None: not known."""
    until: str | None
    """Received before."""


@dataclass(frozen=True, slots=True)
class Station:
    """What is held of one station."""

    station: str
    runs: int
    events: int
    since: str | None
    until: str | None
    """Of the newest event: what came after is not known."""
    gaps: tuple[Gap, ...]
    forks: tuple[str, ...]
    """Runs that more than one names as the one before: a cloned gateway."""


def completeness(archive: Archive) -> list[Station]:
    """Return what is held of every station, in order of their names."""
    by_station: dict[str, list[Run]] = defaultdict(list)
    for station, run in archive.runs():
        by_station[station].append(run)
    with archive.connection.begin():
        return [_station(archive.connection, station, runs) for station, runs in by_station.items()]


def _station(connection: Connection, station: str, runs: list[Run]) -> Station:
    times = {run.name: _times(connection, run) for run in runs}
    named = [run.previous["epoch"] for run in runs if run.previous and run.previous["epoch"]]
    ends = [each for held in times.values() for each in held.values()]
    return Station(
        station=station,
        runs=len(runs),
        events=sum(high - low + 1 for run in runs for low, high in run.held),
        since=moment(min(ends, default=None)),
        until=moment(max(ends, default=None)),
        gaps=tuple(_gaps(connection, station, runs, times)),
        forks=tuple(sorted({name for name in named if named.count(name) > 1})),
    )


def _times(connection: Connection, run: Run) -> dict[int, int]:
    """Return when the events at the ends of what is held were received."""
    seqs = [seq for ends in run.held for seq in ends]
    asked = select(EVENTS.c.seq, EVENTS.c.received_ms).where(
        EVENTS.c.epoch == run.id, EVENTS.c.seq.in_(seqs)
    )
    return {seq: at for seq, at in connection.execute(asked)}  # noqa: C416 - rows are no pairs to mypy


def _gaps(
    connection: Connection, station: str, runs: list[Run], times: Mapping[str, dict[int, int]]
) -> Iterator[Gap]:
    by_name = {run.name: run for run in runs}
    for run in runs:
        at = times[run.name]
        if run.held and run.held[0][0] > 1:
            first = run.held[0][0]
            yield Gap(run.name, 1, first - 1, "before", None, moment(at.get(first)))
        for (_, low), (high, _) in pairwise(run.held):
            since, until = moment(at.get(low)), moment(at.get(high))
            yield Gap(run.name, low + 1, high - 1, "missing", since, until)
        if run.previous and run.previous["epoch"]:
            begun = moment(at.get(1))
            yield from _link(connection, station, run.previous, by_name, times, begun=begun)


def _link(
    connection: Connection,
    station: str,
    previous: Mapping[str, Any],
    by_name: Mapping[str, Run],
    times: Mapping[str, dict[int, int]],
    *,
    begun: str | None,
) -> Iterator[Gap]:
    """Yield what is missing between a run and the one before, by what the later one says."""
    before, seq = by_name.get(previous["epoch"]), previous["seq"]
    if before is None or not before.held:
        yield Gap(previous["epoch"], 1, seq, "run", None, begun)
        return
    highest = before.held[-1][1]
    if highest < seq:
        since = moment(times[before.name].get(highest))
        yield Gap(before.name, highest + 1, seq, "end", since, begun)
        return
    events = fetching.by_address(connection, station, [f"{before.name}-{seq}"])
    said = next(iter(events.values()), {}).get("hash")
    if said is not None and previous["hash"] is not None and said != previous["hash"]:
        yield Gap(before.name, seq, seq, "link", None, begun)


def moment(ms: int | None) -> str | None:
    """Return a moment of UTC ms as text."""
    if ms is None:
        return None
    text = datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def resume_at(archive: Archive, station: str, first: Address) -> Address | None:
    """Return up to where everything is held, counted from a journal's first event; None: nothing.

    What stands behind it is to be read, also where parts of it are held already.
    """
    runs = [
        run
        for name, run in archive.runs()
        if name == station and run.name >= first.epoch and run.held
    ]
    found: Address | None = None
    before = first.epoch
    for run in runs:
        is_next = run.name == first.epoch if found is None else _follows(run, before, found)
        begin = first.seq if found is None else 1
        held = [each for each in run.held if each[0] <= begin <= each[1]]
        if not is_next or not held:
            return found
        found, before = Address(run.name, held[0][1]), run.name
        if held[0] is not run.held[-1]:
            return found
    return found


def _follows(run: Run, before: str, end: Address) -> bool:
    """Whether a run says that the one before ended where it is held to."""
    previous = run.previous or {}
    return previous.get("epoch") == before and previous.get("seq") == end.seq
