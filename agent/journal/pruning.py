"""What is deleted at the old end of a journal, in SQL: synchronous, a little at a time.

Laws:
    1. The edge (chain.py) is written in the transaction that deletes: after a cut there are both or
       neither, and what is left always follows what is named as gone.
    2. Only rows at the old end go: what is kept has no hole.
    3. A row is old when one that was stamped by a trusted clock, itself or a later one, is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import apsw

from agent.journal.chain import Edge, place, prove
from agent.journal.store import note, stored_cursors, stored_from
from agent.ports import Address

STEP_ROWS = 200
"""Rows deleted at once: an append waits no longer than that takes, a few milliseconds."""
_MOST_UNDATED = 50
"""Steps of rows without a trusted time that are looked through at once."""
_TRUSTED = (b'"clock_state":"synced"', b'"clock_state":"holdover"')


@dataclass(frozen=True, slots=True)
class Space:
    """What a database takes up."""

    used_bytes: int
    """In pages that hold something."""
    free_pages: int
    pages: int


@dataclass(frozen=True, slots=True)
class Skip:
    """A range that an optional sink lacks and that is to go."""

    sink: str
    first: Address
    last: Address
    n: int


def measure(connection: apsw.Connection) -> Space:
    """Return what the database takes up."""
    size, pages, free = (
        int(connection.pragma(name) or 0) for name in ("page_size", "page_count", "freelist_count")
    )
    return Space((pages - free) * size, free, pages)


@dataclass(slots=True)
class Aged:
    """Looks for old rows; remembers how far it has looked in vain."""

    undated_to: int = -1
    """Up to here no row bears a trusted time, and what follows decides over it."""

    def find(self, connection: apsw.Connection, upto: int, before_ms: int) -> int | None:
        """Return up to which place all rows are older than a moment; None if none is.

        Args:
            connection: Where to look.
            upto: Rows beyond this place are not asked about.
            before_ms: The moment, UTC ms.
        """
        for size in (1, *(STEP_ROWS,) * _MOST_UNDATED):  # mostly one row tells that none is old
            stored = stored_from(connection, self.undated_to + 1, size)
            old = None
            for where, body in stored:
                wall_ms = _dated(body) if where <= upto else None
                if wall_ms is None:
                    continue
                if wall_ms >= before_ms:
                    return old
                old = where
            if size == 1:
                continue
            if old is not None or not stored or stored[-1][0] > upto:
                return old
            self.undated_to = stored[-1][0]
        return None


def _dated(body: object) -> int | None:
    """Return when a row was made, by a trusted clock; None where there was none, or it rotted."""
    found = prove(body)
    if found is None or not any(word in found.row.body for word in _TRUSTED):
        return None
    return found.row.wall_ms


def edge_below(connection: apsw.Connection, upto: int) -> Edge | None:
    """Return the newest row that holds of the next few at the old end, up to a place."""
    sql = "SELECT place, body FROM events WHERE place <= ? ORDER BY place LIMIT ?"
    rows = connection.execute(sql, (upto, STEP_ROWS)).fetchall()
    proven = (prove(body) for _, body in reversed(rows))
    found = next((one for one in proven if one is not None), None)
    return Edge(found.row.address, found.row.hash) if found is not None else None


def drop(connection: apsw.Connection, edge: Edge, sinks: Collection[str]) -> None:
    """Delete all rows up to the edge; call it within a transaction.

    Cursors that fell behind it belong to sinks that are no longer there: they go too, so that a
    sink that comes back starts with the oldest row, as a new one.
    """
    connection.execute("DELETE FROM events WHERE place <= ?", (edge.place,))
    note(connection, "edge", str(edge))
    gone = [
        sink
        for sink, at in stored_cursors(connection).items()
        if sink.partition("#")[0] not in sinks and place(at) < edge.place
    ]
    connection.executemany("DELETE FROM cursors WHERE sink = ?", ((sink,) for sink in gone))


def shrink(connection: apsw.Connection, pages: int) -> None:
    """Give back so many free pages at the end of the file."""
    connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()  # one step a page


def skippable(
    connection: apsw.Connection, after: int, upto: int, most: int
) -> tuple[Address, Address, int] | None:
    """Return first and last address, and the number, of the rows between two places.

    Args:
        connection: Where to look.
        after: The place before the first.
        upto: The last place that may go.
        most: How many rows at most.
    """
    sql = (
        "SELECT max(place) FROM "
        "(SELECT place FROM events WHERE place > ? AND place <= ? ORDER BY place LIMIT ?)"
    )
    end = connection.execute(sql, (after, upto, most)).get
    if end is None:
        return None
    between = "FROM events WHERE place > ? AND place <= ?"
    first = _holding(connection.execute(f"SELECT body {between} ORDER BY place", (after, end)))
    last = _holding(connection.execute(f"SELECT body {between} ORDER BY place DESC", (after, end)))
    if first is None or last is None:
        return None
    return first, last, connection.execute(f"SELECT count(*) {between}", (after, place(last))).get


def _holding(bodies: Iterable[tuple[object]]) -> Address | None:
    """Return the address of the first body that holds."""
    proven = (prove(body) for (body,) in bodies)
    return next((found.row.address for found in proven if found is not None), None)


def first_row(connection: apsw.Connection) -> Address | None:
    """Return the address of the oldest row, None where it does not hold or there is none."""
    found = next((prove(body) for _, body in stored_from(connection, -1, 1)), None)
    return found.row.address if found is not None else None
