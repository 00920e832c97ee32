"""A process that appends as fast as it can and says what was acknowledged, until it is killed.

usage: python -m tests.faults.journal_writer DIRECTORY
"""

import asyncio
import sys
from pathlib import Path

from agent.journal.opening import open_journal
from tests.histories import STATION, History, rim


async def main(directory: Path) -> None:
    """Open a new epoch and append for ever; say each address once its append is done."""
    journal, recovery = await open_journal(directory, STATION, rim())
    history = History.after(recovery)
    history.start(recovery.highest_ordinal + 1, carried=2)
    rows, number = list(history.rows), 0
    while True:
        pending = [(rows, journal.append(rows))]
        for _ in range(4):
            decision = [history.unit(f"unit-{number}"), *history.links(1)]
            pending.append((decision, journal.append(decision)))
            number += 1
        for appended, done in pending:
            await done
            sys.stdout.write(f"{appended[-1].address} {appended[-1].hash}\n")
            sys.stdout.flush()
        rows = history.links(1)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
