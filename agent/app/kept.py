"""Scans that came while nothing could be recorded: kept in memory for the next run.

A reader cannot be asked again, so what it sent is held until it can be decided. What cannot be held
is counted, and the next run records the number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from drivers.base import CodeScanned

MOST = 1000
"""Scans kept at most: hours of work at one reader."""


class KeptScans:
    """The scans of one station between two runs, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[CodeScanned] = deque()
        self._lost = 0

    def keep(self, seen: CodeScanned, conceal: Callable[[CodeScanned], CodeScanned] | None) -> None:
        """Keep one more; a badge never in clear, so nothing before there is a key (D-64)."""
        if conceal is None or len(self._kept) >= MOST:
            self._lost += 1
        else:
            self._kept.append(conceal(seen))

    def put_back(self, older: Iterable[CodeScanned]) -> None:
        """Take what a run could not record: it came before all that was kept since."""
        self._kept.extendleft(reversed(list(older)))

    def take(self) -> Iterator[CodeScanned]:
        """Yield what was kept, oldest first, and forget it."""
        while self._kept:
            yield self._kept.popleft()

    def take_lost(self) -> int:
        """Return how many could not be kept since the last call."""
        lost, self._lost = self._lost, 0
        return lost
