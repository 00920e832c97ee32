"""Proving a journal: what is whole, what is lost, what was told."""

from pathlib import Path

import pytest

from agent.journal import verify as module
from agent.journal.chain import place
from agent.journal.commits import Store
from agent.journal.files import DiskFiles
from agent.journal.mark import MarkFile
from agent.journal.store import connect, create
from agent.journal.verify import Report, verify
from agent.ports import Address
from tests.histories import STATION, History, epoch, flip


def written(directory: Path, history: History) -> Store:
    """Write a history as the daemon does, and stay open."""
    path = directory / "journal.db"
    store = Store(create(path, None, STATION), path)
    store.commit(history.rows, {})
    last = history.rows[-1]
    MarkFile(DiskFiles(), directory / "mark").write(last.address, last.hash)
    return store


@pytest.fixture
def history() -> History:
    """Two epochs of 5 and 4 rows."""
    made = History()
    made.start(1)
    made.links(4)
    made.start(2, carried=3)
    return made


def test_a_whole_journal_is_whole_beside_its_daemon(tmp_path: Path, history: History) -> None:
    """Every row is counted, and whoever waits is told how far it is."""
    store = written(tmp_path, history)
    report = verify(tmp_path)
    assert report == Report(
        directory=tmp_path,
        station=STATION,
        rows=9,
        epochs=2,
        edge=None,
        is_edge_true=True,
        oldest=Address(epoch(1), 1),
        newest=Address(epoch(2), 4),
        lost=(),
        told=(),
        mark=Address(epoch(2), 4),
        broken=None,
    )
    assert (report.is_whole, report.first_bad) == (True, None)
    assert report.text() == (
        f"{tmp_path}: station {STATION}, 9 events in 2 epochs, {epoch(1)}-1 to {epoch(2)}-4\n"
        "  whole"
    )
    store.close()


def test_progress_is_told(
    tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long walk says how far it is."""
    monkeypatch.setattr(module, "PROGRESS_EVERY", 4)  # ten thousand say no more
    store = written(tmp_path, history)
    walked: list[int] = []
    verify(tmp_path, walked.append)
    store.close()
    assert walked == [4, 8]


def test_an_empty_journal_is_whole(tmp_path: Path) -> None:
    """Nothing was promised yet."""
    create(tmp_path / "journal.db", None, STATION).close()
    report = verify(tmp_path)
    assert report.is_whole
    assert report.text() == f"{tmp_path}: station {STATION}, 0 events in 0 epochs, - to -\n  whole"


def test_every_lost_range_is_named(tmp_path: Path, history: History) -> None:
    """Oldest first, with the reason, and the first bad row by its address."""
    store = written(tmp_path, history)
    store.close()
    connection = connect(tmp_path / "journal.db", None)
    at = [place(Address(epoch(1), 3)), place(Address(epoch(2), 4))]
    connection.execute("UPDATE events SET body = x'00' WHERE place = ?", at[:1])
    connection.execute("DELETE FROM events WHERE place = ?", at[1:])
    connection.close()
    report = verify(tmp_path)
    assert report.lost == ((epoch(1), 3, 3, "damaged"), (epoch(2), 4, 4, "missing"))
    assert report.text().splitlines()[1:] == [
        f"  LOST {epoch(1)} 3..3: damaged",
        f"  LOST {epoch(2)} 4..4: missing",
        f"  NOT WHOLE, first at {epoch(1)}-3",
    ]


def test_a_told_loss_is_shown_and_no_finding(tmp_path: Path, history: History) -> None:
    """What a `history_lost` in the journal names is known to everyone."""
    store = written(tmp_path, history)
    store.commit([], {}, [(epoch(1), 6, 9)])
    report = verify(tmp_path)
    store.close()
    assert report.is_whole
    assert f"  lost, and told: {epoch(1)} 6..9" in report.text()


def test_a_loss_with_the_start_of_an_epoch_says_what_nobody_knows(
    tmp_path: Path, history: History
) -> None:
    """That start named how the epoch before ended: nothing here proves what stood between (P20)."""
    history.start(5)
    history.links(1)
    store = written(tmp_path, history)
    store.close()
    connection = connect(tmp_path / "journal.db", None)
    lost = (place(Address(epoch(2), 1)), place(Address(epoch(2), 4)))
    connection.execute("DELETE FROM events WHERE place BETWEEN ? AND ?", lost)
    connection.close()
    between = " (with its start, so nothing here says what stood between it and the event before)"
    assert f"  LOST {epoch(2)} 1..4: missing{between}" in verify(tmp_path).text().splitlines()
    store = Store(connect(tmp_path / "journal.db", None), tmp_path / "journal.db")
    store.commit([], {}, [(epoch(0), 1, 3), (epoch(2), 1, 4)])
    report = verify(tmp_path)
    store.close()
    assert report.is_whole
    assert report.text().splitlines()[1:3] == [
        f"  lost, and told: {epoch(0)} 1..3",
        f"  lost, and told: {epoch(2)} 1..4{between}",
    ]


def test_a_missing_mark_is_a_finding(tmp_path: Path, history: History) -> None:
    """Without it nobody knows whether the history is as long as it was (S1)."""
    store = written(tmp_path, history)
    store.close()
    (tmp_path / "mark").unlink()
    report = verify(tmp_path)
    assert not report.is_whole
    assert "the mark is missing" in report.text()


@pytest.mark.parametrize("is_index", [False, True])
def test_a_broken_structure_is_a_finding(
    tmp_path: Path, history: History, *, is_index: bool
) -> None:
    """A page that cannot be read, or an index that leads elsewhere."""
    history.unit("unit-1")
    store = written(tmp_path, history)
    store.finish()
    path = tmp_path / "journal.db"
    if is_index:
        connection = connect(path, None)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'IS NOT NULL', 'IS NULL')")
        connection.close()
    else:
        page = path.read_bytes().index(history.rows[0].body) // 4096
        for byte in range(8):
            flip(path, (page * 4096 + byte) * 8)
    report = verify(tmp_path)
    assert report.broken is not None
    assert not report.is_whole
    assert f"  BROKEN {report.broken}; opening the journal rebuilds it" in report.text()
