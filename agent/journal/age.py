"""By which clock events grow old: wall time, but never on the word of a clock that has jumped.

Rules:
    1. Ages are counted only while the clock is `synced` or `holdover` (D-91).
    2. A clock that was trusted and jumps forward has not made anything older: the jump is taken off
       again, in this run and in later ones (FAULTS C02). What was recorded after it then stays
       longer than it need.
    3. A jump of a clock that was not trusted yet is its being set: nothing is taken off.
"""

from __future__ import annotations

import orjson

from agent.ports import Row
from drivers.base import SET_CLOCKS, ClockState, Instant

STEP_MS = 500
"""A jump beyond this is none that a time server makes while it slews (D-90)."""


def stamp_of(row: Row) -> Instant:
    """Return when a row was made, by the clocks of that moment."""
    time = orjson.loads(row.body)["time"]
    return Instant(
        wall_ms=row.wall_ms,
        offset_min=time["offset_min"],
        boot_ms=time["boottime_ms"],
        boot_id=time["boot_id"],
        clock_state=ClockState(time["clock_state"]),
    )


class Ages:
    """The time that ages are counted by."""

    def __init__(self, ahead_ms: int, seen: Instant | None) -> None:
        """Go on from what the journal knows.

        Args:
            ahead_ms: How far jumps forward have taken the clock so far.
            seen: The clocks when they were last seen; None if they never were.
        """
        self.ahead_ms = ahead_ms
        self._seen = seen

    def see(self, now: Instant) -> int | None:
        """Return the wall time to count by; None while the clock is not to be trusted."""
        seen, self._seen = self._seen, now
        is_trusted = now.clock_state in SET_CLOCKS
        if seen is not None and seen.boot_id == now.boot_id and seen.clock_state in SET_CLOCKS:
            step_ms = (now.wall_ms - seen.wall_ms) - (now.boot_ms - seen.boot_ms)
            if abs(step_ms) > STEP_MS:
                self.ahead_ms = max(0, self.ahead_ms + step_ms)
        return now.wall_ms - self.ahead_ms if is_trusted else None
