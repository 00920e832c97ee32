"""A cut, a failure or rot while old events are deleted (P03): undelivered ones are never gone."""

import asyncio
import shutil
from pathlib import Path

import apsw
import pytest

from agent.journal.chain import Edge, place
from agent.journal.commits import Store
from agent.journal.errors import BrokenError, DiskFullError, DoubtfulCommitError
from agent.journal.files import DiskFiles
from agent.journal.mark import MarkFile
from agent.journal.opening import open_journal
from agent.journal.place import Paths
from agent.journal.retention import Keep
from agent.journal.sqlite import SqliteJournal
from agent.journal.store import connect, create, note
from agent.journal.verify import verify
from agent.ports import Address
from tests.doubles import MORNING_MS, InlineWorker, ManualClock, settled
from tests.faults.disks import FailingDisk, FailingFiles
from tests.histories import STATION, History, batches, epoch, flip, rim

EIO, FULL = apsw.IOError("EIO"), apsw.FullError("ENOSPC")
LAST = 430
"""The last event before the set that stays."""
KEEP = Keep(keep_s=60, quota_bytes=1 << 40, sinks={"plant": True})


def history() -> History:
    """Return one epoch of so many events, a carried set and five more."""
    made = History()
    made.start(1)
    made.links(LAST - 1)
    made.carry(3)
    made.links(5)
    return made


def later() -> ManualClock:
    """Return a clock by which every event of the history is old."""
    return ManualClock(wall_ms=MORNING_MS + 10_000_000)


async def ready(
    directory: Path,
    clock: ManualClock,
    disk: FailingDisk,
    files: DiskFiles | None = None,
    keep: Keep = KEEP,
) -> SqliteJournal:
    """Return a journal of which much may go as soon as the sink has confirmed it."""
    outside = rim(
        clock,
        vfs=disk.name,
        files=files or DiskFiles(),
        worker=lambda _: InlineWorker(),
        ballast_bytes=4096,
        reserve_bytes=0,
    )
    journal, _ = await open_journal(directory, STATION, outside, keep=keep)
    for batch in batches(history().rows, 50):
        await journal.append(batch)
    await clock.advance(1)
    return journal


async def confirm(journal: SqliteJournal, clock: ManualClock) -> None:
    """Let the sink have everything, and pruning go as far as it may."""
    journal.move_cursor("plant", Address(epoch(1), LAST + 8))
    await clock.advance(4)


async def reopened(directory: Path) -> int:
    """Open, see that nothing is lost, go on; return the seq of the oldest row that is left."""
    journal, recovery = await open_journal(directory, STATION, rim(), keep=KEEP, is_thorough=True)
    rows = history().rows
    assert (recovery.lost, recovery.last) == ((), rows[-1])
    assert recovery.fold == tuple(rows[LAST:])
    kept = await journal.read(None, 1000)
    assert kept == rows[-len(kept) :]
    fresh = History.after(recovery)
    fresh.start(2)
    await journal.append(fresh.rows)
    await journal.close()
    assert verify(directory).is_whole
    return kept[0].seq


@pytest.mark.parametrize("kind", ["write", "sync"])
@pytest.mark.parametrize("after", range(0, 60, 7))
async def test_a_step_that_fails_anywhere_loses_nothing(
    tmp_path: Path, kind: str, after: int
) -> None:
    """The epoch ends; what is found afterwards is whole, with the step or without it."""
    disk, clock = FailingDisk(), later()
    journal = await ready(tmp_path, clock, disk)
    disk.fail(kind, EIO, after=after)
    await confirm(journal, clock)
    failed = disk.failed
    assert journal.trouble == ("journal failed" if failed else None)
    disk.heal()
    await journal.close()
    assert await reopened(tmp_path) in {1, 201, 401, LAST}
    assert failed or after > 0


async def test_what_a_cut_leaves_between_mark_and_deletion_is_whole(tmp_path: Path) -> None:
    """The mark gives rows up first; until they are deleted they are still rows."""
    journal = await ready(tmp_path, later(), FailingDisk())
    await journal.close()
    mark = MarkFile(DiskFiles(), tmp_path / "mark")
    mark.give_up(Edge(Address(epoch(1), 200), history().rows[199].hash))
    assert verify(tmp_path).is_whole
    assert await reopened(tmp_path) == 1


async def test_a_disk_without_room_ends_the_epoch(tmp_path: Path) -> None:
    """As at a commit: the ballast makes room, and the journal is opened again."""
    disk, clock = FailingDisk(), later()
    journal = await ready(tmp_path, clock, disk)
    await journal.beat()
    disk.fail("write", FULL)
    await confirm(journal, clock)
    disk.heal()
    with pytest.raises(DiskFullError):
        await journal.append([])
    assert journal.trouble == "disk full"
    await journal.close()
    assert await reopened(tmp_path) == 1


