"""A bit that changes on its way over Modbus TCP, which has no checksum of its own (FAULTS N11).

What can notice it does: guard words are read twice, a code has its check digit, a value its limits.
A value that is wrong and plausible cannot be told from a right one; docs/plc/modbus.md says so.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.contract.modbus_device import HOLDING, Memory, TcpDevice
from tests.journeys.daemon import daemon
from tests.journeys.plants import events, until, write

PRESS = """\
station: test/{name}
machine: {name}
timezone: Europe/Vienna
operators: {{mode: none}}
devices:
  plc: {{driver: modbus, host: 127.0.0.1, port: {port}, address_base: wire, byte_order: ABCD,
        poll: 50ms, fast: 10ms, timeout: 20s}}
tags:
  request: {{device: plc, table: holding, address: 0, type: uint16, modulus: 65536}}
  trigger: {{device: plc, table: holding, address: 1, type: bool}}
  count: {{device: plc, table: holding, address: 2, type: uint32, modulus: 2^32}}
  force: {{device: plc, table: holding, address: 4, type: int16}}
  serial: {{device: plc, table: holding, address: 6, type: string, length: 12}}
  result: {{device: plc, table: holding, address: 40, type: int16, write: true}}
  ack: {{device: plc, table: holding, address: 41, type: bool, write: true}}
scans:
  - {{match: {{regex: '[0-9]{{12}}'}}, means: unit, check_digit: {checked}}}
track:
  by: serial
  pair: {{strategy: tag}}
  end: {{trigger: trigger, request: request, guard: count, unit: serial, values: [force],
         result: result, ack: ack}}
  limits: {{force: {{low: 40, high: 60}}}}
publish:
  audit: {{sink: file, path: audit.jsonl}}
"""
PLACES = {"request": (0, 1), "trigger": (1, 1), "count": (2, 2), "force": (4, 1), "serial": (6, 6)}
"""Address and number of words of each tag."""
READ = 3
RESULT, ACK = 40, 41
PARTS = 30
FORCE, LOW, HIGH = 50, 40, 60


def serial(number: int) -> str:
    """Return a serial number that ends in its check digit, of GS1's kind."""
    digits = f"{number:011}"
    total = sum(int(d) * (3, 1)[at % 2] for at, d in enumerate(reversed(digits)))
    return f"{digits}{-total % 10}"


class Press:
    """A PLC that makes parts, behind a wire that changes one bit of an answer at each of them."""

    def __init__(self, seed: int) -> None:
        self.memory = Memory()
        self.memory.set(HOLDING, 0, *(0 for _ in range(12)))
        self.memory.set(HOLDING, RESULT, 0, 0)
        self.flipped: list[str] = []
        """The tag that was hit at each part."""
        self._chance = random.Random(seed)  # noqa: S311 - the same trouble in each run
        self._hits: str | None = None

    def pass_on(self, frame: bytes) -> bytes:
        """Return an answer as it arrives."""
        function, start, count = self.memory.requests[-1]
        if self._hits is None or function != READ:
            return frame
        first, words = PLACES[self._hits]
        if not start <= first <= first + words <= start + count:
            return frame
        at = 9 + 2 * (first - start) + self._chance.randrange(2 * words)
        self.flipped.append(self._hits)
        self._hits = None
        return frame[:at] + bytes([frame[at] ^ 1 << self._chance.randrange(8)]) + frame[at + 1 :]

    async def make(self, parts: int) -> None:
        """Make parts, one after the other."""
        for number in range(1, parts + 1):
            await self._make(number)

    async def _make(self, number: int) -> None:
        """Offer a part until it is answered, then take it away."""
        code = serial(number).encode()
        words = [int.from_bytes(code[at : at + 2]) for at in range(0, len(code), 2)]
        self.memory.set(HOLDING, PLACES["serial"][0], *words)
        self.memory.set(HOLDING, 0, number, 0, 0, number, FORCE, 0)
        self._hits = list(PLACES)[number % len(PLACES)]
        self.memory.set(HOLDING, 1, 1)
        await until(lambda: self.memory.get(HOLDING, ACK) == (1,))
        self.memory.set(HOLDING, 1, 0)
        await until(lambda: self.memory.get(HOLDING, ACK) == (0,))


@asynccontextmanager
async def pressing(seed: int) -> AsyncIterator[tuple[Press, int]]:
    """Switch a press on until the test is done with it; give its port too."""
    press = Press(seed)
    async with TcpDevice(press.memory) as device:
        device.reframed = press.pass_on
        yield press, device.port


async def test_a_flipped_bit_binds_no_other_unit(tmp_path: Path) -> None:
    """Each part is recorded once, under its own serial number or none; what is implausible is told.

    Control: without a check digit parts are recorded under numbers that nobody has.
    """
    folder, state = tmp_path / "stations", tmp_path / "state"
    async with pressing(11) as (press, port), pressing(11) as (careless, other):
        checked = write(folder / "one.yaml", PRESS, name="one", port=port, checked="true")
        unchecked = write(folder / "two.yaml", PRESS, name="two", port=other, checked="false")
        async with daemon(folder, state) as agent:
            for name in ("one", "two"):
                await agent.said("ready", station=f"test/{name}")
            await asyncio.gather(press.make(PARTS), careless.make(PARTS))
    cycles = events(checked, state, "unit_completed", "unit_refused")
    assert [cycle["request"] for cycle in cycles] == list(range(1, PARTS + 1))
    bound = [cycle for cycle in cycles if cycle["kind"] == "unit_completed"]
    assert [cycle["unit"] for cycle in bound] == [serial(cycle["request"]) for cycle in bound]
    assert {cycle["reason"] for cycle in cycles if cycle not in bound} == {"bad_code"}
    assert set(press.flipped) == set(PLACES)
    for cycle in bound:
        [force] = cycle["values"]
        is_plausible = LOW <= force["value"] <= HIGH
        assert cycle["result"] == ("ok" if is_plausible else "nok")
    assert any(cycle["result"] == "nok" for cycle in bound)
    wrong = events(unchecked, state, "unit_completed")
    assert any(cycle["unit"] != serial(cycle["request"]) for cycle in wrong)
