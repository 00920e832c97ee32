"""What a station passes on while its journal's place takes no writing (FAULTS P17).

A file system that turned read-only holds the station until a person mends it: that may take a
shift. What is on it was recorded and acknowledged, and others wait for it. So between two runs the
sinks are fed from the journal as it can be read. No epoch begins and nothing is recorded; how far
they have confirmed is remembered, and told to the journal of each later run.
"""

from __future__ import annotations

import asyncio
import contextlib

from agent.app.outlets import Outlets, Status
from agent.app.surroundings import Surroundings
from agent.backoff import apart, within
from agent.journal.errors import JournalError
from agent.journal.held import HeldJournal, open_to_read
from agent.journal.place import is_writable
from agent.journal.sqlite import SqliteJournal
from agent.ports import Address
from agent.publisher import Publisher
from agent.seat import Tell

LOOK_EVERY_S = 1.0


def _nothing() -> None:
    """Do nothing: a job that is done once those before it are, or that there is no state."""


class Meanwhile:
    """The sinks of one station between its runs."""

    def __init__(self, outlets: Outlets, around: Surroundings, status: Status, tell: Tell) -> None:
        self._outlets = outlets
        self._around = around
        self._status = status
        self._tell = tell
        self._moved: dict[str, Address] = {}
        """How far sinks have confirmed while nothing could be written."""

    def bring(self, journal: SqliteJournal | HeldJournal) -> None:
        """Tell a journal how far sinks have confirmed; it never moves a cursor back for it."""
        for sink, to in self._moved.items():
            known = journal.cursor(sink)
            if known is None or known < to:
                journal.move_cursor(sink, to)

    async def publish(self, station: str, stop: asyncio.Event) -> bool:
        """Feed the sinks; return once the place takes writing, and otherwise False.

        Args:
            station: Whose journal it is.
            stop: Set when the station is to end.
        """
        around = self._around
        if not around.publish:
            return False
        try:
            journal = await open_to_read(around.journal_path, station, around.journal)
        except JournalError:
            return False  # why nothing is recorded is told already, and this goes with it
        self.bring(journal)
        self._tell("publishing_goes_on", journal=str(around.journal_path), upto=str(journal.last))
        return await apart(self._feed(journal, stop), f"meanwhile of {station}")

    async def _feed(self, journal: HeldJournal, stop: asyncio.Event) -> bool:
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(journal.close)
            undo.callback(lambda: self._moved.update(journal.moved))
            workers = self._outlets.workers()
            for worker in workers:
                undo.callback(worker.close)
                undo.push_async_callback(worker.run, _nothing)
            publishers = self._outlets.publishers(journal, workers, self._status, _nothing)
            for publisher in publishers:
                undo.push_async_callback(publisher.close, 0)
            return await self._running(publishers, stop)

    async def _running(self, publishers: list[Publisher], stop: asyncio.Event) -> bool:
        is_writable_again = False
        try:
            async with asyncio.TaskGroup() as tasks:
                for publisher in publishers:
                    tasks.create_task(publisher.run(), name=f"publisher {publisher.name}")
                is_writable_again = await self._until_writable(stop)
                for publisher in publishers:
                    await publisher.close(within_s=0)
        except* JournalError:
            is_writable_again = False  # a broken page: the next opening mends what can be
        return is_writable_again

    async def _until_writable(self, stop: asyncio.Event) -> bool:
        """Return True once the place takes writing, False once the station is to end."""
        clock = self._around.clock
        while not is_writable(self._around.journal_path):
            with contextlib.suppress(TimeoutError):
                await within(clock, LOOK_EVERY_S, stop.wait())
                return False
        return True
