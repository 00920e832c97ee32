"""A broker in memory and a station that is elsewhere, for tests of who follows it.

The broker keeps one session: what was not confirmed comes again over the next connection. What a
station retains comes at each connect, as a broker has it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from agent.app.attached import Outside, Wanted
from agent.formats.cloudevents import envelope
from agent.ports import Row
from agent.sinks.mqtt.login import End
from agent.sinks.mqtt.subscription import Message
from tests.doubles import settled
from tests.histories import STATION, History, epoch

ROOT = f"lineside/v1/{STATION}"


class Connection:
    """One connection of the reader."""

    def __init__(self, broker: Broker) -> None:
        self.inbox: deque[Message] = deque(broker.unconfirmed.values())
        self.newest: dict[str, bytes] = dict(broker.retained)
        self.ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._broker = broker

    def confirm(self, messages: Iterable[Message]) -> None:
        """Forget messages, if this connection still is."""
        for message in messages:
            if not self.ended.done():
                self._broker.unconfirmed.pop(message.mid, None)

    def publish_event(
        self, topic: str, payload: bytes, answered: Callable[[int | End], None]
    ) -> None:
        """Hand a request on to whoever answers it."""
        answered(0)
        self._broker.asked.append((topic, orjson.loads(payload)))
        self._broker.on_request(orjson.loads(payload)["resend"])


class Broker:
    """A broker in the process: it may be away, and keeps one reader's session."""

    def __init__(self) -> None:
        self.unconfirmed: dict[int, Message] = {}
        self.retained: dict[str, bytes] = {}
        self.asked: list[tuple[str, Any]] = []
        self.on_request: Callable[[dict[str, Any]], None] = lambda _request: None
        self.is_up = True
        self._came_up = asyncio.Event()
        self._links: list[Link] = []
        self._numbers = 0

    def attach(self, wanted: Wanted, outside: Outside, came: asyncio.Event) -> Link:
        """Let a reader attach itself."""
        link = Link(self, wanted, outside, came)
        self._links.append(link)
        return link

    async def go(self, *, up: bool) -> None:
        """Go away, or come back."""
        self.is_up = up
        self._came_up.set()
        self._came_up = asyncio.Event()
        for link in self._links:
            if not up and link.subscription is not None:
                link.end("gone")
        await settled()

    async def wait(self) -> None:
        """Return when it may have come back."""
        await self._came_up.wait()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send at QoS 1."""
        self._numbers += 1
        message = Message(topic, payload, self._numbers)
        self.unconfirmed[message.mid] = message
        for link in self._links:
            link.hand(message)

    def retain(self, topic: str, payload: bytes) -> None:
        """Send at QoS 0, and keep it."""
        self.retained[topic] = payload
        for link in self._links:
            link.show(topic, payload)


class Link:
    """How the reader is attached: what `Attachment` is over the network."""

    def __init__(
        self, broker: Broker, wanted: Wanted, outside: Outside, came: asyncio.Event
    ) -> None:
        self.subscription: Connection | None = None
        self.wanted = wanted
        self._broker, self._outside, self._came = broker, outside, came

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self.subscription is not None and not self.subscription.ended.done()

    async def keep(self) -> None:
        """Connect whenever the broker is there."""
        while True:
            if self._broker.is_up and not self.is_connected:
                self.subscription = Connection(self._broker)
                self._came.set()
                self._outside.news()
            await self._broker.wait()

    async def leave(self) -> None:
        """Say goodbye."""
        if self.is_connected:
            self.end("left")

    def end(self, cause: str) -> None:
        """End the connection that there is."""
        assert self.subscription is not None
        if not self.subscription.ended.done():
            self.subscription.ended.set_result(End(cause, hung_up=False))
        self._outside.news()

    def hand(self, message: Message) -> None:
        """Hand a message over."""
        if self.is_connected and self.subscription is not None:
            self.subscription.inbox.append(message)
            self._came.set()

    def show(self, topic: str, payload: bytes) -> None:
        """Hand over what a station says of itself."""
        if self.is_connected and self.subscription is not None:
            self.subscription.newest[topic] = payload
            self._came.set()


class Elsewhere:
    """A station of another gateway: its history, and what of it the broker gets."""

    def __init__(self, broker: Broker) -> None:
        self.history = History()
        self.answers = True
        """Whether it sends again what it is asked for."""
        self.first_kept = 0
        """Rows that it has deleted."""
        self._broker = broker
        self._sent = 0
        broker.on_request = self._answer

    async def begin(self, number: int = 1) -> None:
        """Start an epoch, be online and say where it stands."""
        self.history.start(number)
        self.online(up=True)
        await self.send()

    def online(self, *, up: bool) -> None:
        """Be there or not, as the retained `health` says."""
        newest = self.history.rows[-1]
        self._broker.retain(f"{ROOT}/health", orjson.dumps({"online": up, "epoch": newest.epoch}))

    async def send(self, *, without: Iterable[int] = (), last: int = 0) -> None:
        """Publish what was added, and where it stands.

        Args:
            without: Places in what was added that the broker loses.
            last: So many of the newest are not sent yet.
        """
        rows = self.history.rows
        upto = len(rows) - last
        for at, row in enumerate(rows[self._sent : upto]):
            if at not in set(without):
                self.publish(row)
        self._sent = upto
        self.position()
        await settled()

    def publish(self, row: Row, body: bytes | None = None) -> None:
        """Publish one event, or what stands in its place."""
        payload = envelope(row.body) if body is None else body
        self._broker.publish(f"{ROOT}/events/{row.kind}", payload)

    def position(self) -> None:
        """Say where the journal stands."""
        newest, first = self.history.rows[-1], self.history.rows[self.first_kept]
        said = {
            "epoch": newest.epoch,
            "first_kept": str(first.address),
            "last_seq": newest.seq,
            "last_hash": newest.hash,
        }
        self._broker.retain(f"{ROOT}/position", orjson.dumps(said))

    def _answer(self, asked: dict[str, Any]) -> None:
        """Send again what is asked for, and close the answer."""
        if not self.answers:
            return
        topic = f"{ROOT}/reply/{asked['reply_to']}"
        rows = [
            row
            for row in self.history.rows[self.first_kept :]
            if row.epoch == asked["epoch"] and asked["from"] <= row.seq <= asked["to"]
        ]
        for row in rows:
            self._broker.publish(topic, envelope(row.body, resend=True))
        end = {
            "epoch": asked["epoch"],
            "from": asked["from"],
            "to": asked["to"],
            "sent": len(rows),
            "unsent": [],
            "filtered": False,
            "follows": None,
        }
        self._broker.publish(topic, orjson.dumps(end))

    def address(self, number: int, seq: int) -> str:
        """Return the address of one of its events."""
        return f"{epoch(number)}-{seq}"
