"""The database: proven library, proven durability, all or nothing."""

from pathlib import Path

import apsw
import pytest

from agent.journal.commits import Store
from agent.journal.errors import JournalError
from agent.journal.store import (
    DamageError,
    carry_over,
    checkpoint,
    connect,
    create,
    examine,
    is_sound,
    note,
    outermost,
    prove_durable,
    prove_library,
    stored_cursors,
    stored_down,
    stored_from,
    told_lost,
)
from agent.ports import Address
from tests.histories import STATION, History, epoch


@pytest.mark.parametrize(
    ("version", "is_own", "message"),
    [
        ("3.40.1", True, "SQLite 3.40.1 can lose commits; install apsw >= 3.51.3 from PyPI"),
        (
            "3.54.1",
            False,
            "apsw uses the system's SQLite 3.54.1; install the apsw wheel from PyPI instead",
        ),
    ],
)
def test_a_library_that_loses_commits_is_refused(
    version: str, message: str, *, is_own: bool
) -> None:
    """Before 3.51.3 a checkpoint beside a commit can lose it; the system's may be any (S3)."""
    with pytest.raises(JournalError) as refused:
        prove_library(version, is_own=is_own)
    assert str(refused.value) == message


def test_the_installed_library_is_good() -> None:
    """The very one that the tests run on."""
    prove_library(apsw.sqlite_lib_version(), is_own=apsw.using_amalgamation)


def test_durability_is_read_back(tmp_path: Path) -> None:
    """WAL and FULL are in force on the connection that writes (S6)."""
    connection = create(tmp_path / "j", None, STATION)
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2
    connection.close()


def test_a_place_without_a_log_is_refused() -> None:
    """Where SQLite cannot keep a log, commits are not durable the way we count on."""
    connection = apsw.Connection(":memory:")
    with pytest.raises(JournalError) as refused:
        prove_durable(connection, Path("j"))
    assert str(refused.value) == (
        "j: durable commits are not to be had here (journal_mode memory, synchronous 2); "
        "use a local file system"
    )
    connection.close()


def test_another_station_s_journal_is_refused(tmp_path: Path) -> None:
    """A journal belongs to one station for ever."""
    connection = create(tmp_path / "j", None, "other")
    with pytest.raises(JournalError, match=r"belongs to station other, not acme"):
        examine(connection, tmp_path / "j", STATION)
    examine(connection, tmp_path / "j", None)
    connection.close()


def test_a_newer_version_s_journal_is_refused(tmp_path: Path) -> None:
    """A downgrade alters nothing (G06)."""
    connection = create(tmp_path / "j", None, STATION)
    connection.execute("PRAGMA user_version = 2")
    with pytest.raises(DamageError, match="nobody's journal"):  # a rotten header is no version
        examine(connection, tmp_path / "j", STATION)
    note(connection, "schema", "2")
    with pytest.raises(JournalError, match="written by a newer version"):
        examine(connection, tmp_path / "j", STATION)
    connection.close()


def test_what_is_no_journal_is_damage(tmp_path: Path) -> None:
    """A database of somebody else, or of nobody, is not taken for ours."""
    connection = connect(tmp_path / "j", None)
    with pytest.raises(DamageError, match="not a journal"):
        examine(connection, tmp_path / "j", STATION)
    connection.close()


def test_table_and_index_that_differ_are_damage(tmp_path: Path) -> None:
    """A thorough look finds what a look-up would be misled by."""
    history = History()
    history.start(1)
    history.unit("unit-1")
    connection = create(tmp_path / "j", None, STATION)
    Store(connection, tmp_path / "j").commit(history.rows, {})
    examine(connection, tmp_path / "j", STATION, is_thorough=True)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'IS NOT NULL', 'IS NULL')")
    connection.close()
    connection = connect(tmp_path / "j", None)
    assert not is_sound(connection)
    with pytest.raises(DamageError, match="table and index differ"):
        examine(connection, tmp_path / "j", STATION, is_thorough=True)
    connection.close()


def test_rows_cursors_and_told_losses_come_back(tmp_path: Path) -> None:
    """One commit holds all three; they are read as they were written."""
    history = History()
    history.start(1)
    history.links(2)
    connection = create(tmp_path / "j", None, STATION)
    store = Store(connection, tmp_path / "j")
    gap = (epoch(1), 7, 9)
    store.commit(history.rows, {"plant": Address(epoch(1), 2)}, [gap])
    assert [body for _, body in stored_from(connection, -1, 9)] == [r.body for r in history.rows]
    assert [body for _, body in stored_down(connection)] == [r.body for r in history.rows[::-1]]
    assert outermost(connection) == (1 << 40 | 1, 1 << 40 | 3)
    assert stored_cursors(connection) == {"plant": Address(epoch(1), 2)}
    assert told_lost(connection) == [gap]
    assert store.log_pages > 0
    store.finish()


def test_a_rotten_cursor_is_none(tmp_path: Path) -> None:
    """A cursor that points too far would skip events: its checksum fits or it does not count."""
    connection = create(tmp_path / "j", None, STATION)
    Store(connection, tmp_path / "j").commit([], {"a": Address(epoch(1), 2)})
    for sink, position in (("b", b"x"), ("c", b"000001-a 5 checksum")):
        connection.execute("INSERT INTO cursors VALUES (?, ?)", (sink, position))
    assert stored_cursors(connection) == {"a": Address(epoch(1), 2)}
    connection.close()


def test_a_new_database_takes_over_what_can_be_read(tmp_path: Path) -> None:
    """Cursors and told losses are carried into it; what is not there is left out."""
    old, new = create(tmp_path / "o", None, STATION), create(tmp_path / "n", None, STATION)
    Store(old, tmp_path / "o").commit([], {"a": Address(epoch(1), 2)}, [(epoch(1), 1, 1)])
    old.execute("DROP TABLE lost")
    carry_over(old, new)
    assert stored_cursors(new) == {"a": Address(epoch(1), 2)}
    assert told_lost(new) == []
    old.close()
    new.close()


def test_what_rot_made_of_a_row_is_left_out_alone(tmp_path: Path) -> None:
    """A row that no database of ours can have stops neither the others nor the opening."""
    old, new = create(tmp_path / "o", None, STATION), create(tmp_path / "n", None, STATION)
    old.execute("DROP TABLE lost")
    old.execute("CREATE TABLE lost (epoch, first_seq, last_seq)")
    for row in ((None, 1, 1), (epoch(1), "x", 2), (epoch(1), 3, 4)):
        old.execute("INSERT INTO lost VALUES (?, ?, ?)", row)
    carry_over(old, new)
    assert told_lost(new) == [(epoch(1), 3, 4)]
    old.close()
    new.close()


def test_a_checkpoint_by_either_connection_empties_the_log(tmp_path: Path) -> None:
    """The log is copied into the database; closing empties it."""
    history = History()
    history.start(1)
    path = tmp_path / "j"
    store = Store(create(path, None, STATION), path)
    store.commit(history.rows, {})
    store.checkpoint()
    other = connect(path, None)
    checkpoint(other)
    other.close()
    store.finish()
    assert (tmp_path / "j-wal").stat().st_size == 0
