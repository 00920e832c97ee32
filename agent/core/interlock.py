"""May this unit be processed here, by what is known of it beyond the state (D-38 to D-41).

The unit itself is judged by its look-up: is it scrap, was it here before, did the stations before
this one complete it, is it blocked. A station with `begin` asks there where it has been; at `end`
the machine has worked, and only what the unit is now counts.
"""

from __future__ import annotations

from typing import Any

from agent.core import events as ev
from agent.core import fitness, modes, orders
from agent.core.draft import Draft
from agent.core.state import Candidate, LookupAsk, Snapshot, State
from agent.core.station import Handshake, Outcome, Policy
from drivers.base import AskAnswered, PreviousSeen

Wrong = tuple[ev.Why, Outcome]
"""Why a unit may not pass, and which answer that is."""


def ask(draft: Draft, handshake: Handshake, unit: str) -> LookupAsk:
    """Return the question about a unit, and about what is on the positions now."""
    lots = fitness.names_on(draft.state)
    return LookupAsk(id=draft.ask_id(), unit=unit, handshake=handshake.name, lots=lots)


def declined(
    state: State,
    handshake: Handshake,
    candidate: Candidate,
    answer: AskAnswered | None,
    snapshot: Snapshot,
) -> Wrong | None:
    """Return why a unit may not be recorded by what is known of it, None where it may.

    The worst comes first: scrap, then a duplicate, the stations before, a block, an order that has
    its quantity. None or not known: nobody could say in time.
    """
    station = state.station
    is_production = modes.is_production(station, snapshot)
    wrong = _by_answer(state, handshake, answer, is_production=is_production)
    wrong = wrong or _blocked(state, candidate, answer)
    if wrong is None and is_production and orders.is_full(state, candidate.unit, answer):
        return ev.Why.ORDER_REACHED, Outcome.NOT_RELEASED
    return wrong


def _by_answer(
    state: State, handshake: Handshake, answer: AskAnswered | None, *, is_production: bool
) -> Wrong | None:
    """Return what the look-up has against the unit, blocks aside."""
    station = state.station
    if answer is None or not answer.known:
        unknown = station.unknown is Policy.REFUSE
        return (ev.Why.KNOWLEDGE_MISSING, Outcome.PREVIOUS_STATION) if unknown else None
    if answer.scrapped:
        return ev.Why.SCRAPPED, Outcome.NOT_RELEASED
    if not is_production:
        return None
    again = answer.reworked or (station.retests and answer.done_result == ev.Result.NOK.value)
    if answer.visits and station.duplicates is Policy.REFUSE and not again:
        return ev.Why.DUPLICATE, Outcome.DUPLICATE
    if station.rework_limit is not None and answer.visits > station.rework_limit:
        return ev.Why.REWORK_LIMIT, Outcome.NOT_RELEASED
    return _before(state, handshake, answer)


def _before(state: State, handshake: Handshake, answer: AskAnswered) -> Wrong | None:
    """Return what a station before this one has against the unit; the first one that has."""
    if not asks_before(state, handshake):
        return None
    for seen in _asked(state, answer):
        why = _of(seen)
        if why is not None and (
            why is not ev.Why.PREVIOUS_UNKNOWN or state.station.unknown is Policy.REFUSE
        ):
            return why, Outcome.PREVIOUS_STATION
    return None


def asks_before(state: State, handshake: Handshake) -> bool:
    """Return whether the stations before count at this handshake: the first, or the only one."""
    first = [each.name for each in state.station.handshakes[:1]]
    return first in ([], [handshake.name])


def _asked(state: State, answer: AskAnswered) -> tuple[PreviousSeen, ...]:
    """Return what each station before this one says; one of which nothing is said is not known."""
    said = {seen.station: seen for seen in answer.previous}
    unknown = (PreviousSeen(station=path, known=False) for path in state.station.previous)
    return tuple(said.get(seen.station, seen) for seen in unknown)


def _of(seen: PreviousSeen) -> ev.Why | None:
    if not seen.known:
        return ev.Why.PREVIOUS_UNKNOWN
    if seen.address is None:
        return ev.Why.PREVIOUS_MISSING
    if seen.result != ev.Result.OK.value:
        return ev.Why.PREVIOUS_NOK
    return None if seen.certain else ev.Why.PREVIOUS_UNKNOWN


def _blocked(state: State, candidate: Candidate, answer: AskAnswered | None) -> Wrong | None:
    """Return whether the unit is blocked, or, at another station, what is on a position here."""
    elsewhere = frozenset(answer.blocked if answer is not None else ())
    names = {candidate.unit, *(answer.names if answer is not None else ())}
    if names & elsewhere or any(fitness.is_blocked(state, name) for name in names):
        return ev.Why.UNIT_BLOCKED, Outcome.NOT_RELEASED
    if fitness.holds(state, elsewhere, refusing=True):
        return ev.Why.LOT_BLOCKED, Outcome.NOT_RELEASED
    return None


def doubts(state: State, handshake: Handshake, answer: AskAnswered | None) -> list[ev.Why]:
    """Return what a recorded unit must say of what was not known, or is only recorded so."""
    if answer is None or not answer.known:
        return [ev.Why.KNOWLEDGE_MISSING]
    found = [] if answer.renamed_to is None else [ev.Why.IDENTITY_CONFLICT]
    if asks_before(state, handshake):
        said = [_of(seen) for seen in _asked(state, answer)]
        found += [why for why in said if why is ev.Why.PREVIOUS_UNKNOWN]
    if fitness.holds(state, frozenset(answer.blocked), refusing=False):
        found.append(ev.Why.LOT_BLOCKED)
    return found


def evidence(state: State, handshake: Handshake, answer: AskAnswered | None) -> dict[str, Any]:
    """Return what an event says of what was known."""
    if answer is None or not answer.known:
        return {}
    previous = _asked(state, answer) if asks_before(state, handshake) else ()
    return {
        "knowledge_as_of": answer.knowledge_as_of,
        "knowledge_since": answer.knowledge_since,
        "previous": tuple(
            ev.PreviousStation(
                station=seen.station,
                address=seen.address,
                result=seen.result,
                knowledge_as_of=seen.as_of,
                incomplete=True if seen.as_of is not None and not seen.known else None,
            )
            for seen in previous
        ),
    }
