"""The judge: lays the emitted events beside the truth. It knows no function of the core.

What is read here are the events alone: kinds, fields, addresses. The rules are written down anew,
as plainly as they can be, so that a mistake of the core is not made here again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from agent.core import events as ev
from agent.core.parts import LONG_AGO
from agent.core.station import Component, Strategy
from tests.soak.agent import BrokenError, must
from tests.soak.counts import Counts
from tests.soak.line import Line
from tests.soak.recall import Recall
from tests.soak.truth import Cycle

UNKNOWN = {ev.Why.MATERIAL_UNKNOWN, ev.Why.COMPONENT_MISSING}


@dataclass(slots=True)
class Score:
    """What a line came to."""

    steps: int = 0
    cycles: int = 0
    scans: int = 0
    certain: int = 0
    possible: int = 0
    elsewhere: int = 0
    """Possible, and it was another unit, of which no scan came."""
    unbound: int = 0
    refused: int = 0
    unseen: int = 0
    """Cycles without an event: counted as missed or aborted, or within a gap that is told."""
    wrong: int = 0
    uses: int = 0
    """What units received, by position."""
    uses_possible: int = 0
    queries: int = 0
    missed: int = 0
    told: list[str] = field(default_factory=list)
    """What is wrong, in words."""

    def add(self, other: Score) -> None:
        """Add another line's."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def fail(self, law: str, what: object) -> None:
        """Note a broken law."""
        self.told.append(f"{law}: {what}")


