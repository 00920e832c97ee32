"""Serial components: one goes into one unit, and is in at most one at a time (D-42).

A component that is scanned waits for the next unit. Whether it is in another one is asked at once,
and what is found is an event, so that the cycle needs not wait: by the position's policy the unit
is then refused with answer 3, or recorded with a `component_conflict`. In the same unit it is no
conflict: that is another visit. A removal comes first where a component changes its unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from agent.core import events as ev
from agent.core.anew import replace
from agent.core.draft import Draft, Fold
from agent.core.parts import WaitingComponent
from agent.core.state import Check, ComponentAsk, Reply, State, Working
from agent.core.station import By, Component, Policy
from drivers.base import AskAnswered


def scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Ask whether the component that now waits is in a unit already.

    One more than a unit gets here is told bad: it is not too late to take it back (`cancel`).
    """
    component = draft.station.component(scan.position or "")
    waiting = [w for w in draft.state.material.waiting if w.position == scan.position]
    if component is not None and len({w.component for w in waiting}) > component.pieces:
        draft.replies = [reply for reply in draft.replies if reply.device != scan.device]
        draft.replies.append(Reply(device=scan.device, good=False))
    ask = ComponentAsk(id=draft.ask_id(), component=scan.code)
    draft.asks.append(ask)
    check = Check(address=scan.address, until_ms=draft.now_ms + draft.station.lookup_within_ms)
    draft.working = replace(draft.working, checks={**draft.working.checks, ask.id: check})


def removed(draft: Draft, scan: ev.CodeScanned) -> None:
    """Record that a component was taken out of the unit that it was in last."""
    draft.add(ev.ComponentRemoved(**draft.head(because=(scan.address,)), component=scan.code))


def answered(draft: Draft, seen: AskAnswered) -> None:
    """Note what is known of a component that waits."""
    check = draft.working.checks.get(seen.ask)
    if check is None:
        return
    _closed(draft, seen.ask)
    waiting = _waiting(draft.state, check.address)
    if waiting is None:
        return
    if not seen.known:
        _unchecked(draft, waiting)
    elif seen.installed_in is not None:
        draft.add(
            ev.ComponentInUse(
                **draft.head(because=(waiting.address,)),
                position=waiting.position,
                component=waiting.component,
                unit=seen.installed_in,
                installed=seen.seen_at or "",
                knowledge_as_of=seen.knowledge_as_of,
            )
        )


def timer(draft: Draft) -> None:
    """Give up the checks that were not answered in time (D-41)."""
    for ask, check in draft.working.checks.items():
        if check.until_ms <= draft.now_ms:
            _give_up(draft, ask, check)


def give_up(draft: Draft) -> None:
    """Give up every open check: a cycle is judged now."""
    for ask, check in draft.working.checks.items():
        _give_up(draft, ask, check)


def _give_up(draft: Draft, ask: str, check: Check) -> None:
    _closed(draft, ask)
    waiting = _waiting(draft.state, check.address)
    if waiting is not None:
        _unchecked(draft, waiting)


def _closed(draft: Draft, ask: str) -> None:
    left = {name: check for name, check in draft.working.checks.items() if name != ask}
    draft.working = replace(draft.working, checks=left)


def _unchecked(draft: Draft, waiting: WaitingComponent) -> None:
    draft.add(
        ev.ComponentUnchecked(
            **draft.head(because=(waiting.address,)),
            position=waiting.position,
            component=waiting.component,
        )
    )


def _waiting(state: State, address: str) -> WaitingComponent | None:
    return next((w for w in state.material.waiting if w.address == address), None)


def deadlines(working: Working) -> Iterable[int]:
    """Return when each check is given up."""
    return [check.until_ms for check in working.checks.values()] if working.checks else ()


# ------------------------------------------------------------------ at a cycle


