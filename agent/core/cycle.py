"""The handshake with a PLC: phases, the total table, and what the device must hold (D-18 to D-22).

Theory: a phase is a function of (state, working). Signals are what an observation means for one
handshake. Each (phase, signal) has a row in ROWS, also the impossible ones. A rise of the trigger
leads to one coherent snapshot; the snapshot names the request by (generation, request, content);
a request that an event already answers gets that answer again and no second event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum, unique

from agent.core import answering, pairing, tagged
from agent.core import events as ev
from agent.core.draft import Draft, Fold
from agent.core.state import (
    EARLIER,
    LONG_AGO,
    Answered,
    Candidate,
    CycleState,
    Live,
    LookupAsk,
    Phase,
    Rise,
    Snapshot,
    SnapshotAsk,
    Standing,
    Started,
    State,
    Working,
)
from agent.core.station import Handshake, Outcome, Strategy
from drivers.base import AskAnswered, Quality, Scalar, SnapshotRead

RETRY_MS = 100
"""How long to wait before a snapshot that told nothing is asked for again."""
WRAP_WITHIN = 64
"""A request number wraps if the old one is within this of the modulus and the new one below it."""


@unique
class Kind(StrEnum):
    """What an observation can mean for one handshake."""

    LINK_UP = "link_up"
    LINK_DOWN = "link_down"
    ROSE = "rose"
    FELL = "fell"
    NEW_REQUEST = "new_request"
    """The trigger stayed high and the request number moved on: its fall was not seen."""
    LOST_SIGHT = "lost_sight"
    """Trigger or request does not read GOOD."""
    IN_SIGHT = "in_sight"
    """Trigger and request read GOOD; they may say nothing new."""
    SNAPSHOT = "snapshot"
    TORN = "torn"
    SCANNED = "scanned"
    LOOKUP = "lookup"
    TIMER = "timer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One meaning of one observation for one handshake."""

    kind: Kind
    earliest_ms: int
    latest_ms: int
    snapshot: SnapshotRead | None = None
    answer: AskAnswered | None = None


Row = Callable[[Draft, Handshake, Signal], None]


def phase(state: State, working: Working, handshake: Handshake) -> Phase:
    """Return where a handshake stands."""
    live = working.live.get(handshake.name)
    if live is None or not live.synced:
        return Phase.BLIND
    if live.rise is None:
        return Phase.IDLE
    if live.torn:
        return Phase.TORN
    if live.snapshot is None:
        return Phase.ASKING
    if answers(state, handshake, live.snapshot):
        return Phase.ANSWERED
    return Phase.LOOKING if live.lookup else Phase.SETTLING


def answers(state: State, handshake: Handshake, snapshot: Snapshot) -> bool:
    """Return whether the newest answered request is the one that the snapshot shows (D-20)."""
    answered = state.cycle.answered.get(handshake.name)
    if answered is None:
        return False
    if answered.snapshot == snapshot.id and answered.epoch == state.epoch:
        return True
    same = (answered.generation, answered.content) == (snapshot.generation, snapshot.content)
    if snapshot.request is not None:
        return same and answered.request == snapshot.request
    return same and bool(snapshot.content) and answered.epoch == state.epoch


# ------------------------------------------------------------------ rows


def _nothing(_draft: Draft, _handshake: Handshake, _signal: Signal) -> None:
    """Nothing follows: the signal carries nothing new in this phase."""


