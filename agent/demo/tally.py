"""What a station has committed, counted from its journal beside the running agent.

The journal is read through two functions that the composition root hands in: they are those of
`lineside events` and `lineside verify`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.ports import Row

_PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What `lineside verify` says of a journal."""

    rows: int
    epochs: int
    whole: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a journal is read: handed in by the composition root."""

    newest: Callable[[Path, int | None], Sequence[Row]]
    """(journal, limit) -> rows, the newest first; none where there is no journal yet."""
    verify: Callable[[Path], Verdict]


class Tally:
    """One station's committed events, by kind and by epoch; `update` reads what is new."""

    def __init__(self, journal: Path, reading: Reading) -> None:
        self.journal = journal
        self.kinds: Counter[str] = Counter()
        self.last: dict[str, int] = {}
        """The last seq of each epoch."""
        self.pieces = 0
        """Sum of `lot_counted.n`."""
        self._reading = reading

    def update(self) -> None:
        """Count what was committed since the last time."""
        limit: int | None = _PAGE
        rows = self._reading.newest(self.journal, limit)
        if len(rows) == limit and self._is_new(rows[-1]):
            rows = self._reading.newest(self.journal, None)
        for row in reversed(rows):
            if self._is_new(row):
                self._count(row)

    @property
    def committed(self) -> int:
        """How many events there are."""
        return self.kinds.total()

    def verify(self) -> Verdict:
        """Return what `lineside verify` says."""
        return self._reading.verify(self.journal)

    def _is_new(self, row: Row) -> bool:
        return row.seq > self.last.get(row.epoch, 0)

    def _count(self, row: Row) -> None:
        self.last[row.epoch] = row.seq
        self.kinds[row.kind] += 1
        if row.kind == "lot_counted":
            self.pieces += json.loads(row.body)["n"]
