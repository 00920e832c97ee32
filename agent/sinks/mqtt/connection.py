"""One MQTT connection, from CONNECT to its end: v5, or 3.1.1 where the station file says so.

Laws:
    1. A message is delivered when its PUBACK says less than 0x80, and by nothing else (D-118).
    2. Whoever published is told exactly once: the reason code, or that the connection ended.
    3. paho's callbacks only note what they were told; all else is done after paho has returned,
       outside of its locks (PITFALLS Q4, Q7).
    4. Silence ends a connection: what is under way is answered within `SILENCE_S`, or it is thrown
       away, whatever paho believes of it.
    5. What is sent at QoS 0 is never confirmed, but a broker that answers a ping has read all that
       was sent before it: `prove` tells when.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Self

from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.sinks.mqtt.ending import how_it_ended
from agent.sinks.mqtt.login import End, Limits, Login
from agent.sinks.mqtt.packets import (
    EVENT,
    LARGEST_FOR_US,
    connect_properties,
    no_properties,
    with_will_reason,
)
from agent.sinks.mqtt.reaching import reach
from agent.sinks.mqtt.reasons import REFUSED, not_connected
from agent.sinks.mqtt.wire import Wire, WireClient

__all__ = ["Connection", "End", "Limits", "Login"]

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

_NOTHING_RETAINED, _WHAT_IS_RETAINED = 2, 0
MOST_UNREAD = 32
"""Messages to us that wait for the loop's next turn; more are dropped."""
SILENCE_S = 30
"""Ticks (seconds) without an answer after which a connection is thrown away."""


Answered = Callable[[int | End], None]
"""Told the reason code, or how the connection ended without one."""


