"""Strategy `fifo`: a reader upstream, and parts that keep their order to the station (D-26, D-27).

Theory: every part that passes the reader joins the queue, also one that could not be read, unless a
gate takes that out. The cycle at the station takes the head. Between two sync points nothing proves
the order: one part that was taken off by hand shifts every following binding by one, and each looks
perfect. So the length is judged at every cycle, and the sensors where there are some.

Laws:
    1. Only a queue that is known to be in order binds; else the cycle is unbound with every part of
       the queue as a candidate.
    2. On one mismatch everything that was bound since the last sync point is corrected, for nobody
       knows when it began (D-26, D-143).
    3. A restart of the agent, a cycle that was refused or has no record, or an absence of the
       reader loses the order until sensors confirm the count; a mismatch or a restart of the PLC,
       until the line is clear or a second reader finds a part of the queue (D-27).
    4. What may have entered just now counts either way, and a mismatch waits for the settle (D-24).
    5. What a mismatch would correct is kept in mind for so many units; of those before them nobody
       could say any more that they were wrong, so they are corrected to possible ones beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.core import answering, choosing, requests
from agent.core import events as ev
from agent.core.anew import replace
from agent.core.counting import whole
from agent.core.draft import Draft, Fold
from agent.core.identity.rules import Means
from agent.core.parts import Queued, QueueState
from agent.core.state import Candidate, Reading, Snapshot, State
from agent.core.station import Handshake, Queue
from drivers.base import ValuesSeen

_BY_COUNT = (None, ev.QueueLoss.RESTART, ev.QueueLoss.CONFIG_CHANGED)
"""Of these losses the count can say that the order holds."""
MISMATCH, UNPROVEN = "queue_mismatch", "queue_unproven"
"""Reasons of the corrections."""
MOST_UNPROVEN = 1_000
"""How many units may be bound, and stay certain, before something proves the order."""


def _queue(state: State) -> Queue:
    queue = state.station.pairing.queue
    if queue is None:
        raise AssertionError("`fifo` declares its queue")
    return queue


# ------------------------------------------------------------------ at the station


def seek(draft: Draft, handshake: Handshake, snapshot: Snapshot) -> None:
    """Take the head of the queue, if the queue can be as it is known to be."""
    if len(draft.state.queue.since) >= MOST_UNPROVEN:
        _correct(draft, draft.state.queue.since[: MOST_UNPROVEN // 2], UNPROVEN, snapshot.id)
    parts, queue = draft.state.queue.parts, _queue(draft.state)
    settle_ms = draft.station.pairing.settle_ms
    risen_ms = snapshot.rise.latest_ms
    fresh = sum(part.latest_ms > risen_ms - settle_ms for part in parts)
    low, high = len(parts) - fresh, len(parts)
    sensed = snapshot.values.get(handshake.inside or "")
    inside = whole(sensed.value) if sensed is not None else None
    fits = high >= queue.fewest and low <= queue.most
    fits = fits and (inside is None or low <= inside <= high)
    by_count = draft.state.queue.lost in _BY_COUNT
    if by_count and not fits and draft.now_ms < risen_ms + settle_ms:
        live = draft.live(handshake.name)
        draft.set_live(handshake.name, replace(live, settle_ms=risen_ms + settle_ms))
        return
    draft.set_live(handshake.name, replace(draft.live(handshake.name), settle_ms=None))
    if not fits:
        _mismatch(draft, snapshot.id)
    elif inside is not None and by_count and not fresh:
        _synced(draft, ev.QueueSync.COUNT, draft.state.queue.parts, snapshot.id)
    _take(draft, handshake)
    if not by_count and inside == 1 and not fresh:  # its own part alone: what is known is gone
        _synced(draft, ev.QueueSync.CLEAR, (), snapshot.id)


def _take(draft: Draft, handshake: Handshake) -> None:
    queue = draft.state.queue
    found = tuple(_candidate(part) for part in queue.parts if part.unit is not None)
    if queue.lost is not None:
        answering.unbind(draft, handshake, found, ev.Why.QUEUE_LOST)
    elif queue.parts[0].unit is None:
        answering.unbind(draft, handshake, (), ev.Why.NO_SCAN, because=(queue.parts[0].address,))
    else:
        choosing.take(draft, handshake, found[:1])


def _candidate(part: Queued) -> Candidate:
    return Candidate(unit=part.unit or "", product=part.product, because=(part.address,))


# ------------------------------------------------------------------ sync points


def scanned(draft: Draft) -> None:
    """Let the second reader say which part is at the head."""
    sync = _queue(draft.state).sync
    for scan in [event for event in draft.events if isinstance(event, ev.CodeScanned)]:
        if scan.means == Means.UNIT and scan.device == sync:
            _found(draft, scan)


def _found(draft: Draft, scan: ev.CodeScanned) -> None:
    parts = draft.state.queue.parts
    at = next((place for place, part in enumerate(parts) if part.unit == scan.code), None)
    if at != 0 and draft.state.queue.lost is None:
        _mismatch(draft, scan.address)
    if at is not None:
        _synced(draft, ev.QueueSync.READER, parts[at:], scan.address)


def seen(draft: Draft, values: ValuesSeen) -> None:
    """Let the tag that says the line is clear empty the queue."""
    clear = _queue(draft.state).clear
    reading = draft.working.readings.get(clear or "")
    if clear in {value.tag for value in values.values} and reading is not None and reading.good:
        _cleared(draft, reading, values.id)


def _cleared(draft: Draft, reading: Reading, because: str) -> None:
    """What was inside for longer than a scan can be on its way is not there any more."""
    since_ms = reading.earliest_ms - draft.station.pairing.settle_ms
    queue = draft.state.queue
    left = tuple(part for part in queue.parts if part.latest_ms > since_ms)
    if left != queue.parts and (queue.lost is None or queue.since):
        _mismatch(draft, because)
    if draft.state.queue.lost is not None or queue.since:
        _synced(draft, ev.QueueSync.CLEAR, left, because)


def _mismatch(draft: Draft, because: str) -> None:
    """Say that the order is lost, and correct what was bound since the last sync point."""
    bound = draft.state.queue.since
    units = tuple(part.unit for part in draft.state.queue.parts if part.unit is not None)
    if draft.state.queue.lost != ev.QueueLoss.MISMATCH:
        head = draft.head(because=(because,))
        draft.add(ev.QueueLost(**head, reason=ev.QueueLoss.MISMATCH, units=units))
    if bound:
        _correct(draft, bound, MISMATCH, because)


def _correct(draft: Draft, bound: tuple[str, ...], reason: str, because: str) -> None:
    """Say of what was bound by the order that it is not certain any more."""
    draft.add(
        ev.EventCorrected(
            **draft.head(
                because=(because,),
                certainty=ev.Certainty.POSSIBLE,
                why=(ev.Why.QUEUE_LOST,),
            ),
            supersedes=bound,
            reason=reason,
            who=ev.ITSELF,
            corrects=ev.UnitCompleted.kind,
        )
    )


def _synced(draft: Draft, how: ev.QueueSync, parts: tuple[Queued, ...], because: str) -> None:
    """Note a sync point; one that says nothing new is no event."""
    queue = draft.state.queue
    if queue.lost is None and not queue.since and parts == queue.parts:
        return
    draft.add(
        ev.QueueSynced(
            **draft.head(because=(because,)),
            how=how,
            scans=tuple(part.address for part in parts),
        )
    )


# ------------------------------------------------------------------ fold


def _with(state: State, queue: QueueState) -> State:
    return replace(state, queue=queue)


def _entered(state: State, event: ev.CodeScanned) -> State:
    if event.means != Means.UNIT or not _is_entry(state, event.device):
        return state
    part = Queued(
        address=event.address,
        unit=event.code,
        product=event.product,
        latest_ms=event.latest_ms,
    )
    return _with(state, replace(state.queue, parts=(*state.queue.parts, part)))


def _unread(state: State, event: ev.NoRead | ev.CodeRefused | ev.ScanTruncated) -> State:
    """A part that could not be read is in the queue all the same, unless a gate takes it out."""
    queue = state.station.pairing.queue
    if queue is None or not _is_entry(state, event.device) or queue.gate:
        return state
    part = Queued(address=event.address, unit=None, product=None, latest_ms=event.time.boottime_ms)
    return _with(state, replace(state.queue, parts=(*state.queue.parts, part)))


def _is_entry(state: State, device: str) -> bool:
    queue = state.station.pairing.queue
    return queue is not None and queue.entry == device


def _cycle_over(state: State, event: ev.UnitEvent) -> State:
    """The head has left the queue; what it was bound to stands on the order.

    A refused part may be asked about again, and a cycle that is no production may have had none.
    """
    if ev.Why.NOT_PRODUCTION in event.why:
        return _doubt(state)
    if isinstance(event, ev.UnitRefused):
        state = _doubt(state)
    queue = state.queue
    since = queue.since
    if isinstance(event, ev.UnitCompleted) and state.station.pairing.queue is not None:
        since = (*since, event.address)
    return _with(state, replace(queue, parts=queue.parts[1:], since=since))


def _lost(state: State, event: ev.QueueLost) -> State:
    return _with(state, replace(state.queue, lost=event.reason))


def _corrected(state: State, event: ev.EventCorrected) -> State:
    left = tuple(address for address in state.queue.since if address not in event.supersedes)
    return _with(state, replace(state.queue, since=left))


def _in_order(state: State, event: ev.QueueSynced) -> State:
    parts = tuple(part for part in state.queue.parts if part.address in event.scans)
    return _with(state, QueueState(parts=parts, lost=None))


def _doubt(state: State) -> State:
    """Something may have happened to the queue that nobody saw: the count may still confirm it."""
    if state.queue.lost is not None or state.station.pairing.queue is None:
        return state
    return _with(state, replace(state.queue, lost=ev.QueueLoss.RESTART))


def _doubted(state: State, _event: ev.Event) -> State:
    return _doubt(state)


def _reader_away(state: State, event: ev.LinkLost | ev.SamplesLost) -> State:
    return _doubt(state) if _is_entry(state, event.device) else state


def _aborted(state: State, event: ev.CycleAborted) -> State:
    if event.reason == requests.PLC_RESTARTED and state.station.pairing.queue is not None:
        return _with(state, replace(state.queue, lost=ev.QueueLoss.PLC_RESTARTED))
    return _doubt(state)


def _missed(state: State, event: ev.CycleMissed) -> State:
    return state if event.reason == "torn" else _doubt(state)


def _bypassed(state: State, event: ev.InterlockBypassed) -> State:
    """Parts left without a record (D-40)."""
    return state if event.n == 0 else _doubt(state)


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    """A part may have entered or left meanwhile; and in another boot no scan is fresh (D-91)."""
    state = _doubt(state)
    if event.time.boot_id == state.run.boot_id:
        return state
    parts = tuple(replace(part, latest_ms=0) for part in state.queue.parts)
    return _with(state, replace(state.queue, parts=parts))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.HistoryLost: _doubted,
    ev.CodeScanned: _entered,
    ev.NoRead: _unread,
    ev.CodeRefused: _unread,
    ev.ScanTruncated: _unread,
    ev.UnitCompleted: _cycle_over,
    ev.UnitRefused: _cycle_over,
    ev.UnitUnbound: _cycle_over,
    ev.QueueLost: _lost,
    ev.QueueSynced: _in_order,
    ev.EventCorrected: _corrected,
    ev.LinkLost: _reader_away,
    ev.SamplesLost: _reader_away,
    ev.CycleAborted: _aborted,
    ev.CycleMissed: _missed,
    ev.CounterReset: _doubted,
    ev.InterlockBypassed: _bypassed,
}
