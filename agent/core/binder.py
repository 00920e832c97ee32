"""The binder: `decide`, `evolve`, `outputs`, composed of the parts that can each be read alone.

    decide(state, working, observation, now) -> Decision    what is true now, given this
    evolve(state, event) -> state                           what the station knows after that fact
    outputs(state, working, health) -> write groups         what the devices should hold

`start` and `stop` are the two decisions that no observation brings: a run begins and ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from agent.core import (
    belonging,
    bypass,
    carriers,
    changing,
    closing,
    commands,
    correcting,
    cycle,
    feeding,
    fitness,
    following,
    granularity,
    installing,
    keyed,
    labels,
    lot_counts,
    lot_scans,
    lotbook,
    machine,
    material,
    orders,
    pairing,
    parentage,
    people,
    production,
    products,
    queueing,
    requests,
    restarts,
    scanning,
    shelf,
    strategies,
    timekeeping,
    vessels,
    watching,
)
from agent.core import events as ev
from agent.core.anew import replace
from agent.core.carry import from_plain, to_plain
from agent.core.draft import Draft, Fold
from agent.core.label_parts import LabelsState
from agent.core.lot_parts import LotsState
from agent.core.outputs import due, handed_over, outputs, readiness
from agent.core.packages import PackingState
from agent.core.parts import (
    LONG_AGO,
    CarrierState,
    CycleState,
    MachineState,
    MaterialState,
    PairingState,
    ProductionState,
    ProductState,
    QueueState,
    RunState,
)
from agent.core.people_parts import PeopleState
from agent.core.signals import Kind, Signal, read_kind
from agent.core.state import Decision, Link, Reading, State, Working
from agent.core.station import Handshake, Station, Strategy
from drivers.base import (
    AnyObservation,
    AskAnswered,
    ClockMoved,
    CodeScanned,
    CommandGiven,
    HeadSigned,
    HoldChanged,
    Instant,
    LinkChanged,
    RangeSkipped,
    SamplesLost,
    SnapshotRead,
    TagValue,
    TimerFired,
    ValuesSeen,
)

__all__ = [
    "Beginning",
    "decide",
    "due",
    "evolve",
    "handed_over",
    "initial",
    "outputs",
    "readiness",
    "start",
    "stop",
]

PLAN = "plan"
"""The part that says under which file the events were concluded, without its scan rules."""
PARTS: Mapping[str, type[Any]] = {
    PLAN: Station,
    "run": RunState,
    "cycle": CycleState,
    "pairing": PairingState,
    "carriers": CarrierState,
    "queue": QueueState,
    "people": PeopleState,
    "material": MaterialState,
    "product": ProductState,
    "packing": PackingState,
    "production": ProductionState,
    "lots": LotsState,
    "machine": MachineState,
    "labels": LabelsState,
}
"""Each concern's part of the state, by the name it is carried under."""
PART_SCHEMA = 1
CARRY_EVERY_MS = 86_400_000
"""The state is carried daily, so that a long epoch can be pruned too."""
CARRY_EVERY_EVENTS = 5_000
"""And after so many events: a start folds no more than these, a quarter of a second."""


def initial(station: Station) -> State:
    """Return what a station knows before its first event."""
    return State(station=station, declared=station)


# ------------------------------------------------------------------ evolve


def _run_started(state: State, event: ev.AgentStarted) -> State:
    run = replace(state.run, boot_id=event.time.boot_id, config=event.config)
    station = state.declared if event.config == state.declared.config else state.station
    return replace(state, run=run, station=station)


def _carried(state: State, event: ev.StateCarried) -> State:
    kind = PARTS.get(event.part)
    if event.part == PLAN:
        state = _planned(state, event)
    elif kind is not None and event.part_schema == PART_SCHEMA:
        state = replace(state, **{event.part: from_plain(kind, event.body)})
    run = replace(state.run, carried_ms=event.time.boottime_ms, carried_seq=event.seq)
    return replace(state, run=run)


def _planned(state: State, event: ev.StateCarried) -> State:
    """Fold on under the plan by which the next events were concluded, as far as it can be read.

    What another version wrote, and this one cannot read, is as if it had not been recorded.
    """
    if event.config == state.declared.config:
        return replace(state, station=state.declared)
    try:
        return replace(state, station=from_plain(Station, event.body))
    except (AttributeError, KeyError, TypeError, ValueError):
        return replace(state, station=state.declared)


def _fault_raised(state: State, event: ev.FaultRaised) -> State:
    faults = (*(f for f in state.run.faults if f != event.source), event.source)
    return replace(state, run=replace(state.run, faults=faults))


