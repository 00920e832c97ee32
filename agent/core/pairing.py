"""Which scan belongs to which cycle (D-23 to D-25).

Laws:
    1. Two candidates are never a choice: the cycle is left unbound, and both are spent, so that
       nothing shifts by one.
    2. A scan that never meets a cycle is an event of its own: `scan_expired`.
    3. A scan that was pending when the agent went down binds at most as possible; so does one
       after which a cycle was aborted or missed.
    4. A scan under a refused cycle belongs to that cycle. One of which nobody can tell belongs to
       the next cycle, as possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, auto, unique

from agent.core import events as ev
from agent.core import requests
from agent.core.anew import replace
from agent.core.draft import Draft, Fold
from agent.core.identity.scan_rule import OF_LOTS, Means
from agent.core.parts import LONG_AGO, Answered, BadScan, LastScan, PairingState, Pending
from agent.core.state import Candidate, Live, Rise, State, Working
from agent.core.station import Handshake, Station, Strategy


@unique
class Place(Enum):
    """To which cycle a scan belongs that comes now."""

    REFUSED = auto()
    """To the refused cycle that has just been answered."""
    DOUBTFUL = auto()
    """To that one or to the next: nobody can tell."""
    NEXT = auto()


def seeks_scan(station: Station, handshake: Handshake) -> bool:
    """Return whether this handshake is paired with a scan: the first of the station's."""
    by_tag = len(handshake.code_tags) >= max(1, len(handshake.cavities))
    by_scan = station.pairing.strategy in _BY_SCAN and not by_tag
    return by_scan and handshake.name == station.handshakes[0].name


def last_scan(draft: Draft, device: str) -> LastScan | None:
    """Return the scan that the same code would repeat; None where a cycle ended since (D-34)."""
    last = draft.state.pairing.last_scans.get(device)
    if last is None or draft.station.pairing.strategy is not Strategy.CYCLE_THEN_SCAN:
        return last
    rises = [live.rise for live in draft.working.live.values() if live.rise is not None]
    return None if any(last.latest_ms <= rise.latest_ms for rise in rises) else last


_BY_SCAN = (
    Strategy.SCAN_THEN_CYCLE,
    Strategy.CYCLE_THEN_SCAN,
    Strategy.CARRIER,
    Strategy.MULTI_CAVITY,
)


def waits(station: Station, means: str, device: str) -> bool:
    """Return whether an accepted scan waits for its cycle: a unit's, or a carrier's that it is on.

    What is read at a load or unload point is for the carriers alone, what is read at the ends of a
    queue for the queue.
    """
    pair = station.pairing
    if pair.queue is not None and device in {pair.queue.entry, pair.queue.sync}:
        return False
    if pair.strategy is not Strategy.CARRIER:
        return means == Means.UNIT
    return means == Means.CARRIER and device not in (*pair.load, *pair.unload)


def waits_refused(state: State, working: Working, device: str, scanned_ms: int) -> bool:
    """Return whether a refused code may be all that the next cycle has as its scan (D-85)."""
    station = state.station
    if not any(seeks_scan(station, handshake) for handshake in station.handshakes[:1]):
        return False
    if device in (*station.pairing.load, *station.pairing.unload):
        return False
    return place(state, working, scanned_ms) is not Place.REFUSED


def refused(state: State, handshake: Handshake, rise: Rise) -> tuple[BadScan, ...]:
    """Return the refused codes that a cycle has as its scan, where no other came."""
    if not seeks_scan(state.station, handshake):
        return ()
    pair = state.station.pairing
    is_after = pair.strategy is Strategy.CYCLE_THEN_SCAN
    last_ms = rise.latest_ms + (pair.window_ms if is_after else pair.settle_ms)
    first_ms = _oldest(state, rise)
    return tuple(
        bad for bad in state.pairing.bad if bad.latest_ms >= first_ms and bad.earliest_ms <= last_ms
    )


def is_cycle(station: Station) -> bool:
    """Return whether a scan is the cycle itself, and belongs to no other."""
    return station.pairing.strategy is Strategy.SCAN_ONLY


def place(state: State, working: Working, scanned_ms: int, code: str | None = None) -> Place:
    """Return to which cycle a scan belongs that began at `scanned_ms` (D-24)."""
    if code is not None and _is_inside(state, working, code):
        return Place.DOUBTFUL
    for handshake, answered in _last_answered(state):
        if not seeks_scan(state.station, handshake):
            return Place.NEXT
        if answered.bound:
            return _after_bound(state, answered, scanned_ms)
        live = working.live.get(handshake.name) or Live()
        return _after_refused(state, handshake, answered, live, scanned_ms)
    return Place.NEXT


