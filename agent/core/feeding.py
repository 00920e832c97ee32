"""How much is left in a load, and what follows when it should be empty (D-55).

A unit that had one load to draw from takes its `use` from it, by count; one that had several takes
it at the most from each, and so does a cycle of which nobody knows whether it made a unit (refused,
unbound, aborted, missed). `low` and `used up` go by the most, which comes first; `overrun` goes by
count: units enough to prove that something was put on and not scanned.

Laws:
    1. Counting closes no load and corrects no number: it only widens what may have been received.
    2. What may be used up is never certain from the first unit on that it may not have reached.
    3. Each thing is said once a load.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import reduce
from typing import Any

from agent.core import events as ev
from agent.core.amounts import amount, minus, plus, text, times
from agent.core.anew import replace
from agent.core.candidates import meets_from_ms
from agent.core.draft import Draft, Fold
from agent.core.parts import LONG_AGO, Load, Made
from agent.core.state import State
from agent.core.station import Component, Until

EMPTIED, PASSED, SPLICED_OUT = "emptied", "passed", "spliced_out"
NOTHING_LEFT = frozenset({EMPTIED, PASSED, SPLICED_OUT})
LOW, USED_UP, OVERRUN = "low", "used_up", "overrun"
ZERO = Decimal(0)


def loaded_amount(component: Component, event: ev.ComponentLoaded) -> str | None:
    """Return what is in a load, in the position's measure; None where nobody can say."""
    if component.use is None:
        return None
    if event.quantity is None:
        return component.quantity
    unit = (event.measure or component.measure or "").casefold()
    if unit != (component.measure or "").casefold():
        return None  # nothing is converted: a piece may be a pair
    found = amount(event.quantity)
    return None if found is None else text(found)


def left_at_least(state: State, load: Load) -> Decimal | None:
    """Return what is left if everything was drawn that may have been; None: not counted.

    Loads that feed a position together are one stock: what is in all of them.
    """
    stock = stock_of(state, load)
    return _left(stock, max((amount(each.used_most) or ZERO for each in stock), default=ZERO))


def left_by_count(state: State, load: Load) -> Decimal | None:
    """Return what is left if nothing else was put on; below 0, something was. None: not counted."""
    stock = stock_of(state, load)
    return _left(stock, max((amount(each.used) or ZERO for each in stock), default=ZERO))


def stock_of(state: State, load: Load) -> tuple[Load, ...]:
    """Return the loads that a load feeds together with, itself included, oldest first."""
    component = state.station.component(load.position)
    if component is None or component.until is Until.REPLACED or load.to_hi_ms is not None:
        return (load,)
    return tuple(
        each
        for each in state.material.loads
        if each.position == load.position and each.to_hi_ms is None
    )


def inside(stock: tuple[Load, ...]) -> Decimal | None:
    """Return what was put into all of them, None where one's quantity is not known."""
    amounts = [amount(load.amount) for load in stock]
    known = [each for each in amounts if each is not None]
    return reduce(plus, known) if known and len(known) == len(amounts) else None


def _left(stock: tuple[Load, ...], drawn: Decimal) -> Decimal | None:
    put_in = inside(stock)
    return None if put_in is None else minus(put_in, drawn)


def foreseen(state: State, component: Component, load: Load, n: int, earliest_ms: int) -> Load:
    """Return the load as it is for `n` units that are still to be drawn from it."""
    if load.empty_ms is None and _runs_out(component, left_at_least(state, load), n):
        return replace(load, empty_ms=earliest_ms - component.lag_max_ms)
    return load


def _runs_out(component: Component, left: Decimal | None, n: int) -> bool:
    """Whether `n` more units may take more than is certainly left."""
    use, tolerance = amount(component.use), amount(component.tolerance) or ZERO
    return left is not None and use is not None and minus(left, times(use, n)) < tolerance


