"""Does a consumer hold everything? The proof, or the ranges that lack, from what arrived alone.

Whoever keeps Lineside's events can take this file as it is or write the same: it is pure, and uses
nothing but `claims.py` (its words) and `spans.py` (sets of numbers) beside it. `heard.py` makes its
input from messages.

    ledger = Ledger()
    ledger.take(link)            # of each event, in any order, as often as it comes
    ledger.stand(position)       # of each retained `position`
    report = ledger.report("acme/graz/press-07")
    report.is_complete           # proven: nothing lacks from `report.since` to `report.upto`
    report.to_ask                # what to write to `control`, where it is not (D-138)

Theory, in the order of the code:
    1. A station's events are numbered 1, 2, 3, … within an epoch, which is one run of its agent. So
       within an epoch nothing lacks if every number from 1 to its end is there.
    2. Where an epoch ended is said by the first event of the next one (`agent_started` names epoch,
       seq and hash), and of the running one by the retained `position`. Known by neither, the end
       is open, and nothing is claimed.
    3. A filtered stream has holes by intent. There each event names the address before it on the
       stream (`after`): it speaks for all the numbers between. An answered `resend` of a range
       speaks for it too, if as many events of it are there as were sent.
    4. Each event carries the hash of the one before it (`prev`), over epochs. Where two that should
       follow each other do not fit, or one address has two contents, something was altered or
       cloned.
    5. Two epochs that both follow the same one are a fork: a cloned gateway, or a restored backup.
       Not so where the station itself told that the first was lost (`history_lost`), unless that
       goes on beyond what it told: then somebody else records there.
    6. Who holds more of an epoch than its successor knows of keeps it: an orphaned tail.
    7. What lacks can be asked for, unless the station no longer keeps it, or has lost it itself.

Nothing is claimed that was not proven: an unknown end, a hole, a lost range, a fork or a link that
does not fit each make `is_complete` false.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.trace.claims import (
    Answered,
    EpochReport,
    Fork,
    Gap,
    Lack,
    Link,
    Place,
    Range,
    Stand,
    StationReport,
    ordinal,
)
from agent.trace.spans import Spans

__all__ = [
    "Answered",
    "EpochReport",
    "Fork",
    "Gap",
    "Lack",
    "Ledger",
    "Link",
    "Place",
    "Range",
    "Stand",
    "StationReport",
    "ordinal",
]

FOR_EVER = 1 << 62
"""A seq behind every other: an `after` in an older epoch speaks for that one's whole rest."""


# ------------------------------------------------------------------ the ledger


@dataclass(slots=True)
class _Epoch:
    """What is known of one epoch."""

    held: Spans = field(default_factory=Spans)
    covered: Spans = field(default_factory=Spans)
    """What is held, and what is known not to be on this stream."""
    lost: Spans = field(default_factory=Spans)
    """What the station says that it has lost of it."""
    hashes: dict[int, int] = field(default_factory=dict)
    """The first 64 bits of each hash: enough to see a difference, small enough for millions."""
    starts: dict[Place | None, None] = field(default_factory=dict)
    """Where the epoch before ended, by its first event; empty: that is not there."""
    stood: int = 0
    """The highest seq that a `position`, or an `after` of a later epoch, has told."""
    is_passed: bool = False
    """Whether an `after` in a later epoch speaks for its whole rest."""
    is_rooted: bool = False
    """Whether an `after` speaks for all between its first event here and an older epoch."""


