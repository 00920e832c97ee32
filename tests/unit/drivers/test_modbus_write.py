"""Writes over Modbus: declared, in order, read back, never repeated blindly (FAULTS M14)."""

from collections.abc import AsyncIterator

import pytest

from drivers.base import DriverConfigError, LinkDownError
from tests.contract.modbus_device import COILS, HOLDING, TcpDevice
from tests.contract.rig import ended, run_of
from tests.contract.rig_modbus import driver_of, holding, modbus_tag, writing


@pytest.fixture
async def plc() -> AsyncIterator[TcpDevice]:
    """Give a PLC whose holding registers 0 to 19 and coils 0 to 7 are 0."""
    async with TcpDevice() as device:
        device.memory.set(HOLDING, 0, *([0] * 20))
        device.memory.set(COILS, 0, *([0] * 8))
        yield device


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
    group = writing(
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
            await driver.write([writing(("a", 1)), writing(("b", 70_000))])
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
            await driver.write([writing(("a", 1))])
        tries = [function for function, _, _ in plc.memory.requests].count(6)
        assert tries == (3 if code == 6 else 1)


async def test_busy_device_is_asked_again(plc: TcpDevice) -> None:
    """Busy (6) means that the device has not taken the write: it is asked again, then holds it."""
    driver = driver_of(plc, holding("a", 0, write=True))
    busy = iter([6, 6])
    plc.memory.refuse = lambda function, _start, _count: next(busy, 0) if function == 6 else 0
    async with run_of(driver, ["a"]):
        await driver.write([writing(("a", 1))])
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
        await driver.write([writing(("a", 1))])
        assert [function for function, _, _ in plc.memory.requests].count(6) == 1


async def test_write_in_doubt_is_looked_at_before_it_is_repeated(plc: TcpDevice) -> None:
    """After a write whose answer did not come, a value that is there is not written again (M14)."""
    driver = driver_of(plc, holding("a", 0, write=True), timeout="500ms", poll="1h")
    async with run_of(driver, ["a"]) as (_, task):
        plc.reframed = lambda _frame: b""
        with pytest.raises(LinkDownError, match=r"no answer within 0.5 s \(address 0"):
            await driver.write([writing(("a", 1))])
        with pytest.raises(LinkDownError):
            await ended(task)
    plc.reframed = lambda frame: frame
    async with run_of(driver, ["a"]):
        await driver.write([writing(("a", 1))])
        assert plc.memory.writes == [(HOLDING, 0, (1,))]
        await driver.write([writing(("a", 2))])
        assert plc.memory.writes == [(HOLDING, 0, (1,)), (HOLDING, 0, (2,))]


async def test_write_in_doubt_that_did_not_arrive_is_done(plc: TcpDevice) -> None:
    """After a write that got lost on its way, looking shows that it has to be written."""
    driver = driver_of(plc, holding("a", 0, write=True), timeout="500ms", poll="1h")
    async with run_of(driver, ["a"]) as (_, task):
        plc.memory.fast_held.add((HOLDING, 0))
        plc.reframed = lambda _frame: b""
        with pytest.raises(LinkDownError):
            await driver.write([writing(("a", 1))])
        with pytest.raises(LinkDownError):
            await ended(task)
    plc.reframed = lambda frame: frame
    plc.memory.fast_held.clear()
    async with run_of(driver, ["a"]):
        await driver.write([writing(("a", 1))])
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
        await driver.write([writing(("a", 1))])
        assert looks == [6, 3, 3, 3]
