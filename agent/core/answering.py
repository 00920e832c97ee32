"""What a judged cycle becomes: completed, started, refused or unbound, with its answer (D-39)."""

from __future__ import annotations

from typing import Any

from agent.core import events as ev
from agent.core import material
from agent.core.draft import Draft
from agent.core.state import LONG_AGO, Candidate, Live, Rise, Snapshot
from agent.core.station import Handshake, Outcome, Policy
from drivers.base import AskAnswered, Quality, TagValue

DUPLICATES = ("unit_completed",)
"""A unit with one of these here before has already passed."""

SURE_ALL_THE_SAME = {ev.Why.OPERATOR_MISSING, ev.Why.ORDER_MISSING, ev.Why.REQUEST_ID_CONFLICT}
"""What is missing or odd, but leaves no doubt which unit it was."""


def refusal(draft: Draft, handshake: Handshake, candidate: Candidate) -> ev.Why | None:
    """Return why no unit may pass now, whoever it is: operator, order or material missing."""
    station, people = draft.station, draft.state.people
    if station.requires_operator is Policy.REFUSE and not people.sessions:
        return ev.Why.OPERATOR_MISSING
    if station.requires_order is Policy.REFUSE and people.order is None:
        return ev.Why.ORDER_MISSING
    live = draft.live(handshake.name)
    used = _components(draft, live.rise, candidate)
    if material.missing(draft.state, used):
        return ev.Why.COMPONENT_MISSING
    return None


def complete(draft: Draft, handshake: Handshake, candidate: Candidate, answer: AskAnswered) -> None:
    """Bind the cycle to its one candidate, or refuse a duplicate."""
    live = draft.live(handshake.name)
    if answer.seen_kind in DUPLICATES and draft.station.duplicates is Policy.REFUSE:
        refuse(draft, handshake, candidate, ev.Why.DUPLICATE, Outcome.DUPLICATE)
        return
    if not answer.known and draft.station.unknown is Policy.REFUSE:
        refuse(draft, handshake, candidate, ev.Why.KNOWLEDGE_MISSING, Outcome.PREVIOUS_STATION)
        return
    snapshot = live.snapshot
    used = _components(draft, live.rise, candidate) if handshake.name == "end" else ()
    why = [ev.Why(doubt) for doubt in candidate.doubts]
    why += [] if answer.known else [ev.Why.KNOWLEDGE_MISSING]
    why += _missing_people(draft)
    why += [use.why for use in used if use.why is not None]
    result, verdict_why = _verdict(handshake, snapshot)
    why += verdict_why
    if handshake.name == "end":
        outcome = Outcome.STORED_OK if result is ev.Result.OK else Outcome.STORED_NOK
        completed = ev.UnitCompleted(
            **_body(draft, handshake, live, candidate, outcome, why=tuple(dict.fromkeys(why))),
            components=used,
            result=result,
            visit=answer.visits + 1,
            knowledge_as_of=answer.knowledge_as_of,
        )
        material.install(draft, draft.add(completed))
        return
    draft.add(
        ev.UnitStarted(
            **_body(
                draft, handshake, live, candidate, Outcome.STORED_OK, why=tuple(dict.fromkeys(why))
            ),
            knowledge_as_of=answer.knowledge_as_of,
        )
    )


def refuse(
    draft: Draft,
    handshake: Handshake,
    candidate: Candidate | None,
    reason: ev.Why,
    outcome: Outcome,
    *,
    raw: str | None = None,
) -> None:
    """Decline the request with a named reason. At `end` the machine has worked: all is kept."""
    live = draft.live(handshake.name)
    used = _components(draft, live.rise, candidate) if handshake.name == "end" else ()
    draft.add(
        ev.UnitRefused(
            **_body(
                draft,
                handshake,
                live,
                candidate,
                outcome,
                why=(reason,),
                certainty=ev.Certainty.REFUSED,
            ),
            components=used,
            reason=reason,
            raw=raw,
        )
    )