def _last_answered(state: State) -> Iterator[tuple[Handshake, Answered]]:
    """Yield the first handshake, which scans are paired with, and what was answered there last."""
    for handshake in state.station.handshakes[:1]:
        answered = state.cycle.answered.get(handshake.name)
        if answered is not None:
            yield handshake, answered


def _is_inside(state: State, working: Working, code: str) -> bool:
    """Whether a code is of the unit that is in the machine: its label may be read once more."""
    started = state.cycle.started
    if started is not None and started.unit == code:
        return True
    for handshake, answered in _last_answered(state):
        live = working.live.get(handshake.name)
        if live is not None and live.snapshot is not None:
            return answered.unit == code and requests.answers(state, handshake, live.snapshot)
    return False


def _after_bound(state: State, answered: Answered, scanned_ms: int) -> Place:
    """A scan that began before the trigger rose, and came only after the answer, is in doubt."""
    overlaps = answered.epoch == state.epoch and scanned_ms <= answered.risen_ms
    return Place.DOUBTFUL if overlaps else Place.NEXT


def _after_refused(
    state: State, handshake: Handshake, answered: Answered, live: Live, scanned_ms: int
) -> Place:
    if live.snapshot is not None:
        still = requests.answers(state, handshake, live.snapshot)
        return Place.REFUSED if still else Place.NEXT
    if live.low_ms is None:
        return Place.DOUBTFUL
    if scanned_ms >= live.low_ms + state.station.pairing.late_ms:
        return Place.NEXT
    return Place.REFUSED if answered.epoch == state.epoch else Place.DOUBTFUL


def unit_scanned(draft: Draft, scan: ev.CodeScanned, where: Place) -> None:
    """Settle what an accepted unit scan means for the scans before it and the cycle before it."""
    cavity = _cavity(draft.station, scan)
    for pending in draft.state.pairing.pending:
        if pending.address == scan.address:
            if where is Place.REFUSED:
                expire(draft, pending, ev.ExpiryReason.CYCLE_REFUSED)
        elif (pending.code, pending.cavity) == (scan.code, cavity) and not is_cycle(draft.station):
            expire(draft, pending, ev.ExpiryReason.SUPERSEDED)


def candidates(state: State, rise: Rise) -> tuple[Candidate, ...]:
    """Return the units whose scans may belong to the cycle that began within the rise.

    A scan that met a process which slept is as old as the sleep, or fresh: nobody can tell. It is
    a candidate beside others, and is not certain (FAULTS S08).
    """
    pairing, oldest_ms = state.station.pairing, _oldest(state, rise)
    return tuple(
        Candidate(
            unit=pending.code,
            product=pending.product,
            because=(pending.address,),
            doubts=_doubts(state, pending, rise, oldest_ms),
            since_ms=first_ms(pending),
            begun_ms=pending.latest_ms,
            cavity=pending.cavity,
            is_maybe_old=_is_maybe_old(pending, oldest_ms, pairing.window_ms),
        )
        for pending in state.pairing.pending
        if pending.latest_ms >= oldest_ms
        and pending.earliest_ms <= rise.latest_ms + pairing.settle_ms
    )


def _is_maybe_old(pending: Pending, oldest_ms: int, window_ms: int) -> bool:
    """Whether a scan may be too old: before the window, or as wide as that and none can tell."""
    return pending.earliest_ms < oldest_ms or pending.latest_ms - pending.earliest_ms > window_ms


def first_ms(pending: Pending) -> int:
    """Return since when a unit was there: a label that is scanned again does not begin anew."""
    return pending.earliest_ms if pending.since_ms is None else pending.since_ms


def _oldest(state: State, rise: Rise) -> int:
    """Return the moment before which a scan is too old; an unseen rise is taken at its latest."""
    if state.station.pairing.strategy is Strategy.CYCLE_THEN_SCAN:
        return rise.earliest_ms
    risen_ms = rise.earliest_ms if rise.seen_low else rise.latest_ms
    return risen_ms - state.station.pairing.window_ms


def _doubts(state: State, pending: Pending, rise: Rise, oldest_ms: int) -> tuple[ev.Why, ...]:
    found = list(pending.doubts)
    if pending.epoch != state.epoch:
        found.append(ev.Why.SCAN_BEFORE_RESTART)
    overlaps = pending.latest_ms > rise.earliest_ms or pending.earliest_ms < oldest_ms
    if overlaps or _has_other(state):
        found.append(ev.Why.ORDER_OF_FACTS)
    return tuple(dict.fromkeys(found))


