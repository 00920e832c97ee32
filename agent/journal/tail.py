"""The newest rows in memory: sinks that keep up never touch the disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from agent.ports import Address, Row

TAIL_ROWS = 4096
"""A sink behind by more reads from the disk, where each row has to be proven again."""
TAIL_BYTES = 8 << 20


class Tail:
    """The last rows committed in this run, without a gap."""

    def __init__(self, most: int = TAIL_ROWS, most_bytes: int = TAIL_BYTES) -> None:
        self._rows: deque[Row] = deque()
        self._most, self._most_bytes = most, most_bytes
        self._bytes = 0

    def extend(self, rows: Iterable[Row]) -> None:
        """Add rows that were just committed; the oldest go."""
        for row in rows:
            self._rows.append(row)
            self._bytes += len(row.body)
        while len(self._rows) > self._most or self._bytes > self._most_bytes:
            self._bytes -= len(self._rows.popleft().body)

    def after(self, address: Address | None, limit: int) -> list[Row] | None:
        """Return rows after an address, oldest first; None where they have to be read."""
        if address is None or not self._rows:
            return None
        first, last = self._rows[0], self._rows[-1]
        if not first.epoch == last.epoch == address.epoch or address.seq < first.seq - 1:
            return None
        begin = address.seq + 1 - first.seq
        left = len(self._rows) - begin
        if left > begin:
            return list(islice(self._rows, begin, begin + limit))
        newest_first = islice(reversed(self._rows), max(0, left - limit), max(0, left))
        return list(newest_first)[::-1]
