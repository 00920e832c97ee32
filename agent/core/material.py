"""What feeds the positions, and what a unit therefore received (D-42 to D-48, D-57).

The candidate rule (D-44) is one function, `component_use`, so that a station at the line and a
store that looks back derive the same answer from the same loads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from agent.core import events as ev
from agent.core.draft import Draft, Fold
from agent.core.parts import LONG_AGO, Load, MaterialState, WaitingComponent
from agent.core.state import State
from agent.core.station import By, Component


def component_scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Load the scanned lot at its position, or hold a serial component for the next unit."""
    component = draft.station.component(scan.position or "")
    if component is None or component.by is By.SERIAL:
        return  # a serial waits: the fold of the scan itself holds it
    for load in draft.state.material.loads:
        if load.position == component.position and load.to_hi_ms is None:
            _unload(draft, load, scan)
    draft.add(
        ev.ComponentLoaded(
            **draft.head(because=(scan.address,)),
            position=component.position,
            lot=scan.code,
            product=scan.product,
            expiry=scan.expiry,
            quantity=scan.quantity,
            earliest_ms=scan.earliest_ms,
            latest_ms=scan.latest_ms,
        )
    )


def _unload(draft: Draft, load: Load, scan: ev.CodeScanned) -> None:
    draft.add(
        ev.ComponentUnloaded(
            **draft.head(because=(scan.address, load.address)),
            position=load.position,
            lot=load.lot,
            load=load.address,
            reason="replaced",
            earliest_ms=scan.earliest_ms,
            latest_ms=scan.latest_ms,
        )
    )


def components_used(state: State, earliest_ms: int, latest_ms: int) -> tuple[ev.ComponentUse, ...]:
    """Return what a unit made within the interval received at each declared position."""
    return tuple(
        _serial_use(state, component)
        if component.by is By.SERIAL
        else component_use(component, state.material.loads, earliest_ms, latest_ms)
        for component in state.station.components
    )


def component_use(
    component: Component, loads: tuple[Load, ...], earliest_ms: int, latest_ms: int
) -> ev.ComponentUse:
    """Return the candidates at one position for a unit made in [earliest_ms, latest_ms].

    Source: D-44. The unit's interval is widened by the feed path, each load's by its uncertainty.
    Exactly one lot that covers the whole widened interval, in one load or in loads that follow
    each other without a gap, is certain.
    """
    low = earliest_ms - component.lag_max_ms
    high = latest_ms - component.lag_min_ms
    u = component.uncertainty_ms
    met = [
        load
        for load in loads
        if load.position == component.position
        and load.from_lo_ms - u <= high
        and (load.to_hi_ms is None or load.to_hi_ms + u >= low)
    ]
    lots = tuple(dict.fromkeys(load.lot for load in met))
    why: ev.Why | None = None
    if not met:
        why = ev.Why.MATERIAL_UNKNOWN
    elif len(lots) > 1 or not _cover(met, low, high, u):
        why = ev.Why.BOUNDARY_UNCERTAIN
    return _use(component, lots, why, tuple(load.address for load in met))


def _cover(loads: list[Load], low: int, high: int, u: int) -> bool:
    """Whether loads of one lot, oldest first, feed the position over the whole interval."""
    first, last = loads[0], loads[-1]
    joined = all(
        before.to_hi_ms is not None and after.from_lo_ms <= before.to_hi_ms
        for before, after in pairwise(loads)
    )
    to_the_end = last.to_lo_ms is None or last.to_lo_ms - u >= high
    return joined and to_the_end and first.from_hi_ms + u <= low


def _use(
    component: Component, candidates: tuple[str, ...], why: ev.Why | None, loads: tuple[str, ...]
) -> ev.ComponentUse:
    return ev.ComponentUse(
        position=component.position,
        candidates=candidates,
        certainty=ev.Certainty.POSSIBLE if why else ev.Certainty.CERTAIN,
        why=why,
        loads=loads,
    )


