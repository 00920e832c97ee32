"""How a broker is reached: what every sink that speaks MQTT can be told of it."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, model_validator

from agent.sinks.mqtt.topics import path_segments
from agent.sinks.options import EntryOptions, SecretReference

_PORTS = {"mqtt": 1883, "mqtts": 8883}
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


BrokerUrl = Annotated[str, AfterValidator(_broker_url)]
"""`mqtts://HOST` or `mqtt://HOST`, either with `:PORT`."""


class BrokerOptions(EntryOptions):
    """A broker, and who we are to it."""

    url: BrokerUrl
    """The broker: `mqtts://broker.acme:8883`. Plain `mqtt://` is for the same machine, or for a
    network that nobody else is on."""

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
    accepted, whoever signed it. The authority has to fit all the same: for a broker that has signed
    its own, `ca` is that certificate."""

    client_id: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Name of this client at the broker; made from station and sink when left out. Set it where
    the broker allows certain names only. Never use one twice: they would throw each other out."""

    @model_validator(mode="after")
    def _can_be_reached_so(self) -> Self:
        for url in self.urls:
            self._check_in_the_clear(urlsplit(url))
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` belong together")
        if self.password and self.user is None:
            raise ValueError("`password` needs a `user`")
        return self

    def _check_in_the_clear(self, parts: SplitResult) -> None:
        if parts.scheme != "mqtt":
            return
        for name in ("ca", "certificate", "key", "pin"):
            if getattr(self, name) is not None:
                raise ValueError(f"`{name}` is for TLS; write mqtts:// in `url`")
        if self.password and not self.plain_password and parts.hostname not in _LOOPBACK:
            raise ValueError(
                "the password would be sent in the clear; write mqtts:// in `url`, "
                "or say `plain_password: true`"
            )

    @property
    def urls(self) -> tuple[str, ...]:
        """Every broker that it may connect to."""
        return (self.url,)

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


class ReadBroker(BrokerOptions):
    """A broker that is read, in MQTT v5."""

    root: Annotated[str, AfterValidator(path_segments)] = "lineside"
    """First part of every topic, before `/v1/`: as the sinks of those stations have it."""
