"""The worked example, measured: each plant's events into a trace store, and the recall asked of it.

Nothing here computes a scope: the units are those that the recall lists, and the means are taken
over what the recorded rows say was where. `expected` stands beside them, from the arithmetic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import orjson

from agent.core.events import Event
from agent.core.scopes import Scope, rule_of_thumb, scope
from agent.demo import worked_example as line
from agent.demo.worked_example import Shift
from agent.formats.json import encode
from agent.trace.api import Selection, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One way to record the shift, and what a recall took then."""

    tracked: str
    size: int
    """How many units cannot be told apart."""
    recalled: int
    """By the recall of the faulty box, as it was loaded."""
    certain: int
    holds_all: bool
    """Whether every unit that got the faulty part is in it (D-4)."""
    over_places: Scope
    """Had the faulty box come at any other place, by the recorded rows."""
    expected: Scope
    rule_of_thumb: int
    events: int
    bytes: int

    @property
    def agrees(self) -> bool:
        """Whether what was measured is what the arithmetic says."""
        is_within = self.expected.least <= self.recalled <= self.expected.most
        return self.holds_all and self.over_places == self.expected and is_within


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The whole example."""

    shift: Shift
    rows: tuple[Measured, ...]
    """From the whole lot to the single unit."""
    unlinked: int
    """Recalled where units have serials and nobody recorded what went into them (D-3)."""

    @property
    def agrees(self) -> bool:
        """Whether everything measured is as it must be."""
        return self.unlinked == self.shift.units and all(row.agrees for row in self.rows)


def example(shift: Shift | None = None, sizes: Sequence[int] = line.SIZES) -> Example:
    """Make the shift once for each way to record it, and recall the faulty box."""
    shift = shift or Shift()
    rows = [_counted(shift, None), *(_counted(shift, size) for size in sizes), _bound(shift)]
    with Trace.open(":memory:") as trace:
        _take(trace, line.bound(shift, linked=False))
        order = trace.recall(Selection(order=line.PRODUCTION_LOT))
        unlinked = 0 if trace.recall(_FAULTY)["is_known"] else len(order["certain"])
    return Example(shift=shift, rows=tuple(rows), unlinked=unlinked)


_FAULTY = line.BOXES[1]


def _counted(shift: Shift, size: int | None) -> Measured:
    with Trace.open(":memory:") as trace:
        documents, n_bytes = _take(trace, line.counted(shift, size))
        recalled = {each["lot"]: each for each in trace.recall(_FAULTY)["lots"]}
        held = {each["lot"]: each["pieces"] for each in trace.recall(line.PRODUCTION_LOT)["lots"]}
    where = list(_lots_of_pieces(documents))
    size = size or shift.units
    faulty = where[shift.place : shift.place + shift.faulty]
    return Measured(
        tracked="lot" if size == shift.units else f"sub-lots of {size:,}",
        size=size,
        recalled=sum(each["pieces"] for each in recalled.values()),
        certain=sum(e["pieces"] for e in recalled.values() if e["certainty"] == "certain"),
        holds_all=all(recalled.keys() >= lots for lots in faulty),
        over_places=_over_places(where, held, shift.faulty),
        **_common(shift, size, documents, n_bytes),
    )


def _bound(shift: Shift) -> Measured:
    with Trace.open(":memory:") as trace:
        documents, n_bytes = _take(trace, line.bound(shift))
        report = trace.recall(_FAULTY)
    units = [each["unit"] for each in documents if each["kind"] == "unit_completed"]
    certain, possible = ({each["unit"] for each in report[c]} for c in ("certain", "possible"))
    return Measured(
        tracked="serial",
        size=1,
        recalled=len(certain | possible),
        certain=len(certain),
        holds_all=certain | possible >= set(units[shift.place : shift.place + shift.faulty]),
        over_places=_over_places([{unit} for unit in units], Counter(units), shift.faulty),
        **_common(shift, 1, documents, n_bytes),
    )


def _common(
    shift: Shift, size: int, documents: Sequence[Mapping[str, Any]], n_bytes: int
) -> dict[str, Any]:
    return {
        "expected": scope(shift.units, shift.faulty, size),
        "rule_of_thumb": rule_of_thumb(shift.units, shift.faulty, size),
        "events": len(documents),
        "bytes": n_bytes,
    }


def _take(trace: Trace, events: Sequence[Event]) -> tuple[list[dict[str, Any]], int]:
    """Hand events to the store as stations deliver them; return them with their size."""
    bodies = [encode(event) for event in events]
    documents = [orjson.loads(body) for body in bodies]
    trace.take_events(documents)
    return documents, sum(len(body) for body in bodies)


def _lots_of_pieces(documents: Sequence[Mapping[str, Any]]) -> Iterator[set[str]]:
    """Yield of each piece, in the order of the counter, the lots that it may be of."""
    for event in documents:
        if event["kind"] == "lot_counted":
            lots = set(event.get("lots", ())) | ({event["lot"]} if event.get("lot") else set())
            yield from [lots] * event["n"]


def _over_places(where: Sequence[set[str]], held: Mapping[str, int], run: int) -> Scope:
    """Return what would be recalled of a run that begins at each place, from the rows."""
    inside: Counter[str] = Counter()
    taken: list[int] = []
    total = 0
    for at, lots in enumerate(where):
        total += sum(held[lot] for lot in lots if not inside[lot])
        inside.update(lots)
        if at >= run:
            inside.subtract(where[at - run])
            total -= sum(held[lot] for lot in where[at - run] if not inside[lot])
        if at >= run - 1:
            taken.append(total)
    return Scope(mean=Fraction(sum(taken), len(taken)), least=min(taken), most=max(taken))
