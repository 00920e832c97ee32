"""What is being made, and how much was counted: the fold of lots, sub-lots and counts.

`production` decides, this remembers. A change of lot leaves a boundary: steps that began before its
end may be of what was made before. A sub-lot that the agent cut by itself at a count leaves none.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.core import events as ev
from agent.core.anew import replace
from agent.core.draft import Fold
from agent.core.parts import (
    LONG_AGO,
    Boundary,
    Counted,
    OpenLot,
    OpenPart,
    ProductionState,
)
from agent.core.state import State


def _with(state: State, production: ProductionState) -> State:
    return replace(state, production=production)


def _lot_opened(state: State, event: ev.LotOpened) -> State:
    if event.part_of is not None:
        return _part_opened(state, event)
    return _with(
        state,
        replace(
            state.production,
            lot=OpenLot(
                lot=event.lot,
                product=event.product,
                address=event.address,
                quantity=event.quantity,
            ),
            boundary=_boundary(state, None, event),
        ),
    )


def _part_opened(state: State, event: ev.LotOpened) -> State:
    running, boundary = state.production.lot, state.production.boundary
    if running is None:
        return state
    if event.from_count is None:
        before = running.lot if running.ended is None else None
        boundary = _boundary(state, before, event, within=running.lot)
    part = OpenPart(lot=event.lot, since_ms=event.latest_ms, carrier=event.carrier)
    lot = replace(running, part=part, ended=None)
    return _with(state, replace(state.production, lot=lot, boundary=boundary))


def _lot_closed(state: State, event: ev.LotClosed) -> State:
    running = state.production.lot
    if event.part_of is not None:
        return _part_closed(state, event)
    before = event.lot if running is None or running.ended is None else None
    boundary = _boundary(state, before, event)
    return _with(state, replace(state.production, lot=None, boundary=boundary))


def _part_closed(state: State, event: ev.LotClosed) -> State:
    running, boundary = state.production.lot, state.production.boundary
    if running is None:
        return state
    in_doubt = event.to_count is None
    if in_doubt:
        boundary = _boundary(state, event.lot, event, within=running.lot)
    lot = replace(running, part=None, ended=event.lot if in_doubt else None)
    return _with(state, replace(state.production, lot=lot, boundary=boundary))


def _boundary(
    state: State,
    lot: str | None,
    event: ev.LotOpened | ev.LotClosed,
    *,
    within: str | None = None,
) -> Boundary:
    """Return the boundary that a change adds to one which nothing was recorded behind yet."""
    before = state.production.boundary
    earliest_ms, latest_ms = event.earliest_ms, event.latest_ms
    lots = (*(before.lots if before else ()), *((lot,) if lot else ()))
    return Boundary(
        lots=tuple(dict.fromkeys(lots)),
        latest_ms=max(latest_ms, before.latest_ms if before else latest_ms),
        earliest_ms=min(earliest_ms, before.earliest_ms if before else earliest_ms),
        within=within if before is None or before.within == within else None,
    )


def _lot_counted(state: State, event: ev.LotCounted) -> State:
    production = state.production
    boundary = production.boundary
    since_ms = event.first_ms if state.station.handshakes else event.last_ms
    if boundary is not None and since_ms >= boundary.latest_ms:
        boundary = None  # a cycle may have begun before a row ends, never before it begins
    return _with(
        state,
        ProductionState(
            counted=Counted(
                count=event.to_count,
                at_ms=event.last_ms,
                epoch=event.epoch,
                edge_ms=event.edge_ms,
            ),
            lot=_more(production.lot, event) if production.lot is not None else None,
            boundary=boundary,
        ),
    )


def _more(lot: OpenLot, event: ev.LotCounted) -> OpenLot:
    """Return the open lot, and its sub-lot, with what was counted."""
    certain = event.certainty is ev.Certainty.CERTAIN
    if certain or event.part_of == lot.lot:
        lot = replace(lot, n=lot.n + event.n)
    else:
        lot = replace(lot, n_possible=lot.n_possible + event.n)
    part = lot.part
    if part is not None and certain:
        part = replace(part, n=part.n + event.n)
    elif part is not None:
        part = replace(part, n_possible=part.n_possible + event.n)
    return replace(lot, part=part)


def _relabelled(state: State, event: ev.LotRelabelled) -> State:
    """Go on with the lot, or the sub-lot, under its new identity."""
    running, boundary = state.production.lot, state.production.boundary
    old, new = event.lot, event.new_lot
    if running is not None:
        part = running.part
        if part is not None and part.lot == old:
            part = replace(part, lot=new)
        running = replace(running, lot=new if running.lot == old else running.lot, part=part)
    if boundary is not None:
        lots = tuple(new if lot == old else lot for lot in boundary.lots)
        within = new if boundary.within == old else boundary.within
        boundary = replace(boundary, lots=lots, within=within)
    return _with(state, replace(state.production, lot=running, boundary=boundary))


def _counter_reset(state: State, event: ev.CounterReset) -> State:
    """Count on from here; where cycles are recorded, not counted, there is nothing to go on."""
    before = state.production.counted
    if before is None:
        return state
    counted = replace(
        before,
        count=event.to_count,
        at_ms=event.time.boottime_ms,
        epoch=event.epoch,
        edge_ms=before.next_ms,
    )
    return _with(state, replace(state.production, counted=counted))


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    """In another boot, what was counted then was counted long ago, and the lot changed after."""
    production = state.production
    if event.time.boot_id == state.run.boot_id:
        return state
    boundary, lot, counted = production.boundary, production.lot, production.counted
    if boundary is not None:
        boundary = replace(boundary, earliest_ms=LONG_AGO, latest_ms=LONG_AGO + 1)
    if lot is not None and lot.part is not None:
        lot = replace(lot, part=replace(lot.part, since_ms=LONG_AGO))
    return _with(
        state,
        replace(
            production,
            counted=counted and replace(counted, at_ms=LONG_AGO, edge_ms=LONG_AGO),
            lot=lot,
            boundary=boundary,
        ),
    )


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.LotOpened: _lot_opened,
    ev.LotClosed: _lot_closed,
    ev.LotCounted: _lot_counted,
    ev.LotRelabelled: _relabelled,
    ev.CounterReset: _counter_reset,
}
