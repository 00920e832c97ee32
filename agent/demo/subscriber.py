"""An independent consumer: its own MQTT client with a session that outlives the broker's outages.

It is there before the agent, takes everything below `lineside/v1`, and confirms what it has got.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

TOPICS = "lineside/v1/#"
_SESSION_S = 3600
_FIRST_RETRY_S = 1

Hear = Callable[[str, bytes], None]
"""Takes topic and payload, on the loop."""


class Subscriber:
    """Connected for as long as there is a broker, and again when there is one again."""

    def __init__(self, port: int, hear: Hear) -> None:
        self._port = port
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._subscribed = asyncio.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="lineside-demo", protocol=mqtt.MQTTv5
        )
        self._client.suppress_exceptions = True  # a bug must not stop its thread (PITFALLS Q4)
        self._client.reconnect_delay_set(_FIRST_RETRY_S, _FIRST_RETRY_S)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    async def start(self) -> None:
        """Return when the broker has taken the subscription."""
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # the library's
        session.SessionExpiryInterval = _SESSION_S
        await asyncio.to_thread(
            self._client.connect, "127.0.0.1", self._port, clean_start=False, properties=session
        )
        self._client.loop_start()
        await self._subscribed.wait()

    async def stop(self) -> None:
        """Say goodbye and end the client's thread."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
        # It closes its last sockets when nobody holds it any more: let go in both directions.
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(TOPICS, qos=1)

    def _on_subscribe(self, *_: object) -> None:
        self._call(self._subscribed.set)

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        topic, payload = message.topic, bytes(message.payload)
        self._call(lambda: self._hear(topic, payload))

    def _call(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody listens any more
            self._loop.call_soon_threadsafe(what)
