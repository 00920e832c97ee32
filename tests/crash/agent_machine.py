"""The machine of a scene with a whole station: PLC, reader, and the person at them.

Laws:
    1. The machine goes on after a kill where the notes left it: a raised trigger is still raised.
    2. An answer counts as read as soon as the PLC could read it, before anything else happens.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from agent.app.station import StationRun
from agent.core.state import Reply, SnapshotAsk
from agent.journal.files import DiskFiles
from agent.ports import Files
from drivers.base import (
    AnyObservation,
    CodeScanned,
    LinkChanged,
    Quality,
    Scalar,
    SnapshotRead,
    TagValue,
    ValuesSeen,
)
from tests.crash.told import STORED, Notes, Tell
from tests.doubles import ManualClock

TRIES = 8
BEEP_S, ANSWER_S, BEGIN_S = 3.0, 8.0, 60.0
"""How long the person waits for the reader, the machine for its answer, all for the agent."""
PAUSE_S = 3.0
"""How long the machine waits before it asks again what was not stored."""
PATIENCE_S = 80.0
"""After so long something counts as stuck."""
LOOK_S = 0.02
OLD_S = 70.0
"""Longer than delivered events stay."""
CYCLES = 4
REAL = 20
"""So much more patience there is with real threads: the clock is turned on while they work."""


class StuckError(Exception):
    """The scene waited for something that did not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How one life of the agent is led."""

    seed: int
    cycles: int = CYCLES
    has_threads: bool = False
    disk_s: float = 0.0
    """How long a job of the writer takes at most."""
    is_calm: bool = False
    """Whether the sinks take everything, and all is delivered before the end."""
    is_early: bool = False
    """A control: rows are said to be durable before they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """What the agent's disk is like."""

    files: Files = field(default_factory=DiskFiles)
    vfs: str | None = None
    ballast_bytes: int = 4096
    checkpoint_pages: int = 20
    picture_bytes: int = 0
    """How large the largest value of each unit is."""
    reserve_bytes: int = 0
    said: Callable[..., None] = lambda *_, **__: None
    """Hears what the station tells its log."""
    relieve: Callable[[], None] = lambda: None
    """Called when the station can record nothing: when the PLC reads 7, or no run begins."""


