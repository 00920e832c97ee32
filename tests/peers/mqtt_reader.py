"""A subscriber that was not written with paho: what a plant's consumer does, in a few lines."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.peers.mqtt_packets import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PUBACK,
    PUBLISH,
    SUBACK,
    SUBSCRIBE,
    Publish,
    packet,
    parse_publish,
    read_packet,
    text,
)

SESSION_S = 3600


class Reader:
    """Subscribes at QoS 1 with a session that outlives the connection, and confirms all it gets."""

    def __init__(self, port: int, topics: str = "#", client_id: str = "reader") -> None:
        self.got: list[Publish] = []
        self._port = port
        self._topics = topics
        self._client_id = client_id
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._happened = asyncio.Condition()

    async def __aenter__(self) -> Self:
        """Connect and subscribe."""
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect."""
        await self.disconnect()

    async def connect(self) -> None:
        """Connect, take up the session if the broker kept it, and subscribe."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        properties = b"\x11" + struct.pack(">I", SESSION_S)
        writer.write(
            packet(
                CONNECT,
                text("MQTT")
                + bytes([5, 0])
                + struct.pack(">HB", 60, len(properties))
                + properties
                + text(self._client_id),
            )
        )
        kind, _, body = await read_packet(reader)
        assert (kind, body[1]) == (CONNACK, 0)
        writer.write(
            packet(SUBSCRIBE, struct.pack(">HB", 1, 0) + text(self._topics) + b"\x01", flags=2)
        )
        subscribed = asyncio.Event()
        self._writer = writer
        self._task = asyncio.create_task(self._receive(reader, writer, subscribed))
        await subscribed.wait()

    async def disconnect(self) -> None:
        """Leave; the broker keeps the session."""
        if self._writer is not None and self._task is not None:
            with contextlib.suppress(ConnectionError):
                self._writer.write(packet(DISCONNECT, b""))
                self._writer.close()
                await self._writer.wait_closed()
            await self._task
        self._writer = self._task = None

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish something at QoS 0."""
        assert self._writer is not None
        self._writer.write(packet(PUBLISH, text(topic) + b"\0" + payload, flags=retain))

    def send_packet(self, whole: bytes) -> None:
        """Send a packet as it stands."""
        assert self._writer is not None
        self._writer.write(whole)

    async def drain(self) -> None:
        """Return when the broker takes more."""
        assert self._writer is not None
        await self._writer.drain()

    async def until(self, true: Callable[[], bool], patience_s: float = 60.0) -> None:
        """Return when something received made the condition true."""
        async with asyncio.timeout(patience_s), self._happened:
            await self._happened.wait_for(true)

    def events(self) -> list[bytes]:
        """Return the payloads of the events received so far."""
        return [publish.payload for publish in self.got if "/events/" in publish.topic]

    async def _receive(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, subscribed: asyncio.Event
    ) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, flags, body = await read_packet(reader)
                if kind == SUBACK:
                    subscribed.set()
                if kind == PUBLISH:
                    publish = parse_publish(flags, body)
                    if publish.mid is not None:
                        writer.write(packet(PUBACK, struct.pack(">H", publish.mid)))
                    async with self._happened:
                        self.got.append(publish)
                        self._happened.notify_all()
