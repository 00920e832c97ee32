"""Strategy `cycle-then-scan`: the machine has worked, then its unit is scanned (D-23, D-24).

Laws:
    1. The first good scan that may have begun after the cycle's end, and within the window, is the
       unit; the machine is answered when it has come, or when the window is over.
    2. A scan that may as well belong to a cycle before, which ended without a record, leaves the
       cycle unbound with it as the candidate.
    3. The label of the cycle before, read once more within that one's window, may be just that: its
       own is waited for. If none comes the cycle is unbound with that label as the candidate.
    4. A second code before the next cycle ends makes two, also after the answer: what was bound is
       then corrected to either of the two, and nothing shifts by one. It is judged when the next
       trigger rises, for then the cycle before is still known; one of which nobody can tell
       whether it came before that rise corrects the one cycle, and is possible for the other.
    5. A scan that no cycle waits for expires, once the settle has shown that none ended before it.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.core import answering, choosing, pairing
from agent.core import events as ev
from agent.core.draft import Draft
from agent.core.parts import LONG_AGO, Answered, Pending
from agent.core.signals import phase
from agent.core.state import Candidate, Phase, Rise, State, Working
from agent.core.station import Handshake, Station

SECOND_SCAN = "second_scan"
"""Reason of the correction: another code came within the window of a cycle that was bound."""
_WAITING = (Phase.ASKING, Phase.SETTLING, Phase.LOOKING)
_UNSURE = (Phase.BLIND, Phase.TORN)


def wait_ms(station: Station) -> int:
    """Return how long after the cycle's end its scan may come, the settle included."""
    return station.pairing.window_ms + station.pairing.settle_ms


def candidates(state: State, rise: Rise) -> tuple[Candidate, ...]:
    """Return the units that were scanned after a cycle's end, as far as the times can say."""
    last_ms = rise.latest_ms + state.station.pairing.window_ms
    return tuple(
        Candidate(
            unit=pending.code,
            product=pending.product,
            because=(pending.address,),
            doubts=_doubts(state, pending, rise),
        )
        for pending in state.pairing.pending
        if pending.latest_ms >= rise.earliest_ms and pending.earliest_ms <= last_ms
    )


def _doubts(state: State, pending: Pending, rise: Rise) -> tuple[ev.Why, ...]:
    found = list(pending.doubts)
    if pending.epoch != state.epoch:
        found.append(ev.Why.SCAN_BEFORE_RESTART)
    if pending.earliest_ms < rise.latest_ms or rise.earliest_ms == LONG_AGO:
        found.append(ev.Why.ORDER_OF_FACTS)
    if pending.earliest_ms <= state.pairing.unrecorded_ms + state.station.pairing.window_ms:
        found.append(ev.Why.CYCLE_BETWEEN)
    return tuple(dict.fromkeys(found))


def enough(state: State, found: tuple[Candidate, ...]) -> bool:
    """Return whether there is a candidate that is not just the label of the cycle before."""
    return any(not _is_again(state, candidate) for candidate in found)


def _is_again(state: State, candidate: Candidate) -> bool:
    """Whether a scan may be one more reading of a label that was read for the cycle before."""
    return any(
        pending.address in candidate.because
        and pending.code in (answered.unit, *answered.others)
        and pairing.first_ms(pending) <= _last_ms(state, answered)
        for pending in state.pairing.pending
        for answered in state.cycle.answered.values()
    )


def take(draft: Draft, handshake: Handshake, found: tuple[Candidate, ...]) -> None:
    """One scan is the unit, unless it may be of a cycle before (D-23)."""
    is_again = len(found) == 1 and _is_again(draft.state, found[0])
    _either(draft, handshake, found)
    if len(found) == 1 and ev.Why.CYCLE_BETWEEN in found[0].doubts:
        answering.unbind(draft, handshake, found, ev.Why.CYCLE_BETWEEN)
    elif is_again:
        answering.unbind(draft, handshake, found, ev.Why.ORDER_OF_FACTS)
    else:
        choosing.take(draft, handshake, found)


def _either(draft: Draft, handshake: Handshake, found: tuple[Candidate, ...]) -> None:
    """Correct the cycle before, where a scan of this one may as well be a second one of that."""
    rise = answering.judged(draft, handshake).rise
    addresses = {address for candidate in found for address in candidate.because}
    for pending in draft.state.pairing.pending:
        bound = _bound_around(draft.state, handshake, pending)
        may_precede = rise.earliest_ms == LONG_AGO or pending.earliest_ms < rise.latest_ms
        if bound is None or bound.unit == pending.code or pending.address not in addresses:
            continue
        if may_precede:
            _correct(draft, bound, pending, ev.Why.ORDER_OF_FACTS)


