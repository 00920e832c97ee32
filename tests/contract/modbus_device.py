"""A Modbus device that does as it is told: late, torn, cut off, lying. For the tests and the rig.

It is written on plain sockets and ptys, so that nothing in it is shared with the driver under test.
"""

import asyncio
import os
import struct
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Self

COILS, DISCRETES, HOLDING, INPUTS = "coils", "discretes", "holding", "inputs"
_READ_FROM = {1: COILS, 2: DISCRETES, 3: HOLDING, 4: INPUTS}
_WRITE_TO = {5: COILS, 6: HOLDING, 15: COILS, 16: HOLDING, 22: HOLDING}


def crc(frame: bytes) -> bytes:
    """Return the checksum of an RTU frame, low byte first."""
    rest = 0xFFFF
    for byte in frame:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ 0xA001 if rest & 1 else rest >> 1
    return struct.pack("<H", rest)


def packed(bits: list[int]) -> bytes:
    """Return bits as Modbus sends them: eight to a byte, the first one lowest."""
    rows = [bits[at : at + 8] for at in range(0, len(bits), 8)]
    return bytes(sum(bit << place for place, bit in enumerate(row)) for row in rows)


class Memory:
    """What a device holds and how it answers; what the disturbances below the line do not touch."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[int, int]] = {
            COILS: {}, DISCRETES: {}, HOLDING: {}, INPUTS: {}
        }  # fmt: skip
        self.requests: list[tuple[int, int, int]] = []
        """(function, start, count or value) of every request, in order."""
        self.writes: list[tuple[str, int, tuple[int, ...]]] = []
        """(table, start, words) of every write that was accepted."""
        self.fast_held: set[tuple[str, int]] = set()
        """Places that accept a write and keep what they held."""
        self.refuse: Callable[[int, int, int], int] = lambda _function, _start, _count: 0
        """Returns the exception to answer a request with, or 0."""
        self.answered: Callable[[int, int, int], None] = lambda _function, _start, _count: None
        """Called after each answer is made up: what the PLC's program does in between."""

    def set(self, table: str, start: int, *words: int) -> None:
        """Put words (or bits) at an address on the wire."""
        self.tables[table].update(enumerate(words, start))

    def get(self, table: str, start: int, count: int = 1) -> tuple[int, ...]:
        """Return the words held."""
        return tuple(self.tables[table][at] for at in range(start, start + count))

    def answer(self, pdu: bytes) -> bytes:
        """Return the reply to a request, both without any framing."""
        function, start, number = struct.unpack_from(">BHH", pdu)
        self.requests.append((function, start, number))
        if code := self.refuse(function, start, number):
            return bytes([function | 0x80, code])
        if function in _READ_FROM:
            reply = self._read(function, start, number)
        elif function in _WRITE_TO:
            reply = self._write(function, start, number, pdu)
        else:
            reply = bytes([function | 0x80, 1])
        self.answered(function, start, number)
        return reply

    def _read(self, function: int, start: int, count: int) -> bytes:
        table = self.tables[_READ_FROM[function]]
        if any(at not in table for at in range(start, start + count)):
            return bytes([function | 0x80, 2])
        words = [table[at] for at in range(start, start + count)]
        raw = packed(words) if function <= 2 else struct.pack(f">{count}H", *words)
        return bytes([function, len(raw)]) + raw

    def _write(self, function: int, start: int, number: int, pdu: bytes) -> bytes:
        name = _WRITE_TO[function]
        if start not in self.tables[name]:
            return bytes([function | 0x80, 2])
        if function == 5:
            words: tuple[int, ...] = (int(number == 0xFF00),)
        elif function == 6:
            words = (number,)
        elif function == 22:
            or_mask = struct.unpack_from(">H", pdu, 5)[0]
            words = (self.tables[name][start] & number | or_mask & ~number,)
        else:
            words = struct.unpack_from(f">{number}H", pdu, 6)
        self.writes.append((name, start, words))
        for at, word in enumerate(words, start):
            if (name, at) not in self.fast_held:
                self.tables[name][at] = word
        return pdu[: 7 if function == 22 else 5]


