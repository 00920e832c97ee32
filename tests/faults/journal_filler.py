"""A process that fills a small disk with a journal and says what became of it.

usage: unshare -Urm python -m tests.faults.journal_filler tmpfs DIRECTORY
       python -m tests.faults.journal_filler vfs DIRECTORY      where no name space is to be had

The journal is copied to DIRECTORY/copy, because the small disk goes with the process.
"""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import apsw

from agent.journal.errors import DiskFullError
from agent.journal.opening import open_journal
from agent.journal.place import Paths
from tests.doubles import InlineWorker, ManualClock, settled
from tests.faults.disks import FailingDisk
from tests.histories import STATION, History, rim

DISK, BALLAST, RESERVE = 3 << 20, 512 << 10, 64 << 10


def say(**facts: object) -> None:
    """Say what was seen."""
    for name, fact in facts.items():
        sys.stdout.write(f"{name}={fact}\n")


async def fill(how: str, directory: Path) -> None:
    """Append until the disk is full, open again, and begin the next epoch in the ballast's room."""
    disk, clock = FailingDisk(), ManualClock()
    small = rim(
        clock,
        vfs=disk.name,
        worker=lambda _: InlineWorker(),
        ballast_bytes=BALLAST,
        reserve_bytes=RESERVE,
    )
    journal, _ = await open_journal(directory, STATION, small)
    await clock.advance(1.0)
    await settled()
    say(ballast_before=Paths(directory).ballast.exists())
    if how == "vfs":
        disk.fail("write", apsw.FullError("ENOSPC"), after=DISK // 4096)
    history, done = History(), 0
    history.start(1)
    try:
        while True:
            await journal.append(history.rows[done:])
            done = len(history.rows)
            history.links(1)
    except DiskFullError as error:
        say(error=error, acknowledged=done, trouble=journal.trouble)
    await journal.close()
    disk.heal()
    say(ballast_after=Paths(directory).ballast.exists())
    journal, recovery = await open_journal(directory, STATION, small)
    say(last=recovery.last.seq if recovery.last else 0)
    fresh = History.after(recovery)
    fresh.start(2)
    await journal.append(fresh.rows)
    say(next_epoch="begun", failed=disk.failed)
    await journal.close()


def main(how: str, directory: Path) -> None:
    """Mount the small disk if we may, fill it, keep a copy."""
    place = directory / "disk"
    place.mkdir(mode=0o700)
    if how == "tmpfs":
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "small", str(place)]
        subprocess.run(mount, check=True)
    asyncio.run(fill(how, place))
    shutil.copytree(place, directory / "copy")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
