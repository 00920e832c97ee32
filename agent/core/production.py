"""What was made by count: lots, counter steps, resets (D-29 to D-31).

The counter is absolute, so nothing is lost between two events: what was read but not yet recorded
is working, as steps, and the next event covers it. A row covers an interval, at most one a second
and one at each change of lot or order. Steps that overlap a change of lot may be of either lot; so
that a change which comes by another way than the counter still finds them, a step is recorded
only when it is older than the station's `settle`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from agent.core import events as ev
from agent.core import presence
from agent.core.counting import judge_step, whole
from agent.core.draft import Draft, Fold
from agent.core.material import components_used
from agent.core.parts import LONG_AGO, Boundary, Counted, OpenLot, ProductionState
from agent.core.state import CounterRead, Reading, State, Step, Working
from agent.core.station import Counter, Station

FLUSH_MS = 1000
"""At most one `lot_counted` in this time, boundaries aside (D-29)."""


# ------------------------------------------------------------------ readings


def counter_read(draft: Draft, reading: Reading) -> None:
    """Take a counter's reading; a value that is not GOOD or no whole number changes nothing."""
    counter, count = draft.station.counter, whole(reading.good)
    if counter is None or count is None:
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
        flush(draft)
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
    flush(draft)
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
) -> None:
    """Change to the lot that a scan or a tag names; None or empty closes the open one."""
    running = draft.state.production.lot
    if (running.lot if running else None) == (lot or None):
        return
    record_until(draft, between_ms[0])
    running = draft.state.production.lot
    if running is not None:
        _close(draft, running, "replaced" if lot else "ended", between_ms, because)
    if lot:
        draft.add(
            ev.LotOpened(
                **draft.head(because=because),
                lot=lot,
                product=product,
                previous=running.lot if running else None,
                earliest_ms=between_ms[0],
                latest_ms=between_ms[1],
            )
        )


def _close(
    draft: Draft,
    running: OpenLot,
    reason: str,
    between_ms: tuple[int, int],
    because: tuple[str, ...],
) -> None:
    draft.add(
        ev.LotClosed(
            **draft.head(because=because),
            lot=running.lot,
            n=running.n,
            n_possible=running.n_possible,
            reason=reason,
            earliest_ms=between_ms[0],
            latest_ms=between_ms[1],
        )
    )


def started(draft: Draft, *, lost: bool) -> None:
    """Close the lot if its end may be in a lost part of the history."""
    running = draft.state.production.lot
    if lost and running is not None:
        _close(draft, running, "history_lost", (LONG_AGO, draft.now_ms), ())


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
    """Record what is old enough when its second is over."""
    working = draft.working
    if draft.now_ms < working.flushed_ms + FLUSH_MS or lot_unread(draft.station, working):
        return
    record_until(draft, _ripe_before(draft))


def link_lost(draft: Draft, device: str) -> None:
    """Record what is old enough while the lot is still known; what is new waits for the link."""
    if not lot_unread(draft.station, draft.working):
        record_until(draft, _ripe_before(draft))
    counter = draft.station.counter
    if counter is not None and counter.device == device:
        draft.working = replace(draft.working, counter=None)


def _ripe_before(draft: Draft) -> int:
    return draft.now_ms - draft.station.pairing.settle_ms


def deadlines(station: Station, working: Working) -> Iterator[int]:
    """Yield when the oldest waiting step is to be recorded."""
    if working.steps and not lot_unread(station, working):
        ripe_ms = working.steps[0].latest_ms + station.pairing.settle_ms
        yield max(working.flushed_ms + FLUSH_MS, ripe_ms)


def record_until(draft: Draft, moment_ms: int) -> None:
    """Record what was certainly counted before the moment; leave what overlaps it waiting."""
    _record(draft, sum(step.latest_ms <= moment_ms for step in draft.working.steps))


def _record(draft: Draft, n_steps: int) -> None:
    """Record the oldest waiting steps, those that differ in what is known of them apart."""
    counter, steps = draft.station.counter, draft.working.steps
    if counter is None or n_steps == 0:
        return
    unread = lot_unread(draft.station, draft.working)
    draft.working = replace(draft.working, steps=steps[n_steps:], flushed_ms=draft.now_ms)
    group: list[Step] = []
    for step in steps[:n_steps]:
        if group and _doubts(draft, group[-1], unread=unread) != _doubts(
            draft, step, unread=unread
        ):
            _count(draft, counter, group, unread=unread)
            group = []
        group.append(step)
    _count(draft, counter, group, unread=unread)


def _doubts(draft: Draft, step: Step, *, unread: bool) -> tuple[ev.Why, ...]:
    """Return why it is not certain to which lot a step's pieces belong."""
    why = []
    if unread or _overlaps(draft.state, step):
        why.append(ev.Why.BOUNDARY_UNCERTAIN)
    if step.unwatched and draft.station.lot is None:
        why.append(ev.Why.SCAN_BEFORE_RESTART)
    if draft.state.production.lot is None:
        why.append(ev.Why.NO_LOT_OPEN)
    return tuple(why)


