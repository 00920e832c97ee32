"""Who works here (D-60 to D-67).

A badge opens a session; the same badge again closes it. At a station for one, another badge closes
the session before; at one for several, each closes its own alone. Nobody is carried over the end of
a shift or a long absence of the agent, for an open session that outlives the person puts the wrong
name on units. `presence` says who was there while a unit was made, `orders` on what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.core import events as ev
from agent.core import production, shifts
from agent.core.anew import replace
from agent.core.command import Argument, Command, Facts, Refusal, text
from agent.core.crew import OPERATOR
from agent.core.draft import Draft, Fold
from agent.core.parts import LONG_AGO
from agent.core.people_parts import Gone, PeopleState, Session
from agent.core.state import State
from agent.core.station import Strategy
from drivers.base import CommandGiven

ABSENT_MS = 600_000
"""After so long an absence of the agent, people are asked again (D-60)."""


def is_full(draft: Draft, ref: str) -> bool:
    """Return whether nobody more can sign on; who is on already can always sign off."""
    crew, on = draft.station.crew, draft.state.people.sessions
    return crew.several and len(on) >= crew.most and all(session.ref != ref for session in on)


def badge_scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Open or close a session for the pseudonym that a scan carries."""
    operator = ev.OperatorRef(ref=scan.code, role=scan.role or OPERATOR)
    at = _At((scan.earliest_ms, scan.latest_ms), (scan.address,))
    own = [s for s in draft.state.people.sessions if s.ref == operator.ref]
    if any(session.role == operator.role for session in own):
        _end(draft, own, ev.SignOffReason.BADGE_OUT, at)
        return
    _end(draft, own, ev.SignOffReason.OTHER_ROLE, at)
    if not draft.station.crew.several:
        _end(draft, draft.state.people.sessions, ev.SignOffReason.OTHER_BADGE, at)
    draft.add(
        ev.OperatorSignedOn(
            **draft.head(because=at.because),
            operator=operator,
            earliest_ms=at.between_ms[0],
            latest_ms=at.between_ms[1],
        )
    )


def badge_out(draft: Draft, scan: ev.CodeScanned) -> None:
    """Close every open session: the code for it names nobody."""
    if not draft.state.people.sessions:
        return
    at = _At((scan.earliest_ms, scan.latest_ms), (scan.address,))
    _end(draft, draft.state.people.sessions, ev.SignOffReason.BADGE_OUT, at)


@dataclass(frozen=True, slots=True)
class _At:
    """When a session ended, and what says so."""

    between_ms: tuple[int, int]
    because: tuple[str, ...] = ()
    by: Mapping[str, Any] = field(default_factory=dict)
    """Of a command: who gave it, and why."""


def _end(
    draft: Draft, sessions: Iterable[Session], reason: ev.SignOffReason, at: _At | None = None
) -> None:
    """Close sessions; `at` None: now."""
    at = at or _At((draft.now_ms, draft.now_ms))
    for session in sessions:
        draft.add(
            ev.OperatorSignedOff(
                **draft.head(because=(*at.because, session.address)),
                operator=ev.OperatorRef(ref=session.ref, role=session.role),
                reason=reason,
                earliest_ms=at.between_ms[0],
                latest_ms=at.between_ms[1],
                **at.by,
            )
        )


def sign_off(draft: Draft, given: CommandGiven, _facts: Facts) -> ev.Event | Refusal:
    """Close the sessions that a person names, or every one."""
    name = text(given, "operator")
    found = [s for s in draft.state.people.sessions if s.ref == name or not name]
    if not found:
        whose = f"'{name}' is" if name else "nobody is"
        detail = f"{whose} not signed on" if name else f"{whose} signed on"
        return Refusal(cause=ev.Declined.NOT_SO, detail=detail)
    production.flush(draft)
    by = {"who": given.who, "remark": given.reason}
    at = _At((given.earliest_ms, given.latest_ms), (given.id,), by)
    _end(draft, found, ev.SignOffReason.COMMAND, at)
    return draft.events[-1]


COMMANDS: Mapping[str, Command] = {
    "sign-off": Command(
        about="end the session of a person who is signed on, or of everybody",
        arguments=(
            Argument(name="operator", about="as events name them; else all", is_optional=True),
        ),
        run=sign_off,
    ),
}


def started(draft: Draft, down_ms: int | None, *, lost: bool) -> None:
    """Close sessions that an absence of unknown or of ten minutes' length has outlived.

    So has one in which a shift ended. Where a part of the history is lost, their end may be lost
    with it. Who was on is known up to the absence, and no further.
    """
    on = draft.state.people.sessions
    if lost or down_ms is None or down_ms >= ABSENT_MS or _has_missed_an_end(draft, down_ms):
        left_ms = LONG_AGO if down_ms is None else draft.now_ms - down_ms
        _end(draft, on, ev.SignOffReason.RESTART, _At((left_ms, left_ms)))
    elif len(on) > draft.station.crew.most:
        _end(draft, on, ev.SignOffReason.CONFIG)


def _has_missed_an_end(draft: Draft, down_ms: int) -> bool:
    """Return whether a shift ended while the agent was away, as far as the clock tells."""
    ends, local_ms = draft.station.shift_ends, shifts.local_now(draft.now)
    if not ends or local_ms is None:
        return False
    return shifts.last_end(ends, local_ms) > local_ms - down_ms


