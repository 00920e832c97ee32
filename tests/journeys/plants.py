"""Station files and machines for the journeys through bad days.

Their devices have time: one that is slow on a busy machine is not taken for gone.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.app.reading import JournalError, Query, find_journals, read_events
from tests.contract.modbus_device import HOLDING, Memory, TcpDevice
from tests.journeys.daemon import WITHIN_S, Daemon, Line, daemon

COUNTER = """\
station: test/{name}
machine: {name}
timezone: Europe/Vienna
operators: {{mode: none}}
devices:
  plc: {{driver: modbus, host: 127.0.0.1, port: {port}, address_base: wire, byte_order: ABCD,
        timeout: 20s}}
tags:
  pieces: {{device: plc, table: holding, address: 0, type: uint32, modulus: 2^32}}
  lot: {{device: plc, table: holding, address: 3, type: string, length: 16}}
track:
  by: lot
  pair: {{strategy: count-only}}
  counter: {{tag: pieces, max_step: 1000, fastest: 1ms}}
  lot: {{tag: lot}}
publish:
  audit: {{sink: file, path: audit.jsonl}}
"""

PRESS = """\
station: test/press
machine: press
timezone: Europe/Vienna
operators: {{mode: none}}
devices:
  plc: {{driver: opcua, url: "{url}", timeout: 20s}}
tags:
  trigger: {{device: plc, node: "nsu=urn:acme:press;s=Trigger"}}
  request: {{device: plc, node: "nsu=urn:acme:press;s=Request", modulus: 65536}}
  count: {{device: plc, node: "nsu=urn:acme:press;s=Count", modulus: 2^32}}
  force: {{device: plc, node: "nsu=urn:acme:press;s=Force"}}
  serial: {{device: plc, node: "nsu=urn:acme:press;s=Serial"}}
  result: {{device: plc, node: "nsu=urn:acme:press;s=Result", write: true}}
  ack: {{device: plc, node: "nsu=urn:acme:press;s=Ack", write: true}}
scans:
  - {{match: {{regex: 'SN-[0-9]{{4}}'}}, means: unit}}
track:
  by: serial
  pair: {{strategy: tag}}
  end: {{trigger: trigger, request: request, guard: count, unit: serial, values: [force],
         result: result, ack: ack}}
publish:
  audit: {{sink: file, path: audit.jsonl}}
"""

READER = """\
station: test/reader
machine: reader
timezone: Europe/Vienna
operators: {{mode: none}}
devices:
  plc: {{driver: modbus, host: 127.0.0.1, port: {port}, address_base: wire, byte_order: ABCD,
        timeout: 20s}}
  scanner: {{driver: scanner, port: {path}, framing: {{end: CR}}}}
tags:
  pieces: {{device: plc, table: holding, address: 0, type: uint32, modulus: 2^32}}
scans:
  - {{match: {{regex: 'LOT-(?P<lot>\\d+)'}}, means: lot}}
track:
  by: lot
  pair: {{strategy: count-only}}
  counter: {{tag: pieces, max_step: 1000, fastest: 1ms}}
  lot: scan
publish:
  audit: {{sink: file, path: audit.jsonl}}
"""

Event = dict[str, Any]


def write(file: Path, text: str, *changes: tuple[str, str], **fields: object) -> Path:
    """Write a station file: the text with its fields filled in, then changed in these places."""
    filled = text.format(**fields)
    for old, new in changes:
        assert filled.count(old) == 1, f"{old!r} stands {filled.count(old)} times in the text"
        filled = filled.replace(old, new)
    file.parent.mkdir(exist_ok=True)
    file.write_text(filled, encoding="utf-8")
    return file


class Filler:
    """A counting machine and its PLC, in this process: it makes a piece when a test says so."""

    def __init__(self, device: TcpDevice) -> None:
        self.device = device
        self.made = 0

    @property
    def port(self) -> int:
        """Where the PLC listens."""
        return self.device.port

    def make(self, pieces: int) -> None:
        """Make some pieces."""
        self.made += pieces
        self.device.memory.set(HOLDING, 0, self.made >> 16, self.made & 0xFFFF)


@asynccontextmanager
async def filling(lot: bytes = b"L-1", *, port: int = 0) -> AsyncIterator[Filler]:
    """Switch a filler on until the test is done with it."""
    memory = Memory()
    name = lot.ljust(16, b"\0")
    words = [int.from_bytes(name[at : at + 2], "big") for at in range(0, 16, 2)]
    memory.set(HOLDING, 0, 0, 0, 0, *words)
    async with TcpDevice(memory, port=port) as device:
        yield Filler(device)


@dataclass
class Plant:
    """A folder of station files, one of which works."""

    folder: Path
    state: Path
    filler: Filler
    well: Path

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Daemon]:
        """Run the agent until the test is done; the station that works did so all the time."""
        async with daemon(self.folder, self.state) as agent:
            yield agent
            await counts_on(self.filler, self.well, self.state)

    async def is_told(self, agent: Daemon, sick: Path, event: str, name: str) -> Line:
        """Return the one line that tells of a device, tag or sink, by its place in the file."""
        line = await agent.said(event, at=f"{place(sick, f'  {name}:')}:3")
        assert agent.count(event) == 1
        return line


@asynccontextmanager
async def healthy(directory: Path) -> AsyncIterator[Plant]:
    """Set up a plant with one station that works."""
    async with filling() as filler:
        folder = directory / "stations"
        well = write(folder / "well.yaml", COUNTER, name="well", port=filler.port)
        yield Plant(folder, directory / "state", filler, well)


def place(file: Path, text: str) -> str:
    """Return `file:line` of the first line of a file with this text."""
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if text in line:
            return f"{file}:{number}"
    raise AssertionError(f"{text!r} is not in {file}")


def events(file: Path, state: Path, *kinds: str) -> list[Event]:
    """Return what a station's journal holds of some kinds, oldest first; without one nothing."""
    try:
        rows = [
            row
            for journal in find_journals(file, state)
            for row in read_events(journal, Query(kinds=kinds, newest_first=False))
        ]
    except JournalError:
        return []
    return [json.loads(row.body) for row in rows]


async def recorded(file: Path, state: Path, kind: str, **fields: object) -> Event:
    """Return the first event of a kind with these fields, once it is in the journal."""
    found: list[Event] = []

    def is_there() -> bool:
        found.extend(one for one in events(file, state, kind) if fields.items() <= one.items())
        return bool(found)

    await until(is_there)
    return found[0]


async def counts_on(filler: Filler, file: Path, state: Path, pieces: int = 7) -> None:
    """Return once what is made from now on has been counted: the station works."""
    await until(lambda: bool(events(file, state, "lot_counted")))
    filler.make(pieces)
    await until(lambda: counted(file, state) >= filler.made)


def counted(file: Path, state: Path) -> int:
    """Return how many pieces are in the journal."""
    return sum(one["n"] or 0 for one in events(file, state, "lot_counted"))


async def until(true: Callable[[], bool]) -> None:
    """Return once something is true of what another process writes."""
    async with asyncio.timeout(WITHIN_S):
        while not true():  # noqa: ASYNC110 - a growing file tells nobody
            await asyncio.sleep(0.05)