def take_off(
    draft: Draft,
    load: Load,
    reason: str,
    between_ms: tuple[int, int],
    because: tuple[str, ...] = (),
    *,
    said: tuple[Decimal, str | None] | None = None,
) -> None:
    """Record that a load no longer feeds its position, and what is left: as said, or by count."""
    component = draft.station.component(load.position)
    counted = None if reason in NOTHING_LEFT else left_by_count(draft.state, load)
    left, measure = said or (counted, component.measure if component is not None else None)
    draft.add(
        ev.ComponentUnloaded(
            **draft.head(because=(*because, load.address)),
            position=load.position,
            lot=load.lot,
            load=load.address,
            reason=reason,
            remaining=None if left is None else text(left),
            measure=None if left is None else measure,
            earliest_ms=between_ms[0],
            latest_ms=between_ms[1],
            unsure_from_ms=None if component is None else meets_from_ms(component, between_ms[0]),
        )
    )


# ------------------------------------------------------------------ what is said


def settle(draft: Draft) -> None:
    """Say of each load what its quantity has come to with this decision."""
    for load in draft.state.material.loads:
        component = draft.station.component(load.position)
        least, counted = left_at_least(draft.state, load), left_by_count(draft.state, load)
        if component is not None and least is not None and counted is not None:
            _say(draft, component, load, least, counted)


def _say(draft: Draft, component: Component, load: Load, least: Decimal, counted: Decimal) -> None:
    low, tolerance = amount(component.low), amount(component.tolerance) or ZERO
    is_newest = stock_of(draft.state, load)[-1].address == load.address
    is_on = load.to_hi_ms is None and is_newest
    if is_on and low is not None and least <= low and LOW not in load.told:
        draft.add(ev.QuantityLow(**_body(draft, component, load, least)))
    if is_on and load.empty_ms is not None and USED_UP not in load.told:
        body = _body(draft, component, load, least)
        draft.add(ev.LoadUsedUp(**body, earliest_ms=load.empty_ms))
    if is_newest and plus(counted, tolerance) < ZERO and OVERRUN not in load.told:
        draft.add(ev.QuantityOverrun(**_body(draft, component, load, counted)))


def _body(draft: Draft, component: Component, load: Load, left: Decimal) -> dict[str, Any]:
    return draft.head(because=(load.address,)) | {
        "position": load.position,
        "lot": load.lot,
        "load": load.address,
        "remaining": text(left),
        "measure": component.measure,
    }


# ------------------------------------------------------------------ fold


def _drawn(state: State, event: ev.UnitEvent | ev.LotCounted) -> State:
    """Take from each load what the units of this event used."""
    n = event.n if isinstance(event, ev.LotCounted) else 1
    made = isinstance(event, ev.UnitCompleted | ev.LotCounted)
    made = made and ev.Why.REPEAT_POSSIBLE not in event.why
    since_ms = event.first_ms if isinstance(event, ev.LotCounted) else event.earliest_ms
    until_ms = event.last_ms if isinstance(event, ev.LotCounted) else event.latest_ms
    counted = {use.loads[0] for use in event.components if made and len(use.loads) == 1}
    possible = {address for use in event.components for address in use.loads}
    loads = tuple(
        _draw(state, load, n, is_alone=load.address in counted)
        if load.address in possible
        else load
        for load in state.material.loads
    )
    if event.components:
        state = _remembered(state, n, until_ms)
    return _emptied(_with(state, loads), possible, since_ms, until_ms)


def _remembered(state: State, n: int, until_ms: int) -> State:
    """Keep in mind what was just made: the scan of what it was drawn from may come late."""
    reach_ms = max((_late_ms(c) for c in state.station.components if c.use), default=0)
    if reach_ms == 0:
        return state
    kept = tuple(made for made in state.material.recent if made.since_ms >= until_ms - reach_ms)
    recent = (*kept, Made(n=n, since_ms=until_ms))
    return replace(state, material=replace(state.material, recent=recent))


def _late_ms(component: Component) -> int:
    """Return how long after a piece the load may be scanned that it was drawn from."""
    return component.uncertainty_ms + component.lag_min_ms