def _fault_cleared(state: State, event: ev.FaultCleared) -> State:
    faults = tuple(f for f in state.run.faults if f != event.source)
    return replace(state, run=replace(state.run, faults=faults))


_RUN: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _run_started,
    ev.StateCarried: _carried,
    ev.FaultRaised: _fault_raised,
    ev.FaultCleared: _fault_cleared,
}

_FOLDS: dict[type[ev.Event], tuple[Fold, ...]] = {}
for _part in (
    requests.EVOLVES,
    pairing.EVOLVES,
    labels.EVOLVES,
    carriers.EVOLVES,
    queueing.EVOLVES,
    people.EVOLVES,
    orders.EVOLVES,
    shelf.EVOLVES,
    feeding.EVOLVES,
    vessels.EVOLVES,  # both before the material, which forgets loads
    material.EVOLVES,
    fitness.EVOLVES,
    installing.EVOLVES,
    products.EVOLVES,
    parentage.EVOLVES,
    lot_counts.EVOLVES,
    lotbook.EVOLVES,
    belonging.EVOLVES,
    restarts.EVOLVES,
    bypass.EVOLVES,
    machine.EVOLVES,
    correcting.EVOLVES,
    closing.EVOLVES,  # after the parts that it takes something from
    _RUN,  # last: the parts still see the boot of the run before
):
    for _kind, _fold in _part.items():
        _FOLDS[_kind] = (*_FOLDS.get(_kind, ()), _fold)


def evolve(state: State, event: ev.Event) -> State:
    """Return what the station knows after an event."""
    for fold in _FOLDS.get(type(event), ()):
        state = fold(state, event)
    return replace(
        state,
        epoch=event.epoch,
        seq=event.seq,
        run=replace(state.run, last_ms=event.time.boottime_ms),
    )


# ------------------------------------------------------------------ start and stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What the rim knows when a run begins."""

    epoch: str
    version: str
    previous_epoch: str | None
    previous_seq: int | None
    previous_hash: str | None
    lost: tuple[tuple[str, int, int, str], ...] = ()
    """(epoch, first seq, last seq, reason) of recorded events that no longer verify."""


def start(state: State, beginning: Beginning, now: Instant) -> Decision:
    """Begin an epoch: say where the one before ended, what is lost, and carry the state."""
    same_boot = state.run.boot_id == now.boot_id
    down_ms = max(0, now.boot_ms - state.run.last_ms) if same_boot else None
    config_before, last_ms, old = state.run.config, state.run.last_ms, state.station
    state = replace(state, epoch=beginning.epoch, seq=0)
    draft = Draft(state, Working(), now, evolve)
    draft.add(
        ev.AgentStarted(
            **_head(draft, state.declared),
            version=beginning.version,
            previous_epoch=beginning.previous_epoch,
            previous_seq=beginning.previous_seq,
            previous_hash=beginning.previous_hash,
            down_ms=down_ms,
        )
    )
    for epoch, first, last, reason in beginning.lost:
        draft.add(
            ev.HistoryLost(
                **draft.head(), lost_epoch=epoch, first_seq=first, last_seq=last, reason=reason
            )
        )
    if config_before not in {"", draft.station.config}:
        closing.started(draft, old if old.config == config_before else None, config_before)
    for source in draft.state.run.faults:
        draft.add(ev.FaultCleared(**draft.head(), source=source))
    lost = bool(beginning.lost)
    is_unsure = lost or not same_boot
    if is_unsure and draft.station.pairing.strategy is Strategy.CYCLE_THEN_SCAN:
        following.unsure(draft)
    pairing.started(draft, other_boot=not same_boot, lost=lost)
    material.started(draft)
    parentage.started(draft, other_boot=not same_boot, lost=lost)
    people.started(draft, down_ms, lost=lost)
    orders.started(draft, lost=lost)
    production.started(draft, lost=lost)
    granularity.started(draft, last_ms if same_boot else LONG_AGO)
    lot_scans.started(draft, other_boot=not same_boot, lost=lost)
    labels.started(draft, other_boot=not same_boot, lost=lost)
    carry(draft)
    return draft.decision(_wakeup(draft))


def _head(draft: Draft, declared: Station) -> dict[str, Any]:
    """Return the envelope of the first event: of the file as it is now."""
    return draft.head() | {
        "station": declared.path,
        "config": declared.config,
        "machine": declared.machine,
    }


