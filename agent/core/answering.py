"""What a judged cycle becomes: completed, started, refused or unbound, with its answer (D-39).

The certainty of a unit event says how sure it is which unit was in this cycle. What the unit was
made from has a certainty of its own in each `ComponentUse`.
"""

from __future__ import annotations

from typing import Any

from agent.core import (
    beginning,
    belonging,
    fitness,
    installing,
    interlock,
    limiting,
    material,
    modes,
    orders,
    pairing,
    parentage,
    presence,
    requests,
)
from agent.core import events as ev
from agent.core.draft import Draft
from agent.core.parts import LONG_AGO, Tracked
from agent.core.state import Candidate, Snapshot
from agent.core.station import By, Handshake, Outcome, Station
from drivers.base import AskAnswered

SURE_ALL_THE_SAME = {
    ev.Why.OPERATOR_MISSING,
    ev.Why.ORDER_MISSING,
    ev.Why.WRONG_PRODUCT,
    ev.Why.LOT_BLOCKED,
    ev.Why.WRONG_PART,
    ev.Why.LOT_EXPIRED,
    ev.Why.CLOCK_UNSYNCED,
    ev.Why.REQUEST_ID_CONFLICT,
    ev.Why.VERDICT_UNKNOWN,
    ev.Why.LIMIT_BREACHED,
    ev.Why.LIMIT_UNKNOWN,
    ev.Why.MODE_UNKNOWN,
    ev.Why.PREVIOUS_UNKNOWN,
    ev.Why.PRODUCT_CHANGED,
    ev.Why.PRODUCT_UNKNOWN,
}
"""What is missing or odd, but leaves no doubt which unit it was."""


def refusal(draft: Draft, handshake: Handshake, candidate: Candidate | None) -> ev.Why | None:
    """Return why no unit may pass now, whoever it is: operator, order or material missing."""
    if _lacking(draft, handshake, candidate, refuses=True):
        return ev.Why.OPERATOR_MISSING
    wrong = orders.refusal(draft, candidate)
    if wrong is not None:
        return wrong
    if belonging.is_refused(draft.state, _made(draft, handshake, candidate)):
        return ev.Why.PRODUCT_UNKNOWN
    fitness.check(draft)
    installing.give_up(draft)
    used = _components(draft, handshake, candidate)
    if material.missing(draft.state, used):
        return ev.Why.COMPONENT_MISSING
    wrong = fitness.refusal(draft.state, used) or installing.refusal(draft, used)
    if candidate is None:
        return wrong
    return wrong or parentage.refusal(draft, handshake, candidate.unit)


def _made(draft: Draft, handshake: Handshake, candidate: Candidate | None) -> tuple[Tracked, ...]:
    return belonging.made(draft.state, handshake, judged(draft, handshake), candidate)


def declined_as(reason: ev.Why) -> Outcome:
    """Return which answer a refusal is: what is in another unit already is a duplicate (D-42)."""
    return Outcome.DUPLICATE if reason is ev.Why.CONFLICT else Outcome.NOT_RELEASED


def complete(
    draft: Draft, handshake: Handshake, candidate: Candidate, answer: AskAnswered | None
) -> None:
    """Bind the cycle to its one candidate, or refuse it for what is known of the unit.

    `answer` None or not known: nobody could say in time whether the unit was here before.
    """
    station, snapshot = draft.station, judged(draft, handshake)
    wrong = interlock.declined(draft.state, handshake, candidate, answer, snapshot)
    if wrong is not None:
        refuse(draft, handshake, candidate, *wrong, answer=answer)
        return
    visits = answer.visits if answer is not None else 0
    lacking = _lacking(draft, handshake, candidate, refuses=False)
    why = [*candidate.doubts, *([ev.Why.OPERATOR_MISSING] if lacking else [])]
    why += orders.doubts(draft, candidate)
    why += belonging.doubts(draft.state, _made(draft, handshake, candidate))
    used = _components(draft, handshake, candidate)
    why += fitness.doubts(draft, used)
    why += interlock.doubts(draft.state, handshake, answer)
    renamed_to = answer.renamed_to if answer is not None else None
    why += [] if modes.named(station, snapshot) != modes.UNKNOWN else [ev.Why.MODE_UNKNOWN]
    known = interlock.evidence(draft.state, handshake, answer)
    if not requests.records(draft.state, handshake):
        beginning.begun_anew(draft, handshake, candidate.unit)
        body = _body(draft, handshake, candidate, Outcome.STORED_OK, why=why)
        started = draft.add(ev.UnitStarted(**body, missing=lacking, **known))
        _conflict(draft, started, renamed_to)
        return
    found = limiting.judgement(station, handshake, snapshot)
    why += found.why
    before = draft.state
    completed = draft.add(
        ev.UnitCompleted(
            **_body(draft, handshake, candidate, _stored(found.result), why=why),
            components=used,
            missing=lacking,
            result=found.result,
            visit=visits + 1,
            **known,
            **_words(station, found),
        )
    )
    installing.install(draft, before, completed)
    _conflict(draft, completed, renamed_to)


