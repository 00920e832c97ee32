"""One connection, one request in flight, and what uses it up (PITFALLS M1, M2)."""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from drivers.modbus.layout import Table
from drivers.modbus.link import Link, LinkFault, Refusal
from drivers.modbus.wire import SerialWire, TcpWire
from tests.contract.modbus_device import COILS, HOLDING, RtuDevice, TcpDevice
from tests.contract.rig import PATIENCE_S


@pytest.fixture
async def plc() -> AsyncIterator[TcpDevice]:
    """Give a PLC whose holding registers 0 to 19 hold their addresses; 20 coils are set."""
    async with TcpDevice() as device:
        device.memory.set(HOLDING, 0, *range(20))
        device.memory.set(COILS, 0, *([1] * 20))
        yield device


@asynccontextmanager
async def linked(plc: TcpDevice) -> AsyncIterator[tuple[Link, list[str]]]:
    """Give an open link, and what it says of its own death."""
    said: list[str] = []
    link = await Link.open(TcpWire("127.0.0.1", plc.port, gateway=False), PATIENCE_S, said.append)
    try:
        yield link, said
    finally:
        link.close()


async def in_flight(plc: TcpDevice, link: Link) -> asyncio.Task[Any]:
    """Return a read that has reached the PLC and will not be answered."""
    there = asyncio.Event()
    plc.reframed = lambda _frame: b""
    plc.memory.answered = lambda _function, _start, _count: there.set()
    asked = asyncio.create_task(link.read(1, Table.HOLDING, 0, 1, PATIENCE_S))
    await there.wait()
    return asked


def changed(at: int, to: int) -> Callable[[bytes], bytes]:
    """Return what puts another byte into a frame; the unit id is at 6, the function at 7."""
    return lambda frame: frame[:at] + bytes([to]) + frame[at + 1 :]


def ten_bits(frame: bytes) -> bytes:
    """Return a well-formed answer with two bytes of bits for whatever was asked."""
    return frame[:4] + struct.pack(">HBBBH", 5, 1, 1, 2, 0xFFFF)


ASKS: dict[str, Callable[[Link], Awaitable[Any]]] = {
    "read": lambda link: link.read(1, Table.HOLDING, 0, 2, PATIENCE_S),
    "read bits": lambda link: link.read(1, Table.COIL, 0, 3, PATIENCE_S),
    "write coil": lambda link: link.write(1, Table.COIL, 3, [1], PATIENCE_S),
    "write one": lambda link: link.write(1, Table.HOLDING, 3, [7], PATIENCE_S),
    "write two": lambda link: link.write(1, Table.HOLDING, 3, [7, 8], PATIENCE_S),
    "write bit": lambda link: link.write_bit(1, 3, 2, value=True, timeout_s=PATIENCE_S),
    "read unit 0": lambda link: link.read(0, Table.HOLDING, 0, 2, PATIENCE_S),
}


@pytest.mark.parametrize(
    ("ask", "reframed", "why"),
    [
        ("read bits", ten_bits, "16 bits came for 3 asked"),
        ("write coil", changed(9, 4), "write of 3 x 1 confirmed as (4, 1)"),
        ("write one", changed(9, 4), "write of 3 x 1 confirmed as (4, 1)"),
        ("write two", changed(11, 1), "write of 3 x 2 confirmed as (3, 1)"),
        ("write bit", changed(9, 4), "mask write of 3 confirmed as 4"),
        ("read unit 0", changed(6, 9), "device 9 answered for device 0"),
        ("read", changed(7, 4), "function 4 answered for function 3"),
        ("read", changed(7, 0x84), "function 132 answered for function 3"),
    ],
)
async def test_wrong_reply_uses_the_link_up(
    plc: TcpDevice, ask: str, reframed: Callable[[bytes], bytes], why: str
) -> None:
    """A reply that is not wholly the request's is refused, and so is whatever is asked next."""
    async with linked(plc) as (link, said):
        plc.reframed = reframed
        with pytest.raises(LinkFault, match=f"^{re.escape(why)}$"):
            await ASKS[ask](link)
        plc.reframed = lambda frame: frame
        with pytest.raises(LinkFault, match=f"^{re.escape(why)}$"):
            await ASKS["read"](link)
        assert link.is_dead
        assert said == []
        assert len(plc.memory.requests) == 1