def serial_use(state: State, component: Component, unit: str | None) -> ev.ComponentUse:
    """Return the serial components that wait at a position for a unit (None: not known which)."""
    waiting = [w for w in state.material.waiting if w.position == component.position]
    codes = tuple(dict.fromkeys(w.component for w in waiting))
    why = _why(state, component, waiting, unit)
    return ev.ComponentUse(
        position=component.position,
        candidates=codes,
        certainty=ev.Certainty.POSSIBLE if why else ev.Certainty.CERTAIN,
        why=why,
        loads=tuple(w.address for w in waiting),
    )


def _why(
    state: State, component: Component, waiting: list[WaitingComponent], unit: str | None
) -> ev.Why | None:
    """Return why it is not certain that just these went into the unit; None: it is."""
    n = len({w.component for w in waiting})
    if n == 0:
        return ev.Why.MATERIAL_UNKNOWN
    if n != component.pieces:
        over = ev.Why.COUNT_OVER if component.pieces > 1 else ev.Why.TWO_CANDIDATES
        return ev.Why.COMPONENT_MISSING if n < component.pieces else over
    if any(w.installed_in not in {None, unit} for w in waiting):
        return ev.Why.CONFLICT
    if any(w.epoch != state.epoch for w in waiting):
        return ev.Why.SCAN_BEFORE_RESTART
    return next((doubt for w in waiting for doubt in w.doubts), None)


def refusal(draft: Draft, used: tuple[ev.ComponentUse, ...]) -> ev.Why | None:
    """Return why no unit may be made from the serial components that wait; None: it may."""
    why = {
        use.why
        for use in used
        for component in draft.station.components
        if component.position == use.position and component.installed is Policy.REFUSE
    }
    return ev.Why.CONFLICT if ev.Why.CONFLICT in why else None


def install(draft: Draft, before: State, event: ev.UnitCompleted) -> None:
    """Record the serial components that went into a completed unit, and those in two at once.

    `before` is what was known before the unit: what waited then is spent now.
    """
    serial = {c.position for c in draft.station.components if c.by is By.SERIAL}
    for use in (use for use in event.components if use.position in serial):
        if use.certainty is ev.Certainty.CERTAIN:
            _installed(draft, event, use)
        for waiting in before.material.waiting:
            if waiting.address in use.loads and waiting.installed_in not in {None, event.unit}:
                _conflict(draft, event, waiting, waiting.installed_in or "")


def _installed(draft: Draft, event: ev.UnitCompleted, use: ev.ComponentUse) -> None:
    for component in use.candidates:
        draft.add(
            ev.ComponentInstalled(
                **draft.head(because=(event.address, *use.loads)),
                position=use.position,
                component=component,
                unit=event.unit or "",
                cycle=event.cycle,
            )
        )


def _conflict(draft: Draft, event: ev.UnitCompleted, waiting: WaitingComponent, other: str) -> None:
    draft.add(
        ev.ComponentConflict(
            **draft.head(because=(event.address, waiting.address)),
            position=waiting.position,
            component=waiting.component,
            unit=event.unit or "",
            other=other,
        )
    )


# ------------------------------------------------------------------ fold


def _found(state: State, event: ev.ComponentInUse) -> State:
    return _each(state, event.because[0], lambda w: replace(w, installed_in=event.unit))


def _not_found(state: State, event: ev.ComponentUnchecked) -> State:
    doubt = ev.Why.KNOWLEDGE_MISSING
    return _each(state, event.because[0], lambda w: replace(w, doubts=(*w.doubts, doubt)))


def _removed(state: State, event: ev.ComponentRemoved) -> State:
    """A component that waits and was taken out of its unit since is in none."""
    waiting = tuple(
        replace(w, installed_in=None) if w.component == event.component else w
        for w in state.material.waiting
    )
    return replace(state, material=replace(state.material, waiting=waiting))


def _each(
    state: State, address: str, change: Callable[[WaitingComponent], WaitingComponent]
) -> State:
    waiting = tuple(change(w) if w.address == address else w for w in state.material.waiting)
    return replace(state, material=replace(state.material, waiting=waiting))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.ComponentInUse: _found,
    ev.ComponentUnchecked: _not_found,
    ev.ComponentRemoved: _removed,
}