class Connection:
    """One client object over one transport; made by `dial`, then `greet`, then used."""

    MOST_BYTES: ClassVar[int] = LARGEST_FOR_US
    """What is kept of a message to us; what is longer is cut."""

    def __init__(self, wire: Wire, login: Login) -> None:
        loop = asyncio.get_running_loop()
        self.limits = Limits()
        self.ended: asyncio.Future[End] = loop.create_future()
        self._loop = loop
        self._wire = wire
        self._login = login
        self._client = WireClient(
            wire, login.client_id, is_v5=login.is_v5, most_bytes=self.MOST_BYTES
        )
        self._connack: asyncio.Future[tuple[int, Properties]] = loop.create_future()
        self._under_way: dict[int, tuple[int, Answered]] = {}
        self._acknowledged: list[tuple[int, int]] = []
        self._disconnected: int | None = None
        self.on_message: Callable[[str, bytes, bool], None] = lambda _topic, _payload, _kept: None
        """Told each message to us: topic, payload, and whether the broker had retained it."""
        self._unread: list[tuple[str, bytes, bool]] = []
        self._proofs: list[tuple[int, int, Callable[[], None]]] = []
        """Of each: the ping, the tick at which it was sent, and who wants to know."""
        self._subscribed: asyncio.Future[int] = loop.create_future()
        self._tick = self._held = 0
        """Seconds in which something was read, and in which nothing could be."""
        self._writing = False
        wire.on_change = self._changed
        self._set_up()

    # ------------------------------------------------------------- beginning

    @classmethod
    async def dial(cls, login: Login, known: dict[str, str] | None = None) -> Self:
        """Return a connection whose transport is up (DNS, TCP, TLS), MQTT not yet begun.

        Args:
            login: Where to, and as whom.
            known: The last good address of each name, used where nobody knows the name any more
                (N09); over TLS the certificate has to fit the name all the same.

        Raises:
            OSError: there is no way to the broker; ssl.SSLError is one.
        """
        return cls(await reach(login, {} if known is None else known), login)

    async def greet(self) -> str | None:
        """Send CONNECT; return None when the broker has accepted us, else why not."""
        self._connect()
        await asyncio.wait((self._connack, self.ended), return_when=asyncio.FIRST_COMPLETED)
        if not self._connack.done():
            return self._login.unanswered(self.ended.result().cause)
        code, properties = self._connack.result()
        if code:
            return not_connected(code)
        if getattr(properties, "MaximumQoS", 1) < 1:
            return not_connected(0x9B)
        self.limits = Limits(
            receive_maximum=getattr(properties, "ReceiveMaximum", 65535),
            packet_bytes=getattr(properties, "MaximumPacketSize", 268_435_455),
            retain=bool(getattr(properties, "RetainAvailable", 1)),
        )
        return None

    def _connect(self) -> None:
        login = self._login
        if login.is_v5:
            self._client.connect(
                login.host,
                login.port,
                keepalive=login.keepalive_s,
                clean_start=True,
                properties=connect_properties(),
            )
        else:  # its clean session is the client's own
            self._client.connect(login.host, login.port, keepalive=login.keepalive_s)

    async def listen(self, topic: str, *, retained: bool = False) -> int:
        """Subscribe at QoS 1; return the reason code, REFUSED where none came.

        What was retained there is sent to us only with `retained`: it would be no request. In 3.1.1
        it always is.
        """
        self._subscribed = self._loop.create_future()
        if self._login.is_v5:
            kept = _WHAT_IS_RETAINED if retained else _NOTHING_RETAINED
            options = SubscribeOptions(qos=1, noLocal=True, retainHandling=kept)
            self._client.subscribe(topic, options=options)
        else:
            self._client.subscribe(topic, qos=1)
        await asyncio.wait((self._subscribed, self.ended), return_when=asyncio.FIRST_COMPLETED)
        return self._subscribed.result() if self._subscribed.done() else REFUSED

    def ignore(self, topic: str) -> None:
        """Take nothing more that comes there."""
        self._client.unsubscribe(topic)

    def certificate(self) -> bytes:
        """Return the broker's certificate in DER; empty without TLS, and once it has hung up."""
        transport = self._wire.transport
        encrypted = transport.get_extra_info("ssl_object") if transport is not None else None
        with contextlib.suppress(ValueError):  # a connection that is over has none any more
            return (encrypted.getpeercert(binary_form=True) or b"") if encrypted else b""
        return b""

    # ------------------------------------------------------------- publishing

    @staticmethod
    def packet_bytes(topic: str, payload: bytes) -> int:
        """Return how large an event's packet is on the wire."""
        rest = 2 + len(topic) + 2 + len(EVENT.packed) + len(payload)
        return 1 + max(1, -(-rest.bit_length() // 7)) + rest

    @property
    def strays(self) -> int:
        """How many acknowledgements came for nothing that was under way."""
        return self._client.strays

    def publish_event(self, topic: str, payload: bytes, answered: Answered) -> None:
        """Send an event at QoS 1."""
        self._publish(topic, payload, EVENT, retain=False, answered=answered)

    def publish_reply(self, topic: str, payload: bytes, answered: Answered, *, qos: int) -> None:
        """Send part of an answer; at QoS 0 it takes no place in the broker's receive maximum."""
        if qos:
            self._publish(topic, payload, EVENT, retain=False, answered=answered)
            return
        if not self.ended.done():
            self._client.publish(topic, payload, qos=0, properties=EVENT)
        answered(self.ended.result() if self.ended.done() else 0)

    def publish_retained(self, topic: str, payload: bytes) -> asyncio.Future[int | End]:
        """Send at QoS 1, to be kept by the broker where it can; done with the reason code."""
        return self.publish_confirmed(topic, payload, retain=self.limits.retain)

    def publish_confirmed(
        self, topic: str, payload: bytes, *, retain: bool = False
    ) -> asyncio.Future[int | End]:
        """Send at QoS 1; done with the reason code."""
        done: asyncio.Future[int | End] = self._loop.create_future()

        def answered(answer: int | End) -> None:
            if not done.done():
                done.set_result(answer)

        self._publish(topic, payload, None, retain=retain, answered=answered)
        return done

    def publish_unconfirmed(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        """Send at QoS 0, kept by the broker unless told not: it takes no place in the window."""
        self._client.publish(topic, payload, qos=0, retain=retain and self.limits.retain)

    def prove(self, proven: Callable[[], None]) -> None:
        """Tell when the broker has read all that was sent until now; never, if it ends before."""
        if not self.ended.done():
            self._client.ping()
            self._proofs.append((self._client.pings, self._tick, proven))

    def _publish(
        self,
        topic: str,
        payload: bytes,
        properties: Properties | None,
        *,
        retain: bool,
        answered: Answered,
    ) -> None:
        if self.ended.done():
            answered(self.ended.result())
            return
        sent = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        self._under_way[sent.mid] = (self._tick, answered)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._end(End(f"could not be written to ({sent.rc.name})", hung_up=False))

    # ------------------------------------------------------------- living and ending

    def tick(self) -> None:
        """Do what is due each second: keep the connection alive, notice that it is not.

        While nothing is read, silence is ours and not the broker's. It hears from us all the same.
        """
        if self._wire.is_held_up:
            self._held += 1
            if self._held % max(1, self._login.keepalive_s // 2) == 0:
                self._client.ping()
            return
        self._tick += 1
        oldest = next(iter(self._under_way.values()), (self._tick,))[0]
        if self._proofs:
            oldest = min(oldest, self._proofs[0][1])
        if self._tick - oldest >= SILENCE_S:
            self._end(End(f"did not confirm for {SILENCE_S} s; connecting anew", hung_up=False))
            return
        self._client.loop_misc()
        self._changed()

    async def leave(self, *, with_will: bool = False) -> None:
        """Send DISCONNECT and wait until the transport closed.

        The will stays unspoken, unless it is asked for; in 3.1.1 it always does.
        """
        if not self.ended.done():
            spoken = with_will and self._login.is_v5
            self._client.disconnect(reasoncode=with_will_reason() if spoken else None)
            self._client.loop_write()
            self._wire.flush()
            self._end(End("left", hung_up=False), gently=True)
        await asyncio.shield(self._wire.closed)

    def abort(self) -> None:
        """Drop the connection at once."""
        self._end(End("given up", hung_up=False))

    def _end(self, end: End, *, gently: bool = False) -> None:
        if self.ended.done():
            return
        self.ended.set_result(end)
        self._client.on_socket_register_write = None
        if gently:
            self._wire.close()
        else:
            self._wire.abort()
        waiting, self._under_way = self._under_way, {}
        for _, answered in waiting.values():
            answered(end)

    # ------------------------------------------------------------- driving paho

    def _set_up(self) -> None:
        client, login = self._client, self._login
        if login.user is not None:
            client.username_pw_set(login.user, login.password)
        if login.will_topic:
            client.will_set(login.will_topic, login.will, qos=1, retain=login.will_retained)
        client.on_connect = self._note_connack
        client.on_publish = self._note_acknowledgement
        client.on_disconnect = self._note_disconnect
        client.on_message = self._note_message
        client.on_subscribe = self._note_subscription
        client.on_socket_register_write = lambda *_: self._write_soon()

    def _note_connack(
        self,
        _client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if not self._connack.done():
            self._connack.set_result(
                (reason.value, properties or no_properties(PacketTypes.CONNACK))
            )

    def _note_acknowledgement(
        self,
        _client: Client,
        _userdata: object,
        mid: int,
        reason: ReasonCode,
        _properties: Properties,
    ) -> None:
        self._acknowledged.append((mid, reason.value))

    def _note_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if len(self._unread) < MOST_UNREAD:
            self._unread.append((message.topic, bytes(message.payload), bool(message.retain)))

    def _note_subscription(
        self,
        _client: Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if not self._subscribed.done():
            self._subscribed.set_result(reasons[0].value)

    def _note_disconnect(
        self,
        _client: Client,
        _userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self._disconnected = reason.value
        elif self._disconnected is None:
            self._disconnected = -1

    def _write_soon(self) -> None:
        if not self._writing:
            self._writing = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._writing = False
        self._client.loop_write()
        self._wire.flush()

    def _changed(self) -> None:
        """Let paho read what arrived, then act on what it noted."""
        while self._wire.readable or self._wire.closed.done():
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        acknowledged, self._acknowledged = self._acknowledged, []
        for mid, code in acknowledged:
            _, answered = self._under_way.pop(mid, (0, None))
            if answered is not None:
                answered(code)
        while self._proofs and self._proofs[0][0] <= self._client.pongs:
            self._proofs.pop(0)[2]()
        unread, self._unread = self._unread, []
        for topic, payload, is_retained in unread:
            self.on_message(topic, payload, is_retained)
        if self._disconnected is not None or self._wire.closed.done():
            closed = self._wire.closed
            self._end(how_it_ended(self._disconnected, closed.result() if closed.done() else None))
