"""The file of a station's look-up: synchronous, on whatever thread the caller brings.

Facts go into a transaction that stays open, where every question sees them; now and then it is
committed. What was not committed when the agent was killed is taken from the journal again: the
position is a row of the same transaction.

Laws:
    1. What is committed is all that the events up to `committed` say, from `since` on.
    2. A file that is not whole is set aside, and a new one is filled from the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from agent.core.facts import KINDS, facts
from agent.formats.json import decode
from agent.ports import Address, Row
from agent.trace import asking
from agent.trace.facts_file import FactsFile, address

_EPOCH_ENDS, _LOST = "agent_started", "history_lost"


class Store(FactsFile):
    """One open file. After an error it is closed: open it again."""

    def __init__(self, path: Path, station: str) -> None:
        self.committed: Address | None = None
        self.heard: Address | None = None
        """What was taken, committed or not."""
        self.since = ""
        """From which address on everything is known; empty: from the very beginning."""
        super().__init__(path, station)

    def _read(self) -> None:
        super()._read()
        self.since = self._noted("since")
        self.heard = self.committed = address(self._noted("position"))

    # -------------------------------------------------------------- taking

    def rewind(self, to: Address | None) -> None:
        """Go on from an earlier address: the journal came back shorter (PITFALLS S1).

        What was known beyond it was acknowledged once, and stays known.
        """
        heard = self.heard
        if heard is None or (to is not None and to >= heard):
            return
        with self._guard("write"):
            self._begin()
            reached = address(self._noted("reached")) or heard
            self._note("reached", str(max(reached, heard)))
            self._note("position", str(to) if to is not None else "")
        self.heard = to
        self.commit()

    def take(self, rows: Sequence[Row]) -> None:
        """Know what some rows say, those that follow what was heard; seen at once, not committed.

        Where rows are missing in between, everything is known from the first one after them on.
        """
        with self._guard("write"):
            self._begin()
            for row in rows:
                if not self._follows(row) or (row.kind == _LOST and self._is_missed(row)):
                    self._begin_anew(row)
                if row.kind in KINDS:
                    self._keep(facts(decode(row.body)))
                self.heard = row.address
            self._note("position", str(self.heard or ""))
            if any(row.kind in {"lot_blocked", "lot_unblocked", "event_corrected"} for row in rows):
                self.blocked = asking.blocked(self._db)

    def _follows(self, row: Row) -> bool:
        """Whether nothing is missing between what was heard and a row."""
        heard = self.heard
        if row.kind == _EPOCH_ENDS:
            said = orjson.loads(row.body)
            if said.get("previous_epoch") is None:
                return heard is None
            return heard == Address(said["previous_epoch"], said["previous_seq"])
        return heard is not None and heard == Address(row.epoch, row.seq - 1)

    def _is_missed(self, row: Row) -> bool:
        """Whether a `history_lost` names what was never taken here."""
        said = orjson.loads(row.body)
        last = Address(said["lost_epoch"], said["last_seq"])
        reached = address(self._noted("reached"))
        return reached is None or reached < last

    def _begin_anew(self, row: Row) -> None:
        self.since = str(row.address)
        self._note("since", self.since)

    def commit(self) -> None:
        """Make what was taken durable."""
        super().commit()
        self.committed = self.heard
