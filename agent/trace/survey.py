"""What a store lacks of each station, and what of that has lacked for long enough to be asked for.

surveyed = survey.look(stands)     # reads the store, and proves what has changed
overdue.look(name, surveyed[name])  # what lacked at the look before, and still does (D-138)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.trace import filtered
from agent.trace.archive import Run
from agent.trace.claims import Place, Range, Stand, ordinal
from agent.trace.holdings import ledger_of
from agent.trace.spans import Spans
from agent.trace.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """What is held of one station, and what is not."""

    events: int
    newest: Place | None
    lacking: tuple[Range, ...]
    """What can be asked for."""
    gone: int
    """Events that exist and can be had from nobody."""
    is_complete: bool
    """Proven: nothing lacks from the oldest event that is held, or that the station still keeps, to
    where its `position` says that it stands."""
    doubts: tuple[str, ...]
    """Forks, two contents of one address, links that do not fit."""


class Survey:
    """Looks at a store again and again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, tuple[object, Surveyed]] = {}

    def look(self, stands: Mapping[str, Stand]) -> dict[str, Surveyed]:
        """Return what the store has of each station that it holds, or that has a position.

        Raises:
            TraceStoreError: the store cannot be used now.
        """
        return self._store.guarded(lambda: self._look(stands))

    def _look(self, stands: Mapping[str, Stand]) -> dict[str, Surveyed]:
        archive = self._store.archive
        by_station: dict[str, list[Run]] = defaultdict(list)
        with archive.connection.begin():
            said = filtered.said_of(archive.connection)
        for station, run in archive.runs():
            if run.held or run.id in said:
                by_station[station].append(run)
        found = {}
        for station in sorted({*by_station, *stands}):
            runs, stand = by_station[station], stands.get(station)
            shape = [(run.name, run.held, run.previous, said.get(run.id)) for run in runs], stand
            before = self._seen.get(station)
            if before is None or before[0] != shape:
                self._seen[station] = shape, self._prove(station, runs, stand, said)
            found[station] = self._seen[station][1]
        return found

    def _prove(
        self,
        station: str,
        runs: list[Run],
        stand: Stand | None,
        said: Mapping[int, filtered.Said],
    ) -> Surveyed:
        connection = self._store.archive.connection
        with connection.begin():
            ledger = ledger_of(connection, station, runs, said)
        if stand is not None:
            ledger.stand(stand)
            since = _since(runs, stand)
            if since is not None:
                ledger.since(station, since)
        report = ledger.report(station)
        lacking = report.to_ask
        doubts = [f"{fork.of} is followed by {', '.join(fork.into)}" for fork in report.forks]
        doubts += [f"{address} has two contents" for address in report.conflicts]
        doubts += [f"{address} does not follow the one before it" for address in report.broken]
        newest = max(
            ((run.name, run.held[-1][1]) for run in runs if run.held),
            key=lambda place: (ordinal(place[0]), place[1]),
            default=None,
        )
        return Surveyed(
            events=sum(high - low + 1 for run in runs for low, high in run.held),
            newest=newest,
            lacking=lacking,
            gone=sum(len(gap.range) for gap in report.gaps) - sum(map(len, lacking)),
            is_complete=report.is_complete,
            doubts=tuple(doubts),
        )


def _since(runs: list[Run], stand: Stand) -> Place | None:
    """Return from where on everything can be had: what is held, or is kept; None: not known.

    What a station deleted before anybody collected it is not missing.
    """
    if stand.first_kept is None:
        return None
    held = [(run.name, run.held[0][0]) for run in runs if run.held]
    return min([*held, stand.first_kept], key=lambda place: (ordinal(place[0]), place[1]))


class Overdue:
    """What lacks for long enough: at two looks, one after the other."""

    def __init__(self) -> None:
        self._before: dict[str, Surveyed] = {}

    def still(self, ranges: Iterable[Range], now: Surveyed) -> tuple[Range, ...]:
        """Return what of these lacks by now."""
        lacks = _by_epoch(now.lacking)
        return tuple(
            Range(one.epoch, first, last)
            for one in ranges
            for first, last in lacks[one.epoch].shared(one.first, one.last)
        )

    def look(self, station: str, now: Surveyed) -> tuple[Range, ...]:
        """Return what is to be asked for; the next look is compared with this one."""
        before = self._before.get(station)
        self._before[station] = now
        if before is None:
            return ()
        lacked = _by_epoch(before.lacking)
        moves = now.newest != before.newest
        return tuple(
            Range(one.epoch, first, last)
            for one in now.lacking
            if not (moves and _is_behind(one, now.newest))
            for first, last in lacked[one.epoch].shared(one.first, one.last)
        )


def _by_epoch(ranges: Iterable[Range]) -> dict[str, Spans]:
    found: dict[str, Spans] = defaultdict(Spans)
    for one in ranges:
        found[one.epoch].add(one.first, one.last)
    return found


def _is_behind(one: Range, newest: Place | None) -> bool:
    """Whether it may simply be still on its way: it is newer than all that came."""
    if newest is None:
        return False
    return (ordinal(one.epoch), one.first) > (ordinal(newest[0]), newest[1])
