"""Salvage: rows found by their bytes, past any structure."""

from pathlib import Path

import apsw

from agent.journal.chain import place
from agent.journal.commits import Store
from agent.journal.files import DiskFiles
from agent.journal.mark import Mark
from agent.journal.salvage import reachable, rows_in, tail
from agent.journal.store import create
from agent.ports import Address
from tests.histories import STATION, History, epoch, flip

FILES = DiskFiles()


def write(path: Path, content: bytes) -> Path:
    """Write a file and return its path."""
    path.write_bytes(content)
    return path


def test_rows_are_found_wherever_they_lie(tmp_path: Path) -> None:
    """Rubbish before, between and behind does not matter; rotten rows are passed."""
    made = History()
    made.start(1)
    made.links(3)
    first, second, rotten, last = (row.body for row in made.rows)
    rotten = rotten.replace(b"plc", b"plx")
    content = b'{"x' + first + b"\x00" * 9 + second + rotten + b'{"' + last + b',"hash":"'
    found = [row.row for row in rows_in(FILES, write(tmp_path / "f", content))]
    assert found == [made.rows[0], made.rows[1], made.rows[3]]


def test_rows_are_found_over_the_edges_of_windows(tmp_path: Path) -> None:
    """A file longer than one window loses no row at the edge."""
    made = History()
    made.start(1)
    made.links(3)
    edge = (1 << 20) - 100
    content = b"\x00" * edge + b"".join(row.body for row in made.rows) + b"\x00" * (1 << 20)
    found = {row.row.seq for row in rows_in(FILES, write(tmp_path / "f", content))}
    assert found == {1, 2, 3, 4}
    assert list(rows_in(FILES, write(tmp_path / "g", b""))) == []


def test_a_tail_is_what_certainly_happened(tmp_path: Path) -> None:
    """Of the mark's epoch all up to it, of others what the hashes lead to from the mark back."""
    made = History()
    made.start(1)
    made.links(3)
    stray = History()
    stray.start(1)
    stray.links(9)
    made.start(2)
    made.links(5)
    beyond, mark = made.rows[-1], made.rows[-2]
    rotten = made.rows[6].body.replace(b"plc", b"plx")
    bodies = [row.body for row in (*made.rows[:6], *made.rows[7:], beyond, *stray.rows[8:])]
    source = write(tmp_path / "f", b"".join([*bodies, rotten]))
    after = place(Address(epoch(1), 2))
    found = tail(FILES, [source], Mark(1, mark.address, mark.hash), after)
    assert [row.row for row in found] == [made.rows[4], made.rows[5], *made.rows[7:9]]
    whole = write(tmp_path / "g", b"".join(row.body for row in made.rows))
    found = tail(FILES, [whole, source], Mark(1, mark.address, mark.hash), after)
    assert [row.row for row in found] == made.rows[2:9]


def test_a_broken_tree_is_read_from_both_ends(tmp_path: Path) -> None:
    """Behind a rotten page there are rows again."""
    made = History()
    made.start(1)
    made.links(200)
    path = tmp_path / "j"
    store = Store(create(path, None, STATION), path)
    store.commit(made.rows, {})
    store.finish()
    middle = path.read_bytes().index(made.rows[100].body) // 4096
    for byte in range(8):
        flip(path, (middle * 4096 + byte) * 8 + 1)
    connection = apsw.Connection(str(path))
    found = {body for _, body in reachable(connection)}
    connection.close()
    assert made.rows[0].body in found
    assert made.rows[-1].body in found
    assert made.rows[100].body not in found


def test_a_whole_tree_is_read_once(tmp_path: Path) -> None:
    """Nothing comes twice where nothing is broken."""
    made = History()
    made.start(1)
    made.links(5)
    store_connection = create(tmp_path / "j", None, STATION)
    Store(store_connection, tmp_path / "j").commit(made.rows, {})
    assert [body for _, body in reachable(store_connection)] == [row.body for row in made.rows]
    store_connection.close()