def _has_other(state: State) -> bool:
    """Whether the cycle before took a scan that may be of this one, which then has two (D-24)."""
    return any(answered.early for _, answered in _last_answered(state))


def expire(draft: Draft, pending: Pending, reason: ev.ExpiryReason) -> None:
    """Record that a scan will never meet a cycle."""
    draft.add(
        ev.ScanExpired(**draft.head(because=(pending.address,)), code=pending.code, reason=reason)
    )


def clear(draft: Draft, reason: ev.ExpiryReason) -> None:
    """Give up every scan that waits."""
    for pending in draft.state.pairing.pending:
        expire(draft, pending, reason)


def cycle_declined(draft: Draft, handshake: Handshake, rise: Rise) -> None:
    """Expire what still waits when a cycle was refused or left unbound: nothing shifts by one."""
    if seeks_scan(draft.station, handshake):
        for pending in draft.state.pairing.pending:
            old = pending.latest_ms < _oldest(draft.state, rise)
            reason = ev.ExpiryReason.WINDOW if old else ev.ExpiryReason.CYCLE_REFUSED
            expire(draft, pending, reason)


def timer(draft: Draft) -> None:
    """Expire scans whose window is over and that no open cycle can still take."""
    if _open_cycle(draft.working):
        return
    for pending in draft.state.pairing.pending:
        if _ends_ms(draft.state, pending) <= draft.now_ms:
            expire(draft, pending, ev.ExpiryReason.WINDOW)


def cycle_counted(draft: Draft, rise: Rise) -> None:
    """Expire what was scanned before a cycle whose piece has no identity: it was not for the next.

    What was scanned since its trigger rose may be.
    """
    for pending in draft.state.pairing.pending:
        if pending.latest_ms < rise.earliest_ms:
            expire(draft, pending, ev.ExpiryReason.COUNTED)


def _open_cycle(working: Working) -> bool:
    """Whether a trigger is up, or was and comes again: its cycle judges the scans by its rise."""
    return any(live.rise is not None or live.left is not None for live in working.live.values())


def _ends_ms(state: State, pending: Pending) -> int:
    """Return when a scan is too old even for a trigger that rose just before now."""
    pairing = state.station.pairing
    return pending.latest_ms + pairing.window_ms + pairing.settle_ms + 1


def deadlines(state: State, working: Working) -> Iterator[int]:
    """Yield when the next scan expires."""
    if not _open_cycle(working):
        for pending in state.pairing.pending:
            yield _ends_ms(state, pending)


def started(draft: Draft, *, other_boot: bool, lost: bool) -> None:
    """Expire scans whose age (D-91) or use nobody can know any more."""
    if lost:
        clear(draft, ev.ExpiryReason.HISTORY_LOST)
    elif other_boot:
        clear(draft, ev.ExpiryReason.OTHER_BOOT)


# ------------------------------------------------------------------ fold


def _with(state: State, pairing: PairingState) -> State:
    return replace(state, pairing=pairing)


def _scanned(state: State, event: ev.CodeScanned) -> State:
    last = LastScan(
        address=event.address,
        code=event.code,
        latest_ms=event.latest_ms,
        means=event.means,
        raw=event.raw if event.means in OF_LOTS else None,
    )
    pairing = replace(state.pairing, last_scans={**state.pairing.last_scans, event.device: last})
    if event.means == Means.CANCEL:
        pairing = replace(pairing, bad=())
    if waits(state.station, event.means, event.device):
        pending = Pending(
            address=event.address,
            epoch=event.epoch,
            code=event.code,
            product=event.product,
            earliest_ms=event.earliest_ms,
            latest_ms=event.latest_ms,
            doubts=event.why,
            device=event.device,
            cavity=_cavity(state.station, event),
            nok=_nok(state, event),
        )
        pairing = replace(pairing, pending=(*pairing.pending, pending))
    return _with(state, pairing)


def _nok(state: State, event: ev.CodeScanned) -> str:
    """Return the label that says that the unit is NOK, which waits at its reader; else empty."""
    waiting = state.labels.waiting
    found = [each.address for each in waiting if each.device == event.device]
    return found[-1] if found and is_cycle(state.station) else ""


