"""A recall from the emitted events alone, and whether it names every unit that it must (D-4).

For each lot and serial that was ever on the line: the units whose events leave it possible that
they have it, and beside them the cycles that could not be bound, counted (D-7). A unit that truly
has it must be among the first, or its cycle among the second.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from agent.core import events as ev
from tests.soak.truth import Cycle

if TYPE_CHECKING:
    from tests.soak.oracle import Oracle

AROUND_MS = 20_000
"""How near to a gap a cycle without an event is part of it: it is asked about before and after."""


class Recall:
    """The recalls of everything that one line was fed with."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle, self.truth, self.score = oracle, oracle.truth, oracle.score
        self.events: dict[int, list[ev.UnitEvent]] = defaultdict(list)
        """Per cycle: what is recorded of its work; `begin` is before it."""
        last = [handshake.name for handshake in oracle.line.station.handshakes[-1:]] or ["end"]
        for event, cycle in oracle.unit_events():
            if event.handshake in last:
                self.events[cycle.number].append(event)

    def judge(self) -> None:
        """Ask for every lot and serial, and lay each answer beside the truth."""
        self._uncounted()
        for lot in sorted(self.truth.lots, key=int):
            self.score.queries += 1
            listed = self.units(lot)
            for cycle in self._affected(lot):
                if not self._is_found(cycle, lot, listed):
                    self.score.missed += 1
                    told = [(e.address, e.kind) for e in self.events[cycle.number]]
                    self.score.fail("recall misses", (lot, cycle.number, cycle.units, told))

    def units(self, lot: str) -> set[str]:
        """Return the units that a recall of a lot names, certain and possible."""
        return {
            unit
            for events in self.events.values()
            for event in events
            if self._may_have(event, lot)
            for unit in _named(event)
        }

    def _may_have(self, event: ev.UnitEvent, lot: str) -> bool:
        """Whether nothing proves that a unit is without a lot (D-6)."""
        return any(
            lot in use.candidates
            or use.why in {ev.Why.MATERIAL_UNKNOWN, ev.Why.COMPONENT_MISSING}
            or lot in self.oracle.loaded_later(event, use.position)
            for use in event.components
        )

    def _affected(self, lot: str) -> list[Cycle]:
        return [
            cycle
            for cycle in self.truth.cycles.values()
            if any(lot in lots for lots in cycle.draws.values())
        ]

    def _is_found(self, cycle: Cycle, lot: str, listed: set[str]) -> bool:
        """Whether its units are named, or it is one of the cycles that are counted."""
        if set(cycle.units.values()) <= listed:
            return True
        events = self.events[cycle.number]
        if not events:
            return True  # judged by `_uncounted`: it is counted, or lies in a gap
        unsure = [event for event in events if not self._is_sure(event)]
        return any(self._may_have(event, lot) for event in unsure)

    def _is_sure(self, event: ev.UnitEvent) -> bool:
        is_bound = isinstance(event, ev.UnitCompleted)
        is_kept = event.address not in self.oracle.superseded
        return is_bound and is_kept and event.certainty is ev.Certainty.CERTAIN

    # -------------------------------------------------------------- cycles without an event

    def _uncounted(self) -> None:
        """Each cycle without an event is counted as missed or aborted, or within a gap (D-7)."""
        unseen = [
            cycle
            for cycle in self.truth.cycles.values()
            if cycle.ended_ms is not None and not self.events[cycle.number]
        ]
        outside = [cycle for cycle in unseen if not self._in_gap(cycle)]
        if len(outside) > self._counted():
            numbers = [cycle.number for cycle in outside]
            self.score.missed += 1
            self.score.fail("a cycle is not counted", (numbers, self._counted()))

    def _in_gap(self, cycle: Cycle) -> bool:
        at_ms = cycle.ended_ms or 0
        return any(
            since_ms - AROUND_MS <= at_ms <= until_ms + AROUND_MS
            for since_ms, until_ms in self.truth.away
        )

    def _counted(self) -> float:
        """Return how many cycles the events say were not recorded."""
        n = 0.0
        for event in self.oracle.events:
            if isinstance(event, ev.CycleMissed | ev.InterlockBypassed):
                n += float("inf") if event.n is None else event.n
            elif isinstance(event, ev.CycleAborted):
                n += 1
            elif isinstance(event, ev.CounterReset):
                n = float("inf")
        return n


def _named(event: ev.UnitEvent) -> tuple[str, ...]:
    if isinstance(event, ev.UnitUnbound):
        return event.candidates
    return (event.unit,) if event.unit is not None else ()
