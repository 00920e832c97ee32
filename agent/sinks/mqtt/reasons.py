"""What a broker's reason codes mean for us: who has to act, and what they should do (D-118)."""

from __future__ import annotations

import ssl

from agent.ports import Refusal

NO_SUBSCRIBERS = 0x10
REFUSED = 0x80
"""From here on a reason code is a failure."""
TAKEN_OVER = 0x8E

_NEVER = {
    0x95: "packet too large: raise the broker's limit, then release it",
    0x99: "payload format invalid",
}
_LATER = {
    0x80: "unspecified error",
    0x83: "implementation specific error",
    0x87: "not authorised: allow this client to publish to the topic in the broker's ACL",
    0x90: "topic not accepted: allow it in the broker",
    0x91: "packet identifier in use",
    0x97: "quota exceeded: raise it in the broker, or let its queue drain",
}

_CONNECT = {
    0x01: "it knows no MQTT v5; use a broker that does, for 3.1.1 cannot say what it refuses",
    0x84: "it knows no MQTT v5; use a broker that does, for 3.1.1 cannot say what it refuses",
    0x85: "it does not accept the client id; set `client_id` to one that it does",
    0x86: "bad user name or password; check `user` and what `password` refers to",
    0x87: "not authorised to connect; check `user` and what `password` refers to, or allow this "
    "client in the broker",
    0x88: "it is not available; it may be starting",
    0x89: "it is busy",
    0x8A: "this client is banned; ask who runs the broker",
    0x8C: "it wants another way to authenticate",
    0x95: "the connect packet is too large for it",
    0x97: "its quota is exceeded",
    0x9A: "it keeps no retained messages and does not allow the will",
    0x9B: "it does not take QoS 1",
    0x9C: "it sends clients to another server; correct `url`",
    0x9D: "it has moved; correct `url`",
    0x9F: "clients connect to it too often",
}

_HUNG_UP = {
    0x87: "not authorised",
    0x89: "it is busy",
    0x8B: "it is shutting down",
    0x8D: "it heard nothing from us in time",
    TAKEN_OVER: "another client took over this client id; is a second gateway running with the "
    "same station? Stop it, or set `client_id`",
    0x93: "more messages than its receive maximum were under way",
    0x95: "packet too large",
    0x96: "messages come too fast for it",
    0x97: "quota exceeded",
    0x98: "it was told to close the connection",
    0x9C: "it sends clients to another server; correct `url`",
    0x9D: "it has moved; correct `url`",
    0x9F: "clients connect to it too often",
    0xA0: "its maximum connect time is over",
}

_BLAMELESS = frozenset(
    {0x87, 0x89, 0x8B, 0x8D, TAKEN_OVER, 0x93, 0x96, 0x97, 0x98, 0x9C, 0x9D, 0x9F, 0xA0}
)
"""Reasons to hang up that say nothing about the event under way."""


def refusal(code: int) -> tuple[Refusal, str]:
    """Return whether what a PUBACK refused can pass later, and why it was refused.

    What is not known to be final may pass: an event is kept rather than set aside.
    """
    if code in _NEVER:
        return Refusal.NEVER, f"refused by broker: {_NEVER[code]} (0x{code:02X})"
    return Refusal.LATER, f"refused by broker: {_LATER.get(code, 'no reason known')} (0x{code:02X})"


def not_connected(code: int) -> str:
    """Return why a broker did not accept the connection, and what to do."""
    return f"refused the connection: {_CONNECT.get(code, 'no reason known')} (0x{code:02X})"


def hung_up(code: int) -> str:
    """Return why a broker closed the connection."""
    return f"closed the connection: {_HUNG_UP.get(code, 'no reason known')} (0x{code:02X})"


def not_taken(error: ssl.SSLError) -> str | None:
    """Return that a broker does not take our certificate, or has to have one; None if it is else.

    In TLS 1.3 it says so once the connection is up on our side (RFC 8446, 4.4.2.4 and 6.2).
    """
    cause = (error.reason or "").lower().replace("_", " ")
    if "alert" not in cause or not any(word in cause for word in _OURS):
        return None
    return f"takes no client without a certificate that it trusts ({cause}); see `certificate`"


_OURS = ("certificate", "unknown ca", "handshake failure", "access denied")


def says_nothing_of_the_event(code: int) -> bool:
    """Whether a broker that hangs up with this reason does so whatever was sent."""
    return code in _BLAMELESS
