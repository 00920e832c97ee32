"""Opening a journal: find out what is there, name what is not, go on with the rest (DESIGN 3).

In order, and nothing is written before the damaged files are set aside:
    1. Read the mark. Open the database and walk back from the newest row.
    2. Where the tree is broken: set the files aside and build a new database from every row that
       proves itself. Where the history ends before the mark: set them aside and take what the
       files still hold of the missing rows.
    3. What is known to have existed and does not hold is lost. The mark stays as it is until the
       new epoch has told so; otherwise it is brought up to the newest row, once that is durable:
       after a kill or a failed sync it may be read and yet be in memory only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from agent.journal.chain import Edge, ordinal, ordinal_at, place, prove
from agent.journal.errors import JournalError
from agent.journal.mark import MarkFile
from agent.journal.place import Paths
from agent.journal.pruning import drop
from agent.journal.salvage import reachable, rows_in, tail
from agent.journal.store import (
    DAMAGE,
    NOT_DAMAGE,
    DamageError,
    carry_over,
    checkpoint,
    connect,
    create,
    examine,
    insert,
    machine_of,
    note,
    outermost,
    prove_durable,
    stored_cursors,
    stored_down,
    stored_edge,
    told_lost,
)
from agent.journal.walk import Fold, Walk
from agent.ports import Files, Recovery, Row


@dataclass(slots=True)
class Opened:
    """A journal's database, ready to be written, and what was found in it."""

    connection: apsw.Connection
    mark: MarkFile
    recovery: Recovery


@dataclass(slots=True)
class _Opening:
    """The steps of one opening."""

    paths: Paths
    files: Files
    station: str
    vfs: str | None
    machine: str
    is_thorough: bool
    mark: MarkFile = field(init=False)
    aside: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.mark = MarkFile(self.files, self.paths.mark)
        if self.files.size(self.paths.demand) is not None:
            self.is_thorough = True

    def run(self) -> Opened:
        """Open, repair as far as can be, and say what was found."""
        has_database, has_log = (
            bool(self.files.size(path)) for path in (self.paths.database, self.paths.log)
        )
        if not has_database and not has_log and not self.mark.is_there:
            return self._opened(self._build(lambda _: None), Walk(None), Fold(), is_new=True)
        connection, walk, fold = self._read() if has_database else self._rebuild()
        with ExitStack() as undo:
            undo.callback(connection.close, force=True)
            prove_durable(connection, self.paths.database)
            if walk.lost and self._take_tail(connection, walk.newest):
                walk, fold = self._walk(connection)
            opened = self._opened(connection, walk, fold)
            undo.pop_all()
        return opened

    def _read(self) -> tuple[apsw.Connection, Walk, Fold]:
        try:
            with ExitStack() as undo:
                connection = connect(self.paths.database, self.vfs)
                undo.callback(connection.close, force=True)
                examine(connection, self.paths.database, self.station, is_thorough=self.is_thorough)
                prove_machine(connection, self.paths, self.files, self.machine)
                for needed_later in (outermost, stored_cursors):
                    needed_later(connection)
                walk, fold = self._walk(connection)
                undo.pop_all()
        except NOT_DAMAGE as error:
            raise JournalError(f"{self.paths.database}: {error}") from error
        except (*DAMAGE, DamageError):
            return self._rebuild()
        return connection, walk, fold

    def _walk(self, connection: apsw.Connection) -> tuple[Walk, Fold]:
        walk = Walk(self.mark.newest, told_lost(connection), stored_edge(connection))
        fold = Fold()
        for found, hole_after in walk.run(stored_down(connection)):
            if not fold.is_done:
                fold.take(found, hole_after=hole_after)
            elif not self.is_thorough:
                break
        return walk, fold

    def _copies(self) -> tuple[Path, Path]:
        return self.paths.damaged(self.mark.newest.count if self.mark.newest else 0)

    def _set_aside(self) -> None:
        """Copy database and log as they are, once for one damage, before anything is written.

        The copies carry the mark's count: a start that is cut short finds them again.
        """
        self.aside.clear()
        for original, copy in zip(
            (self.paths.database, self.paths.log), self._copies(), strict=True
        ):
            if self.files.size(copy) is None and self.files.size(original):
                self.files.copy(original, self.paths.half_copy)
                self.files.replace(self.paths.half_copy, copy)
            if self.files.size(copy) is not None:
                self.aside.append(copy)

    def _sources(self) -> list[Path]:
        """Return every file that may still hold rows."""
        return [
            path
            for path in (self.paths.database, self.paths.log, *self._copies())
            if self.files.size(path)
        ]

    def _take_tail(self, connection: apsw.Connection, newest: Row | None) -> bool:
        """Store again what the files hold of the rows between the newest one and the mark."""
        self._set_aside()
        mark = self.mark.newest
        if mark is None:
            return False
        edge = max((known.place for known in self._edges(connection)), default=-1)
        after = max(edge, place(newest.address) if newest else -1)
        rows = [found.row for found in tail(self.files, self._sources(), mark, after)]
        with connection:
            insert(connection, rows, keep=True)
        return bool(rows)

    def _edges(self, connection: apsw.Connection) -> list[Edge]:
        """Return what database and mark know of the old end; either may be behind the other."""
        known = (stored_edge(connection), self.mark.newest.edge if self.mark.newest else None)
        return [edge for edge in known if edge is not None]

    def _rebuild(self) -> tuple[apsw.Connection, Walk, Fold]:
        """Build a new database from every row that proves itself and put it in place."""
        self._set_aside()
        connection = self._build(self._fill)
        self.is_thorough = True  # every row was looked at, so every loss can be named
        return connection, *self._walk(connection)

    def _build(self, fill: Callable[[apsw.Connection], None]) -> apsw.Connection:
        """Put a new database in place, filled: after a cut there is the old one or the new one."""
        self._remove(self.paths.rebuilt)
        self.files.create(self.paths.rebuilt, b"")  # so it is its owner's alone, and its log too
        with closing(create(self.paths.rebuilt, self.vfs, self.station)) as new:
            fill(new)
            checkpoint(new, "TRUNCATE")
        for path in (self.paths.log, self.paths.shared):
            self.files.remove(path)  # a log that is not its own would be played into the new one
        self.files.replace(self.paths.rebuilt, self.paths.database)
        self._remove(self.paths.rebuilt)
        return connect(self.paths.database, self.vfs)

    def _fill(self, new: apsw.Connection) -> None:
        self._carry_over(new)
        for source in self._sources():
            with new:
                insert(new, (found.row for found in rows_in(self.files, source)), keep=True)
        edges = self._edges(new)
        if edges:
            with new:  # free pages still hold rows that were pruned
                drop(new, max(edges, key=lambda edge: edge.place), stored_cursors(new))
        walk = Walk(self.mark.newest)
        deque(walk.run(stored_down(new)), maxlen=0)
        new.executemany("DELETE FROM events WHERE place = ?", [(at,) for at in walk.orphans])

    def _carry_over(self, new: apsw.Connection) -> None:
        """Take what the tree of the damaged database, as it was set aside, still leads to."""
        copy, _ = self._copies()
        if self.files.size(copy) is None:
            return
        with closing(connect(copy, self.vfs)) as old:
            with new:
                proven = (prove(body) for _, body in reachable(old))
                insert(new, (found.row for found in proven if found), keep=True)
            carry_over(old, new)
        self.files.remove(copy.with_name(copy.name + "-shm"))

    def _remove(self, path: Path) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.files.remove(path.with_name(path.name + suffix))

    def _opened(
        self, connection: apsw.Connection, walk: Walk, fold: Fold, *, is_new: bool = False
    ) -> Opened:
        newest, mark = walk.newest, self.mark.newest
        _, highest = outermost(connection)
        is_rebuilt = not is_new and mark is None
        if newest is not None and not walk.lost:
            if mark is None or mark.address != newest.address:
                checkpoint(connection)  # it may be in memory only, after a kill or a failed sync
            self.mark.write(newest.address, newest.hash)
        ordinals = (
            ordinal_at(highest) if highest is not None else 0,
            ordinal(mark.address.epoch) if mark else 0,
            ordinal(newest.epoch) if newest else 0,  # where table and tree differ
        )
        self.files.remove(self.paths.demand)
        if self.machine and machine_of(connection) != self.machine:
            with connection:
                note(connection, "machine", self.machine)
            self.files.remove(self.paths.adopt)
        recovery = Recovery(
            last=newest,
            highest_ordinal=max(ordinals),
            fold=fold.rows(hole_before=walk.hole),
            lost=tuple(reversed(walk.lost)),
            set_aside=tuple(self.aside),
            mark_rebuilt=is_rebuilt,
        )
        return Opened(connection, self.mark, recovery)


