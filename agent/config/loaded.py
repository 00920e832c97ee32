"""What a valid station file comes down to, and what it is judged by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel

from agent.config.problems import ConfigError, Place, Problem
from agent.core.calendars import Calendar
from agent.core.meter import MeterPlan
from agent.core.station import Station
from drivers.base import TagFault
from drivers.options import Tag

S = TypeVar("S")


class DeviceSpec(Protocol):
    """What is asked of a driver: `drivers.options.DriverSpec` has it."""

    @property
    def summary(self) -> str:
        """One sentence."""
        ...

    @property
    def options(self) -> type[BaseModel]:
        """The device's options."""
        ...

    @property
    def tag_options(self) -> type[BaseModel] | None:
        """A tag's address; None for a device without tags."""
        ...

    @property
    def endpoint(self) -> Callable[[Any], str]:
        """What two stations that share a device of these options have in common."""
        ...

    @property
    def shareable(self) -> bool:
        """Whether several stations may use one connection."""
        ...

    @property
    def faults(self) -> Callable[[Any, Sequence[Tag]], Sequence[TagFault]]:
        """Which tags cannot work, as far as the file alone shows."""
        ...


class SinkSpec(Protocol):
    """What is asked of a sink; its options have `required` and `kinds`."""

    @property
    def summary(self) -> str:
        """One sentence."""
        ...

    @property
    def options(self) -> type[BaseModel]:
        """The sink's options."""
        ...


@dataclass(frozen=True, slots=True)
class Registry(Generic[S]):
    """What there is of one sort, by name; a spec is imported when it is first asked for."""

    names: tuple[str, ...]
    spec: Callable[[str], S]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registries:
    """Every driver and every sink: handed in by the composition root."""

    drivers: Registry[DeviceSpec]
    sinks: Registry[SinkSpec]
    broker: type[BaseModel]
    """The options of a broker that is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagConfig:
    """One tag of a device."""

    name: str
    address: Any
    """The driver's own tag options."""
    write: bool
    fast: bool
    """Trigger or request of a handshake."""
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """One device with this station's tags on it."""

    name: str
    driver: str
    options: Any
    """An instance of the driver's options."""
    endpoint: str
    shareable: bool
    tags: tuple[TagConfig, ...]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkConfig:
    """One sink of this station."""

    name: str
    sink: str
    options: Any
    """An instance of the sink's options."""
    required: bool
    kinds: frozenset[str] | None
    """Only these kinds of event; None: all."""
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorsConfig:
    """How people appear in events."""

    mode: Literal["pseudonym", "none", "clear"]
    key: str | None
    """Reference to the key; None: the one in the state directory."""
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Per role: what the numbers of its badges begin with."""
    place: Place = field(default_factory=lambda: Place(1, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalConfig:
    """Where and how long events are kept."""

    path: Path | None
    """None: the station's own folder in the state directory."""
    keep_s: float
    quota_bytes: int
    place: Place
    lookup_keep_s: float = 400 * 86_400.0
    """How long it is known which units were here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointConfig:
    """How often what is recorded is signed."""

    key: str
    """Reference to the private key."""
    every_s: float
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighboursConfig:
    """Which stations of other gateways are followed, and where."""

    stations: tuple[str, ...]
    options: Any
    """How the broker is reached: an instance of `Registries.broker`, or of a sink's options."""
    root: str
    within_s: float
    session_s: float
    asks_for_missing: bool
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class OeeConfig:
    """What key figures are measured against."""

    is_asked: bool = False
    """Whether the file has a section for them."""
    plan: MeterPlan = field(default_factory=MeterPlan)
    calendar: Calendar | None = None
    """None: nothing says when it is planned to work."""
    shifts: str | None = None
    """The file that the shifts are from."""
    every_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """One station file, valid as a whole."""

    file: str
    place: Place
    """Where the station is named."""
    hash: str
    """SHA-256 of what the file says: comments, order of keys and quoting do not change it."""
    station: Station
    timezone: str
    because: str | None
    operators: OperatorsConfig
    journal: JournalConfig
    devices: Mapping[str, DeviceConfig]
    sinks: Mapping[str, SinkConfig]
    previous_place: Place
    """Where the stations before this one are named, or would be."""
    oee: OeeConfig = field(default_factory=OeeConfig)
    checkpoints: CheckpointConfig | None = None
    """None: nothing is signed."""
    neighbours: NeighboursConfig | None = None
    """None: no station of another gateway is followed."""
    warnings: tuple[Problem, ...] = ()
    """What is doubtful and stops nothing."""

    def where(self, name: str) -> str:
        """Return `file:line:column` of a device, tag or sink, for messages while running."""
        places = {sink.name: sink.place for sink in self.sinks.values()}
        places |= {tag.name: tag.place for device in self.devices.values() for tag in device.tags}
        places |= {device.name: device.place for device in self.devices.values()}
        place = places.get(name)
        return f"{self.file}:{place.line}:{place.column}" if place else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderConfig:
    """What became of each file of a folder: one that is refused never stops its neighbours."""

    stations: tuple[StationConfig, ...]
    refused: Mapping[str, ConfigError]

    @property
    def problems(self) -> Iterable[Problem]:
        """Every problem of every refused file."""
        return [problem for error in self.refused.values() for problem in error.problems]
