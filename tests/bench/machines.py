"""What the benches of the whole daemon talk to: a press on OPC UA, one on Modbus, a scanner.

The bench process is the PLC: it raises the trigger and sees the ack arrive, by one clock.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Protocol

from asyncua import ua

from drivers.base import Scalar
from tests.journeys.daemon import Daemon
from tests.opcua_plc import Plc

TAGS = ("trigger", "request", "count", "force", "result", "ack")
WRITTEN = ("result", "ack")


class Answer:
    """The ack as the PLC holds it, and when it last moved."""

    def __init__(self) -> None:
        self.ack = False
        self.moved_s = 0.0
        self._moved = asyncio.Event()

    def written(self, *, ack: bool) -> None:
        """Take what the agent has written."""
        if ack is not self.ack:
            self.ack, self.moved_s = ack, time.perf_counter()
            self._moved.set()

    async def until(self, *, ack: bool) -> float:
        """Return when the ack became that."""
        while self.ack is not ack:
            self._moved.clear()
            await self._moved.wait()
        return self.moved_s


class Press(Protocol):
    """One machine with a handshake."""

    answer: Answer

    @property
    def device(self) -> str:
        """The device as a station file has it, with values at 50 ms and the trigger at 10 ms."""
        ...

    @property
    def tags(self) -> Mapping[str, str]:
        """The address of each tag as a station file has it."""
        ...

    @property
    def place(self) -> str:
        """Where the bare rigs find it."""
        ...

    async def show(self, **values: Scalar) -> None:
        """Have the PLC program set variables, the trigger last."""
        ...


# ------------------------------------------------------------------ OPC UA

_VARIABLES: Mapping[str, tuple[Any, ua.VariantType]] = {
    "Trigger": (False, ua.VariantType.Boolean),
    "Request": (0, ua.VariantType.UInt16),
    "Count": (0, ua.VariantType.Int64),
    "Force": (1.5, ua.VariantType.Float),
    "Result": (0, ua.VariantType.Int16),
    "Ack": (False, ua.VariantType.Boolean),
}


class _AnsweredPlc(Plc):
    """The server of the tests, which notes when the ack moves."""

    def __init__(self, variables: Mapping[str, tuple[Any, ua.VariantType]], to: Answer) -> None:
        super().__init__(variables)
        self._to = to

    async def set(
        self,
        name: str,
        value: Any,  # noqa: ANN401 - what a variant can hold
        *,
        kind: ua.VariantType | None = None,
        status: int = 0,
        source: datetime | None = None,
    ) -> int:
        """Set a variable."""
        done = await super().set(name, value, kind=kind, status=status, source=source)
        if name == "Ack":
            self._to.written(ack=bool(value))
        return done


class OpcUaPress:
    """A press that is an OPC UA server, with `more` values that nobody asks for."""

    def __init__(self, more: int = 0) -> None:
        self.answer = Answer()
        self.more = tuple(f"Value{number}" for number in range(more))
        others = dict.fromkeys(self.more, (0.0, ua.VariantType.Float))
        self.plc = _AnsweredPlc({**_VARIABLES, **others}, self.answer)

    @property
    def device(self) -> str:
        """The device as a station file has it."""
        intervals = "publishing_interval: 50ms, sampling_interval: 25ms"
        return f'{{driver: opcua, url: "{self.plc.url}", {intervals}}}'

    @property
    def tags(self) -> Mapping[str, str]:
        """The address of each tag."""
        return {
            name: f'node: "nsu=urn:acme:press;s={name.title()}"' for name in (*TAGS, *self.more)
        }

    @property
    def place(self) -> str:
        """Where the bare rigs find it."""
        return self.plc.url

    async def show(self, **values: Scalar) -> None:
        """Set variables."""
        for name, value in values.items():
            await self.plc.set(name.title(), value)

    async def count_up(self, number: int) -> None:
        """Have all other values move."""
        for name in self.more:
            await self.plc.set(name, float(number))


# ------------------------------------------------------------------ Modbus

_AT = {"trigger": 0, "request": 1, "count": 2, "force": 4, "result": 6, "ack": 7}
_TYPES = {"trigger": "bool", "count": "uint32", "force": "float32", "ack": "bool"}
_READ, _WRITE_ONE, _WRITE_MANY = 3, 6, 16


class ModbusPress:
    """A press that is a Modbus TCP server with a hundred holding registers."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.words = [0] * 100
        self.requests = 0
        self.port = 0

    @property
    def device(self) -> str:
        """The device as a station file has it."""
        return (
            f"{{driver: modbus, host: 127.0.0.1, port: {self.port}, address_base: wire, "
            "byte_order: ABCD, poll: 50ms}"
        )

    @property
    def tags(self) -> Mapping[str, str]:
        """The address of each tag."""
        return {
            name: f"table: holding, address: {at}, type: {_TYPES.get(name, 'uint16')}"
            for name, at in _AT.items()
        }

    @property
    def place(self) -> str:
        """Where the bare rigs find it."""
        return str(self.port)

    async def show(self, **values: Scalar) -> None:
        """Set registers."""
        for name, value in values.items():
            packed = {
                "uint32": lambda v: struct.pack(">I", v),
                "float32": lambda v: struct.pack(">f", v),
            }.get(_TYPES.get(name, ""), lambda v: struct.pack(">H", v))(value)
            words = struct.unpack(f">{len(packed) // 2}H", packed)
            self.words[_AT[name] : _AT[name] + len(words)] = words

    def answered(self, request: bytes) -> bytes:
        """Return the answer to a request."""
        number, _, _, unit, function, at, count = struct.unpack(">HHHBBHH", request[:12])
        self.requests += 1
        if function == _READ:
            words = self.words[at : at + count]
            body = struct.pack(f">BBB{count}H", unit, function, 2 * count, *words)
        else:
            words = [count]
            if function == _WRITE_MANY:
                words = list(struct.unpack(f">{count}H", request[13:]))
            self.words[at : at + len(words)] = words
            self.answer.written(ack=bool(self.words[_AT["ack"]]))
            body = struct.pack(">BBHH", unit, function, at, count)
        return struct.pack(">HHH", number, 0, len(body)) + body


class _Connection(asyncio.Protocol):
    """One client of the Modbus press; each request comes in one piece."""

    def __init__(self, press: ModbusPress) -> None:
        self._press = press
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self._transport.write(self._press.answered(data))


@asynccontextmanager
async def opcua_press(more: int = 0) -> AsyncIterator[OpcUaPress]:
    """Serve a press over OPC UA."""
    press = OpcUaPress(more)
    async with press.plc:
        yield press


@asynccontextmanager
async def modbus_press() -> AsyncIterator[ModbusPress]:
    """Serve a press over Modbus TCP."""
    press = ModbusPress()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(press), "127.0.0.1", 0)
    press.port = server.sockets[0].getsockname()[1]
    async with server:
        yield press


async def said(running: Daemon, event: str, **fields: object) -> None:
    """Return when the daemon has said that.

    Raises:
        RuntimeError: it has ended instead; with what it complained of.
    """
    heard = asyncio.create_task(running.said(event, **fields))
    ended = asyncio.create_task(running.process.wait())
    await asyncio.wait((heard, ended), return_when=asyncio.FIRST_COMPLETED)
    ended.cancel()
    if not heard.done():
        heard.cancel()
        raise RuntimeError(f"the daemon ended: {running.lines} {running.complaints}")
    await heard
