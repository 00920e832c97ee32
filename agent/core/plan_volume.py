"""What a granularity costs in records, and what it saves in recalls: the planner's arithmetic.

The sizes are measured: the worked example's shifts (agent/demo/worked_example.py), 2,000 to 6,000
units each, sealed and put into a real journal and a real trace store on SQLite, what an empty one
takes left out; 26 November 2026. A test measures them again (D-13: measure the 600, do not trust
it).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from agent.core.plan import Advice, Capture, Grain, ProductFacts
from agent.core.scopes import scope

SCAN, UNIT, ROW, EDGE, INSTALLED = 650, 730, 600, 570, 640
"""Bytes of an event as it is stored: a code, a unit, a row of counted pieces, the begin or end of a
lot or sub-lot, and what is put in by serial or loaded by lot."""
LINK = 120
"""And for each component that a unit or a row names."""
JOURNAL_FACTOR = 1.2
"""Bytes in the journal's file for each byte of events: pages, and the index."""
STORE_EVENT, STORE_LINK = 680, 110
"""Bytes in the trace store's file for each event, and for each link."""
SIZES = (1_000, 500, 100, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a day of a product puts into the record."""

    events: float
    links: float
    bytes: float
    scans: float

    @property
    def journal_bytes(self) -> float:
        """In the journal of the gateway."""
        return self.bytes * JOURNAL_FACTOR

    @property
    def store_bytes(self) -> float:
        """In the trace store."""
        return self.events * STORE_EVENT + self.links * STORE_LINK


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One way to track a product, and what it means."""

    name: str
    size: int
    """Units that records cannot tell apart."""
    is_advised: bool
    load: Load
    """A day."""
    mean: Fraction | None
    """Expected units of a recall; None: nothing says how many one fault hits."""
    worst: int | None
    recall_cost: float | None
    """Of one recall, as expected; None: the user gave no figure for it."""
    recall_cost_per_year: float | None
    capture_cost_per_year: float | None

    @property
    def cost_per_year(self) -> float | None:
        """Both together."""
        if self.recall_cost_per_year is None or self.capture_cost_per_year is None:
            return None
        return self.recall_cost_per_year + self.capture_cost_per_year


def options(facts: ProductFacts, advice: Advice, days: int) -> tuple[Option, ...]:
    """Return the ways to track a product, from the lot to the unit."""
    advised = _advised_size(facts, advice)
    sizes = {*(size for size in SIZES if size < facts.lot), facts.lot, 1, advised}
    if facts.today_size is not None and facts.today_size < facts.lot:
        sizes.add(facts.today_size)
    return tuple(_option(facts, size, advised, days) for size in sorted(sizes, reverse=True))


def _advised_size(facts: ProductFacts, advice: Advice) -> int:
    if advice.grain >= Grain.SERIAL:
        return 1
    if advice.grain is Grain.LOT:
        return facts.lot
    return facts.lot if advice.sublot is None else advice.sublot


def _option(facts: ProductFacts, size: int, advised: int, days: int) -> Option:
    run, load = facts.fault_run, daily(facts, size)
    reach = None if run is None else scope(facts.lot, run, size)
    costs = facts.costs
    recall = None
    if reach is not None and costs.per_recalled_unit is not None:
        recall = float(reach.mean) * costs.per_recalled_unit + (costs.per_recall or 0.0)
    a_year = None
    if recall is not None and costs.recalls_per_year is not None:
        a_year = recall * costs.recalls_per_year
    return Option(
        name=_name(facts, size),
        size=size,
        is_advised=size == advised,
        load=load,
        mean=None if reach is None else reach.mean,
        worst=None if reach is None else reach.most,
        recall_cost=recall,
        recall_cost_per_year=a_year,
        capture_cost_per_year=_capture_cost(facts, size, load, days),
    )


def _name(facts: ProductFacts, size: int) -> str:
    if size == 1:
        return "serial"
    return "lot" if size == facts.lot else f"sub-lots of {size:,}"


def _capture_cost(facts: ProductFacts, size: int, load: Load, days: int) -> float | None:
    """Return what capture costs a year, of the figures that were given; None: of none."""
    costs = facts.costs
    parts = (
        (costs.per_record, load.events),
        (costs.per_scan, load.scans),
        (costs.per_serial, facts.per_day if size == 1 else 0.0),
    )
    given = [price * number for price, number in parts if price is not None]
    return sum(given) * days if given else None


def daily(facts: ProductFacts, size: int) -> Load:
    """Return what a day puts into the record, with sub-lots of a size; 1: by serial (D-13).

    A counting station writes at most a row a second, so a row for each piece of a slower machine.
    """
    linked = [part for part in facts.parts if part.by is not None]
    found = [_of_units(facts, len(linked)) if size == 1 else _of_rows(facts, size, len(linked))]
    found += [
        _of_part(facts, part.package, part.per_unit, is_serial=part.by is not Grain.LOT)
        for part in linked
    ]
    return Load(
        events=sum(each.events for each in found) * facts.stations,
        links=sum(each.links for each in found) * facts.stations,
        bytes=sum(each.bytes for each in found) * facts.stations,
        scans=sum(each.scans for each in found) * facts.stations,
    )


def _of_units(facts: ProductFacts, links: int) -> Load:
    n = facts.per_day
    scans = 0 if facts.capture is Capture.AUTOMATIC else n
    n_bytes = n * (UNIT + SCAN + links * LINK)
    return Load(events=2 * n, links=n * links, bytes=n_bytes, scans=scans)


def _of_rows(facts: ProductFacts, size: int, links: int) -> Load:
    edges = facts.per_day / size
    rows = facts.per_day * min(1.0, facts.cycle_s if facts.cycle_s is not None else 1.0) + edges
    cut = 2 if size < facts.lot else 0  # a sub-lot is linked to its lot, both ways
    return Load(
        events=rows + 2 * edges,
        links=rows * (links + cut),
        bytes=rows * (ROW + links * LINK) + 2 * edges * EDGE,
        scans=facts.per_day / facts.lot,
    )


def _of_part(facts: ProductFacts, package: int | None, per_unit: int, *, is_serial: bool) -> Load:
    """Return what comes of scanning a component: each piece of it, or each package."""
    if is_serial:
        n: float = facts.per_day * per_unit
        return Load(events=2 * n, links=n, bytes=n * (SCAN + INSTALLED), scans=n)
    if package is None:
        return Load(events=0, links=0, bytes=0, scans=0)
    n = facts.per_day * per_unit / package
    return Load(events=3 * n, links=0, bytes=n * (SCAN + 2 * INSTALLED), scans=n)


def missing(facts: ProductFacts) -> Iterator[str]:
    """Yield what was not given, and what cannot be said therefore."""
    if facts.loose:
        names = ", ".join(part.name for part in facts.loose)
        yield (
            f"what a fault of {names} recalls: nobody records which went in, so until that is "
            "scanned it is the whole lot, however units are tracked"
        )
    if facts.fault_run is None:
        yield "the scope of a recall: give `faulty_run`, or the `package` of a component"
    costs = facts.costs
    if costs.per_recalled_unit is None:
        yield "the cost of a recall: give `costs.per_recalled_unit`"
    elif costs.recalls_per_year is None:
        yield "the cost of recalls a year: give `costs.recalls_per_year`"
    if (costs.per_record, costs.per_scan, costs.per_serial) == (None, None, None):
        yield "the cost of capture: give `costs.per_record`, `per_scan` or `per_serial`"
    for part in facts.parts:
        if part.by is Grain.LOT and part.package is None:
            yield f"how often {part.name} is loaded: give its `package`"
    if facts.cycle_s is None:
        yield "how many rows counting takes: give `cycle`; a row a piece is taken, the most"
