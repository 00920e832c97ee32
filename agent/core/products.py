"""Which product is made, and how its pieces are tracked: read by whoever needs to know (D-1).

    running(state)                       the product now; its `product` is the station file's name,
                                         `named` what tag, order or code call it
    during(state, earliest, latest)      each product that may have been made in an interval
    resolve(station, named)              what a name means here

A station without `products` tracks everything alike; then `running` has no name, and its `by` is
the station's. Nothing is guessed: a product that nobody has named, or that the station file does
not know, has `product` None, and its pieces are tracked as `unknown` says.

The state is the fold of `product_changed`. A change is an interval: what was made within may be of
either product. `granularity` tells when a product changes and what follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from agent.core import events as ev
from agent.core.anew import replace
from agent.core.draft import Fold
from agent.core.parts import LONG_AGO, Past, Tracked
from agent.core.state import State, Working
from agent.core.station import By, Product, ProductPlan, Station

MOST_CHANGES = 16
"""So many changes without a record between them are kept apart."""


def running(state: State) -> Tracked:
    """Return the product that is made now, as far as it is known."""
    known = state.product.running
    return resolve(state.station, None) if known is None else known


def during(state: State, earliest_ms: int, latest_ms: int) -> tuple[Tracked, ...]:
    """Return each product that may have been made in an interval of the boot clock."""
    found: list[Tracked] = []
    begun = True
    for past in state.product.past:
        if begun and earliest_ms < past.latest_ms:
            found += past.made
        begun = latest_ms > past.earliest_ms or earliest_ms >= past.latest_ms
    return tuple(dict.fromkeys((*found, running(state)) if begun else found))


def resolve(station: Station, named: str | None) -> Tracked:
    """Return how a product is tracked, by what its source calls it."""
    plan = station.products
    if plan is None:
        return Tracked(named=None, product=None, by=station.by, from_lot=station.from_lot)
    found = _of_order(plan, named) if plan.orders else _called(plan, named)
    how = found or plan.unknown
    return Tracked(
        named=named, product=found.name if found else None, by=how.by, from_lot=how.from_lot
    )


def _of_order(plan: ProductPlan, order: str | None) -> Product | None:
    """Return the product of an order: by the longest begin of its number that is declared."""
    fit = [(begin, name) for begin, name in plan.orders if (order or "").startswith(begin)]
    if order is None or not fit:
        return None
    _, name = max(fit, key=lambda each: len(each[0]))
    return next(product for product in plan.products if product.name == name)


def _called(plan: ProductPlan, named: str | None) -> Product | None:
    if named is None:
        return None
    exact = [product for product in plan.products if named in product.ids]
    like = [product for product in plan.products if _fits(product.pattern, named)]
    return next(iter(exact or like), None)


def _fits(pattern: str | None, named: str) -> bool:
    return pattern is not None and _compiled(pattern).fullmatch(named) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def is_known(state: State, tracked: Tracked) -> bool:
    """Return whether a product is known, or the station has no need to know it."""
    return state.station.products is None or tracked.product is not None


def names(made: tuple[Tracked, ...]) -> tuple[str, ...]:
    """Return the products' names in the station file, else what their source calls them."""
    named = (tracked.product or tracked.named for tracked in made)
    return tuple(dict.fromkeys(name for name in named if name is not None))


def unread(station: Station, working: Working) -> bool:
    """Return whether the tag that tells the product has not been read GOOD on this link."""
    plan = station.products
    if plan is None or plan.tag is None:
        return False
    reading = working.readings.get(plan.tag)
    return reading is None or reading.good is None or not working.trusts(plan.device)


# ------------------------------------------------------------------ fold


def _changed(state: State, event: ev.ProductChanged) -> State:
    now = Tracked(
        named=event.named, product=event.product, by=By(event.by), from_lot=event.from_lot
    )
    past = Past(made=(running(state),), earliest_ms=event.earliest_ms, latest_ms=event.latest_ms)
    product = replace(
        state.product,
        running=now,
        past=_kept((*state.product.past, past)),
        changed=event.address,
    )
    return replace(state, product=product)


def _kept(past: tuple[Past, ...]) -> tuple[Past, ...]:
    """Return the past with its first two changes taken as one, where there are too many."""
    if len(past) <= MOST_CHANGES:
        return past
    first, second = past[:2]
    both = Past(
        made=tuple(dict.fromkeys((*first.made, *second.made))),
        earliest_ms=min(first.earliest_ms, second.earliest_ms),
        latest_ms=max(first.latest_ms, second.latest_ms),
    )
    return (both, *past[2:])


def _counted(state: State, event: ev.LotCounted) -> State:
    return settled(state, event.first_ms) if event.n else state


def settled(state: State, earliest_ms: int) -> State:
    """Forget what was made before the changes that a record lies wholly after.

    A unit that has begun may have begun before them.
    """
    started = state.cycle.started
    since_ms = min(earliest_ms, started.rise_ms) if started is not None else earliest_ms
    past = tuple(each for each in state.product.past if each.latest_ms > since_ms)
    if len(past) == len(state.product.past):
        return state
    return replace(state, product=replace(state.product, past=past))


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    """In another boot every change of the one before was long ago (D-91)."""
    if event.time.boot_id == state.run.boot_id or not state.product.past:
        return state
    made = tuple(dict.fromkeys(tracked for past in state.product.past for tracked in past.made))
    past = Past(made=made, earliest_ms=LONG_AGO, latest_ms=LONG_AGO + 1)
    return replace(state, product=replace(state.product, past=(past,)))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.ProductChanged: _changed,
    ev.LotCounted: _counted,
}
