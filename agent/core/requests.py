"""Which request a snapshot shows, and whether an event answers it already (D-20, D-33).

Theory: a request is named by the device's generation, the request number and what the guard held.
An event with the same name answers it: the same answer again, and no second event. A number that
went back without a wrap says that the PLC lost its memory: a new generation begins, in which
every number is new. Without numbers the guard's content takes their place, within one run only.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from agent.core import events as ev
from agent.core.anew import replace
from agent.core.counting import StepKind, judge_step, whole
from agent.core.draft import Draft, Fold
from agent.core.parts import LONG_AGO, Answered, CycleState, Started
from agent.core.state import Left, Rise, Snapshot, State
from agent.core.station import Handshake, Strategy
from drivers.base import Quality, Scalar, SnapshotRead, TagValue

WRAP_WITHIN = 64
"""A request number wraps if the old one is within this of the modulus and the new one below it."""
PLC_RESTARTED = "plc_restarted"
BEGUN_ANEW = "begun_anew"
TRIGGER_FELL = "trigger_fell"
PART_REMOVED = "part_removed"


def shown(draft: Draft, handshake: Handshake, read: SnapshotRead, rise: Rise) -> Snapshot:
    """Return which request a coherent snapshot shows."""
    values = {value.tag: value for value in read.values}
    for tag in (*handshake.snapshot_guard, *handshake.snapshot_tags):
        values.setdefault(tag, TagValue(tag=tag, value=None, quality=Quality.BAD, code="missing"))
    counter = counter_tag(draft.state, handshake)
    request = number(values, handshake.request)
    count = number(values, counter)
    content = (*handshake.guard, *handshake.code_tags)
    found = generation(draft.state, handshake, request, count)
    left = draft.live(handshake.name).left
    return Snapshot(
        id=read.id,
        rise=left.rise if left and is_same(left, found, request) else rise,
        generation=found,
        request=request,
        content=tuple(_plain(values[tag].value) for tag in content),
        count=count,
        values=values,
    )


def is_same(left: Left, generation_: int, request: int | None) -> bool:
    """Return whether a request is the one that was left; without a number nobody can tell."""
    return request is not None and (left.generation, left.request) == (generation_, request)


def counter_tag(state: State, handshake: Handshake) -> str | None:
    """Return the counter to be read in this handshake's snapshots, None where there is none."""
    counter = state.station.counter
    if counter is None or counter.device != handshake.device:
        return None
    return counter.tag if records(state, handshake) else None


def records(state: State, handshake: Handshake) -> bool:
    """Return whether this handshake stores the cycle: `end`, or the only one."""
    last = [each.name for each in state.station.handshakes[-1:]]
    return last in ([], [handshake.name])


def number(values: Mapping[str, TagValue], tag: str | None) -> int | None:
    """Return a tag's whole number where it reads GOOD."""
    seen = values.get(tag or "")
    return whole(seen.value) if seen is not None and seen.quality is Quality.GOOD else None


def _plain(value: Scalar | None) -> Scalar | None:
    """Return what JSON brings back as it was: large integers as text, whole floats as integers."""
    if isinstance(value, float):
        if not isfinite(value):
            return None
        value = int(value) if value.is_integer() else value
    if isinstance(value, int) and abs(value) > -LONG_AGO:
        return str(value)
    return value


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
    is_of_run = answered.epoch == state.epoch and not _has_gone_on(state, handshake, answered)
    return same and is_of_run and _is_named(handshake, answered, snapshot)


def _has_gone_on(state: State, handshake: Handshake, answered: Answered) -> bool:
    """Whether the station's other handshake was answered since: the same unit is here once more."""
    return any(
        name != handshake.name and other.risen_ms > answered.risen_ms
        for name, other in state.cycle.answered.items()
    )


def _is_named(handshake: Handshake, answered: Answered, snapshot: Snapshot) -> bool:
    """Return whether what a snapshot holds can stand for a number: the guard, or a unit's code.

    A tag that holds no code, or none that was understood, names no request: so may the next one.
    """
    guard = len(handshake.guard)
    content = snapshot.content[: None if answered.unit is not None else guard]
    return any(str(value).strip() for value in content if value is not None)


def generation(state: State, handshake: Handshake, request: int | None, count: int | None) -> int:
    """Return the device generation: one more where the request went back without a wrap (D-33).

    Without request numbers a counter that went back says the same.
    """
    current = state.cycle.generations.get(handshake.name, 1)
    answered = state.cycle.answered.get(handshake.name)
    if answered is None or answered.generation != current:
        return current
    if request is not None and answered.request is not None:
        back = request < answered.request and not _wrapped(handshake, answered.request, request)
        return current + 1 if back else current
    counter = state.station.counter
    if counter is None or count is None or answered.count is None:
        return current
    judged = judge_step(counter, answered.count, count, None)
    return current + 1 if judged.kind is StepKind.RESET else current


