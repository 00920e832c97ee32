"""The engine tells the core when no cycle can be recorded, before anything else is decided."""

import asyncio
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path

import pytest

from agent.core.state import NotReady
from agent.engine import CommandLostError
from tests.doubles import settled
from tests.unit.test_engine import bench


async def test_a_full_disk_is_known_before_the_next_observation(tmp_path: Path) -> None:
    """What comes while `ready` is off for it is not recorded as a cycle: 7, and later the event."""
    full: list[NotReady] = []
    async with bench(tmp_path, trouble=lambda: full[-1] if full else NotReady.READY) as line:
        await line.link_up()
        await line.scan("SN-1")
        full.append(NotReady.DISK_FULL)
        await line.cycle(1)
        assert line.held()["result"] == 7
        assert "unit_completed" not in await line.kinds()
        await line.values(trigger=False, request=1)
        full.clear()
        await line.cycle(1)
        assert line.held()["result"] == 1


async def test_a_quiet_station_is_told_by_the_look(tmp_path: Path) -> None:
    """Nothing is observed, yet a cycle that waits for its scan is given up, and room is noticed."""
    full: list[NotReady] = []
    async with bench(tmp_path, trouble=lambda: full[-1] if full else NotReady.READY) as line:
        await line.link_up()
        await line.cycle(1)
        await line.engine.look()
        assert line.held()["result"] == 0
        full.append(NotReady.DISK_FULL)
        await line.engine.look()
        assert line.held()["result"] == 7
        full.clear()
        await line.engine.look()
        assert line.engine.readiness() is NotReady.READY


async def test_a_command_is_recorded_while_no_cycle_can_be(tmp_path: Path) -> None:
    """What a person knows needs little room: it is on disk when they are told, and holds later."""
    full: list[NotReady] = []
    async with bench(tmp_path, trouble=lambda: full[-1] if full else NotReady.READY) as line:
        await line.link_up()
        await line.scan("SN-1")
        full.append(NotReady.DISK_FULL)
        scrap = replace(
            line.command(), command="scrap", arguments=(("unit", "SN-1"), ("unseen", "yes"))
        )
        reply = await line.engine.command(scrap)
        assert reply.refused is None
        assert "unit_scrapped" in await line.kinds()
        await line.cycle(1)
        assert line.held()["result"] == 7
        await line.values(trigger=False, request=1)
        full.clear()
        await line.cycle(1)
        assert line.held()["result"] == 6


async def test_a_command_on_a_disk_without_any_room_is_not_said_to_be_done(tmp_path: Path) -> None:
    """Its commit fails: the run ends with it, and the person is told that nobody knows."""
    async with bench(tmp_path) as line:
        await line.link_up()
        line.disk.error = OSError(ENOSPC, "no space left on device")
        asked = asyncio.create_task(line.engine.command(line.command()))
        await settled()
        await line.engine.close()
        with pytest.raises(CommandLostError):
            await asked
        line.disk.error = None
