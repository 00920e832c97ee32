"""The Modbus driver against a device that does as it is told (FAULTS M05, M06, M09, M10, M14)."""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from drivers.base import (
    AnyObservation,
    DriverConfigError,
    LinkChanged,
    LinkDownError,
    Quality,
    TagGroup,
    WriteGroup,
)
from drivers.modbus import SPEC, ModbusOptions
from tests.contract.modbus_device import COILS, HOLDING, INPUTS, RtuDevice, TcpDevice
from tests.contract.rig import RealClock, Recorder, ended, run_of
from tests.contract.rig_modbus import modbus_driver, modbus_tag


class SleeplessClock(RealClock):
    """A clock on which the short waits take no time; it keeps how long they were to be."""

    def __init__(self) -> None:
        super().__init__()
        self._asked_s: list[float] = []

    async def sleep(self, delay_s: float) -> None:
        """Return at once, unless it is for an hour."""
        self._asked_s.append(delay_s)
        await asyncio.sleep(delay_s if delay_s > 60 else 0)

    def quiets(self, timeout_s: float) -> int:
        """Return how many waits of three timeouts there were."""
        return sum(2.9 * timeout_s < asked_s <= 3.1 * timeout_s for asked_s in self._asked_s)


def holding(tag: str, address: int, kind: str = "uint16", **options: Any) -> Any:  # noqa: ANN401 - as YAML gives them
    """Return a tag in a holding register."""
    return modbus_tag(tag, table="holding", address=address, type=kind, **options)


@pytest.fixture
async def plc() -> AsyncIterator[TcpDevice]:
    """Give a PLC whose holding registers 0 to 19 and coils 0 to 7 are 0."""
    async with TcpDevice() as device:
        device.memory.set(HOLDING, 0, *([0] * 20))
        device.memory.set(COILS, 0, *([0] * 8))
        yield device


def driver_of(plc: TcpDevice, *tags: Any, **options: object) -> Any:  # noqa: ANN401 - a driver and its insides
    """Return a driver of that PLC that polls every 10 ms."""
    settings = {"poll": "10ms", "fast": "5ms", "timeout": "2s", **options}
    return modbus_driver(list(tags), host="127.0.0.1", port=plc.port, **settings)


def values(*pairs: tuple[str, Any]) -> WriteGroup:
    """Return a group to be written."""
    return WriteGroup(device="plc", values=pairs)


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


