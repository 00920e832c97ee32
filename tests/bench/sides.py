"""The two sides of P-1 to P-3, each a process that does one piece of work at a time when told to.

    python -m tests.bench.sides {ours,straw}

Commands on standard input, a line each, are answered by a line of JSON: `burst N` takes N codes as
fast as they are taken and says how long it took until each was on disk, confirmed by the broker and
its confirmation recorded, and the processor time; `act` and `sent` time one cycle and one code.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

from agent.app.plant import Way
from agent.app.registries import registries
from agent.app.rim import SystemClock, SystemRandom, secret
from agent.app.station import StationRun
from agent.app.surroundings import Surroundings
from agent.config.load import load
from agent.core.state import Reply, SnapshotAsk
from agent.demo.scanner import Scanner
from agent.journal.files import DiskFiles
from agent.journal.sqlite import Rim
from agent.ports import Address
from agent.threads import ThreadWorker
from drivers.base import (
    AnyObservation,
    CodeScanned,
    LinkChanged,
    Quality,
    Scalar,
    SnapshotRead,
    TagValue,
    ValuesSeen,
)
from drivers.registry import driver_spec
from tests.bench.straw import Straw
from tests.peers.mosquitto import Mosquitto

SETTLED_S = 0.005
"""What a cycle leaves to do is done by then."""
STATION = r"""
station: bench/press
machine: press
timezone: Europe/Vienna
operators: {{mode: none}}
devices:
  plc: {{driver: opcua, url: "opc.tcp://127.0.0.1:9"}}
  scanner: {{driver: scanner, port: {scanner}, framing: {{end: CR}}}}
tags:
  trigger: {{device: plc, node: "nsu=urn:bench;s=Trigger"}}
  request: {{device: plc, node: "nsu=urn:bench;s=Request", modulus: 65536}}
  count: {{device: plc, node: "nsu=urn:bench;s=Count", modulus: 2^32}}
  force: {{device: plc, node: "nsu=urn:bench;s=Force"}}
  result: {{device: plc, node: "nsu=urn:bench;s=Result", write: true}}
  ack: {{device: plc, node: "nsu=urn:bench;s=Ack", write: true}}
scans:
  - {{match: {{regex: 'OFF-\d+'}}, means: operator_off}}
  - {{match: {{regex: 'SN-\d+'}}, means: unit}}
track:
  by: serial
  pair: {{strategy: scan-then-cycle, window: 30s, settle: 200ms}}
  end:
    trigger: trigger
    request: request
    guard: count
    values: [force]
    result: result
    ack: ack
    answer_within: 5s
publish:
  plant: {{sink: mqtt, url: "mqtt://127.0.0.1:{port}", window: 50}}
"""


class Hands:
    """The devices of a station: they answer each snapshot at once and note when the ack is due."""

    name = "hands"

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self.station: StationRun
        self.shown: dict[str, Scalar] = {}
        self.acked = asyncio.Event()
        self._numbers = 0
        self._is_pulling = False
        self._tasks: set[asyncio.Task[None]] = set()

    def about(self, device: str) -> dict[str, object]:
        """Return what every observation has, as of now."""
        self._numbers += 1
        now = self._clock.now()
        return {
            "id": f"{device}-{self._numbers}",
            "device": device,
            "earliest_ms": now.boot_ms,
            "latest_ms": now.boot_ms,
            "received": now,
        }

    def values(self, tags: Sequence[str]) -> tuple[TagValue, ...]:
        """Return what the PLC holds."""
        return tuple(TagValue(tag=t, value=self.shown[t], quality=Quality.GOOD) for t in tags)

    def ask(self, station: object, ask: SnapshotAsk) -> None:
        """Answer."""
        del station
        read = SnapshotRead(
            **self.about("plc"),  # type: ignore[arg-type]  # a dict of what each has
            ask=ask.id,
            group="end",
            values=self.values(tuple(self.shown)),
            coherent=True,
            tries=1,
        )
        self.give(read)

    def give(self, observation: AnyObservation) -> None:
        """Hand an observation over."""
        task = asyncio.get_running_loop().create_task(self.station.emit(observation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def outputs_changed(self, station: object) -> None:
        """Pull what is due in the next turn of the loop, as the task of a device does."""
        del station
        if not self._is_pulling:
            self._is_pulling = True
            asyncio.get_running_loop().call_soon(self._pull)

    def _pull(self) -> None:
        self._is_pulling = False
        for group in self.station.due("plc"):
            if dict(group.values).get("ack") is True:
                self.acked.set()

    def show(self, station: object) -> None:
        """Bring the PLC's link up; the reader is a real one."""
        del station
        self.give(LinkChanged(**self.about("plc"), up=True))  # type: ignore[arg-type]  # a dict of what each has

    def is_told(self, station: object, reply: Reply) -> bool:
        """The reader has no ears, as the station file says."""
        del station, reply
        return False

    async def see(self, **values: Scalar) -> None:
        """Show values of the PLC."""
        self.shown.update(values)
        seen = ValuesSeen(**self.about("plc"), values=self.values(tuple(values)))  # type: ignore[arg-type]  # a dict of what each has
        await self.station.emit(seen)

    async def scan(self, text: str) -> None:
        """Scan a code."""
        await self.station.emit(CodeScanned(**self.about("scanner"), raw=text.encode()))  # type: ignore[arg-type]  # a dict of what each has


