"""Whether units may be made from what is loaded: expiry, open life, the right part, blocks.

A fault of a load is an event when it is scanned (`load_refused`) or when it comes about
(`load_expired`, `lot_blocked`); from the next request on, a unit that may have received from it is
refused with answer 6, or recorded so, by the position's policy (D-54, D-56, D-57). Nothing that was
recorded before changes.

Calendar dates go by the wall clock, and only while it is known to be right; open life goes by the
boot clock and counts the longest that is plausible: after a boot, too long (D-91).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache

from agent.core import events as ev
from agent.core import shelf, vessels
from agent.core.anew import replace
from agent.core.draft import Draft, Fold
from agent.core.identity.pattern import compile_pattern
from agent.core.parts import LONG_AGO, Blocked, Load
from agent.core.state import State
from agent.core.station import Component, Policy
from drivers.base import SET_CLOCKS, Instant

SCAN, FILE, COMMAND, PARENT = "scan", "file", "command", "parent"
EXPIRY, OPEN_LIFE = "expiry", "open_life"
_DAY_MS = 86_400_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_WORST_FIRST = (ev.Why.LOT_BLOCKED, ev.Why.WRONG_PART, ev.Why.LOT_EXPIRED)


# ------------------------------------------------------------------ at the scan


def fault_at_load(draft: Draft, component: Component, scan: ev.CodeScanned) -> ev.Why | None:
    """Return why what was scanned must not be used at the position, None if it may."""
    if any(is_blocked(draft.state, lot) for lot in (scan.code, *vessels.lots_on(component, scan))):
        return ev.Why.LOT_BLOCKED
    if not belongs(component.products, component.product_pattern, scan.product or ""):
        return ev.Why.WRONG_PART
    if _is_past(scan.expiry, draft.now):
        return ev.Why.LOT_EXPIRED
    if shelf.is_over(draft.state, component, scan.code, scan.earliest_ms):
        return ev.Why.LOT_EXPIRED
    same = [load for load in vessels.on(draft.state, component.position) if load.lot == scan.code]
    if any(ev.Why.LOT_EXPIRED in load.faults for load in same):
        return ev.Why.LOT_EXPIRED
    return None


def belongs(products: tuple[str, ...], pattern: str | None, product: str) -> bool:
    """Return whether a product is one of those that belong somewhere; none named: every one."""
    if products and product not in products:
        return False
    return pattern is None or _pattern(pattern).fullmatch(product) is not None


@cache
def _pattern(source: str) -> re.Pattern[str]:
    return compile_pattern(source).compiled


def is_blocked(state: State, lot: str) -> bool:
    """Return whether a lot or serial component is blocked."""
    return any(blocked.lot == lot for blocked in state.material.blocked)


def block_scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Block what a code names, from now on."""
    _block(draft, scan.code, SCAN, (scan.address,))


def unblock_scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Take back the block of what a code names; the station file's own block stands."""
    for source in (SCAN, PARENT):
        _unblock(draft, scan.code, source, (scan.address,))


def block_inherited(draft: Draft, lot: str, because: tuple[str, ...]) -> None:
    """Block a lot that is made of a blocked one."""
    _block(draft, lot, PARENT, because)


def _block(draft: Draft, lot: str, source: str, because: tuple[str, ...]) -> None:
    if Blocked(lot=lot, source=source) not in draft.state.material.blocked:
        draft.add(ev.LotBlocked(**draft.head(because=because), lot=lot, source=source))


def _unblock(draft: Draft, lot: str, source: str, because: tuple[str, ...]) -> None:
    if Blocked(lot=lot, source=source) in draft.state.material.blocked:
        draft.add(ev.LotUnblocked(**draft.head(because=because), lot=lot, source=source))


def started(draft: Draft) -> None:
    """Let the station file's blocks count, and take back those that it no longer names."""
    listed = draft.station.blocked
    for blocked in draft.state.material.blocked:
        if blocked.source == FILE and blocked.lot not in listed:
            _unblock(draft, blocked.lot, FILE, ())
    for lot in listed:
        _block(draft, lot, FILE, ())
    check(draft)


# ------------------------------------------------------------------ while it is loaded


def check(draft: Draft) -> None:
    """Say of each load on a position that it has expired, at the moment when it has (D-54)."""
    for load in draft.state.material.loads:
        component = draft.station.component(load.position)
        if component is None or load.to_hi_ms is not None or ev.Why.LOT_EXPIRED in load.faults:
            continue
        if _is_past(load.expiry, draft.now):
            _expire(draft, load, EXPIRY)
        elif _closes_ms(component, load) <= draft.now_ms:
            _expire(draft, load, OPEN_LIFE)


def _expire(draft: Draft, load: Load, reason: str) -> None:
    draft.add(
        ev.LoadExpired(
            **draft.head(because=(load.address,)),
            position=load.position,
            lot=load.lot,
            load=load.address,
            reason=reason,
        )
    )


