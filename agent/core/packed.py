"""What is being packed, as the fold of the events."""

from __future__ import annotations

from collections.abc import Mapping

from agent.core import events as ev
from agent.core.anew import replace
from agent.core.draft import Fold
from agent.core.identity.scan_rule import Means
from agent.core.levels import Level, Order, ParentBy
from agent.core.packages import (
    Child,
    LastClosed,
    OpenParent,
    PackingState,
    Turn,
    WaitingChild,
)
from agent.core.parts import LONG_AGO
from agent.core.state import State

MEANS = frozenset({Means.CHILD, Means.PARENT, Means.PARENT_END, Means.UNPACK})
"""What a code can mean for packing."""


def _with(state: State, packing: PackingState) -> State:
    return replace(state, packing=packing)


def _decided(state: State, event: ev.Event) -> State:
    """What led to the event has had its turn."""
    left = tuple(turn for turn in state.packing.turns if turn.address not in event.because)
    return _with(state, replace(state.packing, turns=left))


def _queued(state: State, turn: Turn) -> State:
    return _with(state, replace(state.packing, turns=(*state.packing.turns, turn)))


def _scanned(state: State, event: ev.CodeScanned) -> State:
    if event.means not in MEANS or not state.station.packing:
        return state
    turn = Turn(
        address=event.address,
        epoch=event.epoch,
        means=event.means,
        level=event.position or "",
        code=event.code,
        product=event.product,
        device=event.device,
        earliest_ms=event.earliest_ms,
        latest_ms=event.latest_ms,
    )
    return _queued(state, turn)


def _expired(state: State, event: ev.ScanExpired) -> State:
    state = _decided(state, event)
    left = tuple(each for each in state.packing.waiting if each.address not in event.because)
    return _with(state, replace(state.packing, waiting=left))


# ------------------------------------------------------------------ the cycle's unit as the parent


def _of_cycle(state: State) -> tuple[Level, ...]:
    return tuple(level for level in state.station.packing if level.parent is ParentBy.CYCLE)


def _turn_of(level: Level, event: ev.UnitEvent, means: Means) -> Turn:
    return Turn(
        address=event.address,
        epoch=event.epoch,
        means=means.value,
        level=level.name,
        code=event.unit or "",
        product=event.product,
        device="",
        earliest_ms=event.earliest_ms,
        latest_ms=event.latest_ms,
        doubts=() if event.certainty is ev.Certainty.CERTAIN else event.why,
    )


def _unit_started(state: State, event: ev.UnitStarted) -> State:
    for level in _of_cycle(state):
        if level.order is Order.PARENT_FIRST:
            state = _queued(state, _turn_of(level, event, Means.PARENT))
    return state


def _unit_completed(state: State, event: ev.UnitCompleted) -> State:
    for level in _of_cycle(state):
        ends = level.order is Order.PARENT_FIRST
        means = Means.PARENT_END if ends else Means.PARENT
        state = _queued(state, _turn_of(level, event, means))
    return state


def _declined(state: State, event: ev.UnitRefused | ev.UnitUnbound | ev.CycleAborted) -> State:
    """A cycle that bound nothing may have taken what waits; one of `begin` has not worked yet."""
    last = [each.name for each in state.station.handshakes[-1:]]
    return _unrecorded(state, event) if last in ([], [event.handshake]) else state


def _missed(state: State, event: ev.CycleMissed) -> State:
    """A torn snapshot is asked for again."""
    return state if event.reason == "torn" else _unrecorded(state, event)


def _bypassed(state: State, event: ev.InterlockBypassed) -> State:
    return state if event.n == 0 else _unrecorded(state, event)


def _unrecorded(state: State, _event: ev.Event) -> State:
    """What waits, or is open, may have been packed in a cycle without a record (D-7)."""
    names = {level.name for level in _of_cycle(state)}
    return _doubted(state, names, ev.Why.CYCLE_BETWEEN)


