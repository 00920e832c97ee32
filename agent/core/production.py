"""What was made by count: lots, counter steps, resets (D-29 to D-31).

The counter is absolute, so nothing is lost between two events: what was read but not yet recorded
is working, as steps, and the next event covers it. A row covers an interval, at most one a second
and one at each change of lot or order. Steps that overlap a change of lot may be of either lot; so
that a change which comes by another way than the counter still finds them, a step is recorded
only when it is older than the station's `settle`.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from agent.core import events as ev
from agent.core import lotbook, presence, products, sublots
from agent.core import steps as sharing
from agent.core.amounts import amount, minus, text
from agent.core.anew import replace
from agent.core.counting import judge_step, whole
from agent.core.draft import Draft
from agent.core.material import components_used
from agent.core.parts import LONG_AGO, Counted, OpenLot
from agent.core.state import CounterRead, Reading, State, Step, Working
from agent.core.station import Counter, Station

FLUSH_MS = 1000
"""At most one `lot_counted` in this time, boundaries aside (D-29)."""


# ------------------------------------------------------------------ readings


def counter_read(draft: Draft, reading: Reading) -> None:
    """Take a counter's reading; one that is not GOOD, or no whole number, counts nothing.

    What the next good one shows may have been counted ever since the newest event.
    """
    sharing.trim(draft)
    counter, count = draft.station.counter, whole(reading.good)
    if counter is None or count is None:
        draft.working = replace(draft.working, counter=None)
        return
    known, counted = draft.working.counter, draft.state.production.counted
    read = CounterRead(count=count, earliest_ms=reading.earliest_ms, latest_ms=reading.latest_ms)
    draft.working = replace(draft.working, counter=read)
    if counted is None:
        _baseline(draft, counter, read)
    elif known is None:
        _first_step(draft, counter, counted, read)
    else:
        elapsed_ms = read.latest_ms - known.earliest_ms
        earliest_ms = max(read.earliest_ms, known.latest_ms)
        _step(
            draft,
            counter,
            known.count,
            read,
            elapsed_ms=elapsed_ms,
            earliest_ms=earliest_ms,
            unwatched=False,
        )


def _first_step(draft: Draft, counter: Counter, counted: Counted, read: CounterRead) -> None:
    """Take a link's first reading: the counter may have moved ever since the newest event."""
    waiting = draft.working.steps
    at_ms = waiting[-1].latest_ms if waiting else counted.at_ms
    old = waiting[-1].count if waiting else counted.count
    elapsed_ms = None if at_ms == LONG_AGO else read.latest_ms - at_ms + FLUSH_MS
    unwatched = counted.epoch != draft.state.epoch and not waiting
    _step(draft, counter, old, read, elapsed_ms=elapsed_ms, earliest_ms=at_ms, unwatched=unwatched)


def _step(
    draft: Draft,
    counter: Counter,
    old: int,
    read: CounterRead,
    *,
    elapsed_ms: int | None,
    earliest_ms: int,
    unwatched: bool,
) -> None:
    judged = judge_step(counter, old, read.count, elapsed_ms)
    if judged.n is None:
        _record(draft, len(draft.working.steps), all_the_same=True)
        draft.add(
            ev.CounterReset(
                **draft.head(),
                tag=counter.tag,
                from_count=old,
                to_count=read.count,
                reason=judged.kind.value,
                first_ms=earliest_ms,
                last_ms=read.latest_ms,
            )
        )
        return
    if judged.n == 0:
        return
    step = Step(
        count=read.count,
        n=judged.n,
        earliest_ms=earliest_ms,
        latest_ms=read.latest_ms,
        unwatched=unwatched,
    )
    steps = _merged((*draft.working.steps, step), _ripe_before(draft))
    draft.working = replace(draft.working, steps=steps)
    timer(draft)


def _merged(steps: tuple[Step, ...], ripe_ms: int) -> tuple[Step, ...]:
    """Return the steps with neighbours put together that no change of lot can come between."""
    first, second = steps[0], steps[1] if len(steps) > 1 else None
    if second is None or second.latest_ms > ripe_ms or first.unwatched or second.unwatched:
        return steps
    joined = replace(second, n=first.n + second.n, earliest_ms=first.earliest_ms)
    return _merged((joined, *steps[2:]), ripe_ms)


