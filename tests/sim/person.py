"""The person at the press: puts parts in, scans their labels and the lots, waits for the machine.

Where the reader does not say that a code was taken, it is read again, as a person would; sometimes
the person goes on without. Faults of the reader and of the hand are drawn here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from drivers.base import (
    CodeScanned,
    Emit,
    FrameStatus,
    LinkChanged,
    LinkDownError,
    SnapshotRead,
    TagGroup,
    WriteGroup,
)
from tests.sim.plc import SimulatedPlc, Stroke
from tests.sim.world import GatewayClock, World

PARTS_PER_LOT = 25
PATIENCE_S = 1.5
MOST_TRIES = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """What the reader sent, between its first byte and its end."""

    raw: bytes
    first_ms: int
    end_ms: int
    status: FrameStatus = FrameStatus.OK


@dataclass(slots=True)
class Reader:
    """The reader; it outlives every agent."""

    world: World
    is_plugged: bool = True
    link: int = 1
    frames: list[Frame] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    beeps: list[str] = field(default_factory=list)
    beeped: asyncio.Event = field(default_factory=asyncio.Event)
    sent: set[bytes] = field(default_factory=set)
    """Everything that it ever read: what is recorded beyond it was invented."""
    handed: list[tuple[int, bytes]] = field(default_factory=list)
    """(when, code) of what an agent took."""

    def send(self, raw: bytes, status: FrameStatus = FrameStatus.OK) -> None:
        """Read a code; without a cable nobody hears of it."""
        self.sent.add(raw)
        if not self.is_plugged:
            self.world.faults["scan into the void"] += 1
            return
        now_ms = self.world.now_ms
        self.frames.append(Frame(raw, now_ms - 2 - len(raw), now_ms, status))
        self.changed.set()

    def pull(self) -> None:
        """Take the cable out: what nobody has fetched is gone."""
        self.is_plugged = False
        self.link += 1
        self.frames.clear()
        self.changed.set()

    def plug(self) -> None:
        """Put the cable in."""
        self.is_plugged = True


class ReaderDriver:
    """One agent's way to the reader (the protocol `Driver`)."""

    def __init__(
        self, reader: Reader, clock: GatewayClock, world: World, is_over: Callable[[], bool]
    ) -> None:
        self._reader, self._clock, self._world, self._is_over = reader, clock, world, is_over
        self._numbers = count(1)

    async def run(self, emit: Emit) -> None:
        """Open the line once, then hand over each frame."""
        await self._world.pass_ms(5, 40)
        reader, link = self._reader, self._reader.link
        if not reader.is_plugged:
            raise LinkDownError("scanner: no such device; plug it in")
        reader.frames.clear()  # what was sent while nobody held the line open
        now = self._clock.now()
        await emit(
            LinkChanged(
                id=self._id(), device="scanner", received=now,
                earliest_ms=now.boot_ms, latest_ms=now.boot_ms, up=True,
            )
        )  # fmt: skip
        while True:
            await reader.changed.wait()
            reader.changed.clear()
            if self._is_over() or reader.link != link or not reader.is_plugged:
                raise LinkDownError("scanner: the line hung up")
            while reader.frames:
                frame = reader.frames.pop(0)
                await emit(self._seen(frame))
                reader.handed.append((self._world.now_ms, frame.raw))

    def _seen(self, frame: Frame) -> CodeScanned:
        self._world.steps += 1
        now = self._clock.now()
        ago_ms = now.boot_ms - self._world.now_ms
        return CodeScanned(
            id=self._id(), device="scanner", received=now, raw=frame.raw, status=frame.status,
            earliest_ms=frame.first_ms + ago_ms, latest_ms=frame.end_ms + ago_ms,
        )  # fmt: skip

    def _id(self) -> str:
        return f"scanner:{next(self._numbers)}"

    async def read(self, group: TagGroup) -> SnapshotRead:
        """There is nothing to read."""
        raise LinkDownError(f"scanner: has no {group.name}")

    async def write(self, groups: Sequence[WriteGroup]) -> None:
        """Let the reader beep."""
        await self._world.pass_ms(5, 20)
        if self._is_over() or not self._reader.is_plugged:
            raise LinkDownError("scanner: not connected")
        for group in groups:
            self._reader.beeps += [str(value) for _, value in group.values]
        self._reader.beeped.set()


@dataclass(slots=True)
class Habits:
    """How often a hand or a reader errs, now."""

    late: float = 0.0
    twice: float = 0.0
    noise: float = 0.0
    forgets: float = 0.0


class Person:
    """Makes part after part."""

    def __init__(self, world: World, plc: SimulatedPlc, reader: Reader, cycle_s: float) -> None:
        self._world, self._plc, self._reader, self._cycle_s = world, plc, reader, cycle_s
        self._lot = ""
        self.habits = Habits()
        self.scans_parts = True
        """Whether the person scans the parts; else a camera does."""
        self.parts = 0
        self.goes_home = False

    async def work(self) -> None:
        """Make parts until it is time to go home."""
        world = self._world
        while not self.goes_home:
            begun_ms = world.now_ms
            await self._one_part()
            rest_s = self._cycle_s - (world.now_ms - begun_ms) / 1000
            await world.clock.sleep(max(0.2, rest_s + world.source.uniform(-0.2, 0.2)))

    async def _one_part(self) -> None:
        plc, world, habits = self._plc, self._world, self.habits
        if self.parts % PARTS_PER_LOT == 0:
            self._lot = f"L{self.parts // PARTS_PER_LOT + 1:06d}"
            await self._scan(self._lot, insists=True)
        self.parts += 1
        number = self.parts
        stroke = Stroke(number, f"SN{number:08d}", world.source.random() < 0.9, self._lot)
        is_late = self.scans_parts and world.source.random() < habits.late
        if self.scans_parts and not is_late and world.source.random() >= habits.forgets:
            await self._scan(stroke.part)
        while not (plc.is_free and plc.is_ready):
            await world.clock.sleep(0.5)
        plc.offer(stroke)
        if is_late:
            await world.pass_ms(20, 200)
            if plc.is_open:
                world.faults["late scan"] += 1
                self._reader.send(stroke.part.encode())
        await stroke.is_over.wait()

    async def _scan(self, code: str, *, insists: bool = False) -> None:
        """Read a code until the reader says that it was taken, or patience ends."""
        world, reader = self._world, self._reader
        tries = 0
        while True:
            tries += 1
            await self._send(code)
            if await self._hears_good():
                return
            if tries >= MOST_TRIES and not insists:
                return
            await world.clock.sleep(world.source.uniform(1, 4))
            if not reader.is_plugged:
                await world.clock.sleep(5)

    async def _send(self, code: str) -> None:
        world, reader, habits = self._world, self._reader, self.habits
        if world.source.random() < habits.noise:
            world.faults["noise at the reader"] += 1
            status = world.source.choice([FrameStatus.OK, FrameStatus.INVALID, FrameStatus.PARTIAL])
            reader.send(b"?#%d" % world.source.randrange(1000), status)
            await world.clock.sleep(0.3)
        reader.beeps.clear()
        reader.beeped.clear()
        reader.send(code.encode())
        if world.source.random() < habits.twice:
            world.faults["code read twice"] += 1
            await world.pass_ms(50, 400)
            reader.send(code.encode())

    async def _hears_good(self) -> bool:
        """Wait a moment for the beep."""
        until_ms = self._world.now_ms + PATIENCE_S * 1000
        while self._world.now_ms < until_ms:
            if self._reader.beeped.is_set():
                return "good" in self._reader.beeps
            await self._world.clock.sleep(0.1)
        return False
