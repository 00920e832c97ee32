"""What is known of packages that were taken off: they come back (D-50, D-53, D-54).

A reel, a cartridge or a drum that goes back to the shelf keeps its history. When it is scanned
again its open life goes on where it was, and what had expired is expired. Taken off by a code that
means `unload`, it has what was left in it, whatever its label says of it when it was new.

Laws:
    1. A package is known by its label: another one under the same label is taken for it, for nobody
       can tell. One that was used up is forgotten, so that the next of its lot begins anew.
    2. Off its position, open life goes on; where the position says that it pauses there, it counts
       the longest time that the package can have been on.
    3. A set that grows without end is no state: the `MOST_SHELVED` that came off last are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from agent.core import events as ev
from agent.core import feeding
from agent.core.amounts import amount, minus, text
from agent.core.anew import replace
from agent.core.draft import Draft, Fold
from agent.core.parts import LONG_AGO, Load, Shelved
from agent.core.state import State
from agent.core.station import Component

UNLOADED = "unloaded"
MOST_SHELVED = 1_000


def found(state: State, lot: str) -> Shelved | None:
    """Return what is known of the package with this label that is off; None: nothing."""
    return next((each for each in state.material.shelf if each.lot == lot), None)


def opened_ms(state: State, component: Component, lot: str, loaded_ms: int) -> int:
    """Return since when a package counts as open that is put on at a moment of the boot clock."""
    on = (
        load.from_lo_ms if load.opened_ms is None else load.opened_ms
        for load in state.material.loads
        if (load.position, load.lot, load.to_hi_ms) == (component.position, lot, None)
    )
    shelved = found(state, lot)
    if shelved is None:
        return min([loaded_ms, *on])
    until_ms = loaded_ms if component.open_life_pauses else shelved.off_ms
    return min([loaded_ms, max(LONG_AGO, until_ms - shelved.open_ms), *on])


def is_over(state: State, component: Component, lot: str, now_ms: int) -> bool:
    """Return whether the open life of a package is over that is put on now."""
    if component.open_life_ms is None:
        return False
    return opened_ms(state, component, lot, now_ms) + component.open_life_ms <= now_ms


def filled(state: State, load: Load) -> Load:
    """Return a load that is put on, with what was left in its package when it was taken off."""
    shelved = found(state, load.lot)
    if shelved is None or shelved.left is None or shelved.position != load.position:
        return load
    left, said = Decimal(shelved.left), amount(load.amount)
    if said is not None and said <= left:
        return load
    unsure = minus(left, Decimal(shelved.least or shelved.left))
    most = max(unsure, amount(load.used_most) or feeding.ZERO)
    return replace(load, amount=text(left), used_most=text(most))


def put_on(state: State, lot: str) -> State:
    """Return the state once a package is on a position: it is on no shelf."""
    return _with(state, tuple(each for each in state.material.shelf if each.lot != lot))


def is_known(draft: Draft, lot: str) -> bool:
    """Return whether a package is known here: on a position, or taken off."""
    on = any(load.lot == lot and load.to_hi_ms is None for load in draft.state.material.loads)
    return on or found(draft.state, lot) is not None


# ------------------------------------------------------------------ fold


def _with(state: State, shelf: tuple[Shelved, ...]) -> State:
    return replace(state, material=replace(state.material, shelf=shelf))


def _taken_off(state: State, event: ev.ComponentUnloaded) -> State:
    """Remember a package that may come back; what was refused was perhaps never on."""
    component = state.station.component(event.position)
    load = next((each for each in state.material.loads if each.address == event.load), None)
    if load is None or component is None or load.refused:
        return state
    state = put_on(state, load.lot)
    remaining = amount(event.remaining) if event.remaining is not None else None
    below = event.remaining is not None and Decimal(event.remaining) <= feeding.ZERO
    if event.reason in feeding.NOTHING_LEFT or below:
        return state
    is_one = len(feeding.stock_of(state, load)) == 1
    left = remaining if event.reason == UNLOADED and is_one and component.use else None
    if left is None and component.open_life_ms is None:
        return state
    open_ms = event.latest_ms - (load.from_lo_ms if load.opened_ms is None else load.opened_ms)
    shelved = Shelved(
        position=load.position,
        lot=load.lot,
        open_ms=min(open_ms, -LONG_AGO),
        off_ms=event.latest_ms,
        left=None if left is None else text(left),
        least=None if left is None else text(_least(state, load, left)),
    )
    return _with(state, (*state.material.shelf, shelved)[-MOST_SHELVED:])


def _least(state: State, load: Load, left: Decimal) -> Decimal:
    """Return what is left at the least: by count, as much less as may have been drawn besides."""
    counted, least = feeding.left_by_count(state, load), feeding.left_at_least(state, load)
    if counted is None or least is None or counted != left:
        return left  # somebody has said it
    return max(least, feeding.ZERO)


def _renewed(state: State, event: ev.OpenLifeRenewed) -> State:
    """A package was baked, or is known to be good: its open life begins with that."""
    now_ms = event.time.boottime_ms
    loads = tuple(
        replace(
            load,
            opened_ms=now_ms,
            faults=tuple(fault for fault in load.faults if fault is not ev.Why.LOT_EXPIRED),
        )
        if load.lot == event.lot and load.to_hi_ms is None
        else load
        for load in state.material.loads
    )
    shelf = tuple(
        replace(each, open_ms=0, off_ms=now_ms) if each.lot == event.lot else each
        for each in state.material.shelf
    )
    return replace(state, material=replace(state.material, loads=loads, shelf=shelf))


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    """In another boot, what was taken off then was taken off long ago (D-91)."""
    if event.time.boot_id == state.run.boot_id:
        return state
    return _with(state, tuple(replace(each, off_ms=LONG_AGO) for each in state.material.shelf))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.ComponentUnloaded: _taken_off,
    ev.OpenLifeRenewed: _renewed,
}
"""Folded before the load is closed: what is left in it is still to be seen."""