def _wrapped(handshake: Handshake, old: int, new: int) -> bool:
    """Return whether the number went on from the end of its range to the begin (D-31)."""
    if handshake.modulus is None:
        return False
    within = max(1, min(WRAP_WITHIN, handshake.modulus // 4))
    return old >= handshake.modulus - within and new < within


def doubts(
    state: State, handshake: Handshake, snapshot: Snapshot, *, seven: bool
) -> tuple[ev.Why, ...]:
    """Return what speaks against a request that no event answers being a new one.

    `seven`: the trigger before was answered with a 7, so that its request may come again (D-40).
    """
    answered = state.cycle.answered.get(handshake.name)
    if handshake.name in state.cycle.suspect:
        return (ev.Why.REPEAT_POSSIBLE,)
    if snapshot.request is None:
        again = _may_come_again(state, handshake, snapshot, seven=seven)
        return (ev.Why.REPEAT_POSSIBLE,) if again else ()
    if answered is None or answered.generation != snapshot.generation:
        return ()
    conflict = answered.request == snapshot.request
    return (ev.Why.REQUEST_ID_CONFLICT,) if conflict else ()


def _may_come_again(state: State, handshake: Handshake, snapshot: Snapshot, *, seven: bool) -> bool:
    """Whether a request without a number may be the answered one: only what it holds tells."""
    answered = state.cycle.answered.get(handshake.name)
    if answered is None:
        return not snapshot.rise.seen_low
    if _is_named(handshake, answered, snapshot) and answered.epoch == state.epoch:
        return False  # with the same content the event would answer it
    if not snapshot.rise.seen_low:
        return True
    same = answered.content == snapshot.content
    return same and (seven or answered.epoch != state.epoch)


# ------------------------------------------------------------------ what was not seen


def restarted(
    draft: Draft, handshake: Handshake, request: int | None, count: int | None = None
) -> None:
    """Begin a new device generation if the PLC has lost its memory (D-33)."""
    found = generation(draft.state, handshake, request, count)
    if found != draft.state.cycle.generations.get(handshake.name, 1):
        draft.add(
            ev.CycleAborted(
                **draft.head(),
                handshake=handshake.name,
                generation=found,
                request=request,
                reason=PLC_RESTARTED,
            )
        )


def note_missed(draft: Draft, handshake: Handshake, snapshot: Snapshot, until_ms: int) -> None:
    """Say how many cycles lie between the newest answered one and this: nothing stands for them.

    The counter knows best; where there is none, the request number does. One of the two, so that
    no cycle is missed twice. Where some of its pieces are of lots, `steps` says what was missed.
    """
    answered = draft.state.cycle.answered.get(handshake.name)
    if answered is None or answered.generation != snapshot.generation:
        return
    if not records(draft.state, handshake) or handshake.name in draft.state.cycle.suspect:
        return
    head = draft.head(because=(answered.address, snapshot.id))
    between = {"first_ms": answered.risen_ms, "last_ms": until_ms}
    shares = draft.state.station.products is not None and draft.station.counts_pieces
    event = None if shares else _missed_by_counter(draft, answered, snapshot, head | between)
    if event is None and (snapshot.count is None or answered.count is None):
        event = _missed_by_request(handshake, answered, snapshot, head | between)
    if event is not None:
        draft.add(event)


def _missed_by_counter(
    draft: Draft, answered: Answered, snapshot: Snapshot, head: dict[str, Any]
) -> ev.CycleMissed | ev.CounterReset | None:
    counter, old, new = draft.station.counter, answered.count, snapshot.count
    if counter is None or old is None or new is None:
        return None
    elapsed_ms = None if answered.rise_ms == LONG_AGO else draft.now_ms - answered.rise_ms
    judged = judge_step(counter, old, new, elapsed_ms)
    if judged.n is None:
        return ev.CounterReset(
            **draft.head(because=(answered.address, snapshot.id)),
            tag=counter.tag,
            from_count=old,
            to_count=new,
            reason=judged.kind.value,
            first_ms=head["first_ms"],
            last_ms=head["last_ms"],
        )
    if judged.n < 2:  # noqa: PLR2004 - one step is this very cycle
        return None
    return ev.CycleMissed(**head, n=judged.n - 1, reason="counter", from_count=old, to_count=new)


def _missed_by_request(
    handshake: Handshake, answered: Answered, snapshot: Snapshot, head: dict[str, Any]
) -> ev.CycleMissed | None:
    old, new, modulus = answered.request, snapshot.request, handshake.modulus
    if old is None or new is None:
        return None
    gap = new - old - 1 if modulus is None else (new - old) % modulus - 1
    if gap < 1:
        return None
    n = gap if modulus is None or gap <= modulus // 2 else None
    return ev.CycleMissed(**head, n=n, reason="request", from_count=old, to_count=new)


# ------------------------------------------------------------------ fold


def _with(state: State, cycle: CycleState) -> State:
    return replace(state, cycle=cycle)


def _answered(state: State, event: ev.UnitEvent, started: Started | None, *, bound: bool) -> State:
    cycle = state.cycle
    before = cycle.answered.get(event.handshake)
    since_ms = max((each.rise_ms for each in cycle.answered.values()), default=LONG_AGO)
    if before is not None and ev.Why.REPEAT_POSSIBLE in event.why:
        since_ms = before.since_ms  # it may be the cycle that was answered already
    if before is not None and (before.epoch, before.snapshot) != (event.epoch, event.because[-1]):
        before = None  # another cycle; the cavities of one share what they were judged by
    since_ms = since_ms if before is None else before.since_ms
    answered = Answered(
        generation=event.generation,
        request=event.request,
        content=event.content,
        code=event.answer,
        address=event.address,
        epoch=event.epoch,
        snapshot=event.because[-1],
        bound=bound and (before is None or before.bound),
        unit=event.unit,
        rise_ms=event.earliest_ms,
        risen_ms=event.latest_ms,
        count=event.count,
        others=event.candidates if isinstance(event, ev.UnitUnbound) else (),
        since_ms=since_ms,
        early=bound and _is_early(state, event),
    )
    return _with(
        state,
        CycleState(
            answered={**cycle.answered, event.handshake: answered},
            generations={**cycle.generations, event.handshake: event.generation},
            started=started,
            suspect=tuple(name for name in cycle.suspect if name != event.handshake),
        ),
    )


def _is_early(state: State, event: ev.UnitEvent) -> bool:
    """Whether a cycle took a scan that is to come before its trigger, and may have come after."""
    return state.station.pairing.strategy is not Strategy.CYCLE_THEN_SCAN and any(
        pending.latest_ms > event.earliest_ms
        for pending in state.pairing.pending
        if pending.address in event.because
    )


def _left_open(state: State, unit: str | None) -> tuple[ev.Why, ...]:
    """Return why `end` may be that of another unit, which was let in and has had none."""
    before = state.cycle.started
    if before is None or before.unit == unit or ev.Why.CYCLE_BETWEEN not in before.doubts:
        return ()
    return (ev.Why.CYCLE_BETWEEN,)


def _unit_started(state: State, event: ev.UnitStarted) -> State:
    doubts = () if event.certainty is ev.Certainty.CERTAIN else event.why
    started = Started(
        unit=event.unit or "",
        product=event.product,
        cycle=event.cycle,
        address=event.address,
        rise_ms=event.earliest_ms,
        doubts=tuple(dict.fromkeys((*doubts, *_left_open(state, event.unit)))),
        operators=event.operators,
    )
    return _answered(state, event, started, bound=True)


def _unit_completed(state: State, event: ev.UnitCompleted) -> State:
    return _answered(state, event, None, bound=True)


def _cycle_counted(state: State, event: ev.CycleCounted) -> State:
    return _answered(state, event, None, bound=True)


def _unit_declined(state: State, event: ev.UnitRefused | ev.UnitUnbound) -> State:
    return _answered(state, event, None, bound=False)


def _aborted(state: State, event: ev.CycleAborted) -> State:
    cycle = state.cycle
    generations = {**cycle.generations, event.handshake: event.generation}
    started = cycle.started
    if started is not None and event.reason in {PLC_RESTARTED, BEGUN_ANEW}:
        doubts = dict.fromkeys((*started.doubts, ev.Why.CYCLE_BETWEEN))
        started = replace(started, doubts=tuple(doubts))
    if event.reason == PART_REMOVED:
        started = None
    return _with(state, replace(cycle, generations=generations, started=started))


def _corrected(state: State, event: ev.EventCorrected) -> State:
    """An answer that was corrected is bound to nothing for certain any more.

    Where a person said what is right instead, it is bound all the same.
    """
    if event.replacement:
        return state
    cycle = state.cycle
    answered = {
        name: replace(each, bound=False, others=(*each.others, *event.candidates))
        if each.address in event.supersedes
        else each
        for name, each in cycle.answered.items()
    }
    return _with(state, replace(cycle, answered=answered))


def _history_lost(state: State, _event: ev.HistoryLost) -> State:
    """What was answered in the lost range is not known: the next request may be a repeat."""
    every = tuple(handshake.name for handshake in state.station.handshakes)
    return _with(state, replace(state.cycle, started=None, suspect=every))


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    if event.time.boot_id == state.run.boot_id:
        return state
    cycle = state.cycle
    answered = {
        name: replace(answered, rise_ms=LONG_AGO, risen_ms=LONG_AGO, since_ms=LONG_AGO)
        for name, answered in cycle.answered.items()
    }
    started = replace(cycle.started, rise_ms=LONG_AGO) if cycle.started else None
    return _with(state, replace(cycle, answered=answered, started=started))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.HistoryLost: _history_lost,
    ev.UnitStarted: _unit_started,
    ev.UnitCompleted: _unit_completed,
    ev.UnitRefused: _unit_declined,
    ev.UnitUnbound: _unit_declined,
    ev.CycleCounted: _cycle_counted,
    ev.CycleAborted: _aborted,
    ev.EventCorrected: _corrected,
}