class Oracle:
    """One line's events beside its truth."""

    def __init__(self, line: Line) -> None:
        self.line, self.truth, self.events = line, line.truth, line.agent.events
        self.score = Score(steps=line.agent.steps)
        self.at = {event.address: n for n, event in enumerate(self.events)}
        self.loaded: dict[str, list[ev.ComponentLoaded]] = defaultdict(list)
        """Per position, in their order."""
        for event in self.events:
            if isinstance(event, ev.ComponentLoaded):
                self.loaded[event.position].append(event)
        self._later: dict[tuple[str, str], set[str]] = {}
        self.superseded = {
            address
            for event in self.events
            if isinstance(event, ev.EventCorrected)
            for address in event.supersedes
        }

    def judge(self) -> Score:
        """Return the score; every law that is broken is told."""
        for law in (self._addresses, self._scans, self._answers, self._bindings, self._material):
            law()
        if self.line.station.pairing.strategy is Strategy.COUNT_ONLY:
            Counts(self).judge()
        else:
            Recall(self).judge()
        return self.score

    # -------------------------------------------------------------- addresses and scans

    def _addresses(self) -> None:
        """Each epoch counts from 1 without a gap, and names the end of the one before."""
        before: ev.Event | None = None
        for event in self.events:
            if isinstance(event, ev.AgentStarted):
                named = (event.previous_epoch, event.previous_seq)
                is_right = event.seq == 1 and named == (
                    (before.epoch, before.seq) if before else (None, None)
                )
            else:
                is_right = before is not None and event.seq == before.seq + 1
            if not is_right:
                self.score.fail("addresses have a gap", event.address)
            before = event

    def _scans(self) -> None:
        """Each scan of a unit ended in one place, or waits still."""
        ended: dict[str, list[ev.Event]] = defaultdict(list)
        for event in self.events:
            if isinstance(event, _ENDS) and not _leaves(event):
                for address in event.because:
                    ended[address].append(event)
        state = self.line.agent.state
        waits = {p.address for p in state.pairing.pending}
        waits |= {p.address for p in state.queue.parts}
        for event in self.events:
            if isinstance(event, ev.CodeScanned) and event.means == "unit":
                self.score.scans += 1
                if event.device in self.line.station.pairing.unload:
                    continue  # an empty carrier is a state: its scan says that and no more (D-28)
                places = {_place(each) for each in ended[event.address]}
                n = len(places) + (event.address in waits)
                if self._is_queued(event):
                    n = min(n, 1) or int(self._left_queue(event))
                if n != 1:
                    self.score.fail("a scan ends in one place", (event.address, n))

    def _is_queued(self, scan: ev.CodeScanned) -> bool:
        """Whether a scan is of a queue: while its order is lost, many cycles may have had it."""
        queue = self.line.station.pairing.queue
        return queue is not None and scan.device in {queue.entry, queue.sync}

    def _left_queue(self, scan: ev.CodeScanned) -> bool:
        """Whether a queue was proven to be without the part, or the scan was its proof."""
        queue = self.line.station.pairing.queue
        return (queue is not None and scan.device == queue.sync) or any(
            isinstance(event, ev.QueueSynced) and scan.address not in event.scans
            for event in self.events[self.at[scan.address] :]
        )

    # -------------------------------------------------------------- answers

    def unit_events(self) -> Iterator[tuple[ev.UnitEvent, Cycle]]:
        """Yield each unit event with its cycle."""
        for event in self.events:
            if isinstance(event, ev.UnitEvent):
                yield event, self.cycle_of(event)

    def cycle_of(self, event: ev.UnitEvent) -> Cycle:
        """Return the cycle that an event is about: its number is in the values, or it is a scan."""
        if event.values:
            return self.truth.cycles[int(event.values[0].value or 0)]
        scans = [self.events[self.at[address]] for address in event.because if address in self.at]
        seen = [name for scan in scans for name in scan.because]
        return self.truth.cycles[self.truth.scanned[seen[0]]]

    def _answers(self) -> None:
        """Each request that was answered has one event, with that answer (D-19, D-20).

        At a bench nobody asks: a label that is scanned again is another cycle, of the same unit.
        """
        if not self.line.station.handshakes:
            return
        found: dict[tuple[int, str, str | None], list[ev.UnitEvent]] = defaultdict(list)
        for event, cycle in self.unit_events():
            found[cycle.number, event.handshake, event.cavity].append(event)
        for (number, handshake, cavity), events in found.items():
            sure = [e for e in events if ev.Why.REPEAT_POSSIBLE not in e.why]
            if len(sure) > 1:
                told = [(e.address, e.kind) for e in events]
                self.score.fail("one event a request", (number, handshake, cavity, told))
        for cycle in self.truth.cycles.values():
            for name, answers in (("begin", cycle.begins), ("end", cycle.answers)):
                events = [
                    event
                    for key, own in found.items()
                    if key[:2] == (cycle.number, name)
                    for event in own
                ]
                stored = {event.answer for event in events}
                if not set(answers) <= stored:
                    self.score.fail("an answer is of an event", (cycle.number, answers, stored))

    # -------------------------------------------------------------- bindings

    def _bindings(self) -> None:
        """Certain is true; possible contains it, or no scan of it ever came."""
        last = self.line.station.handshakes[-1:]
        ends = {handshake.name for handshake in last} or {"end"}
        seen: Counter[int] = Counter()
        for event, cycle in self.unit_events():
            true = cycle.units.get(event.cavity) or cycle.units[min(cycle.units, key=str)]
            counts = event.handshake in ends
            seen[cycle.number] += counts
            if isinstance(event, ev.UnitCompleted | ev.UnitStarted):
                self._bound(event, true, counts=counts)
            elif isinstance(event, ev.UnitUnbound):
                self.score.unbound += counts
            else:
                self.score.refused += counts
        made = [cycle for cycle in self.truth.cycles.values() if cycle.ended_ms is not None]
        self.score.cycles += sum(len(cycle.units) for cycle in made) + len(self.truth.pieces)
        self.score.unseen += sum(not seen[cycle.number] for cycle in made)

    def _bound(self, event: ev.UnitEvent, true: str, *, counts: bool) -> None:
        if event.address in self.superseded:
            self.score.unbound += counts
        elif event.certainty is ev.Certainty.CERTAIN:
            self.score.certain += counts
            if event.unit != true:
                self.score.wrong += 1
                self.score.fail("certain is true", (event.address, event.unit, true))
        else:
            self.score.possible += counts
            if event.unit != true:
                self.score.elsewhere += counts

    # -------------------------------------------------------------- material

    def _material(self) -> None:
        """What a unit is said to have received is what it received."""
        for event, cycle in self.unit_events():
            if isinstance(event, ev.UnitStarted) or event.handshake != _last(self.line):
                continue
            for use in event.components:
                draws = cycle.draws.get(use.position)
                if draws is not None:
                    self.judge_use(event, use, draws, alone=len(cycle.units) == 1)

    def judge_use(
        self, event: ev.Event, use: ev.ComponentUse, draws: set[str], *, alone: bool
    ) -> None:
        """Lay one position of one event beside what was drawn there."""
        self.score.uses += 1
        self.score.uses_possible += use.certainty is ev.Certainty.POSSIBLE
        if use.why in UNKNOWN:
            return
        left_out = draws - set(use.candidates) - self.loaded_later(event, use.position)
        if left_out:
            self.score.wrong += 1
            self.score.fail(
                "what was drawn is a candidate",
                (event.address, use.position, use.certainty, use.candidates, left_out),
            )
        is_all = set(use.candidates) <= draws or not alone
        if use.certainty is ev.Certainty.CERTAIN and not left_out and not is_all:
            later = self.loaded_later(event, use.position)
            if not draws <= later:
                self.score.wrong += 1
                self.score.fail("certain is what was drawn", (event.address, use.candidates, draws))

    def loaded_later(self, event: ev.Event, position: str) -> set[str]:
        """Return what was scanned after an event, but may have been on during it (D-44)."""
        key = event.address, position
        if key not in self._later:
            self._later[key] = self._loaded_later(event, position)
        return self._later[key]

    def _loaded_later(self, event: ev.Event, position: str) -> set[str]:
        until = _until_ms(event)
        component = self.component(position)
        found = set[str]()
        for later in self.loaded[position]:
            if self.at[later.address] <= self.at[event.address]:
                continue
            if later.time.boot_id != event.time.boot_id:
                # Over a boot only the next load can tell, by saying that it began before it.
                return found | ({later.lot} if later.earliest_ms == LONG_AGO else set())
            high = until - component.lag_min_ms
            if later.earliest_ms - component.uncertainty_ms <= high:
                found |= {later.lot}
        return found

    def component(self, position: str) -> Component:
        """Return what is declared of a position."""
        component = self.line.station.component(position)
        if component is None:
            raise BrokenError(f"no position {position}")
        return component


_ENDS = (ev.UnitEvent, ev.ScanExpired, ev.EventCorrected, ev.CarrierLoaded, ev.CarrierUnloaded)


def _leaves(event: ev.Event) -> bool:
    """Whether a scan only leads to a correction: it is of another cycle, which has it too."""
    return isinstance(event, ev.EventCorrected) and ev.Why.ORDER_OF_FACTS in event.why


def _place(event: ev.Event) -> str:
    """Return where a scan ended: the cavities of a cycle are one place, and so are a carrier's."""
    if isinstance(event, ev.UnitEvent):
        return f"cycle {event.because[-1]}"
    if isinstance(event, ev.CarrierLoaded | ev.CarrierUnloaded):
        return event.kind
    return event.address


def _last(line: Line) -> str:
    handshakes = line.station.handshakes
    return handshakes[-1].name if handshakes else "end"


def _until_ms(event: ev.Event) -> int:
    if isinstance(event, ev.UnitEvent):
        return event.latest_ms
    must(isinstance(event, ev.LotCounted), "only units and counts have material")
    assert isinstance(event, ev.LotCounted)
    return event.last_ms
