"""A whole station on a recorded disk: scans, cycles, changeovers, a sink, restarts; and its judge.

The PLC of the scene counts an answer as seen when result and ack are due, as a real one would read
them. After a cut it still shows the request that it was at: it gets that request's one answer.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter as Tally
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import orjson

from agent.core import binder
from agent.core.state import Reply, SnapshotAsk
from agent.engine import Engine, Parts
from agent.formats.json import decode
from agent.journal import sqlite
from agent.journal.chain import seal
from agent.journal.opening import open_journal
from agent.journal.retention import Keep
from agent.journal.sqlite import Rim, SqliteJournal
from agent.ports import Recovery, Row
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
from tests.core_rig import HOUSING, PRESS
from tests.crash.cuts import Told, judge
from tests.crash.record import Recording
from tests.doubles import ManualClock, settled

STATION = replace(PRESS, components=(HOUSING,))
CYCLES = 40
CHECKPOINT_PAGES = 30
KEEP = Keep(keep_s=60, quota_bytes=1 << 30, sinks={"plant": True})
_STORED = frozenset({1, 2, 3, 4, 5, 6, 8})


class _Noted:
    """The journal as the engine sees it, with a note of what goes in and what is settled."""

    def __init__(self, journal: SqliteJournal, recording: Recording | None) -> None:
        self._journal, self._recording = journal, recording

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a journal has
        return getattr(self._journal, name)

    def append(self, rows: Sequence[Row]) -> asyncio.Future[None]:
        """Pass rows on, with notes before and after."""
        recording = self._recording
        if recording is None:
            return self._journal.append(rows)
        for row in rows:
            recording.note("issued", row)
        if recording.is_early:
            _acknowledge(recording, rows)
            return self._journal.append(rows)
        recorded = self._journal.append(rows)
        recorded.add_done_callback(lambda _: _acknowledge(recording, rows))
        return recorded


def _acknowledge(recording: Recording, rows: Sequence[Row]) -> None:
    for row in rows:
        recording.note("acked", row.address)


@dataclass(slots=True)
class Press:
    """The devices of the station: a PLC and a reader."""

    clock: ManualClock
    recording: Recording | None = None
    engine: Engine | None = None
    tags: dict[str, Scalar] = field(default_factory=dict)
    asks: list[SnapshotAsk] = field(default_factory=list)
    observed: int = 0

    # what the engine asks for

    def ask(self, ask: SnapshotAsk) -> None:
        """Read a group soon."""
        self.asks.append(ask)

    def outputs_changed(self) -> None:
        """The PLC polls by itself."""

    def reply(self, reply: Reply) -> None:
        """The reader beeps."""

    # what happens

    async def see(self, kind: Callable[..., AnyObservation], device: str, **members: Any) -> None:  # noqa: ANN401 - fields
        """Let the engine learn something, and read what it asks for."""
        assert self.engine is not None
        self.observed += 1
        now = self.clock.now()
        about: dict[str, Any] = {
            "id": f"{now.boot_id}-{self.observed}",
            "device": device,
            "earliest_ms": now.boot_ms,
            "latest_ms": now.boot_ms,
            "received": now,
        }
        await self.engine.emit(kind(**(about | members)))
        await settled()
        while self.asks:
            ask = self.asks.pop(0)
            values = self._values(self.tags)
            read: dict[str, Any] = {
                "ask": ask.id,
                "group": ask.handshake,
                "values": values,
                "tries": 1,
            }
            await self.see(SnapshotRead, "plc", coherent=True, **read)

    @staticmethod
    def _values(tags: dict[str, Scalar]) -> tuple[TagValue, ...]:
        return tuple(TagValue(tag=tag, value=tags[tag], quality=Quality.GOOD) for tag in tags)

    async def up(self) -> None:
        """Bring up both links."""
        for device in ("scanner", "plc"):
            await self.see(LinkChanged, device, up=True, reason="", faults=())
        await self.turn(0.3)

    async def turn(self, by_s: float) -> None:
        """Let time pass."""
        await self.clock.advance(by_s)

    async def scan(self, code: str) -> None:
        """Read a code."""
        await self.turn(1.1)
        await self.see(CodeScanned, "scanner", raw=code.encode())
        await self.turn(0.1)

    async def show(self, **tags: Scalar) -> None:
        """Let the PLC change tags, and the poll see them."""
        self.tags |= tags
        await self.turn(0.01)
        await self.see(ValuesSeen, "plc", values=self._values(tags))

    async def request(self, number: int, unit: str) -> int | None:
        """Raise the trigger; return the answer that the PLC reads, None without one."""
        if self.recording is not None:
            self.recording.note("offered", number)
        await self.show(trigger=True, request=number, count=number)
        await self.turn(0.5)
        answer = self.answer()
        if self.recording is not None and answer in _STORED:
            self.recording.note("answered", (number, unit))
        return answer

    def answer(self) -> int | None:
        """Return what the PLC reads beside a raised ack."""
        assert self.engine is not None
        held = dict(pair for group in self.engine.due("plc") for pair in group.values)
        result = held.get("result")
        return result if held.get("ack") and isinstance(result, int) else None

    async def fall(self) -> None:
        """Take the part away."""
        await self.show(trigger=False)


@asynccontextmanager
async def working(
    journal: SqliteJournal,
    found: Recovery,
    press: Press,
) -> AsyncIterator[Press]:
    """Run an engine from what the journal holds, for as long as the block lasts."""
    state = binder.initial(STATION)
    for row in found.fold:
        state = binder.evolve(state, decode(row.body))
    last = found.last
    beginning = binder.Beginning(
        epoch=f"{found.highest_ordinal + 1:06d}-{found.highest_ordinal + 1:08x}",
        version="1",
        previous_epoch=last.epoch if last else None,
        previous_seq=last.seq if last else None,
        previous_hash=last.hash if last else None,
        lost=found.lost,
    )
    noted: Any = _Noted(journal, press.recording)
    parts = Parts(
        clock=press.clock,
        journal=noted,
        lookup=journal,
        seal=seal,
        conceal=lambda seen: seen,
        devices=press,
    )
    engine = press.engine = Engine(parts, state, beginning)
    press.asks.clear()
    await engine.start()
    running = asyncio.create_task(engine.run(), name="engine of the scene")
    try:
        await press.up()
        yield press
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await engine.close()


async def whole_station(recording: Recording, outside: Rim, source: random.Random) -> None:
    """Make parts in three runs, with changeovers of a component lot and a sink that follows."""
    assert isinstance(outside.clock, ManualClock)
    press = Press(outside.clock, recording)
    press.tags = {"trigger": False, "request": 0, "count": 0, "force": 1.5, "ok": True}
    number = 0
    with mock.patch.object(sqlite, "CHECKPOINT_PAGES", CHECKPOINT_PAGES):
        for _ in range(3):
            journal, found = await open_journal(
                recording.directory, STATION.path, outside, keep=KEEP
            )
            async with working(journal, found, press):
                for _ in range(CYCLES // 3):
                    number += 1
                    await _one_part(press, number, source)
                    if source.random() < 0.3:
                        _deliver(recording, journal)
            await journal.close()


async def _one_part(press: Press, number: int, source: random.Random) -> None:
    if source.random() < 0.15:
        await press.scan(f"L-{number}")
    unit = f"SN-{number}"
    if source.random() < 0.9:
        await press.scan(unit)
    else:
        unit = ""
    await press.request(number, unit)
    await press.fall()


def _deliver(recording: Recording, journal: SqliteJournal) -> None:
    last = journal.last
    assert last is not None
    recording.note("delivered", last)
    journal.move_cursor("plant", last)


# ------------------------------------------------------------------ the judge


async def judge_station(directory: Path, told: Told, is_whole: bool) -> str:  # noqa: FBT001 - a Judge
    """Open an image, compare, show the same request again, then make one more part."""
    clock = ManualClock(boot_id="boot-after")
    return await judge(
        directory,
        told,
        is_whole=is_whole,
        station=STATION.path,
        goes_on=partial(_goes_on, Press(clock)),
        clock=clock,
    )


async def _goes_on(press: Press, journal: SqliteJournal, found: Recovery, told: Told) -> str:
    """Repeat the request at hand, make a fresh part, and see that each request has one event."""
    at_hand = max(told.offered, default=0)
    is_up = at_hand > 0
    press.tags = {"trigger": is_up, "request": at_hand, "count": at_hand, "force": 1.5, "ok": True}
    async with working(journal, found, press):
        await press.turn(0.5)
        if is_up and press.answer() not in _STORED:
            return f"stuck: request {at_hand} gets {press.answer()}"
        await press.fall()
        await press.scan(f"SN-{at_hand + 1}")
        fresh = await press.request(at_hand + 1, f"SN-{at_hand + 1}")
        if fresh != 1:
            return f"stuck: a fresh part gets {fresh}"
    rows = [orjson.loads(row.body) for row in await journal.read(None, 1_000_000)]
    made = [row for row in rows if row["kind"].startswith("unit_") and "request" in row]
    times = Tally(row["request"] for row in made)
    again = [request for request, n in times.items() if n > 1]
    if again:
        return f"doubled: request {again[0]} has {times[again[0]]} events"
    units = {row["request"]: row.get("unit", "") for row in made}
    for request, unit in told.requests.items():
        if request in units and units[request] not in {unit, None} and unit:
            return f"altered: request {request} was {unit}, is {units[request]}"
    return "ok"
