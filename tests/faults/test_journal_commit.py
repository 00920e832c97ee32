"""A commit that fails: nobody is acknowledged, nothing later slips through, opening again heals."""

import asyncio
import errno
from pathlib import Path

import apsw
import pytest

from agent.journal import sqlite, writer
from agent.journal.ballast import Ballast
from agent.journal.chain import place
from agent.journal.errors import DiskFullError, DoubtfulCommitError, JournalError
from agent.journal.opening import open_journal
from agent.journal.place import Paths
from agent.journal.reader import JournalReader, Query
from agent.journal.sqlite import Rim
from agent.journal.verify import verify
from agent.ports import Address
from tests.doubles import InlineWorker, ManualClock, settled
from tests.faults.disks import FailingDisk, FailingFiles
from tests.histories import STATION, History, epoch, flip, rim

EIO = apsw.IOError("EIO")
FULL = apsw.FullError("ENOSPC")


def on(disk: FailingDisk) -> Rim:
    """Return an outside whose database is on that disk."""
    return rim(vfs=disk.name)


def seqs(directory: Path) -> list[int]:
    """Return the seqs of the first epoch that are stored."""
    with JournalReader(directory) as journal:
        return [row.seq for row in journal.query(Query(epoch=epoch(1), newest_first=False))]


@pytest.mark.parametrize("kind", ["sync", "write"])
@pytest.mark.parametrize("after", range(2))
async def test_a_failed_commit_fails_everything_after_it(
    tmp_path: Path, kind: str, after: int
) -> None:
    """Also once the disk works again: the epoch is over, opening begins the next (S5, P13)."""
    disk, history = FailingDisk(), History()
    journal, _ = await open_journal(tmp_path, STATION, on(disk))
    history.start(1)
    await journal.append(history.rows)
    disk.fail(kind, EIO, after=after)
    failures = []
    for _ in range(after + 2):
        (row,) = history.links(1)
        try:
            await journal.append([row])
        except DoubtfulCommitError as error:
            failures.append((row.seq, str(error)))
    disk.heal()
    (late,) = history.links(1)
    with pytest.raises(DoubtfulCommitError, match="commit failed"):
        await journal.append([late])
    assert disk.failed > 0
    assert journal.trouble == "journal failed"
    await journal.close()
    journal, recovery = await open_journal(tmp_path, STATION, on(disk))
    assert recovery.lost == ()
    assert recovery.last is not None
    assert failures[0][0] - 1 <= recovery.last.seq <= failures[0][0]
    fresh = History.after(recovery)
    fresh.start(2)
    await journal.append(fresh.rows)
    await journal.close()
    assert verify(tmp_path).is_whole
    assert late.seq not in seqs(tmp_path)


async def test_everyone_who_waits_is_told(tmp_path: Path) -> None:
    """Appends behind the failing one, and those who wait for news, fail with it."""
    disk, history = FailingDisk(), History()
    journal, _ = await open_journal(tmp_path, STATION, on(disk))
    history.start(1)
    history.links(3 * writer.MOST_ROWS)
    waiting = asyncio.create_task(journal.wait_beyond(None))
    await settled()
    disk.fail("write", EIO)
    attempts = [journal.append([row]) for row in history.rows]
    found = await asyncio.gather(*attempts, waiting, return_exceptions=True)
    assert {type(error) for error in found} == {DoubtfulCommitError}
    await journal.close()
    assert disk.failed > 0


async def test_a_full_disk_frees_the_ballast_and_is_named(tmp_path: Path) -> None:
    """FullError at commit: the ballast goes, the station holds with "disk full" (S4, P10)."""
    disk, history = FailingDisk(), History()
    clock, ballast = ManualClock(), Paths(tmp_path).ballast
    inline = rim(clock, vfs=disk.name, worker=lambda _: InlineWorker())
    journal, _ = await open_journal(tmp_path, STATION, inline)
    await clock.advance(sqlite.LOOK_EVERY_S)
    await settled()
    assert ballast.exists()
    history.start(1)
    disk.fail("write", FULL)
    with pytest.raises(DiskFullError, match=r"journal\.db: disk full; free some space$"):
        await journal.append(history.rows)
    assert disk.failed > 0
    assert (journal.trouble, ballast.exists()) == ("disk full", False)
    await journal.close()
    disk.heal()
    journal, recovery = await open_journal(tmp_path, STATION, on(disk))
    assert (recovery.last, journal.trouble) == (None, None)
    await journal.close()


async def test_a_quota_that_is_used_up_is_a_full_disk(tmp_path: Path) -> None:
    """SQLite knows ENOSPC alone: the ballast goes, and the station says why it holds (P12)."""
    disk, history = FailingDisk(), History()
    clock, ballast = ManualClock(), Paths(tmp_path).ballast
    inline = rim(clock, vfs=disk.name, worker=lambda _: InlineWorker())
    journal, _ = await open_journal(tmp_path, STATION, inline)
    await clock.advance(sqlite.LOOK_EVERY_S)
    await settled()
    history.start(1)
    disk.number = errno.EDQUOT
    disk.fail("write", EIO)
    with pytest.raises(DiskFullError, match=r"journal\.db: quota used up; free some space$"):
        await journal.append(history.rows)
    assert (journal.trouble, ballast.exists()) == ("disk full", False)
    await journal.close()


