"""One connection to a wire, one request in flight: the only place that calls pymodbus.

The protocol pairs requests and replies badly: a serial line has no transaction id, and on TCP
pymodbus lets id 0 pass. A reply that comes too late answers the next request, without any error
(PITFALLS M1). So here a link is used up by the first thing that goes wrong:

    1. pymodbus neither retries nor reconnects.
    2. A reply is taken only if device, function, length and echo are those of the request (M1, M2).
    3. After a timeout, a cancelled request, a wrong or an unasked reply the link is dead. Whoever
       owns it closes it, and opens another when no late reply can be under way any more.

Times here are the wire's (frame gaps, answers), so they run on the event loop's own clock.
"""

from __future__ import annotations

import asyncio
import logging
import termios
from collections.abc import Callable, Sequence
from typing import Self, cast

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadDiscreteInputsRequest,
    WriteSingleCoilRequest,
)
from pymodbus.pdu.register_message import (
    MaskWriteRegisterRequest,
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from drivers.modbus.codec import WORD, Words
from drivers.modbus.layout import Table
from drivers.modbus.wire import TcpWire, Wire

# What it would log is raised here; without this its errors go to standard error by themselves.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

_NO_TIMEOUT = cast("float", None)
"""For pymodbus, which hands it to `asyncio.wait_for`: each request keeps its device's instead. With
one, wait_for of Python 3.11 would also swallow a cancellation in the moment of an answer."""

_READS: dict[Table, Callable[..., ModbusPDU]] = {
    Table.COIL: ReadCoilsRequest,
    Table.DISCRETE: ReadDiscreteInputsRequest,
    Table.HOLDING: ReadHoldingRegistersRequest,
    Table.INPUT: ReadInputRegistersRequest,
}


class LinkFault(Exception):  # noqa: N818 - the link's, not the caller's: LinkDownError is made of it
    """The link is of no use any more; the text says why."""


class Refusal(Exception):  # noqa: N818 - an answer like any other, only not the one hoped for
    """The device answered with an exception (D-152); the link is well."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


class Link:
    """An open connection. It dies once and is not revived."""

    def __init__(self, wire: Wire, on_death: Callable[[str], None]) -> None:
        self._on_death = on_death
        self._connected = asyncio.Event()
        self._dead: str | None = None
        self._asking = False
        self._deadline: asyncio.Timeout | None = None
        self._gap_s = wire.gap_s
        self._free_at = 0.0
        self._client: AsyncModbusTcpClient | AsyncModbusSerialClient
        if isinstance(wire, TcpWire):
            self._client = AsyncModbusTcpClient(
                wire.host, port=wire.port, timeout=_NO_TIMEOUT, retries=0, reconnect_delay=0,
                trace_connect=self._connection_changed, trace_pdu=self._pdu_passed,
            )  # fmt: skip
        else:
            self._client = AsyncModbusSerialClient(
                wire.path, framer=FramerType.RTU, baudrate=wire.baudrate, parity=wire.parity,
                stopbits=wire.stop_bits, timeout=_NO_TIMEOUT, retries=0, reconnect_delay=0,
                trace_connect=self._connection_changed, trace_pdu=self._pdu_passed,
            )  # fmt: skip

    @classmethod
    async def open(cls, wire: Wire, timeout_s: float, on_death: Callable[[str], None]) -> Self:
        """Return a link over a fresh connection; `on_death` is told why, if it dies by itself.

        Raises:
            LinkFault: nobody is there, or the port cannot be had.
        """
        link = cls(wire, on_death)
        transport: asyncio.BaseTransport | None = None
        opened = False
        try:
            async with asyncio.timeout(timeout_s):
                # Not connect(): that says no more than False, and the cause is worth knowing.
                transport, _ = await link._client.ctx.call_create()
                await link._connected.wait()
            opened = True
        except TimeoutError:
            raise LinkFault(f"no connection within {timeout_s:g} s; {wire.hint}") from None
        except OSError as error:
            raise LinkFault(f"{error.strerror or error}; {wire.hint}") from error
        except termios.error as error:  # not an OSError; the port cannot do that baudrate or parity
            raise LinkFault(f"{error.args[-1]}: check baudrate, parity, stop_bits") from error
        finally:
            if transport is not None and not opened:
                link.close()
                transport.close()
        if port := getattr(transport, "sync_serial", None):
            port.reset_input_buffer()
        return link

    async def read(
        self, device_id: int, table: Table, start: int, count: int, timeout_s: float
    ) -> Words:
        """Return exactly the words asked for.

        Raises:
            Refusal: the device answers with an exception.
            LinkFault: the link has died; what was read, if anything, is not known.
        """
        request = _READS[table](address=start, count=count, dev_id=device_id)
        reply = await self._ask(request, timeout_s)
        if table.of_bits:
            if len(reply.bits) != (count + 7) // 8 * 8:
                raise self._die(f"{len(reply.bits)} bits came for {count} asked")
            return reply.bits[:count]
        if len(reply.registers) != count:
            raise self._die(f"{len(reply.registers)} registers came for {count} asked")
        return reply.registers

    async def write(
        self, device_id: int, table: Table, start: int, words: Sequence[int], timeout_s: float
    ) -> None:
        """Write one coil or neighbouring registers in one request.

        Raises:
            Refusal: the device answers with an exception.
            LinkFault: the link has died; whether the device took the write is not known.
        """
        request: ModbusPDU
        if table is Table.COIL:
            request = WriteSingleCoilRequest(address=start, bits=[bool(words[0])], dev_id=device_id)
        elif len(words) == 1:
            request = WriteSingleRegisterRequest(
                address=start, registers=list(words), dev_id=device_id
            )
        else:
            request = WriteMultipleRegistersRequest(
                address=start, registers=list(words), dev_id=device_id
            )
        reply = await self._ask(request, timeout_s)
        echoed = (reply.address, reply.count if len(words) > 1 else 1)
        if echoed != (start, len(words)):
            raise self._die(f"write of {start} x {len(words)} confirmed as {echoed}")

    async def write_bit(
        self, device_id: int, address: int, bit: int, *, value: bool, timeout_s: float
    ) -> None:
        """Set or clear one bit of a holding register by mask write.

        Raises:
            Refusal: the device answers with an exception.
            LinkFault: the link has died; whether the device took the write is not known.
        """
        request = MaskWriteRegisterRequest(
            address=address, and_mask=WORD ^ (1 << bit), or_mask=int(value) << bit, dev_id=device_id
        )
        reply = await self._ask(request, timeout_s)
        if reply.address != address:
            raise self._die(f"mask write of {address} confirmed as {reply.address}")

    @property
    def is_dead(self) -> bool:
        """Whether nothing can be asked over it any more."""
        return self._dead is not None

    def close(self) -> None:
        """Close the connection; the link is dead, and a request in flight ends with that."""
        self._die("the link was closed")
        self._client.close()

    async def _ask(self, request: ModbusPDU, timeout_s: float) -> ModbusPDU:
        """Return the reply to this request and no other."""
        if self._gap_s and (gap_s := self._free_at - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(gap_s)
        if self._dead is not None:
            raise LinkFault(self._dead)
        self._asking = True
        try:
            async with asyncio.timeout(timeout_s) as deadline:
                reply = await self._exchanged(request, deadline)
        except TimeoutError:
            raise self._die(f"no answer within {timeout_s:g} s") from None
        except ModbusException as error:
            raise self._die(str(error)) from error
        except asyncio.CancelledError:
            self._die("a request was cancelled while its answer was under way")
            raise
        finally:
            self._asking = False
        if self._gap_s:
            self._free_at = asyncio.get_running_loop().time() + self._gap_s
        return self._checked(request, reply)

    async def _exchanged(self, request: ModbusPDU, deadline: asyncio.Timeout) -> ModbusPDU:
        """Return pymodbus's reply; a death of the link meanwhile is a deadline that is reached."""
        self._deadline = deadline
        try:
            reply: ModbusPDU = await self._client.execute(False, request)  # noqa: FBT003 - its signature
        finally:
            self._deadline = None
        return reply

    def _checked(self, request: ModbusPDU, reply: ModbusPDU) -> ModbusPDU:
        """Return the reply if it can be the one to this request.

        Raises:
            Refusal: it is the device's exception to it.
            LinkFault: it belongs to something else.
        """
        if self._dead is not None:  # a second reply came with it
            raise LinkFault(self._dead)
        if reply.dev_id != request.dev_id:
            raise self._die(f"device {reply.dev_id} answered for device {request.dev_id}")
        if reply.function_code & 0x7F != request.function_code:
            raise self._die(
                f"function {reply.function_code} answered for function {request.function_code}"
            )
        if reply.isError():
            raise Refusal(reply.exception_code)
        return reply

    def _die(self, reason: str) -> LinkFault:
        """Mark the link dead and return the fault to raise; the first reason stays."""
        self._dead = self._dead or reason
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time())
        return LinkFault(self._dead)

    def _connection_changed(self, connected: bool) -> None:  # noqa: FBT001 - pymodbus calls it so
        """Take note that the connection came up, or was lost by itself."""
        if connected:
            self._connected.set()
        else:
            self._died_by_itself("the connection was closed by the other end")

    def _pdu_passed(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:  # noqa: FBT001 - pymodbus calls it so
        """Let a request or its first reply pass; anything else shows that we are out of step."""
        if not sending:
            if not self._asking:
                self._died_by_itself("a reply came that nobody had asked for")
            self._asking = False
        return pdu

    def _died_by_itself(self, reason: str) -> None:
        """Take note of a death that came from outside, and say so."""
        self._die(reason)
        self._on_death(reason)
