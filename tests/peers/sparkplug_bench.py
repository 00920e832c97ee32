"""A Sparkplug sink as the agent wires it, and between it and the broker a wire that is listened to.

`Tap` passes bytes on and gives each packet of the node to the rules, so that flags and QoS are
judged as they were sent. `SparkplugBench` is a station with one PLC, whose values a test sets.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import orjson

from agent.core.events import EventTime, MachineStateChanged
from agent.formats.sparkplug import REBIRTH, DataType, Metric, Payload, encode
from agent.journal.chain import seal
from agent.journal.files import DiskFiles
from agent.ports import Address, Clock
from agent.publisher import Condition, Publisher, Quarantine, SinkState
from agent.sinks.options import Live, MachineNow, SinkPlace, position_of
from agent.sinks.sparkplug import SPEC
from agent.sinks.sparkplug.sink import SparkplugSink
from agent.sinks.values import ValueFeed
from drivers.base import Scalar
from tests.doubles import EPOCH, FastClock, InlineWorker, MemoryJournal, SeededRandom
from tests.peers.listener import Listener
from tests.peers.mqtt_bench import eventually, running
from tests.peers.mqtt_packets import (
    DISCONNECT,
    PUBLISH,
    SUBSCRIBE,
    Fields,
    length,
    parse_connect,
    parse_publish,
)
from tests.peers.sparkplug_rules import Rules, Seen
from tests.shown import Shown, tag_value

STATION = "acme/graz/press-07"
GROUP, NODE = "acme.graz", "press-07"
TAGS = {"plc": ("force", "count", "ok", "text"), "feeder": ("level",)}


class Tap(Listener):
    """A wire to the broker on a port of its own; it can be cut, and let no byte through."""

    def __init__(self, rules: Rules, broker_port: int) -> None:
        super().__init__()
        self.payloads: list[bytes] = []
        """Every Sparkplug payload of the node."""
        self._rules = rules
        self._broker_port = broker_port
        self._is_open = True

    @property
    def open_wires(self) -> int:
        """How many connections there are now."""
        return len(self._tasks)

    def hold_back(self) -> None:
        """Take what the node sends and pass none of it on, as a dead link does for a while."""
        self._is_open = False

    def pass_on(self) -> None:
        """Let the next packet through again, and what was held back before it."""
        self._is_open = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.append(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._join(reader, writer)
        finally:
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the node says; its CONNECT is judged though no broker may be there."""
        first, body = await _packet(reader)
        connect = parse_connect(body)
        self._rules.connect(connect)
        if connect.will is not None:
            self.payloads.append(connect.will.payload)
        there, back = await asyncio.open_connection("127.0.0.1", self._broker_port)
        self._writers.append(back)
        returning = asyncio.create_task(_pass(there, writer))
        try:
            back.write(_whole(first, body))
            held: list[bytes] = []
            while True:
                first, body = await _packet(reader)
                self._judge(first, body, is_v5=connect.level == 5)
                held.append(_whole(first, body))
                if self._is_open:
                    back.write(b"".join(held))
                    held.clear()
        finally:
            back.transport.abort()
            await asyncio.gather(returning, return_exceptions=True)

    def _judge(self, first: int, body: bytes, *, is_v5: bool) -> None:
        kind = first >> 4
        if kind == PUBLISH:
            publish = parse_publish(first & 15, body, is_v5=is_v5)
            self.payloads.append(publish.payload)
            self._rules.publish(publish)
        elif kind == SUBSCRIBE:
            fields = Fields(body)
            fields.number(2)
            if is_v5:
                fields.properties()
            self._rules.subscribe(fields.counted().decode(), fields.number(1) & 3)
        elif kind == DISCONNECT:
            self._rules.disconnect(body)


def _whole(first: int, body: bytes) -> bytes:
    return bytes([first]) + length(len(body)) + body


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first = (await reader.readexactly(1))[0]
    size = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        size |= (digit & 127) << shift
        shift += 7
        if not digit & 128:
            return first, await reader.readexactly(size)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while some := await reader.read(65536):
            writer.write(some)
    writer.transport.abort()


def rebirth(name: str = REBIRTH, *, value: bool = True) -> bytes:
    """Return a host's command."""
    metric = Metric(name=name, timestamp_ms=1, datatype=DataType.BOOLEAN, value=value)
    return encode(Payload(timestamp_ms=1, seq=None, metrics=(metric,)), with_types=True)


def state(*, online: bool, at_ms: int) -> bytes:
    """Return a STATE message of a primary host."""
    return orjson.dumps({"online": online, "timestamp": at_ms})


