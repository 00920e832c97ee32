"""What was made by count: lots, counter steps, resets (D-29 to D-31).

The counter is absolute, so nothing is lost between two events: what was read but not yet recorded
is working, and the next event covers it. A row covers an interval, at most one a second and one at
each change of lot or order. Steps that overlap a change of lot may be of either lot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum, unique

from agent.core import events as ev
from agent.core.draft import Draft, Fold
from agent.core.material import components_used
from agent.core.state import (
    LONG_AGO,
    Boundary,
    Counted,
    OpenLot,
    ProductionState,
    Reading,
    State,
    Step,
    Working,
)
from agent.core.station import Counter

FLUSH_MS = 1000
"""At most one `lot_counted` in this time, boundaries aside (D-29)."""


@unique
class StepKind(StrEnum):
    """What the difference of two readings means."""

    COUNT = "count"
    RESET = "reset"
    JUMP = "jump"


@dataclass(frozen=True, slots=True)
class Judged:
    """A counter step: `n` pieces, or unknown (None) after a reset or jump."""

    kind: StepKind
    n: int | None


def judge_step(counter: Counter, old: int, new: int, elapsed_ms: int | None) -> Judged:
    """Return what a counter's step means. `elapsed_ms` None: not known, over a boot (D-91).

    Source: D-29 (delta, jump), D-31 (rollover or reset); the vectors there are the tests.
    """
    if new < old and not _rolled_over(counter, old, new):
        return Judged(StepKind.RESET, None)
    delta = (new - old) % counter.modulus
    if elapsed_ms is not None and delta > elapsed_ms // counter.fastest_ms + 1:
        return Judged(StepKind.JUMP, None)
    return Judged(StepKind.COUNT, delta)


def _rolled_over(counter: Counter, old: int, new: int) -> bool:
    return old >= counter.modulus - counter.max_step and new < counter.max_step


# ------------------------------------------------------------------ readings


def counter_read(draft: Draft, reading: Reading) -> None:
    """Take a counter's reading; a value that is not GOOD or no whole number changes nothing."""
    counter = draft.station.counter
    count = reading.good
    if counter is None or count is None or not isinstance(count, int):
        return
    counted = draft.state.production.counted
    if counted is None:
        _baseline(draft, counter, int(count), reading.latest_ms)
        return
    step = draft.working.step
    before = Counted(count=step.count, at_ms=step.latest_ms) if step else counted
    if int(count) == before.count:
        return
    first_here = step is None and counted.at_ms < _link_since(draft, counter)
    earliest_ms = counted.at_ms if first_here else max(reading.earliest_ms, before.at_ms)
    draft.working = replace(
        draft.working,
        step=Step(
            tag=counter.tag,
            count=int(count),
            earliest_ms=earliest_ms,
            latest_ms=reading.latest_ms,
            before=before,
        ),
    )
    if _at_boundary(draft.state) or _odd(counter, before, int(count)) or _is_due(draft):
        flush(draft)


def _link_since(draft: Draft, counter: Counter) -> int:
    link = draft.working.links.get(counter.device)
    return link.since_ms if link else draft.now_ms


def _odd(counter: Counter, before: Counted, count: int) -> bool:
    """Whether the step is to be judged at once: going back is not to be summed up."""
    return count < before.count and not _rolled_over(counter, before.count, count)


def _is_due(draft: Draft) -> bool:
    return draft.now_ms >= draft.working.flushed_ms + FLUSH_MS


def _at_boundary(state: State) -> bool:
    return state.production.boundary is not None


def _baseline(draft: Draft, counter: Counter, count: int, at_ms: int) -> None:
    """Record the first reading ever: the count that later steps start from."""
    lot = draft.state.production.lot
    draft.add(
        ev.LotCounted(
            **draft.head(),
            lot=lot.lot if lot else None,
            tag=counter.tag,
            from_count=count,
            to_count=count,
            n=0,
            first_ms=at_ms,
            last_ms=at_ms,
        )
    )


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
    _split_at(draft, between_ms[0])
    running = draft.state.production.lot
    if running is not None:
        draft.add(
            ev.LotClosed(
                **draft.head(because=because),
                lot=running.lot,
                n=running.n,
                n_possible=running.n_possible,
                reason="replaced" if lot else "ended",
            )
        )
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


