"""Who works here, and on which order (D-60 to D-67).

A badge opens a session; the same badge again closes it; another badge at this single-operator
station closes the one before. Nobody is carried over the end of a shift or a long absence of the
agent, for an open session that outlives the person puts the wrong name on units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from agent.core import events as ev
from agent.core import production, shifts
from agent.core.draft import Draft, Fold
from agent.core.parts import LONG_AGO, PeopleState, Session
from agent.core.state import State

ABSENT_MS = 600_000
"""After so long an absence of the agent, people are asked again (D-60)."""


def badge_scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Open or close a session for the pseudonym that a scan carries."""
    on = draft.state.people.sessions
    if any(session.ref == scan.code for session in on):
        sign_off(draft, ev.SignOffReason.BADGE_OUT, (scan.address,))
        return
    sign_off(draft, ev.SignOffReason.OTHER_BADGE, (scan.address,))
    operator = ev.OperatorRef(ref=scan.code)
    draft.add(ev.OperatorSignedOn(**draft.head(because=(scan.address,)), operator=operator))


def sign_off(draft: Draft, reason: ev.SignOffReason, because: tuple[str, ...] = ()) -> None:
    """Close every open session."""
    for session in draft.state.people.sessions:
        operator = ev.OperatorRef(ref=session.ref, role=session.role)
        draft.add(
            ev.OperatorSignedOff(
                **draft.head(because=(*because, session.address)), operator=operator, reason=reason
            )
        )


def order_named(draft: Draft, order: str | None, because: tuple[str, ...]) -> None:
    """Start the order that a scan or a tag names; None or empty ends the one that runs."""
    running = draft.state.people.order
    if (order or None) == running:
        return
    if running is not None:
        reason = "replaced" if order else "ended"
        draft.add(ev.OrderEnded(**draft.head(because=because), reason=reason))
    if order:
        draft.add(ev.OrderStarted(**(draft.head(because=because) | {"order": order})))


def started(draft: Draft, down_ms: int | None, *, lost: bool) -> None:
    """Close sessions that an absence of unknown or of ten minutes' length has outlived.

    So has one in which a shift ended. Where a part of the history is lost, the end of both session
    and order may be lost with it.
    """
    if lost or down_ms is None or down_ms >= ABSENT_MS or _has_missed_an_end(draft, down_ms):
        sign_off(draft, ev.SignOffReason.RESTART)
    if lost and draft.state.people.order is not None:
        draft.add(ev.OrderEnded(**draft.head(), reason="history_lost"))


def _has_missed_an_end(draft: Draft, down_ms: int) -> bool:
    """Return whether a shift ended while the agent was away, as far as the clock tells."""
    ends, local_ms = draft.station.shift_ends, shifts.local_now(draft.now)
    if not ends or local_ms is None:
        return False
    return shifts.last_end(ends, local_ms) > local_ms - down_ms


def timer(draft: Draft) -> None:
    """Close the sessions whose shift is over, or that nobody has used for long."""
    reason = None
    if _is_shift_over(draft):
        reason = ev.SignOffReason.SHIFT_END
    elif any(limit <= draft.now_ms for limit in _idle_limits(draft.state)):
        reason = ev.SignOffReason.IDLE
    if reason is not None:
        production.flush(draft)
        sign_off(draft, reason)


def deadlines(draft: Draft) -> Iterator[int]:
    """Yield when an open session may end by itself."""
    yield from _idle_limits(draft.state)
    ends = draft.station.shift_ends
    if not ends or not draft.state.people.sessions:
        return
    local_ms, grace_ms = shifts.local_now(draft.now), draft.station.shift_grace_ms
    left_ms = shifts.LOOK_AGAIN_MS
    if local_ms is not None:
        over_ms = shifts.next_end(ends, local_ms - grace_ms) + grace_ms
        left_ms = min(left_ms, over_ms - local_ms)
    yield draft.now_ms + left_ms


def _idle_limits(state: State) -> Iterator[int]:
    idle_ms = state.station.operator_idle_ms
    if idle_ms is not None and state.people.sessions:
        yield state.people.active_ms + idle_ms


def _is_shift_over(draft: Draft) -> bool:
    """Return whether a session's shift ended longer ago than the grace allows (D-60).

    A session that began within the grace before that end is one of the next shift. Where the wall
    clock was not set at its beginning, its age by the boot clock says when that was (D-91).
    """
    ends, local_ms = draft.station.shift_ends, shifts.local_now(draft.now)
    if not ends or local_ms is None:
        return False
    grace_ms = draft.station.shift_grace_ms
    end_ms = shifts.last_end(ends, local_ms - grace_ms)
    return any(
        _since(session, local_ms, draft.now_ms) < end_ms - grace_ms
        for session in draft.state.people.sessions
    )


def _since(session: Session, local_ms: int, now_ms: int) -> int:
    if session.since_local_ms is not None:
        return session.since_local_ms
    return local_ms - (now_ms - session.since_ms)


# ------------------------------------------------------------------ fold


def _with(state: State, people: PeopleState) -> State:
    return replace(state, people=people)


def _active(state: State, event: ev.Event) -> State:
    return _with(state, replace(state.people, active_ms=event.time.boottime_ms))


def _signed_on(state: State, event: ev.OperatorSignedOn) -> State:
    session = Session(
        ref=event.operator.ref,
        role=event.operator.role,
        address=event.address,
        since_local_ms=shifts.local_then(event.time),
        since_ms=event.time.boottime_ms,
    )
    return _with(state, replace(state.people, sessions=(*state.people.sessions, session)))


def _signed_off(state: State, event: ev.OperatorSignedOff) -> State:
    left = tuple(s for s in state.people.sessions if s.ref != event.operator.ref)
    return _with(state, replace(state.people, sessions=left))


def _order_started(state: State, event: ev.OrderStarted) -> State:
    return _with(state, replace(state.people, order=event.order))


def _order_ended(state: State, _event: ev.OrderEnded) -> State:
    return _with(state, replace(state.people, order=None))


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    if event.time.boot_id == state.run.boot_id:
        return state
    return _with(state, replace(state.people, active_ms=LONG_AGO))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.CodeScanned: _active,
    ev.UnitStarted: _active,
    ev.UnitCompleted: _active,
    ev.UnitRefused: _active,
    ev.UnitUnbound: _active,
    ev.OperatorSignedOn: _signed_on,
    ev.OperatorSignedOff: _signed_off,
    ev.OrderStarted: _order_started,
    ev.OrderEnded: _order_ended,
}
