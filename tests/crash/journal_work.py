"""What a station does to its journal: decisions, cursors, pruning, restarts."""

from __future__ import annotations

import random
from unittest import mock

from agent.journal import sqlite
from agent.journal.opening import open_journal
from agent.journal.retention import Keep
from agent.journal.sqlite import Rim, SqliteJournal
from agent.ports import Row
from tests.crash.record import Recording
from tests.doubles import ManualClock, settled
from tests.histories import STATION, History

EVENTS = 200
CHECKPOINT_PAGES = 40
KEEP = Keep(keep_s=30, quota_bytes=1 << 30, sinks={"plant": True})


async def journal_alone(recording: Recording, outside: Rim, source: random.Random) -> None:
    """Store events in three runs, with a sink that follows and old ones that are given up."""
    await _three_runs(recording, outside, source, delivers=0.2)


async def journal_kept(recording: Recording, outside: Rim, source: random.Random) -> None:
    """Store events in three runs; the sink is away, so all of them stay."""
    await _three_runs(recording, outside, source, delivers=0.0)


async def _three_runs(
    recording: Recording,
    outside: Rim,
    source: random.Random,
    *,
    delivers: float,
) -> None:
    assert isinstance(outside.clock, ManualClock)
    history = History()
    with mock.patch.object(sqlite, "CHECKPOINT_PAGES", CHECKPOINT_PAGES):
        for number in (1, 2, 3):
            journal, _ = await open_journal(recording.directory, STATION, outside, keep=KEEP)
            work = _Work(recording, journal, history, outside.clock, source)
            await work.run(number, delivers)
            await journal.close()


class _Work:
    def __init__(
        self,
        recording: Recording,
        journal: SqliteJournal,
        history: History,
        clock: ManualClock,
        source: random.Random,
    ) -> None:
        self._recording, self._journal, self._history = recording, journal, history
        self._clock, self._source = clock, source

    async def run(self, number: int, delivers: float) -> None:
        """One epoch: begin, go on until its share is stored."""
        await self._store(self._history.start(number, carried=2))
        stored = 0
        while stored < EVENTS // 3:
            count = self._source.choice((1, 1, 1, 2, 3))
            await self._store(self._history.links(count))
            stored += count
            if self._source.random() < delivers:
                self._deliver()
            if self._source.random() < 0.05:
                await self._store(self._history.carry(2))
            await self._clock.advance(1)

    async def _store(self, rows: list[Row]) -> None:
        for row in rows:
            self._recording.note("issued", row)
        if self._recording.is_early:
            self._acknowledge(rows)
        await self._journal.append(rows)
        await settled()
        if not self._recording.is_early:
            self._acknowledge(rows)

    def _acknowledge(self, rows: list[Row]) -> None:
        for row in rows:
            self._recording.note("acked", row.address)

    def _deliver(self) -> None:
        """The sink has everything; its cursor goes with the next commit."""
        last = self._journal.last
        assert last is not None
        self._recording.note("delivered", last)
        self._journal.move_cursor("plant", last)
