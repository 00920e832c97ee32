"""A press with a camera that makes parts as fast as it is told: the machine of an outage."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from agent.app.station import StationRun
from agent.core.state import Reply, SnapshotAsk
from agent.ports import Clock
from drivers.base import (
    AnyObservation,
    LinkChanged,
    Quality,
    Scalar,
    SnapshotRead,
    TagValue,
    ValuesSeen,
)


class Press:
    """The PLC with its camera; for the station it is the one device."""

    name = "plc"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._asks: list[SnapshotAsk] = []
        self._changed = asyncio.Event()
        self._held: dict[str, Scalar] = {}
        self._is_up = False
        self._answered = asyncio.Event()
        self.request = 0
        self.is_shown = asyncio.Event()

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
        """A run begins."""
        del station
        self.is_shown.set()

    def is_told(self, station: StationRun, reply: Reply) -> bool:
        """There is no reader."""
        del station, reply
        return False

    async def hold(self, station: StationRun) -> None:
        """Keep written what is due, and read what is asked for."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for group in station.due("plc"):
                self._held |= dict(group.values)
            if self._held.get("ack"):
                self._answered.set()
            while self._asks:
                ask = self._asks.pop(0)
                read: dict[str, Any] = {"ask": ask.id, "group": ask.handshake, "tries": 1}
                await self._see(station, SnapshotRead, coherent=True, values=self._values(), **read)

    async def _see(
        self, station: StationRun, kind: Callable[..., AnyObservation], **members: Any,  # noqa: ANN401 - fields
    ) -> None:  # fmt: skip
        now = self._clock.now()
        about = {
            "id": f"plc:{next(self._numbers)}",
            "device": "plc",
            "earliest_ms": now.boot_ms,
            "latest_ms": now.boot_ms,
            "received": now,
        }
        await station.emit(kind(**(about | members)))

    def _values(self) -> tuple[TagValue, ...]:
        tags: dict[str, Scalar] = {
            "request": self.request % (1 << 16),
            "counter": self.request,
            "force": self.request + 0.5,
            "code": f"SN{self.request:08d}",
            "verdict": True,
            "boots": 1,
            "life": 1,
            "result": self._held.get("result", 0),
            "ack": self._held.get("ack", False),
            "ready": True,
            "trigger": self._is_up,
        }
        return tuple(TagValue(tag=tag, value=tags[tag], quality=Quality.GOOD) for tag in tags)

    async def begin(self, station: StationRun) -> None:
        """Come up."""
        for device in ("scanner", "plc"):
            now = self._clock.now()
            link = LinkChanged(
                id=f"{device}-up", device=device, earliest_ms=now.boot_ms, latest_ms=now.boot_ms,
                received=now, up=True,
            )  # fmt: skip
            await station.emit(link)
        await self._see(station, ValuesSeen, values=self._values())

    async def press(self, station: StationRun) -> None:
        """Make one part; return when the PLC has read its answer, and the trigger has fallen.

        Raises:
            RuntimeError: it was not 1.
        """
        self.request += 1
        self._is_up = True
        self._answered.clear()
        await self._see(station, ValuesSeen, values=self._values())
        await self._answered.wait()
        if self._held.get("result") != 1:
            raise RuntimeError(f"request {self.request} gets {self._held.get('result')}")
        self._is_up = False
        await self._see(station, ValuesSeen, values=self._values())
