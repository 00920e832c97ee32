"""Reading beside the daemon: by unit, kind, time and epoch, newest or oldest first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.journal import reader
from agent.journal.chain import place
from agent.journal.commits import Store
from agent.journal.errors import JournalError
from agent.journal.files import DiskFiles
from agent.journal.mark import MarkFile
from agent.journal.reader import JournalReader, Query
from agent.journal.store import connect, create, note
from agent.ports import Address, Row
from tests.doubles import MORNING_MS
from tests.histories import STATION, History, epoch, flip


@pytest.fixture
def history() -> History:
    """Two epochs of 1 + 4 + 2 and 1 + 3 rows."""
    made = History()
    made.start(1)
    made.links(4)
    made.unit("unit-1")
    made.unit("unit-2")
    made.start(2)
    made.unit("unit-1", visit=2)
    made.links(2)
    return made


@pytest.fixture
def live(tmp_path: Path, history: History) -> Iterator[Store]:
    """A journal that a daemon has open."""
    path = tmp_path / "journal.db"
    store = Store(create(path, None, STATION), path)
    store.commit(history.rows, {})
    yield store
    store.close()


def ask(directory: Path, **query: object) -> list[Row]:
    """Return what a query finds."""
    with JournalReader(directory) as journal:
        return list(journal.query(Query(**query)))  # type: ignore[arg-type]  # as the test says


@pytest.mark.parametrize("page", [2, 2000])
@pytest.mark.usefixtures("live")
def test_queries_find_what_they_name(
    tmp_path: Path, history: History, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every condition, in both orders, over any number of pages."""
    monkeypatch.setattr(reader, "_PAGE", page)
    rows = history.rows
    assert ask(tmp_path) == rows[::-1]
    assert ask(tmp_path, newest_first=False) == rows
    assert ask(tmp_path, limit=3) == rows[:-4:-1]
    assert ask(tmp_path, limit=3, newest_first=False) == rows[:3]
    for n, row in enumerate(rows, 1):
        assert ask(tmp_path, after=row.address, newest_first=False) == rows[n:]
    assert ask(tmp_path, limit=0) == []
    assert ask(tmp_path, unit="unit-1") == [rows[8], rows[5]]
    assert ask(tmp_path, unit="unit-1", limit=1) == [rows[8]]
    assert ask(tmp_path, kinds=("agent_started", "unit_completed"), epoch=epoch(2)) == [
        rows[8],
        rows[7],
    ]
    assert ask(tmp_path, epoch="000001-ffffffff") == []
    assert ask(tmp_path, epoch=epoch(1), from_ms=MORNING_MS + 2000, to_ms=MORNING_MS + 4000) == [
        rows[2],
        rows[1],
    ]


@pytest.mark.usefixtures("live")
def test_the_newest_row_and_the_station_are_known(tmp_path: Path, history: History) -> None:
    """What a command prints first."""
    with JournalReader(tmp_path) as journal:
        assert (journal.station, journal.newest()) == (STATION, history.rows[-1])


def test_an_empty_journal_has_no_rows(tmp_path: Path) -> None:
    """No newest row, no rows."""
    create(tmp_path / "journal.db", None, STATION).close()
    assert ask(tmp_path) == []
    assert ask(tmp_path, epoch=epoch(1)) == []


def test_rows_committed_beside_the_reader_are_seen_by_the_next_query(
    tmp_path: Path, history: History, live: Store
) -> None:
    """A reader never holds up the writer, and looks anew each time."""
    with JournalReader(tmp_path) as journal:
        rows = journal.query(Query(newest_first=False))
        next(rows)
        added = history.links(1)
        live.commit(added, {})
        live.checkpoint()
        assert len(list(rows)) == 10
        assert journal.newest() == added[0]


def test_damaged_rows_are_counted_and_not_shown(
    tmp_path: Path, history: History, live: Store
) -> None:
    """A row that does not hold, or stands wrong, is nobody's answer."""
    live.finish()
    connection = connect(tmp_path / "journal.db", None)
    spoilt = [place(Address(epoch(1), 2)), place(Address(epoch(2), 4))]
    connection.execute("UPDATE events SET body = x'00' WHERE place = ?", spoilt[:1])
    connection.execute("UPDATE events SET place = place + 7 WHERE place = ?", spoilt[1:])
    connection.close()
    with JournalReader(tmp_path) as journal:
        assert list(journal.query(Query(newest_first=False))) == [
            history.rows[0],
            *history.rows[2:-1],
        ]
        assert journal.damaged == [spoilt[0], spoilt[1] + 7]


def test_a_broken_page_is_one_line(tmp_path: Path, live: Store, history: History) -> None:
    """The error names the file and what to run."""
    live.finish()
    path = tmp_path / "journal.db"
    page = path.read_bytes().index(history.rows[0].body) // 4096
    for byte in range(8):
        flip(path, (page * 4096 + byte) * 8)
    with pytest.raises(JournalError, match=r"journal\.db: .*; see `lineside verify`"):
        ask(tmp_path)


def test_no_journal_is_one_line(tmp_path: Path) -> None:
    """Nothing is made by looking."""
    with pytest.raises(JournalError, match=r": no journal here; has the agent run, .*\?$"):
        JournalReader(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_was_taken_away_is_told_by_its_mark(tmp_path: Path) -> None:
    """Who looks is not told that nobody was ever here."""
    mark = MarkFile(DiskFiles(), tmp_path / "mark")
    mark.write(Address(epoch(7), 123), "0" * 64)
    with pytest.raises(JournalError, match=rf"is gone, and the mark knows .* {epoch(7)}-123;"):
        JournalReader(tmp_path)


def test_what_is_no_journal_is_one_line(tmp_path: Path) -> None:
    """A file of somebody else's is not read as ours."""
    (tmp_path / "journal.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(JournalError, match=r"cannot be read: "):
        JournalReader(tmp_path)


def test_a_newer_version_s_journal_is_one_line(tmp_path: Path) -> None:
    """It is refused and closed."""
    connection = create(tmp_path / "journal.db", None, STATION)
    connection.execute("PRAGMA user_version = 2")
    note(connection, "schema", "2")
    connection.close()
    with pytest.raises(JournalError, match="written by a newer version"):
        JournalReader(tmp_path)
