"""Where shifts end: on the station's local clock, as people read it off the wall (D-60, D-104).

Moments are local: UTC milliseconds plus the zone's offset of that moment. So a night in which the
clocks change needs no rule of its own: 06:00 is when the clock on the wall says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.core.events import EventTime
from drivers.base import SET_CLOCKS, Instant

DAY_MS = 86_400_000
MINUTE_MS = 60_000
LOOK_AGAIN_MS = 15 * MINUTE_MS
"""How long a wait may at most be: the wall clock may be moved meanwhile, by law or by hand."""


def local_now(now: Instant) -> int | None:
    """Return the local moment, None while the wall clock cannot be trusted (D-91)."""
    if now.clock_state not in SET_CLOCKS:
        return None
    return now.wall_ms + now.offset_min * MINUTE_MS


def local_then(time: EventTime) -> int | None:
    """Return the local moment of an event, None if the wall clock could not be trusted then."""
    if time.clock_state not in SET_CLOCKS:
        return None
    return time.received_ms + time.offset_min * MINUTE_MS


def last_end(ends: Sequence[int], local_ms: int) -> int:
    """Return the newest shift end at or before a local moment.

    Args:
        ends: Minutes of the day, at least one.
        local_ms: The local moment.
    """
    midnight = local_ms // DAY_MS * DAY_MS
    days = (midnight, midnight - DAY_MS)
    moments = (day + end * MINUTE_MS for day in days for end in ends)
    return max(moment for moment in moments if moment <= local_ms)


def next_end(ends: Sequence[int], local_ms: int) -> int:
    """Return the first shift end after a local moment; the arguments are those of `last_end`."""
    midnight = local_ms // DAY_MS * DAY_MS
    days = (midnight, midnight + DAY_MS)
    moments = (day + end * MINUTE_MS for day in days for end in ends)
    return min(moment for moment in moments if moment > local_ms)
