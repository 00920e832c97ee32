"""P-6: draining a backlog to a real Mosquitto, beside bare paho driven by the loop.

Ours reads from the journal on disk, proves the rows, wraps them, publishes at QoS 1, checks each
reason code and moves the cursor. The bare rig has the same payloads ready in memory and drives paho
by its socket callbacks, with the same window. Both run interleaved against one broker, to topics
that nobody reads. In a second measurement events are committed while ours drains: the machine must
not notice. In a third another sink, which has nothing to catch up, gets these events meanwhile.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.journal.opening import open_journal
from agent.journal.sqlite import SqliteJournal
from agent.ports import Address, Delivery
from agent.publisher import Condition, Publisher, Quarantine
from agent.sinks.mqtt import SPEC
from agent.sinks.options import SinkPlace, encode_json, position_of
from agent.threads import ThreadWorker
from tests.bench.result import Result
from tests.contract.rig import RealClock
from tests.doubles import InlineWorker, SeededRandom, nothing_aside
from tests.histories import STATION, History, rim
from tests.peers.mosquitto import Mosquitto

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

WINDOW = 50
GOAL, GOAL_PER_S = 0.5, 5_000
MOST_COMMIT_MS, MOST_CONFIRMED_MS = 10.0, 13.0
"""What P-2 and P-3 allow at p99: live events are starved where it takes longer meanwhile."""
LIVE_EVERY_S = 0.01


class Rig:
    """One journal with a backlog, and one broker."""

    def __init__(
        self, directory: Path, journal: SqliteJournal, history: History, port: int
    ) -> None:
        self.journal = journal
        self.history = history
        self._directory = directory
        self._port = port
        self._names = (f"sink-{number}" for number in itertools.count())

    @asynccontextmanager
    async def draining(self, after: Address | None = None) -> AsyncIterator[Publisher]:
        """Run a publisher that has confirmed nothing yet, or all up to an address."""
        name, clock, worker = next(self._names), RealClock(), InlineWorker()
        if after is not None:
            self.journal.move_cursor(name, after)
        place = SinkPlace(
            name=name,
            station=STATION,
            directory=self._directory,
            clock=clock,
            worker=worker,
            position=partial(position_of, self.journal),
            status=lambda: None,
            read=self.journal.read,
            set_aside=nothing_aside,
            secret=str,
            warn=lambda _reason, _text: None,
        )
        url = f"mqtt://127.0.0.1:{self._port}"
        publisher = Publisher(
            name,
            SPEC.build(SPEC.options.model_validate({"url": url, "window": WINDOW}), place),
            self.journal,
            Quarantine(self._directory / f"{name}.jsonl", worker, clock),
            clock=clock,
            random=SeededRandom(),
            on_state=lambda _state: None,
        )
        task = asyncio.create_task(publisher.run())
        try:
            yield publisher
        finally:
            await publisher.close(within_s=0)
            assert task.cancelled()

    async def ours(self) -> float:
        """Return messages confirmed per second over the whole backlog."""
        last = self.journal.last
        began = time.perf_counter()
        async with self.draining() as publisher:
            await confirmed_up_to(publisher, last)
            took_s = time.perf_counter() - began
            return publisher.state().delivered / took_s

    async def bare(self, payloads: Sequence[bytes]) -> float:
        """Return the same of paho alone."""
        began = time.perf_counter()
        await Bare(self._port, payloads).run()
        return len(payloads) / (time.perf_counter() - began)

    async def commits(self, count: int) -> list[float]:
        """Return how long each of so many live events took to commit, in milliseconds."""
        took_ms = []
        for _ in range(count):
            row = self.history.unit("live")
            began = time.perf_counter()
            await self.journal.append([row])
            took_ms.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(LIVE_EVERY_S)
        return took_ms

    async def confirmations(self, count: int) -> list[float]:
        """Return how long so many live events took to be confirmed, in milliseconds."""
        took_ms = []
        async with self.draining(after=self.journal.last) as live:
            while live.state().condition is not Condition.CONNECTED:  # noqa: ASYNC110 - another task's
                await asyncio.sleep(0.002)
            for _ in range(count):
                row = self.history.unit("live")
                began = time.perf_counter()
                await self.journal.append([row])
                await confirmed_up_to(live, row.address)
                took_ms.append((time.perf_counter() - began) * 1000)
                await asyncio.sleep(LIVE_EVERY_S)
        return took_ms


class Bare:
    """paho on the loop as its manual shows it."""

    def __init__(self, port: int, payloads: Sequence[bytes]) -> None:
        self._loop = asyncio.get_running_loop()
        self._payloads = iter(payloads)
        self._open = len(payloads)
        self._done = asyncio.Event()
        self._port = port
        client = self._client = Client(
            CallbackAPIVersion.VERSION2, client_id="bare", protocol=MQTTProtocolVersion.MQTTv5
        )
        client.max_inflight_messages_set(WINDOW)
        client.on_connect = lambda *_: self._send(WINDOW)
        client.on_publish = self._acknowledged
        client.on_socket_open = self._read_from
        client.on_socket_close = self._read_no_more
        client.on_socket_register_write = self._write_to
        client.on_socket_unregister_write = self._write_no_more

    async def run(self) -> None:
        """Return when all is confirmed."""
        self._client.connect("127.0.0.1", self._port, clean_start=True)
        await self._done.wait()
        self._client.disconnect()
        self._client.loop_write()

    def _send(self, count: int) -> None:
        for payload in itertools.islice(self._payloads, count):
            self._client.publish("bare/v1/events/unit_completed", payload, qos=1)

    def _read_from(self, client: Client, _data: object, sock: SocketLike) -> None:
        self._loop.add_reader(sock, client.loop_read)

    def _read_no_more(self, _client: Client, _data: object, sock: SocketLike) -> None:
        self._loop.remove_reader(sock)

    def _write_to(self, client: Client, _data: object, sock: SocketLike) -> None:
        self._loop.add_writer(sock, client.loop_write)

    def _write_no_more(self, _client: Client, _data: object, sock: SocketLike) -> None:
        self._loop.remove_writer(sock)

    def _acknowledged(
        self, _client: Client, _data: object, _mid: int, _code: ReasonCode, _more: Properties
    ) -> None:
        self._loop.call_soon(self._confirmed)

    def _confirmed(self) -> None:
        self._open -= 1
        self._send(1)
        if not self._open:
            self._done.set()


async def confirmed_up_to(publisher: Publisher, address: Address | None) -> None:
    """Return when the cursor is there."""
    while publisher.state().cursor != address:  # noqa: ASYNC110 - a cursor has no event
        await asyncio.sleep(0.0005)


@asynccontextmanager
async def prepared(backlog: int) -> AsyncIterator[Rig]:
    """Give a journal with so many units, and a broker that runs."""
    history = History()
    history.start(1)
    for number in range(backlog):
        history.unit(f"https://id.gs1.org/01/09506000134352/21/LOT7-{number:06d}")
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        journal, _ = await open_journal(directory / "journal", STATION, rim(worker=ThreadWorker))
        try:
            await journal.append(history.rows)
            async with Mosquitto(directory) as broker:
                yield Rig(directory, journal, history, broker.port)
        finally:
            await journal.close()


async def drained(rig: Rig, rounds: int) -> Result:
    """Return the median of interleaved rounds."""
    payloads = [encode_json(Delivery(row=row)) for row in rig.history.rows]
    pairs = [(await rig.bare(payloads), await rig.ours()) for _ in range(rounds)]
    ratio = statistics.median(ours / bare for bare, ours in pairs)
    figure = statistics.median(ours for _, ours in pairs)
    return Result(
        goal="P-6",
        what=f"drain of {len(payloads)} events, QoS 1, window {WINDOW}",
        figure=figure,
        unit="msg/s",
        bare=statistics.median(bare for bare, _ in pairs),
        ratio=ratio,
        passed=ratio >= GOAL and figure >= GOAL_PER_S,
        note="ours reads and proves the journal's rows; bare paho has the payloads in memory; "
        f"goal >= {GOAL_PER_S:,} and >= {GOAL:g}x",
    )


async def undisturbed(
    rig: Rig, what: str, work: Callable[[int], Awaitable[list[float]]], count: int, most_ms: float
) -> Result:
    """Return the p99 of some work with live events while a backlog is drained, beside at rest."""

    async def drain_on() -> None:
        while True:
            await rig.ours()

    resting = await work(count)
    drain = asyncio.create_task(drain_on())
    busy = await work(count)
    drain.cancel()
    await asyncio.wait((drain,))
    figure, bare = (statistics.quantiles(took_ms, n=100)[98] for took_ms in (busy, resting))
    return Result(
        goal="P-6",
        what=f"{what} while draining, p99",
        figure=figure,
        unit="ms",
        bare=bare,
        ratio=figure / bare,
        passed=figure <= most_ms,
        note=f"bare: at rest; each drain starts from the oldest row; goal <= {most_ms:g} ms",
    )


async def main(quick: bool) -> list[Result]:  # noqa: FBT001 - every benchmark is called so
    """Return the results of P-6."""
    backlog, rounds, live = (5_000, 3, 100) if quick else (30_000, 5, 500)
    async with prepared(backlog) as rig:
        another = "commit of a live event, and its confirmation to another sink,"
        return [
            await drained(rig, rounds),
            await undisturbed(rig, "commit of a live event", rig.commits, live, MOST_COMMIT_MS),
            await undisturbed(rig, another, rig.confirmations, live, MOST_CONFIRMED_MS),
        ]
