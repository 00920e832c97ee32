"""A publisher with a sink that does what a test says, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

from agent.ports import Delivery, Refusal, RefusedError, SinkDownError
from agent.publisher import Condition, Publisher, Quarantine, SinkState
from tests.doubles import (
    InlineWorker,
    ManualClock,
    MemoryJournal,
    SeededRandom,
    event_row,
    settled,
)


class ScriptedSink:
    """Keeps what is sent until the test says how it ends."""

    def __init__(self, window: int = 3) -> None:
        self.window = window
        self.counts: Counter[str] = Counter()
        self.sent: list[Delivery] = []
        self.waiting: dict[int, asyncio.Future[None]] = {}
        self.connects = 0
        self.closed = False
        self.refuse_connect = ""
        self.confirm_at_once = False
        self.most_waiting = 0
        self._cut: asyncio.Future[None] | None = None

    async def connect(self) -> None:
        """Connect, unless told not to."""
        self.connects += 1
        if self.refuse_connect:
            raise SinkDownError(self.refuse_connect)
        self._cut = asyncio.get_running_loop().create_future()

    async def hold(self) -> None:
        """Last until the test cuts the connection."""
        assert self._cut is not None
        await self._cut

    def send(self, delivery: Delivery) -> asyncio.Future[None]:
        """Take an event."""
        self.sent.append(delivery)
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.confirm_at_once:
            confirmed.set_result(None)
        else:
            self.waiting[delivery.row.seq] = confirmed
            self.most_waiting = max(self.most_waiting, len(self.waiting))
        return confirmed

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def seqs(self) -> list[int]:
        """Return what was sent, in order, each time that it was."""
        return [delivery.row.seq for delivery in self.sent]

    async def confirm(self, *seqs: int) -> None:
        """Confirm events."""
        for seq in seqs:
            self.waiting.pop(seq).set_result(None)
        await settled()

    async def refuse(self, refusal: Refusal, *seqs: int) -> None:
        """Refuse events."""
        for seq in seqs:
            self.waiting.pop(seq).set_exception(RefusedError(refusal, f"{refusal} {seq}"))
        await settled()

    async def cut(self, cause: str = "cut") -> None:
        """End the connection with all that is under way."""
        self.break_off(cause)
        await settled()

    def break_off(self, cause: str) -> None:
        """End the connection; what follows from it has yet to happen."""
        assert self._cut is not None
        for confirmed in self.waiting.values():
            confirmed.set_exception(SinkDownError(cause))
        self.waiting.clear()
        self._cut.set_exception(SinkDownError(cause))


class Bench:
    """A publisher with all that is around it."""

    def __init__(self, tmp_path: Path, rows: int = 0, **options: object) -> None:
        kinds = options.get("kinds")
        self.clock = ManualClock()
        self.sink = ScriptedSink()
        self.journal = MemoryJournal([event_row(seq) for seq in range(1, rows + 1)])
        self.told: list[SinkState] = []
        self.quarantine_path = tmp_path / "quarantine.jsonl"
        self._kinds = kinds if isinstance(kinds, tuple) else None
        self.on_state: Callable[[SinkState], None] = self.told.append
        self.beside: Callable[[], Coroutine[object, object, None]] | None = None
        self.publisher = self.make()

    def make(self) -> Publisher:
        """Return a publisher as it is made at a start of the agent."""
        return Publisher(
            "plant",
            self.sink,
            self.journal,
            Quarantine(self.quarantine_path, InlineWorker(), self.clock),
            clock=self.clock,
            random=SeededRandom(),
            kinds=self._kinds,
            on_state=self.on_state,
            beside=self.beside,
        )

    @property
    def cursor(self) -> int:
        """The seq of the cursor, 0 before the first."""
        cursor = self.journal.cursor("plant")
        return 0 if cursor is None else cursor.seq

    def conditions(self) -> list[tuple[Condition, str]]:
        """Return what was told, in order."""
        return [(state.condition, state.reason) for state in self.told]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedSink]:
        """Run the publisher."""
        task = asyncio.create_task(self.publisher.run())
        await settled()
        try:
            yield self.sink
        finally:
            task.cancel()
            await asyncio.wait((task,))
