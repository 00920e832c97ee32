"""A file of facts about one station's units: opened, asked, and never half believed.

It is SQLite through apsw, which the journal needs anyway, with a rollback journal: any program may
read it, and nothing is lost with it that the events do not say again. Facts go into a transaction
that stays open, where every question sees them, until it is committed.

Law: a file that is not whole is set aside, and a new one is filled.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import apsw

from agent.core.facts import Fact
from agent.ports import Address, StoreError
from agent.trace import asking
from agent.trace.asking import Contents, History, Place
from agent.trace.lookup_tables import (
    MOVES_BY_UNIT,
    SCHEMA,
    SCHEMA_VERSION,
    STATION,
    insertion,
)

ASIDE = ".damaged"
CHECK_BELOW_BYTES = 64 << 20
"""A file up to this size is proven whole when it is opened: half a second at most."""
FORGET_ROWS = 1000
"""So many old facts go at once."""
_BUSY_MS = 5000
_OWNER_ONLY = 0o600
_BROKEN = (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError)


class BrokenError(StoreError):
    """The file is not whole: it is set aside, and a new one is filled."""


class UnusableError(StoreError):
    """The file cannot be used now, and a new one would not help."""


class FactsFile:
    """One open file. After an error it is closed: open it again."""

    MORE: ClassVar[tuple[str, ...]] = ()
    """Tables that this sort of file has beside the facts."""

    def __init__(self, path: Path, station: str) -> None:
        """Open the file, or make a new one where there is none.

        Raises:
            BrokenError: it is not whole.
            UnusableError: it cannot be used; one line for the operator.
        """
        self._path = path
        self._station = station
        self.blocked: frozenset[str] = frozenset()
        with self._guard("open"):
            is_new = not path.exists() or path.stat().st_size == 0
            if is_new:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY))
            self._db = apsw.Connection(str(path))  # its log gets the mode of the file
            self._db.set_busy_timeout(_BUSY_MS)
            self._db.execute("PRAGMA journal_mode = TRUNCATE")
            self._db.execute("PRAGMA synchronous = FULL")
            self._make() if is_new else self._examine()
            for sql in (MOVES_BY_UNIT, *self.MORE):
                self._db.execute(sql)
            self._read()

    def _make(self) -> None:
        with self._db:
            self._db.execute(SCHEMA)
            self._note("station", self._station)
            self._db.execute(STATION, (self._station,))
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _examine(self) -> None:
        version = int(str(self._db.pragma("user_version")))
        if version > SCHEMA_VERSION:
            raise UnusableError(f"{self._path}: written by a newer version; install that again")
        if version != SCHEMA_VERSION or self._noted("station") == "":
            raise BrokenError(f"{self._path}: no look-up of ours")
        if self._noted("station") != self._station:
            raise UnusableError(f"{self._path}: belongs to station {self._noted('station')}")
        small = self._path.stat().st_size <= CHECK_BELOW_BYTES
        if small and self._db.pragma("quick_check") != "ok":
            raise BrokenError(f"{self._path}: damaged")

    def _read(self) -> None:
        """Take over what the file says of itself."""
        self.blocked = asking.blocked(self._db)

    def _note(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))

    def _noted(self, name: str) -> str:
        found = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).get
        return str(found or "")

    # -------------------------------------------------------------- taking

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")

    def _keep(self, found: Iterable[Fact]) -> None:
        for fact in found:
            self._db.execute(*insertion(fact))

    def commit(self) -> None:
        """Make what was taken durable."""
        with self._guard("write"):
            if self._db.in_transaction:
                self._db.execute("COMMIT")

    def forget(self, before_ms: int) -> bool:
        """Let some facts go that are older than a moment; return whether there may be more.

        What is blocked, where a component is, and a unit's other name stay as long as they matter.
        """
        with self._guard("write"):
            self._begin()
            self._db.execute(_OLD_VISITS, (FORGET_ROWS, before_ms))
            gone = self._db.changes()
            if gone < FORGET_ROWS:
                for sql in _OLD_REST:
                    self._db.execute(sql, (before_ms,))
        return gone == FORGET_ROWS

    # -------------------------------------------------------------- asking

    def history(self, names: Collection[str], asked: str | None = None) -> History:
        """Return what is known of the unit that bears these names; `asked`: by which it came."""
        with self._guard("read"):
            return asking.history(self._db, names, asked)

    def component(self, component: str) -> Place | None:
        """Return where a serial component is by its newest move; None: it was never moved here."""
        with self._guard("read"):
            return asking.component(self._db, component)

    def contents(self, parent: Collection[str]) -> Contents:
        """Return what is in the unit or the parent that bears these names."""
        with self._guard("read"):
            return asking.contents(self._db, parent)

    # -------------------------------------------------------------- the end

    @contextmanager
    def _guard(self, what: str) -> Iterator[None]:
        """Close the file on any error, and say whether a new one helps."""
        try:
            yield
        except _BROKEN as error:
            self.close()
            raise BrokenError(f"{self._path}: {error}") from error
        except (apsw.Error, OSError) as error:
            self.close()
            raise UnusableError(f"{self._path}: cannot {what}: {error}") from error
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Let go; what was not committed is taken again next time."""
        with suppress(AttributeError):  # it could not even be opened
            self._db.close(force=True)


_OLD_VISITS = """
DELETE FROM visits WHERE (epoch, seq, station) IN (
  SELECT epoch, seq, station FROM (
    SELECT epoch, seq, station, at_ms FROM visits ORDER BY epoch, seq, station LIMIT ?)
  WHERE at_ms < ?)
"""
_OLD_REST = (
    """DELETE FROM moves AS m WHERE at_ms < ?1 AND NOT EXISTS (
         SELECT 1 FROM moves n WHERE n.component = m.component AND n.at_ms >= ?1)
       AND (SELECT unit FROM moves n WHERE n.component = m.component
            ORDER BY epoch DESC, seq DESC LIMIT 1) IS NULL""",
    """DELETE FROM blocks AS b WHERE at_ms < ?1 AND NOT EXISTS (
         SELECT 1 FROM blocks n WHERE (n.lot, n.source) = (b.lot, b.source) AND n.at_ms >= ?1)
       AND NOT (SELECT blocked FROM blocks n WHERE (n.lot, n.source) = (b.lot, b.source)
                ORDER BY epoch DESC, seq DESC LIMIT 1)""",
    """DELETE FROM aliases AS a WHERE at_ms < ?1 AND NOT EXISTS (
         SELECT 1 FROM visits v WHERE v.unit IN (a.old, a.new))""",
)


def address(text: str) -> Address | None:
    """Return the address that a text names, None for an empty one."""
    epoch, _, seq = text.rpartition("-")
    return Address(epoch, int(seq)) if epoch else None


def set_aside(path: Path) -> None:
    """Move a broken file out of the way, in the place of an earlier one.

    Raises:
        UnusableError: the disk refused.
    """
    try:
        if path.exists():
            path.replace(path.with_name(path.name + ASIDE))
        for suffix in ("-journal", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise UnusableError(f"{path}: cannot be set aside: {error}") from error
