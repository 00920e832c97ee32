"""A publisher with an MQTT sink, wired as the agent wires it, on a clock that runs fast."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import ClassVar

from agent.ports import Address
from agent.publisher import Condition, Publisher, Quarantine, SinkState
from agent.sinks.mqtt import SPEC
from agent.sinks.mqtt.sink import MqttSink
from agent.sinks.options import SinkPlace, position_of
from tests.doubles import (
    EPOCH,
    FastClock,
    InlineWorker,
    MemoryJournal,
    SeededRandom,
    event_row,
)

PATIENCE_S = 60.0
STATION = "acme/graz/press-07"
TOPICS = f"lineside/v1/{STATION}"


async def eventually(true: Callable[[], bool]) -> None:
    """Return when it has become true; what is looked at lives behind real sockets."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what is looked at has no event to wait for
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(publisher: Publisher) -> AsyncIterator[Publisher]:
    """Run a publisher, and close it properly."""
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        await asyncio.wait_for(publisher.close(), PATIENCE_S)
        assert task.cancelled()


class MqttBench:
    """Options go into the station file's words; everything else is what a station has.

    By its clock time runs fast, and so do all limits.
    """

    clock_type: ClassVar[type[FastClock]] = FastClock
    speed: ClassVar[float] = 10.0

    def __init__(self, directory: Path, port: int, *, rows: int = 0, **options: object) -> None:
        self.clock = self.clock_type(self.speed)
        self.journal = MemoryJournal([event_row(seq) for seq in range(1, rows + 1)])
        self.secrets: dict[str, str] = {}
        self.warnings: list[str] = []
        self.states: list[SinkState] = []
        self.quarantined = directory / "quarantine.jsonl"
        self.status: dict[str, object] | None = None
        self.figures: dict[str, object] | None = None
        quarantine = Quarantine(self.quarantined, InlineWorker(), self.clock)
        kinds = options.get("kinds")
        is_known = options.pop("is_known", None)

        async def knows(_address: Address, _digest: str) -> bool:
            return bool(is_known)

        scheme = options.pop("scheme", "mqtt")
        host = options.pop("host", "127.0.0.1")
        spec_options = SPEC.options.model_validate({"url": f"{scheme}://{host}:{port}", **options})
        place = SinkPlace(
            name="plant",
            station=STATION,
            directory=directory,
            clock=self.clock,
            worker=InlineWorker(),
            position=lambda: position_of(self.journal),
            status=lambda: self.status,
            read=self.journal.read,
            set_aside=quarantine.addresses,
            secret=self.secrets.__getitem__,
            warn=lambda reason, _text: self.warnings.append(reason),
            is_known=None if is_known is None else knows,
            figures=lambda: self.figures,
        )
        sink = SPEC.build(spec_options, place)
        assert isinstance(sink, MqttSink)
        self.sink = sink
        self.publisher = Publisher(
            "plant",
            self.sink,
            self.journal,
            quarantine,
            clock=self.clock,
            random=SeededRandom(),
            kinds=kinds if isinstance(kinds, tuple) else None,
            on_state=self.states.append,
        )

    def running(self) -> AbstractAsyncContextManager[Publisher]:
        """Run the publisher, and close it properly."""
        return running(self.publisher)

    def append(self, first: int, last: int, padding: int = 0) -> None:
        """Commit events."""
        self.journal.append([event_row(seq, padding=padding) for seq in range(first, last + 1)])

    @property
    def confirmed(self) -> int:
        """The seq of the cursor, 0 before the first."""
        cursor = self.journal.cursor("plant")
        return 0 if cursor is None else cursor.seq

    async def until_confirmed(self, seq: int) -> None:
        """Return when the cursor has come that far."""
        await eventually(lambda: self.journal.cursors.get("plant") == Address(EPOCH, seq))

    async def until(self, condition: Condition) -> SinkState:
        """Return the state once it is in that condition."""
        try:
            await eventually(lambda: bool(self.states) and self.states[-1].condition is condition)
        except TimeoutError:
            raise AssertionError(f"never {condition}: {self.publisher.state()}") from None
        return self.states[-1]


class CalmBench(MqttBench):
    """The same where no limit may be reached, however busy the machine is."""

    speed = 1.0