async def test_right_replies_keep_the_link(plc: TcpDevice) -> None:
    """Replies that fit are the answers, and an exception is an answer too."""
    async with linked(plc) as (link, said):
        assert await ASKS["read"](link) == [0, 1]
        assert await ASKS["read bits"](link) == [True] * 3
        await ASKS["write two"](link)
        await ASKS["write bit"](link)
        assert plc.memory.get(HOLDING, 3, 2) == (7 | 4, 8)
        with pytest.raises(Refusal, match="exception 2"):
            await link.read(1, Table.HOLDING, 15, 10, PATIENCE_S)
        assert await ASKS["read unit 0"](link) == [0, 1]
        assert not link.is_dead
        assert said == []


async def test_second_reply_in_one_breath_is_dropped(plc: TcpDevice) -> None:
    """A reply that comes doubled answers its request once and no other."""
    async with linked(plc) as (link, _):
        plc.reframed = lambda frame: frame * 2
        for start in range(10):
            assert await link.read(1, Table.HOLDING, start, 1, PATIENCE_S) == [start]


async def test_closed_link_ends_the_request_in_flight(plc: TcpDevice) -> None:
    """Closing a link ends the request that waits for its answer, at once."""
    async with linked(plc) as (link, said):
        asked = await in_flight(plc, link)
        link.close()
        with pytest.raises(LinkFault, match="the link was closed"):
            await asked
        assert said == []


async def test_link_says_that_it_was_cut(plc: TcpDevice) -> None:
    """A connection that the other end closes ends the request in flight and is said once."""
    async with linked(plc) as (link, said):
        asked = await in_flight(plc, link)
        plc.hang_up()
        with pytest.raises(LinkFault, match="the connection was closed by the other end"):
            await asked
        assert said == ["the connection was closed by the other end"]


async def test_host_that_does_not_answer_is_a_fault() -> None:
    """A host that takes no connection in time is a fault that says so and what to check."""
    with contextlib.ExitStack() as sockets:
        full = sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # the kernel lets one wait, and leaves the next ones without an answer
        for _ in range(3):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 - its signature
            waiting.connect_ex(full.getsockname())
        wire = TcpWire("127.0.0.1", full.getsockname()[1], gateway=False)
        with pytest.raises(LinkFault, match=r"no connection within 0.1 s; check host, port"):
            await Link.open(wire, 0.1, lambda _why: None)


async def test_port_that_cannot_do_the_settings_is_a_fault() -> None:
    """A port whose driver refuses the parity is a fault of the link with what to check.

    A pty has no parity, and the library asks for it a second time and is told so.
    """
    async with RtuDevice() as line:
        with pytest.raises(LinkFault, match="Invalid argument: check baudrate, parity, stop_bits"):
            await Link.open(SerialWire(line.path, 19_200, "E", 1), 1.0, lambda _why: None)


@pytest.mark.parametrize(
    ("baudrate", "gap_ms"), [(1_200, 32.083), (9_600, 4.01), (19_200, 2.005), (115_200, 1.75)]
)
def test_silence_between_frames(baudrate: int, gap_ms: float) -> None:
    """Frames are 3.5 characters apart, and above 19,200 baud 1.75 ms (D-154)."""
    wire = SerialWire("/dev/ttyS0", baudrate, "E", 1)
    assert wire.gap_s * 1000 == pytest.approx(gap_ms, abs=0.001)
    assert TcpWire("a", 502, gateway=True).gap_s == 0
