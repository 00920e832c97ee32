"""Opening: what is there, what is lost, what is repaired, and that nothing is told twice."""

import shutil
from pathlib import Path

import apsw
import pytest

from agent.journal.chain import place
from agent.journal.commits import Store
from agent.journal.errors import JournalError
from agent.journal.files import DiskFiles
from agent.journal.mark import MarkFile
from agent.journal.place import Paths
from agent.journal.recovery import Opened, demand_rebuild, recover
from agent.journal.store import connect, stored_cursors
from agent.ports import Address, Recovery
from tests.faults.disks import FailingDisk
from tests.histories import STATION, History, batches, epoch, flip

FILES = DiskFiles()


def opened(directory: Path, *, is_thorough: bool = False, vfs: str | None = None) -> Opened:
    """Open a journal."""
    return recover(Paths(directory), FILES, STATION, is_thorough=is_thorough, vfs=vfs)


def found(directory: Path, *, is_thorough: bool = False) -> Recovery:
    """Open a journal, close it as a kill would, and return what was found."""
    there = opened(directory, is_thorough=is_thorough)
    there.connection.close()
    return there.recovery


def stored(directory: Path) -> list[bytes]:
    """Return the bodies that a journal holds."""
    connection = connect(Paths(directory).database, None, read_only=True)
    bodies = [body for (body,) in connection.execute("SELECT body FROM events ORDER BY place")]
    connection.close()
    return bodies


def fill(directory: Path, history: History, *, step: int = 1000) -> None:
    """Commit a history as the writer does, `step` rows at a time, and stop as a kill would."""
    there = opened(directory)
    store = Store(there.connection, Paths(directory).database)
    for rows in batches(history.rows, step):
        store.commit(rows, {"plant": rows[0].address})
        there.mark.write(rows[-1].address, rows[-1].hash)
    store.close()


@pytest.fixture
def history() -> History:
    """Two epochs, the second with a set of carried states, 208 rows."""
    made = History()
    made.start(1)
    made.links(100)
    made.start(2, carried=2)
    for number in range(104):
        made.unit(f"unit-{number}")
    return made


@pytest.fixture
def directory(tmp_path: Path, history: History) -> Path:
    """A journal that was killed; everything is in the log."""
    fill(tmp_path, history, step=10)
    return tmp_path


def test_a_new_journal_is_empty(tmp_path: Path) -> None:
    """Nothing lost, nothing to fold, no ordinal used."""
    assert found(tmp_path) == Recovery(last=None, highest_ordinal=0, fold=(), lost=(), set_aside=())


def test_a_start_that_was_cut_short_is_a_new_journal(tmp_path: Path) -> None:
    """An empty database file is what a cut leaves of the very first start (P04)."""
    Paths(tmp_path).database.touch()
    Paths(tmp_path).rebuilt.write_bytes(b"half")
    assert found(tmp_path) == Recovery(last=None, highest_ordinal=0, fold=(), lost=(), set_aside=())
    assert not Paths(tmp_path).rebuilt.exists()


def test_an_existing_journal_is_found_as_it_was_left(directory: Path, history: History) -> None:
    """Newest row, fold from the newest set, the highest ordinal; nothing lost."""
    assert found(directory) == Recovery(
        last=history.rows[-1],
        highest_ordinal=2,
        fold=tuple(history.rows[102:]),
        lost=(),
        set_aside=(),
    )
    assert stored(directory) == [row.body for row in history.rows]


def test_a_mark_behind_by_one_batch_is_brought_up(directory: Path, history: History) -> None:
    """A cut between commit and mark is normal; the mark says so after the opening."""
    MarkFile(FILES, directory / "mark").write(history.rows[-9].address, history.rows[-9].hash)
    assert found(directory).lost == ()
    newest = MarkFile(FILES, directory / "mark").newest
    assert newest is not None
    assert newest.address == history.rows[-1].address


@pytest.mark.parametrize("content", [None, b"", b"rubbish"])
def test_a_missing_mark_is_rebuilt_and_told(directory: Path, content: bytes | None) -> None:
    """Without it a shortened history could not be noticed (P23)."""
    (directory / "mark").unlink()
    if content is not None:
        (directory / "mark").write_bytes(content)
    assert found(directory).mark_rebuilt
    assert not found(directory).mark_rebuilt


def test_a_rotten_log_costs_no_row_that_lies_whole_in_it(directory: Path, history: History) -> None:
    """SQLite stops reading there; rows behind are found by their bytes and stored again (S1)."""
    log = Paths(directory).log
    before = log.read_bytes()
    flip(log, (32 + 3 * (4096 + 24) + 8) * 8)
    recovery = found(directory)
    assert (recovery.lost, recovery.last) == ((), history.rows[-1])
    assert recovery.fold == tuple(history.rows[102:])
    assert stored(directory) == [row.body for row in history.rows]
    assert [path.name for path in recovery.set_aside] == ["damaged-22.db", "damaged-22.db-wal"]
    assert recovery.set_aside[1].stat().st_size == len(before)
    assert found(directory).set_aside == ()


