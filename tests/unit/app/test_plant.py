"""What one process runs: devices by endpoint, and who may stop whom."""

import asyncio
from pathlib import Path

import pytest

from agent.app.plant import Plant, Way, station_directory
from agent.seat import Seat
from agent.supervisor import Device
from agent.telemetry import Notifier, Teller
from drivers.base import WriteGroup
from tests.contract.modbus_device import Memory, TcpDevice
from tests.unit.config.stations import CELL, FILLER, edited, loaded

WITHIN_S = 60.0
PORT = "host: 127.0.0.1"


def at(text: str, port: int, name: str | None = None) -> str:
    """Return a station file with its PLC at a port, and perhaps another name."""
    changed = edited(text, (PORT, f"{PORT}, port: {port}"))
    return (
        changed if name is None else edited(changed, ("station: acme/filler", f"station: {name}"))
    )


def plant(directory: Path, *texts: str, write: bool = True) -> Plant:
    """Return a plant of these stations."""
    way = Way(directory=directory, write=write)
    return Plant([loaded(text) for text in texts], way, Teller())


async def test_an_endpoint_is_one_device_for_all_who_name_it(tmp_path: Path) -> None:
    """Two stations at one PLC share a device, one at another PLC has its own (DESIGN 1)."""
    built = plant(
        tmp_path, at(FILLER, 1502, "acme/one"), at(FILLER, 1502, "acme/two"), at(CELL, 1503)
    )
    shared, own = built.devices
    one, two, cell = built.stations
    assert (one.devices, two.devices, cell.devices) == ([shared], [shared], [own])


async def test_each_station_of_a_shared_device_has_its_own_tags(tmp_path: Path) -> None:
    """The same name in two files is two tags at the device; alone, a tag keeps its name."""
    built = plant(
        tmp_path, at(FILLER, 1502, "acme/one"), at(FILLER, 1502, "acme/two"), at(CELL, 1503)
    )
    shared, own = built.devices
    assert [seat.tags["bottles"] for seat in _seats(shared)] == [
        "acme/one/plc/bottles",
        "acme/two/plc/bottles",
    ]
    assert [seat.tags["code"] for seat in _seats(own)] == ["code"]


def _seats(device: Device) -> tuple[Seat, ...]:
    seats: tuple[Seat, ...] = vars(device)["_seats"]
    return seats


async def test_to_watch_is_to_write_nothing(tmp_path: Path) -> None:
    """The device of `try` reads like every other and leaves the PLC as it is."""
    memory = Memory()
    async with TcpDevice(memory) as device:
        [only] = plant(tmp_path, at(FILLER, device.port), write=False).devices
        driver = vars(only)["_driver"]
        await driver.write([WriteGroup(device="plc", values=(("reason", 1),))])
        assert device.connections_seen == 0
    assert memory.writes == []


async def test_a_bug_in_a_callback_ends_the_process(tmp_path: Path) -> None:
    """What no task could catch is raised by `run`, and only once (STYLE 3.6)."""
    built = plant(tmp_path, at(FILLER, 1))
    running = asyncio.create_task(built.run(Notifier({})))
    async with asyncio.timeout(WITHIN_S):
        await built.stations[0].opened.wait()
    built.fail(ValueError("a callback"))
    built.fail(ValueError("another"))
    with pytest.raises(ExceptionGroup) as group:
        await running
    assert [str(error) for error in group.value.exceptions] == ["a callback"]


async def test_it_ends_while_nothing_can_be_reached_and_nothing_be_written(tmp_path: Path) -> None:
    """Stopping waits for no device, broker or disk that is away (R02)."""
    (tmp_path / "acme").write_text("in the way")
    built = plant(tmp_path, at(FILLER, 1), at(CELL, 1))
    running = asyncio.create_task(built.run(Notifier({})))
    async with asyncio.timeout(WITHIN_S):
        for station in built.stations:
            await station.opened.wait()
        built.stop()
        await running
    assert not built.is_refused


def test_a_station_keeps_its_place_below_the_state_directory() -> None:
    """Its path names its folder, so it keeps its journal when its file moves."""
    assert station_directory(Path("/s"), "acme/line-3/press") == Path("/s/acme/line-3/press")
