"""The Sparkplug sink's options and its line in the registry; its libraries are loaded when built.

A Sparkplug B 3.0 edge node for live values, beside the trace events and never instead (D-122):

    ValueFeed (agent.sinks.values)   tag values as they come, bounded, over all runs
    memory                           bdSeq, aliases and types on disk
    metrics, node                    what is said: births, data, deaths, sequence numbers
    host                             the primary host's STATE
    sink                             one MQTT connection after the other, driven by a publisher
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from agent.sinks.mqtt import NEWEST
from agent.sinks.mqtt.broker import BrokerOptions, BrokerUrl
from agent.sinks.options import SinkPlace, SinkSpec

if TYPE_CHECKING:
    from agent.sinks.sparkplug.sink import SparkplugSink

_ID = re.compile(r"[^+/#\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}")


def _sparkplug_id(value: str) -> str:
    if not _ID.fullmatch(value) or value != value.strip():
        raise ValueError(
            f"{value!r} cannot be a Sparkplug id; write 1 to 128 characters without +, / and #"
        )
    return value


SparkplugId = Annotated[str, AfterValidator(_sparkplug_id)]
"""A group, edge node or host as it stands in topics."""


class SparkplugOptions(BrokerOptions):
    """Tag values and machine state to a Sparkplug B host, live."""

    others: tuple[BrokerUrl, ...] = ()
    """Further brokers, where the host can be met as well. The node is at one of them at a time: it
    goes to the next when this one cannot be reached, or the primary host is not there."""

    group: SparkplugId | None = None
    """The Sparkplug group. Left out: the station's path without its last part, joined by dots."""

    node: SparkplugId | None = None
    """The edge node. Left out: the last part of the station's path. Group and node together must be
    there once in the whole plant."""

    primary_host: SparkplugId | None = None
    """The primary host. With it nothing is published until its STATE says that it is online, and
    while it is offline values wait. Left out: whoever listens, listens."""

    tags: tuple[str, ...] | None = None
    """The tags that are shown; all of them when left out. Choose where a fast tag would fill the
    line to the broker: every change of a value is sent."""

    buffer: Annotated[int, Field(ge=100, le=10_000_000)] = 10_000
    """Values that wait in memory while they cannot be sent; beyond that the oldest are dropped, and
    counted. About 300 bytes each. What waits is lost with a restart of the agent."""

    version: Literal["3.1.1", 5] = 5
    """MQTT's version, never changed by itself. `3.1.1` is for a broker that knows no other."""

    @model_validator(mode="after")
    def _is_no_state(self) -> Self:
        if self.group is not None and self.group.upper() == "STATE":
            raise ValueError(
                "no group can be called STATE: hosts say there whether they are online"
            )
        return self

    @property
    def urls(self) -> tuple[str, ...]:
        """Every broker that it may connect to."""
        return (self.url, *self.others)

    @property
    def is_v5(self) -> bool:
        """Whether the connection is MQTT v5."""
        return self.version == NEWEST

    # What a sink of events can be told, and this one cannot: its own answers.

    @property
    def required(self) -> bool:
        """A live view never holds the journal up."""
        return False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The events that it shows; the rest is no live value."""
        return ("machine_state_changed",)

    @property
    def start(self) -> str:
        """A new sink begins with what is; what was is in the trace events."""
        return "now"

    def descriptor(self, station: str) -> tuple[str, str]:
        """Return group and edge node of a station."""
        *above, last = station.split("/")
        return self.group or ".".join(above) or "lineside", self.node or last


def build(options: SparkplugOptions, place: SinkPlace) -> SparkplugSink:
    """Return the sink, not yet connected.

    Raises:
        ValueError: it is not shown what happens at the station.
    """
    from agent.sinks.sparkplug.sink import SparkplugSink  # noqa: PLC0415 - loads paho and protobuf

    return SparkplugSink(options, place)


SPEC = SinkSpec(
    summary="Shows tag values and machine state live, as a Sparkplug B 3.0 edge node.",
    options=SparkplugOptions,
    build=build,
    live=True,
)
