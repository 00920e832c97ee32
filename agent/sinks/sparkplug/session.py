"""One session of the edge node: what is said on one connection, from its births to its end.

Laws:
    1. Births come first and data after them; a rebirth stops data until it is out (D-126, D-128).
    2. What is sent counts as sent when the broker has answered a ping behind it. Until then it is
       kept, and given back when the session ends.
    3. A broker that takes no message so large is told apart from one that is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from agent.formats.sparkplug import DEVICE_REBIRTH, REBIRTH, PayloadError, decode
from agent.ports import SinkDownError
from agent.sinks.mqtt.connection import Connection
from agent.sinks.options import Live, Oddity, SinkPlace
from agent.sinks.sparkplug.host import PrimaryHost
from agent.sinks.sparkplug.node import DROPPED, READY, WHY, EdgeNode
from agent.sinks.sparkplug.states import States
from agent.sinks.sparkplug.topics import Topics
from agent.sinks.values import Sample, ValueFeed
from drivers.base import Scalar

TICK_S = 1.0
REBIRTH_EVERY_MS = 10_000
"""Several hosts may ask for births together, and again: they get them once in this time (D-128)."""
MOST_MESSAGES = 4
"""Messages of one device in one turn of the loop, some milliseconds: events must not wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What outlives a session."""

    place: SinkPlace
    live: Live
    topics: Topics
    node: EdgeNode
    states: States
    wake: Callable[[], None]
    """Lets the sink take its next turn at once."""
    count: Callable[[Oddity], None]
    warn: Callable[[Oddity, str], None]
    """Counts something, and tells it once a connection."""
    down: Callable[[str], SinkDownError]

    @property
    def feed(self) -> ValueFeed:
        """The values of tags."""
        return self.live.feed


class Session:
    """What is said on one connection."""

    def __init__(self, connection: Connection, parts: Parts) -> None:
        self.connection = connection
        self.host = PrimaryHost()
        self.is_begun = False
        """Whether the broker has accepted us and our subscriptions."""
        self.is_born = False
        self._parts = parts
        self._node = parts.node
        self._reborn_ms: dict[str, int] = {}
        """Boot time of each device's newest rebirth; of the whole node under the empty name."""
        self._wants_birth = False
        self._wanted_devices: dict[str, None] = {}
        """Devices whose births were asked for, in that order."""
        self._unproven: list[Sample] = []
        """Sent, and not yet behind an answered ping."""
        self._is_proving = False
        self._ticked_ms = parts.place.clock.now().boot_ms
        connection.on_message = self._heard
        connection.ended.add_done_callback(lambda _: parts.wake())

    # ------------------------------------------------------------- births

    def bear(self) -> None:
        """Say the NBIRTH and the DBIRTH of every device that is there.

        Raises:
            SinkDownError: the broker does not take messages so large.
        """
        now = self._parts.place.clock.now()
        self._refresh()
        if (machine := self._parts.live.machine()) is not None:
            self._parts.states.born(machine, self._node.values, now.wall_ms)
        self.is_born, self._wants_birth = True, False
        self._wanted_devices.clear()
        self._say(self._parts.topics.nbirth, self._node.birth(now.wall_ms), "the birth")
        self._bear_devices()

    def _bear_devices(self) -> None:
        for device in self._node.due_births(self._parts.place.clock.now().boot_ms):
            self._bear_device(device)

    def _bear_device(self, device: str) -> None:
        topic = self._parts.topics.device("DBIRTH", device)
        birth = self._node.device_birth(device, self._now_ms())
        self._say(topic, birth, f"the birth of '{device}'")

    # ------------------------------------------------------------- data

    def work(self) -> bool:
        """Say what is due: births before data, what was before what is; return if more waits."""
        now = self._parts.place.clock.now()
        if (self._wants_birth or self._node.needs_birth) and self._may_rebear(""):
            self.bear()
        self._rebear_devices()
        for device in self._node.due_deaths():
            death = self._node.device_death(device, now.wall_ms)
            self._say(self._parts.topics.device("DDEATH", device), death)
        self._bear_devices()
        self._show_states()
        has_more = [self._show_values(device) for device in self._node.born]
        self._prove()
        return any(has_more)

    def _rebear_devices(self) -> None:
        """Say the births of single devices that were asked for and are due."""
        for device in tuple(self._wanted_devices):
            if device not in self._node.born:
                del self._wanted_devices[device]
            elif self._may_rebear(device):
                del self._wanted_devices[device]
                self._bear_device(device)

    def _may_rebear(self, device: str) -> bool:
        """Whether births on a live session may be sent again; then that counts as one.

        What is asked for too soon comes when the time is over, once.
        """
        now_ms = self._parts.place.clock.now().boot_ms
        before_ms = self._reborn_ms.get(device)
        if before_ms is not None and now_ms - before_ms < REBIRTH_EVERY_MS:
            return False
        self._reborn_ms[device] = now_ms
        self._parts.count(Oddity.REBIRTHS)
        return True

    def _show_states(self) -> None:
        """Say the machine's states that came, and how the station is."""
        for historical in (True, False):
            if samples := self._parts.states.due(self._node.values, historical=historical):
                self._say_node(samples, historical=historical)
        if changed := self._refresh():
            self._say_node(changed)

    def _say_node(self, samples: Sequence[Sample], *, historical: bool = False) -> None:
        now_ms = self._now_ms()
        data = self._node.node_data(samples, now_ms, historical=historical)
        self._say(self._parts.topics.ndata, data)

    def _show_values(self, device: str) -> bool:
        """Say what waits for a device, oldest first; return whether more can be said at once."""
        topic = self._parts.topics.device("DDATA", device)
        for _ in range(MOST_MESSAGES):
            room = self._parts.feed.most - len(self._unproven)
            if room <= 0:
                return False
            taken = self._node.take(device, room)
            self._unproven += taken.known
            if taken.samples:
                self._say_values(topic, taken.samples)
            elif not taken.known:
                return False
        return True

    def _say_values(self, topic: str, samples: list[Sample]) -> None:
        """Say values; what is too large for the broker goes in halves, and one alone is dropped."""
        data = self._node.device_data(samples[0].device, samples, self._now_ms())
        if Connection.packet_bytes(topic, data) <= self.connection.limits.packet_bytes:
            self._say(topic, data)
            self._unproven += samples
        elif len(samples) == 1:
            self._parts.feed.dropped += 1
            self._parts.warn(
                Oddity.TOO_LARGE, f"tag '{samples[0].tag}': a value is too large for it"
            )
        else:
            half = len(samples) // 2
            self._say_values(topic, samples[:half])
            self._say_values(topic, samples[half:])

    def _say(self, topic: str, payload: bytes, what: str = "a message") -> None:
        """Send one message of the node at QoS 0, not retained."""
        size = Connection.packet_bytes(topic, payload)
        most = self.connection.limits.packet_bytes
        if size > most:
            raise self._parts.down(
                f"takes {most} bytes, and {what} has {size}; raise its limit, or choose `tags`"
            )
        self.connection.publish_unconfirmed(topic, payload, retain=False)
        self._node.sent()

    def _prove(self) -> None:
        """Ask for a sign behind what was sent; when it comes the broker has read all that."""
        if self._is_proving or not (self._unproven or self._parts.states.unproven):
            return
        self._is_proving = True
        values, states = len(self._unproven), self._parts.states.unproven
        self.connection.prove(partial(self._proven, values, states))

    def _proven(self, values: int, states: int) -> None:
        self._is_proving = False
        del self._unproven[:values]
        self._parts.states.proven(states)
        self._parts.wake()

    def _refresh(self) -> list[Sample]:
        """Return what is new about the station."""
        status = self._parts.place.status() or {}
        said: dict[str, Scalar | None] = {
            READY: bool(status.get("ready")),
            WHY: str(status.get("reason", "starting")),
            DROPPED: self._parts.feed.dropped,
        }
        return self._node.values.note(said, self._now_ms())

    def _now_ms(self) -> int:
        return self._parts.place.clock.now().wall_ms

    def tick(self) -> None:
        """Keep the connection alive, and notice that it is not: once a second, however busy."""
        now_ms = self._parts.place.clock.now().boot_ms
        if now_ms - self._ticked_ms >= TICK_S * 1000:
            self._ticked_ms = now_ms
            self.connection.tick()

    def give_back(self, error: SinkDownError) -> None:
        """Let what the broker is not known to have wait for the next session."""
        self._parts.feed.put_back(self._unproven)
        self._unproven.clear()
        self._parts.states.fail(error)

    # ------------------------------------------------------------- commands

    def _heard(self, topic: str, payload: bytes, is_retained: bool) -> None:  # noqa: FBT001 - as the connection says it
        self._parts.wake()
        if topic == self._parts.topics.state:
            if not self.host.take(payload):
                self._parts.warn(
                    Oddity.REFUSED_REQUESTS, f"{topic}: no STATE message of Sparkplug 3.0"
                )
            return
        device = self._parts.topics.commanded(topic)
        if device is None or is_retained:
            return  # a command that is kept by the broker is one of long ago
        try:
            metrics = decode(payload).metrics
        except PayloadError as error:
            self._parts.warn(Oddity.REFUSED_REQUESTS, f"{topic}: {error}")
            return
        rebirth = DEVICE_REBIRTH if device else REBIRTH
        for metric in metrics:
            if metric.name != rebirth or metric.value is not True:
                self._parts.warn(
                    Oddity.REFUSED_REQUESTS,
                    f"{topic}: nothing but {rebirth} is obeyed; tags are written for cycles alone",
                )
            elif device:
                self._wanted_devices[device] = None
            else:
                self._wants_birth = True
