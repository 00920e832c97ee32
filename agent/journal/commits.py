"""The connection that writes: commits, checkpoints, and deletes what is no longer kept.

Law: any error closes the connection for good: what came of it is found out by opening again (S5).
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import orjson

from agent.journal import pruning
from agent.journal.chain import Edge, place_of
from agent.journal.errors import BrokenError, DiskFullError, DoubtfulCommitError
from agent.journal.remedies import remedy
from agent.journal.store import checkpoint, insert, move, note, tell_lost
from agent.ports import Address, Row

_QUOTA = errno.EDQUOT
"""SQLite calls a disk full only where the system says ENOSPC."""
_BROKEN = (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Consequences:
    """What follows from rows in the journal itself: durable together with them."""

    lost: list[tuple[str, int, int]] = field(default_factory=list)
    """What a `history_lost` names is told: the walk does not tell it again."""
    skipped: dict[str, Address] = field(default_factory=dict)
    """Where a `sink_skipped` puts that sink's cursor, and the last event of its stream."""
    set_after: int | None = None
    """The place before the newest complete set of `state_carried`: what is older may go."""


def consequences(rows: Sequence[Row], before: int) -> Consequences:
    """Return what follows from rows, the first of which comes right after the place `before`."""
    found, set_after, opened = Consequences(), None, before
    is_in_set = False
    for row in rows:
        if row.kind == "state_carried":
            if not is_in_set:
                opened = before
            is_in_set = not orjson.loads(row.body)["last"]
            if not is_in_set:
                set_after = opened
        elif row.kind == "history_lost":
            named = orjson.loads(row.body)
            found.lost.append((named["lost_epoch"], named["first_seq"], named["last_seq"]))
        elif row.kind == "sink_skipped":
            named = orjson.loads(row.body)
            for cursor in (named["sink"], f"{named['sink']}#after"):
                found.skipped[cursor] = Address.parse(named["to_address"])
        before = place_of(row)
    return Consequences(found.lost, found.skipped, set_after)


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
        ahead_ms: int | None = None,
    ) -> None:
        """Make rows and cursors durable, all or none.

        Raises:
            DiskFullError: there was no room.
            DoubtfulCommitError: it failed, or nobody knows; the connection is closed.
        """
        run = self._connection.execute
        with self._doubt("commit"):
            run("BEGIN IMMEDIATE")
            if rows:
                insert(self._connection, rows)
            for sink, to in cursors.items():
                move(self._connection, sink, to)
            for gap in lost:
                tell_lost(self._connection, gap)
            if ahead_ms is not None:
                note(self._connection, "ahead_ms", str(ahead_ms))
            run("COMMIT")

    def edge_below(self, upto: int) -> Edge | None:
        """Return where the old end will be after the next step of pruning up to a place."""
        with self._doubt("pruning"):
            return pruning.edge_below(self._connection, upto)

    def drop(self, edge: Edge, sinks: Collection[str]) -> Address | None:
        """Delete all rows up to the edge and return the address of the oldest that is left.

        Raises:
            DiskFullError: there was no room.
            DoubtfulCommitError: it failed, or nobody knows; the connection is closed.
        """
        run = self._connection.execute
        with self._doubt("pruning"):
            run("BEGIN IMMEDIATE")
            pruning.drop(self._connection, edge, sinks)
            run("COMMIT")
            return pruning.first_row(self._connection)

    def shrink(self, pages: int) -> None:
        """Give free pages back to the disk; seen there after the next checkpoint.

        Raises:
            DiskFullError: there was no room.
            DoubtfulCommitError: it failed, or nobody knows; the connection is closed.
        """
        with self._doubt("pruning"):
            pruning.shrink(self._connection, pages)

    def checkpoint(self) -> None:
        """Copy the log into the database, by the connection that writes.

        Raises:
            DoubtfulCommitError: the disk refused; the connection is closed.
        """
        with self._doubt("checkpoint"):
            checkpoint(self._connection)

    @contextlib.contextmanager
    def _doubt(self, what: str) -> Iterator[None]:
        try:
            yield
        except apsw.FullError as error:
            self.close()
            raise DiskFullError(f"{self._path}: disk full; free some space") from error
        except _BROKEN as error:
            self.close()
            raise BrokenError(
                f"{self._path}: {what} failed: {error}; it is rebuilt when reopened"
            ) from error
        except apsw.Error as error:
            number = self._connection.system_errno if isinstance(error, apsw.IOError) else None
            self.close()
            if number == _QUOTA:
                raise DiskFullError(f"{self._path}: quota used up; free some space") from error
            raise DoubtfulCommitError(
                f"{self._path}: {what} failed: {error}; {remedy(number)}"
            ) from error

    def finish(self) -> None:
        """Empty the log as far as the disk lets us, and close."""
        with contextlib.suppress(apsw.Error):  # closed by a failed commit, or the disk is full:
            checkpoint(self._connection, "TRUNCATE")  # the next opening reads the log as well
        self.close()

    def close(self) -> None:
        """Close without a checkpoint; the log stays as it is."""
        self._connection.close(force=True)
