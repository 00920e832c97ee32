"""The agent's machine: life after life of the real agent, on a disk that a kill or a cut has left.

Laws:
    1. A life that was killed has no more effect on PLC, reader or broker from that very step on,
       and what it still writes while it is taken apart is on no disk.
    2. The next life begins from the image that the kill or the cut has left, and from nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.app.station import StationRun
from agent.app.surroundings import Surroundings
from agent.config.loaded import StationConfig
from agent.journal.sqlite import Rim
from agent.seat import Seat, wanted
from agent.supervisor import Device
from drivers.base import Driver
from tests.crash.images import lay_down
from tests.crash.record import on_record
from tests.doubles import SeededRandom
from tests.sim.broker import Broker
from tests.sim.disk import (
    BALLAST_BYTES,
    RESERVE_BYTES,
    Condition,
    LiveRecording,
    SimulatedFiles,
)
from tests.sim.person import Reader, ReaderDriver
from tests.sim.plc import PlcDriver, SimulatedPlc
from tests.sim.world import GatewayClock, SimulatedWorker, World

LOG_BYTES = 128 << 10


@dataclass(frozen=True, slots=True)
class Said:
    """What the agent told its log."""

    at_ms: int
    event: str
    fields: Mapping[str, object]


@dataclass(slots=True)
class Outside:
    """What stands around the gateway and outlives its agents."""

    plc: SimulatedPlc
    reader: Reader
    broker: Broker
    disk: Condition


@dataclass(slots=True)
class Life:
    """One process of the agent."""

    began_ms: int
    ended_ms: int | None = None
    is_over: bool = False
    was_killed: bool = False
    station: StationRun | None = None
    readers: list[asyncio.Task[None]] = field(default_factory=list)
    image: Mapping[str, bytes] | None = None
    """What a kill or a cut has left."""


@dataclass(slots=True)
class Gateway:
    """The machine that the agent runs on."""

    world: World
    outside: Outside
    directory: Path
    config: StationConfig
    clock: GatewayClock = field(init=False)
    lives: list[Life] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    is_off: bool = False
    _recording: LiveRecording | None = None
    _died: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Stand on the world's clock."""
        self.clock = GatewayClock(self.world.clock)
        self.outside.broker.is_over = lambda: not self.lives or self.lives[-1].is_over
        self.outside.disk.cut = lambda: self.die(power=self.world.source.random() < 0.5)

    @property
    def journal(self) -> Path:
        """Where the journal is kept."""
        return self.directory / "journal"

    @property
    def station(self) -> StationRun | None:
        """The station of the life that goes on."""
        life = self.lives[-1] if self.lives else None
        return life.station if life is not None and not life.is_over else None

    def stop(self) -> None:
        """End the agent in order, as it does by itself (`Plant`): its readers are let go first."""
        life, station = (self.lives[-1] if self.lives else None), self.station
        if life is not None and station is not None:
            for reader in life.readers:
                reader.cancel()
            station.stop()

    def die(self, *, power: bool) -> None:
        """End the agent between two instructions, by SIGKILL or by the mains."""
        life, recording = (self.lives[-1] if self.lives else None), self._recording
        if life is None or life.is_over or recording is None:
            return
        what = "everything written"
        if power:
            what, life.image = recording.platter.one_image(self.world.source)
            self.clock.boot()
        else:
            life.image = recording.platter.everything()
        self.world.faults["power cut" if power else "kill"] += 1
        self.world.say(f"{'power cut' if power else 'kill'}: {what}")
        life.is_over = life.was_killed = True
        self._died.set()

    async def run(self) -> None:
        """Start the agent again and again until the machine is switched off."""
        self.journal.mkdir(mode=0o700, parents=True)
        while not self.is_off:
            life = Life(self.world.now_ms)
            self.lives.append(life)
            await self._live(life)
            life.is_over, life.ended_ms = True, self.world.now_ms
            if life.image is not None:
                lay_down(life.image, self.journal)
                life.image = None
            await self.world.pass_ms(500, 5_000)

    async def _live(self, life: Life) -> None:
        recording = LiveRecording(self.journal, condition=self.outside.disk)
        self._recording, self._died = recording, asyncio.Event()
        with on_record(recording) as vfs:
            self.world.say("the agent starts")
            running = asyncio.create_task(self._process(life, vfs.name), name="agent")
            died = asyncio.create_task(self._died.wait(), name="death")
            try:
                await asyncio.wait((running, died), return_when=asyncio.FIRST_COMPLETED)
            finally:
                running.cancel()
                died.cancel()
                ends = await asyncio.gather(running, died, return_exceptions=True)
                self._recording = None
        error = ends[0]
        if isinstance(error, Exception) and not life.is_over:
            self.crashes.append(f"at {self.world.now_ms / 1000:.3f}: {_innermost(error)!r}")

    async def _process(self, life: Life, vfs: str) -> None:
        """Run one process: the station with its devices, until it is stopped or killed."""
        station = life.station = StationRun(self.config, self._around(vfs), self._tell(life))
        station.devices += self._devices(station, life)
        async with asyncio.TaskGroup() as tasks:
            devices = [
                tasks.create_task(self._run_device(station, device), name=f"device {device.name}")
                for device in station.devices
            ]
            life.readers += [
                task
                for task, device in zip(devices, station.devices, strict=True)
                if device.is_reader
            ]
            await station.run()
            for device in devices:
                device.cancel()

    @staticmethod
    async def _run_device(station: StationRun, device: Device) -> None:
        await station.claimed.wait()
        await device.run()

    def _devices(self, station: StationRun, life: Life) -> list[Device]:
        drivers: dict[str, Driver] = {
            "plc": PlcDriver(self.outside.plc, self.clock, self.world, lambda: life.is_over),
            "scanner": ReaderDriver(
                self.outside.reader, self.clock, self.world, lambda: life.is_over
            ),
        }
        return [
            Device(
                name,
                drivers[name],
                [
                    Seat(
                        station=station,
                        name=name,
                        tags={tag.name: tag.name for tag in config.tags},
                        wanted=wanted(self.config.station),
                    )
                ],
                is_reader=name == "scanner",
                is_told=name == "scanner",
                clock=self.clock,
                random=self._random(),
                tell=self._tell(life),
            )
            for name, config in self.config.devices.items()
        ]

    def _around(self, vfs: str) -> Surroundings:
        rim = Rim(
            files=SimulatedFiles(self.outside.disk),
            clock=self.clock,
            worker=self._worker,
            machine="press-07-gateway",
            vfs=vfs,
            ballast_bytes=BALLAST_BYTES,
            reserve_bytes=RESERVE_BYTES,
            log_bytes=LOG_BYTES,
        )
        return Surroundings(
            clock=self.clock,
            random=self._random(),
            worker=self._worker,
            journal=rim,
            secret=lambda reference: reference,
            directory=self.directory,
            journal_path=self.journal,
        )

    def _random(self) -> SeededRandom:
        return SeededRandom(self.world.source.randrange(1 << 32))

    def _worker(self, name: str) -> SimulatedWorker:
        source, disk = self.world.source, self.outside.disk

        def writes_ms() -> float:
            if disk.slow_ms:
                self.world.faults["slow disk"] += 1
                return source.uniform(disk.slow_ms / 2, disk.slow_ms)
            return source.uniform(0.2, 3)

        delays: dict[str, Callable[[], float]] = {
            "journal-writer": writes_ms,
            "journal-reader": lambda: max(0, source.uniform(-0.5, 0.5)),
        }
        return SimulatedWorker(self.world, delays.get(name, lambda: 0.0))

    def _tell(self, life: Life) -> Callable[..., None]:
        def tell(event: str, **fields: object) -> None:
            if not life.is_over:
                self.said.append(Said(self.world.now_ms, event, fields))
                said = {name: value for name, value in fields.items() if value is not None}
                self.world.say(f"agent: {event} {said}".replace(str(self.directory), "STATE"))

        return tell


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
