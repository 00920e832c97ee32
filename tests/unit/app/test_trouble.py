"""Failures between runs, the journal's pulse, and the wall clock: told once, and with a number."""

import asyncio

from agent.app.clockwatch import watch_clock
from agent.app.pulse import BEAT_EVERY_S, Pulse
from agent.app.trouble import Trouble
from agent.core.state import NotReady
from drivers.base import AnyObservation, ClockMoved, ClockState
from tests.doubles import ManualClock, settled


class Told:
    """What was said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def __call__(self, event: str, **fields: object) -> None:
        """Keep it."""
        self.lines.append((event, {key: value for key, value in fields.items() if value}))


async def test_a_failure_is_told_when_it_comes_and_when_it_is_over() -> None:
    """The attempts between are a number, and another failure is another line."""
    clock, told = ManualClock(), Told()
    trouble = Trouble(clock, told)
    trouble.is_over("e1")
    for _ in range(3):
        trouble.came("journal_failed", "f:1:1", OSError("no disk"))
        await clock.advance(10)
    trouble.came("journal_failed", "f:1:1", OSError("disk full"))
    trouble.is_over("e2")
    trouble.is_over("e3")
    assert told.lines == [
        ("epoch_started", {"epoch": "e1"}),
        ("journal_failed", {"at": "f:1:1", "error": "no disk"}),
        ("journal_failed", {"at": "f:1:1", "error": "disk full"}),
        ("epoch_started", {"epoch": "e2", "down_s": 30.0, "attempts": 4}),
        ("epoch_started", {"epoch": "e3"}),
    ]


class Journal:
    """A journal whose writer moves when the test lets it."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.moves = asyncio.Event()
        self.beats = 0

    async def beat(self) -> None:
        """Wait for the writer."""
        self.beats += 1
        await self.moves.wait()


async def test_a_disk_that_hangs_is_known_before_the_next_part_comes() -> None:
    """An idle station's writer is made to move; while it does not, the disk is slow (P16)."""
    clock, journal = ManualClock(), Journal()
    pulse = Pulse(journal, clock)
    feeling = asyncio.create_task(pulse.keep_feeling())
    try:
        await clock.advance(BEAT_EVERY_S)
        assert (journal.beats, pulse.trouble()) == (1, NotReady.READY)
        await clock.advance(2)
        assert pulse.trouble() is NotReady.SLOW_DISK
        journal.moves.set()
        await settled()
        assert pulse.trouble() is NotReady.READY
        await clock.advance(2 * BEAT_EVERY_S)
        assert journal.beats == 3
    finally:
        feeling.cancel()
        await asyncio.gather(feeling, return_exceptions=True)


async def test_a_disk_without_space_is_known_before_it_is_full() -> None:
    """What the journal says of its space makes the station not ready (P10)."""
    journal = Journal()
    pulse = Pulse(journal, ManualClock())
    journal.trouble = "disk full"
    assert pulse.trouble() is NotReady.DISK_FULL


async def test_a_clock_that_is_not_set_is_told_once_and_when_it_is_again() -> None:
    """Who reads the log knows from when to when the times are to be doubted (C04, C06)."""
    clock, told = ManualClock(), Told()

    async def emit(observation: AnyObservation) -> None:
        raise AssertionError(observation)

    watching = asyncio.create_task(watch_clock(clock, told, emit))
    try:
        for state in (ClockState.SYNCED, ClockState.HOLDOVER, ClockState.UNSYNCED):
            clock.clock_state = state
            await clock.advance(60)
        clock.clock_state = ClockState.SYNCED
        await clock.advance(60)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert told.lines == [
        ("clock_unsynced", {"state": "holdover"}),
        ("clock_unsynced", {"state": "unsynced"}),
        ("clock_synced", {"state": "synced"}),
    ]


async def test_a_step_of_the_wall_clock_is_told_with_its_size() -> None:
    """Forward or back, once a step; what passes with the boot clock is none (C01, C02)."""
    clock, told = ManualClock(), Told()
    seen: list[AnyObservation] = []

    async def emit(observation: AnyObservation) -> None:
        seen.append(observation)

    watching = asyncio.create_task(watch_clock(clock, told, emit))
    try:
        await clock.advance(3600)
        assert told.lines == []
        clock.step_wall(-30)
        await clock.advance(2)
        clock.step_wall(3600)
        await clock.advance(2)
        clock.step_wall(0.4)
        await clock.advance(2)
        clock.step_wall(-1)  # as a kernel inserts a leap second (C10)
        await clock.advance(2)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    steps = [one.step_ms for one in seen if isinstance(one, ClockMoved)]
    assert steps == [-30_000, 3_600_000, -1000]
    assert [fields["step_ms"] for _, fields in told.lines] == steps
