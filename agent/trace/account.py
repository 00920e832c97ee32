"""What has come of one station's events: enough to prove that nothing lacks, and no event itself.

    account.take(link, at_ms)    # of each event, in any order, as often as it comes
    account.extent(stand)        # how far what has come reaches, and what lacks (`Extent`)

The proof is that of `completeness.py`. Beside it each run of numbers that are there remembers when
its first event was recorded: so that of a hole it is known how old it is at least.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.trace.claims import Link, Place, Range, Stand, StationReport, ordinal
from agent.trace.completeness import Ledger
from agent.trace.spans import Spans
from agent.trace.surveyed import Surveyed, surveyed_of

MOST_SEQ = 1 << 53
"""No event has this number."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Something that is not there."""

    range: Range
    until_ms: int | None
    """It was recorded before; None: nothing is there that came after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far what has come of a station reaches, at a moment."""

    as_of: str
    """The newest address before which nothing lacks, from `since` on; empty: there is none."""
    since: str
    """The oldest address that is there; empty: everything from the station's first event on is."""
    since_ms: int | None
    """When that was recorded; None: from the first event on, or there is nothing."""
    holes: tuple[Hole, ...]
    """Oldest first."""
    behind: bool
    """Whether nothing lacks but what is newer than all that came: it may be on its way."""
    twins: tuple[Hole, ...]
    """Runs of the agent that cannot both be: a cloned gateway, or two contents of one address."""
    is_filtered: bool
    """Whether the stream leaves out some kinds of events."""


@dataclass(slots=True)
class _Epoch:
    """What has come of one run of the agent."""

    held: Spans = field(default_factory=Spans)
    begins: dict[int, int] = field(default_factory=dict)
    """When the first event of each interval of `held` was recorded, by its seq; UTC ms."""
    last_ms: int = 0
    starts: list[Place | None] = field(default_factory=list)
    """Where the epoch before ended, as its first event says."""
    lost: Spans = field(default_factory=Spans)
    """What the station says that it has lost of it."""
    twice: dict[int, int] = field(default_factory=dict)
    """Events that came with two contents, and when they were recorded."""

    def take(self, seq: int, at_ms: int) -> None:
        self.held.add(seq, seq)
        self.last_ms = max(self.last_ms, at_ms)
        if seq - 1 not in self.held:
            self.begins[seq] = at_ms
        self.begins.pop(seq + 1, None)


