"""The MQTT sink's options and its line in the registry; paho is loaded when a sink is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from agent.sinks.mqtt.broker import BrokerOptions
from agent.sinks.mqtt.topics import path_segments
from agent.sinks.options import FORMATS, SinkOptions, SinkPlace, SinkSpec

if TYPE_CHECKING:
    from agent.sinks.mqtt.sink import MqttSink

NEWEST = 5
UNSEEN = (
    "MQTT 3.1.1 cannot say what the broker refuses: an event that its access list, quota or size "
    "limit drops counts as delivered; use a broker that knows MQTT v5"
)


class MqttOptions(BrokerOptions, SinkOptions):
    """Events to an MQTT broker, at QoS 1, confirmed one by one."""

    root: Annotated[str, AfterValidator(path_segments)] = "lineside"
    """First part of every topic, before `/v1/`. Change it where a broker gives you a branch."""

    window: Annotated[int, Field(ge=1, le=100)] = 50
    """Events under way unconfirmed; the broker may lower it. Raise it for a broker far away."""

    largest_packet: Annotated[int, Field(ge=1024, le=268_435_455)] = 262_144
    """Bytes beyond which an event is set aside instead of sent. Lower it to the limit of a broker
    that drops larger ones without a word."""

    resend: Annotated[int, Field(ge=0, le=10_000)] = 200
    """Events a second that are sent again at most, where somebody asks for them on `control`. Raise
    it where a consumer is rebuilt from here; 0: nobody is listened to."""

    version: Literal["3.1.1", 5] = 5
    """MQTT's version, never changed by itself. `3.1.1` is for a broker that knows no other: it
    cannot say what it refuses, so an event that its access list or quota drops counts as delivered.
    """

    wait_for_reader: bool = False
    """Whether an event that the broker took, but that no reader had subscribed to, counts as
    undelivered and is sent again until one has. Set it where the broker must not be the end."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.version != NEWEST and self.wait_for_reader:
            raise ValueError("`wait_for_reader` needs `version: 5`: 3.1.1 does not say who reads")
        return self

    @property
    def doubts(self) -> tuple[tuple[str, str], ...]:
        """What is doubtful about it though it is allowed."""
        if self.version == NEWEST:
            return ()
        return (("version", UNSEEN),)

    @property
    def sees_refusals(self) -> bool:
        """Whether the other side can say that it did not take an event."""
        return self.version == NEWEST


def build(options: MqttOptions, place: SinkPlace) -> MqttSink:
    """Return the sink, not yet connected.

    Raises:
        ValueError: the station's path cannot stand in a topic.
    """
    from agent.sinks.mqtt.sink import MqttSink  # noqa: PLC0415 - loads paho

    return MqttSink(options, place, FORMATS[options.format])


SPEC = SinkSpec(summary="Publishes to an MQTT v5 broker.", options=MqttOptions, build=build)
