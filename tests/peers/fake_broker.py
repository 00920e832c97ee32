"""A scripted MQTT v5 server, for what Mosquitto cannot be made to do.

It accepts, records what it is sent, and answers each event as its script says. Messages on
`health` and `position` are always confirmed; see `answer_status` for the exception.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import Callable

from tests.peers.listener import Listener
from tests.peers.mqtt_packets import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBLISH,
    SUBACK,
    SUBSCRIBE,
    Connect,
    Publish,
    packet,
    parse_connect,
    parse_publish,
    read_packet,
    text,
)

Answer = int | None | str
"""A reason code; None for silence; "hang up" to close the connection."""

HANG_UP = "hang up"
SILENCE = None


class FakeBroker(Listener):
    """A broker on a free loopback port, for as long as it is entered."""

    def __init__(
        self,
        answer: Callable[[Publish], Answer] = lambda _: 0,
        *,
        connack: bytes | None = b"\0\0\0",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self.answer = answer
        self.answer_status: Callable[[Publish], Answer] = lambda _: 0
        self.connack = connack
        """Body of the CONNACK; None to hang up on CONNECT, empty for no answer."""
        self.connects: list[Connect] = []
        self.events: list[Publish] = []
        self.status: list[Publish] = []
        self.replies: list[Publish] = []
        self.subscriptions: list[bytes] = []
        self.suback: int | None = 1
        """Code of the SUBACK; None to hang up on SUBSCRIBE."""
        self.answers_pings = True
        self.disconnects: list[bytes] = []
        self.most_under_way = 0
        self._unanswered: list[int] = []
        self._happened = asyncio.Condition()

    async def until(self, true: Callable[[], bool], patience_s: float = 60.0) -> None:
        """Return when something that the broker saw made the condition true."""
        async with asyncio.timeout(patience_s), self._happened:
            await self._happened.wait_for(true)

    def send(self, raw: bytes) -> None:
        """Send something of our own to every client."""
        for writer in self._writers:
            writer.write(raw)

    def ask(self, topic: str, payload: bytes, *, is_retained: bool = False) -> None:
        """Send every client a message at QoS 0, as if somebody had published it."""
        self.send(packet(PUBLISH, text(topic) + b"\0" + payload, flags=is_retained))

    def send_disconnect(self, code: int) -> None:
        """Send DISCONNECT with a reason and close."""
        self.send(packet(DISCONNECT, bytes([code])))
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    def confirm(self, *mids: int, code: int = 0) -> None:
        """Send acknowledgements, for whatever was or was not sent."""
        for mid in mids:
            self.send(packet(PUBACK, struct.pack(">HBB", mid, code, 0)))

    def confirm_all(self) -> None:
        """Acknowledge all that is waiting for it."""
        waiting, self._unanswered = self._unanswered, []
        self.confirm(*waiting)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        self._unanswered.clear()
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    kind, flags, body = await read_packet(reader)
                    if not self._serve(writer, kind, flags, body):
                        break
                    async with self._happened:
                        self._happened.notify_all()
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            async with self._happened:
                self._happened.notify_all()

    def _serve(self, writer: asyncio.StreamWriter, kind: int, flags: int, body: bytes) -> bool:
        """Answer one packet; say whether the connection goes on."""
        if kind == CONNECT:
            self.connects.append(parse_connect(body))
            if self.connack:
                writer.write(packet(CONNACK, self.connack))
            return self.connack is not None
        if kind == PUBLISH:
            return self._take(writer, parse_publish(flags, body))
        if kind == SUBSCRIBE:
            self.subscriptions.append(body)
            if self.suback is None:
                return False
            writer.write(packet(SUBACK, body[:2] + b"\0" + bytes([self.suback])))
        if kind == PINGREQ and self.answers_pings:
            writer.write(packet(PINGRESP, b""))
        if kind == DISCONNECT:
            self.disconnects.append(body)
            return False
        return True

    def _take(self, writer: asyncio.StreamWriter, publish: Publish) -> bool:
        event = "/events/" in publish.topic
        reply = "/reply" in publish.topic
        (self.events if event else self.replies if reply else self.status).append(publish)
        answer = (self.answer if event else self.answer_status)(publish)
        if publish.mid is None:
            return True
        if event:
            self._unanswered.append(publish.mid)
            self.most_under_way = max(self.most_under_way, len(self._unanswered))
        if answer == HANG_UP:
            writer.transport.abort()
            return False
        if isinstance(answer, int):
            if event:
                self._unanswered.remove(publish.mid)
            writer.write(packet(PUBACK, struct.pack(">HBB", publish.mid, answer, 0)))
        return True
