"""The database: what SQLite is asked for, synchronously, by whoever brings the thread.

Laws:
    1. A commit is durable when it returns: WAL with synchronous=FULL, set and read back (S6).
    2. The log never checkpoints by itself; its length is watched and bounded by the caller (S1).

Only the body counts. The other columns are there to find it: they are never handed out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import cast

import apsw

from agent.journal.chain import Edge, place_of
from agent.journal.errors import JournalError
from agent.ports import Address, Row

SQLITE_AT_LEAST = (3, 51, 3)
"""The first with the WAL-reset bug mended (S3)."""
SCHEMA_VERSION = 1
_BUSY_MS = 5000
_FULL = 2

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE events (
  place INTEGER PRIMARY KEY, kind TEXT NOT NULL, unit TEXT, wall_ms INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX events_by_unit ON events (unit) WHERE unit IS NOT NULL;
CREATE TABLE cursors (sink TEXT PRIMARY KEY, position BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE lost (epoch TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL)
STRICT;
"""
_INTO = "INTO events (place, kind, unit, wall_ms, body) VALUES"
_VALUES = "(?, ?, ?, ?, ?)"
MOST_AT_ONCE = 32
"""Rows in one statement. Each statement gives the interpreter away and has to get it back."""
_MOVE = "INSERT OR REPLACE INTO cursors (sink, position) VALUES (?, ?)"
_TELL = "INSERT INTO lost (epoch, first_seq, last_seq) VALUES (?, ?, ?)"
_SET = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)"

DAMAGE = (apsw.Error, UnicodeDecodeError)
"""What reading a rotten database raises; the second is not one of apsw's own (S2)."""
NOT_DAMAGE = (apsw.BusyError, apsw.LockedError, apsw.NoMemError, apsw.InterruptError)


class DamageError(Exception):
    """The database is not, or no longer, one that this program wrote."""


def prove_library(version: str, *, is_own: bool) -> None:
    """Refuse a SQLite that loses commits, or one that somebody else can exchange (S3).

    Raises:
        JournalError: it is too old, or it is not the one inside apsw.
    """
    if tuple(map(int, version.split("."))) < SQLITE_AT_LEAST:
        least = ".".join(map(str, SQLITE_AT_LEAST))
        raise JournalError(f"SQLite {version} can lose commits; install apsw >= {least} from PyPI")
    if not is_own:
        raise JournalError(
            f"apsw uses the system's SQLite {version}; install the apsw wheel from PyPI instead"
        )


def connect(path: Path, vfs: str | None, *, read_only: bool = False) -> apsw.Connection:
    """Open one connection; a checkpoint happens only when it is asked for.

    Raises:
        JournalError: the library is not to be trusted.
        apsw.Error: the file cannot be opened.
    """
    prove_library(apsw.sqlite_lib_version(), is_own=apsw.using_amalgamation)
    flags = (
        apsw.SQLITE_OPEN_READONLY
        if read_only
        else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    )
    connection = apsw.Connection(str(path), flags=flags, vfs=vfs)
    connection.set_busy_timeout(_BUSY_MS)
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.wal_autocheckpoint(0)
    return connection


def create(path: Path, vfs: str | None, station: str) -> apsw.Connection:
    """Make a new database in one transaction and return a connection that may write."""
    connection = connect(path, vfs)
    connection.execute("PRAGMA page_size = 4096")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # what pruning frees can be given back
    connection.execute("PRAGMA journal_mode = WAL")
    prove_durable(connection, path)
    with connection:
        connection.execute(_SCHEMA)
        note(connection, "station", station)
        note(connection, "schema", str(SCHEMA_VERSION))
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    return connection


def prove_durable(connection: apsw.Connection, path: Path) -> None:
    """Set synchronous=FULL and read back that this and the log are in force (S6).

    Raises:
        JournalError: they are not.
    """
    connection.execute("PRAGMA synchronous = FULL")
    mode = connection.pragma("journal_mode")
    level = connection.pragma("synchronous")
    if (mode, level) != ("wal", _FULL):
        raise JournalError(
            f"{path}: durable commits are not to be had here (journal_mode {mode}, "
            f"synchronous {level}); use a local file system"
        )


def examine(
    connection: apsw.Connection, path: Path, station: str | None, *, is_thorough: bool = False
) -> None:
    """Check that an existing database is a journal of ours, for this station.

    Raises:
        DamageError: it is not a journal.
        JournalError: it belongs to another station or to a newer version.
        apsw.Error: it cannot be read.
    """
    version = connection.pragma("user_version")
    if connection.pragma("journal_mode") != "wal" or not version:
        raise DamageError(f"{path}: not a journal")
    owner = owner_of(connection)
    if not owner or str(version) != _noted(connection, "schema"):
        raise DamageError(f"{path}: nobody's journal")
    if int(str(version)) > SCHEMA_VERSION:
        raise JournalError(f"{path}: written by a newer version; install that version again")
    if station is not None and owner != station:
        raise JournalError(
            f"{path}: belongs to station {owner}, not {station}; set journal.path, "
            "or move the directory away if the station was renamed"
        )
    if is_thorough and not is_sound(connection):
        raise DamageError(f"{path}: table and index differ")


def is_sound(connection: apsw.Connection) -> bool:
    """Return whether table and index fit each other; content is the chain's to prove (S2)."""
    return bool(connection.execute("PRAGMA integrity_check(1)").get == "ok")


# ------------------------------------------------------------------ reading


Stored = tuple[int, object]
"""Place and body as they stand there, not proven yet."""


def stored_down(connection: apsw.Connection) -> Iterator[Stored]:
    """Yield every row from the newest back."""
    yield from connection.execute("SELECT place, body FROM events ORDER BY place DESC")


