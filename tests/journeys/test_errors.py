"""What is wrong with a device is one line that says where, why and what to do; the rest goes on."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from asyncua import ua

from agent.demo.process import free_port
from tests.journeys.daemon import WITHIN_S, child
from tests.journeys.plants import (
    COUNTER,
    PRESS,
    READER,
    Plant,
    counts_on,
    events,
    filling,
    healthy,
    recorded,
    write,
)
from tests.opcua_plc import PRESS_VARIABLES, Plc, Variables
from tests.peers.scanner_rig import plugged


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    """A plant with one healthy station."""
    async with healthy(tmp_path) as set_up:
        yield set_up


async def test_opcua_plc_that_is_not_there(plant: Plant) -> None:
    """The endpoint is named, the station is not ready, and the lost link is an event."""
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    sick = write(plant.folder / "sick.yaml", PRESS, url=url)
    async with plant.running() as agent:
        line = await plant.is_told(agent, sick, "link_lost", "plc")
        assert line["device"] == "plc"
        assert line["error"] == (
            f"{url}: connection refused; is the OPC UA server switched on, and the port right?"
        )
        await agent.said("not_ready", station="test/press", reason="device_lost")
        lost = await recorded(sick, plant.state, "link_lost", device="plc")
        assert lost["reason"] == line["error"]


async def test_modbus_device_that_is_not_there_and_comes(plant: Plant) -> None:
    """One line when it is missed, one when it is there, however often it was tried between."""
    port = free_port()
    sick = write(plant.folder / "sick.yaml", COUNTER, name="sick", port=port)
    async with plant.running() as agent:
        line = await plant.is_told(agent, sick, "link_lost", "plc")
        assert f"127.0.0.1:{port}" in line["error"]
        await agent.said("not_ready", station="test/sick", reason="device_lost")
        await recorded(sick, plant.state, "link_lost", device="plc")
        async with filling(port=port) as late:
            restored = await agent.said("link_restored", station="test/sick")
            assert restored["attempts"] > 1
            await agent.said("ready", station="test/sick")
            await counts_on(late, sick, plant.state)
            assert agent.count("link_lost") == 1


@asynccontextmanager
async def press(
    plant: Plant, *changes: tuple[str, str], variables: Variables
) -> AsyncIterator[Path]:
    """Have a second station with an OPC UA PLC of these variables."""
    async with Plc(variables) as plc:
        yield write(plant.folder / "sick.yaml", PRESS, *changes, url=plc.url)


async def test_unknown_node_of_a_trigger(plant: Plant) -> None:
    """Without its trigger a station can bind nothing: it is not ready, and the tag is named."""
    async with (
        press(plant, ("s=Trigger", "s=Trigg"), variables=PRESS_VARIABLES) as sick,
        plant.running() as agent,
    ):
        line = await plant.is_told(agent, sick, "tag_fault", "trigger")
        assert line["tag"] == "trigger"
        assert line["error"].startswith(
            "BadNodeIdUnknown (0x80340000); the PLC program has no such"
        )
        await agent.said("not_ready", station="test/press", reason="tag_fault")
        fault = await recorded(sick, plant.state, "fault_raised", source="plc/trigger")
        assert f"{fault['cause']}; {fault['hint']}" == line["error"]


async def test_unknown_node_of_a_mere_value(plant: Plant) -> None:
    """A value that is missing is told; cycles are recorded without it."""
    async with (
        press(plant, ("s=Force", "s=Forc"), variables=PRESS_VARIABLES) as sick,
        plant.running() as agent,
    ):
        await plant.is_told(agent, sick, "tag_fault", "force")
        await agent.said("ready", station="test/press")
        await recorded(sick, plant.state, "fault_raised", source="plc/force")


async def test_trigger_that_is_a_text(plant: Plant) -> None:
    """A trigger of another type is a fault, and never a trigger (FAULTS U04)."""
    variables = {**PRESS_VARIABLES, "Trigger": ("up", ua.VariantType.String)}
    async with press(plant, variables=variables) as sick, plant.running() as agent:
        line = await plant.is_told(agent, sick, "tag_fault", "trigger")
        assert line["error"].startswith("it holds 'up', and its role takes true or false")
        await agent.said("not_ready", station="test/press", reason="tag_fault")
        await recorded(sick, plant.state, "fault_raised", source="plc/trigger")
    assert events(sick, plant.state, "unit_completed", "unit_refused", "unit_unbound") == []


async def test_answer_that_does_not_fit_its_node(plant: Plant) -> None:
    """A result that the PLC cannot take is told before the first part comes."""
    variables = {**PRESS_VARIABLES, "Result": ("", ua.VariantType.String)}
    async with press(plant, variables=variables) as sick, plant.running() as agent:
        line = await plant.is_told(agent, sick, "write_refused", "result")
        assert line["tag"] == "result"
        assert "does not fit String" in line["error"]
        await agent.said("not_ready", station="test/press", reason="tag_fault")
        await recorded(sick, plant.state, "fault_raised", source="plc/result")


async def test_illegal_modbus_address(plant: Plant) -> None:
    """The tag, its address as configured and on the wire, and the device's own word for it."""
    async with filling() as other:
        change = ("address: 0", "address: 100")
        sick = write(plant.folder / "sick.yaml", COUNTER, change, name="sick", port=other.port)
        async with plant.running() as agent:
            line = await plant.is_told(agent, sick, "tag_fault", "pieces")
            assert "address 100 (holding, on the wire 100)" in line["error"]
            assert "exception 2" in line["error"]
            await agent.said("not_ready", station="test/sick", reason="tag_fault")
            await recorded(sick, plant.state, "fault_raised", source="plc/pieces")


async def test_scanner_port_that_is_missing(plant: Plant, tmp_path: Path) -> None:
    """The port is named; plugged in, the scanner is taken without a restart."""
    async with filling() as other:
        port = tmp_path / "scanner"
        sick = write(plant.folder / "sick.yaml", READER, path=port, port=other.port)
        async with plant.running() as agent:
            line = await plant.is_told(agent, sick, "link_lost", "scanner")
            assert line["error"].startswith(f"{port}: no such port: plug the scanner in")
            await agent.said("not_ready", station="test/reader", reason="device_lost")
            await recorded(sick, plant.state, "link_lost", device="scanner")
            with plugged() as scanner:
                port.symlink_to(scanner.path)
                await agent.said("link_restored", device="scanner")
                await agent.said("ready", station="test/reader")
                await scanner.send(b"LOT-4711\r")
                await recorded(sick, plant.state, "lot_opened")


async def test_scanner_port_in_use(plant: Plant) -> None:
    """The process that holds the port is named."""
    async with filling() as other:
        with plugged() as scanner:
            sick = write(plant.folder / "sick.yaml", READER, path=scanner.path, port=other.port)
            async with holder(scanner.path) as pid, plant.running() as agent:
                line = await plant.is_told(agent, sick, "link_lost", "scanner")
                assert line["error"].startswith(f"{scanner.path}: ")
                assert str(pid) in line["error"]
                await agent.said("not_ready", station="test/reader", reason="device_lost")
                await recorded(sick, plant.state, "link_lost", device="scanner")


@asynccontextmanager
async def holder(port: str) -> AsyncIterator[int]:
    """Have another program hold a port as terminals do."""
    code = (
        "import serial, sys\n"
        "held = serial.Serial(sys.argv[1], exclusive=True)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    async with child(sys.executable, "-c", code, port) as process:
        assert process.stdout is not None
        async with asyncio.timeout(WITHIN_S):
            assert await process.stdout.readline() == b"held\n"
        yield process.pid
