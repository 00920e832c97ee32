"""The engine tells the core when no cycle can be recorded, before anything else is decided."""

from pathlib import Path

from agent.core.state import NotReady
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