async def _station(
    directory: Path, port: int, scanner: Path
) -> tuple[StationRun, Hands, asyncio.Task[None]]:
    file = directory / "press.yaml"
    file.write_text(STATION.format(port=port, scanner=scanner))
    config = load(file, registries())
    clock = SystemClock()
    hands = Hands(clock)
    hands.shown = {"trigger": False, "request": 0, "count": 0, "force": 1.5}
    way = Way(directory=directory / "state")
    around = Surroundings(
        clock=clock,
        random=SystemRandom(),
        worker=ThreadWorker,
        journal=Rim(files=DiskFiles(), clock=clock, worker=ThreadWorker),
        secret=secret,
        directory=way.directory,
        journal_path=way.directory / "journal",
    )
    station = StationRun(config, around, _hush)
    hands.station = station
    station.devices = [hands]  # type: ignore[list-item]  # stands in for the supervised device
    running = asyncio.create_task(station.run())
    await station.opened.wait()
    return station, hands, running


def _hush(event: str, **fields: object) -> None:
    """Say nothing."""


class Side(Protocol):
    """What both sides do."""

    async def burst(self, count: int) -> None:
        """Take that many codes; return when all are confirmed and that is recorded."""
        ...

    async def act(self, number: int) -> float:
        """Return the ms from an observation in the process to the ack that is due."""
        ...

    async def sent(self, number: int) -> float:
        """Return the ms from a code to its recorded confirmation."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class Ours:
    """The whole agent but for its devices."""

    def __init__(
        self, station: StationRun, hands: Hands, running: asyncio.Task[None], scanner: Scanner
    ) -> None:
        self._station, self._hands, self._running = station, hands, running
        self._scanner = scanner
        reader = station.config.devices["scanner"]
        driver = driver_spec(reader.driver).build(reader.name, reader.options, (), SystemClock())
        self._reading = asyncio.create_task(driver.run(station.emit))
        run = station._run  # noqa: SLF001 - the bench looks inside
        assert run is not None
        self._engine, self._sink = run.engine, run.publishers[0]
        self._moved = asyncio.Event()
        self._move, run.journal.move_cursor = run.journal.move_cursor, self._noted  # type: ignore[method-assign]  # listens in

    @classmethod
    async def start(cls, directory: Path, port: int) -> Ours:
        """Return the agent, connected and with nothing to do."""
        scanner = Scanner(directory / "scanner")
        scanner.plug()
        side = cls(*await _station(directory, port, scanner.link), scanner)
        await asyncio.sleep(0.3)  # the reader is open
        while side._sink.state().backlog != 0:  # noqa: ASYNC110 - a cursor has no event
            await asyncio.sleep(0.01)
        gc.freeze()  # as the daemon does
        return side

    def _noted(self, sink: str, to: Address) -> None:
        self._move(sink, to)
        self._moved.set()

    async def burst(self, count: int) -> None:
        """Take codes as fast as they are taken."""
        goal = self._engine.durable.seq + count
        for number in range(count):
            await self._hands.scan(f"OFF-{number}")
        while self._engine.durable.seq < goal or self._sink.state().backlog:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.002)

    async def act(self, number: int) -> float:
        """Time one cycle, from the trigger's value to the ack that is handed to the driver."""
        hands = self._hands
        await hands.scan(f"SN-{number}")
        await asyncio.sleep(SETTLED_S)
        hands.acked.clear()
        hands.shown.update(count=number)
        began_s = time.perf_counter()
        await hands.see(trigger=True, request=number)
        await hands.acked.wait()
        took_s = time.perf_counter() - began_s
        await hands.see(trigger=False)
        await asyncio.sleep(SETTLED_S)
        return took_s * 1000

    async def sent(self, number: int) -> float:
        """Time one code, from the line to the moved cursor."""
        self._moved.clear()
        began_s = time.perf_counter()
        await self._scanner.scan(f"OFF-{number}")
        await self._moved.wait()
        took_s = time.perf_counter() - began_s
        await asyncio.sleep(SETTLED_S)
        return took_s * 1000

    async def close(self) -> None:
        """Stop reader and station."""
        self._reading.cancel()
        await asyncio.wait([self._reading])
        self._scanner.unplug()
        self._station.stop()
        await self._running


