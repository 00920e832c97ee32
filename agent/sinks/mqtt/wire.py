"""paho on the event loop: asyncio's transport beneath it, no thread, and nothing that blocks.

paho wants a socket. It gets a `Wire`: what arrives is handed to it from a buffer, and what it sends
is collected and written once a turn of the loop. (paho reads a packet in three system calls and
writes each in one of its own.) Dialling, with DNS and TLS, is asyncio's (PITFALLS Q8). A client
object lives as long as one connection; what paho remembers goes with it (PITFALLS Q6).

Five private methods of paho are replaced; `tests/unit/sinks/test_mqtt_wire.py` pins them.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Literal, cast

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from agent.sinks.mqtt.packets import LARGEST_FOR_US, no_properties
from agent.sinks.mqtt.reasons import REFUSED, not_taken

_PUBLISH, _PUBACK, _KIND = 0x30, 0x40, 0xF0
_HEAD_BYTES, _MID_BYTES = 2, 2
_MOST_PLAIN = 4
"""Bytes of a PUBACK after its head, where it says "taken" and no more."""
_NO_PROPERTIES = no_properties(PacketTypes.PUBACK)
_SUCCESS = ReasonCode(PacketTypes.PUBACK)
_REASONS = {
    each.value: each
    for each in (_SUCCESS, ReasonCode(PacketTypes.PUBACK, "No matching subscribers"))
}
"""What a broker says that has taken a message."""


def _unlisted() -> dict[int, ReasonCode]:
    """Return the refusals that are not in the standard's list for a PUBACK (MQTT 5, 3.4.2.1)."""
    listed = {code for code, names in ReasonCode.names.items() if _names_a_puback(names)}
    reasons = {
        code: ReasonCode(PacketTypes.PUBACK) for code in range(REFUSED, 256) if code not in listed
    }
    for code, reason in reasons.items():
        reason.value = code
    return reasons


def _names_a_puback(names: dict[str, list[int]]) -> bool:
    return any(PacketTypes.PUBACK in packets for packets in names.values())


_UNLISTED = _unlisted()


def plain_reason(puback: bytes | bytearray) -> ReasonCode | None:
    """Return the reason in a PUBACK of version 5 that paho need not or cannot read, else None.

    It need not where it says "taken" and no more: so says nearly each of them (MQTT 5, 3.4.2), and
    paho takes a tenth of an event's time to read the four bytes of one. It cannot where a broker
    refuses by a code that the standard does not list for a PUBACK: it would throw the connection
    away, and nobody would learn why. Mosquitto says 0x95 so, over its `message_size_limit`.
    """
    rest = bytes(puback[_MID_BYTES:])
    if rest and rest[0] in _UNLISTED:
        return _UNLISTED[rest[0]]
    if rest[1:] not in {b"", b"\x00"}:  # properties follow, of this length
        return None
    return _REASONS.get(rest[0]) if rest else _SUCCESS


def _why_lost(error: Exception | None) -> str:
    """Return what a network has done to a connection, and what to do."""
    taken = not_taken(error) if isinstance(error, ssl.SSLError) else None
    return taken or f"was lost: {error}; check the network"


class Wire(asyncio.Protocol):
    """A connected transport that looks like a socket to paho."""

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        """Called when there is something to read, or when the connection is over."""
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done when the connection is over, with what went wrong if it was not simply closed.

        Closed and reset say the same, that the other side has ended it, and are an empty text.
        """
        self.transport: asyncio.Transport | None = None
        self._unread = bytearray()
        self._unsent: list[bytes] = []

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast("asyncio.Transport", transport)  # a stream: by `create_connection`

    def data_received(self, data: bytes) -> None:
        """Keep what arrived for paho, and say so."""
        self._unread += data
        self.on_change()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that it is over, and say so."""
        if not self.closed.done():
            ended_by_peer = exc is None or isinstance(exc, ConnectionError)
            self.closed.set_result("" if ended_by_peer else _why_lost(exc))
        self.on_change()

    # what paho calls

    def recv(self, buffer_size: int) -> bytes:
        """Return some of what arrived; nothing when the connection is over.

        Raises:
            BlockingIOError: nothing is there now.
        """
        if not self._unread:
            if self.closed.done():
                return b""
            raise BlockingIOError
        part = bytes(self._unread[:buffer_size])
        del self._unread[:buffer_size]
        return part

    def send(self, buffer: bytes | bytearray) -> int:
        """Collect what is to be written; all of it is taken."""
        self._unsent.append(bytes(buffer))
        return len(buffer)

    def close(self) -> None:
        """Write what is collected, then end the connection."""
        self.flush()
        if self.transport is not None:
            self.transport.close()

    def fileno(self) -> int:
        """Return no descriptor: nobody may wait for this one."""
        return -1

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - as a socket has it
        """Do nothing: it never blocks."""

    # what the connection calls

    def peek(self) -> bytes:
        """Return what arrived and was not read yet."""
        return bytes(self._unread)

    def skip(self, size: int) -> None:
        """Take so many bytes as read."""
        del self._unread[:size]

    @property
    def readable(self) -> bool:
        """Whether paho has something to read."""
        return bool(self._unread)

    @property
    def waiting(self) -> int:
        """How many bytes arrived and were not read yet."""
        return len(self._unread)

    def flush(self) -> None:
        """Write what was collected."""
        if self._unsent and self.transport is not None and not self.transport.is_closing():
            self.transport.write(b"".join(self._unsent))
        self._unsent.clear()

    @property
    def is_held_up(self) -> bool:
        """Whether nothing is read for now."""
        return (
            self.transport is not None
            and not self.transport.is_closing()
            and not self.transport.is_reading()
        )

    def hold_up(self) -> None:
        """Read nothing more for now: what the peer sends then waits with it."""
        if self.transport is not None and self.transport.is_reading():
            self.transport.pause_reading()

    def go_on(self) -> None:
        """Read on."""
        if self.transport is not None and self.is_held_up:
            self.transport.resume_reading()

    def abort(self) -> None:
        """End the connection at once, without writing what is left."""
        if self.transport is not None:
            self.transport.abort()