def _stored(result: ev.Result | None) -> Outcome:
    return Outcome.STORED_OK if result is ev.Result.OK else Outcome.STORED_NOK


def _words(station: Station, found: limiting.Judgement) -> dict[str, Any]:
    """Return both words that a result may come from, where there are two."""
    if found.limits is None:
        return {}
    return {
        "machine_result": found.machine,
        "limits_result": found.limits,
        "result_by": station.result_by.value,
    }


def _conflict(draft: Draft, event: ev.UnitEvent, new: str | None) -> None:
    """An identity that another one took the place of has come again: say so (D-37)."""
    if new is not None:
        head = draft.head(
            because=(event.address,),
            certainty=ev.Certainty.POSSIBLE,
            why=(ev.Why.IDENTITY_CONFLICT,),
        )
        draft.add(ev.IdentityConflict(**head, unit=event.unit or "", new=new, cycle=event.cycle))


def refuse(
    draft: Draft,
    handshake: Handshake,
    candidate: Candidate | None,
    reason: ev.Why,
    outcome: Outcome,
    *,
    raw: str | None = None,
    because: tuple[str, ...] = (),
    answer: AskAnswered | None = None,
) -> None:
    """Decline the request with a named reason. At `end` the machine has worked: all is kept.

    `because` has what led to it beside the candidate, `answer` what was known of the unit.
    """
    why = [reason, *_repeats(draft, handshake)]
    body = _body(draft, handshake, candidate, outcome, why=why, certainty=ev.Certainty.REFUSED)
    body["because"] = (*because, *body["because"])
    body |= interlock.evidence(draft.state, handshake, answer)
    used = _received(draft, handshake, candidate)
    gaps: tuple[str, ...] = ()
    if reason is ev.Why.COMPONENT_MISSING:
        there = _components(draft, handshake, candidate)
        gaps = material.missing(draft.state, there)  # at `begin` nothing was received yet
    elif reason is ev.Why.OPERATOR_MISSING:
        gaps = _lacking(draft, handshake, candidate, refuses=True)
    draft.add(ev.UnitRefused(**body, components=used, reason=reason, missing=gaps, raw=raw))
    _decline_scans(draft, handshake)


def unbind(
    draft: Draft,
    handshake: Handshake,
    found: tuple[Candidate, ...],
    reason: ev.Why,
    *,
    because: tuple[str, ...] = (),
    outcome: Outcome = Outcome.UNBOUND,
) -> None:
    """Record a cycle that has no candidate, or several, with all of them (D-25).

    `because` has what led to it beside the candidates.
    """
    if reason is ev.Why.NO_SCAN and belonging.is_either(_made(draft, handshake, None)):
        _counted(draft, handshake)
        return
    certainty = ev.Certainty.POSSIBLE if found else ev.Certainty.REFUSED
    why = [reason, *_repeats(draft, handshake)]
    body = _body(draft, handshake, None, outcome, why=why, certainty=certainty)
    led = (*because, *(address for c in found for address in c.because), *body["because"])
    body["because"] = tuple(dict.fromkeys(led))
    used = _received(draft, handshake, None)
    units = tuple(dict.fromkeys(candidate.unit for candidate in found))
    draft.add(ev.UnitUnbound(**body, components=used, candidates=units))
    _decline_scans(draft, handshake)


