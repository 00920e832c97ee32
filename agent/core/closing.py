"""What was open under another station file, declared by `config_changed` and closed with it.

`changing` says what becomes of each thing; here the events follow, all in the commit of the start.
What has no event of its own (a request that is known no more, the baseline of a counter) follows
from `config_changed` itself, by its fold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.core import changing, feeding, granularity, orders, production
from agent.core import events as ev
from agent.core.anew import replace
from agent.core.draft import Draft, Fold
from agent.core.machine import UNKNOWN
from agent.core.parts import LONG_AGO, Load, OpenLot, ProductState, QueueState
from agent.core.state import State
from agent.core.station import Station

CHANGED = "config_changed"


def started(draft: Draft, old: Station | None, previous: str) -> None:
    """Declare the new file and what becomes of what is open, and close what does not go on."""
    new, before = draft.station, draft.state
    event = draft.add(
        ev.ConfigChanged(
            **draft.head(),
            previous_config=previous,
            previous_known=old is not None,
            changed=changing.changed(old, changing.recorded(new)) if old is not None else (),
            open_things=changing.compare(before, old, new),
        )
    )
    for thing in event.open_things:
        if thing.fate is ev.Fate.CLOSED and thing.what in _CLOSES:
            _CLOSES[thing.what](draft, before, thing, (event.address,))


Because = tuple[str, ...]


def _expire(draft: Draft, _before: State, thing: ev.OpenThing, because: Because) -> None:
    """A scan, or a serial component, will never meet its cycle."""
    head = draft.head(because=(thing.address or "", *because))
    draft.add(ev.ScanExpired(**head, code=thing.name, reason=ev.ExpiryReason.CONFIG_CHANGED))


def _abort(draft: Draft, before: State, _thing: ev.OpenThing, because: Because) -> None:
    generations = before.cycle.generations
    draft.add(
        ev.CycleAborted(
            **draft.head(because=because),
            handshake="begin",
            generation=generations.get("begin", 1),
            reason=CHANGED,
        )
    )


def _forget(draft: Draft, _before: State, _thing: ev.OpenThing, because: Because) -> None:
    granularity.forget(draft, because)


def _close_lot(draft: Draft, before: State, thing: ev.OpenThing, because: Because) -> None:
    lot = before.production.lot or OpenLot(lot=thing.name, product=None, address="")
    counted = before.production.counted
    since_ms = LONG_AGO if counted is None else counted.at_ms
    production.close(draft, lot, CHANGED, (since_ms, draft.now_ms), because)


def _reset(draft: Draft, before: State, thing: ev.OpenThing, because: Because) -> None:
    """What was counted since the last known reading may be lost (D-31)."""
    counted = before.production.counted
    known = [each.count for each in before.cycle.answered.values() if each.count is not None]
    count = known[-1] if counted is None else counted.count
    draft.add(
        ev.CounterReset(
            **draft.head(because=because),
            tag=thing.name,
            from_count=count,
            to_count=count,
            reason=CHANGED,
            first_ms=None if counted is None else counted.at_ms,
            last_ms=draft.now_ms,
        )
    )


def _unload(draft: Draft, before: State, thing: ev.OpenThing, because: Because) -> None:
    for load in [each for each in before.material.loads if each.address == thing.address]:
        between_ms = (min(load.from_hi_ms, draft.now_ms), draft.now_ms)
        feeding.take_off(draft, load, CHANGED, between_ms, because)


def _unload_carrier(draft: Draft, before: State, thing: ev.OpenThing, because: Because) -> None:
    for each in [each for each in before.carriers.mounted if each.address == thing.address]:
        draft.add(
            ev.CarrierUnloaded(
                **draft.head(because=because),
                carrier=each.carrier,
                unit=each.unit,
                load=each.address,
                earliest_ms=each.touched_ms,
                latest_ms=draft.now_ms,
            )
        )


def _lose_queue(draft: Draft, before: State, _thing: ev.OpenThing, because: Because) -> None:
    parts = before.queue.parts
    draft.add(
        ev.QueueLost(
            **draft.head(because=(*because, *(part.address for part in parts))),
            reason=ev.QueueLoss.CONFIG_CHANGED,
            units=tuple(part.unit for part in parts if part.unit is not None),
        )
    )


def _end_order(draft: Draft, _before: State, _thing: ev.OpenThing, because: Because) -> None:
    orders.end_if_any(draft, CHANGED, because, {})


def _sign_off(draft: Draft, before: State, thing: ev.OpenThing, because: Because) -> None:
    for session in [each for each in before.people.sessions if each.address == thing.address]:
        draft.add(
            ev.OperatorSignedOff(
                **draft.head(because=(*because, session.address)),
                operator=ev.OperatorRef(ref=session.ref, role=session.role),
                reason=ev.SignOffReason.CONFIG,
                earliest_ms=draft.now_ms,
                latest_ms=draft.now_ms,
            )
        )


def _lose_sight(draft: Draft, before: State, _thing: ev.OpenThing, because: Because) -> None:
    """Without its source nobody tells what the machine does; what was unknown stays so."""
    shown = before.machine.shown
    if shown is not None and shown.category != UNKNOWN:
        draft.add(
            ev.MachineStateChanged(
                **draft.head(because=because),
                source=CHANGED,
                state=UNKNOWN,
                category=UNKNOWN,
                previous=shown.category,
                earliest_ms=draft.now_ms,
                latest_ms=draft.now_ms,
            )
        )


_CLOSES: Mapping[str, Callable[[Draft, State, ev.OpenThing, Because], None]] = {
    "scan": _expire,
    "component": _expire,
    "unit": _abort,
    "product": _forget,
    "lot": _close_lot,
    "counter": _reset,
    "load": _unload,
    "carrier": _unload_carrier,
    "queue": _lose_queue,
    "order": _end_order,
    "session": _sign_off,
    "state": _lose_sight,
}
"""What closes each sort of open thing; the rest follows from `config_changed` by its fold."""


# ------------------------------------------------------------------ fold


def _changed(state: State, event: ev.ConfigChanged) -> State:
    """Forget what cannot be compared any more; doubt what goes on and was certain."""
    for thing in event.open_things:
        if thing.fate is not ev.Fate.CONTINUES and thing.what in _FOLDS:
            state = _FOLDS[thing.what](state, thing)
    return state


def _request(state: State, thing: ev.OpenThing) -> State:
    """The next request may be one that was answered: nobody can compare them (D-20)."""
    cycle = state.cycle
    answered = {name: each for name, each in cycle.answered.items() if name != thing.name}
    suspect = cycle.suspect
    if thing.fate is ev.Fate.POSSIBLE:
        suspect = tuple(dict.fromkeys((*suspect, thing.name)))
    return replace(state, cycle=replace(cycle, answered=answered, suspect=suspect))


def _bypass(state: State, _thing: ev.OpenThing) -> State:
    return replace(state, machine=replace(state.machine, passed=None))


def _key(state: State, _thing: ev.OpenThing) -> State:
    return replace(state, machine=replace(state.machine, bypass_on=None))


def _load(state: State, thing: ev.OpenThing) -> State:
    if thing.fate is not ev.Fate.POSSIBLE:
        return state
    loads = tuple(
        _doubted(load, thing.why) if load.address == thing.address else load
        for load in state.material.loads
    )
    opened = {load.position for load in loads if load.address == thing.address}
    if thing.why == "measure":
        opened = set()
    clean = tuple(position for position in state.material.clean if position not in opened)
    return replace(state, material=replace(state.material, loads=loads, clean=clean))


def _doubted(load: Load, why: str | None) -> Load:
    """Return a load as it is known where the file says something else of its position."""
    if why == "products":
        return replace(load, faults=(*load.faults, ev.Why.WRONG_PART))
    if why == "measure":
        return replace(load, amount=None, empty_ms=None, ahead=None)
    if why == "until":
        return replace(load, leaving=None, ahead=None)
    return replace(load, to_lo_ms=LONG_AGO)


def _loading(state: State, _thing: ev.OpenThing) -> State:
    return replace(state, carriers=replace(state.carriers, loading=None))


def _product(state: State, thing: ev.OpenThing) -> State:
    """A station whose products are no longer told apart has none that runs."""
    if state.station.products is not None or thing.fate is not ev.Fate.CLOSED:
        return state
    return replace(state, product=ProductState())


def _device(state: State, thing: ev.OpenThing) -> State:
    lives = {name: life for name, life in state.run.lives.items() if name != thing.name}
    return replace(state, run=replace(state.run, lives=lives))


_FOLDS: Mapping[str, Callable[[State, ev.OpenThing], State]] = {
    "request": _request,
    "bypass": _bypass,
    "key": _key,
    "load": _load,
    "loading": _loading,
    "product": _product,
    "device": _device,
}


def _counter_reset(state: State, event: ev.CounterReset) -> State:
    """The next reading, or the next snapshot's count, is the first of another counter."""
    if event.reason != CHANGED:
        return state
    answered = {name: replace(each, count=None) for name, each in state.cycle.answered.items()}
    return replace(
        state,
        production=replace(state.production, counted=None),
        cycle=replace(state.cycle, answered=answered),
    )


def _queue_lost(state: State, event: ev.QueueLost) -> State:
    """What was inside is told with the event; the new way begins with what comes from now on."""
    if event.reason is not ev.QueueLoss.CONFIG_CHANGED:
        return state
    return replace(state, queue=QueueState(lost=event.reason))


def _aborted(state: State, event: ev.CycleAborted) -> State:
    if event.reason != CHANGED:
        return state
    return replace(state, cycle=replace(state.cycle, started=None))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.ConfigChanged: _changed,
    ev.CounterReset: _counter_reset,
    ev.QueueLost: _queue_lost,
    ev.CycleAborted: _aborted,
}
