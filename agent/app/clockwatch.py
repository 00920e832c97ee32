"""The wall clock against the boot clock: a jump is an event, with its size (D-90, PITFALLS C1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from agent.core.state import Astray
from agent.core.timekeeping import HINT
from agent.ports import Clock
from agent.seat import Tell
from drivers.base import ClockMoved, ClockState, Emit

LOOK_EVERY_S = 1.0
STEP_MS = 500
"""A jump beyond this is an event; below it, it is how a time server sets a clock."""


async def watch_clock(clock: Clock, tell: Tell, emit: Emit) -> None:
    """Say each jump of the wall clock, and whether it is set; return only by cancellation."""
    before, told = clock.now(), ClockState.SYNCED
    for number in count(1):
        await clock.sleep(LOOK_EVERY_S)
        now = clock.now()
        if now.clock_state is not told:
            told = now.clock_state
            is_set = told is ClockState.SYNCED
            said = "clock_synced" if is_set else "clock_unsynced"
            tell(said, state=str(told), unsynced_s=now.unsynced_s)
        step_ms = (now.wall_ms - before.wall_ms) - (now.boot_ms - before.boot_ms)
        before = now
        if abs(step_ms) > STEP_MS:
            tell("clock_stepped", step_ms=step_ms)
            await emit(
                ClockMoved(
                    id=f"clock-{number}",
                    device="",
                    earliest_ms=now.boot_ms,
                    latest_ms=now.boot_ms,
                    received=now,
                    step_ms=step_ms,
                )
            )


class DeviceClocks:
    """Says once of each device that its clock does not go with ours, and once that it does."""

    def __init__(self, tell: Tell, where: Callable[[str], str]) -> None:
        self._tell, self._where = tell, where
        self._told: frozenset[str] = frozenset()

    def look(self, astray: Mapping[str, Astray]) -> None:
        """Tell what has changed."""
        for device in sorted(astray.keys() ^ self._told):
            seen, at = astray.get(device), self._where(device)
            if seen is None:
                self._tell("device_clock_right", at=at, device=device)
            else:
                off_s = seen.off_ms / 1000
                self._tell(
                    "device_clock_wrong", at=at, device=device, tag=seen.tag, off_s=off_s, hint=HINT
                )
        self._told = frozenset(astray)