def _link_up(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """Start blind and ask for this link's first coherent snapshot."""
    draft.set_live(handshake.name, Live(low_ms=draft.live(handshake.name).low_ms))
    _ask(draft, handshake)


def _go_blind(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """Forget what this link showed; nothing is due until a new first snapshot."""
    draft.set_live(handshake.name, Live(low_ms=draft.live(handshake.name).low_ms))


def _ask(draft: Draft, handshake: Handshake) -> None:
    ask = SnapshotAsk(
        id=draft.ask_id(),
        device=handshake.device,
        handshake=handshake.name,
        guard=handshake.snapshot_guard,
        tags=handshake.snapshot_tags,
    )
    draft.asks.append(ask)
    live = draft.live(handshake.name)
    draft.set_live(handshake.name, replace(live, ask=ask.id, retry_ms=None))


def _look_again(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """Back in sight without a snapshot of it: ask, unless one is on its way."""
    live = draft.live(handshake.name)
    if live.ask is None and live.retry_ms is None:
        _ask(draft, handshake)


def _retry(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """Ask again a little later: the snapshot told nothing."""
    live = draft.live(handshake.name)
    retry_ms = draft.now_ms + RETRY_MS
    draft.set_live(handshake.name, replace(live, ask=None, retry_ms=retry_ms))


def _retry_due(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    live = draft.live(handshake.name)
    if live.retry_ms is not None and live.retry_ms <= draft.now_ms:
        _ask(draft, handshake)


def _rose(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    live = draft.live(handshake.name)
    rise = Rise(earliest_ms=signal.earliest_ms, latest_ms=signal.latest_ms, seen_low=True)
    draft.set_live(
        handshake.name, Live(synced=True, low_ms=live.low_ms, rise=rise, standing=live.standing)
    )
    _ask(draft, handshake)


def _fell(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    """The trigger fell: the ack falls with it, from readings alone."""
    live = draft.live(handshake.name)
    draft.set_live(handshake.name, Live(synced=True, low_ms=signal.latest_ms, standing=_old(live)))


def _fell_early(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    """The trigger fell before the request was answered: nothing is bound to it (D-22)."""
    _abort(draft, handshake, "trigger_fell")
    _fell(draft, handshake, signal)


def _next_request(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    _fell(draft, handshake, signal)
    _rose(draft, handshake, signal)


def _next_request_early(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    _fell_early(draft, handshake, signal)
    _rose(draft, handshake, signal)


def _old(live: Live) -> Standing | None:
    """An answer that still stands at the device is one of an earlier rise from now on."""
    return replace(live.standing, key=EARLIER) if live.standing else None


def _abort(draft: Draft, handshake: Handshake, reason: str) -> None:
    live = draft.live(handshake.name)
    draft.add(
        ev.CycleAborted(
            **draft.head(),
            handshake=handshake.name,
            generation=draft.state.cycle.generations.get(handshake.name, 1),
            request=live.snapshot.request if live.snapshot else _request_read(draft, handshake),
            reason=reason,
        )
    )


def _request_read(draft: Draft, handshake: Handshake) -> int | None:
    reading = draft.working.readings.get(handshake.request or "")
    return _whole(reading.good) if reading else None


def _torn(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """The guard never held still: no unit record, answer 7, and a missed cycle (D-21)."""
    live = draft.live(handshake.name)
    draft.add(ev.CycleMissed(**draft.head(), n=1, reason="torn"))
    draft.set_live(handshake.name, replace(live, ask=None, torn=True))


def _first_snapshot(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    """This link's first coherent snapshot: from here on outputs are due."""
    read = _read(signal)
    if not _in_sight(handshake, read):
        _retry(draft, handshake, signal)
        return
    if _value(read, handshake.trigger) and not _identity_readable(draft, handshake, read):
        _retry(draft, handshake, signal)
        return
    live = draft.live(handshake.name)
    if not _value(read, handshake.trigger):
        draft.set_live(handshake.name, Live(synced=True, low_ms=live.low_ms))
        _notice_restart(draft, handshake, read)
        return
    rise = Rise(earliest_ms=LONG_AGO, latest_ms=read.latest_ms, seen_low=False)
    draft.set_live(handshake.name, Live(synced=True, low_ms=live.low_ms, rise=rise))
    _judge(draft, handshake, signal)


def _snapshot(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    read = _read(signal)
    readable = _in_sight(handshake, read) and _identity_readable(draft, handshake, read)
    if not readable or not _value(read, handshake.trigger):
        _retry(draft, handshake, signal)
        return
    _judge(draft, handshake, signal)


def _read(signal: Signal) -> SnapshotRead:
    if signal.snapshot is None:
        raise AssertionError("a snapshot signal carries its snapshot")
    return signal.snapshot


def _value(read: SnapshotRead, tag: str) -> Scalar | None:
    return next((v.value for v in read.values if v.tag == tag), None)


def _in_sight(handshake: Handshake, read: SnapshotRead) -> bool:
    needed = {handshake.trigger, handshake.request} - {None}
    good = {v.tag for v in read.values if v.quality is Quality.GOOD}
    return needed <= good


def _identity_readable(draft: Draft, handshake: Handshake, read: SnapshotRead) -> bool:
    """Hold where the identity does not read GOOD; other values are stored, flagged (D-96)."""
    if draft.station.pairing.strategy is not Strategy.TAG or handshake.unit is None:
        return True
    return any(v.tag == handshake.unit and v.quality is Quality.GOOD for v in read.values)


def _notice_restart(draft: Draft, handshake: Handshake, read: SnapshotRead) -> None:
    """At rest, a request number that went back says that the PLC lost its memory (D-33)."""
    request = _whole(_value(read, handshake.request or ""))
    generation = _generation(draft.state, handshake, request)
    if generation != draft.state.cycle.generations.get(handshake.name, 1):
        _restarted(draft, handshake, generation, request)


def _restarted(draft: Draft, handshake: Handshake, generation: int, request: int | None) -> None:
    draft.add(
        ev.CycleAborted(
            **draft.head(),
            handshake=handshake.name,
            generation=generation,
            request=request,
            reason="plc_restarted",
        )
    )


def _judge(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    """Say which request the snapshot shows, and seek its unit if no event answers it yet."""
    read = _read(signal)
    values = {v.tag: v for v in read.values}
    request = _whole(_value(read, handshake.request or ""))
    generation = _generation(draft.state, handshake, request)
    if generation != draft.state.cycle.generations.get(handshake.name, 1):
        _restarted(draft, handshake, generation, request)
    snapshot = Snapshot(
        id=read.id,
        generation=generation,
        request=request,
        content=_content(draft, handshake, read),
        values=values,
        received=read.received,
    )
    live = replace(draft.live(handshake.name), ask=None, retry_ms=None, snapshot=snapshot)
    draft.set_live(handshake.name, live)
    if answers(draft.state, handshake, snapshot):
        return
    _note_missed(draft, handshake, snapshot)
    live = replace(draft.live(handshake.name), doubts=_doubts(draft.state, handshake, live))
    draft.set_live(handshake.name, live)
    _seek(draft, handshake, signal)


def _generation(state: State, handshake: Handshake, request: int | None) -> int:
    """Return the device generation: one more where the request went back without a wrap."""
    current = state.cycle.generations.get(handshake.name, 1)
    answered = state.cycle.answered.get(handshake.name)
    if answered is None or answered.generation != current:
        return current
    if request is None or answered.request is None or request >= answered.request:
        return current
    modulus = handshake.modulus or 0
    wrapped = answered.request >= modulus - WRAP_WITHIN and request < WRAP_WITHIN
    return current if wrapped else current + 1


def _content(draft: Draft, handshake: Handshake, read: SnapshotRead) -> tuple[Scalar | None, ...]:
    tags = list(handshake.guard)
    if draft.station.pairing.strategy is Strategy.TAG and handshake.unit:
        tags.append(handshake.unit)
    return tuple(_plain(_value(read, tag)) for tag in tags)


def _plain(value: Scalar | None) -> Scalar | None:
    """Return what JSON brings back as it was: large integers as text, whole floats as integers."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and abs(value) > -LONG_AGO:
        return str(value)
    return value


def _whole(value: Scalar | None) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _note_missed(draft: Draft, handshake: Handshake, snapshot: Snapshot) -> None:
    """Requests between the newest answered and this one were never seen: say how many."""
    answered = draft.state.cycle.answered.get(handshake.name)
    if answered is None or answered.generation != snapshot.generation:
        return
    if answered.request is None or snapshot.request is None or handshake.modulus is None:
        return
    missed = (snapshot.request - answered.request) % handshake.modulus - 1
    if missed > 0:
        draft.add(
            ev.CycleMissed(
                **draft.head(because=(answered.address, snapshot.id)),
                n=missed,
                reason="request",
                from_count=answered.request,
                to_count=snapshot.request,
            )
        )


def _doubts(state: State, handshake: Handshake, live: Live) -> tuple[str, ...]:
    """Return what speaks against the request being a new one."""
    snapshot, answered = live.snapshot, state.cycle.answered.get(handshake.name)
    if snapshot is None or live.rise is None:
        return ()
    if snapshot.request is None:
        return () if live.rise.seen_low else (ev.Why.REPEAT_POSSIBLE.value,)
    if answered is None or answered.generation != snapshot.generation:
        return ()
    same = answered.request == snapshot.request
    return (ev.Why.REQUEST_ID_CONFLICT.value,) if same else ()


# ------------------------------------------------------------------ finding the unit


def _seek(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """Look for the unit by the station's strategy; wait the settle before saying there is none."""
    live = draft.live(handshake.name)
    if live.rise is None or live.snapshot is None:
        raise AssertionError("a unit is sought for a risen trigger with its snapshot")
    if _after_begin(draft, handshake):
        _take(draft, handshake, _from_begin(draft), ev.Why.NO_SCAN)
    elif draft.station.pairing.strategy is Strategy.TAG:
        tagged.seek(draft, handshake, live.snapshot, _chosen)
    else:
        found = pairing.candidates(draft.state, live.rise)
        settle_ms = live.rise.latest_ms + draft.station.pairing.settle_ms
        if not found and draft.now_ms < settle_ms:
            draft.set_live(handshake.name, replace(live, settle_ms=settle_ms))
            return
        _take(draft, handshake, found, ev.Why.NO_SCAN)


def _after_begin(draft: Draft, handshake: Handshake) -> bool:
    return handshake.name == "end" and any(h.name == "begin" for h in draft.station.handshakes)


def _from_begin(draft: Draft) -> tuple[Candidate, ...]:
    started = draft.state.cycle.started
    if started is None:
        return ()
    return (
        Candidate(
            unit=started.unit,
            product=started.product,
            because=(started.address,),
            since_ms=started.rise_ms,
        ),
    )


def _take(draft: Draft, handshake: Handshake, found: tuple[Candidate, ...], none: ev.Why) -> None:
    """One candidate is the unit; none and several leave the cycle unbound."""
    if len(found) == 1:
        _chosen(draft, handshake, found[0])
        return
    answering.unbind(draft, handshake, found, ev.Why.TWO_CANDIDATES if found else none)


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
            settle_ms=None,
        ),
    )


def _looked_up(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    live = draft.live(handshake.name)
    if signal.answer is None or live.candidate is None:
        raise AssertionError("a look-up's answer comes for its candidate")
    draft.set_live(handshake.name, replace(live, lookup=None, lookup_until_ms=None))
    answering.complete(draft, handshake, live.candidate, signal.answer)


def _lookup_due(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    """No answer in time: the station's policy decides, and the event says so (D-41)."""
    live = draft.live(handshake.name)
    if live.lookup_until_ms is None or live.lookup_until_ms > draft.now_ms:
        return
    nothing = AskAnswered(
        id=live.lookup or "",
        device="",
        earliest_ms=signal.earliest_ms,
        latest_ms=signal.latest_ms,
        received=draft.now,
        ask=live.lookup or "",
        known=False,
    )
    _looked_up(draft, handshake, replace(signal, answer=nothing))


def _settle_due(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    live = draft.live(handshake.name)
    if live.settle_ms is not None and live.settle_ms <= draft.now_ms:
        _seek(draft, handshake, signal)


# ------------------------------------------------------------------ the table

_UP_DOWN: dict[Kind, Row] = {Kind.LINK_UP: _link_up, Kind.LINK_DOWN: _go_blind}
_HIGH: dict[Kind, Row] = {
    **_UP_DOWN,
    Kind.ROSE: _nothing,
    Kind.FELL: _fell_early,
    Kind.NEW_REQUEST: _next_request_early,
    Kind.LOST_SIGHT: _go_blind,
    Kind.IN_SIGHT: _nothing,
    Kind.SNAPSHOT: _nothing,
    Kind.TORN: _nothing,
    Kind.SCANNED: _nothing,
    Kind.LOOKUP: _nothing,
    Kind.TIMER: _nothing,
}
_DONE: dict[Kind, Row] = {**_HIGH, Kind.FELL: _fell, Kind.NEW_REQUEST: _next_request}

_BY_PHASE: dict[Phase, dict[Kind, Row]] = {
    Phase.BLIND: {
        **_HIGH,
        Kind.FELL: _nothing,
        Kind.NEW_REQUEST: _nothing,
        Kind.LOST_SIGHT: _nothing,
        Kind.IN_SIGHT: _look_again,
        Kind.SNAPSHOT: _first_snapshot,
        Kind.TORN: _retry,
        Kind.TIMER: _retry_due,
    },
    Phase.IDLE: {**_HIGH, Kind.ROSE: _rose, Kind.FELL: _nothing, Kind.NEW_REQUEST: _nothing},
    Phase.ASKING: {
        **_HIGH,
        Kind.SNAPSHOT: _snapshot,
        Kind.TORN: _torn,
        Kind.TIMER: _retry_due,
    },
    Phase.SETTLING: {**_HIGH, Kind.SCANNED: _seek, Kind.TIMER: _settle_due},
    Phase.LOOKING: {**_HIGH, Kind.LOOKUP: _looked_up, Kind.TIMER: _lookup_due},
    Phase.ANSWERED: _DONE,
    Phase.TORN: _DONE,
}

ROWS: Mapping[tuple[Phase, Kind], Row] = {
    (phase_, kind): row for phase_, rows in _BY_PHASE.items() for kind, row in rows.items()
}
"""What follows from each signal in each phase; total, which a test proves."""


def signal(draft: Draft, handshake: Handshake, given: Signal) -> None:
    """Let one handshake take one signal."""
    ROWS[phase(draft.state, draft.working, handshake), given.kind](draft, handshake, given)


def read_kind(working: Working, handshake: Handshake) -> Kind:
    """Return what the newest readings of trigger and request mean."""
    trigger = working.readings.get(handshake.trigger)
    request = working.readings.get(handshake.request) if handshake.request else None
    if trigger is None or trigger.good is None:
        return Kind.LOST_SIGHT
    if handshake.request and (request is None or request.good is None):
        return Kind.LOST_SIGHT
    live = working.live.get(handshake.name) or Live()
    if not live.synced:
        return Kind.IN_SIGHT
    if bool(trigger.good) != (live.rise is not None):
        return Kind.ROSE if trigger.good else Kind.FELL
    moved = (
        live.snapshot is not None
        and request is not None
        and _whole(request.good) != live.snapshot.request
        and request.latest_ms > live.snapshot.received.boot_ms
    )
    return Kind.NEW_REQUEST if moved else Kind.IN_SIGHT


def deadlines(working: Working, station_handshakes: tuple[Handshake, ...]) -> Iterator[int]:
    """Yield when a handshake wants to be looked at again, the answer's own limit included."""
    for handshake in station_handshakes:
        live = working.live.get(handshake.name)
        if live is None:
            continue
        for deadline in (live.retry_ms, live.settle_ms, live.lookup_until_ms):
            if deadline is not None:
                yield deadline
        if live.rise is not None and live.standing is None:
            yield live.rise.latest_ms + handshake.answer_within_ms


# ------------------------------------------------------------------ fold


def _with(state: State, cycle: CycleState) -> State:
    return replace(state, cycle=cycle)


def _answered(state: State, event: ev.UnitEvent, *, bound: bool) -> State:
    cycle = state.cycle
    answered = Answered(
        generation=event.generation,
        request=event.request,
        content=event.content,
        code=event.answer,
        address=event.address,
        epoch=event.epoch,
        snapshot=event.because[-1],
        bound=bound,
        unit=event.unit,
        rise_ms=event.earliest_ms,
    )
    return _with(
        state,
        replace(
            cycle,
            answered={**cycle.answered, event.handshake: answered},
            generations={**cycle.generations, event.handshake: event.generation},
            started=None if event.handshake == "end" else cycle.started,
        ),
    )


def _unit_started(state: State, event: ev.UnitStarted) -> State:
    state = _answered(state, event, bound=True)
    started = Started(
        unit=event.unit or "",
        product=event.product,
        cycle=event.cycle,
        address=event.address,
        rise_ms=event.earliest_ms,
        epoch=event.epoch,
    )
    return _with(state, replace(state.cycle, started=started))


def _unit_completed(state: State, event: ev.UnitCompleted) -> State:
    return _answered(state, event, bound=True)


def _unit_declined(state: State, event: ev.UnitRefused | ev.UnitUnbound) -> State:
    return _answered(state, event, bound=False)


def _aborted(state: State, event: ev.CycleAborted) -> State:
    generations = {**state.cycle.generations, event.handshake: event.generation}
    return _with(state, replace(state.cycle, generations=generations))


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    if event.time.boot_id == state.run.boot_id:
        return state
    cycle = state.cycle
    answered = {
        name: replace(answered, rise_ms=LONG_AGO) for name, answered in cycle.answered.items()
    }
    started = replace(cycle.started, rise_ms=LONG_AGO) if cycle.started else None
    return _with(state, replace(cycle, answered=answered, started=started))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.UnitStarted: _unit_started,
    ev.UnitCompleted: _unit_completed,
    ev.UnitRefused: _unit_declined,
    ev.UnitUnbound: _unit_declined,
    ev.CycleAborted: _aborted,
}