class Theirs:
    """The straw man."""

    def __init__(self, straw: Straw, scanner: Scanner) -> None:
        self._straw, self._scanner = straw, scanner
        straw.listen(str(scanner.link))
        self._committed, self._confirmed = asyncio.Event(), asyncio.Event()

    @classmethod
    async def start(cls, directory: Path, port: int) -> Theirs:
        """Return it, connected."""
        scanner = Scanner(directory / "scanner")
        scanner.plug()
        side = cls(Straw(directory, port), scanner)
        await asyncio.sleep(0.3)
        return side

    async def burst(self, count: int) -> None:
        """Take lines as fast as they are taken."""
        for number in range(count):
            self._straw.line(f"OFF-{number}".encode())
            if number % 50 == 0:
                await asyncio.sleep(0)
        while not self._straw.is_done:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.002)

    async def act(self, number: int) -> float:
        """Time one line, to its commit."""
        return await self._timed(number, self._committed)

    async def sent(self, number: int) -> float:
        """Time one line, to its confirmation."""
        return await self._timed(number, self._confirmed)

    async def _timed(self, number: int, until: asyncio.Event) -> float:
        until.clear()
        self._straw.on_commit = lambda _seq: self._committed.set()
        self._straw.on_confirmed = lambda _seq: self._confirmed.set()
        began_s = time.perf_counter()
        await self._scanner.scan(f"OFF-{number}")
        await until.wait()
        took_s = time.perf_counter() - began_s
        await asyncio.sleep(SETTLED_S)
        return took_s * 1000

    async def close(self) -> None:
        """Close it."""
        await self._straw.close()
        self._scanner.unplug()


def _usage_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _obey(side: Side) -> None:
    """Do what standard input says, until it ends."""
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    number = 0
    work: dict[str, Callable[[int], Awaitable[float]]] = {"act": side.act, "sent": side.sent}
    while line := await lines.readline():
        what, _, count = line.decode().partition(" ")
        if count:
            before_s, began_s = _usage_s(), time.perf_counter()
            await side.burst(int(count))
            took = [time.perf_counter() - began_s, _usage_s() - before_s]
        else:
            number += 1
            took = [await work[what.strip()](number % 65536)]
        sys.stdout.write(json.dumps(took) + "\n")
        sys.stdout.flush()


async def main(name: str) -> None:
    """Start one side and its own broker, and obey."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = await stack.enter_async_context(Mosquitto(directory))
        side: Side
        if name == "ours":
            side = await Ours.start(directory, broker.port)
        else:
            side = await Theirs.start(directory, broker.port)
        try:
            await _obey(side)
        finally:
            await side.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
