"""When the product changes, and what that means for what is being made (D-1, D-29).

Theory: a station with products of its own granularity learns the product from a tag, the order, or
the codes that are scanned. A change is a fact with an interval, `product_changed`. What was made
before it is tracked as the product before, what was made after it as the new one, and what overlaps
it may be of either: such a piece is possible for both, and still in one record only.
"""

from __future__ import annotations

from agent.core import belonging, production, products, requests
from agent.core import events as ev
from agent.core.anew import replace
from agent.core.draft import Draft
from agent.core.identity.scan_rule import Means
from agent.core.parts import LONG_AGO
from agent.core.state import Snapshot
from agent.core.station import Handshake
from drivers.base import AnyObservation


def noticed(draft: Draft, seen: AnyObservation, *, first: bool = False) -> None:
    """Record a change of product that the tag or the order shows after an observation.

    `first`: the tag was not known on this link. Then the product may have changed ever since the
    newest piece that is accounted for.
    """
    plan, because = draft.station.products, (seen.id,)
    if plan is None or plan.by_scan or products.unread(draft.station, draft.working):
        return
    earliest_ms, latest_ms = seen.earliest_ms, seen.latest_ms
    if plan.orders:
        named, source = draft.state.people.order, "order"
    else:
        reading = draft.working.readings[plan.tag or ""]
        named, source = str(reading.good).strip() or None, "tag"
    if first:
        counted = draft.state.production.counted
        earliest_ms = min(earliest_ms, counted.at_ms) if counted else LONG_AGO
    _named(draft, named, source, (earliest_ms, latest_ms), because)


def scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Record a change of product that the code of a unit or a lot shows."""
    plan = draft.station.products
    if plan is not None and plan.by_scan and scan.means in {Means.UNIT, Means.LOT}:
        between_ms = (scan.earliest_ms, scan.latest_ms)
        _named(draft, scan.product, "scan", between_ms, (scan.address,))


def judged(draft: Draft, handshake: Handshake, snapshot: Snapshot) -> None:
    """Account for what was made before the piece of a cycle, where that may be a unit's.

    What a snapshot shows may have been counted before it, since the poll that is on its way.
    """
    station = draft.station
    if station.products is None or not station.counts_pieces or station.counter is None:
        return
    if not requests.records(draft.state, handshake) or snapshot.count is None:
        return
    reading = draft.working.readings[station.counter.tag]
    early_ms = reading.earliest_ms - station.pairing.settle_ms
    production.counter_read(draft, replace(reading, earliest_ms=early_ms))
    if not belonging.is_of_lot(belonging.made(draft.state, handshake, snapshot)):
        production.record_before(draft, station.counter, snapshot.count)


def started(draft: Draft, last_ms: int) -> None:
    """Track on as the station file now says, where it was changed while the agent was away."""
    known = draft.state.product.running
    if known is None or draft.station.products is None:
        return
    if products.resolve(draft.station, known.named) != known:
        _change(draft, known.named, "file", (last_ms, draft.now_ms), ())


def forget(draft: Draft, because: tuple[str, ...]) -> None:
    """Say that nobody knows the product any more: the station file has another source for it."""
    if draft.station.products is not None:
        counted = draft.state.production.counted
        since_ms = counted.at_ms if counted is not None else LONG_AGO
        _change(draft, None, "file", (since_ms, draft.now_ms), because)


def _named(
    draft: Draft,
    named: str | None,
    source: str,
    between_ms: tuple[int, int],
    because: tuple[str, ...],
) -> None:
    if named != products.running(draft.state).named:
        _change(draft, named, source, between_ms, because)


def _change(
    draft: Draft,
    named: str | None,
    source: str,
    between_ms: tuple[int, int],
    because: tuple[str, ...],
) -> None:
    production.record_until(draft, between_ms[0])
    now, before = products.resolve(draft.station, named), products.running(draft.state)
    is_known = products.is_known(draft.state, now)
    draft.add(
        ev.ProductChanged(
            **draft.head(because=because, why=() if is_known else (ev.Why.PRODUCT_UNKNOWN,)),
            named=named,
            product=now.product,
            by=now.by.value,
            from_lot=now.from_lot,
            previous=before.named,
            source=source,
            earliest_ms=between_ms[0],
            latest_ms=between_ms[1],
        )
    )
