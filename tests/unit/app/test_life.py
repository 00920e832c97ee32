"""The watchdog over a fake notify socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.app.life import say_alive, status
from agent.core.state import NotReady
from agent.telemetry import Notifier
from tests.doubles import ManualClock, settled


class Station:
    """A station whose life the test decides on."""

    def __init__(self, name: str) -> None:
        self.opened = asyncio.Event()
        self.name = name
        self.is_moving = True
        self.reason = NotReady.READY
        self.not_known: list[str] = []

    def unknown(self) -> list[str]:
        """Which stations elsewhere are not known."""
        return self.not_known

    def moves(self) -> bool:
        """Whether everything moves."""
        return self.is_moving

    def readiness(self) -> NotReady:
        """Why not ready."""
        return self.reason


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def heard(self) -> list[str]:
        """Return what came since the last look."""
        found = []
        while True:
            try:
                found.append(self._end.recv(1000).decode())
            except BlockingIOError:
                return found


@asynccontextmanager
async def watched(tmp_path: Path, *stations: Station) -> AsyncIterator[tuple[Manager, ManualClock]]:
    """Run the life signs of some stations with a watchdog of 30 s."""
    path, clock = tmp_path / "notify", ManualClock()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(path))
        end.settimeout(0)
        notifier = Notifier({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "30000000"})
        running = asyncio.create_task(say_alive(stations, notifier, clock))
        await settled()
        try:
            yield Manager(end), clock
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_ready_once_every_journal_is_open(tmp_path: Path) -> None:
    """READY=1 comes after the last station has opened, whatever its broker or PLC does."""
    one, two = Station("one"), Station("two")
    async with watched(tmp_path, one, two) as (manager, _clock):
        one.opened.set()
        await settled()
        assert manager.heard() == []
        two.opened.set()
        await settled()
        assert manager.heard() == ["READY=1", "WATCHDOG=1\nSTATUS=one: ready; two: ready"]


async def test_the_watchdog_starves_when_one_station_stands_still(tmp_path: Path) -> None:
    """No life sign while anything stands still untold, however well the loop runs (R09)."""
    one, two = Station("one"), Station("two")
    one.opened.set()
    two.opened.set()
    async with watched(tmp_path, one, two) as (manager, clock):
        manager.heard()
        two.is_moving = False
        await clock.advance(60)
        assert manager.heard() == []
        two.is_moving = True
        two.reason = NotReady.SLOW_DISK
        await clock.advance(10)
        assert manager.heard() == ["WATCHDOG=1\nSTATUS=one: ready; two: slow disk"]


async def test_it_is_fed_three_times_within_its_interval(tmp_path: Path) -> None:
    """One sign that is lost or late does not restart a healthy agent."""
    station = Station("one")
    station.opened.set()
    async with watched(tmp_path, station) as (manager, clock):
        manager.heard()
        await clock.advance(30)
        assert len(manager.heard()) == 3


def test_the_status_says_what_is_not_known() -> None:
    """Of each station whether it is ready, and which stations elsewhere it cannot judge by."""
    one, other = Station("acme/one"), Station("acme/other")
    other.reason = NotReady.DISK_FULL
    one.not_known = ["acme/saw", "acme/mill"]
    assert status([one, other]) == (
        "acme/one: ready, not known: acme/saw, acme/mill; acme/other: disk full"
    )