def unbind(
    draft: Draft, handshake: Handshake, found: tuple[Candidate, ...], reason: ev.Why
) -> None:
    """Record a cycle that has no candidate, or several, with all of them (D-25)."""
    live = draft.live(handshake.name)
    used = _components(draft, live.rise, None) if handshake.name == "end" else ()
    every = Candidate(unit="", product=None, because=tuple(b for c in found for b in c.because))
    body = _body(
        draft,
        handshake,
        live,
        every,
        Outcome.UNBOUND,
        why=(reason,),
        certainty=ev.Certainty.POSSIBLE if found else ev.Certainty.REFUSED,
    )
    body["unit"] = None
    candidates = tuple(dict.fromkeys(c.unit for c in found))
    draft.add(ev.UnitUnbound(**body, components=used, candidates=candidates))


def _missing_people(draft: Draft) -> list[ev.Why]:
    why = []
    if draft.station.requires_operator is Policy.RECORD and not draft.state.people.sessions:
        why.append(ev.Why.OPERATOR_MISSING)
    if draft.station.requires_order is Policy.RECORD and draft.state.people.order is None:
        why.append(ev.Why.ORDER_MISSING)
    return why


def _components(
    draft: Draft, rise: Rise | None, candidate: Candidate | None
) -> tuple[ev.ComponentUse, ...]:
    """Return the material of a unit made between the cycle before, or its scan, and the rise."""
    latest_ms = rise.latest_ms if rise else draft.now_ms
    since_ms = candidate.since_ms if candidate else LONG_AGO
    before = [a.rise_ms for a in draft.state.cycle.answered.values()]
    return material.components_used(draft.state, max([since_ms, *before]), latest_ms)


def _verdict(handshake: Handshake, snapshot: Snapshot | None) -> tuple[ev.Result, list[ev.Why]]:
    if handshake.verdict is None or snapshot is None:
        return ev.Result.OK, []
    seen = snapshot.values[handshake.verdict]
    if seen.quality is not Quality.GOOD:
        return ev.Result.NOK, [ev.Why.VERDICT_UNKNOWN]
    return (ev.Result.OK if seen.value else ev.Result.NOK), []


def _body(
    draft: Draft,
    handshake: Handshake,
    live: Live,
    candidate: Candidate | None,
    outcome: Outcome,
    *,
    why: tuple[ev.Why, ...],
    certainty: ev.Certainty | None = None,
) -> dict[str, Any]:
    """Return the fields that all answers to a handshake share."""
    snapshot, rise = live.snapshot, live.rise
    if snapshot is None or rise is None:
        raise AssertionError("only a cycle with its snapshot is answered")
    state = draft.state
    started = state.cycle.started if handshake.name == "end" else None
    if certainty is None:
        unsure = set(why) - SURE_ALL_THE_SAME
        certainty = ev.Certainty.POSSIBLE if unsure else ev.Certainty.CERTAIN
    head = draft.head(
        because=(*(candidate.because if candidate else ()), snapshot.id),
        certainty=certainty,
        why=why,
        source_ms=snapshot.values[handshake.trigger].source_ms,
    )
    return head | {
        "unit": candidate.unit if candidate else None,
        "product": candidate.product if candidate else None,
        "cycle": started.cycle if started else f"c-{state.epoch}-{state.seq + 1}",
        "handshake": handshake.name,
        "generation": snapshot.generation,
        "request": snapshot.request,
        "content": snapshot.content,
        "answer": draft.station.outcome_code(outcome),
        "values": tuple(_value(draft, snapshot.values[tag]) for tag in handshake.values),
        "earliest_ms": rise.earliest_ms,
        "latest_ms": rise.latest_ms,
    }


def _value(draft: Draft, seen: TagValue) -> ev.Value:
    return ev.Value(
        name=seen.tag,
        value=seen.value,
        quality=seen.quality,
        code=seen.code or None,
        measure=draft.station.units.get(seen.tag),
        source_ms=seen.source_ms,
    )