def memory_lost(draft: Draft, device: str) -> None:
    """Count on from what a counter shows after its PLC began anew: a baseline (D-33)."""
    counter, counted = draft.station.counter, draft.state.production.counted
    if counter is None or counter.device != device or counted is None:
        return
    _record(draft, len(draft.working.steps), all_the_same=True)
    counted = draft.state.production.counted or counted
    reading = draft.working.readings.get(counter.tag)
    count = whole(reading.good) if reading else None
    if reading is None or count is None:
        return
    draft.working = replace(
        draft.working,
        counter=CounterRead(
            count=count, earliest_ms=reading.earliest_ms, latest_ms=reading.latest_ms
        ),
    )
    draft.add(
        ev.CounterReset(
            **draft.head(),
            tag=counter.tag,
            from_count=counted.count,
            to_count=count,
            reason="memory_lost",
            first_ms=counted.at_ms,
            last_ms=reading.latest_ms,
        )
    )


def _baseline(draft: Draft, counter: Counter, read: CounterRead) -> None:
    """Record the first reading ever: the count that later steps start from."""
    lot = draft.state.production.lot
    draft.add(
        ev.LotCounted(
            **draft.head(),
            lot=lot.lot if lot else None,
            tag=counter.tag,
            from_count=read.count,
            to_count=read.count,
            n=0,
            first_ms=read.latest_ms,
            last_ms=read.latest_ms,
        )
    )


# ------------------------------------------------------------------ lots


def lot_named(
    draft: Draft,
    lot: str | None,
    product: str | None,
    between_ms: tuple[int, int],
    because: tuple[str, ...],
    *,
    quantity: str | None = None,
) -> None:
    """Change to the lot that a scan or a tag names; None or empty closes the open one."""
    lot = lotbook.resolved(draft.state, lot) if lot else None
    running, carrier = draft.state.production.lot, draft.state.lots.carrier
    if (running.lot if running else None) == lot:
        return
    record_until(draft, between_ms[0])
    running = draft.state.production.lot
    if running is not None:
        close(draft, running, "replaced" if lot else "ended", between_ms, because)
    if lot:
        draft.add(
            ev.LotOpened(
                **draft.head(because=because),
                lot=lot,
                product=product,
                previous=running.lot if running else None,
                quantity=quantity,
                earliest_ms=between_ms[0],
                latest_ms=between_ms[1],
            )
        )
        sublots.with_its_lot(draft, carrier, between_ms)


def carrier_named(draft: Draft, scan: ev.CodeScanned) -> None:
    """Go on in the container that was scanned."""
    record_until(draft, scan.earliest_ms)
    sublots.carrier_scanned(draft, scan)


def close(
    draft: Draft,
    running: OpenLot,
    reason: str,
    between_ms: tuple[int, int],
    because: tuple[str, ...],
) -> None:
    """End the lot that is made, and its sub-lot first."""
    sublots.close(draft, reason, between_ms, because)
    draft.add(
        ev.LotClosed(
            **draft.head(because=because),
            lot=running.lot,
            n=running.n,
            n_possible=running.n_possible,
            measure=draft.station.lots.measure,
            remaining=remaining(draft.state, running),
            reason=reason,
            earliest_ms=between_ms[0],
            latest_ms=between_ms[1],
        )
    )


def remaining(state: State, lot: OpenLot) -> str | None:
    """Return how many pieces of a lot have no identity yet, at the most; None: not known."""
    held = amount(lot.quantity)
    if held is None or not products.running(state).from_lot:
        return None
    return text(minus(held, Decimal(lot.n)))


def started(draft: Draft, *, lost: bool) -> None:
    """Close the lot if its end may be in a lost part of the history."""
    running = draft.state.production.lot
    if lost and running is not None:
        close(draft, running, "history_lost", (LONG_AGO, draft.now_ms), ())


def lot_read(draft: Draft, reading: Reading, because: str, *, first: bool) -> None:
    """Take the reading of the tag that names the lot; `first`: it was not known on this link.

    Then the lot may have changed ever since the newest count that was made under the lot before.
    """
    if reading.good is None:
        return
    counted = draft.state.production.counted
    since_ms = counted.at_ms if first and counted is not None else reading.earliest_ms
    between_ms = (min(since_ms, reading.earliest_ms), reading.latest_ms)
    lot_named(draft, str(reading.good).strip(), None, between_ms, (because,))