class SparkplugBench:
    """One station; what is on disk in `directory` outlives it, as over a restart of the agent."""

    def __init__(
        self,
        directory: Path,
        port: int,
        *,
        journal: MemoryJournal | None = None,
        clock: Clock | None = None,
        tags: Mapping[str, tuple[str, ...]] = TAGS,
        **options: object,
    ) -> None:
        self.clock = clock or FastClock()
        self.journal = journal or MemoryJournal()
        self.warnings: list[tuple[str, str]] = []
        self.states: list[SinkState] = []
        self.status: dict[str, object] = {"ready": True, "reason": "ready"}
        self.machine: MachineNow | None = MachineNow(as_of=Address(EPOCH, 0))
        url = f"{options.pop('scheme', 'mqtt')}://127.0.0.1:{port}"
        spec_options = SPEC.options.model_validate({"url": url, **options})
        self.feed = ValueFeed(tags, vars(spec_options)["buffer"])
        self._shown = Shown(self.feed, self.clock)
        quarantine = Quarantine(directory / "quarantine.jsonl", InlineWorker(), self.clock)
        place = SinkPlace(
            name="live",
            station=STATION,
            directory=directory,
            clock=self.clock,
            worker=InlineWorker(),
            position=lambda: position_of(self.journal),
            status=lambda: self.status,
            read=self.journal.read,
            set_aside=quarantine.addresses,
            secret=lambda reference: reference,
            warn=lambda reason, text: self.warnings.append((reason, text)),
            live=Live(feed=self.feed, machine=lambda: self.machine, files=DiskFiles()),
        )
        sink = SPEC.build(spec_options, place)
        assert isinstance(sink, SparkplugSink)
        self.sink = sink
        self.publisher = Publisher(
            "live",
            self.sink,
            self.journal,
            quarantine,
            clock=self.clock,
            random=SeededRandom(),
            kinds=("machine_state_changed",),
            on_state=self.states.append,
        )

    def running(self) -> AbstractAsyncContextManager[Publisher]:
        """Run the publisher, and close it properly."""
        return running(self.publisher)

    @asynccontextmanager
    async def killed(self) -> AsyncIterator[Publisher]:
        """Run the publisher, and end it without a word, as a power cut does."""
        task = asyncio.create_task(self.publisher.run())
        try:
            yield self.publisher
        finally:
            task.cancel()
            await asyncio.wait((task,))

    # ------------------------------------------------------------- what happens at the station

    def link(self, device: str, *, up: bool) -> None:
        """Let a device come or go."""
        self._shown.link(device, up=up)

    def show(self, device: str, /, **values: Scalar | None) -> None:
        """Let tags have values; None is a bad one."""
        self._shown.values(
            device,
            *(
                tag_value(tag, value, code="0x80340000" if value is None else "")
                for tag, value in values.items()
            ),
        )

    def start_devices(self) -> None:
        """Let every device be there, each tag with a value."""
        self.link("plc", up=True)
        self.show("plc", force=1.5, count=1, ok=True, text="a")
        self.link("feeder", up=True)
        self.show("feeder", level=10)

    def commit_state(self, word: str, category: str = "running") -> int:
        """Record that the machine changed its state; return the seq."""
        seq = len(self.journal.rows) + 1
        now = self.clock.now()
        event = MachineStateChanged(
            epoch=EPOCH,
            seq=seq,
            station=STATION,
            config="0" * 64,
            time=EventTime(
                received_ms=now.wall_ms,
                offset_min=60,
                boottime_ms=now.boot_ms,
                boot_id="boot-1",
                clock_state=now.clock_state,
            ),
            machine=NODE,
            source="packml",
            state=word,
            category=category,
            previous="idle",
            earliest_ms=now.boot_ms,
            latest_ms=now.boot_ms,
        )
        self.machine = MachineNow(as_of=Address(EPOCH, seq), state=word, category=category)
        self.journal.append([seal(event, None)])
        return seq

    # ------------------------------------------------------------- waiting

    async def until(self, condition: Condition) -> SinkState:
        """Return the state once it is in that condition."""
        try:
            await eventually(lambda: bool(self.states) and self.states[-1].condition is condition)
        except TimeoutError:
            raise AssertionError(f"never {condition}: {self.publisher.state()}") from None
        return self.states[-1]

    @property
    def confirmed(self) -> int:
        """The seq of the cursor, 0 before the first."""
        cursor = self.journal.cursor("live")
        return 0 if cursor is None else cursor.seq


def said(rules: Rules, kind: str, device: str | None = None) -> list[Seen]:
    """Return the messages of one kind so far."""
    return [one for one in rules.seen if (one.kind, one.device) == (kind, device)]


async def until_said(
    rules: Rules, kind: str, device: str | None = None, *, n: int = 1
) -> list[Seen]:
    """Return the messages of a kind once there are so many."""
    await until(rules, lambda: len(said(rules, kind, device)) >= n)
    return said(rules, kind, device)


async def until(rules: Rules, true: Callable[[], bool]) -> None:
    """Return when it has become true; what breaks a rule meanwhile fails the test."""
    try:
        await eventually(lambda: bool(rules.problems) or true())
    except TimeoutError:
        heard = [(one.kind, one.device, one.values, one.historical) for one in rules.seen]
        raise AssertionError(f"never: {heard[-20:]}") from None
    assert rules.problems == [], rules.problems