def _bad(state: State, event: ev.CodeRefused) -> State:
    if not event.waits or event.earliest_ms is None or event.latest_ms is None:
        return state
    bad = BadScan(
        address=event.address,
        device=event.device,
        earliest_ms=event.earliest_ms,
        latest_ms=event.latest_ms,
    )
    others = tuple(each for each in state.pairing.bad if each.device != event.device)
    return _with(state, replace(state.pairing, bad=(*others, bad)))


def _cavity(station: Station, event: ev.CodeScanned) -> str | None:
    """Return the cavity that a scan says it is of (strategy `multi-cavity`)."""
    mark = dict(event.fields).get("cavity")
    named = (each.cavity_of(event.device, mark) for each in station.handshakes)
    return next((name for name in named if name is not None), None)


def _expired(state: State, event: ev.ScanExpired) -> State:
    if event.reason is ev.ExpiryReason.SUPERSEDED:
        state = _handed_on(state, event)
    return _without(state, event.because)


def _handed_on(state: State, event: ev.ScanExpired) -> State:
    """Note in the scan that stands for an older one when that began."""
    old = [p for p in state.pairing.pending if p.address in event.because]
    since_ms = min((first_ms(p) for p in old), default=None)
    pending = tuple(
        replace(p, since_ms=since_ms)
        if since_ms is not None and p.code == event.code and p not in old
        else p
        for p in state.pairing.pending
    )
    return _with(state, replace(state.pairing, pending=pending))


def _without(state: State, addresses: tuple[str, ...]) -> State:
    left = tuple(p for p in state.pairing.pending if p.address not in addresses)
    return _with(state, replace(state.pairing, pending=left))


def _cycle_over(state: State, event: ev.UnitEvent) -> State:
    state = _without(state, event.because)
    return _with(state, replace(state.pairing, last_scans={}, bad=()))


def _aborted(state: State, event: ev.CycleAborted) -> State:
    """The cycle may have used up what waits, if it is the one that scans are paired with."""
    concerned = any(event.handshake == first.name for first in state.station.handshakes[:1])
    return _unrecorded(state, event, None) if concerned else state


def _missed(state: State, event: ev.CycleMissed) -> State:
    return state if event.reason == "torn" else _unrecorded(state, event, event.last_ms)


def _bypassed(state: State, event: ev.InterlockBypassed) -> State:
    """What passed without an answer may have been what was scanned (D-7, D-40)."""
    return state if event.n == 0 else _unrecorded(state, event, event.last_ms)


def _reset(state: State, event: ev.CounterReset) -> State:
    """Nobody knows how many cycles were lost."""
    return _unrecorded(state, event, None)


def _unrecorded(state: State, event: ev.Event, moment_ms: int | None) -> State:
    """Note that a cycle ended without a record: what was scanned, or comes yet, may be its."""
    state = _doubt_before(state, moment_ms)
    return _with(state, replace(state.pairing, unrecorded_ms=event.time.boottime_ms))


def _corrected(state: State, event: ev.EventCorrected) -> State:
    """The scan that led to it is spent, unless it may as well be of the cycle that has it now."""
    if ev.Why.ORDER_OF_FACTS in event.why:
        return state
    return _without(state, event.because)


def _doubt_before(state: State, moment_ms: int | None) -> State:
    """A cycle without a record may have used up what was scanned until then (None: all)."""
    why = ev.Why.CYCLE_BETWEEN
    pending = tuple(
        replace(p, doubts=tuple(dict.fromkeys((*p.doubts, why))))
        if moment_ms is None or p.earliest_ms <= moment_ms
        else p
        for p in state.pairing.pending
    )
    return _with(state, replace(state.pairing, pending=pending))


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    if event.time.boot_id == state.run.boot_id:
        return state
    pending = tuple(
        replace(p, earliest_ms=LONG_AGO, latest_ms=LONG_AGO, since_ms=None)
        for p in state.pairing.pending
    )
    return _with(state, PairingState(pending=pending))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.CodeScanned: _scanned,
    ev.CodeRefused: _bad,
    ev.ScanExpired: _expired,
    ev.UnitStarted: _cycle_over,
    ev.UnitCompleted: _cycle_over,
    ev.UnitRefused: _cycle_over,
    ev.UnitUnbound: _cycle_over,
    ev.CycleCounted: _cycle_over,
    ev.CycleAborted: _aborted,
    ev.CycleMissed: _missed,
    ev.CounterReset: _reset,
    ev.InterlockBypassed: _bypassed,
    ev.EventCorrected: _corrected,
}
