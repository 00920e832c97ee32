"""Why a station has no run: told when it begins, counted meanwhile, told when it is over."""

from __future__ import annotations

from agent.ports import Clock
from agent.seat import Tell


class Trouble:
    """The failures between two runs of one station."""

    def __init__(self, clock: Clock, tell: Tell) -> None:
        self._clock = clock
        self._tell = tell
        self._told: str | None = None
        self._since_ms = 0
        self._attempts = 0

    def came(self, event: str, at: str, error: Exception) -> None:
        """Take one failure; told unless it is the one that stands already."""
        if self._told is None:
            self._since_ms = self._clock.now().boot_ms
        self._attempts += 1
        if self._told != str(error):
            self._told = str(error)
            self._tell(event, at=at, error=str(error))

    def is_over(self, epoch: str) -> None:
        """Say that events are recorded again, and after a failure how long they were not."""
        down_s, attempts = None, None
        if self._told is not None:
            down_s = (self._clock.now().boot_ms - self._since_ms) / 1000
            attempts = self._attempts
        self._told, self._attempts = None, 0
        self._tell("epoch_started", epoch=epoch, down_s=down_s, attempts=attempts)