def timer(draft: Draft) -> None:
    """Close the sessions whose shift is over, or all that nobody has used for long."""
    over, local_ms = _whose_shift_is_over(draft)
    idle = any(limit <= draft.now_ms for limit in _idle_limits(draft.state))
    if over:
        production.flush(draft)
        _end(draft, over, ev.SignOffReason.SHIFT_END, _At((local_ms, draft.now_ms)))
    if idle:
        production.flush(draft)
        last_ms = draft.state.people.active_ms
        at = _At((last_ms, draft.now_ms))
        _end(draft, draft.state.people.sessions, ev.SignOffReason.IDLE, at)


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


def _whose_shift_is_over(draft: Draft) -> tuple[list[Session], int]:
    """Return whose shift ended longer ago than the grace allows, and when by the boot clock (D-60).

    A session that began within the grace before that end is one of the next shift. Where the wall
    clock was not set at its beginning, its age by the boot clock says when that was (D-91).
    """
    ends, local_ms = draft.station.shift_ends, shifts.local_now(draft.now)
    if not ends or local_ms is None:
        return [], draft.now_ms
    grace_ms = draft.station.shift_grace_ms
    end_ms = shifts.last_end(ends, local_ms - grace_ms)
    over = [
        session
        for session in draft.state.people.sessions
        if _since(session, local_ms, draft.now_ms) < end_ms - grace_ms
    ]
    return over, draft.now_ms - (local_ms - end_ms)


def _since(session: Session, local_ms: int, now_ms: int) -> int:
    if session.since_local_ms is not None:
        return session.since_local_ms
    return local_ms - (now_ms - session.since_ms)


# ------------------------------------------------------------------ fold


def _with(state: State, people: PeopleState) -> State:
    return replace(state, people=people)


def _unit_started(state: State, event: ev.UnitStarted) -> State:
    return _forget(_active(state, event), event.earliest_ms)


def _active(state: State, event: ev.Event) -> State:
    return _with(state, replace(state.people, active_ms=event.time.boottime_ms))


def _signed_on(state: State, event: ev.OperatorSignedOn) -> State:
    now_ms = event.time.boottime_ms
    session = Session(
        ref=event.operator.ref,
        role=event.operator.role,
        address=event.address,
        since_local_ms=shifts.local_then(event.time),
        since_ms=now_ms if event.latest_ms is None else event.latest_ms,
        from_ms=event.earliest_ms,
    )
    return _with(state, replace(state.people, sessions=(*state.people.sessions, session)))


def _signed_off(state: State, event: ev.OperatorSignedOff) -> State:
    now_ms = event.time.boottime_ms
    ended = [s for s in state.people.sessions if s.ref == event.operator.ref]
    gone = tuple(
        Gone(
            ref=session.ref,
            role=session.role,
            from_lo_ms=session.from_lo_ms,
            from_hi_ms=session.since_ms,
            to_lo_ms=now_ms if event.earliest_ms is None else event.earliest_ms,
            to_hi_ms=now_ms if event.latest_ms is None else event.latest_ms,
        )
        for session in ended
    )
    left = tuple(s for s in state.people.sessions if s.ref != event.operator.ref)
    state = _with(state, replace(state.people, sessions=left, gone=(*state.people.gone, *gone)))
    return _forget(state, _oldest_cycle_ms(state, now_ms))


def _forget(state: State, since_ms: int) -> State:
    """Forget who had left before any cycle began that is still to be recorded."""
    since_ms -= state.station.crew.uncertainty_ms
    gone = tuple(each for each in state.people.gone if each.to_hi_ms >= since_ms)
    return _with(state, replace(state.people, gone=gone))


def _oldest_cycle_ms(state: State, now_ms: int) -> int:
    """Return when a cycle that is not recorded yet can have begun at the earliest."""
    if state.cycle.started is not None:
        return state.cycle.started.rise_ms
    if state.station.pairing.strategy is Strategy.COUNT_ONLY:
        counted = state.production.counted
        return counted.at_ms if counted is not None else now_ms
    answered = (each.rise_ms for each in state.cycle.answered.values())
    reach_ms = max(state.station.crew.longest_cycle_ms, state.station.pairing.window_ms)
    return max(now_ms - reach_ms, *answered, LONG_AGO)


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    if event.time.boot_id == state.run.boot_id:
        return state
    people = state.people
    sessions = tuple(replace(s, since_ms=LONG_AGO, from_ms=None) for s in people.sessions)
    gone = tuple(
        replace(
            each,
            from_lo_ms=LONG_AGO,
            from_hi_ms=LONG_AGO,
            to_lo_ms=LONG_AGO,
            to_hi_ms=LONG_AGO,
        )
        for each in people.gone
    )
    return _with(state, replace(people, active_ms=LONG_AGO, sessions=sessions, gone=gone))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.CodeScanned: _active,
    ev.UnitStarted: _unit_started,
    ev.UnitCompleted: _active,
    ev.UnitRefused: _active,
    ev.UnitUnbound: _active,
    ev.CycleCounted: _active,
    ev.OperatorSignedOn: _signed_on,
    ev.OperatorSignedOff: _signed_off,
}
