"""What was committed, counted beside the agent without counting anything twice."""

from collections.abc import Sequence
from pathlib import Path

from agent.demo.tally import Reading, Tally, Verdict
from agent.ports import Row

WHOLE = Verdict(rows=0, epochs=0, whole=True, text="whole")


def row(seq: int, kind: str = "code_scanned", body: bytes = b"{}", epoch: str = "000001-a") -> Row:
    """Return a row of a journal."""
    return Row(epoch=epoch, seq=seq, kind=kind, unit=None, wall_ms=0, body=body, hash="")


class Shelf:
    """A journal that lists its rows, newest first, and notes how many were asked for."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.limits: list[int | None] = []

    def newest(self, _journal: Path, limit: int | None) -> Sequence[Row]:
        """Return the newest rows."""
        self.limits.append(limit)
        return self.rows[::-1][:limit]


def test_each_event_is_counted_once() -> None:
    """Rows that were seen before are passed over, in each epoch by its own numbers."""
    shelf = Shelf()
    tally = Tally(Path("journal"), Reading(newest=shelf.newest, verify=lambda _: WHOLE))
    tally.update()
    assert tally.committed == 0
    shelf.rows = [row(1), row(2, "lot_counted", b'{"n": 3}')]
    tally.update()
    tally.update()
    shelf.rows += [row(1, epoch="000002-b"), row(2, "lot_counted", b'{"n": 4}', epoch="000002-b")]
    tally.update()
    assert (tally.committed, tally.pieces) == (4, 7)
    assert tally.last == {"000001-a": 2, "000002-b": 2}
    assert tally.verify() == WHOLE


def test_what_came_in_bulk_is_read_in_whole() -> None:
    """A page that reaches nothing known is not the end of what is new."""
    shelf = Shelf()
    tally = Tally(Path("journal"), Reading(newest=shelf.newest, verify=lambda _: WHOLE))
    shelf.rows = [row(seq) for seq in range(1, 1001)]
    tally.update()
    assert tally.committed == 1000
    assert shelf.limits[-1] is None
    shelf.rows += [row(1001)]
    tally.update()
    assert tally.committed == 1001
    assert shelf.limits[-1] is not None
