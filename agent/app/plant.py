"""What one process runs: the stations of a file or folder, and their devices (DESIGN 1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.app.life import say_alive
from agent.app.machine import machine
from agent.app.rim import SystemClock, SystemRandom, secret
from agent.app.station import StationRun
from agent.app.surroundings import Surroundings
from agent.config.loaded import DeviceConfig, StationConfig
from agent.journal.files import DiskFiles
from agent.journal.sqlite import Rim
from agent.seat import Seat, wanted
from agent.supervisor import Device
from agent.telemetry import Notifier, Teller
from agent.threads import ThreadWorker
from agent.trace.lookup import LookupStore
from drivers.base import Clock, Driver
from drivers.options import Tag
from drivers.registry import driver_spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a process runs its stations."""

    directory: Path
    """Where the state is kept."""
    write: bool = True
    """False for `try`: nothing is written to a PLC."""
    publish: bool = True
    """False for `try`: nothing is published."""
    keep_journal_path: bool = True
    """False for `try`: the journal is below `directory`, wherever the file says."""


class ReadOnly:
    """A driver that writes nothing: `try` watches a line without touching it."""

    def __init__(self, driver: Driver) -> None:
        self.run = driver.run
        self.read = driver.read

    async def write(self, groups: object) -> None:
        """Leave the device as it is."""


class Plant:
    """The stations and devices of one process."""

    def __init__(self, configs: Sequence[StationConfig], way: Way, tell: Teller) -> None:
        lookups: dict[str, LookupStore] = {}
        self.stations = [
            StationRun(
                config, _around(config, way, lookups), tell.bound(station=config.station.path)
            )
            for config in configs
        ]
        self._tell = tell
        self._stop = asyncio.Event()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.devices = _devices(self.stations, way, tell)

    @property
    def is_refused(self) -> bool:
        """Whether other agents hold the journals of all stations."""
        return all(station.is_refused for station in self.stations)

    def stop(self) -> None:
        """Let every station end in order."""
        self._stop.set()

    def fail(self, error: Exception) -> None:
        """End the process by a bug that nobody could catch; `run` raises it."""
        if not self._failure.done():
            self._failure.set_exception(error)

    async def run(self, notifier: Notifier) -> None:
        """Run until `stop`; at once over where other agents run all of the stations."""
        async with asyncio.TaskGroup() as tasks:
            stations = [
                tasks.create_task(station.run(), name=f"station {station.name}")
                for station in self.stations
            ]
            devices = [
                tasks.create_task(self._run_device(device), name=f"device {device.name}")
                for device in self.devices
            ]
            readers = [
                task for task, device in zip(devices, self.devices, strict=True) if device.is_reader
            ]
            others = (
                tasks.create_task(self._stop_if_refused(), name="refusal"),
                tasks.create_task(say_alive(self.stations, notifier, SystemClock()), name="alive"),
                tasks.create_task(self._stop_all(notifier, readers), name="stop"),
                tasks.create_task(self._fail(), name="failure"),
            )
            await asyncio.wait(stations)
            for task in (*devices, *others):
                task.cancel()

    async def _run_device(self, device: Device) -> None:
        """Connect once one of its stations is ours: another agent's PLC is left alone."""
        users = [station for station in self.stations if device in station.devices]
        claims = [asyncio.ensure_future(station.claimed.wait()) for station in users]
        try:
            await asyncio.wait(claims, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for claim in claims:
                claim.cancel()
        await device.run()

    async def _stop_if_refused(self) -> None:
        for station in self.stations:
            await station.opened.wait()
        if self.is_refused:
            self.stop()

    async def _fail(self) -> None:
        await self._failure

    async def _stop_all(self, notifier: Notifier, readers: list[asyncio.Task[None]]) -> None:
        """Let go of the readers first: what they still send must not meet a closed journal."""
        await self._stop.wait()
        notifier.say(STOPPING="1")
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        for station in self.stations:
            station.stop()


def station_directory(directory: Path, station: str) -> Path:
    """Return where a station's state is kept: its path below the state directory."""
    return directory.joinpath(*station.split("/"))


def _around(config: StationConfig, way: Way, lookups: dict[str, LookupStore]) -> Surroundings:
    clock = SystemClock(config.timezone)
    directory = station_directory(way.directory, config.station.path)
    return Surroundings(
        clock=clock,
        random=SystemRandom(),
        worker=ThreadWorker,
        journal=Rim(files=DiskFiles(), clock=clock, worker=ThreadWorker, machine=machine()),
        secret=secret,
        directory=directory,
        journal_path=(way.keep_journal_path and config.journal.path) or directory / "journal",
        lookups=lookups,
        publish=way.publish,
    )


# ------------------------------------------------------------------ devices


def _devices(stations: Sequence[StationRun], way: Way, tell: Teller) -> list[Device]:
    """Build each endpoint once, with the tags of every station that names it."""
    users: dict[str, list[tuple[StationRun, DeviceConfig]]] = {}
    for station in stations:
        for config in station.config.devices.values():
            users.setdefault(f"{config.driver} {config.endpoint}", []).append((station, config))
    devices = []
    clock = SystemClock()
    for used in users.values():
        device = _device(used, way, clock, tell)
        devices.append(device)
        for station in {id(station): station for station, _ in used}.values():
            station.devices.append(device)
    return devices


def _device(
    used: Sequence[tuple[StationRun, DeviceConfig]], way: Way, clock: Clock, tell: Teller
) -> Device:
    seats, tags = [], []
    for station, config in used:
        name = _plain if len(used) == 1 else _prefixed(f"{station.name}/{config.name}")
        seats.append(
            Seat(
                station=station,
                name=config.name,
                tags={tag.name: name(tag.name) for tag in config.tags},
                wanted=wanted(station.config.station),
            )
        )
        tags += [
            Tag(name=name(tag.name), address=tag.address, write=tag.write, fast=tag.fast)
            for tag in config.tags
        ]
    first = used[0][1]
    spec = driver_spec(first.driver)
    driver = spec.build(first.name, first.options, tags, clock)
    return Device(
        first.name,
        driver if way.write else ReadOnly(driver),
        seats,
        is_reader=spec.tag_options is None,
        is_told=spec.is_told(first.options),
        clock=clock,
        random=SystemRandom(),
        tell=tell.bound(station=", ".join(dict.fromkeys(station.name for station, _ in used))),
    )


def _plain(tag: str) -> str:
    return tag


def _prefixed(prefix: str) -> Callable[[str], str]:
    return lambda tag: f"{prefix}/{tag}"
