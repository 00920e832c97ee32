"""The other side: a consumer that subscribes, for commands that look at what a broker passes on.

Unlike a sink it has nothing to lose: paho's own thread keeps it connected, and whatever arrives is
handed to the loop in the order of its arrival.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.sinks.mqtt import NEWEST, MqttOptions
from agent.sinks.mqtt.dialling import tls_context, why_unreachable
from agent.sinks.mqtt.reasons import REFUSED, not_connected

CONNECT_S = 15.0
RETRY_S = 1

Hear = Callable[[str, bytes, bool], None]
"""Takes topic, payload, and whether the broker had retained it; called on the loop."""


class ListenError(Exception):
    """The broker cannot be listened to; the text names it and says what to do."""


class Listener:
    """Subscribed for as long as there is a broker, and again when there is one again."""

    def __init__(
        self, options: MqttOptions, password: str | None, topics: Sequence[str], hear: Hear
    ) -> None:
        self._options = options
        self._topics = topics
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._begun: asyncio.Future[str] = self._loop.create_future()
        """Done with why there is no subscription; empty: there is one."""
        is_v5 = options.version == NEWEST
        client = self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=options.client_id or "",
            clean_session=None if is_v5 else True,
            protocol=mqtt.MQTTv5 if is_v5 else mqtt.MQTTv311,
        )
        client.suppress_exceptions = True  # a bug must not stop its thread (PITFALLS Q4)
        client.reconnect_delay_set(RETRY_S, RETRY_S)
        if options.user is not None:
            client.username_pw_set(options.user, password)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        self._was_closed = False
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message

    async def start(self) -> None:
        """Return when the broker has taken the subscription.

        Raises:
            ListenError: it has not, or cannot be reached.
        """
        options = self._options
        where = f"broker {options.host}:{options.port}"
        try:
            if options.tls:
                self._client.tls_set_context(tls_context(options))
            await asyncio.to_thread(self._client.connect, options.host, options.port)
        except OSError as error:
            raise ListenError(f"{where}: {why_unreachable(error)}") from error
        self._client.loop_start()
        try:
            async with asyncio.timeout(CONNECT_S):
                why = await asyncio.shield(self._begun)
        except TimeoutError:
            why = f"did not answer within {CONNECT_S:g} s; check the network and the URL"
            if self._was_closed:
                why = "closes the connection; check the URL, and whether it wants a certificate"
        if why:
            await self.stop()
            raise ListenError(f"{where}: {why}")

    def ask(self, topic: str, payload: bytes) -> None:
        """Publish a request at QoS 1."""
        self._client.publish(topic, payload, qos=1)

    async def stop(self) -> None:
        """Say goodbye and end the client's thread."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
        # It closes its last sockets when nobody holds it any more: let go in both directions.
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None
        self._client.on_disconnect = None
        del self._client

    # ------------------------------------------------------------- in paho's thread

    def _on_connect(
        self,
        client: mqtt.Client,
        _data: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.value:
            self._call(lambda: self._begin(not_connected(reason.value)))
            return
        client.subscribe([(topic, 1) for topic in self._topics])

    def _on_disconnect(self, *_: object) -> None:
        self._was_closed = True  # it is asked again meanwhile

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _data: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = any(reason.value >= REFUSED for reason in reasons)
        why = "lets us not subscribe; allow it in the broker's access list" if refused else ""
        self._call(lambda: self._begin(why))

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        topic, payload, is_retained = message.topic, bytes(message.payload), bool(message.retain)
        self._call(lambda: self._hear(topic, payload, is_retained))

    def _begin(self, why: str) -> None:
        if not self._begun.done():
            self._begun.set_result(why)

    def _call(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody listens any more
            self._loop.call_soon_threadsafe(what)
