"""A connection that reads: the broker keeps its session, and nothing is confirmed by itself.

Laws:
    1. A message is confirmed by `confirm` alone, on the connection that it came over, in the order
       in which messages came (paho: `manual_ack`, of which it keeps no account: an identifier is
       good for one connection, and is not remembered).
    2. What is not confirmed comes again after the next connect, as long as the broker keeps the
       session; no more than `window` messages are under way, so memory is bounded. With a broker
       that sends more all the same (Mosquitto 2.0.11, once it gets confirmations) nothing more is
       read while twice as many wait; for as long, the broker's silence ends nothing.
    3. What is only of interest as it is now (`health`, `position`) is read at QoS 0, and the newest
       of each topic is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.sinks.mqtt.connection import Connection
from agent.sinks.mqtt.login import Login
from agent.sinks.mqtt.packets import no_properties
from agent.sinks.mqtt.reasons import REFUSED
from agent.sinks.mqtt.topics import path_segments
from agent.sinks.mqtt.wire import Wire

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

DEEPEST = 16
"""Levels that a station's path may have to be found: a filter with an end has no `#` inside."""
LARGEST = 16 << 20
"""Bytes of a packet that the broker may send us."""
MOST_UNASKED = 10_000
"""Messages at QoS 0 that wait, as a bridge may send them; more are dropped, and asked for later."""
_NO_SHARING = 0x9E
_AS_IT_IS_NOW = ("/position", "/health")
_EVENT_LEVELS = "/events/+"


@dataclass(frozen=True, slots=True)
class Message:
    """One message that is not confirmed yet."""

    topic: str
    payload: bytes
    mid: int
    """0: it came at QoS 0, and there is nothing to confirm."""


class Subscription(Connection):
    """One connection of a reader."""

    MOST_BYTES = LARGEST

    def __init__(self, wire: Wire, login: Login) -> None:
        super().__init__(wire, login)
        self.inbox: deque[Message] = deque()
        self.newest: dict[str, bytes] = {}
        """What stations said of themselves since somebody looked, by topic."""
        self.came = asyncio.Event()
        """Set when there is something in either."""
        self.is_resumed = False
        """Whether the broker still had the session."""
        self._client.manual_ack_set(on=True)

    def _connect(self) -> None:
        properties = no_properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = self._login.session_s
        properties.ReceiveMaximum = self._login.window
        properties.MaximumPacketSize = LARGEST
        self._client.connect(
            self._login.host,
            self._login.port,
            keepalive=self._login.keepalive_s,
            clean_start=False,
            properties=properties,
        )

    async def subscribe(self, filters: Iterable[tuple[str, int]]) -> str | None:
        """Subscribe to (filter, QoS); return None when the broker took them all, else why not."""
        self._client.subscribe([(name, SubscribeOptions(qos=qos)) for name, qos in filters])
        await asyncio.wait((self._subscribed, self.ended), return_when=asyncio.FIRST_COMPLETED)
        if not self._subscribed.done():
            return self.ended.result().cause
        code = self._subscribed.result()
        if code == _NO_SHARING:
            return "shares no subscriptions; leave out --group, and run one collector"
        if code >= REFUSED:
            return f"lets us not subscribe (0x{code:02X}); allow it in the broker's access list"
        return None

    def unsubscribe(self, filters: Iterable[str]) -> None:
        """Take no more of these: a session that was kept may still have them."""
        self._client.unsubscribe(list(filters))

    def confirm(self, messages: Iterable[Message]) -> None:
        """Let the broker forget messages that came over this connection."""
        if self.ended.done():
            return
        if len(self.inbox) <= self._login.window and self._wire.is_held_up:
            self._wire.go_on()
            self._client.wait_anew()
        for message in messages:
            if message.mid:
                self._client.ack(message.mid, 1)

    # ------------------------------------------------------------- told by paho

    def _note_connack(
        self,
        _client: Client,
        _userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self.is_resumed = flags.session_present
        super()._note_connack(_client, _userdata, flags, reason, properties)

    def _note_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # it is none of ours, and is confirmed all the same
        if topic.endswith(_AS_IT_IS_NOW):
            self.newest[topic] = bytes(message.payload)
        elif message.qos or len(self.inbox) < MOST_UNASKED:
            mid = message.mid if message.qos else 0
            self.inbox.append(Message(topic, bytes(message.payload), mid))
            if len(self.inbox) >= 2 * self._login.window:
                self._wire.hold_up()
        self.came.set()

    def _note_subscription(
        self,
        _client: Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if not self._subscribed.done():
            self._subscribed.set_result(max(reason.value for reason in reasons))


def filters(root: str, under: str, name: str, group: str | None) -> Iterator[tuple[str, int]]:
    """Yield what a collector subscribes to, as (filter, QoS).

    Args:
        root: First part of every topic.
        under: Which stations: a path of names and `+`, and `#` at its end for all below.
        name: The branch of `reply` where it is answered.
        group: Whose members share the events; None: all of them are for this one.
    """
    shared = "" if group is None else f"$share/{group}/"
    for place in _places(under):
        base = f"{root}/v1/{place}"
        yield f"{shared}{base}{_EVENT_LEVELS}", 1
        yield f"{base}/reply/{name}", 1
        yield f"{base}/position", 0
        yield f"{base}/health", 0


def _places(under: str) -> Iterator[str]:
    """Yield a filter for each depth of the stations' paths."""
    levels = under.split("/")
    if levels[-1] != "#":
        yield under
        return
    fixed = levels[:-1]
    for more in range(0 if fixed else 1, DEEPEST - len(fixed) + 1):
        yield "/".join([*fixed, *["+"] * more])


def stations_filter(text: str) -> str:
    """Return which stations are meant, as given.

    Raises:
        ValueError: it is no filter over stations' paths.
    """
    levels = text.split("/")
    if levels[-1] == "#":
        levels.pop()
    if len(levels) > DEEPEST:
        raise ValueError(f"{text!r} has more than {DEEPEST} levels")
    for level in levels:
        if level != "+":
            path_segments(level)
    return text
