"""The filler: a process that is a Modbus TCP server outside and a counting machine inside.

    python -m agent.demo.filler --port 1502 --memory FILE

Commands (stdin): `{"do": "run", "per_s": 4}`, `{"do": "stop"}`, `{"do": "lot", "lot": NAME}`,
`{"do": "off"}`. Facts (stdout): `up`, `lot`, `counted`, `stopped`, `off`.

Holding registers (from 0): 0-1 piece counter, high word first; 2 running; 3-10 name of the lot.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from agent.demo.child import Command, Retentive, now_ms, obey, off, say

DEVICE_ID = 1
LOT_BYTES = 16
_WRITE_REGISTERS = 16
_TICK_S = 0.02
_SAY_MS = 500
_WRAP = 2**32


@dataclass(kw_only=True)
class Memory:
    """What the machine remembers; the counter only ever rises, and wraps."""

    count: int = 0
    lot: str = ""


def registers(memory: Memory, *, running: bool) -> list[int]:
    """Return the holding registers as they read now."""
    name = memory.lot.encode("ascii")[:LOT_BYTES].ljust(LOT_BYTES, b"\0")
    words = [int.from_bytes(name[at : at + 2], "big") for at in range(0, LOT_BYTES, 2)]
    return [memory.count >> 16, memory.count & 0xFFFF, int(running), *words]


class Filler:
    """The machine: fills at its rate, counts each piece, and is told its lot."""

    def __init__(self, retentive: Retentive, clock_ms: Callable[[], int] = now_ms) -> None:
        self._retentive = retentive
        self._clock_ms = clock_ms
        kept = retentive.read()
        self.memory = Memory(**kept) if kept else Memory()
        self.kept = kept is not None
        self._per_s = 0.0
        self._owed = 0.0
        self._ticked_ms = clock_ms()
        self._said_ms = 0
        self._said_count = self.memory.count

    @property
    def running(self) -> bool:
        """Whether pieces are made."""
        return self._per_s > 0

    def take(self, command: Command) -> None:
        """Obey one command."""
        self.tick()
        match command["do"]:
            case "run":
                self._per_s = float(command["per_s"])
            case "stop":
                self._per_s, self._owed = 0.0, 0.0
                self._said_count = self.memory.count
                say("stopped", count=self.memory.count)
            case "lot":
                self.memory.lot = command["lot"]
                say("lot", lot=self.memory.lot, count=self.memory.count)
                self._keep()
            case "off":
                say("off", count=self.memory.count)
                off()

    def tick(self) -> None:
        """Make the pieces that the time since the last tick allows."""
        now = self._clock_ms()
        self._owed += (now - self._ticked_ms) / 1000 * self._per_s
        self._ticked_ms = now
        made = int(self._owed)
        if made:
            self._owed -= made
            self.memory.count = (self.memory.count + made) % _WRAP
            self._keep()
        if self.memory.count != self._said_count and now - self._said_ms >= _SAY_MS:
            say("counted", count=self.memory.count)
            self._said_ms, self._said_count = now, self.memory.count

    def _keep(self) -> None:
        self._retentive.keep(asdict(self.memory))


async def run(port: int, memory: Path) -> None:
    """Serve and fill until the power goes."""
    filler = Filler(Retentive(memory))
    block = SimData(
        0,
        values=registers(filler.memory, running=False),
        datatype=DataType.REGISTERS,
        readonly=False,
    )
    server = ModbusTcpServer(SimDevice(DEVICE_ID, [block]), address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    say("up", kept=filler.kept, count=filler.memory.count)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(obey(filler.take))
        while True:
            filler.tick()
            await server.async_setValues(
                DEVICE_ID, _WRITE_REGISTERS, 0, registers(filler.memory, running=filler.running)
            )
            await asyncio.sleep(_TICK_S)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="agent.demo.filler")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--memory", type=Path, required=True)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # its server's; what matters is said in facts
    asyncio.run(run(options.port, options.memory))


if __name__ == "__main__":
    main()
