"""The demo's view of a journal: the functions behind `lineside events` and `lineside verify`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent.demo.tally import Reading, Verdict
from agent.journal.errors import JournalError
from agent.journal.reader import JournalReader, Query
from agent.journal.verify import verify
from agent.ports import Row


def _newest(journal: Path, limit: int | None) -> Sequence[Row]:
    """Return rows of a journal, newest first; none where there is no journal yet."""
    if not (journal / "journal.db").exists():
        return ()
    try:
        with JournalReader(journal) as reader:
            return list(reader.query(Query(limit=limit)))
    except JournalError:
        return ()  # it is being made just now


def _verdict(journal: Path) -> Verdict:
    report = verify(journal)
    return Verdict(
        rows=report.rows, epochs=report.epochs, whole=report.is_whole, text=report.text()
    )


READING = Reading(newest=_newest, verify=_verdict)
"""How the demo reads journals."""