def _overlaps(state: State, step: Step) -> bool:
    """Whether a step began before the newest change of lot was over."""
    boundary = state.production.boundary
    return boundary is not None and step.earliest_ms < boundary.latest_ms


def _count(draft: Draft, counter: Counter, steps: list[Step], *, unread: bool) -> None:
    production, last = draft.state.production, steps[-1]
    if production.counted is None:
        raise AssertionError("steps count on from a first reading")
    why = _doubts(draft, last, unread=unread)
    running = (production.lot.lot,) if production.lot else ()
    lots: tuple[str, ...] = ()
    if set(why) - {ev.Why.NO_LOT_OPEN}:
        boundary = production.boundary
        before = boundary.lots if boundary and _overlaps(draft.state, steps[0]) else ()
        lots = tuple(dict.fromkeys((*before, *running)))
    attending = _attending(draft.state, steps)
    head = draft.head(certainty=ev.Certainty.POSSIBLE if why else ev.Certainty.CERTAIN, why=why)
    draft.add(
        ev.LotCounted(
            **(head | {"operators": attending}),
            operator_state=presence.word(draft.station, attending),
            lot=None if lots or not running else running[0],
            lots=lots,
            tag=counter.tag,
            from_count=production.counted.count,
            to_count=last.count,
            n=sum(step.n for step in steps),
            first_ms=production.counted.at_ms,
            last_ms=last.latest_ms,
            components=components_used(
                draft.state, steps[0].earliest_ms, last.latest_ms, n=sum(step.n for step in steps)
            ),
        )
    )


def _attending(state: State, steps: list[Step]) -> tuple[ev.OperatorRef, ...]:
    """Return who was there while the pieces were made (D-62)."""
    last = steps[-1]
    ends_ms = (last.earliest_ms, last.latest_ms)
    span = presence.Span(start_ms=steps[0].earliest_ms, begun_ms=None, ends_ms=ends_ms)
    return presence.met(state, span)


# ------------------------------------------------------------------ fold


def _with(state: State, production: ProductionState) -> State:
    return replace(state, production=production)


def _lot_opened(state: State, event: ev.LotOpened) -> State:
    return _with(
        state,
        replace(
            state.production,
            lot=OpenLot(lot=event.lot, product=event.product, address=event.address),
            boundary=_boundary(state, None, event.latest_ms),
        ),
    )


def _lot_closed(state: State, event: ev.LotClosed) -> State:
    boundary = _boundary(state, event.lot, event.latest_ms)
    return _with(state, replace(state.production, lot=None, boundary=boundary))


def _boundary(state: State, lot: str | None, latest_ms: int) -> Boundary:
    """Return the boundary that a change adds to one which nothing was counted behind yet."""
    before = state.production.boundary
    lots = (*(before.lots if before else ()), *((lot,) if lot else ()))
    return Boundary(
        lots=tuple(dict.fromkeys(lots)),
        latest_ms=max(latest_ms, before.latest_ms if before else latest_ms),
    )


def _lot_counted(state: State, event: ev.LotCounted) -> State:
    production = state.production
    lot = production.lot
    if lot is not None and event.certainty is ev.Certainty.POSSIBLE:
        lot = replace(lot, n_possible=lot.n_possible + event.n)
    elif lot is not None:
        lot = replace(lot, n=lot.n + event.n)
    boundary = production.boundary
    if boundary is not None and event.last_ms >= boundary.latest_ms:
        boundary = None
    return _with(
        state,
        ProductionState(
            counted=Counted(count=event.to_count, at_ms=event.last_ms, epoch=event.epoch),
            lot=lot,
            boundary=boundary,
        ),
    )


def _counter_reset(state: State, event: ev.CounterReset) -> State:
    """Count on from here; where cycles are recorded, not counted, there is nothing to go on."""
    if state.production.counted is None:
        return state
    counted = Counted(count=event.to_count, at_ms=event.time.boottime_ms, epoch=event.epoch)
    return _with(state, replace(state.production, counted=counted))


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    """In another boot, what was counted then was counted long ago, and the lot changed after."""
    production = state.production
    if event.time.boot_id == state.run.boot_id or production.counted is None:
        return state
    boundary = production.boundary
    return _with(
        state,
        replace(
            production,
            counted=replace(production.counted, at_ms=LONG_AGO),
            boundary=boundary and replace(boundary, latest_ms=LONG_AGO + 1),
        ),
    )


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.LotOpened: _lot_opened,
    ev.LotClosed: _lot_closed,
    ev.LotCounted: _lot_counted,
    ev.CounterReset: _counter_reset,
}
