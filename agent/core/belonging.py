"""What the piece of a cycle is: its product, how that is tracked, and which lot it is of (D-1).

The snapshot of the cycle says it where it holds the tag of the product or the lot: the PLC keeps
its data still from the trigger to the answer (D-18). Else the time says it: a cycle whose trigger
rose before a change began is of the one before, one that rose after it of the next, and one that
overlaps it may be of either.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from agent.core import events as ev
from agent.core import lotbook, products, requests
from agent.core import steps as sharing
from agent.core.amounts import amount
from agent.core.anew import replace
from agent.core.draft import Draft, Fold
from agent.core.parts import Tracked
from agent.core.state import Candidate, Snapshot, State
from agent.core.station import By, Handshake
from drivers.base import Quality


def made(
    state: State, handshake: Handshake, snapshot: Snapshot, candidate: Candidate | None = None
) -> tuple[Tracked, ...]:
    """Return each product that the piece of a cycle may be of."""
    plan, rise = state.station.products, snapshot.rise
    if plan is None:
        return (products.running(state),)
    if plan.by_scan and candidate is not None:
        return (products.resolve(state.station, candidate.product),)
    started = state.cycle.started if requests.records(state, handshake) else None
    if started is not None and _order(started.address) < _order(state.product.changed):
        return products.during(state, started.rise_ms, rise.latest_ms)
    is_told, named = _told(snapshot, plan.tag)
    if is_told:
        return (products.resolve(state.station, named),)
    return products.during(state, rise.earliest_ms, rise.latest_ms)


def _order(address: str) -> tuple[str, int]:
    """Return what orders addresses, those of other runs included; none comes first."""
    epoch, _, seq = address.rpartition("-")
    return epoch, int(seq or 0)


def _told(snapshot: Snapshot, tag: str | None) -> tuple[bool, str | None]:
    """Return whether a snapshot holds a tag GOOD, and the name in it."""
    seen = snapshot.values.get(tag or "")
    if seen is None or seen.quality is not Quality.GOOD:
        return False, None
    return True, str(seen.value).strip() or None


def is_of_lot(made: tuple[Tracked, ...]) -> bool:
    """Return whether a piece has no identity: each product that it may be of is tracked by lot."""
    return all(tracked.by is By.LOT for tracked in made)


def is_either(made: tuple[Tracked, ...]) -> bool:
    """Return whether a piece may have an identity or may have none."""
    return len({tracked.by is By.LOT for tracked in made}) > 1


def doubts(state: State, made: tuple[Tracked, ...]) -> tuple[ev.Why, ...]:
    """Return what is not known of the product of a piece."""
    unknown = not all(products.is_known(state, tracked) for tracked in made)
    return (
        *((ev.Why.BOUNDARY_UNCERTAIN,) if is_either(made) else ()),
        *((ev.Why.PRODUCT_CHANGED,) if len(made) > 1 else ()),
        *((ev.Why.PRODUCT_UNKNOWN,) if unknown else ()),
    )


def is_refused(state: State, made: tuple[Tracked, ...]) -> bool:
    """Return whether a unit of an unknown product is refused here, and this may be one."""
    plan = state.station.products
    return plan is not None and plan.refuses and any(each.product is None for each in made)


def fields(
    draft: Draft, handshake: Handshake, snapshot: Snapshot, candidate: Candidate | None
) -> dict[str, Any]:
    """Return what a cycle's record says of product and lot."""
    state = draft.state
    found = made(state, handshake, snapshot, candidate)
    named = products.names(found)
    own = candidate.product if candidate is not None else None
    told: dict[str, Any] = {"product": own}
    if state.station.products is not None:
        own = None if own in named else own  # as `begin` took it over from here
        told["product"] = own or (named[0] if len(named) == 1 else None)
        told["products"] = named if len(named) > 1 else ()
        told["by"] = _level(found).value
    return told | _lots(state, snapshot, found)


def _level(found: tuple[Tracked, ...]) -> By:
    """Return the finest level of a piece's products; one with a lot is finer than one without."""
    levels = {tracked.by for tracked in found}
    return next(level for level in (By.BOTH, By.SERIAL, By.LOT) if level in levels)


def _lots(state: State, snapshot: Snapshot, found: tuple[Tracked, ...]) -> dict[str, Any]:
    is_one = any(tracked.by is not By.SERIAL for tracked in found)
    was_one = any(tracked.from_lot for tracked in found)
    if not is_one and not was_one:
        return {}
    lots, why = _lots_of(state, snapshot)
    told: dict[str, Any] = {"lot_why": why}
    if was_one and not why and not _has_left(state):
        told["lot_why"] = (ev.Why.LOT_USED_UP,)
    is_sure = not told["lot_why"]
    if is_one:
        told |= {"lot": lots[0]} if is_sure else {"lots": lots}
    if was_one:
        told |= {"from_lot": lots[0]} if is_sure else {"from_lots": lots}
    return told


def _lots_of(state: State, snapshot: Snapshot) -> tuple[tuple[str, ...], tuple[ev.Why, ...]]:
    """Return each lot that the piece of a cycle may be of, and why that is not certain."""
    is_told, named = _told(snapshot, state.station.lot)
    lot, boundary = state.production.lot, state.production.boundary
    open_now = (lot.lot,) if lot is not None else ()
    rise = snapshot.rise
    if is_told:
        open_now = (named,) if named else ()
    elif boundary is not None and rise.earliest_ms < boundary.latest_ms:
        if rise.latest_ms <= boundary.earliest_ms and len(boundary.lots) == 1:
            return boundary.lots, ()
        lots = tuple(dict.fromkeys((*boundary.lots, *open_now)))
        none = () if lots else (ev.Why.NO_LOT_OPEN,)
        return lots, (ev.Why.BOUNDARY_UNCERTAIN, *none)
    return open_now, () if open_now else (ev.Why.NO_LOT_OPEN,)


def _has_left(state: State) -> bool:
    """Return whether a piece can be left of the open lot, by what it held; if not known, it can."""
    lot = state.production.lot
    held = amount(lot.quantity) if lot is not None else None
    return lot is None or held is None or held > Decimal(lot.n)


# ------------------------------------------------------------------ fold


def _recorded(state: State, event: ev.UnitEvent) -> State:
    """A record that lies wholly after the changes ends their interval; it may be a lot's piece."""
    last = [each.name for each in state.station.handshakes[-1:]]
    if last not in ([], [event.handshake]):
        return state
    if sharing.claims(state, event):
        state = sharing.counted_on(state, event)
    state = products.settled(state, event.earliest_ms)
    boundary = state.production.boundary
    if boundary is not None and event.earliest_ms >= boundary.latest_ms:
        state = replace(state, production=replace(state.production, boundary=None))
    return _of_its_lot(state, event)


def _of_its_lot(state: State, event: ev.UnitEvent) -> State:
    """Count a piece to the open lot: one that is made anew, not one that was refused."""
    is_again = isinstance(event, ev.UnitCompleted) and event.visit > 1
    if is_again or isinstance(event, ev.UnitRefused):
        return state
    state, lot = lotbook.made(state, event), state.production.lot
    if lot is None:
        return state
    if lot.lot in (event.lot, event.from_lot):
        lot = replace(lot, n=lot.n + 1)
    elif lot.lot in (*event.lots, *event.from_lots):
        lot = replace(lot, n_possible=lot.n_possible + 1)
    return replace(state, production=replace(state.production, lot=lot))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.UnitCompleted: _recorded,
    ev.UnitRefused: _recorded,
    ev.UnitUnbound: _recorded,
    ev.CycleMissed: sharing.missed_on,
}
