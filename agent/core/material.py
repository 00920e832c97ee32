"""What feeds the positions, and what a unit therefore received (D-42 to D-57).

`candidates` has the rule (D-44), `feeding` what is left in a load, `fitness` whether it may be
used. A label that must not be used at its position is no load, but nobody knows whether it was put
on: from its scan on it is a candidate beside what was on before, until the position is scanned
rightly or unloaded (D-4, D-57).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.core import events as ev
from agent.core import feeding, fitness, installing, shelf, vessels
from agent.core.amounts import amount
from agent.core.anew import replace
from agent.core.candidates import component_use, meets_from_ms
from agent.core.draft import Draft, Fold
from agent.core.identity.rules import Means
from agent.core.parts import LONG_AGO, Load, MaterialState, WaitingComponent
from agent.core.state import Reply, State
from agent.core.station import By, Component, Until

__all__ = [
    "EVOLVES",
    "SCANNED",
    "clear",
    "component_scanned",
    "component_use",
    "components_used",
    "missing",
    "started",
    "unload_scanned",
]


def component_scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Load the scanned lot at its position, or hold a serial component for the next unit."""
    component = draft.station.component(scan.position or "")
    if component is None:
        return
    if component.by is By.SERIAL:  # it waits: the fold of the scan itself holds it
        installing.scanned(draft, scan)
        return
    fault = fitness.fault_at_load(draft, component, scan)
    if fault is not None:
        _refuse(draft, component, scan, fault)
        return
    vessels.next_load(draft, component, scan)
    begins_ms = vessels.begins_ms(draft.state, component, scan.earliest_ms)
    draft.add(
        ev.ComponentLoaded(
            **draft.head(because=(scan.address,)),
            position=component.position,
            lot=scan.code,
            product=scan.product,
            expiry=scan.expiry,
            quantity=scan.quantity,
            measure=scan.measure,
            lots=vessels.lots_on(component, scan),
            earliest_ms=begins_ms,
            latest_ms=scan.latest_ms,
            meets_from_ms=meets_from_ms(component, begins_ms),
        )
    )


def _refuse(draft: Draft, component: Component, scan: ev.CodeScanned, fault: ev.Why) -> None:
    """Say that what was scanned must not be used here, to the person at the reader too."""
    on = tuple(load.address for load in vessels.on(draft.state, component.position))
    begins_ms = vessels.begins_ms(draft.state, component, scan.earliest_ms)
    draft.add(
        ev.LoadRefused(
            **draft.head(because=(scan.address,)),
            position=component.position,
            lot=scan.code,
            product=scan.product,
            expiry=scan.expiry,
            reason=fault,
            loads=on,
            earliest_ms=begins_ms,
            latest_ms=scan.latest_ms,
            meets_from_ms=meets_from_ms(component, begins_ms),
        )
    )
    draft.replies = [reply for reply in draft.replies if reply.device != scan.device]
    draft.replies.append(Reply(device=scan.device, good=False))


