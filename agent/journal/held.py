"""A journal whose place takes no writing: what is in it can still be passed on (FAULTS P17).

Laws:
    1. Nothing is written. How far sinks have confirmed is known to this process alone, which tells
       the journal once that can be opened again; until then a restart sends again.
    2. Nothing is handed out that may be in memory only: what stands behind the mark was never
       released, and a disk that refuses to write need not have it (recovery.py).
    3. Nothing is passed over that an opening could mend: reading ends before the first row that is
       missing or does not hold, unless it is told already.

One transaction lasts as long as this is open, for nobody writes; SQLite keeps its index of the log
in memory, so that none has to be made on the disk, and takes no locks: the directory is held.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import apsw

from agent.journal.chain import Proven, place, prove
from agent.journal.errors import JournalError
from agent.journal.mark import Mark, MarkFile
from agent.journal.place import Lock, Paths
from agent.journal.reading import Lookup
from agent.journal.recovery import prove_machine
from agent.journal.sqlite import Rim
from agent.journal.store import DAMAGE, DamageError, connect, examine, stored_cursors
from agent.ports import Address, Row, Worker

T = TypeVar("T")

_WITHOUT_LOCKS = "unix-none"
_NEWEST = "SELECT body FROM events WHERE place <= ? ORDER BY place DESC LIMIT 1"


class HeldJournal:
    """A station's journal, open for reading alone; see `open_to_read`."""

    def __init__(
        self, connection: apsw.Connection, newest: Row, worker: Worker, release: Callable[[], None]
    ) -> None:
        self._lookup = Lookup(connection)
        self._worker = worker
        self._release = release
        self._newest = newest
        self._end = place(newest.address)
        """Up to here rows are handed out."""
        self._first_kept = self._lookup.first_kept()
        self._cursors = stored_cursors(connection)
        self.moved: dict[str, Address] = {}
        """Where cursors have come to meanwhile."""

    @property
    def last(self) -> Address | None:
        """The newest address that was released."""
        return self._newest.address

    @property
    def last_hash(self) -> str | None:
        """The hash of that row."""
        return self._newest.hash

    @property
    def first_kept(self) -> Address | None:
        """The oldest row kept."""
        return self._first_kept

    def cursor(self, sink: str) -> Address | None:
        """Return how far a sink has confirmed, None if it never has."""
        return self._cursors.get(sink)

    def move_cursor(self, sink: str, to: Address) -> None:
        """Remember how far a sink has confirmed."""
        self._cursors[sink] = self.moved[sink] = to

    async def read(self, after: Address | None, limit: int) -> list[Row]:
        """Return rows after an address (None: from the oldest kept), oldest first.

        Raises:
            JournalError: a page is broken; the next opening mends what can be.
        """
        where = place(after) if after is not None else -1
        try:
            rows, lost = await self._worker.run(lambda: self._lookup.after(where, limit))
        except DAMAGE as error:
            raise JournalError(f"the journal cannot be read on: {error}") from error
        if lost:
            self._end = min(self._end, place(Address(lost[0][0], lost[0][1])) - 1)
        return [row for row in rows if place(row.address) <= self._end]

    async def look(self, job: Callable[[apsw.Connection], T]) -> T:
        """Return what a job finds in the database."""
        return await self._worker.run(lambda: self._lookup.ask(job))

    async def wait_beyond(self, address: Address | None) -> None:
        """Return never: nothing is added."""
        del address
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Let go of it."""
        try:
            await self._worker.run(self._lookup.close)
        finally:
            self._worker.close()
            self._release()


async def open_to_read(directory: Path, station: str, rim: Rim) -> HeldJournal:
    """Open a journal whose place takes no writing.

    Raises:
        JournalLockedError: another process has it open.
        JournalError: there is nothing that could be passed on, or it is not ours to do so.
    """
    paths = Paths(directory)
    lock = Lock(directory, read_only=True)
    with ExitStack() as undo:
        undo.callback(lock.release)
        worker = rim.worker("journal-reader")
        undo.callback(worker.close)

        def job() -> HeldJournal:
            return _opened(paths, station, rim, worker, lock.release)

        try:
            journal = await worker.run(job)
        except (OSError, DamageError, *DAMAGE) as error:
            raise JournalError(f"{directory}: cannot be read: {error}") from error
        undo.pop_all()
    return journal


def _opened(
    paths: Paths, station: str, rim: Rim, worker: Worker, release: Callable[[], None]
) -> HeldJournal:
    mark = MarkFile(rim.files, paths.mark).newest
    if mark is None:
        raise JournalError(f"{paths.directory}: no mark says what was released here")
    with ExitStack() as undo:
        connection = connect(paths.database, _WITHOUT_LOCKS, read_only=True)
        undo.callback(connection.close)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # the index of the log in memory
        connection.execute("BEGIN")
        examine(connection, paths.database, station)
        prove_machine(connection, paths, rim.files, rim.machine)
        newest = _newest(connection, mark)
        if newest is None:
            raise JournalError(f"{paths.database}: holds nothing up to the mark")
        journal = HeldJournal(connection, newest.row, worker, release)
        undo.pop_all()
    return journal


def _newest(connection: apsw.Connection, mark: Mark) -> Proven | None:
    """Return the newest row that was released and holds."""
    found = prove(connection.execute(_NEWEST, (place(mark.address),)).get)
    is_other = found is not None and (
        found.row.address > mark.address
        or (found.row.address == mark.address and found.row.hash != mark.hash)
    )
    return None if is_other else found
