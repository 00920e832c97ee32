"""One wire and the devices on it: who may ask, and what a failure costs whom.

Laws:
    1. One request is in flight per wire, however many drivers share it.
    2. A device that does not answer loses its own session. The link goes with it (PITFALLS M1); the
       neighbours go on over a fresh one.
    3. A connection that ends by itself ends every session: the other side may have restarted.
    4. Where a late reply outlives its link (a serial line, a gateway), the wire is left quiet for
       three times the timeout before it is opened again, and so it is before its first use: the
       reply may be to a request of the process before us.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar
from weakref import WeakValueDictionary

from drivers.base import Clock, DriverConfigError, LinkDownError
from drivers.modbus.codec import Words
from drivers.modbus.layout import Block, Point
from drivers.modbus.link import Link, LinkFault, Refusal
from drivers.modbus.wire import Wire

QUIET = 3.0
"""How many timeouts a wire is left quiet: longer than the slowest answer (PITFALLS M1)."""

GATEWAY_CODES = {
    10: "the gateway has no path to the device (exception 10)",
    11: "the gateway is there, the device behind it does not answer (exception 11)",
}

Answer = TypeVar("Answer")


class Session:
    """One device's use of its wire, from link up to link down."""

    def __init__(self, bus: Bus, device_id: int, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done with the reason when the session is over."""
        self._bus = bus
        self._device_id = device_id

    def end(self, reason: str) -> LinkDownError:
        """End the session and return the error to raise; the first reason stays."""
        if not self.lost.done():
            self.lost.set_result(f"{self._bus.wire}/{self._device_id}: {reason}")
        return LinkDownError(self.lost.result())

    def check(self) -> None:
        """Return if the session is still up.

        Raises:
            LinkDownError: it is over.
        """
        if self.lost.done():
            raise LinkDownError(self.lost.result())

    async def read(self, block: Block) -> Words:
        """Return the words of a block, each read by this request.

        Raises:
            Refusal: the device answers with an exception.
            LinkDownError: the session is over.
        """
        return await self._ask(
            block,
            lambda link: link.read(
                self._device_id, block.table, block.start, block.count, self.timeout_s
            ),
        )

    async def write(self, point: Point, words: Sequence[int]) -> None:
        """Write all the words of a point.

        Raises:
            Refusal: the device answers with an exception.
            LinkDownError: the session is over; whether the device took the write is not known.
        """
        await self._ask(
            point,
            lambda link: link.write(
                self._device_id, point.table, point.start, words, self.timeout_s
            ),
        )

    async def write_bit(self, point: Point, bit: int, *, value: bool) -> None:
        """Set or clear one bit of a register in one step of the device.

        Raises:
            Refusal: the device answers with an exception.
            LinkDownError: the session is over; whether the device took the write is not known.
        """
        await self._ask(
            point,
            lambda link: link.write_bit(
                self._device_id, point.start, bit, value=value, timeout_s=self.timeout_s
            ),
        )

    async def _ask(self, what: Block | Point, ask: Callable[[Link], Awaitable[Answer]]) -> Answer:
        """Return the answer, with what the gateway says of the device as the device's own end."""
        try:
            return await self._bus.ask(self, what, ask)
        except Refusal as refusal:
            if refusal.code not in GATEWAY_CODES:
                raise
            raise self.end(GATEWAY_CODES[refusal.code]) from refusal


class Bus:
    """A wire, open while any device on it has a session."""

    def __init__(self, clock: Clock) -> None:
        self.wire: Wire
        """As the devices that are in use declare it."""
        self._clock = clock
        self._lock: asyncio.Lock
        self._sessions: set[Session] = set()
        self._link: Link | None = None
        self._used = False
        self._quiet_until_ms = 0

    @asynccontextmanager
    async def session(self, wire: Wire, device_id: int, timeout_s: float) -> AsyncIterator[Session]:
        """Give a session over an open link; the last one to leave closes it.

        Raises:
            LinkDownError: the wire cannot be opened.
            DriverConfigError: a device that is in use declares the wire otherwise.
        """
        if not self._sessions:
            self.wire, self._lock = wire, asyncio.Lock()
        if self.wire != wire:
            raise DriverConfigError(
                None,
                f"{wire} is used with other settings by another device",
                "give all devices on one wire the same baudrate, parity, stop_bits and gateway",
            )
        session = Session(self, device_id, timeout_s)
        self._sessions.add(session)
        try:
            async with self._lock:
                await self._opened(session)
            yield session
        finally:
            self._sessions.discard(session)
            session.end("the device is not in use any more")
            if not self._sessions:
                self._close()

    async def ask(
        self, session: Session, what: Block | Point, ask: Callable[[Link], Awaitable[Answer]]
    ) -> Answer:
        """Return the answer to a question when it is this session's turn.

        Raises:
            Refusal: the device answers with an exception.
            LinkDownError: the session is over.
        """
        async with self._lock:
            session.check()
            link = self._link or await self._opened(session)
            try:
                return await ask(link)
            except LinkFault as fault:
                self._drop(link, session)
                raise session.end(f"{fault} ({what})") from fault
            except asyncio.CancelledError:
                if link.is_dead:
                    self._drop(link, session)
                    session.end(f"a request was cancelled while its answer was due ({what})")
                raise

    async def _opened(self, session: Session) -> Link:
        """Return the open link, opening it if need be; to be called under the lock.

        Raises:
            LinkDownError: the wire cannot be opened.
        """
        if self._link is not None:
            return self._link
        if not self._used:
            self._used = True
            self._keep_quiet(session.timeout_s)
        if (quiet_ms := self._quiet_until_ms - self._clock.now().boot_ms) > 0:
            await self._clock.sleep(quiet_ms / 1000)
        try:
            self._link = await Link.open(self.wire, session.timeout_s, self._link_died)
        except LinkFault as fault:
            raise session.end(str(fault)) from fault
        return self._link

    def _keep_quiet(self, timeout_s: float) -> None:
        """Keep the wire quiet from now on until no answer can be under way any more."""
        quiet_ms = 1 + round(QUIET * timeout_s * 1000) if self.wire.keeps_late_replies else 0
        self._quiet_until_ms = self._clock.now().boot_ms + quiet_ms

    def _drop(self, link: Link, session: Session) -> None:
        """Close a link on which an answer may still be under way."""
        self._keep_quiet(session.timeout_s)
        link.close()
        if self._link is link:
            self._link = None

    def _link_died(self, reason: str) -> None:
        """Take note that the connection ended by itself, and every session with it."""
        self._keep_quiet(max((session.timeout_s for session in self._sessions), default=0.0))
        for session in self._sessions:
            session.end(reason)
        self._close()

    def _close(self) -> None:
        """Close the link, if there is one, with no answer owed on it."""
        if self._link is not None:
            self._link.close()
            self._link = None


_BUSES: WeakValueDictionary[str, Bus] = WeakValueDictionary()
"""The wires of this process: an RS-485 line has one master, whatever its station files say."""


def bus_on(wire: Wire, clock: Clock) -> Bus:
    """Return the bus on that wire, the same for every driver on it."""
    bus = _BUSES.get(str(wire))
    if bus is None:
        bus = _BUSES[str(wire)] = Bus(clock)
    return bus
