"""The MQTT sink's options and its line in the registry; paho is loaded when a sink is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, model_validator

from agent.sinks.mqtt.topics import path_segments
from agent.sinks.options import FORMATS, SecretReference, SinkOptions, SinkPlace, SinkSpec

if TYPE_CHECKING:
    from agent.sinks.mqtt.sink import MqttSink

NEWEST = 5
_PORTS = {"mqtt": 1883, "mqtts": 8883}
UNSEEN = (
    "MQTT 3.1.1 cannot say what the broker refuses: an event that its access list, quota or size "
    "limit drops counts as delivered; use a broker that knows MQTT v5"
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _broker_url(value: str) -> str:
    parts = _split(value)
    if parts.username is not None or parts.password is not None:
        raise ValueError("no user or password in the URL; use `user` and `password`")
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(
            f"{value!r} is no broker; write mqtts://HOST, mqtt://HOST, or one with :PORT"
        )
    return value


def _split(value: str) -> SplitResult:
    parts = urlsplit(value)
    _ = parts.port  # raises ValueError for a port that cannot be one
    return parts


class MqttOptions(SinkOptions):
    """Events to an MQTT broker, at QoS 1, confirmed one by one."""

    url: Annotated[str, AfterValidator(_broker_url)]
    """The broker: `mqtts://broker.acme:8883`. Plain `mqtt://` is for the same machine, or for a
    network that nobody else is on."""

    root: Annotated[str, AfterValidator(path_segments)] = "lineside"
    """First part of every topic, before `/v1/`. Change it where a broker gives you a branch."""

    user: str | None = None
    """User name, where the broker asks for one."""

    password: SecretReference | None = None
    """Where the password is to be found. It is read anew for each connection."""

    plain_password: bool = False
    """Set it to send a password without TLS to another machine, where all who listen can read it.
    """

    ca: str | None = None
    """PEM file of the authority behind the broker's certificate. Left out: those of the system."""

    certificate: str | None = None
    """PEM file of our certificate, where the broker asks for one; `key` belongs to it."""

    key: str | None = None
    """PEM file of the private key, unencrypted, readable by the service alone."""

    pin: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the broker's certificate (DER, lower-case hex). With it, no other certificate is
    accepted, whoever signed it."""

    client_id: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Name of this client at the broker; made from station and sink when left out. Set it where
    the broker allows certain names only. Never use one twice: they would throw each other out."""

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
        parts = urlsplit(self.url)
        if parts.scheme == "mqtt":
            for name in ("ca", "certificate", "key", "pin"):
                if getattr(self, name) is not None:
                    raise ValueError(f"`{name}` is for TLS; write mqtts:// in `url`")
            if self.password and not self.plain_password and parts.hostname not in _LOOPBACK:
                raise ValueError(
                    "the password would be sent in the clear; write mqtts:// in `url`, "
                    "or say `plain_password: true`"
                )
        if self.version != NEWEST and self.wait_for_reader:
            raise ValueError("`wait_for_reader` needs `version: 5`: 3.1.1 does not say who reads")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` belong together")
        if self.password and self.user is None:
            raise ValueError("`password` needs a `user`")
        return self

    @property
    def doubts(self) -> tuple[tuple[str, str], ...]:
        """What is doubtful about it though it is allowed."""
        if self.version == NEWEST:
            return ()
        return (("version", UNSEEN),)

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        """The broker's host."""
        return str(urlsplit(self.url).hostname)

    @property
    def port(self) -> int:
        """The broker's port."""
        parts = urlsplit(self.url)
        return parts.port or _PORTS[parts.scheme]


def build(options: MqttOptions, place: SinkPlace) -> MqttSink:
    """Return the sink, not yet connected.

    Raises:
        ValueError: the station's path cannot stand in a topic.
    """
    from agent.sinks.mqtt.sink import MqttSink  # noqa: PLC0415 - loads paho

    return MqttSink(options, place, FORMATS[options.format])


SPEC = SinkSpec(summary="Publishes to an MQTT v5 broker.", options=MqttOptions, build=build)
