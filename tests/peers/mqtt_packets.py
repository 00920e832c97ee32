"""MQTT v5 packets, as much as the tests need to stand on either side of the wire, without paho."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass, field

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 12, 13, 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """One PUBLISH packet as it stood on the wire."""

    topic: str
    payload: bytes
    mid: int | None = None
    dup: bool = False
    retain: bool = False
    properties: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """What a CONNECT packet said."""

    client_id: str
    clean_start: bool
    keepalive: int
    properties: bytes
    will: Publish | None = None
    user: str | None = None
    password: str | None = None
    flags: int = field(default=0, repr=False)
    level: int = 5
    """5, or 4 for MQTT 3.1.1."""


def length(number: int) -> bytes:
    """Return a variable byte integer."""
    out = bytearray()
    while True:
        number, digit = divmod(number, 128)
        out.append(digit | (128 if number else 0))
        if not number:
            return bytes(out)


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    """Return a packet with its fixed header."""
    return bytes([kind << 4 | flags]) + length(len(body)) + body


def text(value: str) -> bytes:
    """Return a string with its length before it."""
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded


async def read_packet(stream: asyncio.StreamReader) -> tuple[int, int, bytes]:
    """Return (kind, flags, body) of the next packet.

    Raises:
        asyncio.IncompleteReadError: the stream ended.
    """
    first = (await stream.readexactly(1))[0]
    size = shift = 0
    while True:
        digit = (await stream.readexactly(1))[0]
        size |= (digit & 127) << shift
        shift += 7
        if not digit & 128:
            break
    return first >> 4, first & 15, await stream.readexactly(size)


class Fields:
    """Reads a body from left to right."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        self._at += size
        return self._body[self._at - size : self._at]

    def number(self, size: int) -> int:
        """Return the next bytes as a number."""
        return int.from_bytes(self.take(size))

    def counted(self) -> bytes:
        """Return what has a two-byte length before it."""
        return self.take(self.number(2))

    def properties(self) -> bytes:
        """Return the properties, still packed."""
        size = shift = 0
        while True:
            digit = self.number(1)
            size |= (digit & 127) << shift
            shift += 7
            if not digit & 128:
                return self.take(size)

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.take(len(self._body) - self._at)


def parse_publish(flags: int, body: bytes, *, is_v5: bool = True) -> Publish:
    """Return what a PUBLISH packet says."""
    fields = Fields(body)
    topic = fields.counted().decode()
    mid = fields.number(2) if flags & 6 else None
    properties = fields.properties() if is_v5 else b""
    return Publish(
        topic=topic,
        payload=fields.rest(),
        mid=mid,
        dup=bool(flags & 8),
        retain=bool(flags & 1),
        properties=properties,
    )


def parse_connect(body: bytes) -> Connect:
    """Return what a CONNECT packet says."""
    fields = Fields(body)
    fields.counted()  # MQTT
    level = fields.number(1)
    flags = fields.number(1)
    keepalive = fields.number(2)
    properties = fields.properties() if level == 5 else b""
    client_id = fields.counted().decode()
    will = None
    if flags & 4:
        if level == 5:
            fields.properties()
        will = Publish(
            topic=fields.counted().decode(), payload=fields.counted(), retain=bool(flags & 32)
        )
    return Connect(
        client_id=client_id,
        clean_start=bool(flags & 2),
        keepalive=keepalive,
        properties=properties,
        will=will,
        user=fields.counted().decode() if flags & 128 else None,
        password=fields.counted().decode() if flags & 64 else None,
        flags=flags,
        level=level,
    )