def lot_unread(station: Station, working: Working) -> bool:
    """Whether the tag that names the lot has not been read GOOD on this link, or not believably."""
    if station.lot is None:
        return False
    if not working.trusts(station.lot_device):
        return True
    reading = working.readings.get(station.lot)
    return reading is None or reading.good is None


def unread(station: Station, working: Working) -> bool:
    """Whether it is not known on this link which lot, or which product, is made."""
    return lot_unread(station, working) or products.unread(station, working)


# ------------------------------------------------------------------ recording


def flush(draft: Draft, moment_ms: int | None = None) -> None:
    """Record every step, however new: something changes that they belong before.

    Where that may be the product, only what was certainly counted before the moment is.
    """
    if draft.station.products is not None and moment_ms is not None:
        record_until(draft, moment_ms)
    else:
        _record(draft, len(draft.working.steps))


def timer(draft: Draft) -> None:
    """Record what is old enough when its second is over, and end the sub-lot that is due."""
    working = draft.working
    if unread(draft.station, working):
        return
    if draft.now_ms >= working.flushed_ms + FLUSH_MS:
        record_until(draft, _ripe_before(draft))
    sublots.end_if_due(draft)


def link_lost(draft: Draft, device: str) -> None:
    """Record what is old enough while the lot is still known; what is new waits for the link."""
    if not unread(draft.station, draft.working):
        record_until(draft, _ripe_before(draft))
    counter = draft.station.counter
    if counter is not None and counter.device == device:
        draft.working = replace(draft.working, counter=None)


def _ripe_before(draft: Draft) -> int:
    return draft.now_ms - draft.station.pairing.settle_ms


def deadlines(state: State, working: Working) -> Iterator[int]:
    """Yield when the oldest waiting step is to be recorded, and when a sub-lot is to end."""
    station = state.station
    if unread(station, working):
        return
    if working.steps:
        ripe_ms = working.steps[0].latest_ms + station.pairing.settle_ms
        yield max(working.flushed_ms + FLUSH_MS, ripe_ms)
    yield from sublots.deadlines(state)


def record_until(draft: Draft, moment_ms: int) -> None:
    """Record what was certainly counted before the moment; leave what overlaps it waiting."""
    _record(draft, sum(step.latest_ms <= moment_ms for step in draft.working.steps))


def record_before(draft: Draft, counter: Counter, count: int) -> None:
    """Record what was made before the piece of this number, which is a unit's."""
    sharing.trim(draft)
    n_steps = sharing.cut(draft, counter, sharing.before(draft, counter, count))
    _record(draft, n_steps, all_the_same=True)


def _record(draft: Draft, n_steps: int, *, all_the_same: bool = False) -> None:
    """Record the oldest waiting steps, those that differ in what is known of them apart.

    What may be a unit's waits for its cycle, unless it is to be recorded all the same.
    """
    counter = draft.station.counter
    if draft.station.products is not None and not all_the_same:
        sharing.trim(draft)
        n_steps = sharing.ready(draft.state, draft.working, n_steps)
        n_steps = 0 if products.unread(draft.station, draft.working) else n_steps
    steps = draft.working.steps
    if counter is None or n_steps == 0:
        return
    is_unread = unread(draft.station, draft.working)
    draft.working = replace(draft.working, steps=steps[n_steps:], flushed_ms=draft.now_ms)
    group: list[Step] = []
    for step in steps[:n_steps]:
        if group and _known(draft, group[-1], unread=is_unread) != _known(
            draft, step, unread=is_unread
        ):
            _record_group(draft, counter, group, unread=is_unread)
            group = []
        group.append(step)
    _record_group(draft, counter, group, unread=is_unread)


def _known(draft: Draft, step: Step, *, unread: bool) -> tuple[object, ...]:
    """Return what is known of a step; steps of which the same is known share a row."""
    made = products.during(draft.state, step.earliest_ms, step.latest_ms)
    return sharing.of(draft.state, step), made, _doubts(draft, step, unread=unread)


def _record_group(draft: Draft, counter: Counter, steps: list[Step], *, unread: bool) -> None:
    is_unit = sharing.of(draft.state, steps[-1]) is sharing.Of.UNIT
    if is_unit and draft.station.products is not None:
        sharing.missed(draft, counter, steps)
    else:
        _count(draft, counter, steps, unread=unread)


