"""Stand-ins for the outside that no customer could use; those that one could use are shipped.

Laws:
    1. `ManualClock` moves only when a test moves it, and wakes sleepers in the order of their time.
    2. Nothing here waits for real time.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Sequence
from random import Random as _Mersenne
from typing import TypeVar

from agent.ports import Address, Row
from drivers.base import ClockState, Instant

T = TypeVar("T")

MORNING_MS = 1_796_029_200_000
"""2026-11-30T07:00:00Z, where a manual clock starts."""
FEW_SLEEPERS = 256
"""With fewer the cancelled among them do not matter."""


async def settled(most_turns: int = 100_000) -> None:
    """Return when no task of this loop can go on without time, a thread or a socket.

    Raises:
        RuntimeError: something keeps the loop busy without end.
    """
    ready = vars(asyncio.get_running_loop())["_ready"]  # no public way to ask whether it is idle
    for _ in range(most_turns):
        await asyncio.sleep(0)
        if not ready:
            return
    raise RuntimeError("the loop never comes to rest")


class ManualClock:
    """A clock whose hands the test turns; wall and boot time move together unless stepped."""

    def __init__(
        self,
        *,
        wall_ms: int = MORNING_MS,
        boot_ms: int = 1_000_000,
        offset_min: int = 60,
        boot_id: str = "boot-1",
        clock_state: ClockState = ClockState.SYNCED,
    ) -> None:
        self.clock_state = clock_state
        self.offset_min = offset_min
        self.boot_id = boot_id
        self._wall_us = wall_ms * 1000
        self._boot_us = boot_ms * 1000
        self._asked = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._most = FEW_SLEEPERS

    def now(self) -> Instant:
        """Return both hands."""
        return Instant(
            wall_ms=self._wall_us // 1000,
            offset_min=self.offset_min,
            boot_ms=self._boot_us // 1000,
            boot_id=self.boot_id,
            clock_state=self.clock_state,
        )

    async def sleep(self, delay_s: float) -> None:
        """Return when the test has turned the clock that far; at once for nothing or less."""
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked += 1
        if len(self._sleepers) >= self._most:
            self._forget_the_cancelled()
        due_us = self._boot_us + max(1, round(delay_s * 1e6))
        heapq.heappush(self._sleepers, (due_us, self._asked, woken))
        await woken

    def suspend(self, by_s: float) -> None:
        """Let the machine sleep: both hands move on, and waits are not shorter for it."""
        by_us = round(by_s * 1e6)
        self._wall_us += by_us
        self._boot_us += by_us
        self._sleepers = [(due_us + by_us, n, woken) for due_us, n, woken in self._sleepers]

    def _forget_the_cancelled(self) -> None:
        """Let go of who does not wait any more: over days in virtual time they become many."""
        self._sleepers = [sleeper for sleeper in self._sleepers if not sleeper[2].done()]
        heapq.heapify(self._sleepers)
        self._most = max(FEW_SLEEPERS, 2 * len(self._sleepers))

    @property
    def sleepers(self) -> int:
        """How many are asleep by this clock."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    @property
    def next_wake_s(self) -> float | None:
        """How far the clock must turn to wake the next sleeper; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():  # cancelled
            heapq.heappop(self._sleepers)
        return (self._sleepers[0][0] - self._boot_us) / 1e6 if self._sleepers else None

    async def advance(self, by_s: float) -> None:
        """Turn both hands, waking each sleeper at its own time and letting the loop come to rest.

        What waits for a thread or a socket does not count as busy: a test that mixes them with
        this clock waits for what it expects itself.
        """
        await settled()
        until_us = self._boot_us + round(by_s * 1e6)
        while self._sleepers and self._sleepers[0][0] <= until_us:
            due_us, _, woken = heapq.heappop(self._sleepers)
            if woken.done():  # cancelled
                continue
            self._turn_to(due_us)
            woken.set_result(None)
            await settled()
        self._turn_to(until_us)

    def step_wall(self, by_s: float) -> None:
        """Set the wall clock forward or back; boot time does not notice."""
        self._wall_us += round(by_s * 1e6)

    def reboot(self, boot_id: str) -> None:
        """Start boot time anew, as after a power cycle of the gateway."""
        self.boot_id = boot_id
        self._boot_us = 0

    def _turn_to(self, boot_us: int) -> None:
        ahead_us = max(0, boot_us - self._boot_us)
        self._wall_us += ahead_us
        self._boot_us += ahead_us


class FastClock:
    """Real time that runs faster, for tests with real sockets and long pauses."""

    def __init__(self, speed: float = 10.0) -> None:
        self._speed = speed
        self._began_s = time.monotonic()

    def now(self) -> Instant:
        """Return both hands."""
        ahead_ms = round((time.monotonic() - self._began_s) * self._speed * 1000)
        return Instant(
            wall_ms=MORNING_MS + ahead_ms,
            offset_min=60,
            boot_ms=ahead_ms,
            boot_id="boot-1",
            clock_state=ClockState.SYNCED,
        )

    async def sleep(self, delay_s: float) -> None:
        """Return after that long by this clock."""
        await asyncio.sleep(delay_s / self._speed)


class SeededRandom:
    """Randomness that is the same in each run (the port `Random`)."""

    def __init__(self, seed: int = 1) -> None:
        self._source = _Mersenne(seed)  # noqa: S311 - tests want it predictable

    def token_hex(self, n_bytes: int) -> str:
        """Return that many bytes as lower-case hex."""
        return self._source.randbytes(n_bytes).hex()

    def uniform(self, low: float, high: float) -> float:
        """Return a number between the two."""
        return self._source.uniform(low, high)


class InlineWorker:
    """Does a job at once, on the loop (the port `Worker`)."""

    async def run(self, job: Callable[[], T]) -> T:
        """Return what the job returns."""
        return job()

    def close(self) -> None:
        """There is no thread to end."""


async def nothing_read(_after: Address | None, _limit: int) -> list[Row]:
    """Return no row: a journal that nobody asks anything of."""
    return []


async def nothing_aside() -> frozenset[Address]:
    """Return no address: an empty quarantine."""
    return frozenset()


EPOCH = "000042-9f3a1c7e"


def event_row(
    seq: int, *, epoch: str = EPOCH, kind: str = "unit_completed", padding: int = 0
) -> Row:
    """Return a row as the journal would keep it; `padding` bytes make it larger."""
    body = (
        f'{{"epoch":"{epoch}","hash":"{seq:064x}","kind":"{kind}","machine":"press-07",'
        f'"padding":"{"x" * padding}","schema":1,"seq":{seq},"station":"acme/press-07",'
        '"time":{"received":"2026-11-30T07:00:00.000Z"}}'
    )
    return Row(
        epoch=epoch,
        seq=seq,
        kind=kind,
        unit=None,
        wall_ms=MORNING_MS,
        body=body.encode(),
        hash=f"{seq:064x}",
    )


class MemoryJournal:
    """A journal without a disk: what is appended is durable at once (the port `Journal`)."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self.rows: list[Row] = list(rows)
        self.cursors: dict[str, Address] = {}
        self.aged_ms: int | None = None
        """The wall time that ages are counted by."""
        self._more = asyncio.Event()

    def append(self, rows: Sequence[Row]) -> asyncio.Future[None]:
        """Keep the rows."""
        self.rows.extend(rows)
        more, self._more = self._more, asyncio.Event()
        more.set()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def read(self, after: Address | None, limit: int) -> list[Row]:
        """Return rows after an address."""
        await asyncio.sleep(0)  # as the real one, which asks another thread
        start = 0 if after is None else self._place(after)
        return self.rows[start : start + limit]

    def _place(self, after: Address) -> int:
        low, high = 0, len(self.rows)
        while low < high:
            middle = (low + high) // 2
            if self.rows[middle].address <= after:
                low = middle + 1
            else:
                high = middle
        return low

    def cursor(self, sink: str) -> Address | None:
        """Return how far a sink has confirmed."""
        return self.cursors.get(sink)

    def move_cursor(self, sink: str, to: Address) -> None:
        """Record how far a sink has confirmed; never backwards."""
        assert sink not in self.cursors or self.cursors[sink] < to
        self.cursors[sink] = to

    @property
    def last(self) -> Address | None:
        """The newest address."""
        return self.rows[-1].address if self.rows else None

    @property
    def last_hash(self) -> str | None:
        """The newest hash."""
        return self.rows[-1].hash if self.rows else None

    @property
    def first_kept(self) -> Address | None:
        """The oldest address."""
        return self.rows[0].address if self.rows else None

    async def wait_beyond(self, address: Address | None) -> None:
        """Return when there is a row after the address."""
        while self.last is None or (address is not None and self.last <= address):
            await self._more.wait()

    async def close(self) -> None:
        """There is nothing to close."""
