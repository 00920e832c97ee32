"""P-10, P-11, P-12: what the daemon costs while nothing happens, and how soon it is there.

For each set of devices the daemon and the bare libraries (`bare.py`) run side by side over the same
span, each with its own connection to the same machines, which are this process. Memory is VmRSS,
processor time that of the process and its threads, both from /proc. Both find byte code, as they do
where they are installed: a first start of each, which is not measured, leaves it.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.demo.scanner import Scanner
from tests.bench.machines import ModbusPress, OpcUaPress, modbus_press, opcua_press, said
from tests.bench.result import Result
from tests.journeys.daemon import daemon
from tests.peers.mosquitto import Mosquitto

VALUES = 10
SETTLED_S = 2.0

HEAD = """
station: bench/{name}
machine: press
timezone: Europe/Vienna
operators: {{mode: none}}
"""
COUNTS = """
track:
  by: lot
  pair: {strategy: count-only}
  counter: {tag: count, max_step: 1000, fastest: 20ms}
  lot: {tag: lot}
"""
SCANS = r"""
scans:
  - {match: {regex: 'SN-\d+'}, means: unit}
track:
  by: serial
  pair: {strategy: scan-then-cycle, window: 30s, settle: 200ms}
  end: {trigger: trigger, request: request, guard: count, result: result, ack: ack,
        answer_within: 5s}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One set of devices, and what is asked of the daemon with it."""

    name: str
    what: str
    opcua: bool = True
    modbus: bool = True
    registers: int = 10
    scanner: bool = True
    """And a broker."""
    fast: bool = False
    """Whether a handshake is watched every 10 ms."""
    most_mb: float | None = None
    most_mb_ratio: float | None = None
    most_cpu: float | None = None
    most_cpu_ratio: float | None = None
    start_within_s: float | None = None


LOADS = (
    Load(
        name="all",
        what=f"{VALUES} OPC UA values and Modbus at 10 Hz, serial, MQTT, journal",
        most_mb=80,
        most_mb_ratio=1.3,
        most_cpu=4,
        most_cpu_ratio=2,
        start_within_s=1.5,
    ),
    Load(
        name="without",
        what="the same without OPC UA",
        opcua=False,
        most_mb=50,
        most_mb_ratio=1.5,
        most_cpu=4,
        most_cpu_ratio=2,
        start_within_s=0.6,
    ),
    Load(
        name="handshake",
        what="with an OPC UA handshake, watched every 10 ms",
        modbus=False,
        fast=True,
    ),
    Load(
        name="handshake-modbus",
        what="with a Modbus handshake, watched every 10 ms",
        opcua=False,
        fast=True,
    ),
    Load(
        name="registers",
        what="100 registers at 10 Hz and a journal",
        opcua=False,
        registers=100,
        scanner=False,
        most_cpu=2,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """What the processes talk to."""

    place: Path
    opcua: OpcUaPress
    modbus: ModbusPress
    ours: Scanner
    theirs: Scanner
    broker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one process took."""

    start_s: float
    mb: float
    cpu: float
    """Percent of one core."""


def station(load: Load, machines: Machines) -> str:
    """Return the station file of a load."""
    devices, tags = [], []
    if load.opcua:
        devices.append(f'opc: {{driver: opcua, url: "{machines.opcua.place}"}}')
        wanted = [*machines.opcua.more, *(() if load.modbus else _HANDSHAKE)]
        tags += [_tag(name, "opc", machines.opcua.tags[name]) for name in wanted]
    if load.modbus:
        place = f"host: 127.0.0.1, port: {machines.modbus.port}"
        devices.append(
            f"plc: {{driver: modbus, {place}, address_base: wire, byte_order: ABCD, poll: 100ms}}"
        )
        wanted = list(_HANDSHAKE) if load.fast else ["count"]
        tags += [_tag(name, "plc", machines.modbus.tags[name]) for name in wanted]
        if not load.fast:
            tags.append(_tag("lot", "plc", "table: holding, address: 4, type: uint16"))
        tags += [
            _tag(f"r{at}", "plc", f"table: holding, address: {at}, type: uint16")
            for at in range(len(_HANDSHAKE) + 3, load.registers)
        ]
    lines = [HEAD.format(name=load.name)]
    if load.scanner:
        devices.append(
            f"scanner: {{driver: scanner, port: {machines.ours.link}, framing: {{end: CR}}}}"
        )
        lines.append(
            f'publish: {{plant: {{sink: mqtt, url: "mqtt://127.0.0.1:{machines.broker}"}}}}'
        )
    lines += [f"{what}:\n" + "\n".join(f"  {line}" for line in block)
              for what, block in (("devices", devices), ("tags", tags))]  # fmt: skip
    lines.append(SCANS if load.fast else COUNTS)
    return "\n".join(lines)


