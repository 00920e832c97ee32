"""The judge of a counting machine: every row beside the pieces that it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core import events as ev

if TYPE_CHECKING:
    from tests.soak.oracle import Oracle
    from tests.soak.truth import Piece


class Counts:
    """The rows of one line."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle, self.truth, self.score = oracle, oracle.truth, oracle.score
        self.rows: list[tuple[ev.LotCounted, list[Piece]]] = []
        """Each row, with its pieces."""

    def judge(self) -> None:
        """Lay each row beside its pieces, and each recall beside the truth."""
        at = 0
        for event in self.oracle.events:
            if isinstance(event, ev.CounterReset):
                at = self._read_until(event, event.last_ms)
            if isinstance(event, ev.LotCounted):
                until = self._read_until(event, event.last_ms)
                pieces = self.truth.pieces[at:until]
                at = until
                self._row(event, pieces)
        self._recalls()

    def _read_until(self, event: ev.Event, last_ms: int | None) -> int:
        """Return how many pieces were made when a counter was read last."""
        at_ms = (last_ms or 0) + self.oracle.line.agent.boots[event.time.boot_id]
        return self.truth.read_at[at_ms]

    def _row(self, row: ev.LotCounted, pieces: list[Piece]) -> None:
        if not row.n and not pieces:
            return
        self.rows.append((row, pieces))
        if row.n != len(pieces):
            self.score.wrong += 1
            self.score.fail("a row counts its pieces", (row.address, row.n, len(pieces)))
        lots = {piece.lot for piece in pieces}
        if row.certainty is ev.Certainty.CERTAIN:
            self.score.certain += row.n
            is_right = lots <= {row.lot}
        elif ev.Why.NO_LOT_OPEN in row.why:
            self.score.unbound += row.n
            is_right = True
        else:
            self.score.possible += row.n
            is_right = lots - {None} <= set(row.lots)
        if not is_right:
            self.score.wrong += 1
            told = (row.address, row.certainty, row.lot, row.lots, lots)
            self.score.fail("a row names its lot", told)
        for use in row.components:
            draws = {lot for piece in pieces for lot in piece.draws[use.position]}
            self.oracle.judge_use(row, use, draws, alone=True)

    def _recalls(self) -> None:
        """Ask for each lot of material: every lot made with it is named (D-4)."""
        for lot in sorted(self.truth.lots, key=int):
            self.score.queries += 1
            for row, pieces in self.rows:
                has_it = [p for p in pieces if any(lot in lots for lots in p.draws.values())]
                if has_it and not self._may_have(row, lot):
                    self.score.missed += 1
                    self.score.fail("recall misses", (lot, row.address))

    def _may_have(self, row: ev.LotCounted, lot: str) -> bool:
        return any(
            lot in use.candidates
            or use.why is ev.Why.MATERIAL_UNKNOWN
            or lot in self.oracle.loaded_later(row, use.position)
            for use in row.components
        )
