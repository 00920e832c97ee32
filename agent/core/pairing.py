"""Which scan belongs to which cycle (D-23 to D-25).

Laws:
    1. Two candidates are never a choice: the cycle is left unbound, and both are spent, so that
       nothing shifts by one.
    2. A scan that never meets a cycle is an event of its own: `scan_expired`.
    3. A scan that was pending when the agent went down binds at most as possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from agent.core import events as ev
from agent.core.draft import Draft, Fold
from agent.core.state import (
    LONG_AGO,
    Candidate,
    LastScan,
    PairingState,
    Pending,
    Rise,
    State,
    Working,
)
from agent.core.station import Strategy


def unit_scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Settle what an accepted unit scan means for the scans before it and the cycle before it."""
    for older in draft.state.pairing.pending:
        if older.code == scan.code and older.address != scan.address:
            expire(draft, older, ev.ExpiryReason.SUPERSEDED)
    if draft.station.pairing.strategy is not Strategy.SCAN_THEN_CYCLE:
        return
    if _belongs_to_refused(draft, scan):
        for pending in draft.state.pairing.pending:
            if pending.address == scan.address:
                expire(draft, pending, ev.ExpiryReason.CYCLE_REFUSED)


def _belongs_to_refused(draft: Draft, scan: ev.CodeScanned) -> bool:
    """Whether the scan began before a refused cycle's trigger was seen low, plus `late` (D-24)."""
    for name, answered in draft.state.cycle.answered.items():
        live = draft.live(name)
        if answered.bound or answered.epoch != draft.state.epoch or not live.synced:
            continue
        if live.rise is not None and live.snapshot is not None:
            return live.snapshot.id == answered.snapshot
        if live.rise is None and live.low_ms is not None:
            return scan.earliest_ms < live.low_ms + draft.station.pairing.late_ms
    return False


def order_in_doubt(state: State, working: Working) -> bool:
    """Whether a scan now may belong to a refused cycle whose trigger cannot be seen."""
    for name, answered in state.cycle.answered.items():
        live = working.live.get(name)
        if not answered.bound and not (live and live.synced):
            return True
    return False


def candidates(state: State, rise: Rise) -> tuple[Candidate, ...]:
    """Return the units whose scans may belong to the cycle that began within the rise."""
    pairing = state.station.pairing
    found = []
    for pending in state.pairing.pending:
        if pending.latest_ms < _oldest(rise, pairing.window_ms):
            continue
        if pending.earliest_ms > rise.latest_ms + pairing.settle_ms:
            continue
        found.append(
            Candidate(
                unit=pending.code,
                product=pending.product,
                because=(pending.address,),
                doubts=_doubts(state, pending, rise),
                since_ms=pending.earliest_ms,
            )
        )
    return tuple(found)


def _oldest(rise: Rise, window_ms: int) -> int:
    """Return the moment before which a scan is too old; an unseen rise is taken at its latest."""
    risen_ms = rise.latest_ms if rise.earliest_ms == LONG_AGO else rise.earliest_ms
    return risen_ms - window_ms


def _doubts(state: State, pending: Pending, rise: Rise) -> tuple[str, ...]:
    doubts = []
    if pending.epoch != state.epoch:
        doubts.append(ev.Why.SCAN_BEFORE_RESTART.value)
    overlaps = pending.latest_ms > rise.earliest_ms + state.station.pairing.settle_ms
    if pending.doubtful or overlaps:
        doubts.append(ev.Why.ORDER_OF_FACTS.value)
    return tuple(doubts)


def expire(draft: Draft, pending: Pending, reason: ev.ExpiryReason) -> None:
    """Record that a scan will never meet a cycle."""
    draft.add(
        ev.ScanExpired(**draft.head(because=(pending.address,)), code=pending.code, reason=reason)
    )


def cancelled(draft: Draft) -> None:
    """Give up every waiting scan: a cancel code was scanned."""
    for pending in draft.state.pairing.pending:
        expire(draft, pending, ev.ExpiryReason.CANCELLED)


def timer(draft: Draft) -> None:
    """Expire scans whose window is over and that no open cycle can still take."""
    if any(live.rise is not None for live in draft.working.live.values()):
        return  # an open cycle judges them against its own trigger
    for pending in draft.state.pairing.pending:
        if _ends_ms(draft.state, pending) <= draft.now_ms:
            expire(draft, pending, ev.ExpiryReason.WINDOW)


def _ends_ms(state: State, pending: Pending) -> int:
    """Return when a scan is too old even for a trigger that rose just before now."""
    pairing = state.station.pairing
    return pending.latest_ms + pairing.window_ms + pairing.settle_ms + 1


def deadlines(state: State, working: Working) -> Iterator[int]:
    """Yield when the next scan expires."""
    if all(live.rise is None for live in working.live.values()):
        for pending in state.pairing.pending:
            yield _ends_ms(state, pending)


def started(draft: Draft, *, other_boot: bool) -> None:
    """Expire scans whose age nobody can know any more (D-91)."""
    if other_boot:
        for pending in draft.state.pairing.pending:
            expire(draft, pending, ev.ExpiryReason.OTHER_BOOT)


# ------------------------------------------------------------------ fold


def _with(state: State, pairing: PairingState) -> State:
    return replace(state, pairing=pairing)


def _scanned(state: State, event: ev.CodeScanned) -> State:
    last = LastScan(address=event.address, code=event.code, latest_ms=event.latest_ms)
    pairing = replace(state.pairing, last_scans={**state.pairing.last_scans, event.device: last})
    if event.means == "unit":
        pending = Pending(
            address=event.address,
            epoch=event.epoch,
            code=event.code,
            product=event.product,
            earliest_ms=event.earliest_ms,
            latest_ms=event.latest_ms,
            doubtful=event.certainty is ev.Certainty.POSSIBLE,
        )
        pairing = replace(pairing, pending=(*pairing.pending, pending))
    return _with(state, pairing)


def _expired(state: State, event: ev.ScanExpired) -> State:
    return _without(state, event.because)


def _without(state: State, addresses: tuple[str, ...]) -> State:
    left = tuple(p for p in state.pairing.pending if p.address not in addresses)
    return _with(state, replace(state.pairing, pending=left))


def _cycle_over(state: State, event: ev.UnitEvent) -> State:
    state = _without(state, event.because)
    return _with(state, replace(state.pairing, last_scans={}))


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    pairing = state.pairing
    if event.time.boot_id != state.run.boot_id:
        pairing = replace(
            pairing,
            last_scans={},
            pending=tuple(
                replace(p, earliest_ms=LONG_AGO, latest_ms=LONG_AGO) for p in pairing.pending
            ),
        )
    return _with(state, pairing)


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.CodeScanned: _scanned,
    ev.ScanExpired: _expired,
    ev.UnitStarted: _cycle_over,
    ev.UnitCompleted: _cycle_over,
    ev.UnitRefused: _cycle_over,
    ev.UnitUnbound: _cycle_over,
}