def _doubts(draft: Draft, step: Step, *, unread: bool) -> tuple[ev.Why, ...]:
    """Return why it is not certain to which lot a step's pieces belong."""
    why = []
    if unread or _overlaps(draft.state, step):
        why.append(ev.Why.BOUNDARY_UNCERTAIN)
    if step.unwatched and draft.station.lot is None:
        why.append(ev.Why.SCAN_BEFORE_RESTART)
    if draft.state.production.lot is None:
        why.append(ev.Why.NO_LOT_OPEN)
    made = products.during(draft.state, step.earliest_ms, step.latest_ms)
    if len(made) > 1:
        why.append(ev.Why.PRODUCT_CHANGED)
    if not all(products.is_known(draft.state, tracked) for tracked in made):
        why.append(ev.Why.PRODUCT_UNKNOWN)
    return tuple(why)


def _overlaps(state: State, step: Step) -> bool:
    """Whether a step began before the newest change of lot was over."""
    boundary = state.production.boundary
    return boundary is not None and step.earliest_ms < boundary.latest_ms


def _count(draft: Draft, counter: Counter, steps: list[Step], *, unread: bool) -> None:
    """Record steps of which the same is known, cut where a sub-lot is full.

    What the pieces of a cut step received, and from whom, is judged before one is recorded.
    """
    why = _doubts(draft, steps[-1], unread=unread)
    parts = [steps] if why else sublots.divided(draft.state, counter, steps)
    n = sum(step.n for step in steps)
    counted = draft.state.production.counted
    since_ms = steps[0].earliest_ms
    since_ms = since_ms if counted is None else min(since_ms, counted.next_ms)
    attending = _attending(draft.state, steps)
    shared = {
        "operators": attending,
        "operator_state": presence.word(draft.station, attending),
        "tag": counter.tag,
        "components": components_used(draft.state, since_ms, steps[-1].latest_ms, n=n),
    }
    for part in parts:
        sublots.begin(draft, part)
        _row(draft, counter, part, shared | {"why": why}, unread=unread)
        sublots.end_if_full(draft, part)


def _row(
    draft: Draft, counter: Counter, steps: list[Step], shared: dict[str, Any], *, unread: bool
) -> None:
    production, first, last = draft.state.production, steps[0], steps[-1]
    why: tuple[ev.Why, ...] = shared["why"]
    if production.counted is None:
        raise AssertionError("steps count on from a first reading")
    running = (production.lot.counts_to,) if production.lot else ()
    lots: tuple[str, ...] = ()
    unsure = set(why) - {ev.Why.PRODUCT_UNKNOWN}
    if unsure - {ev.Why.NO_LOT_OPEN}:
        boundary = production.boundary
        before = boundary.lots if boundary and _overlaps(draft.state, first) else ()
        lots = tuple(dict.fromkeys((*before, *running)))
    n = sum(step.n for step in steps)
    named = products.names(products.during(draft.state, last.earliest_ms, last.latest_ms))
    certainty = ev.Certainty.POSSIBLE if unsure else ev.Certainty.CERTAIN
    draft.add(
        ev.LotCounted(
            **(draft.head(certainty=certainty) | shared),
            lot=None if lots or not running else running[0],
            lots=lots,
            part_of=_part_of(draft.state, why, unread=unread),
            product=named[0] if len(named) == 1 else None,
            products=named if len(named) > 1 else (),
            from_count=(last.count - n) % counter.modulus,
            to_count=last.count,
            n=n,
            first_ms=min(production.counted.at_ms, first.earliest_ms),
            last_ms=last.latest_ms,
            edge_ms=last.earliest_ms,
        )
    )


def _attending(state: State, steps: list[Step]) -> tuple[ev.OperatorRef, ...]:
    """Return who was there while the pieces were made (D-62)."""
    last = steps[-1]
    ends_ms = (last.earliest_ms, last.latest_ms)
    span = presence.Span(start_ms=steps[0].earliest_ms, begun_ms=None, ends_ms=ends_ms)
    return presence.met(state, span)


def _part_of(state: State, why: tuple[ev.Why, ...], *, unread: bool) -> str | None:
    """Return the lot that pieces are certainly of, whichever of its sub-lots they are of."""
    running, boundary = state.production.lot, state.production.boundary
    if running is None:
        return None
    if not why:
        return running.lot if running.part is not None else None
    only_parts = why == (ev.Why.BOUNDARY_UNCERTAIN,) and not unread
    if only_parts and boundary is not None and boundary.within == running.lot:
        return running.lot
    return None
