"""What the machine does: running, idle, down and why, the raw material of OEE (D-105 to D-108).

One source a station, which each event names: a PackML state word in the numbering that the file
names, a word of the PLC's own, a run bit with a fault bit, or the counter's activity. What cannot
be seen is `unknown`, neither up nor down: no contact, no trusted heartbeat, no good value, a number
that nothing stands for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique

from agent.core import events as ev
from agent.core import modes, production
from agent.core.anew import replace
from agent.core.counting import whole
from agent.core.draft import Draft, Fold
from agent.core.packml import STATES
from agent.core.parts import Shown
from agent.core.state import Activity, Reading, State, Working
from agent.core.station import Category, StateSource, Station


@unique
class Source(StrEnum):
    """Where a state was seen, best first (D-105)."""

    PACKML = "packml"
    WORD = "word"
    BITS = "bits"
    COUNTER = "counter"


UNKNOWN = Category.UNKNOWN.value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the newest readings say."""

    shown: Shown
    code: int | None = None
    earliest_ms: int
    latest_ms: int


def settle(draft: Draft) -> None:
    """Record a change of state, with what was counted until then (D-29)."""
    plan = draft.station.state
    if plan is None:
        return
    _note_activity(draft, plan)
    seen = _seen(draft, plan)
    known = draft.state.machine.shown or Shown(state=UNKNOWN, category=UNKNOWN)
    if seen.shown == known:
        return
    production.flush(draft)
    draft.add(
        ev.MachineStateChanged(
            **(draft.head() | {"operators": ()}),  # what OEE is made of names nobody (D-66)
            source=source(plan).value,
            state=seen.shown.state,
            category=seen.shown.category,
            previous=known.category,
            code=seen.code,
            reason=seen.shown.reason,
            mode=seen.shown.mode,
            earliest_ms=seen.earliest_ms,
            latest_ms=seen.latest_ms,
        )
    )


def source(plan: StateSource) -> Source:
    """Return where the station sees its machine's state."""
    if plan.numbering is not None:
        return Source.PACKML
    if plan.word is not None:
        return Source.WORD
    return Source.BITS if plan.run is not None else Source.COUNTER


def _seen(draft: Draft, plan: StateSource) -> _Seen:
    working, now_ms = draft.working, draft.now_ms
    link = working.links.get(plan.device)
    unknown = _Seen(
        shown=Shown(state=UNKNOWN, category=UNKNOWN), earliest_ms=now_ms, latest_ms=now_ms
    )
    if link is None or not link.up or not working.trusts(plan.device):
        return unknown
    if source(plan) is Source.COUNTER:
        seen = _by_counter(plan, working.activity, now_ms)
    elif plan.word is not None:
        seen = _by_word(plan, working.readings.get(plan.word))
    else:
        seen = _by_bits(plan, working)
    if seen is None:
        return unknown
    shown = replace(seen.shown, reason=_reason(plan, working), mode=_mode(draft.station, working))
    return replace(seen, shown=shown)


def _by_word(plan: StateSource, reading: Reading | None) -> _Seen | None:
    code = whole(reading.good) if reading else None
    if reading is None or code is None:
        return None
    if plan.numbering is not None:
        name = STATES[plan.numbering].get(code)
        category = plan.categories.get(name) if name else None
    else:
        category = plan.values.get(code)
        name = category.value if category else None
    shown = Shown(state=name or UNKNOWN, category=(category or Category.UNKNOWN).value)
    return _Seen(
        shown=shown, code=code, earliest_ms=reading.earliest_ms, latest_ms=reading.latest_ms
    )


def _by_bits(plan: StateSource, working: Working) -> _Seen | None:
    tags = [tag for tag in (plan.run, plan.fault) if tag]
    readings = [working.readings.get(tag) for tag in tags]
    bits = [reading.good if reading else None for reading in readings]
    if None in bits:
        return None
    newest = max((r for r in readings if r), key=lambda reading: reading.latest_ms)
    category = Category.RUNNING if bits[0] else Category.IDLE
    if any(bits[1:]):
        category = Category.DOWN
    shown = Shown(state=category.value, category=category.value)
    return _Seen(shown=shown, earliest_ms=newest.earliest_ms, latest_ms=newest.latest_ms)


def _by_counter(plan: StateSource, activity: Activity | None, now_ms: int) -> _Seen | None:
    """A cycle that ended lately is running; none for so long is stopped; else nobody knows yet."""
    if activity is None:
        return None
    stops_ms = activity.at_ms + plan.quiet_ms
    if now_ms < stops_ms and not activity.moved:
        return None
    is_running = now_ms < stops_ms
    category = Category.RUNNING if is_running else Category.STOPPED
    since_ms = activity.at_ms if is_running else stops_ms
    shown = Shown(state=category.value, category=category.value)
    return _Seen(shown=shown, earliest_ms=activity.at_ms, latest_ms=since_ms)


def _note_activity(draft: Draft, plan: StateSource) -> None:
    """Note when the counter moved last; with a lost link nothing is known of it."""
    counter, known = draft.station.counter, draft.working.activity
    if counter is None or source(plan) is not Source.COUNTER:
        return
    reading = draft.working.readings.get(counter.tag)
    count = whole(reading.good) if reading else None
    if reading is None or count is None:
        newer = None
    elif known is None:
        newer = Activity(count=count, at_ms=reading.latest_ms)
    elif count == known.count:
        return
    else:
        newer = Activity(count=count, at_ms=reading.latest_ms, moved=True)
    draft.working = replace(draft.working, activity=newer)


def _reason(plan: StateSource, working: Working) -> str | None:
    reading = working.readings.get(plan.reason or "")
    return None if reading is None or reading.good is None else str(reading.good)


def _mode(station: Station, working: Working) -> str | None:
    if station.mode is None:
        return None
    reading = working.readings.get(station.mode.tag)
    return modes.word(station.mode, reading.seen if reading else None)


def deadlines(draft: Draft) -> Iterator[int]:
    """Yield when a counter that stands still says that the machine has stopped."""
    plan, activity = draft.station.state, draft.working.activity
    if plan is not None and activity is not None and draft.now_ms < activity.at_ms + plan.quiet_ms:
        yield activity.at_ms + plan.quiet_ms


def _changed(state: State, event: ev.MachineStateChanged) -> State:
    shown = Shown(state=event.state, category=event.category, reason=event.reason, mode=event.mode)
    return replace(state, machine=replace(state.machine, shown=shown))


EVOLVES: Mapping[type[ev.Event], Fold] = {ev.MachineStateChanged: _changed}