def unload_scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Take off what is on a position; the code may say how much is left (D-53).

    Out of a vessel nothing can be taken as it was put in, save what was refused: it never was.
    """
    component = draft.station.component(scan.position or "")
    mixes = component is not None and component.until is Until.EMPTIED
    said = amount(scan.quantity)
    left = None if said is None else (said, scan.measure)
    between_ms = (scan.earliest_ms, scan.latest_ms)
    for load in vessels.on(draft.state, scan.position or ""):
        if mixes and not load.refused:
            continue
        feeding.take_off(draft, load, shelf.UNLOADED, between_ms, (scan.address,), said=left)


SCANNED: Mapping[Means, Callable[[Draft, ev.CodeScanned], None]] = {
    Means.COMPONENT: component_scanned,
    Means.REMOVED: installing.removed,
    Means.UNLOAD: unload_scanned,
    Means.EMPTIED: vessels.emptied_scanned,
    Means.RETURNED: vessels.returned_scanned,
    Means.BLOCK: fitness.block_scanned,
    Means.UNBLOCK: fitness.unblock_scanned,
}
"""What each scan that concerns material does."""


def components_used(
    state: State, earliest_ms: int, latest_ms: int, *, n: int = 1, unit: str | None = None
) -> tuple[ev.ComponentUse, ...]:
    """Return what `n` units made within the interval received at each declared position.

    `unit` says which one it is, where that is known: its own components are no conflict.
    """
    return tuple(
        installing.serial_use(state, component, unit)
        if component.by is By.SERIAL
        else component_use(
            component, _foreseen(state, component, n, earliest_ms), earliest_ms, latest_ms
        )
        for component in state.station.components
    )


def _foreseen(state: State, component: Component, n: int, earliest_ms: int) -> tuple[Load, ...]:
    return tuple(
        feeding.foreseen(state, component, load, n, earliest_ms)
        if load.position == component.position
        else load
        for load in state.material.loads
    )


def missing(state: State, used: tuple[ev.ComponentUse, ...]) -> tuple[str, ...]:
    """Return the required positions of which nothing is known, or not all that belongs there."""
    required = {c.position for c in state.station.components if c.required}
    return tuple(
        use.position
        for use in used
        if use.position in required and (not use.candidates or use.why is ev.Why.COMPONENT_MISSING)
    )


def clear(draft: Draft, reason: ev.ExpiryReason) -> None:
    """Give up every serial component that waits."""
    for waiting in draft.state.material.waiting:
        head = draft.head(because=(waiting.address,))
        draft.add(ev.ScanExpired(**head, code=waiting.component, reason=reason))


def started(draft: Draft) -> None:
    """Let what is too old be said.

    A component that waited waits on over a boot, and where history is lost, as a possible one: it
    has no window that could be over (D-91), and given up it would be in no recall, beside another
    that is then certain.
    """
    fitness.started(draft)


# ------------------------------------------------------------------ fold


def _with(state: State, material: MaterialState) -> State:
    return replace(state, material=material)


def _loaded(state: State, event: ev.ComponentLoaded) -> State:
    component = state.station.component(event.position)
    opened_ms = event.earliest_ms
    if component is not None:
        opened_ms = shelf.opened_ms(state, component, event.lot, event.earliest_ms)
    load = Load(
        position=event.position,
        lot=event.lot,
        address=event.address,
        from_lo_ms=event.earliest_ms,
        from_hi_ms=event.latest_ms,
        product=event.product,
        expiry=event.expiry,
        opened_ms=opened_ms,
        amount=feeding.loaded_amount(component, event) if component is not None else None,
        used_most=feeding.used_before(state, component, event.earliest_ms) if component else "0",
        lots=event.lots,
    )
    load = shelf.filled(state, load)
    return _with(state, vessels.joined(shelf.put_on(state, load.lot), load))


def _refused(state: State, event: ev.LoadRefused) -> State:
    """Hold what was refused as a candidate beside what was on before."""
    load = Load(
        position=event.position,
        lot=event.lot,
        address=event.address,
        from_lo_ms=event.earliest_ms,
        from_hi_ms=event.latest_ms,
        product=event.product,
        expiry=event.expiry,
        faults=(event.reason,),
        refused=True,
    )
    return _with(state, replace(state.material, loads=(*state.material.loads, load)))


def _unloaded(state: State, event: ev.ComponentUnloaded) -> State:
    loads = tuple(
        replace(load, to_lo_ms=event.earliest_ms, to_hi_ms=event.latest_ms)
        if load.address == event.load
        else load
        for load in state.material.loads
    )
    return _with(state, replace(state.material, loads=loads))


def _scanned(state: State, event: ev.CodeScanned) -> State:
    component = state.station.component(event.position or "")
    if event.means != "component" or component is None or component.by is By.LOT:
        return state
    waiting = WaitingComponent(
        position=component.position,
        component=event.code,
        address=event.address,
        epoch=event.epoch,
    )
    return _with(state, replace(state.material, waiting=(*state.material.waiting, waiting)))


def _cycle_over(state: State, event: ev.UnitEvent) -> State:
    """Spend what waited, and forget loads that no later unit can have drawn from.

    The next request may be this one again, where nothing tells: it drew since the cycle before.
    """
    answered = state.cycle.answered.get(event.handshake)
    since_ms = event.earliest_ms if answered is None else answered.since_ms
    spent = {address for use in event.components for address in use.loads}
    return _with(
        state,
        replace(
            state.material,
            loads=_left(state, min(event.earliest_ms, since_ms)),
            waiting=tuple(w for w in state.material.waiting if w.address not in spent),
        ),
    )


def _counted(state: State, event: ev.LotCounted) -> State:
    """Forget loads that no later piece can have drawn from."""
    since_ms = event.last_ms if event.edge_ms is None else event.edge_ms
    return _with(state, replace(state.material, loads=_left(state, since_ms)))


def _expired(state: State, event: ev.ScanExpired) -> State:
    left = tuple(w for w in state.material.waiting if w.address not in event.because)
    return _with(state, replace(state.material, waiting=left))


def _aborted(state: State, _event: ev.Event) -> State:
    """A cycle without a record may have used up what waited."""
    why = (ev.Why.CYCLE_BETWEEN,)
    waiting = tuple(replace(w, doubts=why) for w in state.material.waiting)
    return _with(state, replace(state.material, waiting=waiting))


def _history_lost(state: State, event: ev.HistoryLost) -> State:
    """A change of load may be lost: nothing says any more that what was loaded still is.

    A component that waited may be in a unit of which the record is lost.
    """
    state = _aborted(state, event)
    loads = tuple(
        replace(load, to_lo_ms=LONG_AGO) if load.to_hi_ms is None else load
        for load in state.material.loads
    )
    return _with(state, replace(state.material, loads=loads, clean=()))


def _left(state: State, since_ms: int) -> tuple[Load, ...]:
    return tuple(load for load in state.material.loads if not _gone(state, load, since_ms))


def _gone(state: State, load: Load, since_ms: int) -> bool:
    component = state.station.component(load.position)
    if load.to_hi_ms is None:
        return False
    if component is None:
        return True
    return load.to_hi_ms + component.uncertainty_ms < since_ms - component.lag_max_ms


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    """In another boot, what was loaded then was loaded long ago (D-91)."""
    if event.time.boot_id == state.run.boot_id:
        return state
    loads = tuple(
        replace(
            load,
            from_lo_ms=LONG_AGO,
            from_hi_ms=LONG_AGO,
            to_lo_ms=None if load.to_lo_ms is None else LONG_AGO,
            to_hi_ms=None if load.to_hi_ms is None else LONG_AGO,
            opened_ms=LONG_AGO,
            empty_ms=None if load.empty_ms is None else LONG_AGO,
        )
        for load in state.material.loads
    )
    made = tuple(replace(made, since_ms=LONG_AGO) for made in state.material.made)
    return _with(state, replace(state.material, loads=loads, made=made, recent=()))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.CodeScanned: _scanned,
    ev.ComponentLoaded: _loaded,
    ev.ComponentUnloaded: _unloaded,
    ev.LoadRefused: _refused,
    ev.UnitCompleted: _cycle_over,
    ev.UnitUnbound: _cycle_over,
    ev.UnitRefused: _cycle_over,
    ev.LotCounted: _counted,
    ev.ScanExpired: _expired,
    ev.CycleAborted: _aborted,
    ev.CycleMissed: _aborted,
    ev.CounterReset: _aborted,
    ev.HistoryLost: _history_lost,
}