def _doubted(state: State, levels: set[str], why: ev.Why) -> State:
    packing = state.packing
    waiting = tuple(
        replace(each, doubts=tuple(dict.fromkeys((*each.doubts, why))))
        if each.level in levels
        else each
        for each in packing.waiting
    )
    open_ = tuple(
        replace(each, doubts=tuple(dict.fromkeys((*each.doubts, why))))
        if each.level in levels
        else each
        for each in packing.open
    )
    return _with(state, replace(packing, waiting=waiting, open=open_))


def _unread(state: State, event: ev.NoRead | ev.ScanTruncated | ev.CodeRefused) -> State:
    """What could not be read may have been a parent's code; one that no rule takes was none."""
    if isinstance(event, ev.CodeRefused) and event.reason == "no_rule":
        return state
    return _doubted(state, _by_scan(state), ev.Why.READER_AWAY)


def _away(state: State, event: ev.LinkLost | ev.SamplesLost) -> State:
    """While a reader is away, a parent's code may be missed; so may the rise of a tag."""
    names = _by_scan(state) if event.device in state.station.no_reads else set()
    names |= {level.name for level in state.station.packing if level.close_device == event.device}
    return _doubted(state, names, ev.Why.READER_AWAY)


def _by_scan(state: State) -> set[str]:
    return {level.name for level in state.station.packing if level.parent is ParentBy.SCAN}


# ------------------------------------------------------------------ parents and children


def _opened(state: State, event: ev.ParentOpened) -> State:
    state = _decided(state, event)
    before = [each for each in state.packing.open if each.level == event.level]
    sure = event.certainty is ev.Certainty.CERTAIN
    held = before[0].children if event.resumed and before else ()
    known = {child.code for child in held}  # not all, where it was opened without a look-up
    held += tuple(Child(code=code) for code in event.children if code not in known)
    opened = OpenParent(
        level=event.level,
        parent=event.parent,
        product=event.product,
        address=event.address,
        epoch=event.epoch,
        children=held,
        doubts=() if sure else event.why,
        within=event.within,
        latest_ms=event.latest_ms,
    )
    others = tuple(each for each in state.packing.open if each.level != event.level)
    return _with(state, replace(state.packing, open=(*others, opened)))


def _gathered(state: State, event: ev.UnitGathered) -> State:
    (turn,) = [turn for turn in state.packing.turns if turn.address in event.because]
    state = _decided(state, event)
    child = WaitingChild(
        level=event.level,
        code=event.child,
        product=event.product,
        address=turn.address,
        epoch=turn.epoch,
        earliest_ms=event.earliest_ms,
        doubts=event.why,
        other=event.other,
    )
    return _with(state, replace(state.packing, waiting=(*state.packing.waiting, child)))


def _packed(state: State, event: ev.UnitPacked) -> State:
    """The child is in the open parent, and with it what is open and lies within the child."""
    if event.n is not None:
        state = _decided(state, event)
        child = Child(code=event.child, is_sure=event.certainty is ev.Certainty.CERTAIN)
        left = tuple(e for e in state.packing.waiting if e.address not in event.because)
        open_ = tuple(
            replace(each, children=(*each.children, child))
            if (each.level, each.parent) == (event.level, event.parent)
            else each
            for each in state.packing.open
        )
        state = _with(state, replace(state.packing, waiting=left, open=open_))
        state = _taken(state, event.child, event.parent)
    return _moved(state, event.child, (event.parent, *_within(state, event.parent)))


def _installed(state: State, event: ev.ComponentInstalled) -> State:
    return _taken(state, event.component, event.unit)


def _taken(state: State, code: str, home: str) -> State:
    """What waits for its parent and went into another one meanwhile may be in either (D-42)."""
    waiting = tuple(
        replace(each, other=home, doubts=tuple(dict.fromkeys((*each.doubts, _CONFLICT))))
        if each.code == code
        else each
        for each in state.packing.waiting
    )
    return _with(state, replace(state.packing, waiting=waiting))


