"""Late replies, noise and cancelled requests: no value is ever that of another address.

The device holds register[n] = n, so that a reply that found another request shows as a value.
FAULTS M01 to M04, M07. A run counts only if the device is nasty enough: bare pymodbus must be seen
to fail against it, and the driver must have met late replies too.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import pytest
from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

from drivers.base import LinkDownError, TagGroup, ValuesSeen
from tests.contract.modbus_device import HOLDING, Memory, RtuDevice, TcpDevice
from tests.contract.rig import run_of
from tests.contract.rig_modbus import modbus_driver, modbus_tag

TIMEOUT_S = 0.03
ADDRESSES = range(1, 21)
TAGS = [modbus_tag(f"r{at}", table="holding", address=at, type="uint16") for at in ADDRESSES]
OWN = {f"r{at}": at for at in ADDRESSES}

Device = TcpDevice | RtuDevice


def memory() -> Memory:
    """Return registers that hold their own addresses."""
    held = Memory()
    held.set(HOLDING, 0, *range(30))
    return held


def around_the_timeout(seed: int) -> Callable[[int], float]:
    """Return a latency that is short mostly, and else anything around the timeout."""
    chance = random.Random(seed)  # noqa: S311 - the same trouble in each run
    return lambda _number: 0.001 if chance.random() < 0.75 else chance.uniform(0.7, 2.5) * TIMEOUT_S


@asynccontextmanager
async def tcp() -> AsyncIterator[tuple[Device, dict[str, object]]]:
    """Give a TCP device that answers with transaction id 0."""
    async with TcpDevice(memory()) as device:
        device.echo_id = False
        yield device, {"host": "127.0.0.1", "port": device.port}


@asynccontextmanager
async def rtu() -> AsyncIterator[tuple[Device, dict[str, object]]]:
    """Give a device on a serial line."""
    async with RtuDevice({1: memory()}) as device:
        yield device, {"serial": device.path, "parity": "none", "baudrate": 115_200}


Wire = Callable[[], AbstractAsyncContextManager[tuple[Device, dict[str, object]]]]
every_wire = pytest.mark.parametrize("wire", [tcp, rtu])


def foreign(seen: list[Any]) -> list[tuple[str, Any]]:
    """Return the values that are not their address's."""
    return [
        (value.tag, value.value)
        for observation in seen
        for value in getattr(observation, "values", ())
        if value.value not in {None, OWN[value.tag]}
    ]


MOST_NOT_UP = 1_000
"""So often the link may not come up within the timeout: the machine may be busy."""


class Count:
    """How many reads went which way."""

    def __init__(self) -> None:
        self.right = self.down = self.not_up = 0


async def read_them_all(wire: Wire, reads: int, disturb: Callable[[Device], None]) -> Count:
    """Read that often, connecting again after each lost link; every value must be its own."""
    count = Count()
    async with wire() as (device, endpoint):
        settings = {"timeout": f"{TIMEOUT_S}s", "poll": "2ms", **endpoint}
        driver = modbus_driver(TAGS, **settings)
        while count.right + count.down < reads:
            count.not_up += 1
            assert count.not_up < MOST_NOT_UP
            device.latency_s = lambda _number: 0.0
            device.reframed = lambda frame: frame
            with suppress(LinkDownError):  # a late reply to the run before has died with its link
                async with run_of(driver, OWN) as (recorder, _):
                    count.not_up -= 1
                    disturb(device)
                    try:
                        while count.right + count.down < reads:
                            at = ADDRESSES[(count.right + count.down) % len(ADDRESSES)]
                            group = TagGroup(name="one", guard=(), tags=(f"r{at}",))
                            snapshot = await driver.read(group)
                            assert foreign([snapshot]) == []
                            count.right += 1
                    except LinkDownError:
                        count.down += 1
                    finally:
                        assert foreign(recorder.seen) == []
                        assert any(isinstance(one, ValuesSeen) for one in recorder.seen)
    return count


def bare_client(device: Device) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
    """Return pymodbus as it is, at its best: it does not even send a request again."""
    if isinstance(device, TcpDevice):
        return AsyncModbusTcpClient("127.0.0.1", port=device.port, timeout=TIMEOUT_S, retries=0)
    return AsyncModbusSerialClient(
        device.path, framer=FramerType.RTU, baudrate=115_200, timeout=TIMEOUT_S, retries=0
    )


