"""One wire and the devices on it: what a failure costs whom (DESIGN 5, PITFALLS M1)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from drivers.base import (
    DriverConfigError,
    LinkChanged,
    LinkDownError,
    TagGroup,
)
from drivers.modbus import SPEC, ModbusOptions
from tests.contract.modbus_device import COILS, HOLDING, RtuDevice, TcpDevice
from tests.contract.rig import RealClock, Recorder, ended, run_of
from tests.contract.rig_modbus import driver_of, holding, modbus_driver


class SleeplessClock(RealClock):
    """A clock on which the short waits take no time; it keeps how long they were to be."""

    def __init__(self) -> None:
        super().__init__()
        self._asked_s: list[float] = []

    async def sleep(self, delay_s: float) -> None:
        """Return at once, unless it is for an hour."""
        self._asked_s.append(delay_s)
        await (asyncio.Event().wait() if delay_s > 60 else asyncio.sleep(0))

    def quiets(self, timeout_s: float) -> int:
        """Return how many waits of three timeouts there were."""
        return sum(2.9 * timeout_s < asked_s <= 3.1 * timeout_s for asked_s in self._asked_s)


@pytest.fixture
async def plc() -> AsyncIterator[TcpDevice]:
    """Give a PLC whose holding registers 0 to 19 and coils 0 to 7 are 0."""
    async with TcpDevice() as device:
        device.memory.set(HOLDING, 0, *([0] * 20))
        device.memory.set(COILS, 0, *([0] * 8))
        yield device


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
        settings = {"serial": line.path, "parity": "none", "timeout": "1s", "poll": "10ms"}
        alive = modbus_driver([holding("a", 0)], device_id=1, **settings)
        dead = modbus_driver([holding("a", 0)], device_id=2, **settings)
        async with run_of(alive, ["a"]) as (recorder, task):
            with pytest.raises(LinkDownError, match=r"/2: no answer within 1 s \(holding 0"):
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
        "timeout": "500ms", "poll": "1h",
    }  # fmt: skip
    settings = ModbusOptions.model_validate(options)
    driver = SPEC.build("plc", settings, [holding("a", 0)], clock)
    async with run_of(driver, ["a"]) as (_, task):
        first = clock.quiets(0.5)
        plc.reframed = lambda _frame: b""
        with pytest.raises(LinkDownError):
            await driver.read(TagGroup(name="g", guard=(), tags=("a",)))
        with pytest.raises(LinkDownError):
            await ended(task)
    plc.reframed = lambda frame: frame
    async with run_of(driver, ["a"]):
        assert (first, clock.quiets(0.5)) == ((1, 2) if gateway else (0, 0))


async def test_run_cancelled_while_it_connects_leaves_nothing(plc: TcpDevice) -> None:
    """Whenever a run is cancelled on its way up, no connection is left behind."""
    driver = driver_of(plc, holding("a", 0))
    for turns in range(30):
        task = asyncio.create_task(driver.run(Recorder()))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ended(task)
    if plc.connections_seen:
        await plc.idle()
