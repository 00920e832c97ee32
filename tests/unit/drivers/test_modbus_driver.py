"""The Modbus driver against a device that does as it is told (FAULTS M04 to M06, M09, M10)."""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Callable

import pytest

from drivers.base import (
    AnyObservation,
    DriverConfigError,
    LinkChanged,
    LinkDownError,
    Quality,
    TagGroup,
)
from tests.contract.modbus_device import COILS, HOLDING, INPUTS, TcpDevice
from tests.contract.rig import Recorder, ended, run_of
from tests.contract.rig_modbus import driver_of, holding, modbus_tag


@pytest.fixture
async def plc() -> AsyncIterator[TcpDevice]:
    """Give a PLC whose holding registers 0 to 19 and coils 0 to 7 are 0."""
    async with TcpDevice() as device:
        device.memory.set(HOLDING, 0, *([0] * 20))
        device.memory.set(COILS, 0, *([0] * 8))
        yield device


async def test_test_value_proves_the_byte_order(plc: TcpDevice) -> None:
    """A device that holds the declared test value is taken (M10)."""
    plc.memory.set(HOLDING, 0, 0x42F6, 0xE979)
    driver = driver_of(plc, holding("known", 0, "float32", test=123.456))
    async with run_of(driver, ["known"]) as (recorder, _):
        assert recorder.values()["known"].quality is Quality.GOOD


async def test_wrong_byte_order_is_refused_by_the_test_value(plc: TcpDevice) -> None:
    """With the wrong word order nothing is emitted: the device is refused, naming tag and value."""
    plc.memory.set(HOLDING, 0, 0xE979, 0x42F6)
    driver = driver_of(plc, holding("known", 0, "float32", test=123.456), holding("other", 5))
    recorder = Recorder()
    with pytest.raises(DriverConfigError) as refused:
        await driver.run(recorder)
    assert refused.value.tag == "known"
    assert "where the test value 123.456 is expected" in refused.value.cause
    assert recorder.seen == []


@pytest.mark.parametrize(
    ("code", "error"),
    [(2, DriverConfigError), (4, LinkDownError), (6, LinkDownError)],
)
async def test_test_value_that_cannot_be_read_proves_nothing(
    plc: TcpDevice, code: int, error: type[Exception]
) -> None:
    """A missing test value is the file's fault; one that is not to be had now is the device's."""
    plc.memory.refuse = lambda _function, start, _count: code if start == 9 else 0
    driver = driver_of(plc, holding("a", 0), holding("known", 9, test=1), max_gap=0)
    with pytest.raises(error, match="known"):
        await driver.run(Recorder())


async def test_device_with_none_of_its_tags_is_refused(plc: TcpDevice) -> None:
    """Where no tag is there, device id or addresses are wrong: an engineer has to look."""
    driver = driver_of(plc, holding("a", 100), holding("b", 200))
    with pytest.raises(DriverConfigError, match=r"tag 'a': address 100 .*exception 2"):
        await driver.run(Recorder())


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (10, "the gateway has no path to the device (exception 10)"),
        (11, "the gateway is there, the device behind it does not answer (exception 11)"),
    ],
)
async def test_gateway_says_that_the_device_is_down(plc: TcpDevice, code: int, text: str) -> None:
    """A gateway alive before a dead device ends the device's run, with the gateway's words."""
    driver = driver_of(plc, holding("a", 0))
    async with run_of(driver, ["a"]) as (_, task):
        plc.memory.refuse = lambda _function, _start, _count: code
        with pytest.raises(LinkDownError) as down:
            await ended(task)
    assert str(down.value) == f"modbus://127.0.0.1:{plc.port}/1: {text}"


def word_less(frame: bytes) -> bytes:
    """Return a well-formed answer with one register less."""
    return frame[:4] + bytes([0, len(frame) - 8]) + frame[6:8] + bytes([frame[8] - 2]) + frame[9:-2]