def _decline_scans(draft: Draft, handshake: Handshake) -> None:
    """Nothing shifts by one; a cavity leaves the scans of its neighbours alone."""
    if draft.live(handshake.name).sharing is None:
        pairing.cycle_declined(draft, handshake, judged(draft, handshake).rise)


def set_aside(draft: Draft, handshake: Handshake) -> bool:
    """Record a cycle whose piece has no identity, or that is no production and is not to be bound.

    The machine goes on by its own verdict; a scan that waited for this cycle is spent with it.
    """
    snapshot, mode = judged(draft, handshake), draft.station.mode
    if mode is None or mode.bind or modes.is_production(draft.station, snapshot):
        is_of_lot = belonging.is_of_lot(_made(draft, handshake, None))
        if is_of_lot:
            _count(draft, handshake)
        return is_of_lot
    judges = requests.records(draft.state, handshake)
    result = limiting.machine_result(handshake, snapshot) if judges else ev.Result.OK
    unbind(draft, handshake, (), ev.Why.NOT_PRODUCTION, outcome=_stored(result))
    return True


def _count(draft: Draft, handshake: Handshake) -> None:
    """Answer a cycle whose piece is one of a lot, unless nothing may be made now."""
    reason = refusal(draft, handshake, None)
    if reason is not None:
        refuse(draft, handshake, None, reason, declined_as(reason))
        return
    pairing.cycle_counted(draft, judged(draft, handshake).rise)
    _counted(draft, handshake)


def _counted(draft: Draft, handshake: Handshake) -> None:
    """Record a cycle whose piece is in a row of the counter (D-29)."""
    station, snapshot = draft.station, judged(draft, handshake)
    lacking = _lacking(draft, handshake, None, refuses=False)
    why = [*([ev.Why.OPERATOR_MISSING] if lacking else []), *orders.doubts(draft, None)]
    why += belonging.doubts(draft.state, _made(draft, handshake, None))
    why += [] if modes.named(station, snapshot) != modes.UNKNOWN else [ev.Why.MODE_UNKNOWN]
    result, words = ev.Result.OK, dict[str, Any]()
    if requests.records(draft.state, handshake):
        found = limiting.judgement(station, handshake, snapshot)
        result, words = found.result, {"result": found.result, **_words(station, found)}
        why += found.why
    body = _body(draft, handshake, None, _stored(result), why=why)
    draft.add(ev.CycleCounted(**body | {"by": By.LOT.value}, **words))


def judged(draft: Draft, handshake: Handshake) -> Snapshot:
    """Return the snapshot of the cycle that is being judged."""
    snapshot = draft.live(handshake.name).snapshot
    if snapshot is None:
        raise AssertionError("only a cycle with its snapshot is answered")
    return snapshot


def outcome(
    draft: Draft, handshake: Handshake, candidate: Candidate, answer: AskAnswered | None
) -> Outcome:
    """Return what a unit would be recorded as, by what is known of it and by the machine."""
    snapshot = judged(draft, handshake)
    wrong = interlock.declined(draft.state, handshake, candidate, answer, snapshot)
    if wrong is not None:
        return wrong[1]
    return _stored(limiting.judgement(draft.station, handshake, snapshot).result)


def _repeats(draft: Draft, handshake: Handshake) -> list[ev.Why]:
    """Return that the request may have been answered before, where nothing tells (D-20)."""
    doubts = draft.live(handshake.name).doubts
    return [ev.Why.REPEAT_POSSIBLE] if ev.Why.REPEAT_POSSIBLE in doubts else []


def shared(draft: Draft, handshake: Handshake) -> tuple[ev.ComponentUse, ...]:
    """Return the material of the units of all cavities, which were made at once."""
    latest_ms, since_ms = judged(draft, handshake).rise.latest_ms, _since_ms(draft, handshake)
    n = len(handshake.cavities)
    return material.components_used(draft.state, since_ms, latest_ms, n=n)


