"""The database: what SQLite is asked for, synchronously, by whoever brings the thread.

Laws:
    1. A commit is durable when it returns: WAL with synchronous=FULL, set and read back (S6).
    2. Any error of a commit closes the connection for good: what came of it is found out by opening
       again (S5).
    3. The log never checkpoints by itself; its length is watched and bounded by the caller (S1).

Only the body counts. The other columns are there to find it: they are never handed out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import cast

import apsw

from agent.journal.chain import place_of
from agent.journal.errors import DiskFullError, DoubtfulCommitError, JournalError
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
_INSERT = "INSERT INTO events (place, kind, unit, wall_ms, body) VALUES (?, ?, ?, ?, ?)"
_KEEP = _INSERT.replace("INSERT", "INSERT OR IGNORE", 1)
_MOVE = "INSERT OR REPLACE INTO cursors (sink, position) VALUES (?, ?)"
_TELL = "INSERT INTO lost (epoch, first_seq, last_seq) VALUES (?, ?, ?)"

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
    connection.execute("PRAGMA journal_mode = WAL")
    prove_durable(connection, path)
    with connection:
        connection.execute(_SCHEMA)
        connection.execute("INSERT INTO meta (name, value) VALUES ('station', ?)", (station,))
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
    owner = connection.execute("SELECT value FROM meta WHERE name = 'station'").get
    if not isinstance(version, int) or version > SCHEMA_VERSION:
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
        words = bytes(position).split()
        if len(words) == 3 and position == _position(sink, words[0], words[1]):  # noqa: PLR2004 - epoch, seq, checksum
            cursors[sink] = Address(words[0].decode(), int(words[1]))
    return cursors


def _position(sink: str, epoch: bytes, seq: bytes) -> bytes:
    text = b"%b %b " % (epoch, seq)
    return text + sha256(sink.encode() + b" " + text).hexdigest().encode()


def told_lost(connection: apsw.Connection) -> list[tuple[str, int, int]]:
    """Return the ranges that a committed `history_lost` has named."""
    sql = "SELECT epoch, first_seq, last_seq FROM lost"
    return cast("list[tuple[str, int, int]]", connection.execute(sql).fetchall())


# ------------------------------------------------------------------ writing


_CARRIED = (
    ("SELECT sink, position FROM cursors", _MOVE),
    ("SELECT epoch, first_seq, last_seq FROM lost", _TELL),
)


def carry_over(old: apsw.Connection, new: apsw.Connection) -> None:
    """Copy cursors and told losses into a new database, as far as they can be read."""
    for read, write in _CARRIED:
        try:
            rows = old.execute(read).fetchall()
        except DAMAGE:
            continue  # sinks get events twice, losses are told twice
        with new:
            new.executemany(write, rows)


def insert(connection: apsw.Connection, rows: Iterable[Row], *, keep: bool = False) -> None:
    """Insert rows; with `keep`, those whose place is taken are left as they stand."""
    connection.executemany(
        _KEEP if keep else _INSERT,
        ((place_of(row), row.kind, row.unit, row.wall_ms, row.body) for row in rows),
    )


class Store:
    """The connection that writes. After a failed commit nothing can be committed any more."""

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self.log_pages = 0
        """Length of the write-ahead log, for whoever checkpoints."""
        connection.set_wal_hook(self._note_log)

    def _note_log(self, connection: apsw.Connection, database: str, pages: int) -> int:
        del connection, database
        self.log_pages = pages
        return apsw.SQLITE_OK

    def commit(
        self,
        rows: Sequence[Row],
        cursors: Mapping[str, Address],
        lost: Sequence[tuple[str, int, int]] = (),
    ) -> None:
        """Make rows and cursors durable, all or none.

        Raises:
            DiskFullError: there was no room.
            DoubtfulCommitError: it failed, or nobody knows; the connection is closed.
        """
        run = self._connection.execute
        try:
            run("BEGIN IMMEDIATE")
            if rows:
                insert(self._connection, rows)
            for sink, to in cursors.items():
                run(_MOVE, (sink, _position(sink, to.epoch.encode(), b"%d" % to.seq)))
            for gap in lost:
                run(_TELL, gap)
            run("COMMIT")
        except apsw.FullError as error:
            self.close()
            raise DiskFullError(f"{self._path}: disk full; free some space") from error
        except apsw.Error as error:
            self.close()
            raise DoubtfulCommitError(
                f"{self._path}: commit failed: {error}; see the disk"
            ) from error

    def checkpoint(self) -> None:
        """Copy the log into the database, by the connection that writes.

        Raises:
            DoubtfulCommitError: the disk refused; the connection is closed.
        """
        try:
            checkpoint(self._connection)
        except apsw.Error as error:
            self.close()
            raise DoubtfulCommitError(
                f"{self._path}: checkpoint failed: {error}; see the disk"
            ) from error

    def finish(self) -> None:
        """Empty the log as far as the disk lets us, and close."""
        with contextlib.suppress(apsw.Error):  # closed by a failed commit, or the disk is full:
            checkpoint(self._connection, "TRUNCATE")  # the next opening reads the log as well
        self.close()

    def close(self) -> None:
        """Close without a checkpoint; the log stays as it is."""
        self._connection.close(force=True)


def checkpoint(connection: apsw.Connection, mode: str = "PASSIVE") -> None:
    """Copy the log into the database as far as readers allow; never waits for one.

    Raises:
        apsw.Error: the disk refused.
    """
    connection.execute(f"PRAGMA wal_checkpoint({mode})")