def carry(draft: Draft) -> None:
    """Record each part of the state, so that what is older may be pruned (DESIGN 2)."""
    plan = changing.recorded(draft.station)
    bodies = {part: to_plain(getattr(draft.state, part, plan)) for part in PARTS}
    for part, body in bodies.items():
        draft.add(
            ev.StateCarried(
                **draft.head(),
                part=part,
                part_schema=PART_SCHEMA,
                body=body,
                last=part == list(PARTS)[-1],
            )
        )


def stop(state: State, working: Working, reason: str, now: Instant) -> Decision:
    """End an epoch in order: what was counted is recorded, and the end is said."""
    draft = Draft(state, working, now, evolve)
    production.flush(draft)
    scanning.stopped(draft)
    draft.add(ev.AgentStopped(**draft.head(), reason=reason))
    draft.working = replace(draft.working, stopping=True)
    return draft.decision(None)


# ------------------------------------------------------------------ decide

Seen = TypeVar("Seen", bound=AnyObservation)


def decide(state: State, working: Working, observation: AnyObservation, now: Instant) -> Decision:
    """Return what is true now, given one observation; total over the closed union."""
    draft = Draft(state, working, now, evolve)
    _HANDLERS[type(observation)](draft, observation)
    granularity.noticed(draft, observation)
    parentage.settle(draft)
    machine.settle(draft)
    labels.settle(draft)
    if draft.events:  # what feeds the positions is state, and no event leaves it as it was
        vessels.settle(draft)
        feeding.settle(draft)
    orders.settle(draft)
    return draft.decision(_wakeup(draft))


def _values_seen(draft: Draft, seen: ValuesSeen) -> None:
    station = draft.station
    changed = {value.tag for value in seen.values}
    lot_first = production.lot_unread(station, draft.working)
    product_first = products.unread(station, draft.working)
    before = draft.working.readings
    _take_readings(draft, seen.device, seen.values, seen.earliest_ms, seen.latest_ms)
    readings = draft.working.readings
    if watching.seen(draft, seen.device):
        changed = {tag for tag, reading in readings.items() if reading.device == seen.device}
    if not draft.working.trusts(seen.device):
        return
    timekeeping.seen(draft, seen, before)
    _starts(draft, seen, None)
    bypass.seen(draft, changed)
    parentage.seen(draft, before, changed)
    strategies.entry(station).seen(draft, seen)
    if station.lot in changed:
        production.lot_read(draft, readings[station.lot], seen.id, first=lot_first)
    orders.seen(draft, changed, seen.id)
    granularity.noticed(draft, seen, first=product_first)
    counter = station.counter if station.counts_pieces else None
    if counter is not None and counter.tag in changed:
        production.counter_read(draft, readings[counter.tag])
    for handshake in station.handshakes:
        if handshake.abort in changed and readings[handshake.abort].good:
            cycle.signal(draft, handshake, _signal(Kind.REMOVED, seen))
        if handshake.trigger in changed or handshake.request in changed:
            kind = read_kind(draft.working, handshake)
            cycle.signal(draft, handshake, _signal(kind, seen))


def _take_readings(
    draft: Draft, device: str, values: tuple[TagValue, ...], earliest_ms: int, latest_ms: int
) -> None:
    readings = dict(draft.working.readings)
    for value in values:
        known = readings.get(value.tag)
        if known is None or known.latest_ms <= latest_ms:
            readings[value.tag] = Reading(
                device=device, seen=value, earliest_ms=earliest_ms, latest_ms=latest_ms
            )
    draft.working = replace(draft.working, readings=readings)


def _signal(kind: Kind, seen: AnyObservation) -> Signal:
    return Signal(kind=kind, earliest_ms=seen.earliest_ms, latest_ms=seen.latest_ms)


def _heartbeats(draft: Draft, seen: AnyObservation) -> None:
    """Believe nothing more of a device whose heartbeat has stood still for too long (D-32)."""
    for device in watching.stopped(draft):
        production.link_lost(draft, device)
        for handshake in draft.station.handshakes:
            if handshake.device == device:
                cycle.signal(draft, handshake, _signal(Kind.LOST_SIGHT, seen))


def _starts(draft: Draft, seen: ValuesSeen | SnapshotRead, reads: Handshake | None) -> None:
    """After a start of a PLC, read each of its handshakes again but the one just read (D-33)."""
    memory = restarts.noticed(draft, seen.device, seen.id)
    if memory is None:
        return
    if memory == restarts.LOST:
        production.memory_lost(draft, seen.device)
    for handshake in draft.station.handshakes:
        if handshake.device == seen.device and handshake != reads:
            cycle.signal(draft, handshake, _signal(Kind.GAP, seen))