async def test_a_disk_that_turned_read_only_says_what_to_do(tmp_path: Path) -> None:
    """A file system that met an error is read-only from then on (P17)."""
    disk, history = FailingDisk(), History()
    journal, _ = await open_journal(tmp_path, STATION, rim(vfs=disk.name))
    history.start(1)
    disk.number = errno.EROFS
    disk.fail("write", EIO)
    with pytest.raises(DoubtfulCommitError, match=r"read-only: see why \(dmesg\), then mount it"):
        await journal.append(history.rows)
    await journal.close()


async def test_a_mark_that_cannot_be_written_is_a_doubtful_commit(tmp_path: Path) -> None:
    """The row is durable but not guarded, so not acknowledged; opening brings the mark up."""
    files, history = FailingFiles(), History()
    journal, _ = await open_journal(tmp_path, STATION, rim(files=files))
    history.start(1)
    history.links(2)
    await journal.append(history.rows[:1])
    files.is_broken = True
    for row in history.rows[1:]:
        with pytest.raises(DoubtfulCommitError, match="mark not written: "):
            await journal.append([row])
    files.is_broken = False
    await journal.close()
    assert files.failed == 1
    journal, recovery = await open_journal(tmp_path, STATION, rim(files=files))
    assert (recovery.last, recovery.lost) == (history.rows[1], ())
    await journal.close()
    assert verify(tmp_path).mark == Address(epoch(1), 2)


async def test_a_beat_tries_the_disk(tmp_path: Path) -> None:
    """An idle journal says that it lives, or fails like a commit (D1)."""
    files, history = FailingFiles(), History()
    journal, _ = await open_journal(tmp_path, STATION, rim(files=files))
    await journal.append(history.start(1))
    await journal.beat()
    files.is_broken = True
    for _ in range(2):
        with pytest.raises(DoubtfulCommitError, match="mark not written: "):
            await journal.beat()
    await journal.close()
    assert files.failed == 1


async def test_a_checkpoint_that_fails_ends_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk refuses the database itself: said at once, not when the log has filled the disk."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 5)
    disk, history = FailingDisk(), History()
    journal, _ = await open_journal(tmp_path, STATION, on(disk))
    history.start(1)
    history.links(100)
    disk.fail("checkpoint", EIO)
    waiting = asyncio.create_task(journal.wait_beyond(history.rows[-1].address))
    await asyncio.gather(*(journal.append([row]) for row in history.rows[:50]))
    with pytest.raises(JournalError, match=r"checkpoint failed"):
        await waiting
    with pytest.raises(JournalError, match=r"checkpoint failed"):
        await journal.append(history.rows[50:])
    disk.heal()
    await journal.close()
    assert disk.failed > 0


async def test_a_checkpoint_by_the_writer_that_fails_ends_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where the writer has to do it."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 10**6)
    monkeypatch.setattr(writer, "MOST_PAGES", 5)
    disk, history = FailingDisk(), History()
    journal, _ = await open_journal(
        tmp_path, STATION, rim(vfs=disk.name, worker=lambda _: InlineWorker())
    )
    history.start(1)
    history.links(9)
    await journal.append(history.rows[:1])
    disk.fail("checkpoint", EIO)
    found = [
        await asyncio.gather(journal.append([row]), return_exceptions=True)
        for row in history.rows[1:]
    ]
    assert all(isinstance(error, DoubtfulCommitError) for (error,) in found[-3:])
    assert "checkpoint failed" in str(found[-1][0])
    disk.heal()
    await journal.close()
    assert disk.failed > 0


async def test_a_broken_page_met_by_a_reader_is_repaired_by_opening_again(tmp_path: Path) -> None:
    """A quick opening reads no old pages; who meets one ends the epoch, and it is rebuilt."""
    history = History()
    history.start(1)
    history.links(300)
    history.start(2, carried=1)
    history.unit("unit-1")
    journal, _ = await open_journal(tmp_path, STATION, rim())
    await journal.append(history.rows)
    await journal.close()
    database = Paths(tmp_path).database
    page = database.read_bytes().index(history.rows[150].body) // 4096
    for byte in range(8):
        flip(database, (page * 4096 + byte) * 8)
    journal, recovery = await open_journal(tmp_path, STATION, rim())
    assert recovery.set_aside == ()
    after = history.rows[140].address
    with pytest.raises(JournalError, match="it is rebuilt when reopened"):
        await journal.read(after, 50)
    with pytest.raises(JournalError, match="it is rebuilt when reopened"):
        await journal.append(history.links(1))
    await journal.close()
    journal, recovery = await open_journal(tmp_path, STATION, rim())
    assert len(recovery.set_aside) == 1
    assert recovery.lost == ()
    assert await journal.read(after, 9) == history.rows[141:150]
    await journal.close()
    assert place(after) > 0


async def test_a_failure_between_the_loop_and_the_thread_fails_what_waits(tmp_path: Path) -> None:
    """A freed ballast that cannot be freed is a bug of the disk: nobody waits for ever (R12)."""
    disk, history = FailingDisk(), History()

    class Stubborn(FailingFiles):
        def remove(self, path: Path) -> None:
            if self.is_broken:
                raise OSError("read-only")
            super().remove(path)

    files = Stubborn()
    journal, _ = await open_journal(tmp_path, STATION, rim(vfs=disk.name, files=files))
    history.start(1)
    disk.fail("write", FULL)
    files.is_broken = True
    with pytest.raises(JournalError):
        await journal.append(history.rows)
    files.is_broken = False
    await journal.close()
    assert Ballast(files, Paths(tmp_path).ballast).is_short is False
