"""P-1, P-2, P-3: the whole agent in one process beside the straw man, interleaved.

P-1: codes as fast as they are taken; done when each event is on disk, confirmed by the broker and
its confirmation is recorded. P-2: at 100 cycles a second, from the trigger's value to the ack that
is handed to the driver (the straw man: from the line to its commit). P-3: at 100 codes a second,
from the code to the moved cursor. Each side runs in a process of its own, turn about.
"""

import argparse
import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agent.app.plant import Way
from agent.app.registries import registries
from agent.app.rim import SystemClock, SystemRandom, secret
from agent.app.station import StationRun, Surroundings
from agent.config.load import load
from agent.core.state import Reply, SnapshotAsk
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
from tests.bench.result import Result
from tests.bench.straw import Straw
from tests.peers.mosquitto import Mosquitto

EVERY_S = 0.01
STATION = r"""
station: bench/press
machine: press
timezone: Europe/Vienna
operators: {{mode: none}}
devices:
  plc: {{driver: opcua, url: "opc.tcp://127.0.0.1:9"}}
  scanner: {{driver: scanner, port: /tmp/none, framing: {{end: CR}}}}
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
        """Pull what is due, as the writer of a device does."""
        del station
        for group in self.station.due("plc"):
            if dict(group.values).get("ack") is True:
                self.acked.set()

    def show(self, station: object) -> None:
        """Bring the links up."""
        del station
        for device in ("plc", "scanner"):
            self.give(LinkChanged(**self.about(device), up=True))  # type: ignore[arg-type]  # a dict of what each has

    async def reply(self, station: object, reply: Reply) -> None:
        """The reader has no ears."""

    async def see(self, **values: Scalar) -> None:
        """Show values of the PLC."""
        self.shown.update(values)
        seen = ValuesSeen(**self.about("plc"), values=self.values(tuple(values)))  # type: ignore[arg-type]  # a dict of what each has
        await self.station.emit(seen)

    async def scan(self, text: str) -> None:
        """Scan a code."""
        await self.station.emit(CodeScanned(**self.about("scanner"), raw=text.encode()))  # type: ignore[arg-type]  # a dict of what each has


def _usage_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _station(directory: Path, port: int) -> tuple[StationRun, Hands, asyncio.Task[None]]:
    file = directory / "press.yaml"
    file.write_text(STATION.format(port=port))
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
    while _backlog(station) != 0:  # noqa: ASYNC110 - a cursor has no event
        await asyncio.sleep(0.05)
    return station, hands, running


def _hush(event: str, **fields: object) -> None:
    """Say nothing."""


def _backlog(station: StationRun) -> int | None:
    run = station._run  # noqa: SLF001 - the bench looks inside
    return run.publishers[0].state().backlog if run else None


async def ours(directory: Path, port: int, count: int) -> dict[str, object]:
    """Measure the agent."""
    station, hands, running = await _station(directory, port)
    before_s, began_s = _usage_s(), time.perf_counter()
    run = station._run  # noqa: SLF001 - the bench looks inside
    assert run is not None
    events = run.engine.counts.events
    for number in range(count):
        await hands.scan(f"OFF-{number}")
    while run.engine.counts.events < events + count or _backlog(station):  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.002)
    took_s, cpu_s = time.perf_counter() - began_s, _usage_s() - before_s
    acks = await _acks(hands, count // 20)
    confirmed = await _confirmations(station, hands, count // 20)
    station.stop()
    await running
    return {"rate": count / took_s, "cpu": cpu_s / count * 1000, "act": acks, "sent": confirmed}


async def _acks(hands: Hands, count: int) -> list[float]:
    took_ms = []
    for number in range(1, count + 1):
        await hands.scan(f"SN-{number}")
        await asyncio.sleep(EVERY_S / 2)
        hands.acked.clear()
        hands.shown.update(count=number)
        began_s = time.perf_counter()
        await hands.see(trigger=True, request=number)
        await hands.acked.wait()
        took_ms.append((time.perf_counter() - began_s) * 1000)
        await hands.see(trigger=False)
        await asyncio.sleep(EVERY_S / 2)
    return took_ms


async def _confirmations(station: StationRun, hands: Hands, count: int) -> list[float]:
    run = station._run  # noqa: SLF001 - the bench looks inside
    assert run is not None
    while _backlog(station):  # noqa: ASYNC110 - a cursor has no event
        await asyncio.sleep(0.01)
    moved = asyncio.Event()
    move = run.journal.move_cursor

    def noted(sink: str, to: Address) -> None:
        move(sink, to)
        moved.set()

    run.journal.move_cursor = noted  # type: ignore[method-assign]  # listens in
    took_ms = []
    for number in range(count):
        moved.clear()
        began_s = time.perf_counter()
        await hands.scan(f"OFF-{number}")
        await moved.wait()
        took_ms.append((time.perf_counter() - began_s) * 1000)
        await asyncio.sleep(EVERY_S)
    return took_ms


async def straw(directory: Path, port: int, count: int) -> dict[str, object]:
    """Measure the straw man."""
    rig = Straw(directory, port)
    await asyncio.sleep(0.3)
    before_s, began_s = _usage_s(), time.perf_counter()
    for number in range(count):
        rig.line(f"OFF-{number}".encode())
        if number % 50 == 0:
            await asyncio.sleep(0)
    while not rig.is_done:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.002)
    took_s, cpu_s = time.perf_counter() - began_s, _usage_s() - before_s
    acks, sent = [], []
    for number in range(count // 20):
        committed, confirmed = asyncio.Event(), asyncio.Event()
        rig.on_commit = lambda _seq, e=committed: e.set()  # type: ignore[misc]  # bound here
        rig.on_confirmed = lambda _seq, e=confirmed: e.set()  # type: ignore[misc]  # bound here
        began_s = time.perf_counter()
        rig.line(f"OFF-{number}".encode())
        await committed.wait()
        acks.append((time.perf_counter() - began_s) * 1000)
        await confirmed.wait()
        sent.append((time.perf_counter() - began_s) * 1000)
        await asyncio.sleep(EVERY_S)
    await rig.close()
    return {"rate": count / took_s, "cpu": cpu_s / count * 1000, "act": acks, "sent": sent}


async def _side(name: str, count: int) -> dict[str, object]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.agent", name, str(count)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    found: dict[str, object] = json.loads(out)
    return found


async def main(quick: bool) -> list[Result]:  # noqa: FBT001 - the interface of every bench
    """Measure turn about, and return medians and ratios of pairs."""
    count, rounds = (1000, 1) if quick else (10_000, 5)
    pairs = [(await _side("ours", count), await _side("straw", count)) for _ in range(rounds)]
    mine = [pair[0] for pair in pairs]
    theirs = [pair[1] for pair in pairs]
    rate, bare = _middle(mine, "rate"), _middle(theirs, "rate")
    cpu, bare_cpu = _middle(mine, "cpu"), _middle(theirs, "cpu")
    ratio = statistics.median(_figure(a, "rate") / _figure(b, "rate") for a, b in pairs)
    results = [
        _result("P-1", "durable + published + confirmed, sustained", rate, "events/s", bare, ratio)
    ]
    results[0] = replace(
        results[0], passed=ratio >= 0.5, note=f"{cpu:.3f} CPU s/1000 beside {bare_cpu:.3f}"
    )
    for goal, what, key, most_ms in (
        ("P-2", "trigger seen → commit → ack issued, 100/s", "act", (2.0, 10.0)),
        ("P-3", "scan → PUBACK recorded, 100/s", "sent", (3.0, 13.0)),
    ):
        for name, at, limit, times in (("p50", 0.5, most_ms[0], 1.7), ("p99", 0.99, most_ms[1], 2)):
            ours_ms = statistics.median(_at(side[key], at) for side in mine)
            straw_ms = statistics.median(_at(side[key], at) for side in theirs)
            ratio = ours_ms / straw_ms
            result = _result(goal, f"{what}, {name}", ours_ms, "ms", straw_ms, ratio)
            results.append(
                replace(
                    result,
                    passed=ratio <= times,
                    note=f"goal {times} x; {limit} ms {'' if ours_ms <= limit else 'not '}kept",
                )
            )
    return results


def _result(  # noqa: PLR0917 - a row of the table
    goal: str, what: str, figure: float, unit: str, bare: float, ratio: float
) -> Result:
    return Result(
        goal=goal, what=what, figure=figure, unit=unit, bare=bare, ratio=ratio, passed=None
    )


def _figure(side: dict[str, object], key: str) -> float:
    value = side[key]
    assert isinstance(value, float)
    return value


def _middle(sides: list[dict[str, object]], key: str) -> float:
    return statistics.median(_figure(side, key) for side in sides)


def _at(values: object, part: float) -> float:
    assert isinstance(values, list)
    return float(sorted(values)[min(len(values) - 1, int(part * len(values)))])


async def _one(name: str, count: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        async with Mosquitto(directory) as broker:
            side = {"ours": ours, "straw": straw}[name]
            found = await side(directory, broker.port, count)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    _parser = argparse.ArgumentParser()
    _parser.add_argument("side", choices=("ours", "straw"))
    _parser.add_argument("count", type=int)
    _given = _parser.parse_args()
    asyncio.run(_one(_given.side, _given.count))
