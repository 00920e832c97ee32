"""Which sinks there are. A new sink is its module and one line here, imported on use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.sinks.options import SinkSpec

SINKS = {
    "mqtt": "agent.sinks.mqtt",
    "sparkplug": "agent.sinks.sparkplug",
    "file": "agent.sinks.file",
}


def sink_spec(name: str) -> SinkSpec:
    """Return what the named sink says of itself.

    Raises:
        KeyError: there is no such sink.
    """
    spec: SinkSpec = import_module(SINKS[name]).SPEC
    return spec
