"""The OPC UA driver against node-opcua: a server that nobody here wrote."""

from dataclasses import replace
from pathlib import Path

import pytest

from drivers.base import (
    DriverConfigError,
    LinkDownError,
    Quality,
    TagGroup,
    WriteGroup,
)
from drivers.opcua import OpcUaTag
from drivers.options import Tag
from tests.contract.rig import RealClock
from tests.contract.rig_opcua import driver_for, press_tags
from tests.opcua_plc import PRESS, PRESS_VARIABLES
from tests.peers.node_press import NodePress
from tests.peers.opcua_running import ended, first_link, running

PART = TagGroup(name="part", guard=("request",), tags=("count", "force", "serial"))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the server's certificates, which it makes once."""
    return tmp_path_factory.mktemp("node")


async def test_one_cycle_of_the_handshake(certificates: Path) -> None:
    """Values, an edge on the fast path, a coherent snapshot, result and ack in order."""
    async with NodePress(certificates) as press:
        driver = driver_for(press.url, press_tags())
        async with running(driver) as (recorder, _):
            assert first_link(recorder).faults == ()
            assert {tag: one.value for tag, one in recorder.values().items()} == {
                name.lower(): value for name, (value, _) in PRESS_VARIABLES.items()
            }
            before = RealClock().now().boot_ms
            await press.tell("set", "Count", value=[0, 42])
            await press.tell("set", "Trigger", value=True)
            await recorder.until(lambda seen: seen.values()["trigger"].value is True)
            edge = recorder.seen[-1]
            assert before - 1000 <= edge.earliest_ms <= edge.latest_ms
            await recorder.until(lambda seen: seen.values()["count"].value == 42)
            snapshot = await driver.read(PART)
            assert (snapshot.coherent, snapshot.tries) == (True, 1)
            assert {one.tag: one.value for one in snapshot.values} == {
                "request": 7,
                "count": 42,
                "force": 12.5,
                "serial": "SN-0001",
            }
            await driver.write(
                [
                    WriteGroup(device="plc", values=(("result", 1),)),
                    WriteGroup(device="plc", values=(("ack", True),)),
                ]
            )
            await press.tell("tear", value=0)
            assert press.writes == [("Result", 1), ("Ack", True)]


async def test_what_a_foreign_server_refuses_is_named(certificates: Path) -> None:
    """A missing node, a torn guard, a bad value and a refused write are each said by name."""
    missing = Tag(name="missing", address=OpcUaTag(node=f"nsu={PRESS};s=Missing"))
    async with NodePress(certificates) as press:
        # Read once and then only when asked: the server's own sampling would set off the tear.
        seldom = [replace(tag, fast=True) for tag in press_tags()]
        driver = driver_for(press.url, seldom, fast_interval="1h")
        async with running(driver):
            await press.tell("tear", value=1)
            snapshot = await driver.read(PART)
            assert (snapshot.coherent, snapshot.tries) == (True, 2)
        driver = driver_for(press.url, [*press_tags(), missing])
        async with running(driver) as (recorder, task):
            (fault,) = first_link(recorder).faults
            assert (fault.tag, fault.cause) == ("missing", "BadNodeIdUnknown (0x80340000)")
            await press.tell("set", "Force", value=1.5, status="BadSensorFailure")
            await recorder.until(lambda seen: seen.values()["force"].quality is Quality.BAD)
            assert recorder.values()["force"].code == "0x808C0000"
            await press.tell("refuse", "Result")
            with pytest.raises(DriverConfigError, match="'result': BadUserAccessDenied"):
                await driver.write([WriteGroup(device="plc", values=(("result", 2),))])
            assert not task.done()


async def test_killed_server_comes_back_under_other_numbers(certificates: Path) -> None:
    """A killed server ends the run; started anew with its namespaces moved, all is found again."""
    async with NodePress(certificates) as press:
        driver = driver_for(press.url, press_tags())
        async with running(driver) as (_, task):
            await press.kill()
            with pytest.raises(LinkDownError):
                await ended(task)
    before = ("urn:acme:other-press", "urn:acme:more")
    async with NodePress(certificates, *before, port=press.port), running(driver) as (again, _):
        assert again.values()["serial"].value == "SN-0001"