_HANDSHAKE = ("trigger", "request", "count", "result", "ack")
_MORE = {
    "request": ", modulus: 65536",
    "count": ", modulus: 2^32",
    "result": ", write: true",
    "ack": ", write: true",
}


def _tag(name: str, device: str, address: str) -> str:
    return f"{name.lower()}: {{device: {device}, {address}{_MORE.get(name, '')}}}"


# ------------------------------------------------------------------ processes


async def ours(load: Load, machines: Machines, stack: AsyncExitStack) -> tuple[int, float]:
    """Start the daemon; return its process and when every source had been seen."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=machines.place)))
    file = folder / f"{load.name}.yaml"
    file.write_text(station(load, machines))
    begun_s = time.perf_counter()
    running = await stack.enter_async_context(daemon(file, folder / "state"))
    await said(running, "epoch_started")
    for device, used in (("opc", load.opcua), ("plc", load.modbus), ("scanner", load.scanner)):
        if used:
            await said(running, "link_restored", device=device)
    return running.process.pid, time.perf_counter() - begun_s


async def theirs(load: Load, machines: Machines, stack: AsyncExitStack) -> tuple[int, float]:
    """Start the bare libraries; return their process and when every source had been seen."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=machines.place)))
    arguments = ["--database", str(folder / "bare.db"), "--count", str(load.registers)]
    if load.opcua:
        arguments += ["--opcua", machines.opcua.place, "--values", *machines.opcua.more]
    if load.modbus:
        arguments += ["--modbus", str(machines.modbus.port)]
    if load.scanner:
        arguments += ["--scanner", str(machines.theirs.link), "--broker", str(machines.broker)]
    if load.fast:
        arguments.append("--fast")
    begun_s = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.bare", *arguments),
        stdout=asyncio.subprocess.PIPE,
    )

    async def end() -> None:
        process.kill()
        await process.wait()

    stack.push_async_callback(end)
    assert process.stdout is not None
    line = await process.stdout.readline()
    assert line, "the bare rig ended"
    return process.pid, time.perf_counter() - begun_s


def cpu_s(pid: int) -> float:
    """Return the processor time that a process's threads have taken, as the scheduler counts it."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text(encoding="ascii").split()[0]) for thread in threads) / 1e9


def rss_mb(pid: int) -> float:
    """Return the memory that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("every process has it")


@contextmanager
def installed(place: Path) -> Iterator[None]:
    """Have every process keep its byte code, and find it: pip compiles what it installs.

    A checkout may have none, or be told to write none: then each start would compile 200 modules.
    """
    before = dict(os.environ)
    os.environ["PYTHONPYCACHEPREFIX"] = str(place)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


Start = Callable[[Load, Machines, AsyncExitStack], Awaitable[tuple[int, float]]]


async def compiled(load: Load, machines: Machines) -> None:
    """Start both once, so that their byte code is there."""
    async with AsyncExitStack() as stack:
        await ours(load, machines, stack)
        await theirs(load, machines, stack)


