"""Strategy `carrier`: a pallet or nest is read at the machine, and says which unit it bears (D-28).

Theory: at the load point the carrier is read first and then its unit, within the window; that is
their association, until the carrier, or the unit, is read at an unload point. A carrier's id is
used again and again: it names a unit only inside an association. An empty carrier is a state.

Laws:
    1. A cycle is bound through exactly one open association that nothing contradicts.
    2. Loading a loaded carrier closes nothing: both units are possible from then on, the conflict
       is told, and a cycle on that carrier is unbound until it is unloaded.
    3. An association that may have changed during the cycle binds nothing (D-23).
    4. What was loaded before a restart, or before a reader was away or could not read, is possible:
       a change may have been missed. That a loaded carrier is loaded again, unread at both points,
       nobody can see.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.core import answering, choosing, pairing, scanning
from agent.core import events as ev
from agent.core.anew import replace
from agent.core.draft import Draft, Fold
from agent.core.identity.rules import Identified, Means
from agent.core.parts import LONG_AGO, CarrierState, Loading, Mounted
from agent.core.state import Candidate, Rise, Snapshot, State
from agent.core.station import Handshake, Outcome

# ------------------------------------------------------------------ at the load and unload points


def scanned(draft: Draft) -> None:
    """Let a code at a load or unload point marry or divorce a carrier and a unit."""
    for scan in [event for event in draft.events if isinstance(event, ev.CodeScanned)]:
        if scan.device in draft.station.pairing.unload:
            _unload(draft, scan)
        elif scan.means == Means.UNIT:
            _load(draft, scan)
    if any(isinstance(event, _CHANGES) for event in draft.events):
        _look_again(draft)


_CHANGES = (ev.CarrierLoaded, ev.CarrierUnloaded)


def _load(draft: Draft, scan: ev.CodeScanned) -> None:
    loading, window_ms = draft.state.carriers.loading, draft.station.pairing.window_ms
    here = scan.device in draft.station.pairing.load
    if not here or loading is None or scan.earliest_ms > loading.latest_ms + window_ms:
        _expire(draft, scan, ev.ExpiryReason.WINDOW)
        return
    mounted = mounted_on(draft.state, loading.carrier)
    if any(each.unit == scan.code and loading.address in each.because for each in mounted):
        _expire(draft, scan, ev.ExpiryReason.SUPERSEDED)
        return
    why = [] if loading.epoch == draft.state.epoch else [ev.Why.SCAN_BEFORE_RESTART]
    why += [ev.Why.ORDER_OF_FACTS] if scan.earliest_ms < loading.latest_ms else []
    loaded = draft.add(
        ev.CarrierLoaded(
            **draft.head(
                because=(loading.address, scan.address),
                certainty=ev.Certainty.POSSIBLE if why else ev.Certainty.CERTAIN,
                why=tuple(why),
            ),
            carrier=loading.carrier,
            unit=scan.code,
            product=scan.product,
            earliest_ms=loading.earliest_ms,
            latest_ms=scan.latest_ms,
        )
    )
    elsewhere = [each for each in draft.state.carriers.mounted if _is_moved(each, loaded)]
    against = (*mounted, *elsewhere)
    if against:
        _conflict(draft, loaded, against)


def _is_moved(each: Mounted, loaded: ev.CarrierLoaded) -> bool:
    """Whether a unit that is loaded now was on another carrier, and nothing said that it left."""
    return each.is_open and each.unit == loaded.unit and each.carrier != loaded.carrier


def _conflict(draft: Draft, loaded: ev.CarrierLoaded, against: tuple[Mounted, ...]) -> None:
    loads = (*(each.address for each in against), loaded.address)
    units = dict.fromkeys((*(each.unit for each in against), loaded.unit))
    draft.add(
        ev.CarrierConflict(
            **draft.head(
                because=loads,
                certainty=ev.Certainty.POSSIBLE,
                why=(ev.Why.CARRIER_CONFLICT,),
            ),
            carrier=loaded.carrier,
            units=tuple(units),
            loads=loads,
        )
    )


def _unload(draft: Draft, scan: ev.CodeScanned) -> None:
    """Close what the carrier bears; an empty one is a state, and says nothing."""
    for each in draft.state.carriers.mounted:
        named = each.carrier if scan.means == Means.CARRIER else each.unit
        if each.is_open and named == scan.code:
            draft.add(
                ev.CarrierUnloaded(
                    **draft.head(because=(scan.address, each.address)),
                    carrier=each.carrier,
                    unit=each.unit,
                    load=each.address,
                    earliest_ms=scan.earliest_ms,
                    latest_ms=scan.latest_ms,
                )
            )


def _expire(draft: Draft, scan: ev.CodeScanned, reason: ev.ExpiryReason) -> None:
    head = draft.head(because=(scan.address,))
    draft.add(ev.ScanExpired(**head, code=scan.code, reason=reason))


def _look_again(draft: Draft) -> None:
    """Look again for the unit of a cycle that waits for a look-up: its association may be new."""
    for handshake in draft.station.handshakes:
        live = draft.live(handshake.name)
        if live.lookup is not None and live.snapshot is not None:
            quiet = replace(live, candidate=None, lookup=None, lookup_until_ms=None)
            draft.set_live(handshake.name, quiet)
            if handshake.unit is None:
                take(draft, handshake, pairing.candidates(draft.state, live.snapshot.rise))
            else:
                seek(draft, handshake, live.snapshot)


# ------------------------------------------------------------------ at the machine


def seek(draft: Draft, handshake: Handshake, snapshot: Snapshot) -> None:
    """Find the unit on the carrier that the PLC names, or that `begin` was asked about by scan."""
    if handshake.unit is None:
        _from_begin(draft, handshake, snapshot)
        return
    seen = snapshot.values[handshake.unit]
    text = "" if seen.value is None else str(seen.value).strip()
    if not text:
        answering.unbind(draft, handshake, (), ev.Why.NO_SCAN)
        return
    judged = scanning.judge_bytes(draft, text.encode("utf-8", "backslashreplace"), None)
    if not isinstance(judged, Identified) or judged.means is not Means.CARRIER:
        raw = text.encode("utf-8", "backslashreplace").hex()
        answering.refuse(draft, handshake, None, ev.Why.BAD_CODE, Outcome.BAD_CODE, raw=raw)
        return
    _bind(draft, handshake, judged.code, Candidate(unit="", product=None, because=()))


def _from_begin(draft: Draft, handshake: Handshake, snapshot: Snapshot) -> None:
    """Take the unit that `begin` let in, unless it left its carrier since, or another came."""
    started = draft.state.cycle.started
    own = [e for e in draft.state.carriers.mounted if started and e.unit == started.unit]
    if started is None or all(_is_steady(each, started.rise_ms) for each in own):
        choosing.from_begin(draft, handshake, snapshot)
        return
    carriers = {each.carrier for each in own}
    none = Candidate(unit="", product=None, because=())
    found = tuple(
        _candidate(each, none, draft.state.epoch)
        for each in draft.state.carriers.mounted
        if each.carrier in carriers
    )
    answering.unbind(draft, handshake, found, ev.Why.CARRIER_CHANGED)


def _is_steady(each: Mounted, since_ms: int) -> bool:
    """Whether nothing has touched an association since then, as far as anybody knows."""
    is_calm = each.is_open and ev.Why.CARRIER_CONFLICT not in each.doubts
    return is_calm and (since_ms == LONG_AGO or each.touched_ms <= since_ms)


def take(draft: Draft, handshake: Handshake, found: tuple[Candidate, ...]) -> None:
    """Find the unit on the one carrier that was scanned; two carriers are never a choice."""
    if len(found) == 1:
        _bind(draft, handshake, found[0].unit, found[0])
        return
    if not found:
        choosing.take(draft, handshake, ())
        return
    both = tuple(
        candidate
        for carrier in found
        for candidate in _candidates(draft.state, carrier.unit, carrier, draft.state.epoch)
    )
    scans = tuple(address for carrier in found for address in carrier.because)
    answering.unbind(draft, handshake, both, ev.Why.TWO_CANDIDATES, because=scans)


def _bind(draft: Draft, handshake: Handshake, carrier: str, scan: Candidate) -> None:
    since_ms = _since_ms(draft, answering.judged(draft, handshake).rise)
    near = [each for each in draft.state.carriers.mounted if each.carrier == carrier]
    touched = [each for each in near if each.touched_ms > since_ms]
    mounted = mounted_on(draft.state, carrier)
    found = tuple(
        _candidate(each, scan, draft.state.epoch)
        for each in near
        if each.is_open or each in touched
    )
    reason = None
    if touched:
        reason = ev.Why.CARRIER_CHANGED
    elif not mounted:
        reason = ev.Why.CARRIER_EMPTY
    elif len(mounted) > 1 or ev.Why.CARRIER_CONFLICT in mounted[0].doubts:
        reason = ev.Why.CARRIER_CONFLICT
    if reason is None:
        choosing.take(draft, handshake, found)
    else:
        answering.unbind(draft, handshake, found, reason, because=scan.because)


def _since_ms(draft: Draft, rise: Rise) -> int:
    """Return since when the cycle runs: from `begin`, else from the rise as far as it is known."""
    started = draft.state.cycle.started
    risen_ms = rise.latest_ms if rise.earliest_ms == LONG_AGO else rise.earliest_ms
    return risen_ms if started is None else min(risen_ms, started.rise_ms)


def _candidates(state: State, carrier: str, scan: Candidate, epoch: str) -> tuple[Candidate, ...]:
    return tuple(_candidate(each, scan, epoch) for each in mounted_on(state, carrier))


def _candidate(each: Mounted, scan: Candidate, epoch: str) -> Candidate:
    doubts = [*scan.doubts, *each.doubts]
    doubts += [] if each.epoch == epoch else [ev.Why.SCAN_BEFORE_RESTART]
    return Candidate(
        unit=each.unit,
        product=each.product,
        because=(*scan.because, each.address),
        doubts=tuple(dict.fromkeys(doubts)),
    )


def mounted_on(state: State, carrier: str) -> tuple[Mounted, ...]:
    """Return the open associations of a carrier; more than one is a conflict."""
    return tuple(e for e in state.carriers.mounted if e.carrier == carrier and e.is_open)


# ------------------------------------------------------------------ fold


def _with(state: State, carriers: CarrierState) -> State:
    return replace(state, carriers=carriers)


def _scanned(state: State, event: ev.CodeScanned) -> State:
    """A carrier at the load point takes the units that follow; the same one again goes on."""
    loading = state.carriers.loading
    pair = state.station.pairing
    if event.means != Means.CARRIER or event.device not in pair.load:
        return state
    if loading is not None and _is_again(loading, event, pair.window_ms):
        return state
    loading = Loading(
        carrier=event.code,
        address=event.address,
        epoch=event.epoch,
        earliest_ms=event.earliest_ms,
        latest_ms=event.latest_ms,
    )
    return _with(state, replace(state.carriers, loading=loading))


def _is_again(loading: Loading, event: ev.CodeScanned, window_ms: int) -> bool:
    same = (loading.carrier, loading.epoch) == (event.code, event.epoch)
    return same and event.earliest_ms <= loading.latest_ms + window_ms


def _unread(state: State, event: ev.NoRead | ev.CodeRefused | ev.ScanTruncated) -> State:
    """What could not be read may have been the next carrier or its unit, or what was unloaded."""
    pair = state.station.pairing
    if event.device in pair.unload:
        return _doubted(state, _every(state), ev.Why.READER_AWAY)
    loading = state.carriers.loading
    if event.device not in pair.load or loading is None:
        return state
    borne = tuple(each.address for each in mounted_on(state, loading.carrier))
    state = _doubted(state, borne, ev.Why.READER_AWAY)
    return _with(state, replace(state.carriers, loading=None))


def _loaded(state: State, event: ev.CarrierLoaded) -> State:
    mounted = Mounted(
        carrier=event.carrier,
        unit=event.unit,
        product=event.product,
        address=event.address,
        epoch=event.epoch,
        because=event.because,
        touched_ms=event.latest_ms,
        doubts=event.why,
    )
    return _with(state, replace(state.carriers, mounted=(*state.carriers.mounted, mounted)))


def _unloaded(state: State, event: ev.CarrierUnloaded) -> State:
    mounted = tuple(
        replace(each, is_open=False, touched_ms=event.latest_ms)
        if each.address == event.load
        else each
        for each in state.carriers.mounted
    )
    return _with(state, replace(state.carriers, mounted=mounted))


def _conflicted(state: State, event: ev.CarrierConflict) -> State:
    return _doubted(state, event.loads, ev.Why.CARRIER_CONFLICT)


def _reader_away(state: State, event: ev.LinkLost | ev.SamplesLost) -> State:
    """While a reader of the load or unload point is away, a carrier may be loaded anew."""
    pair = state.station.pairing
    if event.device not in (*pair.load, *pair.unload):
        return state
    state = _with(state, replace(state.carriers, loading=None))
    return _doubted(state, _every(state), ev.Why.READER_AWAY)


def _every(state: State) -> tuple[str, ...]:
    return tuple(each.address for each in state.carriers.mounted)


def _doubted(state: State, loads: tuple[str, ...], why: ev.Why) -> State:
    mounted = tuple(
        replace(each, doubts=tuple(dict.fromkeys((*each.doubts, why))))
        if each.address in loads
        else each
        for each in state.carriers.mounted
    )
    return _with(state, replace(state.carriers, mounted=mounted))


def _cycle_over(state: State, event: ev.UnitEvent) -> State:
    """Forget what was unloaded before this cycle: no later one can have had it."""
    mounted = tuple(
        each
        for each in state.carriers.mounted
        if each.is_open or each.touched_ms >= event.earliest_ms
    )
    return _with(state, replace(state.carriers, mounted=mounted))


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    """In another boot, what was loaded or unloaded then was so long ago (D-91)."""
    if event.time.boot_id == state.run.boot_id:
        return state
    mounted = tuple(
        replace(each, touched_ms=LONG_AGO) for each in state.carriers.mounted if each.is_open
    )
    return _with(state, CarrierState(mounted=mounted))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.CodeScanned: _scanned,
    ev.NoRead: _unread,
    ev.CodeRefused: _unread,
    ev.ScanTruncated: _unread,
    ev.CarrierLoaded: _loaded,
    ev.CarrierUnloaded: _unloaded,
    ev.CarrierConflict: _conflicted,
    ev.LinkLost: _reader_away,
    ev.SamplesLost: _reader_away,
    ev.UnitStarted: _cycle_over,
    ev.UnitCompleted: _cycle_over,
    ev.UnitRefused: _cycle_over,
    ev.UnitUnbound: _cycle_over,
}