def _attending(
    draft: Draft, handshake: Handshake, candidate: Candidate | None
) -> tuple[ev.OperatorRef, ...]:
    return presence.of_cycle(draft, handshake, candidate, judged(draft, handshake).rise)


def _lacking(
    draft: Draft, handshake: Handshake, candidate: Candidate | None, *, refuses: bool
) -> tuple[str, ...]:
    """Return who must be there and is not (D-62)."""
    if not draft.station.crew.needs:
        return ()
    return presence.lacking(draft, _attending(draft, handshake, candidate), refuses=refuses)


def _received(
    draft: Draft, handshake: Handshake, candidate: Candidate | None
) -> tuple[ev.ComponentUse, ...]:
    """Return the material of a declined cycle: at `begin` the machine has not worked yet."""
    if not requests.records(draft.state, handshake):
        return ()
    return _components(draft, handshake, candidate)


def _components(
    draft: Draft, handshake: Handshake, candidate: Candidate | None
) -> tuple[ev.ComponentUse, ...]:
    """Return the material of a unit made between the cycle before, or its scan, and the rise.

    A scan of which it is not certain that it is this unit's says nothing about when it began.
    """
    for live in draft.working.live.values():
        if live.sharing is not None:
            return live.sharing.components
    since_ms = candidate.since_ms if candidate and not candidate.doubts else LONG_AGO
    unit = candidate.unit if candidate is not None else None
    since_ms = max(since_ms, _since_ms(draft, handshake))
    latest_ms = judged(draft, handshake).rise.latest_ms
    return material.components_used(draft.state, since_ms, latest_ms, unit=unit)


def _since_ms(draft: Draft, handshake: Handshake) -> int:
    """Return when the cycle before rose; where this may be that one again, the one before it."""
    answered = draft.state.cycle.answered
    before = answered.get(handshake.name)
    if before is not None and _repeats(draft, handshake):
        return before.since_ms
    return max((each.rise_ms for each in answered.values()), default=LONG_AGO)


def _body(
    draft: Draft,
    handshake: Handshake,
    candidate: Candidate | None,
    outcome: Outcome,
    *,
    why: list[ev.Why],
    certainty: ev.Certainty | None = None,
) -> dict[str, Any]:
    """Return the fields that all answers to a handshake share."""
    snapshot, state = judged(draft, handshake), draft.state
    started = state.cycle.started if requests.records(state, handshake) else None
    if started is not None and candidate is not None and candidate.unit != started.unit:
        started = None  # the tag says that another unit was in it than `begin` was asked about
    if certainty is None:
        unsure = set(why) - SURE_ALL_THE_SAME
        certainty = ev.Certainty.POSSIBLE if unsure else ev.Certainty.CERTAIN
    trigger = snapshot.values.get(handshake.trigger)
    head = draft.head(
        because=tuple(dict.fromkeys((*(candidate.because if candidate else ()), snapshot.id))),
        certainty=certainty,
        why=tuple(dict.fromkeys(why)),
        source_ms=trigger.source_ms if trigger is not None else None,
    )
    attending = _attending(draft, handshake, candidate)
    body = {
        "operators": attending,
        "operator_state": presence.word(draft.station, attending),
        "unit": candidate.unit if candidate else None,
        **belonging.fields(draft, handshake, snapshot, candidate),
        "cycle": started.cycle if started else f"c-{state.epoch}-{state.seq + 1}",
        "handshake": handshake.name,
        "generation": snapshot.generation,
        "request": snapshot.request,
        "content": snapshot.content,
        "count": snapshot.count,
        "mode": modes.named(draft.station, snapshot),
        "answer": draft.station.outcome_code(outcome),
        "values": tuple(
            limiting.recorded(draft.station, handshake, snapshot, tag) for tag in handshake.values
        ),
        "earliest_ms": snapshot.rise.earliest_ms,
        "latest_ms": snapshot.rise.latest_ms,
    }
    sharing = draft.live(handshake.name).sharing
    if sharing is not None:
        body |= {
            "cavity": sharing.cavity,
            "cycle": sharing.cycle,
            "answer": draft.station.outcome_code(sharing.outcome),
        }
    return head | body
