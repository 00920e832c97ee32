"""The file of a station's look-up: synchronous, on whatever thread the caller brings.

It is SQLite through apsw, which the journal needs anyway, with a rollback journal: any program may
read it, and nothing is lost with it that the events do not say again. Facts go into a transaction
that stays open, where every question sees them; now and then it is committed. What was not
committed when the agent was killed is taken from the journal again: the position is a row of the
same transaction.

Laws:
    1. What is committed is all that the events up to `committed` say, from `since` on.
    2. A file that is not whole is set aside, and a new one is filled from the journal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw
import orjson

from agent.core.facts import KINDS, Fact, facts
from agent.formats.json import decode
from agent.ports import Address, Row, StoreError
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
_FULL = 2
_BROKEN = (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError)
_EPOCH_ENDS, _LOST = "agent_started", "history_lost"


class BrokenError(StoreError):
    """The file is not whole: it is set aside, and a new one is filled."""


class UnusableError(StoreError):
    """The file cannot be used now, and a new one would not help."""


class Store:
    """One open file. After an error it is closed: open it again."""

    def __init__(self, path: Path, station: str) -> None:
        """Open the file, or make a new one where there is none.

        Raises:
            BrokenError: it is not whole.
            UnusableError: it cannot be used; one line for the operator.
        """
        self._path = path
        self._station = station
        self.committed: Address | None = None
        self.heard: Address | None = None
        """What was taken, committed or not."""
        self.since = ""
        """From which address on everything is known; empty: from the very beginning."""
        self.blocked: frozenset[str] = frozenset()
        with self._guard("open"):
            is_new = not path.exists() or path.stat().st_size == 0
            self._db = apsw.Connection(str(path))
            self._db.set_busy_timeout(_BUSY_MS)
            self._db.execute("PRAGMA journal_mode = TRUNCATE")
            self._db.execute("PRAGMA synchronous = FULL")
            self._make() if is_new else self._examine()
            self._db.execute(MOVES_BY_UNIT)
            self._read_position()

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

    def _read_position(self) -> None:
        self.since = self._noted("since")
        self.heard = self.committed = _address(self._noted("position"))
        self.blocked = asking.blocked(self._db)

    def _note(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))

    def _noted(self, name: str) -> str:
        found = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).get
        return str(found or "")

    # -------------------------------------------------------------- taking

    def rewind(self, to: Address | None) -> None:
        """Go on from an earlier address: the journal came back shorter (PITFALLS S1).

        What was known beyond it was acknowledged once, and stays known.
        """
        heard = self.heard
        if heard is None or (to is not None and to >= heard):
            return
        with self._guard("write"):
            self._begin()
            reached = _address(self._noted("reached")) or heard
            self._note("reached", str(max(reached, heard)))
            self._note("position", str(to) if to is not None else "")
        self.heard = to
        self.commit()

    def take(self, rows: Sequence[Row]) -> None:
        """Know what some rows say, those that follow what was heard; seen at once, not committed.

        Where rows are missing in between, everything is known from the first one after them on.
        """
        with self._guard("write"):
            self._begin()
            for row in rows:
                if not self._follows(row) or (row.kind == _LOST and self._is_missed(row)):
                    self._begin_anew(row)
                if row.kind in KINDS:
                    self._keep(facts(decode(row.body)))
                self.heard = row.address
            self._note("position", str(self.heard or ""))
            if any(row.kind in {"lot_blocked", "lot_unblocked", "event_corrected"} for row in rows):
                self.blocked = asking.blocked(self._db)

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")

    def _keep(self, found: Iterable[Fact]) -> None:
        for fact in found:
            self._db.execute(*insertion(fact))

    def _follows(self, row: Row) -> bool:
        """Whether nothing is missing between what was heard and a row."""
        heard = self.heard
        if row.kind == _EPOCH_ENDS:
            said = orjson.loads(row.body)
            if said.get("previous_epoch") is None:
                return heard is None
            return heard == Address(said["previous_epoch"], said["previous_seq"])
        return heard is not None and heard == Address(row.epoch, row.seq - 1)

    def _is_missed(self, row: Row) -> bool:
        """Whether a `history_lost` names what was never taken here."""
        said = orjson.loads(row.body)
        last = Address(said["lost_epoch"], said["last_seq"])
        reached = _address(self._noted("reached"))
        return reached is None or reached < last

    def _begin_anew(self, row: Row) -> None:
        self.since = str(row.address)
        self._note("since", self.since)

    def commit(self) -> None:
        """Make what was taken durable."""
        with self._guard("write"):
            if self._db.in_transaction:
                self._db.execute("COMMIT")
        self.committed = self.heard

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


def _address(text: str) -> Address | None:
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