def _within(state: State, parent: str) -> tuple[str, ...]:
    return next((each.within for each in state.packing.open if each.parent == parent), ())


def _moved(state: State, code: str, within: tuple[str, ...]) -> State:
    """Note what is around each open parent, now that something that may be around it was moved."""
    open_ = tuple(
        replace(each, within=(*chain[1 : chain.index(code) + 1], *within))
        if code in (chain := (each.parent, *each.within))
        else each
        for each in state.packing.open
    )
    return _with(state, replace(state.packing, open=open_))


def _unpacked(state: State, event: ev.UnitUnpacked) -> State:
    state = _decided(state, event)
    open_ = tuple(
        replace(each, children=tuple(c for c in each.children if c.code != event.child))
        if each.parent == event.parent
        else each
        for each in state.packing.open
    )
    waiting = tuple(
        replace(each, other=None, doubts=tuple(w for w in each.doubts if w is not _CONFLICT))
        if each.code == event.child and each.other == event.parent
        else each
        for each in state.packing.waiting
    )
    state = _with(state, replace(state.packing, open=open_, waiting=waiting))
    return _moved(state, event.child, ())


_CONFLICT = ev.Why.CONFLICT


def _closed(state: State, event: ev.ParentClosed) -> State:
    """What is closed may itself go into the next level, as if its code had been read there."""
    state = _decided(state, event) if event.how != "next" else state
    closed = LastClosed(level=event.level, parent=event.parent, latest_ms=event.latest_ms)
    others = tuple(each for each in state.packing.closed if each.level != event.level)
    open_ = tuple(each for each in state.packing.open if each.level != event.level)
    state = _with(state, replace(state.packing, open=open_, closed=(*others, closed)))
    level = state.station.level(event.level)
    if level is None or level.into is None or not event.children:
        return state
    turn = Turn(
        address=event.address,
        epoch=event.epoch,
        means=Means.CHILD.value,
        level=level.into,
        code=event.parent,
        product=event.product,
        device="",
        earliest_ms=event.latest_ms,
        latest_ms=event.latest_ms,
    )
    return _queued(state, turn)


def _dissolved(state: State, event: ev.ParentDissolved) -> State:
    state = _decided(state, event)
    open_ = tuple(each for each in state.packing.open if each.parent != event.parent)
    return _with(state, replace(state.packing, open=open_))


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    """In another boot, what was read then was read long ago (D-91)."""
    if event.time.boot_id == state.run.boot_id:
        return state
    packing = state.packing
    return _with(
        state,
        PackingState(
            turns=tuple(
                replace(each, earliest_ms=LONG_AGO, latest_ms=LONG_AGO) for each in packing.turns
            ),
            open=tuple(replace(each, latest_ms=LONG_AGO) for each in packing.open),
            waiting=tuple(replace(each, earliest_ms=LONG_AGO) for each in packing.waiting),
        ),
    )


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.CodeScanned: _scanned,
    ev.ScanExpired: _expired,
    ev.UnitStarted: _unit_started,
    ev.UnitCompleted: _unit_completed,
    ev.UnitRefused: _declined,
    ev.UnitUnbound: _declined,
    ev.CycleAborted: _declined,
    ev.CycleMissed: _missed,
    ev.CounterReset: _unrecorded,
    ev.InterlockBypassed: _bypassed,
    ev.NoRead: _unread,
    ev.ScanTruncated: _unread,
    ev.CodeRefused: _unread,
    ev.LinkLost: _away,
    ev.SamplesLost: _away,
    ev.ComponentInstalled: _installed,
    ev.ParentOpened: _opened,
    ev.UnitGathered: _gathered,
    ev.UnitPacked: _packed,
    ev.UnitUnpacked: _unpacked,
    ev.ParentClosed: _closed,
    ev.ParentDissolved: _dissolved,
    ev.PackingRefused: _decided,
}
