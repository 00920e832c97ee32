"""The newest rows in memory: sinks that keep up never touch the disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from agent.ports import Address, Row

TAIL_ROWS = 1024


class Tail:
    """The last rows committed in this run, without a gap."""

    def __init__(self, most: int = TAIL_ROWS) -> None:
        self._rows: deque[Row] = deque(maxlen=most)

    def extend(self, rows: Iterable[Row]) -> None:
        """Add rows that were just committed; the oldest go."""
        self._rows.extend(rows)

    def after(self, address: Address | None, limit: int) -> list[Row] | None:
        """Return rows after an address, oldest first; None where they have to be read."""
        if address is None or not self._rows:
            return None
        first, last = self._rows[0], self._rows[-1]
        if not first.epoch == last.epoch == address.epoch or address.seq < first.seq - 1:
            return None
        begin = address.seq + 1 - first.seq
        return list(islice(self._rows, begin, begin + limit))