class Account:
    """All that has come of one station."""

    def __init__(self, station: str) -> None:
        self.is_filtered = False
        self.changes = 0
        """Rises with everything that is taken in or let go."""
        self._station = station
        self._epochs: dict[str, _Epoch] = {}

    def __contains__(self, place: Place) -> bool:
        """Return whether an event is there."""
        of = self._epochs.get(place[0])
        return of is not None and place[1] in of.held

    @property
    def newest(self) -> Place | None:
        """The newest address that is there."""
        ends = [(name, of.held.last) for name, of in self._epochs.items()]
        held = [(name, last) for name, last in ends if last is not None]
        return max(held, key=_order, default=None)

    # -------------------------------------------------------------- taking in

    def take(self, link: Link, at_ms: int) -> None:
        """Note an event that was not there and was checked, and when it was recorded."""
        self.changes += 1
        of = self._epochs.setdefault(link.epoch, _Epoch())
        of.take(link.seq, at_ms)
        if link.starts and link.previous not in of.starts:
            of.starts.append(link.previous)
        if link.lost is not None:
            epoch, first, last = link.lost
            self._epochs.setdefault(epoch, _Epoch()).lost.add(first, last)

    def is_newest(self, link: Link) -> bool:
        """Return whether no event that is there is newer."""
        newest = self.newest
        return newest is None or _order((link.epoch, link.seq)) >= _order(newest)

    def touched(self, link: Link) -> tuple[str, ...]:
        """Return the epochs of which an event says something."""
        return (link.epoch,) if link.lost is None else (link.epoch, link.lost[0])

    def differs(self, link: Link, at_ms: int) -> None:
        """Note that an event came with another content than before."""
        self.changes += 1
        self._epochs[link.epoch].twice[link.seq] = at_ms

    def forget(self, before_ms: int, kept: Place) -> list[str]:
        """Let go of the runs that ended before a moment; return their names.

        Args:
            before_ms: The moment.
            kept: The oldest address that the station still keeps: it would be asked for again.
        """
        gone = [
            name
            for name, of in self._epochs.items()
            if of.last_ms < before_ms and ordinal(name) < ordinal(kept[0])
        ]
        for name in gone:
            del self._epochs[name]
            self.changes += 1
        return gone

    # -------------------------------------------------------------- on disk

    def said(self, epoch: str) -> dict[str, Any]:
        """Return what is known of an epoch as JSON has it."""
        of = self._epochs[epoch]
        return {
            "held": [[first, last, of.begins[first]] for first, last in of.held],
            "last_ms": of.last_ms,
            "starts": of.starts,
            "lost": list(of.lost),
            "twice": [[seq, at_ms] for seq, at_ms in of.twice.items()],
        }

    def restore(self, epoch: str, said: dict[str, Any]) -> None:
        """Take over what `said` has told."""
        of = self._epochs[epoch] = _Epoch(last_ms=said["last_ms"])
        for first, last, at_ms in said["held"]:
            of.held.add(first, last)
            of.begins[first] = at_ms
        for first, last in said["lost"]:
            of.lost.add(first, last)
        of.starts = [None if each is None else (each[0], each[1]) for each in said["starts"]]
        of.twice = dict(said["twice"])

    # -------------------------------------------------------------- judging

    def surveyed(self, stand: Stand) -> Surveyed:
        """Return what is held and what lacks, for whoever asks for it."""
        events = sum(len(of.held) for of in self._epochs.values())
        places = filter(None, (self._oldest(), stand.first_kept))
        since = min(places, key=_order, default=(stand.epoch, 1))
        return surveyed_of(self._report(stand, since), events, self.newest)

    def extent(self, stand: Stand) -> Extent:
        """Return how far what has come reaches, where a station stands there.

        What was recorded before the oldest event that is there is no hole: `since` tells it.
        """
        oldest = self._oldest()
        report = self._report(stand, oldest or stand.first_kept or (stand.epoch, 1))
        holes = [
            Hole(gap.range, self._after(gap.range.epoch, gap.range.last)) for gap in report.gaps
        ]
        holes += [
            Hole(Range(each.epoch, last + 1, last + 1), self._after(each.epoch, last))
            for each in report.epochs
            if each.end is None and (last := self._last(each.epoch)) is not None
        ]
        is_first = oldest is not None and oldest[1] == 1 and None in self._starts(oldest[0])
        is_newer = all(hole.until_ms is None for hole in holes)
        return Extent(
            as_of=report.upto or "",
            since="" if is_first or oldest is None else f"{oldest[0]}-{oldest[1]}",
            since_ms=None if is_first or oldest is None else self._time(oldest),
            holes=tuple(holes),
            behind=bool(holes) and is_newer,
            twins=tuple(self._twins(report)),
            is_filtered=self.is_filtered,
        )

    def _report(self, stand: Stand, since: Place) -> StationReport:
        ledger, station = Ledger(), self._station
        for name, of in self._epochs.items():
            for first, last in of.held:
                ledger.hold(station, name, first, last)
            for previous in of.starts:
                ledger.begin(station, name, previous)
            for first, last in of.lost:
                ledger.lose(station, name, first, last)
        ledger.stand(stand)
        ledger.since(station, since)
        return ledger.report(station)

    def _starts(self, epoch: str) -> list[Place | None]:
        return self._epochs[epoch].starts

    def _last(self, epoch: str) -> int | None:
        of = self._epochs.get(epoch)
        return of.held.last if of is not None else None

    def _oldest(self) -> Place | None:
        begins = [(name, of.held.first) for name, of in self._epochs.items()]
        held = [(name, first) for name, first in begins if first is not None]
        return min(held, key=_order, default=None)

    def _time(self, place: Place) -> int:
        return self._epochs[place[0]].begins[place[1]]

    def _after(self, epoch: str, seq: int) -> int | None:
        """Return when the first event that is there behind an address was recorded."""
        begins = [
            ((name, first), at_ms)
            for name, of in self._epochs.items()
            for first, at_ms in of.begins.items()
            if _order((name, first)) > _order((epoch, seq))
        ]
        return min(begins, key=lambda each: _order(each[0]), default=(None, None))[1]

    def _twins(self, report: StationReport) -> Iterator[Hole]:
        for fork in report.forks:
            for name in fork.into[1:]:
                yield Hole(Range(name, 1, 1), self._epochs[name].last_ms)
        for name, of in self._epochs.items():
            for seq, at_ms in of.twice.items():
                yield Hole(Range(name, seq, seq), at_ms)


def check(link: Link) -> None:
    """Check that an event names what can be.

    Raises:
        ValueError: a number of it is none.
    """
    seqs = [link.seq, *(link.previous or ())[1:], *(link.lost or ())[1:]]
    for seq in seqs:
        if not isinstance(seq, int) or not 1 <= seq < MOST_SEQ:
            raise ValueError(f"{seq} is no seq")


def _order(place: Place) -> tuple[int, str, int]:
    return ordinal(place[0]), place[0], place[1]