def _split_at(draft: Draft, change_ms: int) -> None:
    """Record what was certainly counted before the change; leave an overlapping step open."""
    step = draft.working.step
    if step is None:
        return
    if step.latest_ms <= change_ms:
        flush(draft)
        return
    counted = draft.state.production.counted
    if counted is not None and step.before.count != counted.count:
        whole = draft.working.step
        draft.working = replace(
            draft.working,
            step=replace(step, count=step.before.count, latest_ms=step.before.at_ms),
        )
        flush(draft)
        draft.working = replace(draft.working, step=whole)


def flush(draft: Draft) -> None:
    """Record the pieces between the last event and the newest reading."""
    step, counter = draft.working.step, draft.station.counter
    counted = draft.state.production.counted
    if step is None or counter is None or counted is None:
        return
    draft.working = replace(draft.working, step=None, flushed_ms=draft.now_ms)
    elapsed = None if counted.at_ms == LONG_AGO else step.latest_ms - counted.at_ms
    judged = judge_step(counter, counted.count, step.count, elapsed)
    if judged.n is None:
        draft.add(
            ev.CounterReset(
                **draft.head(),
                tag=counter.tag,
                from_count=counted.count,
                to_count=step.count,
                reason=judged.kind.value,
            )
        )
        return
    _count(draft, counter, counted, step, judged.n)


def _count(draft: Draft, counter: Counter, counted: Counted, step: Step, n: int) -> None:
    production = draft.state.production
    lot = production.lot.lot if production.lot else None
    boundary = production.boundary
    lots: tuple[str, ...] = ()
    why: tuple[ev.Why, ...] = ()
    if boundary is not None and step.earliest_ms < boundary.latest_ms:
        lots = tuple(name for name in (boundary.previous, lot) if name)
        why = (ev.Why.BOUNDARY_UNCERTAIN,)
    if lot is None:
        why = (*why, ev.Why.NO_LOT_OPEN)
    draft.add(
        ev.LotCounted(
            **draft.head(certainty=ev.Certainty.POSSIBLE if why else ev.Certainty.CERTAIN, why=why),
            lot=None if lots else lot,
            lots=lots,
            tag=counter.tag,
            from_count=counted.count,
            to_count=step.count,
            n=n,
            first_ms=counted.at_ms,
            last_ms=step.latest_ms,
            components=components_used(draft.state, counted.at_ms, step.latest_ms),
        )
    )


def timer(draft: Draft) -> None:
    """Record what waits when its second is over."""
    if draft.working.step is not None and _is_due(draft):
        flush(draft)


def deadlines(working: Working) -> Iterator[int]:
    """Yield when the waiting count is to be recorded."""
    if working.step is not None:
        yield working.flushed_ms + FLUSH_MS


# ------------------------------------------------------------------ fold


def _with(state: State, production: ProductionState) -> State:
    return replace(state, production=production)


def _lot_opened(state: State, event: ev.LotOpened) -> State:
    return _with(
        state,
        replace(
            state.production,
            lot=OpenLot(lot=event.lot, product=event.product, address=event.address),
            boundary=Boundary(previous=event.previous, latest_ms=event.latest_ms),
        ),
    )


def _lot_closed(state: State, _event: ev.LotClosed) -> State:
    return _with(state, replace(state.production, lot=None))


def _lot_counted(state: State, event: ev.LotCounted) -> State:
    production = state.production
    lot = production.lot
    if lot is not None and event.lots:
        lot = replace(lot, n_possible=lot.n_possible + event.n)
    elif lot is not None:
        lot = replace(lot, n=lot.n + event.n)
    boundary = production.boundary
    if boundary is not None and event.last_ms >= boundary.latest_ms:
        boundary = None
    return _with(
        state,
        ProductionState(
            counted=Counted(count=event.to_count, at_ms=event.last_ms), lot=lot, boundary=boundary
        ),
    )


def _counter_reset(state: State, event: ev.CounterReset) -> State:
    counted = Counted(count=event.to_count, at_ms=event.time.boottime_ms)
    return _with(state, replace(state.production, counted=counted))


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    production = state.production
    if event.time.boot_id == state.run.boot_id or production.counted is None:
        return state
    boundary = production.boundary
    return _with(
        state,
        replace(
            production,
            counted=replace(production.counted, at_ms=LONG_AGO),
            boundary=boundary and replace(boundary, latest_ms=LONG_AGO),
        ),
    )


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.LotOpened: _lot_opened,
    ev.LotClosed: _lot_closed,
    ev.LotCounted: _lot_counted,
    ev.CounterReset: _counter_reset,
}