class WireClient(Client):
    """A paho client for one connection, over a wire that is connected already."""

    def __init__(
        self,
        wire: Wire,
        client_id: str,
        *,
        is_v5: bool = True,
        most_bytes: int = LARGEST_FOR_US,
    ) -> None:
        """Begin with a wire that is up.

        Args:
            wire: What is written to and read from.
            client_id: Our name.
            is_v5: Whether it speaks version 5, else 3.1.1.
            most_bytes: What is kept of a message to us. Version 3.1.1 cannot ask for shorter ones,
                and a broker need not heed what it is asked.
        """
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if is_v5 else True,
            protocol=MQTTProtocolVersion.MQTTv5 if is_v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        self.strays = 0
        """PUBACKs for nothing that is under way."""
        self.pings = self.pongs = 0
        """PINGREQs sent, paho's own among them, and how many were answered."""
        self._wire = wire
        self._most_bytes = most_bytes
        self.max_inflight_messages_set(0)  # the window is ours (PITFALLS Q5)
        self.suppress_exceptions = True  # a callback must never break the reading (PITFALLS Q4)

    def _create_socket(self) -> Wire:
        return self._wire

    def ping(self) -> None:
        """Ask the broker for a sign: its answer says that it has read all that was sent before."""
        self._send_pingreq()

    def wait_anew(self) -> None:
        """Judge the broker's silence from now on: what it answered could not be read."""
        self._ping_t, self._last_bytes_received = 0.0, time.monotonic()

    def _send_pingreq(self) -> MQTTErrorCode:
        self.pings += 1
        return super()._send_pingreq()

    def _handle_pingresp(self) -> MQTTErrorCode:
        self.pongs += 1
        return super()._handle_pingresp()

    def _packet_read(self) -> MQTTErrorCode:
        if self._in_packet["command"] == 0 and self._protocol == MQTTProtocolVersion.MQTTv5:
            self._read_pubacks()
        packet = self._in_packet
        if packet["to_process"] and packet["remaining_length"] > self._most_bytes:
            if packet["command"] & _KIND != _PUBLISH:
                return MQTTErrorCode.MQTT_ERR_PROTOCOL
            if len(packet["packet"]) >= self._most_bytes:
                return self._pass_over()
        return super()._packet_read()

    def _pass_over(self) -> MQTTErrorCode:
        """Keep no more of a message than its beginning: what is cut is refused as too long."""
        packet = self._in_packet
        passed = min(self._wire.waiting, packet["to_process"])
        self._wire.skip(passed)
        packet["to_process"] -= passed
        self._last_bytes_received = time.monotonic()
        return MQTTErrorCode.MQTT_ERR_AGAIN if packet["to_process"] else super()._packet_read()

    def _read_pubacks(self) -> None:
        """Read the PUBACKs that come next, as far as they are whole and paho need not read them.

        A broker that is kept busy sends many at once, and nearly nothing else.
        """
        unread, at = self._wire.peek(), 0
        while len(unread) >= at + _HEAD_BYTES and unread[at] == _PUBACK:
            first, end = at + _HEAD_BYTES, at + _HEAD_BYTES + unread[at + 1]
            if unread[at + 1] > _MOST_PLAIN or end > len(unread):
                break
            if not self._has_read(unread[first:end]):
                break
            at = end
        if at:
            self._wire.skip(at)
            self._last_bytes_received = time.monotonic()

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        is_v5 = self._protocol == MQTTProtocolVersion.MQTTv5
        if cmd == "PUBACK" and is_v5 and self._has_read(self._in_packet["packet"]):
            return MQTTErrorCode.MQTT_ERR_SUCCESS  # it came in pieces, the first of them to paho
        before = len(self._out_messages)
        result = super()._handle_pubackcomp(cmd)
        if len(self._out_messages) == before:
            self.strays += 1
        return result

    def _has_read(self, puback: bytes | bytearray) -> bool:
        """Read a PUBACK that paho need not; return whether it was one, of what is under way."""
        reason, mid = plain_reason(puback), int.from_bytes(puback[:_MID_BYTES])
        if reason is None or mid not in self._out_messages:
            return False
        self._do_on_publish(mid, reason, _NO_PROPERTIES)
        return True
