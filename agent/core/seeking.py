"""Finding the unit of a cycle: by the station's strategy, then by a look-up (D-23 to D-25).

A cycle that has its snapshot ends here in one of four ways: completed or started with its one
candidate, refused for what is missing or wrong, or unbound with all of its candidates.
"""

from __future__ import annotations

from dataclasses import replace

from agent.core import answering, pairing, tagged
from agent.core import events as ev
from agent.core.draft import Draft
from agent.core.state import Candidate, Live, LookupAsk, Rise
from agent.core.station import Handshake, Outcome, Strategy
from drivers.base import AskAnswered


def seek(draft: Draft, handshake: Handshake) -> None:
    """Look for the unit by the station's strategy; wait the settle before saying there is none."""
    live = draft.live(handshake.name)
    if live.snapshot is None:
        raise AssertionError("a unit is sought for a cycle with its snapshot")
    if draft.station.pairing.strategy is Strategy.TAG:
        tagged.seek(draft, handshake, live.snapshot, _chosen)
    elif pairing.seeks_scan(draft.station, handshake):
        _seek_scan(draft, handshake, live, live.snapshot.rise)
    else:
        _take(draft, handshake, _from_begin(draft))


def _seek_scan(draft: Draft, handshake: Handshake, live: Live, rise: Rise) -> None:
    found = pairing.candidates(draft.state, rise)
    settle_ms = rise.latest_ms + draft.station.pairing.settle_ms
    if not found and draft.now_ms < settle_ms:
        draft.set_live(handshake.name, replace(live, settle_ms=settle_ms))
    else:
        draft.set_live(handshake.name, replace(live, settle_ms=None))
        _take(draft, handshake, found)


def settle_due(draft: Draft, handshake: Handshake) -> None:
    """Say that there is no scan, once the settle is over."""
    live = draft.live(handshake.name)
    if live.settle_ms is not None and live.settle_ms <= draft.now_ms:
        seek(draft, handshake)


def seek_again(draft: Draft, handshake: Handshake) -> None:
    """While the look-up runs, a scan may turn out to be a second candidate, or take one back."""
    live = draft.live(handshake.name)
    if live.snapshot is None or not pairing.seeks_scan(draft.station, handshake):
        return
    found = pairing.candidates(draft.state, live.snapshot.rise)
    known = live.candidate.because if live.candidate else ()
    if [candidate.because for candidate in found] != [known]:
        quiet = replace(live, candidate=None, lookup=None, lookup_until_ms=None)
        draft.set_live(handshake.name, quiet)
        seek(draft, handshake)


def _from_begin(draft: Draft) -> tuple[Candidate, ...]:
    started = draft.state.cycle.started
    if started is None:
        return ()
    return (
        Candidate(
            unit=started.unit,
            product=started.product,
            because=(started.address,),
            doubts=started.doubts,
            since_ms=started.rise_ms,
        ),
    )


def _take(draft: Draft, handshake: Handshake, found: tuple[Candidate, ...]) -> None:
    """One candidate is the unit; none and several leave the cycle unbound."""
    if len(found) == 1:
        _chosen(draft, handshake, found[0])
        return
    reason = ev.Why.TWO_CANDIDATES if found else ev.Why.NO_SCAN
    answering.unbind(draft, handshake, found, reason)


def _chosen(draft: Draft, handshake: Handshake, candidate: Candidate) -> None:
    """The unit is known: refuse it for what is missing, or ask whether it was here before."""
    live = draft.live(handshake.name)
    candidate = replace(candidate, doubts=(*candidate.doubts, *live.doubts))
    reason = answering.refusal(draft, handshake, candidate)
    if reason is not None:
        answering.refuse(draft, handshake, candidate, reason, Outcome.NOT_RELEASED)
        return
    ask = LookupAsk(id=draft.ask_id(), unit=candidate.unit, handshake=handshake.name)
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
    if live.candidate is None:
        raise AssertionError("a look-up's answer comes for its candidate")
    draft.set_live(handshake.name, replace(live, lookup=None, lookup_until_ms=None))
    answering.complete(draft, handshake, live.candidate, answer)


def lookup_due(draft: Draft, handshake: Handshake) -> None:
    """Let the station's policy decide when no answer came in time."""
    live = draft.live(handshake.name)
    if live.lookup_until_ms is not None and live.lookup_until_ms <= draft.now_ms:
        looked_up(draft, handshake, None)
