"""What is held of a station and what lacks, and what of that has lacked for long enough.

overdue.look(name, surveyed)  # what lacked at the look before, and still does (D-138)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from agent.trace.claims import Place, Range, StationReport, ordinal
from agent.trace.spans import Spans


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


def surveyed_of(report: StationReport, events: int, newest: Place | None) -> Surveyed:
    """Return what a proof comes down to, where so many events are held."""
    lacking = report.to_ask
    doubts = [f"{fork.of} is followed by {', '.join(fork.into)}" for fork in report.forks]
    doubts += [f"{address} has two contents" for address in report.conflicts]
    doubts += [f"{address} does not follow the one before it" for address in report.broken]
    return Surveyed(
        events=events,
        newest=newest,
        lacking=lacking,
        gone=sum(len(gap.range) for gap in report.gaps) - sum(map(len, lacking)),
        is_complete=report.is_complete,
        doubts=tuple(doubts),
    )


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


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return what any of these has, each event once."""
    return tuple(
        Range(epoch, first, last)
        for epoch, spans in _by_epoch(ranges).items()
        for first, last in spans
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