WRONG_ANSWERS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "another unit": (lambda frame: frame[:6] + b"\x09" + frame[7:], "no answer within 0.1 s"),
    "another function": (lambda frame: frame[:7] + b"\x04" + frame[8:], "function 4 answered for"),
    "one register less": (word_less, "1 registers came for 2 asked"),
    "a length that lies": (lambda frame: frame[:8] + b"\x09" + frame[9:], "closed by the other"),
    "no protocol": (lambda frame: frame[:2] + b"\x12\x34" + frame[4:], "no answer within 0.1 s"),
    "half a frame": (lambda frame: frame[: len(frame) // 2], "no answer within 0.1 s"),
    "nothing": (lambda _frame: b"", "no answer within 0.1 s"),
}


@pytest.mark.parametrize("wrong", WRONG_ANSWERS)
async def test_wrong_answer_ends_the_link(plc: TcpDevice, wrong: str) -> None:
    """An answer that is not wholly the request's brings no value and ends the link (M05)."""
    driver = driver_of(plc, holding("a", 0), holding("b", 1), timeout="100ms")
    async with run_of(driver, ["a", "b"]) as (recorder, task):
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        plc.reframed, text = WRONG_ANSWERS[wrong]
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
        plc.latency_s = lambda _number: 0.2
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


async def test_every_kind_of_write_is_read_back(plc: TcpDevice) -> None:
    """A coil, a register, several registers and a masked bit are written each by its function."""
    plc.memory.set(HOLDING, 5, 0b0101)
    tags = [
        modbus_tag("coil", table="coil", address=1, type="bool", write=True),
        holding("word", 0, write=True),
        holding("long", 1, "int32", write=True),
        holding("text", 3, "string", length=3, write=True),
        holding("bit", 5, "bool", bit=1, mask=True, write=True),
        holding("own", 6, "bool", write=True),
    ]
    driver = driver_of(plc, *tags, poll="1h")
    group = values(
        ("coil", True), ("word", 3), ("long", -2), ("text", "OK"), ("bit", True), ("own", True)
    )  # fmt: skip
    async with run_of(driver, ["word"]):
        plc.memory.requests.clear()
        await driver.write([group])
        functions = [function for function, _, _ in plc.memory.requests]
        assert functions == [5, 6, 16, 16, 22, 6, 1, 3, 3, 3, 3, 3]
        assert plc.memory.get(COILS, 1) == (1,)
        assert plc.memory.get(HOLDING, 0, 7) == (3, 0xFFFF, 0xFFFE, 0x4F4B, 0, 0b0111, 1)


async def test_value_that_does_not_fit_stops_the_whole_write(plc: TcpDevice) -> None:
    """Nothing of a write reaches the device if any of its values cannot be held."""
    driver = driver_of(plc, holding("a", 0, write=True), holding("b", 1, write=True))
    async with run_of(driver, ["a"]):
        with pytest.raises(DriverConfigError, match=r"tag 'b': .* cannot hold the value: 70000"):
            await driver.write([values(("a", 1)), values(("b", 70_000))])
        assert plc.memory.writes == []


@pytest.mark.parametrize(
    ("code", "error"),
    [(2, DriverConfigError), (3, DriverConfigError), (4, LinkDownError), (6, LinkDownError)],
)
async def test_refused_write_names_tag_and_cause(
    plc: TcpDevice, code: int, error: type[Exception]
) -> None:
    """A write that the device refuses for good is the file's fault; otherwise the link ends."""
    driver = driver_of(plc, holding("a", 0, write=True))
    plc.memory.refuse = lambda function, _start, _count: code if function == 6 else 0
    async with run_of(driver, ["a"]):
        with pytest.raises(error, match=rf"tag 'a'.*exception {code}"):
            await driver.write([values(("a", 1))])
        tries = [function for function, _, _ in plc.memory.requests].count(6)
        assert tries == (3 if code == 6 else 1)


async def test_busy_device_is_asked_again(plc: TcpDevice) -> None:
    """Busy (6) means that the device has not taken the write: it is asked again, then holds it."""
    driver = driver_of(plc, holding("a", 0, write=True))
    busy = iter([6, 6])
    plc.memory.refuse = lambda function, _start, _count: next(busy, 0) if function == 6 else 0
    async with run_of(driver, ["a"]):
        await driver.write([values(("a", 1))])
        assert plc.memory.writes == [(HOLDING, 0, (1,))]


async def test_accepted_write_is_not_repeated(plc: TcpDevice) -> None:
    """Accepted (5) means that the device has taken the write: it is only read back."""
    driver = driver_of(plc, holding("a", 0, write=True))

    def accept(function: int, start: int, number: int) -> int:
        if function == 6:
            plc.memory.set(HOLDING, start, number)
        return 5 if function == 6 else 0

    plc.memory.refuse = accept
    async with run_of(driver, ["a"]):
        await driver.write([values(("a", 1))])
        assert [function for function, _, _ in plc.memory.requests].count(6) == 1


async def test_write_in_doubt_is_looked_at_before_it_is_repeated(plc: TcpDevice) -> None:
    """After a write whose answer did not come, a value that is there is not written again (M14)."""
    driver = driver_of(plc, holding("a", 0, write=True), timeout="100ms", poll="1h")
    async with run_of(driver, ["a"]) as (_, task):
        plc.reframed = lambda _frame: b""
        with pytest.raises(LinkDownError, match=r"no answer within 0.1 s \(address 0"):
            await driver.write([values(("a", 1))])
        with pytest.raises(LinkDownError):
            await ended(task)
    plc.reframed = lambda frame: frame
    async with run_of(driver, ["a"]):
        await driver.write([values(("a", 1))])
        assert plc.memory.writes == [(HOLDING, 0, (1,))]
        await driver.write([values(("a", 2))])
        assert plc.memory.writes == [(HOLDING, 0, (1,)), (HOLDING, 0, (2,))]


async def test_write_in_doubt_that_did_not_arrive_is_done(plc: TcpDevice) -> None:
    """After a write that got lost on its way, looking shows that it has to be written."""
    driver = driver_of(plc, holding("a", 0, write=True), timeout="100ms", poll="1h")
    async with run_of(driver, ["a"]) as (_, task):
        plc.memory.fast_held.add((HOLDING, 0))
        plc.reframed = lambda _frame: b""
        with pytest.raises(LinkDownError):
            await driver.write([values(("a", 1))])
        with pytest.raises(LinkDownError):
            await ended(task)
    plc.reframed = lambda frame: frame
    plc.memory.fast_held.clear()
    async with run_of(driver, ["a"]):
        await driver.write([values(("a", 1))])
        assert plc.memory.get(HOLDING, 0) == (1,)


async def test_write_that_the_program_takes_over_later_is_held(plc: TcpDevice) -> None:
    """A PLC that takes a value over in its next scan only is given a few looks."""
    driver = driver_of(plc, holding("a", 0, write=True), poll="1h")
    looks: list[int] = []

    def scan(function: int, _start: int, _count: int) -> None:
        looks.append(function)
        if looks[-3:] == [6, 3, 3]:
            plc.memory.set(HOLDING, 0, 1)

    plc.memory.fast_held.add((HOLDING, 0))
    async with run_of(driver, ["a"]):
        plc.memory.answered = scan
        await driver.write([values(("a", 1))])
        assert looks == [6, 3, 3, 3]


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


async def test_devices_on_one_wire_share_its_connection(plc: TcpDevice) -> None:
    """Two devices behind one host and port use one connection, one request at a time (D-153)."""
    one = driver_of(plc, holding("a", 0), device_id=1)
    two = driver_of(plc, holding("a", 1), device_id=2)
    async with run_of(one, ["a"]), run_of(two, ["a"]) as (_, second):
        assert plc.connections_seen == 1
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ended(second)
    await plc.idle()


async def test_closed_connection_ends_every_device_on_it(plc: TcpDevice) -> None:
    """A connection that ends by itself ends all its devices: what is behind may have restarted."""
    one = driver_of(plc, holding("a", 0), device_id=1, poll="1h")
    two = driver_of(plc, holding("a", 1), device_id=2, poll="1h")
    async with run_of(one, ["a"]) as (_, first), run_of(two, ["a"]) as (_, second):
        plc.hang_up()
        for task in (first, second):
            with pytest.raises(LinkDownError, match="closed by the other end"):
                await ended(task)


async def test_settings_of_one_wire_agree(plc: TcpDevice) -> None:
    """A device that declares a wire in use otherwise is refused, and does not disturb the other."""
    one = driver_of(plc, holding("a", 0), device_id=1)
    two = driver_of(plc, holding("a", 0), device_id=2, gateway=True)
    async with run_of(one, ["a"]) as (_, task):
        with pytest.raises(DriverConfigError, match="is used with other settings by another"):
            await two.run(Recorder())
        assert not task.done()


async def test_dead_device_does_not_end_its_neighbour() -> None:
    """On one serial line a device that does not answer ends only its own run (DESIGN 5)."""
    async with RtuDevice() as line:
        line.units[1].set(HOLDING, 0, 0)
        settings = {"serial": line.path, "parity": "none", "timeout": "50ms", "poll": "10ms"}
        alive = modbus_driver([holding("a", 0)], device_id=1, **settings)
        dead = modbus_driver([holding("a", 0)], device_id=2, **settings)
        async with run_of(alive, ["a"]) as (recorder, task):
            with pytest.raises(LinkDownError, match=r"/2: no answer within 0.05 s \(holding 0"):
                await dead.run(Recorder())
            line.units[1].set(HOLDING, 0, 7)
            await recorder.until(lambda seen: seen.values()["a"].value == 7)
            assert not task.done()
            assert [type(one) for one in recorder.seen].count(LinkChanged) == 1


@pytest.mark.parametrize("gateway", [True, False])
async def test_wire_that_keeps_late_replies_is_left_quiet(plc: TcpDevice, *, gateway: bool) -> None:
    """Before its first use and after a missing answer a gateway's line is quiet for 3 timeouts."""
    clock = SleeplessClock()
    options = {
        "host": "127.0.0.1", "port": plc.port, "gateway": gateway, "address_base": "wire",
        "timeout": "100ms", "poll": "1h",
    }  # fmt: skip
    settings = ModbusOptions.model_validate(options)
    driver = SPEC.build("plc", settings, [holding("a", 0)], clock)
    async with run_of(driver, ["a"]) as (_, task):
        first = clock.quiets(0.1)
        plc.reframed = lambda _frame: b""
        with pytest.raises(LinkDownError):
            await driver.read(TagGroup(name="g", guard=(), tags=("a",)))
        with pytest.raises(LinkDownError):
            await ended(task)
    plc.reframed = lambda frame: frame
    async with run_of(driver, ["a"]):
        assert (first, clock.quiets(0.1)) == ((1, 2) if gateway else (0, 0))


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