def test_a_shortened_log_is_told(directory: Path, history: History) -> None:
    """What is in no file any more is lost: named, once per telling, and never folded over (P18)."""
    log = Paths(directory).log
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])
    recovery = found(directory)
    assert recovery.lost
    assert (recovery.fold, recovery.highest_ordinal) == ((), 2)
    lost = {(gap[0], seq) for gap in recovery.lost for seq in range(gap[1], gap[2] + 1)}
    kept = [row for row in history.rows if (row.epoch, row.seq) not in lost]
    assert (stored(directory), recovery.last) == ([row.body for row in kept], kept[-1])
    assert (epoch(2), 107) in lost
    assert len(recovery.set_aside) == 2
    again = found(directory)
    assert again == recovery
    told = History.after(again)
    told.start(3, carried=1)
    for gap in again.lost:
        told.lose(gap)
    there = opened(directory)
    store = Store(there.connection, Paths(directory).database)
    store.commit(told.rows, {}, [gap[:3] for gap in again.lost])
    there.mark.write(told.rows[-1].address, told.rows[-1].hash)
    store.finish()
    after = found(directory, is_thorough=True)
    assert (after.lost, after.set_aside, after.highest_ordinal) == ((), (), 3)
    assert after.fold == tuple(told.rows[1:])


