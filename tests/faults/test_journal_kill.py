"""Kill -9 at any moment: nothing whose append was done is missing (R01)."""

import random
import subprocess
import sys
from pathlib import Path

from agent.journal.reader import JournalReader, Query
from agent.journal.verify import verify

KILLS = 10


def killed_after(directory: Path, acknowledgements: int) -> list[str]:
    """Run the writer, kill it after so many acknowledgements; return what it had acknowledged."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.journal_writer", str(directory)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    with writer:
        told = [writer.stdout.readline() for _ in range(acknowledgements)]
        writer.kill()
        told += writer.stdout.readlines()
    return [line.strip() for line in told if line.endswith("\n")]


def test_nothing_acknowledged_is_missing_after_kills(tmp_path: Path) -> None:
    """Whenever it is killed: what was acknowledged is there, every epoch links to the next."""
    chance, acknowledged = random.Random(7), set[str]()  # noqa: S311 - the same moments each time
    for _ in range(KILLS):
        acknowledged |= set(killed_after(tmp_path, chance.randrange(1, 200)))
        with JournalReader(tmp_path) as journal:
            there = {f"{row.address} {row.hash}" for row in journal.query(Query())}
        assert acknowledged <= there
    report = verify(tmp_path)
    assert (report.lost, report.epochs, report.broken) == ((), KILLS, None)
    assert len(acknowledged) > 50 * KILLS


def test_events_of_one_decision_are_there_together(tmp_path: Path) -> None:
    """A kill leaves a whole decision or none of it: each unit has its second event."""
    for count in (3, 50, 77):
        killed_after(tmp_path, count)
    with JournalReader(tmp_path) as journal:
        rows = list(journal.query(Query(newest_first=False)))
    followers = {(row.epoch, row.seq - 1): row.kind for row in rows}
    units = [row for row in rows if row.kind == "unit_completed"]
    assert len(units) > 30
    assert {followers.get((unit.epoch, unit.seq)) for unit in units} == {"link_lost"}
