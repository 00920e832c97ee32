"""What the machine and the sinks of a scene note, and the sink that notes what it takes.

Laws:
    1. A note is told before the agent can do the next thing: what a kill interrupts was not told.
    2. A sink that takes an event says so before it confirms, never after.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from agent.ports import Delivery, Refusal, RefusedError, SinkDownError
from agent.sinks.options import FORMATS, SinkOptions, SinkPlace, SinkSpec

Tell = Callable[[str, str], None]
"""(kind, text) of one note."""

STORED = frozenset({"1", "2", "3", "4", "5", "6", "8"})
POISON = 29
"""The sinks refuse each event whose number is a multiple of this for ever."""


# ------------------------------------------------------------------ what was noted


@dataclass(slots=True)
class Notes:
    """What machine and sinks saw, in order."""

    lives: int = 0
    offered: dict[int, str] = field(default_factory=dict)
    """Request -> the part that lay in the machine."""
    up: int | None = None
    """The request whose trigger is raised."""
    answers: dict[int, list[str]] = field(default_factory=dict)
    scanned: set[str] = field(default_factory=set)
    beeped: set[str] = field(default_factory=set)
    """Codes that the reader was told were taken."""
    taken: dict[str, list[str]] = field(default_factory=dict)
    """Sink -> what it got."""

    def take(self, kind: str, text: str) -> None:
        """Take one note."""
        first, _, rest = text.partition(" ")
        match kind:
            case "life":
                self.lives += 1
            case "offer":
                self.offered[int(first)] = rest
                self.up = int(first)
            case "answer":
                self.answers.setdefault(int(first), []).append(rest)
            case "gone":
                self.up = None
            case "scan":
                self.scanned.add(text)
            case "beep":
                self.beeped.add(text)
            case "take":
                self.taken.setdefault(first, []).append(rest)

    def read(self, content: bytes) -> None:
        """Take what a child told through its pipe; half a line was not told."""
        for line in content[: content.rfind(b"\n") + 1].decode().splitlines():
            self.take(*line.split(" ", 1))

    def copy(self) -> Notes:
        """Return the same notes, to go on from."""
        return Notes(
            self.lives,
            dict(self.offered),
            self.up,
            {request: list(answers) for request, answers in self.answers.items()},
            set(self.scanned),
            set(self.beeped),
            {sink: list(taken) for sink, taken in self.taken.items()},
        )

    @property
    def acknowledged(self) -> set[int]:
        """Requests whose answer the PLC has read; 7 says that there is none."""
        return {one for one, answers in self.answers.items() if set(answers) & STORED}


# ------------------------------------------------------------------ sinks


@dataclass(slots=True)
class Ear:
    """Who hears what the sinks of this process take."""

    tell: Tell
    source: random.Random | None
    """By chance a sink refuses, or hangs up before it confirms; None: it never does."""

    here: ClassVar[Ear | None] = None
    """Set for the time of one life."""


class ToldSink:
    """A sink that tells what it takes; at times it refuses, hangs up, or can never take it."""

    window = 20

    def __init__(self, options: SinkOptions, place: SinkPlace) -> None:
        self.counts: Counter[str] = Counter()
        self._name, self._encode = place.name, FORMATS[options.format]
        assert Ear.here is not None
        self._ear = Ear.here
        self._waiting: list[tuple[Delivery, asyncio.Future[None]]] = []
        self._work = asyncio.Event()

    async def connect(self) -> None:
        """Reach the other side."""
        await asyncio.sleep(0)

    def send(self, delivery: Delivery) -> asyncio.Future[None]:
        """Send one event."""
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, confirmed))
        self._work.set()
        return confirmed

    async def hold(self) -> None:
        """Take what comes until the connection ends."""
        while True:
            await self._work.wait()
            self._work.clear()
            await asyncio.sleep(0)
            while self._waiting:
                self._answer(*self._waiting[0])
                self._waiting.pop(0)

    def _answer(self, delivery: Delivery, confirmed: asyncio.Future[None]) -> None:
        chance = self._ear.source.random() if self._ear.source is not None else 1.0
        if delivery.row.seq % POISON == 0:
            _settle(confirmed, RefusedError(Refusal.NEVER, "payload format invalid (0x99)"))
        elif chance < 0.02:
            _settle(confirmed, RefusedError(Refusal.LATER, "quota exceeded (0x97)"))
        else:
            self._ear.tell("take", f"{self._name} {self._encode(delivery).decode()}")
            if chance < 0.05:
                raise SinkDownError("hung up before it confirmed")
            _settle(confirmed, None)

    async def close(self) -> None:
        """Leave; what was not confirmed was not."""
        for _, confirmed in self._waiting:
            _settle(confirmed, SinkDownError("left"))
        self._waiting.clear()


def _settle(confirmed: asyncio.Future[None], error: Exception | None) -> None:
    if confirmed.done():
        return
    if error is None:
        confirmed.set_result(None)
    else:
        confirmed.set_exception(error)


class ToldOptions(SinkOptions):
    """As the simulation's sinks: a root for every topic."""

    root: str
    """The first part of every topic."""


SPEC = SinkSpec(summary="Tells a test what it takes.", options=ToldOptions, build=ToldSink)
