"""Bit rot in database, log and mark: nothing altered is handed out, nothing lost unseen."""

import random
import shutil
from collections.abc import Iterable
from pathlib import Path

import apsw
import pytest

from agent.journal.chain import ordinal
from agent.journal.commits import Store
from agent.journal.errors import JournalError
from agent.journal.files import DiskFiles
from agent.journal.mark import MarkFile
from agent.journal.opening import open_journal
from agent.journal.place import Paths
from agent.journal.recovery import recover
from agent.journal.store import stored_cursors, told_lost
from agent.ports import Recovery, Row
from tests.doubles import InlineWorker
from tests.histories import STATION, History, batches, epoch, flip, rim

FLIPS = 120
Gap = tuple[str, int, int, str]


def history() -> History:
    """Return 150 rows that go into the database and 100 that stay in the log."""
    made = History()
    made.start(1)
    made.links(120)
    made.start(2, carried=2)
    for number in range(126):
        made.unit(f"unit-{number}")
    return made


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal as a power cut leaves it: part of it checkpointed, part in the log."""
    directory, made = tmp_path_factory.mktemp("image"), history()
    opened = recover(Paths(directory), DiskFiles(), STATION)
    store = Store(opened.connection, Paths(directory).database)
    for number, rows in enumerate(batches(made.rows, 10)):
        if number == 15:
            store.checkpoint()
        store.commit(rows, {"plant": rows[0].address})
        opened.mark.write(rows[-1].address, rows[-1].hash)
    store.close()
    return directory


async def handed_out(directory: Path) -> tuple[list[Row], list[Gap], list[Recovery]]:
    """Return what a daemon would publish, what it would tell as lost, and what it found."""
    told: list[Gap] = []
    found: list[Recovery] = []
    for _ in range(3):
        journal, recovery = await open_journal(
            directory, STATION, rim(worker=lambda _: InlineWorker())
        )
        found.append(recovery)
        told = list(recovery.lost)
        rows: list[Row] = []
        try:
            while page := await journal.read(rows[-1].address if rows else None, 40):
                rows += page
        except JournalError:
            continue  # it is opened again, and rebuilt
        finally:
            await journal.close()
        return rows, [*told, *journal.damage], found
    raise AssertionError("it never comes to rest")


def is_named(row: Row, gaps: Iterable[Gap]) -> bool:
    """Say whether a row is in a range that is told as lost."""
    return any(
        ordinal(gap[0]) == ordinal(row.epoch) and gap[1] <= row.seq <= gap[2] for gap in gaps
    )


@pytest.mark.parametrize("name", ["journal.db", "journal.db-wal"])
async def test_rot_never_alters_and_never_shortens_unseen(
    image: Path, tmp_path: Path, name: str
) -> None:
    """Whichever bit rots: each row comes out as it was committed, or is named as lost."""
    chance, made = random.Random(7), history().rows  # noqa: S311 - the same bits each time
    bits = (image / name).stat().st_size * 8
    by_address = {row.address: row for row in made}
    touched = 0
    for number in range(FLIPS):
        directory = tmp_path / f"{number}"
        shutil.copytree(image, directory)
        where = chance.randrange(bits) if number >= 40 else chance.randrange(100 * 8 + 32 * 8)
        flip(directory / name, where)
        rows, told, found = await handed_out(directory)
        assert all(by_address.get(row.address) == row for row in rows), where
        assert [row.address for row in rows] == sorted({row.address for row in rows}), where
        missing = set(by_address) - {row.address for row in rows}
        assert all(is_named(by_address[address], told) for address in missing), where
        assert not any(is_named(row, told) for row in rows), where
        touched += bool(told or any(recovery.set_aside for recovery in found))
        shutil.rmtree(directory)
    assert touched > FLIPS / 10


async def test_rot_in_the_mark_is_met_by_its_other_slot(image: Path, tmp_path: Path) -> None:
    """One slot rots: the other counts, and the journal is ahead of it by one batch at most."""
    chance = random.Random(7)  # noqa: S311 - the same bits each time
    newest = history().rows[-1]
    for number in range(40):
        directory = tmp_path / f"{number}"
        shutil.copytree(image, directory)
        half = chance.randrange(2) * 4096
        flip(directory / "mark", (half + chance.randrange(190)) * 8 + chance.randrange(8))
        rows, told, found = await handed_out(directory)
        assert (rows[-1], told, found[0].mark_rebuilt) == (newest, [], False)
        mark = MarkFile(DiskFiles(), directory / "mark").newest
        assert mark is not None
        assert mark.address == newest.address
    assert newest.epoch == epoch(2)


async def test_a_log_cut_anywhere_is_noticed(image: Path, tmp_path: Path) -> None:
    """A truncated log is a shorter history, and the mark knows (S1)."""
    chance, made = random.Random(7), history().rows  # noqa: S311 - the same cuts each time
    size = (image / "journal.db-wal").stat().st_size
    for number in range(30):
        directory = tmp_path / f"{number}"
        shutil.copytree(image, directory)
        log = directory / "journal.db-wal"
        log.write_bytes(log.read_bytes()[: chance.randrange(size)])
        rows, told, _ = await handed_out(directory)
        assert rows == [row for row in made if not is_named(row, told)]
        assert rows[:140] == made[:140]


def test_a_rotten_note_of_any_type_is_no_note() -> None:
    """A page that rots gives NULL or a number where a text stood; such a note counts as none."""
    rotten = apsw.Connection(":memory:")
    rotten.execute("CREATE TABLE cursors (sink, position)")
    rotten.execute("CREATE TABLE lost (epoch, first_seq, last_seq)")
    rotten.execute("INSERT INTO cursors VALUES ('plant', NULL), (NULL, x'00'), ('audit', 7)")
    rotten.execute("INSERT INTO lost VALUES (NULL, 1, 2), ('000001-01010101', NULL, 2)")
    assert stored_cursors(rotten) == {}
    assert told_lost(rotten) == []
    rotten.close()
