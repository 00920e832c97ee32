"""What a connection is begun with, what the broker then allows, and how it ended."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

KEEPALIVE_S = 20


@dataclass(frozen=True, slots=True)
class End:
    """How a connection ended."""

    cause: str
    hung_up: bool
    """Whether the broker closed it without a reason that excuses what was under way."""
    is_taken_over: bool = False
    """Whether another client came under our name: a second gateway, cloned or not stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the broker's CONNACK allows on this connection."""

    receive_maximum: int = 65535
    packet_bytes: int = 268_435_455
    retain: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a connection needs to know."""

    host: str
    port: int
    client_id: str
    user: str | None
    password: str | None = field(repr=False)
    tls: ssl.SSLContext | None
    will_topic: str = ""
    """Empty: there is no will."""
    will: bytes = b""
    will_retained: bool = True
    session_s: int = 0
    """Of a reader: how long the broker keeps the session while it is not connected."""
    window: int = 0
    """Of a reader: how many messages may be under way to it unconfirmed."""
    is_v5: bool = True
    keepalive_s: int = KEEPALIVE_S

    def unanswered(self, cause: str) -> str:
        """Return what to look at where CONNECT was answered by no CONNACK."""
        version = "v5" if self.is_v5 else "3.1.1"
        ours = "; does it want a `certificate` of ours?" if self.tls else ""
        return (
            f"did not answer in MQTT {version}; check that `url` names an MQTT {version} broker "
            f"and the right port, mqtts:// for TLS{ours} ({cause})"
        )
