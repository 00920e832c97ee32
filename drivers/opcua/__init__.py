"""The OPC UA driver as a station file sees it: its options, its tags' options, how to build it.

The protocol library costs half a second and 24 MB, so it is imported when a driver is built. Who
implements what:

    addresses, references   what a station file may name; pure
    status, values, wire    what comes back: status words, types, the bytes of values; pure
    link                    one connection: bounded transport, session, security, error texts
    resolve                 from names to nodes at each connect, and which tags cannot work
    feed, poll, watch       the jobs of a link: subscription, fast tags, proof of life
    driver                  one attempt: connects, runs the jobs, reads and writes
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from drivers.opcua.addresses import parse_node
from drivers.opcua.references import Reference
from drivers.options import DriverSpec, Options, Seconds, Tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.base import Clock, Driver

_DEFAULT_PORT = 4840  # OPC 10000-6, 7.2
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

Interval = Annotated[Seconds, Field(ge=0.001, le=3600)]
"""A duration from 1 ms to an hour."""


class Security(Options):
    """How the connection is protected (D-161). The deprecated policies are not offered."""

    policy: Literal["None", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"]
    """Take the best one that the server offers. `None` talks in the clear: who is on that network
    can read along and give the PLC answers of their own."""

    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    """`Sign` keeps values readable on the wire, for a network analyser; change it only for that."""

    certificate: str | None = None
    """File with our own certificate (PEM or DER). The server must be told to trust it."""

    key: Reference | None = None
    """Where the private key of that certificate is: credential:NAME, file:PATH or env:NAME."""

    trust: str | None = None
    """File with the server's certificate or that of its issuer, or a folder of such files. No other
    server is talked to. Put the new file beside the old one before a certificate is renewed."""


class OpcUaOptions(Options):
    """A PLC or gateway that is an OPC UA server."""

    url: str
    """Endpoint, such as opc.tcp://10.0.3.7:4840. Port 4840 if none is given."""

    security: Security | None = None
    """Protection of the connection. Only a server on this machine may be reached without saying."""

    user: str | None = None
    """User name, where the server wants one; may be a reference as for `password`."""

    password: Reference | None = None
    """Where the password is: credential:NAME, file:PATH or env:NAME."""

    timeout: Interval = 2.0
    """How long any answer may take before the link counts as dead. Raise it for a server that is
    slow under load; a trigger in that time waits for it."""

    publishing_interval: Interval = 0.1
    """How often the server sends what has changed. Shorter is fresher and costs the PLC more."""

    sampling_interval: Interval = 0.05
    """How often the server looks at each value: at most half the shortest state to be seen."""

    fast_interval: Interval = 0.01
    """How often trigger and request of a handshake are read. Raise it for a weak PLC; the answer to
    each part comes that much later."""

    source_clock: Literal["plc", "server"] = "plc"
    """Whose clock stamps the values. `server`: a gateway that stamps with its own clock when it
    reads the PLC; then its server timestamp stands in where the source timestamp is missing."""

    @field_validator("url")
    @classmethod
    def _is_endpoint(cls, url: str) -> str:
        """Refuse what is no endpoint, and a password in clear text."""
        parts = urlsplit(url)
        if parts.scheme != "opc.tcp" or not parts.hostname:
            raise ValueError(f"{url!r} is not an endpoint; write it like opc.tcp://10.0.3.7:4840")
        if parts.username is not None:
            raise ValueError("an endpoint carries no user; write `user:` and `password:`")
        _ = parts.port  # raises ValueError where it is no number
        return url

    @model_validator(mode="after")
    def _says_what_it_risks(self) -> Self:
        """Talk in the clear over a network only when told to (D-161)."""
        if self.password is not None and self.user is None:
            raise ValueError("`password` without `user`")
        if self.security is None and urlsplit(self.url).hostname not in _LOOPBACK:
            raise ValueError(
                "say how the connection is protected: security: {policy: Basic256Sha256, "
                "certificate: ..., key: ..., trust: ...}, or security: {policy: None} to talk in "
                "the clear"
            )
        return self


class OpcUaTag(Options):
    """One variable of an OPC UA server."""

    node: str
    """The node with the URI of its namespace: nsu=urn:acme;s=Press.Count. `ns=4;...` is refused:
    that number may mean another machine after the server's next start."""

    type: (
        Literal[
            "Boolean", "SByte", "Byte", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64",
            "Float", "Double", "String",
        ]
        | None
    ) = None  # fmt: skip
    """The type that it must have. Write it for what a mistake would bind wrongly: after a program
    download of another type the tag is then refused."""

    test: bool | int | float | str | None = Field(default=None, repr=False)  # says not where it is
    """What the variable is known to hold, for proving that it is this machine and no other at its
    address: read at each connect, and the server is refused when it differs."""

    @field_validator("node")
    @classmethod
    def _is_node(cls, node: str) -> str:
        """Refuse what is no node, or one that may move."""
        parse_node(node)
        return node


def endpoint(options: OpcUaOptions) -> str:
    """Return what two stations that mean the same server have in common."""
    parts = urlsplit(options.url)
    host = parts.hostname or ""
    return f"opc.tcp://{f'[{host}]' if ':' in host else host}:{parts.port or _DEFAULT_PORT}"


def _build(device: str, options: OpcUaOptions, tags: Sequence[Tag], clock: Clock) -> Driver:
    """Return a driver for one server; this is where the protocol library is imported."""
    from drivers.opcua.library import import_client  # noqa: PLC0415 - as below

    import_client()

    from drivers.opcua.driver import OpcUaDriver  # noqa: PLC0415 - only stations that use it pay

    return OpcUaDriver(device, options, tags, clock)


SPEC = DriverSpec(
    summary="Subscribes to variables of an OPC UA server and writes answers with read-back.",
    options=OpcUaOptions,
    tag_options=OpcUaTag,
    build=_build,
    endpoint=endpoint,
)
