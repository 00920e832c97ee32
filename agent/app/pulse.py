"""Whether a run's journal would take an event now, although none may come for hours.

The writer is made to move at each beat, so that a disk that hangs is known before the next part is
there (PITFALLS D1); how much space is left is the journal's own to know.
"""

from __future__ import annotations

from typing import Protocol

from agent.core.state import NotReady
from agent.ports import Clock

BEAT_EVERY_S = 10.0
SLOW_BEAT_MS = 2000
"""A beat that takes longer is told as a slow disk."""


class Beating(Protocol):
    """What is asked of the journal."""

    @property
    def trouble(self) -> str | None:
        """Why nothing can be recorded now; None when all is well."""
        ...

    async def beat(self) -> None:
        """Return when the writer has moved. Raises JournalError: it cannot."""
        ...


class Pulse:
    """The journal's life in one run."""

    def __init__(self, journal: Beating, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._began_ms: int | None = None

    async def keep_feeling(self) -> None:
        """Make the journal's writer move now and then; return only by cancellation.

        Raises:
            JournalError: it cannot write any more; the run is over.
        """
        while True:
            await self._clock.sleep(BEAT_EVERY_S)
            self._began_ms = self._clock.now().boot_ms
            await self._journal.beat()
            self._began_ms = None

    def trouble(self) -> NotReady:
        """Return why an event could not be recorded now, or READY."""
        if self._journal.trouble is not None:
            return NotReady.DISK_FULL
        began_ms = self._began_ms
        if began_ms is not None and self._clock.now().boot_ms - began_ms >= SLOW_BEAT_MS:
            return NotReady.SLOW_DISK
        return NotReady.READY