@pytest.mark.parametrize("ruin", ["remove", "empty", "rubbish", "older"])
def test_a_database_that_is_gone_is_never_a_silent_fresh_start(
    directory: Path, ruin: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Deleted, emptied, overwritten or swapped with an older copy: found by the mark (P20)."""
    paths = Paths(directory)
    for path in (paths.log, paths.shared):
        path.unlink()
    if ruin == "remove":
        paths.database.unlink()
    elif ruin == "older":
        old = tmp_path_factory.mktemp("old")
        older = History()
        older.start(1)
        fill(old, older)
        there = opened(old)
        Store(there.connection, Paths(old).database).finish()
        shutil.copy(Paths(old).database, paths.database)
    else:
        paths.database.write_bytes(b"" if ruin == "empty" else b"rubbish" * 1000)
    recovery = found(directory)
    kept = 1 if ruin == "older" else 0
    assert recovery.lost == (
        (epoch(1), kept + 1, 101, "missing"),
        (epoch(2), 1, 107, "missing"),
    )
    assert (recovery.last is None) == (ruin != "older")
    assert (recovery.highest_ordinal, recovery.fold) == (2, ())
    assert found(directory).lost == recovery.lost


def test_a_deleted_database_is_rebuilt_from_its_log(directory: Path, history: History) -> None:
    """Everything that still lies in the log comes back."""
    Paths(directory).database.unlink()
    recovery = found(directory)
    assert (recovery.lost, recovery.last) == ((), history.rows[-1])
    assert stored(directory) == [row.body for row in history.rows]


def checkpointed(directory: Path) -> Path:
    """Copy the log into the database and return it."""
    there = opened(directory)
    Store(there.connection, Paths(directory).database).finish()
    return Paths(directory).database


def test_a_broken_page_costs_what_rotted_and_no_more(directory: Path, history: History) -> None:
    """The tree is broken: a new database is built from every row that proves itself (P19)."""
    database = checkpointed(directory)
    page = database.read_bytes().index(history.rows[50].body) // 4096
    for byte in range(8):
        flip(database, (page * 4096 + byte) * 8)
    recovery = found(directory, is_thorough=True)
    assert (recovery.lost, recovery.last) == ((), history.rows[-1])
    assert stored(directory) == [row.body for row in history.rows]
    assert [path.name for path in recovery.set_aside] == ["damaged-23.db"]
    there = opened(directory)
    assert stored_cursors(there.connection) == {"plant": Address(epoch(2), 101)}
    there.connection.close()


def test_a_rotten_row_is_found_where_it_matters(directory: Path, history: History) -> None:
    """A rotten body in the fold is found at once, one before it by the thorough look."""
    database = checkpointed(directory)
    content = database.read_bytes()
    for row in (history.rows[50], history.rows[150]):
        content = content.replace(row.body, row.body.replace(b"press-07", b"press-08"))
    database.write_bytes(content)
    recovery = found(directory)
    assert recovery.lost == ((epoch(2), 50, 50, "damaged"),)
    assert recovery.fold == ()
    thorough = found(directory, is_thorough=True)
    assert thorough.lost == (
        (epoch(1), 51, 51, "damaged"),
        (epoch(2), 50, 50, "damaged"),
    )


def test_without_a_mark_a_rotten_row_is_still_named(directory: Path, history: History) -> None:
    """There is nothing to go by beyond the newest row, and nothing more is taken for lost."""
    database = checkpointed(directory)
    row = history.rows[150]
    content = database.read_bytes()
    database.write_bytes(content.replace(row.body, row.body.replace(b"press-07", b"press-08")))
    (directory / "mark").unlink()
    recovery = found(directory)
    assert recovery.lost == ((epoch(2), 50, 50, "damaged"),)
    assert recovery.mark_rebuilt
    assert recovery.set_aside != ()


def test_a_broken_page_met_by_a_reader_is_repaired_by_the_next_opening(
    directory: Path, history: History
) -> None:
    """A quick opening does not reach old pages; a reader that did asks for a thorough one."""
    database = checkpointed(directory)
    page = database.read_bytes().index(history.rows[50].body) // 4096
    for byte in range(8):
        flip(database, (page * 4096 + byte) * 8)
    assert found(directory).set_aside == ()
    for _ in range(2):
        demand_rebuild(Paths(directory), FILES)
    assert found(directory).set_aside != ()
    assert found(directory, is_thorough=True).set_aside == ()
    assert stored(directory) == [row.body for row in history.rows]


def test_a_rebuild_that_was_cut_short_is_done_again(directory: Path, history: History) -> None:
    """Half a new database is thrown away; what was set aside is searched as well."""
    paths = Paths(directory)
    database = checkpointed(directory)
    whole = database.read_bytes()
    database.write_bytes(b"rubbish" * 1000)
    paths.damaged(23)[0].write_bytes(whole)
    paths.rebuilt.write_bytes(b"half")
    recovery = found(directory)
    assert (recovery.lost, recovery.last) == ((), history.rows[-1])
    assert not paths.rebuilt.exists()


def test_orphans_are_not_resurrected(directory: Path, history: History) -> None:
    """A row that no epoch goes on from never became history, even if its bytes lie about."""
    other = History()
    other.start(1)
    stray = other.links(120)[-1]
    database = checkpointed(directory)
    there = opened(directory)
    there.connection.execute(
        "INSERT INTO events VALUES (?, 'x', NULL, 0, ?)", (place(stray.address), stray.body)
    )
    Store(there.connection, database).finish()
    demand_rebuild(Paths(directory), FILES)
    assert found(directory).lost == ()
    for byte in range(16):
        flip(database, byte * 8)
    recovery = found(directory)
    assert recovery.lost == ()
    assert stored(directory) == [row.body for row in history.rows]


def test_a_busy_database_is_not_taken_for_a_damaged_one(directory: Path) -> None:
    """What another program holds is refused in one line, and left alone."""
    disk = FailingDisk()
    disk.fail("read", apsw.BusyError("somebody has it"))
    with pytest.raises(JournalError, match=r"journal\.db: "):
        opened(directory, vfs=disk.name)
    assert disk.failed > 0
    assert not list(directory.glob("damaged*"))


def test_another_station_s_journal_is_left_alone(directory: Path) -> None:
    """It is refused, not repaired."""
    with pytest.raises(JournalError, match="belongs to station"):
        recover(Paths(directory), FILES, "acme/other")
    assert not list(directory.glob("damaged*"))


def test_a_database_that_cannot_even_be_opened_is_rebuilt(directory: Path) -> None:
    """A directory in its place, say: the rest goes on from the log, or it is said why not."""
    paths = Paths(directory)
    paths.database.unlink()
    paths.database.mkdir()
    with pytest.raises(OSError, match="journal"):
        opened(directory)


def on(directory: Path, machine: str) -> None:
    """Open on that machine, and close."""
    recover(Paths(directory), FILES, STATION, machine=machine).connection.close()


def test_a_copy_on_another_machine_is_refused_until_confirmed(directory: Path) -> None:
    """Two agents never go on from one journal unnoticed; who cannot tell is not asked (P22)."""
    on(directory, "")
    on(directory, "one")
    with pytest.raises(JournalError, match=rf"written on another .* touch {directory}/adopt$"):
        on(directory, "two")
    on(directory, "one")
    (directory / "adopt").touch()
    on(directory, "two")
    assert not (directory / "adopt").exists()
    on(directory, "")
    with pytest.raises(JournalError, match="written on another machine"):
        on(directory, "one")


def test_the_machine_is_known_over_a_rebuild(directory: Path) -> None:
    """A broken page is no way round the confirmation."""
    on(directory, "one")
    checkpointed(directory)
    (directory / "prove-all").touch()
    connection = connect(directory / "journal.db", None)
    connection.execute("DROP INDEX events_by_unit")
    connection.close()
    on(directory, "one")
    with pytest.raises(JournalError, match="written on another machine"):
        on(directory, "two")