def used_before(state: State, component: Component, scanned_ms: int) -> str:
    """Return what may have been drawn from a load before its scan."""
    since_ms = scanned_ms - _late_ms(component)
    use, late_ms = amount(component.use), _late_ms(component)
    n = sum(made.n for made in state.material.recent if made.since_ms >= since_ms)
    return "0" if use is None or late_ms == 0 else text(times(use, n))


def _draw(state: State, load: Load, n: int, *, is_alone: bool) -> Load:
    component = state.station.component(load.position)
    use = amount(component.use) if component is not None else None
    if use is None or load.amount is None:
        return load
    drawn = times(use, n)
    load = replace(load, used_most=_more(load.used_most, drawn))
    return replace(load, used=_more(load.used, drawn)) if is_alone else load


def _emptied(state: State, drawn: set[str], since_ms: int, until_ms: int) -> State:
    """Note from when on a load may be used up: within these units, or from the next one on."""

    def noted(load: Load) -> Load:
        component = state.station.component(load.position)
        if component is None or load.address not in drawn or load.empty_ms is not None:
            return load
        left = left_at_least(state, load)
        if _runs_out(component, left, 0):
            return replace(load, empty_ms=since_ms - component.lag_max_ms)
        if _runs_out(component, left, 1):
            return replace(load, empty_ms=until_ms - component.lag_min_ms)
        return load

    return _with(state, tuple(noted(load) for load in state.material.loads))


def _more(used: str, drawn: Decimal) -> str:
    return text(plus(amount(used) or ZERO, drawn))


def _unseen(state: State, n: int | None, since_ms: int, until_ms: int) -> State:
    """Draw at the most for `n` cycles without a record; None: nobody knows how many."""
    loads = state.material.loads
    if n is None:
        return _with(state, tuple(_spent(load, since_ms) for load in loads))
    state = _remembered(state, n, until_ms)
    drawn = _with(state, tuple(_draw(state, load, n, is_alone=False) for load in loads))
    return _emptied(drawn, {load.address for load in loads}, since_ms, until_ms)


def _spent(load: Load, since_ms: int) -> Load:
    """Return a load of which nobody knows what is left."""
    counted = load.amount is not None and load.to_hi_ms is None and load.empty_ms is None
    return replace(load, empty_ms=since_ms) if counted else load


def _missed(state: State, event: ev.CycleMissed) -> State:
    now_ms = event.time.boottime_ms
    since_ms = now_ms if event.first_ms is None else event.first_ms
    until_ms = now_ms if event.last_ms is None else event.last_ms
    return _unseen(state, event.n, since_ms, until_ms)


def _aborted(state: State, event: ev.CycleAborted) -> State:
    now_ms = event.time.boottime_ms
    return _unseen(state, 1, now_ms, now_ms)


def _reset(state: State, event: ev.CounterReset) -> State:
    """Draw for as many pieces as the machine can have made between the two readings."""
    counter, now_ms = state.station.counter, event.time.boottime_ms
    since_ms = LONG_AGO if event.first_ms is None else event.first_ms
    if counter is None or since_ms == LONG_AGO:
        return _unseen(state, None, since_ms, now_ms)
    return _unseen(state, (now_ms - since_ms) // counter.fastest_ms + 1, since_ms, now_ms)


def _told(what: str) -> Fold:
    def fold(state: State, event: ev.LoadEvent) -> State:
        return _with(
            state,
            tuple(
                replace(load, told=(*load.told, what)) if load.address == event.load else load
                for load in state.material.loads
            ),
        )

    return fold


def _with(state: State, loads: tuple[Load, ...]) -> State:
    return replace(state, material=replace(state.material, loads=loads))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.UnitCompleted: _drawn,
    ev.UnitUnbound: _drawn,
    ev.UnitRefused: _drawn,
    ev.LotCounted: _drawn,
    ev.CycleMissed: _missed,
    ev.CycleAborted: _aborted,
    ev.CounterReset: _reset,
    ev.QuantityLow: _told(LOW),
    ev.LoadUsedUp: _told(USED_UP),
    ev.QuantityOverrun: _told(OVERRUN),
}
"""Folded before the rest of the material, which forgets loads that no later unit can draw from."""
