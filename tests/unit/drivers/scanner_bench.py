"""A scanner's session on a scripted line in virtual time, for the tests that drive one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

from drivers.base import (
    AnyObservation,
    CodeScanned,
    Instant,
    LinkChanged,
    LinkDownError,
)
from drivers.scanner.options import ScannerOptions
from drivers.scanner.session import Session
from tests.doubles import ManualClock, settled

PORT = "/dev/serial/by-id/usb-ACME_Reader_0001-if00"
START_MS = 1_000_000
"""Where a manual clock starts."""


def options(**given: object) -> ScannerOptions:
    """Return the options of a scanner on a port, with these keys beside it."""
    return ScannerOptions.model_validate({"port": PORT, **given})


class StallingClock:
    """A manual clock whose hands can also jump while nobody runs, as when a process is stopped."""

    def __init__(self) -> None:
        self._clock = ManualClock()
        self._jumped_ms = 0

    def now(self) -> Instant:
        """Return both hands."""
        now = self._clock.now()
        return replace(now, boot_ms=now.boot_ms + self._jumped_ms)

    async def sleep(self, delay_s: float) -> None:
        """Return once the test has turned the clock that far."""
        await self._clock.sleep(delay_s)

    async def advance(self, by_s: float) -> None:
        """Turn the hands, waking each sleeper at its time."""
        await self._clock.advance(by_s)

    def jump(self, by_s: float) -> None:
        """Turn the hands, waking nobody."""
        self._jumped_ms += round(by_s * 1000)


class ScriptedLink:
    """A line on which a test puts bytes; it wakes nobody, so they are found at the next look."""

    descriptors: tuple[int, ...] = ()
    identity: str | None = None

    def __init__(self) -> None:
        self.waiting = b""
        self.opened_by: tuple[str, ...] | None = None
        self.is_up = True
        self.takes = True
        self.sent: list[bytes] = []
        self.closed = 0

    def read(self) -> bytes:
        """Return what the test has put there."""
        if not self.is_up:
            raise LinkDownError(f"{PORT}: hung up")
        data, self.waiting = self.waiting, b""
        return data

    def others(self) -> tuple[str, ...] | None:
        """Return who the test says has opened the line."""
        who, self.opened_by = self.opened_by, None
        return who

    def write(self, data: bytes) -> None:
        """Keep a reply."""
        if not self.takes:
            raise LinkDownError(f"{PORT}: the scanner does not take our reply")
        self.sent.append(data)

    def close(self) -> None:
        """Count it."""
        self.closed += 1


class Bench:
    """A session on a scripted line, and what it has handed over."""

    def __init__(self, **given: object) -> None:
        self.clock = StallingClock()
        self.link = ScriptedLink()
        self.session = Session("scanner", self.link, options(**given), self.clock, count(1))
        self.seen: list[AnyObservation] = []
        self.may_emit = asyncio.Event()
        self.may_emit.set()
        self.over: asyncio.Task[None] | None = None

    async def emit(self, observation: AnyObservation) -> None:
        """Take an observation once the test lets us."""
        await self.may_emit.wait()
        self.seen.append(observation)

    async def put(self, data: bytes, after_s: float = 0.1) -> None:
        """Put bytes on the line and let that much time pass."""
        self.link.waiting += data
        await self.clock.advance(after_s)
        await settled()

    async def stall(self, data: bytes, for_s: float) -> None:
        """Put bytes on the line, stop this process for so long, then let it look."""
        await settled()
        self.clock.jump(for_s)
        await self.put(data)

    @property
    def codes(self) -> list[tuple[bytes, str, int, int]]:
        """Each code with its status and interval, in milliseconds since the start."""
        return [
            (one.raw, str(one.status), one.earliest_ms - START_MS, one.latest_ms - START_MS)
            for one in self.seen
            if isinstance(one, CodeScanned)
        ]

    @property
    def spoken(self) -> list[tuple[bytes, str]]:
        """Each code with its status."""
        return [(raw, status) for raw, status, _, _ in self.codes]

    @property
    def warnings(self) -> list[tuple[str, ...]]:
        """The warnings of the link, as often as they were told."""
        return [one.warnings for one in self.seen if isinstance(one, LinkChanged)]

    @property
    def error(self) -> str:
        """What ended the session."""
        assert self.over is not None
        assert self.over.done()
        return str(self.over.exception())


@asynccontextmanager
async def running(**given: object) -> AsyncIterator[Bench]:
    """Run a session until the test is done with it."""
    bench = Bench(**given)
    session = bench.session
    jobs = (session.keep_looking(), session.keep_alive(), session.keep_reading())
    tasks = [asyncio.create_task(job) for job in jobs]
    bench.over = asyncio.create_task(session.hand_over(bench.emit))
    await settled()
    yield bench
    for task in (*tasks, bench.over):
        task.cancel()
    await asyncio.wait([*tasks, bench.over])
    session.close()