@every_wire
async def test_bare_pymodbus_takes_late_replies_for_others(wire: Wire) -> None:
    """The control: without the cures of the link, the same device yields foreign values."""
    wrongs = [await wrong_of_bare(wire)]
    while not wrongs[-1] and len(wrongs) < MOST_NOT_UP:  # all was late: the machine is busy
        wrongs.append(await wrong_of_bare(wire))
    assert wrongs[-1] > 0


async def wrong_of_bare(wire: Wire) -> int:
    """Return how many values of others bare pymodbus takes where one reply comes late."""
    wrong = 0
    async with wire() as (device, _):
        client = bare_client(device)
        if await client.connect():
            device.latency_s = lambda number: 1.5 * TIMEOUT_S if number == 3 else 0.005
            for at in ADDRESSES:
                with suppress(ModbusException):
                    reply = await client.read_holding_registers(at, count=1)
                    wrong += reply.registers != [at]
        client.close()
        await asyncio.sleep(TIMEOUT_S)  # the last reply finds nobody
    return wrong


@every_wire
@pytest.mark.parametrize("seed", [1, 2])
async def test_late_replies_never_reach_another_request(wire: Wire, seed: int) -> None:
    """With answers around the timeout, no value of 100 reads is another address's (M01, M02)."""
    latency = around_the_timeout(seed)

    def late(device: Device) -> None:
        device.latency_s = latency

    count = await read_them_all(wire, 100, late)
    assert count.right > 0
    assert count.down > 5


@every_wire
async def test_device_always_too_late_gives_nothing(wire: Wire) -> None:
    """A device that is always just over the timeout gives no value rather than a foreign one."""

    def too_late(device: Device) -> None:
        device.latency_s = lambda _number: 1.2 * TIMEOUT_S

    count = await read_them_all(wire, 10, too_late)
    assert count.down > 0


@every_wire
async def test_cancelled_reads_never_reach_another_request(wire: Wire) -> None:
    """Reads that are given up from outside leave no reply behind for the next one (M04)."""
    tried, places = 0, [3, 8, 13]
    async with wire() as (device, endpoint):
        settings = {"timeout": "100ms", "poll": "1h", **endpoint}
        driver = modbus_driver(TAGS, **settings)
        while places:
            tried += 1
            assert tried < MOST_NOT_UP
            device.latency_s = lambda _number: 0.0
            with suppress(LinkDownError):  # it does not come up in time: the machine is busy
                async with run_of(driver, OWN) as (recorder, _):
                    at = places.pop()
                    device.latency_s = lambda _number: 0.02
                    given_up = TagGroup(name="given up", guard=(), tags=(f"r{at}",))
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(driver.read(given_up), 0.01)
                    wanted = TagGroup(name="wanted", guard=(), tags=(f"r{at + 1}",))
                    with pytest.raises(LinkDownError):
                        await driver.read(wanted)
                    assert foreign(recorder.seen) == []


def garbled(seed: int) -> Callable[[bytes], bytes]:
    """Return what a bad line makes of frames: flipped, cut, doubled, merged, with noise around."""
    chance = random.Random(seed)  # noqa: S311 - the same trouble in each run
    before = b""

    def reframed(frame: bytes) -> bytes:
        nonlocal before
        at = chance.randrange(len(frame))
        noise = chance.randbytes(chance.randrange(1, 6))
        flipped = frame[:at] + bytes([frame[at] ^ 1 << chance.randrange(8)]) + frame[at + 1 :]
        sent = chance.choice(
            [frame, frame, frame, frame, flipped, frame[:at], frame + frame, noise + frame,
             frame + noise, before[len(before) // 2 :] + frame, noise]
        )  # fmt: skip
        before = frame
        return sent

    return reframed


@pytest.mark.parametrize("seed", [1, 2])
async def test_noise_never_becomes_a_value(seed: int) -> None:
    """On a line with noise, merged and cut frames, no value of 60 reads is wrong (M07)."""
    reframed = garbled(seed)

    def noisy(device: Device) -> None:
        device.reframed = reframed

    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    count = await read_them_all(rtu, 60, noisy)
    assert count.right > 0
    assert count.down > 5
