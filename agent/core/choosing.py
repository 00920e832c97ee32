"""From the candidates of a cycle to its answer: one is the unit, none or several leave it unbound.

The one candidate is judged: refused for what is missing, else looked up, for it may have been here
before. Every strategy ends here, however it finds its candidates (D-25).
"""

from __future__ import annotations

from agent.core import answering, cavities, interlock, pairing
from agent.core import events as ev
from agent.core.anew import replace
from agent.core.draft import Draft
from agent.core.state import Candidate, Snapshot
from agent.core.station import Handshake, Outcome
from drivers.base import AskAnswered


def take(draft: Draft, handshake: Handshake, found: tuple[Candidate, ...]) -> None:
    """One candidate is the unit; none and several leave the cycle unbound.

    A cycle that had only a refused code as its scan is refused with it (D-39, D-85). A scan that
    may have come before the window is bound to nothing: it is to be scanned again (FAULTS S08).
    """
    if len(found) == 1 and found[0].is_maybe_old:
        answering.unbind(draft, handshake, found, ev.Why.ORDER_OF_FACTS)
        return
    if len(found) == 1:
        chosen(draft, handshake, found[0])
        return
    bad = pairing.refused(draft.state, handshake, answering.judged(draft, handshake).rise)
    if bad and not found:
        because = tuple(scan.address for scan in bad)
        why = ev.Why.BAD_CODE
        answering.refuse(draft, handshake, None, why, Outcome.BAD_CODE, because=because)
        return
    reason = ev.Why.TWO_CANDIDATES if found else ev.Why.NO_SCAN
    answering.unbind(draft, handshake, found, reason)


def from_begin(draft: Draft, handshake: Handshake, _snapshot: Snapshot) -> None:
    """Take the unit that `begin` let in."""
    started = draft.state.cycle.started
    if started is None:
        take(draft, handshake, ())
        return
    candidate = Candidate(
        unit=started.unit,
        product=started.product,
        because=(started.address,),
        doubts=started.doubts,
        since_ms=started.rise_ms,
    )
    take(draft, handshake, (candidate,))


def chosen(draft: Draft, handshake: Handshake, candidate: Candidate) -> None:
    """The unit is known: refuse it for what is missing, or ask whether it was here before."""
    live = draft.live(handshake.name)
    candidate = replace(candidate, doubts=(*candidate.doubts, *live.doubts))
    reason = answering.refusal(draft, handshake, candidate)
    if reason is not None:
        answering.refuse(draft, handshake, candidate, reason, answering.declined_as(reason))
        return
    ask = interlock.ask(draft, handshake, candidate.unit)
    draft.asks.append(ask)
    draft.set_live(
        handshake.name,
        replace(
            live,
            candidate=candidate,
            lookup=ask.id,
            lookup_until_ms=draft.now_ms + draft.station.lookup_within_ms,
        ),
    )


def looked_up(draft: Draft, handshake: Handshake, answer: AskAnswered | None) -> None:
    """Answer the cycle by what the look-up says; None: it said nothing in time (D-41)."""
    live = draft.live(handshake.name)
    if live.seats:
        cavities.looked_up(draft, handshake, answer)
        return
    if live.candidate is None:
        raise AssertionError("a look-up's answer comes for its candidate")
    draft.set_live(handshake.name, replace(live, lookup=None, lookup_until_ms=None))
    answering.complete(draft, handshake, live.candidate, answer)


def lookup_due(draft: Draft, handshake: Handshake) -> None:
    """Let the station's policy decide when no answer came in time."""
    live = draft.live(handshake.name)
    if live.lookup_until_ms is not None and live.lookup_until_ms <= draft.now_ms:
        looked_up(draft, handshake, None)