def deadlines(draft: Draft) -> Iterator[int]:
    """Yield when a load on a position expires."""
    for load in draft.state.material.loads:
        component = draft.station.component(load.position)
        if component is None or load.to_hi_ms is not None or ev.Why.LOT_EXPIRED in load.faults:
            continue
        if component.open_life_ms is not None:
            yield _closes_ms(component, load)
        if load.expiry is not None and draft.now.clock_state in SET_CLOCKS:
            yield draft.now_ms + _over_ms(load.expiry) - _local_ms(draft.now)


def _closes_ms(component: Component, load: Load) -> int:
    """Return the boot-clock moment at which a load has been open for too long."""
    if component.open_life_ms is None:
        return -LONG_AGO
    opened_ms = load.from_lo_ms if load.opened_ms is None else load.opened_ms
    return opened_ms + component.open_life_ms


def _is_past(expiry: str | None, now: Instant) -> bool:
    """Whether a last good day is over; not while nobody knows the date (D-91)."""
    if expiry is None or now.clock_state not in SET_CLOCKS:
        return False
    return _local_ms(now) >= _over_ms(expiry)


def _over_ms(expiry: str) -> int:
    """Return the local midnight after a day, in milliseconds since 1970."""
    return (date.fromisoformat(expiry).toordinal() - _EPOCH_DAY + 1) * _DAY_MS


def _local_ms(now: Instant) -> int:
    return now.wall_ms + now.offset_min * 60_000


# ------------------------------------------------------------------ at a cycle


def refusal(state: State, used: tuple[ev.ComponentUse, ...]) -> ev.Why | None:
    """Return why no unit may be made from what is on the positions; None: it may, or is recorded.

    The worst fault counts: blocked, then the wrong part, then expired.
    """
    found = {
        fault
        for component in state.station.components
        if component.unfit is Policy.REFUSE
        for fault in _faults(state, component, used)
    }
    return next((why for why in _WORST_FIRST if why in found), None)


def doubts(draft: Draft, used: tuple[ev.ComponentUse, ...]) -> list[ev.Why]:
    """Return what a recorded unit must say of its material: faults, and dates nobody can judge."""
    state = draft.state
    found = {fault for c in state.station.components for fault in _faults(state, c, used)}
    why = [fault for fault in _WORST_FIRST if fault in found]
    dated = any(
        load.expiry for c in state.station.components for load in vessels.on(state, c.position)
    )
    if dated and draft.now.clock_state not in SET_CLOCKS:
        why.append(ev.Why.CLOCK_UNSYNCED)
    return why


def names_on(state: State) -> tuple[str, ...]:
    """Return the lots and serial components that are on the positions of the station."""
    return tuple(dict.fromkeys(n for c in state.station.components for n in _on(state, c)))


def _on(state: State, component: Component) -> Iterator[str]:
    for load in vessels.on(state, component.position):
        yield from (load.lot, *load.lots)
    for waiting in state.material.waiting:
        if waiting.position == component.position:
            yield waiting.component


def holds(state: State, names: frozenset[str], *, refusing: bool) -> bool:
    """Return whether one of these is on a position; where units are refused for it, or recorded."""
    policy = Policy.REFUSE if refusing else Policy.RECORD
    return bool(names) and any(
        component.unfit is policy and not names.isdisjoint(_on(state, component))
        for component in state.station.components
    )


def _faults(state: State, component: Component, used: tuple[ev.ComponentUse, ...]) -> set[ev.Why]:
    """Return what is wrong with what is on a position, or may have gone into the unit."""
    met = {address for use in used if use.position == component.position for address in use.loads}
    loads = [
        load
        for load in state.material.loads
        if load.position == component.position and (load.to_hi_ms is None or load.address in met)
    ]
    names = {lot for load in loads for lot in (load.lot, *load.lots)}
    names |= {w.component for w in state.material.waiting if w.position == component.position}
    faults = {fault for load in loads for fault in load.faults}
    return faults | {ev.Why.LOT_BLOCKED for name in names if is_blocked(state, name)}


# ------------------------------------------------------------------ fold


def _expired(state: State, event: ev.LoadExpired) -> State:
    loads = tuple(
        replace(load, faults=(*load.faults, ev.Why.LOT_EXPIRED))
        if load.address == event.load
        else load
        for load in state.material.loads
    )
    return replace(state, material=replace(state.material, loads=loads))


def _blocked(state: State, event: ev.LotBlocked) -> State:
    blocked = (*state.material.blocked, Blocked(lot=event.lot, source=event.source))
    return replace(state, material=replace(state.material, blocked=blocked))


def _unblocked(state: State, event: ev.LotUnblocked) -> State:
    gone = Blocked(lot=event.lot, source=event.source)
    blocked = tuple(each for each in state.material.blocked if each != gone)
    return replace(state, material=replace(state.material, blocked=blocked))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.LoadExpired: _expired,
    ev.LotBlocked: _blocked,
    ev.LotUnblocked: _unblocked,
}