def _snapshot_read(draft: Draft, seen: SnapshotRead) -> None:
    _heartbeats(draft, seen)
    for handshake in draft.station.handshakes:
        if draft.live(handshake.name).ask == seen.ask:
            lot_first = production.lot_unread(draft.station, draft.working)
            product_first = products.unread(draft.station, draft.working)
            _take_readings(draft, seen.device, seen.values, seen.earliest_ms, seen.latest_ms)
            _starts(draft, seen, handshake)
            if draft.working.trusts(seen.device):
                _named(draft, seen, lot_first=lot_first, product_first=product_first)
            kind = Kind.SNAPSHOT if seen.coherent else Kind.TORN
            cycle.signal(draft, handshake, replace(_signal(kind, seen), snapshot=seen))


def _named(draft: Draft, seen: SnapshotRead, *, lot_first: bool, product_first: bool) -> None:
    """Take lot, order and product from a snapshot: it may show a change before the poll does."""
    station = draft.station
    early = replace(seen, earliest_ms=seen.earliest_ms - station.pairing.settle_ms)
    shown = {value.tag for value in seen.values}
    readings = draft.working.readings
    if station.lot in shown:
        reading = replace(readings[station.lot], earliest_ms=early.earliest_ms)
        production.lot_read(draft, reading, seen.id, first=lot_first)
    orders.seen(draft, shown, seen.id)
    granularity.noticed(draft, early, first=product_first)


def _code_scanned(draft: Draft, seen: CodeScanned) -> None:
    scanning.scanned(draft, seen)
    for handshake in draft.station.handshakes:
        cycle.signal(draft, handshake, _signal(Kind.SCANNED, seen))
    strategies.entry(draft.station).scanned(draft)


def _command_given(draft: Draft, seen: CommandGiven) -> None:
    """Carry a command out; a code that was keyed goes the way of one that was read (D-85)."""
    commands.given(draft, seen)
    if draft.keyed is not None:
        _code_scanned(draft, draft.keyed)
        commands.code_taken(draft, seen, keyed.outcome(draft.keyed, draft.events))


def _ask_answered(draft: Draft, seen: AskAnswered) -> None:
    for handshake in draft.station.handshakes:
        if draft.live(handshake.name).lookup == seen.ask:
            cycle.signal(draft, handshake, replace(_signal(Kind.LOOKUP, seen), answer=seen))
    strategies.entry(draft.station).answered(draft, seen)
    installing.answered(draft, seen)
    commands.answered(draft, seen)
    parentage.answered(draft, seen)


def _link_changed(draft: Draft, seen: LinkChanged) -> None:
    before = draft.working.links.get(seen.device)
    changed = before is None or before.up != seen.up
    since_ms = draft.now_ms if before is None or changed else before.since_ms
    link = Link(up=seen.up, since_ms=since_ms, faults=tuple(fault.tag for fault in seen.faults))
    draft.working = replace(draft.working, links={**draft.working.links, seen.device: link})
    if changed:
        _link_event(draft, seen, before)
    if seen.up:
        _tag_faults(draft, seen)
    if not changed:
        return
    watching.linked(draft, seen.device, up=seen.up)
    kind = Kind.LINK_UP if seen.up else Kind.LINK_DOWN
    for handshake in draft.station.handshakes:
        if handshake.device == seen.device:
            cycle.signal(draft, handshake, _signal(kind, seen))
    if not seen.up:
        production.link_lost(draft, seen.device)
        _drop_readings(draft, seen.device)


def _drop_readings(draft: Draft, device: str) -> None:
    """A link's readings end with it: what the next one shows may be another value altogether."""
    readings = {tag: r for tag, r in draft.working.readings.items() if r.device != device}
    draft.working = replace(draft.working, readings=readings)


def _link_event(draft: Draft, seen: LinkChanged, before: Link | None) -> None:
    if seen.up:
        down_ms = None if before is None else draft.now_ms - before.since_ms
        losses = seen.losses if seen.losses > 1 else None
        draft.add(
            ev.LinkRestored(**draft.head(), device=seen.device, down_ms=down_ms, losses=losses)
        )
    else:
        draft.add(ev.LinkLost(**draft.head(), device=seen.device, reason=seen.reason))


