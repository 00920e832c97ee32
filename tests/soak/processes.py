"""`python -m tests.soak.processes`: the whole line as real processes, with faults at random.

    python -m tests.soak.processes [--minutes M] [--seed N] [--every S]

The line is the demo's: two PLCs over OPC UA and Modbus, a scanner on a pseudo-terminal, the daemon,
a real Mosquitto and a subscriber with a persistent session. A person works without a pause; every
so many seconds something fails, sometimes two things at once. At the end the books must agree:
what truly happened, what was recorded, what was delivered (`agent.demo.reconcile`). Exit code 1 if
they do not, if the agent ended by itself, or if the run proves nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.app.demo import READING
from agent.demo import codes
from agent.demo.line import Line
from agent.demo.person import Person
from agent.demo.reconcile import Check, reconcile, report, unit_events, unit_of

HAND_S = 0.05
FEWEST_A_MINUTE = 10
"""A run with fewer parts a minute proves nothing."""
LOOK_S = 5.0
FEWEST_BETWEEN = 3
"""Requests between two losses of the PLC's memory."""
KNOWN_S = 120.0
MOST_TOLD = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a run is, and how much fails in it."""

    minutes: float = 10.0
    every_s: float = 20.0
    """Between two faults, on the average."""
    most_s: float = 40.0
    """No fault lasts longer."""
    last_s: float = 30.0
    """So long before the end nothing fails any more: what goes on must be seen going on."""


@dataclass(slots=True)
class Measured:
    """What a run came to."""

    minutes: float
    faults: Counter[str] = field(default_factory=Counter)
    parts: int = 0
    given_up: int = 0
    """Parts for which no lamp or answer came in time; they are pressed again."""
    most_mb: float = 0
    most_files: int = 0
    checks: list[Check] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return everything, for the terminal and docs/reliability.md."""
        rows = {
            "minutes": f"{self.minutes:g}",
            "parts": f"{self.parts:,}",
            "tried again after a wait": f"{self.given_up:,}",
            "memory of the agent, highest": f"{self.most_mb:.0f} MB",
            "open files of the agent, most": f"{self.most_files}",
            **{name: f"{n:,}" for name, n in sorted(self.faults.items())},
        }
        table = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
        told = "".join(f"{problem}\n" for problem in self.problems)
        return f"| | |\n| --- | ---: |\n{table}\n{report(self.checks)}\n{told}"


class Trouble:
    """What can be done to a line, by name; each method brings a fault and takes it back."""

    def __init__(self, line: Line, source: random.Random, most_s: float) -> None:
        self._line, self._source, self._most_s = line, source, most_s
        self._agent = asyncio.Lock()
        """One thing at a time is done to the agent, to the machines and to the broker each."""
        self._machine = asyncio.Lock()
        self._broker = asyncio.Lock()
        self.kinds: dict[str, Callable[[], Coroutine[None, None, None]]] = {
            "agent killed": self._agent_killed,
            "agent stopped in order": self._agent_stopped,
            "agent asleep": self._agent_asleep,
            "broker away": self._broker_away,
            "broker stands still": self._broker_still,
            "press loses power": self._press_off,
            "press loses power and memory": self._press_forgets,
            "filler loses power": self._filler_off,
            "reader unplugged": self._reader_unplugged,
        }

    async def _pass(self, least_s: float, most_s: float) -> None:
        await asyncio.sleep(min(self._source.uniform(least_s, most_s), self._most_s))

    async def _agent_killed(self) -> None:
        async with self._agent:
            await self._line.kill_agent()
            await self._pass(0, 5)
            self._line.start_agent()
            await self._pass(1, 5)

    async def _agent_stopped(self) -> None:
        async with self._agent:
            code = await self._line.stop_agent()
            if code not in {0, -signal.SIGTERM}:  # asked before it had begun to listen
                words = self._line.agent.last_words()
                raise AssertionError(f"the agent ended with {code}:\n{words}")
            self._line.start_agent()
            await self._pass(2, 5)

    async def _agent_asleep(self) -> None:
        async with self._agent:
            self._line.agent.signal(signal.SIGSTOP)
            await self._pass(1, 15)
            self._line.agent.signal(signal.SIGCONT)

    async def _broker_away(self) -> None:
        assert self._line.broker is not None
        async with self._broker:
            await self._line.broker.stop()
            await self._pass(1, 30)
            await self._line.broker.start()

    async def _broker_still(self) -> None:
        assert self._line.broker is not None
        async with self._broker:
            self._line.broker.signal(signal.SIGSTOP)
            await self._pass(5, 40)
            self._line.broker.signal(signal.SIGCONT)

    async def _press_off(self) -> None:
        async with self._machine:
            await self._line.press.lose_power()
            await self._pass(0.5, 5)
            await self._line.press.switch_on()

    async def _press_forgets(self) -> None:
        """Lose the memory too, once a few requests since the last loss are answered.

        Nobody can see that a PLC forgot twice without asking in between: its numbers begin anew
        once. The books count each loss.
        """
        press = self._line.press
        async with self._machine:
            await press.machine.until(self._is_known, "asks since it forgot", KNOWN_S)
            await press.lose_power()
            await self._pass(0.5, 5)
            await press.switch_on(kept=False)

    def _is_known(self) -> bool:
        truth = self._line.press.truth
        answered = sum(generation == truth.generation for generation, _ in truth.answers)
        return answered >= FEWEST_BETWEEN

    async def _filler_off(self) -> None:
        async with self._machine:
            await self._line.filler.lose_power()
            await self._pass(0.5, 5)
            await self._line.filler.switch_on()
            self._line.filler.run(20)

    async def _reader_unplugged(self) -> None:
        self._line.scanner.unplug()
        await self._pass(0.5, 10)
        self._line.scanner.plug()