def _serial_use(state: State, component: Component) -> ev.ComponentUse:
    waiting = [w for w in state.material.waiting if w.position == component.position]
    codes = tuple(dict.fromkeys(w.component for w in waiting))
    why: ev.Why | None = None
    if not codes:
        why = ev.Why.MATERIAL_UNKNOWN
    elif len(codes) > 1:
        why = ev.Why.TWO_CANDIDATES
    elif any(w.epoch != state.epoch for w in waiting):
        why = ev.Why.SCAN_BEFORE_RESTART
    else:
        why = next((doubt for w in waiting for doubt in w.doubts), None)
    return _use(component, codes, why, tuple(w.address for w in waiting))


def missing(state: State, used: tuple[ev.ComponentUse, ...]) -> tuple[str, ...]:
    """Return the required positions of which nothing is known."""
    required = {c.position for c in state.station.components if c.required}
    return tuple(use.position for use in used if not use.candidates and use.position in required)


def install(draft: Draft, event: ev.UnitCompleted) -> None:
    """Record the serial components that certainly went into a completed unit."""
    serial = {c.position for c in draft.station.components if c.by is By.SERIAL}
    for use in event.components:
        if use.position in serial and use.certainty is ev.Certainty.CERTAIN:
            draft.add(
                ev.ComponentInstalled(
                    **draft.head(because=(event.address, *use.loads)),
                    position=use.position,
                    component=use.candidates[0],
                    unit=event.unit or "",
                    cycle=event.cycle,
                )
            )


def clear(draft: Draft, reason: ev.ExpiryReason) -> None:
    """Give up every serial component that waits."""
    for waiting in draft.state.material.waiting:
        head = draft.head(because=(waiting.address,))
        draft.add(ev.ScanExpired(**head, code=waiting.component, reason=reason))


def started(draft: Draft, *, other_boot: bool, lost: bool) -> None:
    """Give up what waited if it may have been used up in the meantime."""
    if lost:
        clear(draft, ev.ExpiryReason.HISTORY_LOST)
    elif other_boot:
        clear(draft, ev.ExpiryReason.OTHER_BOOT)


# ------------------------------------------------------------------ fold


def _with(state: State, material: MaterialState) -> State:
    return replace(state, material=material)


def _loaded(state: State, event: ev.ComponentLoaded) -> State:
    load = Load(
        position=event.position,
        lot=event.lot,
        address=event.address,
        from_lo_ms=event.earliest_ms,
        from_hi_ms=event.latest_ms,
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
    """Spend what waited, and forget loads that no later unit can have drawn from."""
    spent = {address for use in event.components for address in use.loads}
    return _with(
        state,
        MaterialState(
            loads=_left(state, event.earliest_ms),
            waiting=tuple(w for w in state.material.waiting if w.address not in spent),
        ),
    )


def _counted(state: State, event: ev.LotCounted) -> State:
    """Forget loads that no later piece can have drawn from."""
    return _with(state, replace(state.material, loads=_left(state, event.last_ms)))


def _expired(state: State, event: ev.ScanExpired) -> State:
    left = tuple(w for w in state.material.waiting if w.address not in event.because)
    return _with(state, replace(state.material, waiting=left))


def _aborted(state: State, _event: ev.Event) -> State:
    """A cycle without a record may have used up what waited."""
    why = (ev.Why.CYCLE_BETWEEN,)
    waiting = tuple(replace(w, doubts=why) for w in state.material.waiting)
    return _with(state, replace(state.material, waiting=waiting))


def _history_lost(state: State, _event: ev.HistoryLost) -> State:
    """A change of load may be lost: nothing says any more that what was loaded still is."""
    loads = tuple(
        replace(load, to_lo_ms=LONG_AGO) if load.to_hi_ms is None else load
        for load in state.material.loads
    )
    return _with(state, replace(state.material, loads=loads))


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
        )
        for load in state.material.loads
    )
    return _with(state, replace(state.material, loads=loads))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.CodeScanned: _scanned,
    ev.ComponentLoaded: _loaded,
    ev.ComponentUnloaded: _unloaded,
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
