"""The Modbus driver: one device, one attempt (the laws are in `drivers.base`).

A run connects once, looks at every tag (which tells the tags that are not there), proves the test
values, says that the link is up, and then polls: fast tags and the others each at their own
interval, taking turns on the wire with snapshots and writes request by request. Modbus has neither
time nor quality, so both are ours (D-155): a value changed between the begin of the look before
and the end of this one.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Iterable, Sequence
from itertools import count
from typing import Any

from drivers.base import (
    Clock,
    DriverConfigError,
    Emit,
    LinkChanged,
    LinkDownError,
    Scalar,
    SnapshotRead,
    TagFault,
    TagGroup,
    TagValue,
    ValuesSeen,
    WriteGroup,
)
from drivers.modbus import ModbusOptions, ModbusTag, endpoint
from drivers.modbus.bus import Session, bus_on
from drivers.modbus.layout import Limits, Point, coalesce
from drivers.modbus.points import point_of, wire_of
from drivers.modbus.poll import Watch
from drivers.modbus.snapshot import Snapshot
from drivers.modbus.write import MOST_TRIES, Writer
from drivers.options import Tag


class ModbusDriver:
    """One Modbus device. It can run again after a lost link; what it learned stays."""

    def __init__(
        self, name: str, options: ModbusOptions, tags: Sequence[Tag], clock: Clock
    ) -> None:
        self._name = name
        self._options = options
        self._clock = clock
        self._endpoint = endpoint(options)
        self._limits = Limits(options.max_read, options.max_gap)
        self._points = {tag.name: point_of(tag, options) for tag in tags}
        self._settings: dict[str, ModbusTag] = {tag.name: tag.address for tag in tags}
        self._wire = wire_of(options)
        self._bus = bus_on(self._wire, clock)
        self._watches = [
            (Watch(coalesce(self._points_of(tags, fast=fast), self._limits)), interval_s)
            for fast, interval_s in ((True, options.fast), (False, options.poll))
        ]
        self._writer = Writer(clock, options.fast, {tag.name for tag in tags if tag.write})
        self._snapshots: dict[TagGroup, Snapshot] = {}
        self._session: Session | None = None
        self._numbers = count(1)

    async def run(self, emit: Emit) -> None:
        """Connect once, emit what is there and then what changes; never return.

        Raises:
            LinkDownError: the device cannot be reached, or no longer.
            DriverConfigError: no tag is there, or one does not hold its test value.
        """
        device_id, timeout_s = self._options.device_id, self._options.timeout
        async with self._bus.session(self._wire, device_id, timeout_s) as session:
            values, up = await self._introduced(session)
            self._session = (
                session  # from here on it can be read and written: whoever hears of the link may
            )
            try:
                await emit(up)
                if values:
                    await self._emit_values(emit, up.earliest_ms, values)
                await self._until_lost(session, emit)
            finally:
                self._session = None

    async def read(self, group: TagGroup) -> SnapshotRead:
        """Return the group's values, coherent if the guard held still within the tries (D-21).

        Raises:
            LinkDownError: there is no link, or it broke; `run` ends as well.
            DriverConfigError: a tag of the group is none of this device.
        """
        session = self._up()
        snapshot = self._snapshots.get(group)
        if snapshot is None:
            points = {tag: self._point(tag) for tag in (*group.guard, *group.tags)}
            copies = {tag: self._settings[tag].copy_of for tag in points}
            snapshot = Snapshot(group, points, copies, self._limits)
            self._snapshots[group] = snapshot
        tries, began_ms = 0, self._boot_ms()
        while True:
            tries, began_ms = tries + 1, self._boot_ms()
            values, coherent, settled = await snapshot.take(session)
            if settled or tries == MOST_TRIES:
                break
        received = self._clock.now()
        return SnapshotRead(
            id=self._next_id(), device=self._name, received=received,
            earliest_ms=began_ms, latest_ms=received.boot_ms,
            ask="", group=group.name, values=values, coherent=coherent, tries=tries,
        )  # fmt: skip

    async def write(self, groups: Sequence[WriteGroup]) -> None:
        """Write the groups in order, reading each back before the next (D-155).

        Raises:
            LinkDownError: there is no link, it broke, or the device does not hold the value.
            DriverConfigError: a tag is not declared for writing, cannot hold the value, or the
                device refuses the write.
        """
        ready = [
            [self._writer.prepared(self._point(tag), value) for tag, value in group.values]
            for group in groups
        ]  # everything is checked before anything is written
        session = self._up()
        for writes in ready:
            await self._writer.write(session, writes)

    def _points_of(self, tags: Iterable[Tag], *, fast: bool) -> list[Point]:
        return [self._points[tag.name] for tag in tags if tag.fast is fast]

    async def _introduced(self, session: Session) -> tuple[list[TagValue], LinkChanged]:
        """Look at everything once; return what is there and what to say of the link.

        Raises:
            LinkDownError: the session is over, or a test value cannot be read now.
            DriverConfigError: no tag is there, or one does not hold its test value.
        """
        began_ms = self._boot_ms()
        values: list[TagValue] = []
        faults: list[TagFault] = []
        for watch, _ in self._watches:
            watch.begin(began_ms)
            _, seen, missing = await watch.look(session, self._boot_ms)
            values += seen
            faults += missing
        if faults and len(faults) == len(self._points):
            first = faults[0]
            hint = f"{first.hint} (none of the tags of device '{self._name}' is there)"
            raise DriverConfigError(first.tag, first.cause, hint)
        for value in values:
            self._prove(session, value, {fault.tag for fault in faults})
        received = self._clock.now()
        return values, LinkChanged(
            id=self._next_id(), device=self._name, received=received,
            earliest_ms=began_ms, latest_ms=received.boot_ms, up=True, faults=tuple(faults),
        )  # fmt: skip

    def _prove(self, session: Session, seen: TagValue, missing: Collection[str]) -> None:
        """Return if the tag holds its test value, or has none to hold (D-147).

        Raises:
            DriverConfigError: it holds something else, or is not there.
            LinkDownError: the device does not say now what it holds.
        """
        test = self._settings[seen.tag].test
        if test is None or _same(seen.value, test):
            return
        point = self._points[seen.tag]
        if seen.code.startswith("exception") and seen.tag not in missing:
            raise session.end(f"the test value of tag '{seen.tag}' cannot be read: {seen.code}")
        reads = seen.code or repr(seen.value)
        raise DriverConfigError(
            seen.tag,
            f"{point} reads {reads} where the test value {test!r} is expected",
            "compare address, type and byte_order with the device's manual",
        )

    async def _until_lost(self, session: Session, emit: Emit) -> None:
        """Poll until the session is over.

        Raises:
            LinkDownError: it is.
        """
        polls = [
            asyncio.create_task(
                self._poll(watch, interval_s, session, emit),
                name=f"{self._name} each {interval_s} s",
            )
            for watch, interval_s in self._watches
            if not watch.is_empty
        ]
        ending: set[asyncio.Future[Any]] = {session.lost, *polls}
        try:
            await asyncio.wait(ending, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for poll in polls:
                poll.cancel()
            ends = await asyncio.gather(*polls, return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(
                end, LinkDownError | asyncio.CancelledError
            ):
                raise end
        session.check()

    async def _poll(self, watch: Watch, interval_s: float, session: Session, emit: Emit) -> None:
        """Look at a watch's blocks at its interval, for ever."""
        interval_ms = round(interval_s * 1000)
        now_ms = due_ms = self._boot_ms()
        while True:
            due_ms = max(due_ms + interval_ms, now_ms)
            await self._clock.sleep((due_ms - now_ms) / 1000)
            since_ms, values, _ = await watch.look(session, self._boot_ms)
            if values:
                await self._emit_values(emit, since_ms, values)
            now_ms = self._boot_ms()

    def _up(self) -> Session:
        """Return the session of the run.

        Raises:
            LinkDownError: there is none.
        """
        if self._session is None:
            raise LinkDownError(f"{self._endpoint}: there is no link")
        return self._session

    def _point(self, tag: str) -> Point:
        """Return the point of a tag.

        Raises:
            DriverConfigError: the device has no such tag.
        """
        if tag not in self._points:
            raise DriverConfigError(tag, f"is no tag of device '{self._name}'", "add it there")
        return self._points[tag]

    def _boot_ms(self) -> int:
        return self._clock.now().boot_ms

    def _next_id(self) -> str:
        return f"{self._name}:{next(self._numbers)}"

    async def _emit_values(self, emit: Emit, since_ms: int, values: Sequence[TagValue]) -> None:
        received = self._clock.now()
        await emit(
            ValuesSeen(
                id=self._next_id(), device=self._name, received=received,
                earliest_ms=since_ms, latest_ms=received.boot_ms, values=tuple(values),
            )
        )  # fmt: skip


def _same(seen: Scalar | None, test: Scalar) -> bool:
    """Return whether a value is the one that was declared, as exactly as 32 bits can hold it."""
    if isinstance(seen, float) and isinstance(test, int | float):
        return math.isclose(seen, test, rel_tol=1e-6)
    return seen == test
