"""Units that the PLC let go without an answer: by its bypass key, or because none came (D-40).

The PLC counts them, so that nothing is lost while nobody could be told: what its counter went on
by is recorded once contact is back. They are unidentified units of the station (D-7). Where the
requests or a piece counter tell of the same cycles, `cycle_missed` counts the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.core import events as ev
from agent.core.anew import replace
from agent.core.counting import judge_step, whole
from agent.core.draft import Draft, Fold
from agent.core.parts import LONG_AGO, Counted
from agent.core.state import State


def seen(draft: Draft, changed: set[str]) -> None:
    """Take the key and the counter from what was read."""
    plan, readings = draft.station.bypass, draft.working.readings
    if plan is None:
        return
    key = readings.get(plan.key or "")
    if plan.key in changed and key is not None and key.good is not None:
        is_on = bool(key.good)
        if is_on != draft.state.machine.bypass_on:
            draft.add(ev.BypassSwitched(**draft.head(), on=is_on))
    passed = readings.get(plan.counter.tag)
    count = whole(passed.good) if passed else None
    if plan.counter.tag in changed and passed is not None and count is not None:
        _passed(draft, count, passed.latest_ms)


def _passed(draft: Draft, count: int, at_ms: int) -> None:
    """Record what the counter went on by; its first reading is what later ones go on from."""
    plan, machine = draft.station.bypass, draft.state.machine
    if plan is None or (machine.passed is not None and machine.passed.count == count):
        return
    known = machine.passed or Counted(count=count, at_ms=at_ms, epoch=draft.state.epoch)
    draft.add(
        ev.InterlockBypassed(
            **draft.head(),
            tag=plan.counter.tag,
            from_count=known.count,
            to_count=count,
            n=judge_step(plan.counter, known.count, count, None).n,
            key_on=machine.bypass_on,
            first_ms=known.at_ms,
            last_ms=at_ms,
        )
    )


def _bypassed(state: State, event: ev.InterlockBypassed) -> State:
    passed = Counted(count=event.to_count, at_ms=event.last_ms, epoch=event.epoch)
    return replace(state, machine=replace(state.machine, passed=passed))


def _switched(state: State, event: ev.BypassSwitched) -> State:
    return replace(state, machine=replace(state.machine, bypass_on=event.on))


def _agent_started(state: State, event: ev.AgentStarted) -> State:
    passed = state.machine.passed
    if passed is None or event.time.boot_id == state.run.boot_id:
        return state
    passed = replace(passed, at_ms=LONG_AGO)
    return replace(state, machine=replace(state.machine, passed=passed))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.InterlockBypassed: _bypassed,
    ev.BypassSwitched: _switched,
}
