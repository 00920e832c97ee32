"""What of a sink's coming and going is told: each change, until it changes too often.

Two agents of one client id throw each other out each few seconds, for as long as nobody looks. Each
time told, that is an event and a log line, and each event has to be sent over that very connection.

Laws:
    1. Who was told "connected" is told at once that it no longer is, and why.
    2. "Connected" is told at once, until a sink was lost `FREE` times in a row within `CALM_S`.
       From then on it has to hold first: `FIRST_HOLD_S`, and twice as long each time that it was
       told and did not hold.
    3. Nothing is silent: that it comes and goes is told once (`sink_unsteady`) and shown in
       `state`, and the "connected" that is told says how often it was lost.
    4. What else keeps a sink down is told once, `MOST_CAUSES` causes at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.ports import Clock
from agent.publisher import Condition, SinkState

FREE = 3
CALM_S = 600.0
"""A connection that held for so long was a good one."""
FIRST_HOLD_S, MOST_HOLD_S = 10.0, CALM_S
MOST_CAUSES = 3
"""Causes of one outage that are told: an error text may be another each time."""


class Steady:
    """One sink's coming and going in one run."""

    def __init__(
        self,
        clock: Clock,
        tell: Callable[[SinkState, int], None],
        unsteady: Callable[[SinkState, int], None],
    ) -> None:
        """Begin with a sink that was never connected.

        Args:
            clock: What holding is measured by.
            tell: Told what is to be told, and how often the sink was lost since it last was told
                to be connected.
            unsteady: Told once that it comes and goes, and how often it has so far.
        """
        self._clock = clock
        self._tell = tell
        self._unsteady = unsteady
        self._up_ms: int | None = None
        self._waiting: SinkState | None = None
        self._changed = asyncio.Event()
        self._is_up = False
        """What was told."""
        self._causes: set[str] = set()
        self._quick = self._losses = 0
        """Times in a row that it was told and did not hold; losses since it was told."""
        self.is_unsteady = False
        """Whether it comes and goes, as was told."""

    def see(self, state: SinkState) -> None:
        """Take a change, and tell it now, later or not at all."""
        if state.condition is Condition.CONNECTED:
            self._up_ms = self._now_ms()
            self._waiting = state
            if self._hold_s:
                self._changed.set()
            else:
                self._tell_up()
            return
        self._waiting = None
        is_lost_untold = self._up_ms is not None and not self._is_up
        self._note_loss()
        if self._is_up or (state.reason not in self._causes and len(self._causes) < MOST_CAUSES):
            self._is_up = False
            self._causes.add(state.reason)
            self._tell(state, self._losses)
        if is_lost_untold and not self.is_unsteady:
            self.is_unsteady = True
            self._unsteady(state, self._losses)

    async def keep(self) -> None:
        """Tell that a connection holds, once it has; awaited for as long as one lasts."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._waiting is not None and self._up_ms is not None:
                left_s = self._hold_s - (self._now_ms() - self._up_ms) / 1000
                if left_s <= 0:
                    self._tell_up()
                else:
                    await self._clock.sleep(left_s)

    @property
    def _hold_s(self) -> float:
        """How long a connection has to hold before it is told."""
        over = self._quick - FREE
        return 0.0 if over < 0 else min(FIRST_HOLD_S * 2.0 ** min(over, 10), MOST_HOLD_S)

    def _note_loss(self) -> None:
        if self._up_ms is None:
            return
        is_good = self._now_ms() - self._up_ms >= CALM_S * 1000
        self._up_ms = None
        self._losses += 1
        if self._is_up:
            self._quick = 0 if is_good else self._quick + 1

    def _tell_up(self) -> None:
        if self._waiting is not None:
            state, self._waiting = self._waiting, None
            losses, self._losses = self._losses, 0
            self._is_up, self.is_unsteady = True, False
            self._causes.clear()
            self._tell(state, losses)

    def _now_ms(self) -> int:
        return self._clock.now().boot_ms
