"""The walk through history, from the newest row back: what holds, what is missing, what to fold.

Rules:
    1. A row holds when its hash fits its content, it stands where its address says, and its
       successor (or the mark, for the newest) names that hash.
    2. An address is known to have existed when a damaged row stands there, when a later row of its
       epoch holds, when the next epoch's `agent_started` names it as the end, or when the mark
       does. What is known and does not hold is lost, and named.
    3. A row beyond what the next epoch names as the end never became part of history: an orphan.
    4. Where old rows were pruned, the edge stands for them: the oldest row has to follow it.
    5. The fold starts at the newest complete set of `state_carried` and never runs across a hole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from agent.journal.chain import Edge, Proven, ordinal, ordinal_at, place, prove, seq_at
from agent.journal.mark import Mark
from agent.journal.store import Stored
from agent.ports import Address, Row

Gap = tuple[str, int, int]
"""Epoch, first and last seq."""
Lost = tuple[str, int, int, str]
"""The same with the reason."""


class Walk:
    """One pass over the rows; read the results when `run` has ended."""

    def __init__(
        self, mark: Mark | None, told: Sequence[Gap] = (), edge: Edge | None = None
    ) -> None:
        self._mark = mark
        self._told = told
        self._edge = edge.proven() if edge is not None else None
        self.is_edge_true = True
        """False when the oldest row is the edge's successor and names another hash."""
        self._newer: Proven | None = None
        self._damaged: list[int] = []
        """Places of the damaged rows met since `_newer`."""
        self.hole = False
        """Whether something is missing right after the row at hand, told or not."""
        self.newest: Row | None = None
        self.lost: list[Lost] = []
        """Newest first, without what was told before."""
        self.orphans: list[int] = []
        self.rows = 0
        """How many rows hold."""

    def run(self, stored: Iterable[Stored]) -> Iterator[tuple[Proven, bool]]:
        """Yield each row that holds, newest first, with whether a hole lies right after it."""
        for where, body in stored:
            found = prove(body)
            if found is not None and self._is_orphan(found, where):
                self.orphans.append(where)
            elif found is None or found.place != where or not self._is_linked(found):
                self._damaged.append(found.place if found else where)
            else:
                self._join(found)
                self.rows += 1
                self.newest = self.newest or found.row
                yield found, self.hole
                self._newer = found
        self._join_edge()

    def _join_edge(self) -> None:
        """See that nothing is missing before the oldest row that holds."""
        newer, edge = self._newer, self._edge
        if edge is not None and newer is not None:
            is_next = newer.place == edge.place + 1 or newer.previous == edge.row.address
            self.is_edge_true = not is_next or newer.prev == edge.row.hash
        self._join(edge)

    def _is_orphan(self, found: Proven, where: int) -> bool:
        end = self._newer.previous if self._newer is not None else None
        return end is not None and found.place == where > place(end)

    def _is_linked(self, found: Proven) -> bool:
        newer, mark = self._newer, self._mark
        if mark is not None and mark.address == found.row.address and mark.hash != found.row.hash:
            return False
        if newer is None or (
            found.place + 1 != newer.place and newer.previous != found.row.address
        ):
            return True  # no neighbour to ask
        return newer.prev == found.row.hash

    def _join(self, older: Proven | None) -> None:
        """Name what is known to have existed between `older` and the row after it."""
        newer = self._newer
        if newer and older and older.place + 1 == newer.place and not self._damaged:
            self.hole = False
            return
        known = self._known(older)
        epochs = {ordinal(address.epoch): address.epoch for address in self._named(older)}
        self.hole = False
        for number in sorted({ordinal_at(where) for where in known}, reverse=True):
            seqs = [seq_at(where) for where in known if ordinal_at(where) == number]
            first = self._first(number, seqs, older)
            gap = (epochs.get(number, f"{number:06d}-unknown"), first, max(seqs))
            self.hole = True
            if not any(
                told[0] == gap[0] and told[1] <= gap[1] and told[2] >= gap[2] for told in self._told
            ):
                was_seen = any(ordinal_at(where) == number for where in self._damaged)
                self.lost.append((*gap, "damaged" if was_seen else "missing"))
        self.hole = self.hole or self._was_told(older)
        self._damaged.clear()

    def _known(self, older: Proven | None) -> set[int]:
        """Return the places between `older` and the row after it that are known to have been."""
        newer, mark = self._newer, self._mark
        low = older.place if older is not None else -1
        high = newer.place if newer is not None else math.inf
        known = set(self._damaged)
        if older is not None or newer is None:  # before the oldest row, all may have been pruned
            if mark is not None:
                known |= {place(at) for at in (mark.address, mark.before) if at is not None}
            if newer is not None and newer.row.seq > 1:
                known.add(newer.place - 1)
            if newer is not None and newer.previous is not None:
                known.add(place(newer.previous))
        return {where for where in known if low < where < high}

    def _named(self, older: Proven | None) -> Iterator[Address]:
        if self._mark is not None:
            yield from filter(None, (self._mark.address, self._mark.before))
        for row in (self._newer, older):
            if row is not None:
                yield from filter(None, (row.row.address, row.previous))

    def _first(self, number: int, seqs: list[int], older: Proven | None) -> int:
        if older is not None and ordinal(older.row.epoch) == number:
            return older.row.seq + 1
        if older is None and self._newer is not None:
            return min(seqs)  # what was before may have been pruned
        return 1

    def _was_told(self, older: Proven | None) -> bool:
        """Whether an earlier run lost something between these two rows."""
        if older is None or self._newer is None:
            return False
        return any(
            older.place < place(Address(epoch, last)) < self._newer.place
            for epoch, _, last in self._told
        )


class Fold:
    """Collects, from the newest row back, what the station's state is folded from.

    The parts of a set stand next to each other, the one with `last` closing it; a set is whole when
    the row before its first part is there and is none of its parts.
    """

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._oldest: Proven | None = None
        self._is_in_set = False
        self.is_done = False

    def take(self, found: Proven, *, hole_after: bool) -> None:
        """Look at the next older row; `hole_after` says that its successor is missing."""
        if hole_after:
            self._rows.clear()  # what comes after the hole has no whole set
            self.is_done = True
        elif self._is_in_set and (found.closes_set or not found.in_set):
            self.is_done = True  # the set began with the row before
        else:
            self._rows.append(found.row)
            self._is_in_set = self._is_in_set or found.closes_set
            self._oldest = found

    def rows(self, *, hole_before: bool = False) -> tuple[Row, ...]:
        """Return the rows to fold, oldest first.

        Args:
            hole_before: Whether something is missing before the oldest row that was taken.
        """
        if not self.is_done:
            first = self._oldest
            is_beginning = first is not None and first.row.seq == 1 and first.prev is None
            if hole_before or not (self._is_in_set or is_beginning):
                return ()
        return tuple(reversed(self._rows))