async def test_a_broken_page_at_the_old_end_is_rebuilt(tmp_path: Path) -> None:
    """Who prunes meets it first; the next opening builds a new database from what holds."""
    clock, path = later(), Paths(tmp_path).database
    journal = await ready(tmp_path, clock, FailingDisk())
    await journal.close()
    body, content = history().rows[100].body, path.read_bytes()
    pages = [content[at : at + 4096] for at in range(0, len(content), 4096)]
    path.write_bytes(b"".join(b"\xff" * 8 + p[8:] if body in p else p for p in pages))
    small = Keep(keep_s=60, quota_bytes=1000, sinks={"plant": True})
    outside = rim(clock, worker=lambda _: InlineWorker())
    journal, recovery = await open_journal(tmp_path, STATION, outside, keep=small)
    fresh = History.after(recovery)
    fresh.start(2, carried=1)
    await journal.append(fresh.rows)
    journal.move_cursor("plant", fresh.rows[-1].address)
    await clock.advance(2)
    with pytest.raises(BrokenError, match=r"pruning failed: .*; it is rebuilt when reopened"):
        await journal.append([])
    await journal.close()
    journal, recovery = await open_journal(tmp_path, STATION, outside)
    assert recovery.set_aside
    assert (recovery.last, recovery.lost) == (fresh.rows[-1], ())
    assert journal.first_kept == Address(epoch(1), 1)
    await journal.close()


async def test_a_mark_that_cannot_give_up_stops_the_step(tmp_path: Path) -> None:
    """Nothing is deleted that the mark does not know to be given up."""
    files, clock = FailingFiles(), later()
    journal = await ready(tmp_path, clock, FailingDisk(), files)
    files.is_broken = True
    await confirm(journal, clock)
    with pytest.raises(DoubtfulCommitError, match="mark not written"):
        await journal.append([])
    files.is_broken = False
    await journal.close()
    assert await reopened(tmp_path) == 1


async def test_a_step_nobody_waits_for_any_more_is_done(tmp_path: Path) -> None:
    """A journal that is closed meanwhile ends what it began."""
    clock = later()
    journal = await ready(tmp_path, clock, FailingDisk())
    waiting = asyncio.create_task(journal.prune(place(Address(epoch(1), 5)), 0))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait((waiting,))
    await settled()
    assert journal.first_kept == Address(epoch(1), 6)
    await journal.close()
    assert verify(tmp_path).is_whole


async def test_pruned_events_do_not_come_back_with_a_rebuild(tmp_path: Path) -> None:
    """Free pages still hold them; database and mark say which were given up, each for itself."""
    clock, made = later(), history()
    journal = await ready(tmp_path / "image", clock, FailingDisk())
    await confirm(journal, clock)
    await journal.close()
    database = (tmp_path / "image" / "journal.db").read_bytes()
    assert made.rows[3].body in database
    for broken in ("mark", "page", "everything"):
        directory = tmp_path / broken
        shutil.copytree(tmp_path / "image", directory)
        path = directory / "journal.db"
        if broken == "mark":
            (directory / "mark").unlink()
            (directory / "prove-all").touch()
        elif broken == "page":
            flip(path, 8 * (4096 * 3) + 3)
        else:
            path.write_bytes(b"\0" * 4096 + path.read_bytes()[4096:])
        assert await reopened(directory) == LAST, broken


def test_an_old_end_that_was_tampered_with_is_seen(tmp_path: Path) -> None:
    """Rows taken off are missing; an edge that the oldest row does not follow is said so."""
    made, path = history(), tmp_path / "journal.db"
    store = Store(create(path, None, STATION), path)
    store.commit(made.rows, {})
    last = made.rows[-1]
    MarkFile(DiskFiles(), tmp_path / "mark").write(last.address, last.hash)
    store.drop(Edge(made.rows[9].address, made.rows[9].hash), ())
    store.close()
    assert verify(tmp_path).is_whole
    connection = connect(path, None)
    note(connection, "edge", str(Edge(made.rows[9].address, made.rows[8].hash)))
    report = verify(tmp_path)
    assert (report.is_whole, report.is_edge_true, report.lost) == (False, False, ())
    assert report.text().endswith(
        f"  pruned up to {epoch(1)}-10\n"
        "  ALTERED: the oldest event does not follow what was pruned\n  NOT WHOLE"
    )
    note(connection, "edge", str(Edge(made.rows[9].address, made.rows[9].hash)))
    connection.execute("DELETE FROM events WHERE place <= ?", (place(Address(epoch(1), 15)),))
    connection.close()
    assert verify(tmp_path).lost == ((epoch(1), 11, 15, "missing"),)
