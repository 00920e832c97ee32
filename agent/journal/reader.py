"""Reading a journal beside the daemon that writes it, for commands: read-only, short, proven.

    with JournalReader(directory) as journal:
        for row in journal.query(Query(unit="https://id.gs1.org/…", limit=20)):
            print(row.body.decode())

Each step is its own short transaction, so a slow reader never holds up a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, cast

import apsw

from agent.journal.chain import ordinal, place, prove
from agent.journal.errors import JournalError
from agent.journal.files import DiskFiles
from agent.journal.mark import MarkFile
from agent.journal.place import Paths
from agent.journal.store import DAMAGE, DamageError, connect, examine, outermost, owner_of
from agent.ports import Address, Row

T = TypeVar("T")

_PAGE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which events; what is not given does not matter."""

    unit: str | None = None
    """Unit or lot, in canonical text."""
    kinds: tuple[str, ...] = ()
    epoch: str | None = None
    after: Address | None = None
    """Only what stands behind this address."""
    from_ms: int | None = None
    """Received at or after, UTC ms."""
    to_ms: int | None = None
    """Received before, UTC ms."""
    limit: int | None = None
    newest_first: bool = True

    def condition(self) -> tuple[str, dict[str, object]]:
        """Return the rows' condition as SQL, with its arguments."""
        terms, arguments = ["place >= :low", "place < :high"], dict[str, object]()
        if self.unit is not None:
            terms.append("unit = :unit")
            arguments["unit"] = self.unit
        if self.kinds:
            names = {f"kind{number}": kind for number, kind in enumerate(self.kinds)}
            terms.append(f"kind IN ({', '.join(f':{name}' for name in names)})")
            arguments |= names
        if self.from_ms is not None:
            terms.append("wall_ms >= :from_ms")
            arguments["from_ms"] = self.from_ms
        if self.to_ms is not None:
            terms.append("wall_ms < :to_ms")
            arguments["to_ms"] = self.to_ms
        return " AND ".join(terms), arguments


@dataclass
class JournalReader:
    """A journal open for reading; a context manager.

    Raises:
        JournalError: there is none, or it cannot be read; one line for the operator.
    """

    directory: Path
    station: str = field(init=False)
    """Whose journal it is."""
    damaged: list[int] = field(default_factory=list)
    """Places of the rows that did not hold, so far; `verify` names them."""

    def __post_init__(self) -> None:
        self._paths = Paths(self.directory)
        self._connection = open_for_reading(self._paths)
        self.station = owner_of(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def query(self, query: Query) -> Iterator[Row]:
        """Yield the rows that a query asks for, each proven, in the order it asks for.

        Raises:
            JournalError: a page is broken; `lineside verify` says how much is.
        """
        left = query.limit
        for low, high in self._windows(query):
            if left is not None and left <= 0:
                return
            for row in self._window(query, low, high, left):
                yield row
                left = None if left is None else left - 1

    def newest(self) -> Row | None:
        """Return the newest row that holds."""
        return next(self.query(Query(limit=1)), None)

    def _windows(self, query: Query) -> Iterator[tuple[int, int]]:
        """Yield bounds [low, high) that hold at most a page of rows each, in the query's order."""
        low, high = self._bounds(query)
        order, edge = ("DESC", "min") if query.newest_first else ("ASC", "max")
        sql = (
            f"SELECT {edge}(place) FROM (SELECT place FROM events "  # noqa: S608 - constants
            f"WHERE place >= ? AND place < ? ORDER BY place {order} LIMIT {_PAGE})"
        )
        while low < high:
            if query.unit is not None:  # the index leads straight to them
                yield low, high
                return
            found = self._ask(sql, (low, high))
            if not found or found[0][0] is None:
                return
            if query.newest_first:
                yield found[0][0], high
                high = found[0][0]
            else:
                yield low, found[0][0] + 1
                low = found[0][0] + 1

    def _bounds(self, query: Query) -> tuple[int, int]:
        if query.epoch is not None:
            number = ordinal(query.epoch)
            return number << 40, number + 1 << 40
        lowest, highest = self._guarded(lambda: outermost(self._connection))
        if lowest is None or highest is None:
            return 0, 0
        if query.after is not None:
            lowest = max(lowest, place(query.after) + 1)
        return lowest, highest + 1

    def _window(self, query: Query, low: int, high: int, limit: int | None) -> list[Row]:
        condition, arguments = query.condition()
        order = "DESC" if query.newest_first else "ASC"
        sql = (
            f"SELECT place, body FROM events WHERE {condition} "  # noqa: S608 - constants; values are bound
            f"ORDER BY place {order} LIMIT {-1 if limit is None else limit}"
        )
        rows = []
        for at, body in self._ask(sql, {**arguments, "low": low, "high": high}):
            found = prove(body)
            if found is None or found.place != at:
                self.damaged.append(at)
            elif query.epoch is None or found.row.epoch == query.epoch:
                rows.append(found.row)
        return rows

    def _ask(self, sql: str, arguments: object) -> list[tuple[int, object]]:
        bound = cast("dict[str, int]", arguments)
        found = self._guarded(lambda: self._connection.execute(sql, bound).fetchall())
        return cast("list[tuple[int, object]]", found)

    def _guarded(self, look: Callable[[], T]) -> T:
        try:
            return look()
        except DAMAGE as error:
            raise JournalError(f"{self._paths.database}: {error}; see `lineside verify`") from error


def open_for_reading(paths: Paths) -> apsw.Connection:
    """Open a journal's database beside the daemon.

    Raises:
        JournalError: there is none, or it cannot be read; one line for the operator.
    """
    if not paths.database.exists():
        raise JournalError(f"{paths.directory}: {_why_none(paths)}")
    try:
        with ExitStack() as undo:
            connection = connect(paths.database, None, read_only=True)
            undo.callback(connection.close)
            examine(connection, paths.database, None)
            undo.pop_all()
    except (*DAMAGE, DamageError) as error:
        raise JournalError(f"{paths.database}: cannot be read: {error}") from error
    return connection


def _why_none(paths: Paths) -> str:
    """Return why there is no database: nobody was here, or somebody took it away."""
    known = MarkFile(DiskFiles(), paths.mark).newest
    if known is None:
        return "no journal here; has the agent run, and with this state directory?"
    return (
        f"the database is gone, and the mark knows events up to {known.address}; look for a "
        "copy, or start the agent: it goes on in a new epoch, and tells what is lost"
    )
