"""Every driver and sink there is, as the station file is judged by them; imported on use."""

from __future__ import annotations

from agent.config.loaded import Registries, Registry
from agent.sinks.mqtt.broker import ReadBroker
from agent.sinks.registry import SINKS, sink_spec
from drivers.registry import DRIVERS, driver_spec


def registries() -> Registries:
    """Return what `agent.config.load` asks for."""
    return Registries(
        drivers=Registry(names=tuple(DRIVERS), spec=driver_spec),
        sinks=Registry(names=tuple(SINKS), spec=sink_spec),
        broker=ReadBroker,
    )
