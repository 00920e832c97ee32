"""Proving a journal: chain, sequence within epochs, links between epochs, and the mark.

    report = verify(directory, progress=print)
    print(report.text())

Works beside a live daemon: one snapshot of the journal is walked, and a mark behind or ahead by
what was committed meanwhile is no finding. Nothing is changed; opening the journal repairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.journal.chain import Edge
from agent.journal.files import DiskFiles
from agent.journal.mark import MarkFile
from agent.journal.place import Paths
from agent.journal.reader import open_for_reading
from agent.journal.signatures import Check, Signatures, Signed
from agent.journal.store import DAMAGE, is_sound, owner_of, stored_down, stored_edge, told_lost
from agent.journal.walk import Gap, Lost, Walk
from agent.ports import Address

PROGRESS_EVERY = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a journal is worth."""

    directory: Path
    station: str
    rows: int
    """Rows that hold."""
    epochs: int
    edge: Edge | None
    """The newest row that was pruned; None: none was."""
    is_edge_true: bool
    """Whether the oldest row follows it."""
    oldest: Address | None
    newest: Address | None
    lost: tuple[Lost, ...]
    """(epoch, first seq, last seq, reason) of what does not hold and no event tells, in order."""
    told: tuple[Gap, ...]
    """What was lost and is named by a `history_lost` in the journal."""
    mark: Address | None
    """What the mark says; None where it is missing or unreadable."""
    broken: str | None
    """Why the walk could not be finished, or what does not fit in the database's structure."""
    signed: Signed | None = None
    """What the signatures in it are worth; None: nobody asked."""

    @property
    def first_bad(self) -> str | None:
        """The address of the oldest row that does not hold, untold, or whose signature does not."""
        bad = [Address(epoch, first) for epoch, first, _, _ in self.lost]
        bad += [address for address, _ in self.signed.bad] if self.signed else []
        return str(min(bad)) if bad else None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, altered or broken that no event tells."""
        is_sound = self.broken is None and self.is_edge_true
        is_signed = self.signed is None or self.signed.holds
        is_marked = self.mark is not None or not self.rows
        return is_sound and not self.lost and is_marked and is_signed

    def _before(self, epoch: str, first: int) -> str:
        """Return what a loss keeps from being known: an epoch's start names the end before it."""
        if first > 1 or self.oldest is None or Address(epoch, first) < self.oldest:
            return ""
        return " (with its start, so nothing here says what stood between it and the event before)"

    def text(self) -> str:
        """Return the report for a terminal."""
        extent = f"{self.oldest or '-'} to {self.newest or '-'}"
        counts = f"{self.rows} events in {self.epochs} epochs"
        lines = [f"{self.directory}: station {self.station}, {counts}, {extent}"]
        if self.edge is not None:
            lines.append(f"  pruned up to {self.edge.address}")
        if not self.is_edge_true:
            lines.append("  ALTERED: the oldest event does not follow what was pruned")
        for epoch, first, last, why in self.lost:
            lines.append(f"  LOST {epoch} {first}..{last}: {why}{self._before(epoch, first)}")
        for epoch, first, last in self.told:
            lines.append(f"  lost, and told: {epoch} {first}..{last}{self._before(epoch, first)}")
        if self.mark is None and self.rows:
            lines.append("  the mark is missing: a shortened history could not be noticed")
        if self.broken is not None:
            lines.append(f"  BROKEN {self.broken}; opening the journal rebuilds it")
        if self.signed is not None:
            lines += self.signed.lines()
        where = f", first at {self.first_bad}" if self.first_bad else ""
        lines.append("  whole" if self.is_whole else f"  NOT WHOLE{where}")
        return "\n".join(lines)


def verify(
    directory: Path,
    progress: Callable[[int], None] | None = None,
    check: Check | None = None,
) -> Report:
    """Prove every row of a journal and return what was found.

    Args:
        directory: The journal's directory; a daemon may be writing there.
        progress: Called with the number of rows walked, every ten thousand.
        check: Says what is wrong with a `checkpoint_signed` event; None: nobody asks.

    Raises:
        JournalError: there is no journal, or it cannot be opened at all.
    """
    paths = Paths(directory)
    connection = open_for_reading(paths)
    try:
        owner = owner_of(connection)
        mark = MarkFile(DiskFiles(), paths.mark).newest  # before the snapshot: never ahead of it
        told, edge, broken = list[Gap](), None, None
        signatures = Signatures(check) if check is not None else None
        walk = Walk(mark)
        epochs: set[str] = set()
        oldest = None
        try:
            with connection:  # one snapshot
                told, edge = told_lost(connection), stored_edge(connection)
                walk = Walk(mark, told, edge)
                for found, _ in walk.run(stored_down(connection)):
                    epochs.add(found.row.epoch)
                    oldest = found.row.address
                    if signatures is not None:
                        signatures.take(found.row)
                    if progress is not None and walk.rows % PROGRESS_EVERY == 0:
                        progress(walk.rows)
                broken = None if is_sound(connection) else "table and index differ"
        except DAMAGE as error:
            broken = str(error)
    finally:
        connection.close()
    return Report(
        directory=directory,
        station=owner,
        rows=walk.rows,
        epochs=len(epochs),
        edge=edge,
        is_edge_true=walk.is_edge_true,
        oldest=oldest,
        newest=walk.newest.address if walk.newest else None,
        lost=tuple(reversed(walk.lost)),
        told=tuple(told),
        mark=mark.address if mark else None,
        broken=broken,
        signed=signatures.result() if signatures is not None else None,
    )