class Machine:
    """The PLC, the reader and the person at them; for the station they are its one device."""

    name = "plc"

    def __init__(
        self, life: Life, notes: Notes, tell: Tell, clock: ManualClock, disk: Disk
    ) -> None:
        self._disk = disk
        self._notes, self._clock, self._threads = notes, clock, life.has_threads
        self._patience = REAL if life.has_threads else 1
        self._tell_out = tell
        self._source = random.Random(life.seed)  # noqa: S311 - not a secret
        self._numbers = itertools.count(1)
        self._changed = asyncio.Event()
        self._asks: list[SnapshotAsk] = []
        self._code = ""
        self._held: dict[str, Scalar] = {}
        self._is_new = False
        self.is_shown = False

    def tell(self, kind: str, text: str) -> None:
        """Note something, and say it."""
        self._notes.take(kind, text)
        self._tell_out(kind, text)

    # what the station asks of a device

    def ask(self, station: StationRun, ask: SnapshotAsk) -> None:
        """Read a group soon."""
        del station
        self._asks.append(ask)
        self._changed.set()

    def outputs_changed(self, station: StationRun) -> None:
        """Write what is due soon."""
        del station
        self._changed.set()

    def show(self, station: StationRun) -> None:
        """Show link and values to a run that begins."""
        del station
        self._asks.clear()
        self._is_new = True
        self._changed.set()

    def is_told(self, station: StationRun, reply: Reply) -> bool:
        """Every reader beeps."""
        del station, reply
        return True

    async def reply(self, reply: Reply) -> None:
        """The reader beeps."""
        if reply.good:
            self.tell("beep", self._code)

    # what the machine does

    async def hold(self, station: StationRun) -> None:
        """Keep written what is due, as the supervisor does, and read what is asked for."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._is_new:
                await self._show(station)
            for group in station.due("plc"):
                self._held |= dict(group.values)
            answer, up = self._reads, self._notes.up
            known = [] if up is None else self._notes.answers.get(up, [])
            if up is not None and answer is not None and answer not in known:
                self.tell("answer", f"{up} {answer}")
            while self._asks:
                ask = self._asks.pop(0)
                read: dict[str, Any] = {"ask": ask.id, "group": ask.handshake, "tries": 1}
                values = self._values()
                await self._see(station, SnapshotRead, "plc", coherent=True, values=values, **read)

    async def _see(
        self,
        station: StationRun,
        kind: Callable[..., AnyObservation],
        device: str,
        **members: Any,  # noqa: ANN401 - fields
    ) -> None:
        now = self._clock.now()
        about = {
            "id": f"{device}:{next(self._numbers)}",
            "device": device,
            "earliest_ms": now.boot_ms,
            "latest_ms": now.boot_ms,
            "received": now,
        }
        await station.emit(kind(**(about | members)))

    def _values(self) -> tuple[TagValue, ...]:
        request = max(self._notes.offered, default=0)
        tags: dict[str, Scalar] = {
            "request": request,
            "counter": request,
            "force": request + 0.5,
            "picture": "." * self._disk.picture_bytes,
            "verdict": True,
            "boots": 1,
            "life": 1,
            "result": 0,
            "ack": False,
            "ready": True,
        }
        tags |= {tag: value for tag, value in self._held.items() if tag in tags}
        tags["trigger"] = self._notes.up is not None
        return tuple(TagValue(tag=tag, value=tags[tag], quality=Quality.GOOD) for tag in tags)

    async def _show(self, station: StationRun) -> None:
        """Let a run that begins see the links, and what the PLC holds."""
        self._is_new = False
        for device in ("scanner", "plc"):
            await self._see(station, LinkChanged, device, up=True)
        await self._poll(station)
        self.is_shown = True

    async def _poll(self, station: StationRun) -> None:
        await self._see(station, ValuesSeen, "plc", values=self._values())

    async def until(self, is_so: Callable[[], bool], what: str) -> None:
        """Let time pass until something is so."""
        if not await self._comes(is_so, PATIENCE_S * self._patience):
            raise StuckError(what)

    async def _comes(self, is_so: Callable[[], bool], within_s: float) -> bool:
        """Return whether something is so within a while."""
        for _ in range(round(within_s / LOOK_S)):
            if is_so():
                return True
            await self._pass(LOOK_S)
        return is_so()

    async def _pass(self, by_s: float) -> None:
        await self._clock.advance(by_s)
        if self._threads:
            await asyncio.sleep(0.0005)

    # what the person does

    async def work(self, station: StationRun, cycles: int) -> None:
        """Finish the part at hand, make some more, be away for a while in between."""
        if not await self._comes(lambda: self.is_shown, BEGIN_S):
            self._disk.relieve()
        await self.until(lambda: self.is_shown, "the station does not begin")
        if self._notes.up is not None:
            await self._answered(station, self._notes.up)
        for number in range(cycles):
            await self._part(station)
            if number == cycles // 2 and cycles > 1:
                await self._pass(OLD_S)
                await self._poll(station)

    async def _part(self, station: StationRun) -> None:
        request = max(self._notes.offered, default=0) + 1
        part = f"SN{request:08d}"
        if self._source.random() < 0.25:
            await self._scan(station, f"L{request:06d}")
        if self._source.random() < 0.9:
            await self._scan(station, part)
        else:
            part = "none"
        self.tell("offer", f"{request} {part}")
        await self._poll(station)
        await self._answered(station, request)

    async def _scan(self, station: StationRun, code: str) -> None:
        """Read a code until the reader says that it was taken; at last go on without."""
        self._code = code
        self.tell("scan", code)
        for _ in range(TRIES):
            await self._see(station, CodeScanned, "scanner", raw=code.encode())
            if await self._comes(lambda: code in self._notes.beeped, BEEP_S):
                break
        await self._pass(1.1)

    async def _answered(self, station: StationRun, request: int) -> None:
        """Wait for the answer of the raised request and let it fall; after a 7 it asks again."""
        for _ in range(TRIES * self._patience):
            await self._comes(lambda: self._reads is not None, ANSWER_S)
            is_over = self._reads in STORED
            if not is_over:
                self._disk.relieve()
            self._notes.up = None
            if is_over:
                self.tell("gone", str(request))
            await self._poll(station)
            await self.until(lambda: self._reads is None, "the answer stays")
            if is_over:
                return
            await self._pass(PAUSE_S)
            self._notes.up = request
            await self._poll(station)
        raise StuckError(f"request {request} is not answered")

    @property
    def _reads(self) -> str | None:
        """The answer that the PLC reads beside a raised ack."""
        return str(self._held["result"]) if self._held.get("ack") else None

    async def delivered(self, station: StationRun, sinks: Collection[str]) -> None:
        """Wait until these sinks have everything."""

        def is_all() -> bool:
            journal = station.journal
            return journal is not None and all(
                journal.cursor(name) == journal.last for name in sinks
            )

        await self.until(is_all, "the sinks do not get everything")