class Ledger:
    """All that was heard of any number of stations; about 150 bytes an event.

    A consumer whose database compares contents itself, or that starts again, gives what it holds
    with `hold`, which costs nothing an event, and takes `agent_started` and `history_lost` anew.
    """

    def __init__(self) -> None:
        self._stations: dict[str, _Station] = {}

    @property
    def stations(self) -> tuple[str, ...]:
        """Every station that was heard of."""
        return tuple(sorted(self._stations))

    def take(self, link: Link) -> bool:
        """Note an event; return whether it is a new one."""
        return self._station(link.station).take(link)

    def stand(self, stand: Stand) -> None:
        """Note where a station's journal stands."""
        self._station(stand.station).stand(stand)

    def answered(self, answer: Answered) -> None:
        """Note that a resend is through: on a filtered stream it speaks for its range."""
        self._station(answer.station).answered(answer)

    def hold(self, station: str, epoch: str, first: int, last: int) -> None:
        """Note that these events are held, without their links: from a database, say."""
        self._station(station).hold(epoch, first, last)

    def cover(self, station: str, epoch: str, first: int, last: int) -> None:
        """Note that nothing of a filtered stream lies here but what is held: from a database."""
        self._station(station).cover(epoch, first, last)

    def lose(self, station: str, epoch: str, first: int, last: int) -> None:
        """Note that the station itself has lost these events: from a database."""
        self._station(station).lose(epoch, first, last)

    def follow(self, station: str, place: Place, after: Place) -> None:
        """Note what an event said that came before: the address before it on the stream."""
        self._station(station).speak(place, after)

    def begin(self, station: str, epoch: str, previous: Place | None) -> None:
        """Note where the epoch before ended, as an answer to a resend said."""
        self._station(station).begin(epoch, previous)

    def since(self, station: str, place: Place) -> None:
        """Ask for completeness from this address on only."""
        self._station(station).since = place

    def report(self, station: str) -> StationReport:
        """Return what is proven of a station.

        Raises:
            KeyError: it was never heard of.
        """
        return self._stations[station].report(station)

    def _station(self, station: str) -> _Station:
        return self._stations.setdefault(station, _Station())