class Soak:
    """One run."""

    def __init__(self, line: Line, pace: Pace, source: random.Random) -> None:
        self._line, self._source, self._pace = line, source, pace
        self._until_s = 0.0
        self._trouble = Trouble(line, source, pace.most_s)
        self.measured = Measured(pace.minutes)

    async def run(self) -> Measured:
        """Work, be disturbed, let everything be delivered, and compare the books."""
        line, measured = self._line, self.measured
        person = Person(line, hand_s=HAND_S)
        await person.sign_on()
        await person.scan(codes.ORDER)
        line.filler.lot("F-1")
        line.filler.run(20)
        self._until_s = time.monotonic() + self._pace.minutes * 60
        async with self._watched():
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._work(person))
                tasks.create_task(self._disturb())
            if not line.agent.running:
                words = line.agent.last_words()
                measured.problems.append(f"the agent has ended by itself:\n{words}")
            await line.settle()
        measured.checks = reconcile(line.books())
        measured.problems += [f"{one.name}: {one.numbers}" for one in measured.checks if not one.ok]
        measured.problems += wrong(line)
        if measured.parts < FEWEST_A_MINUTE * measured.minutes:
            measured.problems.append(f"proves nothing: {measured.parts} parts only")
        if not measured.faults:
            measured.problems.append("proves nothing: nothing failed")
        return measured

    @property
    def _left_s(self) -> float:
        return self._until_s - time.monotonic()

    async def _work(self, person: Person) -> None:
        """Make parts until the time is over; who waits in vain tries again."""
        while self._left_s > 0:
            made = self.measured.parts
            if made % 50 == 0:
                await person.scan(codes.component(f"H-{made:06d}"))
            try:
                await person.part(ok=made % 7 != 0)
            except TimeoutError:
                self.measured.given_up += 1
            else:
                self.measured.parts += 1

    async def _disturb(self) -> None:
        """Let things fail until shortly before the end."""
        every_s, last_s = self._pace.every_s, self._pace.last_s
        async with asyncio.TaskGroup() as tasks:
            while (wait_s := self._source.expovariate(1 / every_s)) < self._left_s - last_s:
                await asyncio.sleep(wait_s)
                kind = self._source.choice(list(self._trouble.kinds))
                self.measured.faults[kind] += 1
                sys.stderr.write(f"{self._left_s:6.0f} s left: {kind}\n")
                tasks.create_task(self._trouble.kinds[kind]())

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Measure what the agent holds meanwhile."""

        async def look() -> None:
            while True:
                with contextlib.suppress(OSError, AssertionError):  # it may be dead just now
                    self._look(self._line.agent.pipes.pid)
                await asyncio.sleep(LOOK_S)

        looking = asyncio.create_task(look(), name="look")
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    def _look(self, pid: int) -> None:
        place = Path(f"/proc/{pid}")
        pages = int((place / "statm").read_text("ascii").split()[1])
        measured = self.measured
        measured.most_mb = max(measured.most_mb, pages * 4096 / 1e6)
        measured.most_files = max(measured.most_files, sum(1 for _ in (place / "fd").iterdir()))


def wrong(line: Line) -> list[str]:
    """Return the first few events that name another unit than lay in the machine, and what did.

    By the request, not by the unit: a part that was there when the PLC lost its memory has two.
    """
    found = []
    for request, event in unit_events(line.delivered):
        unit, part = event.get("unit"), line.press.truth.parts.get(request)
        if unit is not None and (part is None or unit_of(part) != unit):
            where = f"{event['epoch']}-{event['seq']}"
            found.append(f"{where} answers {request} with {unit}, where {part} lay")
    return found[:MOST_TOLD]


async def soak(directory: Path, pace: Pace, seed: int) -> Measured:
    """Run a line at that pace, with faults drawn from the seed."""
    source = random.Random(seed)  # noqa: S311 - not a secret
    async with Line(directory, READING, scan_ms=5, settle_ms=5) as line:
        assert line.broker is not None, "mosquitto is not installed: `make setup` does that"
        return await Soak(line, pace, source).run()


def main() -> int:
    """Soak, print what came of it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.processes")
    usual = Pace()
    parser.add_argument("--minutes", type=float, default=usual.minutes)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--every", type=float, default=usual.every_s, help="seconds between faults")
    given = parser.parse_args()
    sys.stdout.write(f"seed {given.seed}\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="lineside-soak-") as place:
        pace = Pace(minutes=given.minutes, every_s=given.every)
        measured = asyncio.run(soak(Path(place), pace, given.seed))
    sys.stdout.write(measured.text())
    return 1 if measured.problems else 0


if __name__ == "__main__":
    sys.exit(main())