def _tag_faults(draft: Draft, seen: LinkChanged) -> None:
    """Raise each new tag fault once, and clear those that a link without them brought."""
    sources = {f"{seen.device}/{fault.tag}" for fault in seen.faults}
    for fault in seen.faults:
        source = f"{seen.device}/{fault.tag}"
        if source not in draft.state.run.faults:
            draft.add(
                ev.FaultRaised(**draft.head(), source=source, cause=fault.cause, hint=fault.hint)
            )
    for source in draft.state.run.faults:
        if source.startswith(f"{seen.device}/") and source not in sources:
            draft.add(ev.FaultCleared(**draft.head(), source=source))


def _samples_lost(draft: Draft, seen: SamplesLost) -> None:
    draft.add(
        ev.SamplesLost(
            **draft.head(because=(seen.id,)),
            device=seen.device,
            tag=seen.tag,
            n=seen.count,
            reason=seen.reason,
        )
    )
    for handshake in draft.station.handshakes:
        concerned = seen.tag in (None, handshake.trigger, handshake.request)
        if handshake.device == seen.device and concerned:
            cycle.signal(draft, handshake, _signal(Kind.GAP, seen))


def _clock_moved(draft: Draft, seen: ClockMoved) -> None:
    draft.add(ev.ClockStepped(**draft.head(because=(seen.id,)), step_ms=seen.step_ms))


def _timer_fired(draft: Draft, seen: TimerFired) -> None:
    _heartbeats(draft, seen)
    for handshake in draft.station.handshakes:
        cycle.signal(draft, handshake, _signal(Kind.TIMER, seen))
        cycle.timer(draft, handshake)
    strategies.entry(draft.station).timer(draft)
    scanning.timer(draft)
    fitness.check(draft)
    installing.timer(draft)
    commands.timer(draft)
    parentage.timer(draft)
    people.timer(draft)
    production.timer(draft)
    lot_scans.timer(draft)
    labels.timer(draft)
    if draft.now_ms >= _carry_ms(draft):
        carry(draft)


def _carry_ms(draft: Draft) -> int:
    """Return when the state is to be carried again."""
    run = draft.state.run
    if draft.state.seq - run.carried_seq >= CARRY_EVERY_EVENTS:
        return draft.now_ms
    return run.carried_ms + CARRY_EVERY_MS


def _range_skipped(draft: Draft, seen: RangeSkipped) -> None:
    draft.add(
        ev.SinkSkipped(
            **draft.head(because=(seen.id,)),
            sink=seen.sink,
            from_address=seen.first,
            to_address=seen.last,
            n=seen.n,
        )
    )


def _hold_changed(draft: Draft, seen: HoldChanged) -> None:
    draft.working = replace(draft.working, held=seen.held)
    entry = strategies.entry(draft.station)
    if not seen.held:
        entry.timer(draft)
        return
    for handshake in draft.station.handshakes:
        cycle.signal(draft, handshake, _signal(Kind.HELD, seen))
    entry.held(draft)


def _head_signed(draft: Draft, seen: HeadSigned) -> None:
    """Record a signature right behind what it signs; an older one says nothing new (X06)."""
    if (draft.state.epoch, draft.state.seq) == (seen.epoch, seen.seq):
        draft.add(
            ev.CheckpointSigned(
                **draft.head(),
                signed_seq=seen.seq,
                signed_hash=seen.hash,
                signed_at=seen.at,
                key=seen.key,
                signature=seen.signature,
            )
        )


_HANDLERS: Mapping[type[Any], Callable[[Draft, Any], None]] = {
    ValuesSeen: _values_seen,
    SnapshotRead: _snapshot_read,
    CodeScanned: _code_scanned,
    LinkChanged: _link_changed,
    SamplesLost: _samples_lost,
    TimerFired: _timer_fired,
    AskAnswered: _ask_answered,
    ClockMoved: _clock_moved,
    CommandGiven: _command_given,
    RangeSkipped: _range_skipped,
    HoldChanged: _hold_changed,
    HeadSigned: _head_signed,
}


def _wakeup(draft: Draft) -> int:
    """Return the next moment at which something falls due; what fell due just now comes next."""
    state, working, station = draft.state, draft.working, draft.station
    due_ms = (
        _carry_ms(draft),
        *cycle.deadlines(working, station.handshakes),
        *strategies.entry(station).deadlines(state, working),
        *scanning.deadlines(working),
        *people.deadlines(draft),
        *production.deadlines(state, working),
        *lot_scans.deadlines(draft),
        *labels.deadlines(state),
        *fitness.deadlines(draft),
        *installing.deadlines(working),
        *commands.deadlines(working),
        *parentage.deadlines(state, working),
        *watching.deadlines(draft),
        *machine.deadlines(draft),
    )
    return max(min(due_ms), draft.now_ms + 1)