def recover(
    paths: Paths,
    files: Files,
    station: str,
    *,
    vfs: str | None = None,
    machine: str = "",
    is_thorough: bool = False,
) -> Opened:
    """Open a station's journal, new or old, repaired as far as can be.

    Args:
        paths: Where it is; the caller holds the directory.
        files: The disk.
        station: Whose journal it has to be.
        vfs: SQLite's own way to the disk, where it is not the default one.
        machine: Which machine this is; empty where that cannot be told.
        is_thorough: Prove every row instead of only those that the state is folded from.

    Raises:
        JournalError: it cannot be opened: not ours, of another station or machine, of a newer
            version.
        OSError: the disk refused.
    """
    return _Opening(paths, files, station, vfs, machine, is_thorough).run()


def prove_machine(connection: apsw.Connection, paths: Paths, files: Files, machine: str) -> None:
    """Refuse a copy of another machine's journal until somebody confirms it (FAULTS P22).

    Raises:
        JournalError: it is one, and nobody has.
    """
    known = machine_of(connection)
    is_confirmed = files.size(paths.adopt) is not None
    if known and machine and known != machine and not is_confirmed:
        raise JournalError(
            f"{paths.directory}: this journal was written on another machine; if that one "
            f"no longer runs this station, confirm with: touch {paths.adopt}"
        )


def demand_rebuild(paths: Paths, files: Files) -> None:
    """Have the next opening prove everything: reading met a broken page."""
    if files.size(paths.demand) is None:
        files.create(paths.demand, b"")