def stored_up(connection: apsw.Connection) -> Iterator[Stored]:
    """Yield every row from the oldest on."""
    yield from connection.execute("SELECT place, body FROM events ORDER BY place")


def stored_from(connection: apsw.Connection, where: int, limit: int) -> list[Stored]:
    """Return rows from a place on, the one there included, oldest first."""
    sql = "SELECT place, body FROM events WHERE place >= ? ORDER BY place LIMIT ?"
    return cast("list[Stored]", connection.execute(sql, (where, limit)).fetchall())


def outermost(connection: apsw.Connection) -> tuple[int | None, int | None]:
    """Return the lowest and the highest place in use."""
    lowest = connection.execute("SELECT min(place) FROM events").get
    return lowest, connection.execute("SELECT max(place) FROM events").get


def stored_cursors(connection: apsw.Connection) -> dict[str, Address]:
    """Return the cursors whose checksum fits; the others start from the oldest row kept."""
    cursors = {}
    for sink, position in connection.execute("SELECT sink, position FROM cursors"):
        if not isinstance(sink, str) or not isinstance(position, bytes):
            continue  # a rotten page gives whatever it likes, whatever the column's type
        words = position.split()
        if len(words) == 3 and position == _position(sink, words[0], words[1]):  # noqa: PLR2004 - epoch, seq, checksum
            cursors[sink] = Address(words[0].decode(), int(words[1]))
    return cursors


def _position(sink: str, epoch: bytes, seq: bytes) -> bytes:
    text = b"%b %b " % (epoch, seq)
    return text + sha256(sink.encode() + b" " + text).hexdigest().encode()


def told_lost(connection: apsw.Connection) -> list[tuple[str, int, int]]:
    """Return the ranges that a committed `history_lost` has named."""
    sql = "SELECT epoch, first_seq, last_seq FROM lost"
    return [
        (epoch, first, last)
        for epoch, first, last in connection.execute(sql)
        if isinstance(epoch, str) and isinstance(first, int) and isinstance(last, int)
    ]


def owner_of(connection: apsw.Connection) -> str:
    """Return the station whose journal it is; an empty text where that rotted."""
    return _noted(connection, "station")


def machine_of(connection: apsw.Connection) -> str:
    """Return the machine that writes it; an empty text where none was noted."""
    return _noted(connection, "machine")


def stored_edge(connection: apsw.Connection) -> Edge | None:
    """Return where the old end was last pruned; None if it never was, or the note rotted."""
    return Edge.parse(_noted(connection, "edge"))


def stored_ahead_ms(connection: apsw.Connection) -> int:
    """Return how far the wall clock was seen to jump ahead, for ages (age.py)."""
    return int(_noted(connection, "ahead_ms") or 0)


def _noted(connection: apsw.Connection, name: str) -> str:
    """Return a note whose checksum fits; an empty one where there is none."""
    found = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).get
    word, _, checksum = str(found or "").rpartition(" ")
    return word if checksum == _checksum(name, word) else ""


def _checksum(name: str, word: str) -> str:
    return sha256(f"{name} {word}".encode()).hexdigest()


# ------------------------------------------------------------------ writing


def note(connection: apsw.Connection, name: str, word: str) -> None:
    """Keep a word beside the events, in the transaction that makes it true."""
    connection.execute(_SET, (name, f"{word} {_checksum(name, word)}"))


_CARRIED = (
    ("SELECT sink, position FROM cursors", _MOVE),
    ("SELECT epoch, first_seq, last_seq FROM lost", _TELL),
    ("SELECT name, value FROM meta WHERE name IN ('edge', 'ahead_ms', 'machine')", _SET),
)


def carry_over(old: apsw.Connection, new: apsw.Connection) -> None:
    """Copy cursors, told losses and the old end into a new database, as far as they can be read."""
    for read, write in _CARRIED:
        try:
            rows = old.execute(read).fetchall()
        except DAMAGE:
            continue  # sinks get events twice, losses are told twice
        with new:
            for row in rows:
                with suppress(apsw.ConstraintError):  # what rot made of it is none any more
                    new.execute(write, row)


def insert(connection: apsw.Connection, rows: Iterable[Row], *, keep: bool = False) -> None:
    """Insert rows; with `keep`, those whose place is taken are left as they stand."""
    left = iter(rows)
    while group := list(islice(left, MOST_AT_ONCE)):
        while group:
            count = 1 << (len(group).bit_length() - 1)  # few statements, which the library keeps
            values: list[int | str | bytes | None] = []
            for row in group[:count]:
                values += (place_of(row), row.kind, row.unit, row.wall_ms, row.body)
            connection.execute(_statement(count, keep=keep), values)
            del group[:count]


@cache
def _statement(count: int, *, keep: bool) -> str:
    verb = "INSERT OR IGNORE" if keep else "INSERT"
    return f"{verb} {_INTO} {', '.join([_VALUES] * count)}"


def move(connection: apsw.Connection, sink: str, to: Address) -> None:
    """Set a sink's cursor."""
    connection.execute(_MOVE, (sink, _position(sink, to.epoch.encode(), b"%d" % to.seq)))


def tell_lost(connection: apsw.Connection, gap: tuple[str, int, int]) -> None:
    """Note that a range was named as lost."""
    connection.execute(_TELL, gap)


def checkpoint(connection: apsw.Connection, mode: str = "PASSIVE") -> None:
    """Copy the log into the database as far as readers allow; never waits for one.

    Raises:
        apsw.Error: the disk refused.
    """
    connection.execute(f"PRAGMA wal_checkpoint({mode})")
