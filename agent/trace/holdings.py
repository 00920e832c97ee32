"""What an answer rests on: which runs of which stations the store holds, and what is missing.

The proof is that of `completeness.py`, made from the ranges that the store keeps. Where the newest
run ends only the station itself knows: as far as its `position` was heard (stands.py), what came
after the newest event is not in the answer, and a gap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Integer, and_, select

from agent.ports import Address
from agent.trace import fetching, filtered
from agent.trace.archive import Archive, Run
from agent.trace.claims import Link, Stand, StationReport
from agent.trace.completeness import Ledger
from agent.trace.corrections import Document
from agent.trace.rows import NAMES_AT_ONCE, among, given, pieces, reading
from agent.trace.stands import kept
from agent.trace.tables import EVENTS, IS_LOST, REFS

_NO_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that exist and are not held."""

    epoch: str
    first: int
    last: int
    why: str
    """`missing`: it can be asked for; `lost`: the station has lost it itself."""
    since: str | None
    """Received after; None: not known."""
    until: str | None
    """Received before."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What is held of one run of a station; what lacks between first and last is a gap."""

    epoch: str
    first: int
    last: int
    events: int


@dataclass(frozen=True, slots=True)
class Station:
    """What is held of one station."""

    station: str
    runs: int
    epochs: tuple[Epoch, ...]
    """Each of the runs, oldest first."""
    events: int
    since: str | None
    until: str | None
    """Of the newest event: what came after is not known."""
    upto: str | None
    """The newest address before which nothing lacks; None: not even the first is there."""
    position: str | None
    """How far its journal reached by its own word when that was last heard; None: it was not."""
    is_whole: bool
    """Whether nothing lacks from the station's first event to the newest that is held, or that it
    has by its own word."""
    gaps: tuple[Gap, ...]
    forks: tuple[str, ...]
    """Runs that more than one names as the one before: a cloned gateway."""
    broken: tuple[str, ...]
    """Addresses whose link does not fit."""


def completeness(archive: Archive) -> list[Station]:
    """Return what is held of every station, in order of their names."""
    by_station: dict[str, list[Run]] = defaultdict(list)
    for station, run in archive.runs():
        if run.held:
            by_station[station].append(run)
    with reading(archive.connection):
        stands = kept(archive.connection)
        by_station |= {station: [] for station in stands if station not in by_station}
        said = filtered.said_of(archive.connection)
        times = _times(archive.connection, [run for some in by_station.values() for run in some])
        ledgers = ledgers_of(archive.connection, by_station, said)
    for stand in stands.values():
        ledgers[stand.station].stand(stand)
    return [
        _station(runs, ledgers[station].report(station), times, stands.get(station))
        for station, runs in sorted(by_station.items())
    ]


def _station(
    runs: list[Run],
    report: StationReport,
    all_times: Mapping[int, dict[int, int]],
    stand: Stand | None,
) -> Station:
    times = {run.name: all_times[run.id] for run in runs}
    ends = [at for of_run in times.values() for at in of_run.values()]
    gaps = [
        Gap(
            gap.range.epoch,
            gap.range.first,
            gap.range.last,
            gap.why.value,
            *_around(runs, times, gap.range.epoch, gap.range.first),
        )
        for gap in report.gaps
    ]
    epochs = tuple(map(_epoch, runs))
    newest = f"{runs[-1].name}-{runs[-1].held[-1][1]}" if runs else None
    is_sound = not (gaps or report.forks or report.broken)
    return Station(
        station=report.station,
        runs=len(runs),
        epochs=epochs,
        events=sum(each.events for each in epochs),
        since=moment(min(ends, default=None)),
        until=moment(max(ends, default=None)),
        upto=report.upto,
        position=f"{stand.epoch}-{stand.last_seq}" if stand is not None else None,
        is_whole=newest is not None and report.upto == newest and is_sound,
        gaps=tuple(gaps),
        forks=tuple(str(fork.of) for fork in report.forks),
        broken=report.broken,
    )


def _epoch(run: Run) -> Epoch:
    held = sum(high - low + 1 for low, high in run.held)
    return Epoch(run.name, run.held[0][0], run.held[-1][1], held)


def ledgers_of(
    connection: Connection,
    by_station: Mapping[str, list[Run]],
    said: Mapping[int, filtered.Said],
) -> dict[str, Ledger]:
    """Return what the store proves of stations, which have these runs; `said`: of them all."""
    ledgers: dict[str, Ledger] = {}
    for station, runs in by_station.items():
        ledger = ledgers[station] = Ledger()
        for run in runs:
            for low, high in run.held:
                ledger.hold(station, run.name, low, high)
            if run.id in said:
                filtered.tell(ledger, station, run.name, said[run.id])
    for event in _links(connection, by_station):
        ledgers[event["station"]].take(_link(event))
    return ledgers


def _times(connection: Connection, runs: Iterable[Run]) -> dict[int, dict[int, int]]:
    """Return of each run when the events at the ends of what is held were received."""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    ends = [(run.id, seq) for run in runs for two in run.held for seq in two]
    for some in pieces(ends, NAMES_AT_ONCE):
        place = given(connection, (Integer(), Integer()), some)
        of, seq = place.c
        is_it = and_(EVENTS.c.epoch == of, EVENTS.c.seq == seq)
        asked = select(EVENTS.c.epoch, EVENTS.c.seq, EVENTS.c.received_ms).select_from(place)
        for run, number, at_ms in connection.execute(asked.join(EVENTS, is_it)):
            found[run][number] = at_ms
    return found


def _links(connection: Connection, by_station: Mapping[str, list[Run]]) -> list[Document]:
    """Return the events that tie runs together: their first and last, and what was lost."""
    ends = {
        (station, f"{run.name}-{seq}")
        for station, runs in by_station.items()
        for run in runs
        if run.held
        for seq in (1, run.held[-1][1])
    }
    found = fetching.by_address(connection, ends)
    of = fetching.sources(connection, by_station).values()
    asked = select(REFS.c.event).where(IS_LOST, among(connection, REFS.c.station, list(of)))
    found |= fetching.bodies(connection, [number for (number,) in connection.execute(asked)])
    return list(found.values())


def _link(event: Document) -> Link:
    starts = event["kind"] == "agent_started"
    before = event.get("previous_epoch") if starts else None
    lost = None
    if event["kind"] == "history_lost":
        lost = (event["lost_epoch"], event["first_seq"], event["last_seq"])
    return Link(
        station=event["station"],
        epoch=event["epoch"],
        seq=event["seq"],
        hash=event.get("hash", _NO_HASH),
        starts=starts,
        previous=(before, event["previous_seq"]) if before else None,
        previous_hash=event.get("previous_hash") if before and "hash" in event else None,
        lost=lost,
    )


def _around(
    runs: list[Run], times: dict[str, dict[int, int]], epoch: str, first: int
) -> tuple[str | None, str | None]:
    """Return when what stands before a gap was received, and what stands behind it."""
    ends = sorted((run.name, seq) for run in runs for seq in times[run.name])
    before = [each for each in ends if each < (epoch, first)]
    after = [each for each in ends if each > (epoch, first)]
    since = times[before[-1][0]][before[-1][1]] if before else None
    until = times[after[0][0]][after[0][1]] if after else None
    return moment(since), moment(until)


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