async def costs(load: Load, machines: Machines, span_s: float, turn: int) -> tuple[Cost, Cost]:
    """Return what both cost over the same span; they start one after the other, turn about."""
    async with AsyncExitStack() as stack:
        starts: list[Start] = [ours, theirs] if turn % 2 == 0 else [theirs, ours]
        begun = {start: await start(load, machines, stack) for start in starts}
        await asyncio.sleep(SETTLED_S)
        before = {start: cpu_s(pid) for start, (pid, _) in begun.items()}
        since_s = time.perf_counter()
        await asyncio.sleep(span_s)
        spent_s = time.perf_counter() - since_s
        found = {
            start: Cost(
                start_s=start_s,
                mb=rss_mb(pid),
                cpu=100 * (cpu_s(pid) - before[start]) / spent_s,
            )
            for start, (pid, start_s) in begun.items()
        }
    return found[ours], found[theirs]


# ------------------------------------------------------------------ results


def _rows(load: Load, pairs: Sequence[tuple[Cost, Cost]]) -> list[Result]:
    def middle(of: Callable[[Cost], float]) -> tuple[float, float, float]:
        mine = statistics.median(of(pair[0]) for pair in pairs)
        bare = statistics.median(of(pair[1]) for pair in pairs)
        ratio = statistics.median(of(a) / max(of(b), 1e-9) for a, b in pairs)
        return mine, bare, ratio

    rows = []
    for goal, what, unit, (mine, bare, ratio), most, most_ratio in (
        ("P-10", "idle memory", "MB", middle(lambda c: c.mb), load.most_mb, load.most_mb_ratio),
        ("P-11", "idle CPU", "%", middle(lambda c: c.cpu), load.most_cpu, load.most_cpu_ratio),
        ("P-12", "cold start", "s", middle(lambda c: c.start_s), load.start_within_s, None),
    ):
        limits = [f"<= {most:g} {unit}"] if most else []
        limits += [f"<= {most_ratio:g} x"] if most_ratio else []
        kept = (most is None or mine <= most) and (most_ratio is None or ratio <= most_ratio)
        rows.append(
            Result(
                goal=goal,
                what=f"{what}: {load.what}",
                figure=mine,
                unit=unit,
                bare=bare,
                ratio=ratio,
                passed=kept if limits else None,
                note=f"goal {', '.join(limits)}" if limits else "",
            )
        )
    return rows


def version(rounds: int) -> Result:
    """Measure `lineside --version`; the first of each is not counted."""
    took_s: list[float] = []
    bare_s: list[float] = []
    for _ in range(rounds + 1):
        for command, times in (
            (("-m", "agent", "--version"), took_s),
            (("-c", "pass"), bare_s),
        ):
            begun_s = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - begun_s)
    figure, bare = statistics.median(took_s[1:]), statistics.median(bare_s[1:])
    return Result(
        goal="P-12",
        what="`lineside --version`; bare: Python that does nothing",
        figure=figure,
        unit="s",
        bare=bare,
        ratio=figure / bare,
        passed=figure <= 0.2,
        note="goal <= 0.2 s",
    )


async def main(quick: bool) -> list[Result]:  # noqa: FBT001 - the interface of every bench
    """Measure every load."""
    rounds, span_s = (1, 1.0) if quick else (3, 8.0)
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(installed(place / "bytecode"))
        results = [await asyncio.to_thread(version, 2 * rounds + 1)]
        broker = await stack.enter_async_context(Mosquitto(place))
        scanners = [Scanner(place / name) for name in ("ours", "theirs")]
        for scanner in scanners:
            scanner.plug()
            stack.callback(scanner.unplug)
        machines = Machines(
            place=place,
            opcua=await stack.enter_async_context(opcua_press(VALUES)),
            modbus=await stack.enter_async_context(modbus_press()),
            ours=scanners[0],
            theirs=scanners[1],
            broker=broker.port,
        )
        moving = asyncio.create_task(_move(machines.opcua))
        for load in LOADS[:1] if quick else LOADS:
            await compiled(load, machines)
            pairs = [await costs(load, machines, span_s, turn) for turn in range(rounds)]
            results += _rows(load, pairs)
        moving.cancel()
        await asyncio.wait([moving])
    return results


async def _move(press: OpcUaPress) -> None:
    number = 0
    while True:
        number += 1
        await press.count_up(number)
        await asyncio.sleep(0.1)