SILENT = "no answer within 0.5 s"
WRONG_ANSWERS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "another unit": (lambda frame: frame[:6] + b"\x09" + frame[7:], SILENT),
    "another function": (lambda frame: frame[:7] + b"\x04" + frame[8:], "function 4 answered for"),
    "one register less": (word_less, "1 registers came for 2 asked"),
    "a length that lies": (lambda frame: frame[:8] + b"\x09" + frame[9:], "closed by the other"),
    "no protocol": (lambda frame: frame[:2] + b"\x12\x34" + frame[4:], SILENT),
    "half a frame": (lambda frame: frame[: len(frame) // 2], SILENT),
    "nothing": (lambda _frame: b"", SILENT),
}


@pytest.mark.parametrize("wrong", WRONG_ANSWERS)
async def test_wrong_answer_ends_the_link(plc: TcpDevice, wrong: str) -> None:
    """An answer that is not wholly the request's brings no value and ends the link (M05)."""
    reframed, text = WRONG_ANSWERS[wrong]
    timeout = "500ms" if text is SILENT else "60s"
    driver = driver_of(plc, holding("a", 0), holding("b", 1), timeout=timeout)
    async with run_of(driver, ["a", "b"]) as (recorder, task):
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        plc.reframed = reframed
        plc.memory.set(HOLDING, 0, 7, 7)
        with pytest.raises(LinkDownError, match=re.escape(text)):
            await ended(task)
        assert {value.value for value in recorder.values().values()} == {0}
    assert plc.connections_seen == 1


async def test_answer_that_nobody_asked_for_ends_the_link(plc: TcpDevice) -> None:
    """A reply too many shows that pairs are out of step: the link is given up."""
    driver = driver_of(plc, holding("a", 0), poll="1h")
    async with run_of(driver, ["a"]) as (_, task):
        plc.send(struct.pack(">HHHBBBH", 0, 0, 5, 1, 3, 2, 7))
        with pytest.raises(LinkDownError, match="a reply came that nobody had asked for"):
            await ended(task)


async def test_idle_link_that_is_cut_ends_at_once(plc: TcpDevice) -> None:
    """A closed connection ends the run when it is closed, not at the next poll."""
    driver = driver_of(plc, holding("a", 0), poll="1h")
    async with run_of(driver, ["a"]) as (_, task):
        plc.hang_up()
        with pytest.raises(LinkDownError, match="the connection was closed by the other end"):
            await ended(task)


async def test_read_cancelled_from_outside_ends_the_link(plc: TcpDevice) -> None:
    """A cancelled request is a timeout: its answer must not find another request (M04)."""
    plc.memory.set(HOLDING, 0, *range(20))
    driver = driver_of(plc, holding("a", 0), holding("b", 15), poll="1h")
    async with run_of(driver, ["a", "b"]) as (_, task):
        plc.latency_s = lambda _number: 60
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(driver.read(TagGroup(name="g", guard=(), tags=("a",))), 0.05)
        with pytest.raises(LinkDownError, match="cancelled"):
            await ended(task)
        with pytest.raises(LinkDownError):
            await driver.read(TagGroup(name="g", guard=(), tags=("b",)))


async def test_block_that_ends_with_the_guards_copy_is_one_request(plc: TcpDevice) -> None:
    """A group from the guard to its copy is fetched by one request, coherent if they agree (M3)."""
    tags = [holding("seq", 0), holding("part", 1), holding("seq_end", 2, copy_of="seq")]
    driver = driver_of(plc, *tags, poll="1h")
    group = TagGroup(name="g", guard=("seq",), tags=("part", "seq_end"))
    plc.memory.set(HOLDING, 0, 8, 1, 8)
    async with run_of(driver, ["seq"]):
        plc.memory.requests.clear()
        snapshot = await driver.read(group)
        assert (snapshot.coherent, snapshot.tries) == (True, 1)
        assert plc.memory.requests == [(3, 0, 3)]
        plc.memory.set(HOLDING, 0, 9, 2, 8)
        snapshot = await driver.read(group)
        assert (snapshot.coherent, snapshot.tries) == (False, 3)
        assert plc.memory.requests == [(3, 0, 3)] * 4


async def test_guard_without_a_value_is_not_coherent(plc: TcpDevice) -> None:
    """A guard that is refused twice is not a guard that held still."""
    driver = driver_of(plc, holding("seq", 0), holding("part", 5), max_gap=0, poll="1h")
    async with run_of(driver, ["seq", "part"]):
        plc.memory.refuse = lambda _function, start, _count: 6 if start == 0 else 0
        snapshot = await driver.read(TagGroup(name="g", guard=("seq",), tags=("part",)))
        assert (snapshot.coherent, snapshot.tries) == (False, 3)
        assert [value.code for value in snapshot.values] == ["exception 6", ""]


async def test_tag_of_another_device_cannot_be_read(plc: TcpDevice) -> None:
    """A group that names a foreign tag is the file's fault."""
    driver = driver_of(plc, holding("a", 0))
    async with run_of(driver, ["a"]):
        with pytest.raises(DriverConfigError, match="tag 'x': is no tag of device 'plc'"):
            await driver.read(TagGroup(name="g", guard=(), tags=("x",)))


async def test_input_registers_and_gaps_are_read(plc: TcpDevice) -> None:
    """Tags of all tables come from as few requests as gaps and tables allow."""
    plc.memory.set(INPUTS, 0, 5)
    tags = [
        holding("a", 0),
        holding("b", 9),
        modbus_tag("i", table="input", address=0, type="uint16"),
        modbus_tag("c", table="coil", address=7, type="bool"),
    ]
    driver = driver_of(plc, *tags, poll="1h")
    async with run_of(driver, ["a", "b", "i", "c"]) as (recorder, _):
        assert sorted(plc.memory.requests) == [(1, 7, 1), (3, 0, 10), (4, 0, 1)]
        assert recorder.values()["i"].value == 5


async def test_cancelling_is_never_swallowed(plc: TcpDevice) -> None:
    """Whenever a read is cancelled, also in the moment of its answer, it ends as cancelled."""
    driver = driver_of(plc, holding("a", 0), poll="1h")
    group = TagGroup(name="g", guard=(), tags=("a",))
    for turns in range(30):
        async with run_of(driver, ["a"]):
            read = asyncio.create_task(driver.read(group))
            for _ in range(turns):
                await asyncio.sleep(0)
            heard = read.cancel()
            await asyncio.wait([read])
            assert read.cancelled() is heard


async def test_bug_in_the_receiver_is_not_taken_for_a_lost_link(plc: TcpDevice) -> None:
    """What `emit` raises while polling comes out of the run as it is."""
    driver = driver_of(plc, holding("a", 0))

    async def emit(observation: AnyObservation) -> None:
        if isinstance(observation, LinkChanged):
            return
        if observation.id != "plc:2":
            raise ZeroDivisionError
        plc.memory.set(HOLDING, 0, 1)

    with pytest.raises(ZeroDivisionError):
        await ended(asyncio.create_task(driver.run(emit)))
