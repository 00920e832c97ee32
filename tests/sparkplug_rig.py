"""A Sparkplug session without a network: what it says is judged at once, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from agent.ports import Address, Files, SinkDownError
from agent.sinks.mqtt.connection import Connection
from agent.sinks.mqtt.login import End, Limits
from agent.sinks.options import Live, MachineNow, Oddity, SinkPlace
from agent.sinks.sparkplug.memory import Memory
from agent.sinks.sparkplug.node import EdgeNode
from agent.sinks.sparkplug.session import Parts, Session
from agent.sinks.sparkplug.states import States
from agent.sinks.sparkplug.topics import Topics
from agent.sinks.values import ValueFeed
from drivers.base import Quality, Scalar
from tests.doubles import EPOCH, InlineWorker, ManualClock, nothing_aside, nothing_read
from tests.peers.mqtt_packets import Connect, Publish
from tests.peers.sparkplug_rules import Rules, Seen
from tests.shown import Shown, tag_value

GROUP, NODE = "acme", "press-07"
PATH = Path("sparkplug-live.json")
WILL_AT_QOS_1 = 1 << 3 | 4


class MemoryFiles:
    """The few files that a sink keeps, without a disk; a write can fail."""

    def __init__(self) -> None:
        self.content: dict[Path, bytes] = {}
        self.error: OSError | None = None

    def read(self, path: Path, offset: int = 0, limit: int = -1) -> bytes | None:
        """Return a file."""
        found = self.content.get(path)
        return None if found is None else found[offset:][: None if limit < 0 else limit]

    def create(self, path: Path, content: bytes) -> None:
        """Write a new file."""
        if self.error is not None:
            raise self.error
        assert path not in self.content
        self.content[path] = content

    def replace(self, source: Path, target: Path) -> None:
        """Give a file another's name."""
        self.content[target] = self.content.pop(source)

    def remove(self, path: Path) -> None:
        """Remove a file if it is there."""
        self.content.pop(path, None)


def files_of(files: MemoryFiles) -> Files:
    """Return them as the port; what a sink does not use is not there."""
    return cast("Files", files)


class Wire:
    """A connection that takes everything and gives it to the rules; proofs come when asked for."""

    def __init__(self, rules: Rules, packet_bytes: int) -> None:
        self.limits = Limits(packet_bytes=packet_bytes)
        self.ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self.on_message: Callable[[str, bytes, bool], None] = lambda _t, _p, _r: None
        self.proofs: list[tuple[int, Callable[[], None]]] = []
        self.received: list[Seen] = []
        """What was sent before a ping that was answered: the rest may never have arrived."""
        self._rules = rules
        self._read_to = len(rules.seen)

    def publish_unconfirmed(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Judge it."""
        self._rules.publish(Publish(topic=topic, payload=payload, retain=retain))

    def prove(self, proven: Callable[[], None]) -> None:
        """Keep it until the broker answers."""
        self.proofs.append((len(self._rules.seen), proven))

    def hear(self, topic: str, payload: bytes) -> None:
        """Let the node have a message that somebody just published."""
        self.on_message(topic, payload, False)  # noqa: FBT003 - as paho has it

    def answer(self) -> None:
        """Let the broker have read all that was sent."""
        proofs, self.proofs = self.proofs, []
        for read_to, proven in proofs:
            self.received += self._rules.seen[self._read_to : read_to]
            self._read_to = read_to
            proven()


class SparkplugRig:
    """An edge node, its station and its judge."""

    def __init__(
        self, tags: Mapping[str, tuple[str, ...]], *, most: int = 100_000, has_machine: bool = True
    ) -> None:
        self.clock = ManualClock()
        self.rules = Rules(GROUP, NODE)
        self.feed = ValueFeed(tags, most)
        self.files = MemoryFiles()
        self.states = States()
        self.machine: MachineNow | None = MachineNow(as_of=Address(EPOCH, 0))
        if not has_machine:
            self.machine = None
        self.memory = Memory(PATH, files_of(self.files))
        self.node = EdgeNode(self.memory, self.feed, has_machine=has_machine)
        self.counts: Counter[str] = Counter()
        self.received: list[Seen] = []
        """What the broker is known to have read in the sessions that are over."""
        self.topics = Topics(GROUP, NODE, None)
        self.wire: Wire | None = None
        self.session: Session | None = None
        self._shown = Shown(self.feed, self.clock)

    # ------------------------------------------------------------- sessions

    def begin(self, packet_bytes: int = 268_435_455) -> Session:
        """Connect and be born."""
        wire = self.wire = Wire(self.rules, packet_bytes)
        self.memory.read()
        self.node.begin(self.memory.begin(self.node.keys()))
        will = self.node.death(self.clock.now().wall_ms)
        self.rules.connect(
            Connect(
                client_id="node",
                clean_start=True,
                keepalive=20,
                properties=b"",
                will=Publish(topic=self.topics.ndeath, payload=will),
                flags=WILL_AT_QOS_1,
            )
        )
        for topic in (self.topics.ncmd, self.topics.dcmd):
            self.rules.subscribe(topic, 1)
        session = self.session = Session(cast("Connection", wire), self._parts())
        session.bear()
        return session

    def _parts(self) -> Parts:
        live = Live(feed=self.feed, machine=lambda: self.machine, files=files_of(self.files))
        place = SinkPlace(
            name="live",
            station=f"{GROUP}/{NODE}",
            directory=Path(),
            clock=self.clock,
            worker=InlineWorker(),
            position=lambda: None,
            status=lambda: {"ready": True, "reason": "ready"},
            read=nothing_read,
            set_aside=nothing_aside,
            secret=lambda reference: reference,
            warn=lambda _reason, _text: None,
            live=live,
        )
        return Parts(
            place=place,
            live=live,
            topics=self.topics,
            node=self.node,
            states=self.states,
            wake=lambda: None,
            count=self._count,
            warn=lambda reason, _text: self._count(reason),
            down=SinkDownError,
        )

    def _count(self, reason: Oddity) -> None:
        self.counts[reason] += 1

    def end(self) -> None:
        """Lose the connection, and with it what the broker has not read."""
        assert self.session is not None
        assert self.wire is not None
        self.received += self.wire.received
        self.session.give_back(SinkDownError("gone"))
        self.session = self.wire = None

    def work(self) -> None:
        """Say what is due, and have the broker answer."""
        assert self.session is not None
        assert self.wire is not None
        self.session.work()
        self.wire.answer()

    # ------------------------------------------------------------- the station

    def link(self, device: str, *, up: bool) -> None:
        """Let a device come or go."""
        self._shown.link(device, up=up)

    def show(
        self,
        device: str,
        tag: str,
        value: Scalar | None,
        quality: Quality = Quality.GOOD,
        code: str = "",
    ) -> None:
        """Let a tag have a value; None is a bad one."""
        self._shown.values(device, tag_value(tag, value, quality, code))