class _Station:
    """All that was heard of one station."""

    def __init__(self) -> None:
        self.since: Place | None = None
        self._epochs: dict[str, _Epoch] = {}
        self._first_kept: Place | None = None
        self._over: set[tuple[str, str]] = set()
        """(older, newer): an `after` of the newer speaks for what lies between the two."""
        self._awaited: dict[Place, dict[Place, int]] = {}
        """What the hash of an event that is not there has to be, by whose word."""
        self._conflicts: set[Place] = set()
        self._broken: set[Place] = set()

    # -------------------------------------------------------------- taking in

    def take(self, link: Link) -> bool:
        of, here = self._epoch(link.epoch), (link.epoch, link.seq)
        mark = _mark(link.hash)
        if of.hashes.setdefault(link.seq, mark) != mark:
            self._conflicts.add(here)
            return False
        is_new = link.seq not in of.held
        self.hold(link.epoch, link.seq, link.seq)
        for by, awaited in self._awaited.pop(here, {}).items():
            if awaited != mark:
                self._broken.add(by)
        if link.after is not None:
            self.speak(here, link.after)
        if link.starts:
            of.starts[link.previous] = None
            self._expect(link.previous, link.previous_hash, here)
        elif link.after is None and link.seq > 1:
            self._expect((link.epoch, link.seq - 1), link.prev, here)
        if link.lost is not None:
            self.lose(*link.lost)
        return is_new

    def lose(self, epoch: str, first: int, last: int) -> None:
        self._epoch(epoch).lost.add(first, last)

    def hold(self, epoch: str, first: int, last: int) -> None:
        of = self._epoch(epoch)
        of.held.add(first, last)
        of.covered.add(first, last)

    def stand(self, stand: Stand) -> None:
        of = self._epoch(stand.epoch)
        of.stood = max(of.stood, stand.last_seq)
        kept = stand.first_kept
        if kept is not None and (
            self._first_kept is None or _order(kept) > _order(self._first_kept)
        ):
            self._first_kept = kept
        self._expect((stand.epoch, stand.last_seq), stand.last_hash, (stand.epoch, stand.last_seq))

    def answered(self, answer: Answered) -> None:
        of = self._epoch(answer.epoch)
        if answer.is_filtered and of.held.within(answer.first, answer.last) >= answer.sent:
            self.cover(answer.epoch, answer.first, answer.last)
            if answer.starts:
                self.begin(answer.epoch, answer.previous)

    def cover(self, epoch: str, first: int, last: int) -> None:
        self._epoch(epoch).covered.add(first, last)

    def begin(self, epoch: str, previous: Place | None) -> None:
        self._epoch(epoch).starts[previous] = None
        if previous is not None:
            self._epoch(previous[0])

    def _epoch(self, name: str) -> _Epoch:
        if name not in self._epochs:
            ordinal(name)  # refuses what is none
            self._epochs[name] = _Epoch()
        return self._epochs[name]

    def speak(self, place: Place, after: Place) -> None:
        """Take what `after` says: nothing of this stream lies between that one and this."""
        of, (epoch, seq) = self._epoch(place[0]), after
        if epoch == place[0]:
            of.covered.add(seq + 1, place[1])
        elif ordinal(epoch) < ordinal(place[0]):
            before = self._epoch(epoch)
            before.covered.add(seq + 1, FOR_EVER)
            before.stood = max(before.stood, seq)
            before.is_passed = of.is_rooted = True
            of.covered.add(1, place[1])
            self._over.add((epoch, place[0]))

    def _expect(self, place: Place | None, digest: str | None, by: Place) -> None:
        """Check what somebody says of an event's hash, now or when that event comes."""
        if place is None or digest is None:
            return
        known = self._epoch(place[0]).hashes.get(place[1])
        if known is None:
            self._awaited.setdefault(place, {})[by] = _mark(digest)
        elif known != _mark(digest):
            self._broken.add(by)

    # -------------------------------------------------------------- judging

    def report(self, station: str) -> StationReport:
        between, ends = self._between(), self._told_ends()
        names = sorted((name for name in self._epochs if self._is_asked(name)), key=_by_age)
        epochs = tuple(self._judge(name, ends.get(name), name in between) for name in names)
        forks = tuple(self._forks())
        open_end = not epochs or any(
            epoch.end is None and not self._epochs[epoch.epoch].is_passed
            for epoch in epochs
            if epoch.epoch not in between
        )
        is_rooted = all(self._is_rooted(name) for name in names if name not in between)
        is_doubtful = open_end or bool(forks or self._conflicts or self._broken)
        has_gaps = any(epoch.gaps for epoch in epochs)
        return StationReport(
            station=station,
            is_complete=is_rooted and not is_doubtful and not has_gaps,
            since=None if self.since is None else _text(self.since),
            upto=self._upto(epochs, between),
            epochs=epochs,
            forks=forks,
            conflicts=tuple(map(_text, sorted(self._conflicts, key=_order))),
            broken=tuple(map(_text, sorted(self._broken, key=_order))),
            open_end=open_end,
        )

    def _is_asked(self, epoch: str) -> bool:
        """Whether completeness was asked for of this epoch; of a twin of the first one too."""
        return self.since is None or ordinal(epoch) >= ordinal(self.since[0])

    def _is_rooted(self, epoch: str) -> bool:
        """Whether it is known what came before: else whole epochs may lack unseen."""
        of = self._epochs[epoch]
        is_first = self.since is not None and self.since[0] == epoch
        return is_first or bool(of.starts) or of.is_rooted

    def _told_ends(self) -> dict[str, int]:
        """Return the last seq of each epoch that a next one knows of; the highest of several."""
        ends: dict[str, int] = {}
        for of in self._epochs.values():
            for epoch, seq in filter(None, of.starts):
                ends[epoch] = max(seq, ends.get(epoch, 0))
        return ends

    def _judge(self, name: str, told: int | None, is_between: bool) -> EpochReport:  # noqa: FBT001 - one caller
        of = self._epochs[name]
        last = of.held.last or 0
        known = max(told or 0, of.stood, last, of.lost.last or 0)
        is_told = told is not None or of.stood or of.lost.last is not None
        orphaned = Range(name, told + 1, last) if told is not None and last > told else None
        return EpochReport(
            epoch=name,
            events=len(of.held),
            end=known if is_told else None,
            is_running=told is None and not (of.is_passed or is_between),
            gaps=() if is_between else tuple(self._gaps(name, told, known)),
            orphaned=orphaned,
        )

    def _gaps(self, name: str, told: int | None, known: int) -> list[Gap]:
        """Return what is not there of an epoch, cut where the reason changes."""
        of, lost = self._epochs[name], Spans()
        for first, last in of.lost:
            lost.add(first, last)
        if told is not None:
            lost.add(told + 1, known)
        gone_to = self._gone_to(name)
        found = []
        for first, last in of.covered.lacking(self._begin(name), known):
            for low, high in lost.shared(first, last):
                found.append(Gap(Range(name, low, high), Lack.LOST))
            for low, high in lost.lacking(first, last):
                if low <= gone_to:
                    found.append(Gap(Range(name, low, min(high, gone_to)), Lack.GONE))
                if high > gone_to:
                    found.append(Gap(Range(name, max(low, gone_to + 1), high), Lack.MISSING))
        return sorted(found, key=lambda gap: gap.range)

    def _begin(self, epoch: str) -> int:
        return self.since[1] if self.since is not None and self.since[0] == epoch else 1

    def _gone_to(self, epoch: str) -> int:
        """Return up to which seq the station has deleted an epoch."""
        kept = self._first_kept
        if kept is None or ordinal(epoch) > ordinal(kept[0]):
            return 0
        if epoch == kept[0]:
            return kept[1] - 1
        return FOR_EVER if ordinal(epoch) < ordinal(kept[0]) else 0

    def _between(self) -> set[str]:
        """Return the epochs that an `after` of a newer one has stepped over as a whole."""
        found = set()
        for older, newer in self._over:
            lineage = set(self._lineage(newer))
            found |= {
                name
                for name, of in self._epochs.items()
                if ordinal(older) < ordinal(name) < ordinal(newer)
                and (name in lineage or not of.starts)
            }
        return found

    def _lineage(self, epoch: str) -> Iterator[str]:
        """Yield the epochs before one, newest first, as far as their first events are there."""
        seen, waiting = {epoch}, [epoch]
        while waiting:
            starts = self._epochs[waiting.pop()].starts
            for before, _ in filter(None, starts):
                if before not in seen:
                    seen.add(before)
                    waiting.append(before)
                    yield before

    def _forks(self) -> Iterator[Fork]:
        """Yield what is followed by two, unless the station told that it lost one of them."""
        into: dict[str | None, list[str]] = {}
        for name, of in self._epochs.items():
            for previous in of.starts:
                into.setdefault(previous and previous[0], []).append(name)
        standing = {
            name
            for name, of in self._epochs.items()
            if name not in into and (of.lost.last is None or (of.held.last or 0) > of.lost.last)
        }
        for leaf in tuple(standing):
            standing |= set(self._lineage(leaf))
        for of_name in sorted(into, key=str):
            followers = tuple(sorted(standing & set(into[of_name]), key=_by_age))
            if len(followers) > 1:
                yield Fork(of_name, followers)

    def _upto(self, epochs: Iterable[EpochReport], between: set[str]) -> str | None:
        """Return the newest address before which nothing lacks."""
        upto: str | None = None
        for report in epochs:
            of, name = self._epochs[report.epoch], report.epoch
            if name not in between:
                if not self._is_rooted(name):
                    return upto
                edge = report.gaps[0].range.first - 1 if report.gaps else of.held.last or 0
                if edge >= max(self._begin(name), of.held.first or 1):
                    upto = f"{name}-{edge}"
                if report.gaps or (report.end is None and not of.is_passed):
                    return upto
        return upto


def _mark(digest: str) -> int:
    return int(digest[:16], 16)


def _order(place: Place) -> tuple[int, str, int]:
    return ordinal(place[0]), place[0], place[1]


def _by_age(epoch: str) -> tuple[int, str]:
    return ordinal(epoch), epoch


def _text(place: Place) -> str:
    return f"{place[0]}-{place[1]}"
