"""Who was at a station while something was made: every session that meets its interval (D-62).

Theory: a session began and ended within intervals, widened by the station's own uncertainty; so did
the cycle. Who may have been there is named. They are there for certain where their session surely
covers the cycle's end, or surely meets what surely was part of it; the others are `possible`. At a
change-over inside a cycle both are named.

Laws:
    1. Nobody is carried over: a cycle that nobody's session meets has no operator (D-61).
    2. Where nothing says when a cycle began, it began no longer ago than `longest_cycle`: who left
       in the evening is not named with the first unit of the morning.
    3. A need is met by those who were there for certain, and by who may have been and still is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from agent.core import events as ev
from agent.core import requests
from agent.core.crew import Need
from agent.core.draft import Draft
from agent.core.identity.scan_rule import Means
from agent.core.parts import LONG_AGO, Started
from agent.core.people_parts import Gone
from agent.core.state import Candidate, Rise, State
from agent.core.station import Handshake, Station

NONE, POSSIBLE = "none", "possible"
_NEVER = -LONG_AGO


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When something was made."""

    start_ms: int
    """It began no earlier."""
    begun_ms: int | None
    """By when it had begun for sure; None: nobody knows."""
    ends_ms: tuple[int, int]
    """When it ended: within these."""


def met(state: State, span: Span) -> tuple[ev.OperatorRef, ...]:
    """Return who may have been there, each once, with how sure that is."""
    found: dict[tuple[str, str], bool] = {}
    for each in _sessions(state):
        if _may_meet(state.station, each, span):
            key = (each.ref, each.role)
            found[key] = found.get(key, False) or _surely_meets(state.station, each, span)
    return tuple(
        ev.OperatorRef(ref=ref, role=role, certainty=None if sure else ev.Certainty.POSSIBLE)
        for (ref, role), sure in found.items()
    )


def _sessions(state: State) -> Iterable[Gone]:
    """Return the ended sessions, then the open ones as if they would never end."""
    yield from state.people.gone
    for session in state.people.sessions:
        yield Gone(
            ref=session.ref,
            role=session.role,
            from_lo_ms=session.from_lo_ms,
            from_hi_ms=session.since_ms,
            to_lo_ms=_NEVER,
            to_hi_ms=_NEVER,
        )


def _may_meet(station: Station, each: Gone, span: Span) -> bool:
    slack_ms = station.crew.uncertainty_ms
    began = each.from_lo_ms - slack_ms <= span.ends_ms[1]
    return began and each.to_hi_ms + slack_ms >= span.start_ms


def _surely_meets(station: Station, each: Gone, span: Span) -> bool:
    slack_ms = station.crew.uncertainty_ms
    from_ms, to_ms = each.from_hi_ms + slack_ms, each.to_lo_ms - slack_ms
    if from_ms <= span.ends_ms[0] and to_ms >= span.ends_ms[1]:
        return True
    if span.begun_ms is None:
        return False
    return max(from_ms, span.begun_ms) <= min(to_ms, span.ends_ms[0])


# ------------------------------------------------------------------ of a cycle


def of_cycle(
    draft: Draft, handshake: Handshake, candidate: Candidate | None, rise: Rise
) -> tuple[ev.OperatorRef, ...]:
    """Return who was there for a cycle; at `begin`, which asks for what is to come, who is on."""
    state = draft.state
    if not requests.records(state, handshake):
        return draft.on()
    started = _started(state, candidate)
    found = met(state, _span(state, candidate, rise))
    if started is None:
        return found
    began = {(each.ref, each.role) for each in started.operators}
    others = tuple(each for each in found if (each.ref, each.role) not in began)
    return (*started.operators, *others)


def _started(state: State, candidate: Candidate | None) -> Started | None:
    """Return what `begin` let in, if that is what the cycle ends."""
    started = state.cycle.started
    is_it = started is not None and (candidate is None or candidate.unit == started.unit)
    return started if is_it else None


def _span(state: State, candidate: Candidate | None, rise: Rise) -> Span:
    """Return when a unit was worked on here: since `begin`, its scan, or the cycle before."""
    last_ms = rise.latest_ms
    started = _started(state, candidate)
    begun_ms = candidate.begun_ms if candidate is not None and not candidate.doubts else None
    if started is not None:
        start_ms = started.rise_ms
    else:
        before = [answered.rise_ms for answered in state.cycle.answered.values()]
        since_ms = last_ms - state.station.crew.longest_cycle_ms
        if candidate is not None and begun_ms is not None:
            since_ms = candidate.since_ms
        start_ms = max([since_ms, *before])
    start_ms = min(start_ms, last_ms)
    ends_ms = (max(rise.earliest_ms, start_ms), last_ms)
    return Span(start_ms=start_ms, begun_ms=begun_ms, ends_ms=ends_ms)


# ------------------------------------------------------------------ what is said of it


def word(station: Station, found: tuple[ev.OperatorRef, ...]) -> str | None:
    """Return the `operator_state` of an event: `none`, `possible`, or None where it is plain."""
    if found:
        sure = any(each.certainty is None for each in found)
        return None if sure else POSSIBLE
    return NONE if reads_badges(station) else None


def reads_badges(station: Station) -> bool:
    """Return whether people can sign on at all."""
    return any(rule.means is Means.OPERATOR for rule in station.scans)


def lacking(draft: Draft, found: tuple[ev.OperatorRef, ...], *, refuses: bool) -> tuple[str, ...]:
    """Return the roles in which too few were there, of the needs that refuse or of the others."""
    still = {(session.ref, session.role) for session in draft.state.people.sessions}
    there = [each for each in found if each.certainty is None or (each.ref, each.role) in still]
    roles = Counter(each.role for each in there)
    return tuple(
        need.name
        for need in draft.station.crew.needs
        if need.refuses is refuses and _count(need, roles) < need.at_least
    )


def _count(need: Need, roles: Counter[str]) -> int:
    return roles.total() if need.role is None else roles[need.role]