class TcpDevice:
    """A Modbus TCP server on loopback, on a free port if none is given."""

    def __init__(self, memory: Memory | None = None, *, port: int = 0) -> None:
        self.memory = memory or Memory()
        self.connections_seen = 0
        self.latency_s: Callable[[int], float] = lambda _number: 0.0
        """How long the answer to the n-th request (from 1) takes."""
        self.echo_id = True
        """Whether replies carry the request's transaction id; else 0, as some devices do."""
        self.reframed: Callable[[bytes], bytes] = lambda frame: frame
        """What is really sent in place of a frame."""
        self.port = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._served: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._cut: asyncio.Event | None = None
        self._number = 0

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Stop listening and cut every connection."""
        assert self._server is not None
        self._server.close()
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)
        await self._server.wait_closed()

    async def cut(self) -> None:
        """Cut the connection in the middle of the answer to the next request."""
        self._cut = asyncio.Event()
        await self._cut.wait()

    def hang_up(self) -> None:
        """Close every connection."""
        for writer in self._open:
            writer.close()

    def send(self, frame: bytes) -> None:
        """Send what nobody has asked for."""
        for writer in self._open:
            writer.write(frame)

    async def idle(self) -> None:
        """Return when nobody is connected any more."""
        await self._idle.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        self.connections_seen += 1
        self._open.add(writer)
        self._idle.clear()
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the other end closed, or the device is taken down
        finally:
            writer.transport.abort()
            self._open.discard(writer)
            self._served.discard(task)
            if not self._open:
                self._idle.set()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether to go on."""
        head = await reader.readexactly(7)
        number, _, length, unit = struct.unpack(">HHHB", head)
        pdu = await reader.readexactly(length - 1)
        self._number += 1
        if latency_s := self.latency_s(self._number):
            await asyncio.sleep(latency_s)
        reply = self.memory.answer(pdu)
        number = number if self.echo_id else 0
        frame = self.reframed(struct.pack(">HHHB", number, 0, len(reply) + 1, unit) + reply)
        if self._cut is not None:
            writer.write(frame[: len(frame) // 2])
            await writer.drain()
            self._cut.set()
            self._cut = None
            return False
        writer.write(frame)
        await writer.drain()
        return True


class RtuDevice:
    """Modbus RTU devices on a pty: `path` is the serial port of their master."""

    def __init__(self, units: dict[int, Memory] | None = None) -> None:
        self.units = units or {1: Memory()}
        self.latency_s: Callable[[int], float] = lambda _number: 0.0
        """How long the answer to the n-th request (from 1) takes."""
        self.reframed: Callable[[bytes], bytes] = lambda frame: frame
        """What is really sent in place of a frame."""
        self.path = ""
        self._master = self._slave = -1
        self._buffer = b""
        self._number = 0
        self._free_at = 0.0

    async def __aenter__(self) -> Self:
        """Open the pty."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        asyncio.get_running_loop().add_reader(self._master, self._readable)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close the pty, if it was not unplugged."""
        self.unplug()

    def unplug(self) -> None:
        """Pull the adapter: the port hangs up."""
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def send(self, raw: bytes) -> None:
        """Put bytes on the line."""
        if self._master >= 0:
            os.write(self._master, raw)

    def _readable(self) -> None:
        self._buffer += os.read(self._master, 1024)
        while (length := self._request_length()) and len(self._buffer) >= length:
            frame, self._buffer = self._buffer[:length], self._buffer[length:]
            memory = self.units.get(frame[0])
            if crc(frame[:-2]) != frame[-2:] or memory is None:
                continue
            self._number += 1
            reply = frame[:1] + memory.answer(frame[1:-2])
            raw = self.reframed(reply + crc(reply))
            loop = asyncio.get_running_loop()
            self._free_at = max(self._free_at, loop.time()) + self.latency_s(self._number)
            loop.call_at(self._free_at, self.send, raw)  # one after the other, as a device does

    def _request_length(self) -> int:
        """Return how long the request at the head of the buffer is, 0 while that is not known."""
        if len(self._buffer) < 7:
            return 0
        function = self._buffer[1]
        return 9 + self._buffer[6] if function in {15, 16} else 10 if function == 22 else 8
