"""Whether the clocks of devices go with ours (FAULTS C08, U08).

A device's time is kept as it was given, and orders nothing: what came before what is ours to say,
by the boot clock (D-24). So a device's clock that is wrong or jumps costs no binding, but whoever
reads its times is misled, and is told.

Laws:
    1. Only a value that was seen to change is judged: an old time on an unchanged value is right,
       for it says when the value changed last (D-94). It changed between two moments of ours; its
       time has to lie there, give or take what is allowed.
    2. Nothing is judged while our own clock is not set: nobody knows whose is wrong.
    3. One fault a device, raised by the first value whose time is off, and cleared by one that is
       right a minute after the last that was not: a gateway that gives some values late raises one
       fault, and not one with each of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.core import events as ev
from agent.core.anew import replace
from agent.core.draft import Draft
from agent.core.state import Astray, Reading
from drivers.base import SET_CLOCKS, Quality, TagValue, ValuesSeen

STEADY_MS = 60_000
"""For so long no time may have been off before the fault is cleared."""
HINT = (
    "set the device's clock, or see that the gateway before it holds no values back; order and "
    "bindings go by our own clock"
)


def source(device: str) -> str:
    """Return what the fault is raised for; no tag's fault has such a name."""
    return f"{device}:clock"


def seen(draft: Draft, values: ValuesSeen, before: Mapping[str, Reading]) -> None:
    """Judge the times of what has changed.

    Args:
        draft: The decision; its readings are those after the change.
        values: What was seen.
        before: The readings before it.
    """
    if draft.now.clock_state not in SET_CLOCKS:
        return
    for value in values.values:
        if value.source_ms is None and value.ahead_ms is None:
            continue
        off_ms = _off_ms(value, values, before.get(value.tag))
        if off_ms is not None:
            _judge(draft, values.device, value.tag, off_ms)


def _off_ms(value: TagValue, values: ValuesSeen, before: Reading | None) -> int | None:
    """Return how far a time is ahead of ours (behind: less than 0); None where nothing says."""
    if value.ahead_ms is not None:
        return value.ahead_ms
    if before is None or before.good is None or value.source_ms is None:
        return None
    if value.quality is not Quality.GOOD or value.value == before.good:
        return None
    wall_ms, boot_ms = values.received.wall_ms, values.received.boot_ms
    first_ms = wall_ms - (boot_ms - values.earliest_ms)
    last_ms = wall_ms - (boot_ms - values.latest_ms)
    return max(0, value.source_ms - last_ms) + min(0, value.source_ms - first_ms)


def _judge(draft: Draft, device: str, tag: str, off_ms: int) -> None:
    """Raise the fault, or clear it when its time has come."""
    within_ms = draft.station.clock_within_ms(device)
    astray = draft.working.clocks.get(device)
    if abs(off_ms) > within_ms:
        if astray is None:
            draft.add(
                ev.FaultRaised(
                    **draft.head(),
                    source=source(device),
                    cause=cause(tag, off_ms, within_ms),
                    hint=HINT,
                )
            )
        found = Astray(tag=tag, off_ms=off_ms, at_ms=draft.now_ms)
        draft.working = replace(draft.working, clocks={**draft.working.clocks, device: found})
    elif astray is not None and draft.now_ms >= astray.at_ms + STEADY_MS:
        clocks = {name: one for name, one in draft.working.clocks.items() if name != device}
        draft.working = replace(draft.working, clocks=clocks)
        draft.add(ev.FaultCleared(**draft.head(), source=source(device)))


def cause(tag: str, off_ms: int, within_ms: int) -> str:
    """Return by how much a time is off, and by whose value that was seen."""
    way = "ahead of" if off_ms > 0 else "behind"
    return (
        f"'{tag}' changed with a time {abs(off_ms) / 1000:.3f} s {way} ours; "
        f"{within_ms / 1000:.3f} s are allowed"
    )