# ------------------------------------------------------------------ scans that nobody waits for


def risen(draft: Draft, handshake: Handshake, rise: Rise) -> None:
    """Judge what was scanned before a trigger rose: its cycle does not wait for that.

    A request that was left may come again, and then is the cycle of the rise that it had.
    """
    left = draft.live(handshake.name).left
    rises = [rise.earliest_ms, *([left.rise.earliest_ms] if left is not None else [])]
    for pending in draft.state.pairing.pending:
        if pending.latest_ms < min(rises):
            _spare(draft, pending)


def scanned(draft: Draft) -> None:
    """Judge a scan that was over before the open trigger rose, and came only after that."""
    for handshake in draft.station.handshakes:
        live = draft.live(handshake.name)
        if live.rise is not None and phase(draft.state, draft.working, handshake) in _WAITING:
            risen(draft, handshake, live.snapshot.rise if live.snapshot else live.rise)


def timer(draft: Draft) -> None:
    """Say of each scan that no cycle waits for what becomes of it."""
    for pending in draft.state.pairing.pending:
        due_ms = _due_ms(draft.state, draft.working, pending)
        if due_ms is not None and due_ms <= draft.now_ms:
            _spare(draft, pending)


def _due_ms(state: State, working: Working, pending: Pending) -> int | None:
    """Return when a scan is judged beside the cycles; None: a cycle judges it first."""
    (handshake,) = state.station.handshakes
    stands, live = phase(state, working, handshake), working.live.get(handshake.name)
    if stands in _WAITING:
        return None
    comes_again = live is not None and live.left is not None
    if stands in _UNSURE or comes_again:
        return pending.latest_ms + wait_ms(state.station) + 1
    return pending.latest_ms + state.station.pairing.settle_ms + 1


def _spare(draft: Draft, pending: Pending) -> None:
    """A scan that no cycle waits for: a second one of the cycle before, or one of none."""
    (handshake,) = draft.station.handshakes
    bound = _bound_around(draft.state, handshake, pending)
    if bound is None:
        pairing.expire(draft, pending, ev.ExpiryReason.WINDOW)
    elif pending.code == bound.unit:
        pairing.expire(draft, pending, ev.ExpiryReason.SUPERSEDED)
    else:
        _correct(draft, bound, pending)


def _correct(draft: Draft, answered: Answered, pending: Pending, *doubts: ev.Why) -> None:
    """Say that a bound cycle may be of either of two units."""
    draft.add(
        ev.EventCorrected(
            **draft.head(
                because=(pending.address,),
                certainty=ev.Certainty.POSSIBLE,
                why=(ev.Why.TWO_CANDIDATES, *doubts),
            ),
            supersedes=(answered.address,),
            reason=SECOND_SCAN,
            who=ev.ITSELF,
            candidates=(answered.unit or "", pending.code),
            corrects=ev.UnitCompleted.kind,
            about=answered.unit,
        )
    )


def unsure(draft: Draft) -> None:
    """Over a boot, or a lost history, nobody knows if a scan is a second one of the bound cycle."""
    for pending in draft.state.pairing.pending:
        for answered in draft.state.cycle.answered.values():
            if answered.bound and answered.unit != pending.code:
                _correct(draft, answered, pending)


def _bound_around(state: State, handshake: Handshake, pending: Pending) -> Answered | None:
    """Return the newest cycle, if it is bound and a scan may lie within its window."""
    answered = state.cycle.answered.get(handshake.name)
    if answered is None or not answered.bound or not _within(state, answered, pending):
        return None
    return answered


def _within(state: State, answered: Answered, pending: Pending) -> bool:
    """Whether a scan may lie between the end of an answered cycle and that of its window."""
    is_after = pending.latest_ms >= answered.rise_ms
    return is_after and pending.earliest_ms <= _last_ms(state, answered)


def _last_ms(state: State, answered: Answered) -> int:
    """Return when the window of an answered cycle is over; one of another boot rose before 0."""
    return max(answered.risen_ms, 0) + state.station.pairing.window_ms


def deadlines(state: State, working: Working) -> Iterator[int]:
    """Yield when the next scan is to be judged."""
    for pending in state.pairing.pending:
        due_ms = _due_ms(state, working, pending)
        if due_ms is not None:
            yield due_ms
