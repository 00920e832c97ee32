"""Back-off grows, is jittered and starts over; a deadline cancels what it waited for."""

import asyncio
import contextlib

import pytest

from agent.backoff import Backoff, apart, within
from tests.doubles import ManualClock, SeededRandom, settled


async def _pauses(backoff: Backoff, clock: ManualClock, times: int) -> list[float]:
    """Return how long the next pauses are."""
    pauses = []
    for _ in range(times):
        task = asyncio.create_task(backoff.wait())
        await settled()
        due_s = clock.next_wake_s
        assert due_s is not None
        pauses.append(due_s)
        await clock.advance(due_s)
        await task
    return pauses


async def test_pauses_double_up_to_the_longest() -> None:
    """Each pause lies in the upper half of a limit that doubles and then stays."""
    clock = ManualClock()
    pauses = await _pauses(Backoff(clock, SeededRandom(), first_s=1.0, most_s=4.0), clock, 5)
    limits = (1.0, 2.0, 4.0, 4.0, 4.0)
    assert all(top / 2 <= pause <= top for pause, top in zip(pauses, limits, strict=True))


async def test_two_with_other_chances_do_not_wait_alike() -> None:
    """Stations that lost the same broker do not come back to it in the same moment."""
    clock = ManualClock()
    one = await _pauses(Backoff(clock, SeededRandom(1), first_s=1.0, most_s=9.0), clock, 3)
    other = await _pauses(Backoff(clock, SeededRandom(2), first_s=1.0, most_s=9.0), clock, 3)
    assert one != other


async def test_reset_starts_over() -> None:
    """After a reset the pause is the first one again."""
    clock = ManualClock()
    backoff = Backoff(clock, SeededRandom(), first_s=1.0, most_s=60.0)
    await _pauses(backoff, clock, 5)
    backoff.reset()
    assert (await _pauses(backoff, clock, 1))[0] <= 1.0


async def test_within_returns_what_was_done_in_time() -> None:
    """What is done before the deadline is returned, and nobody is left asleep."""
    clock = ManualClock()

    async def answer() -> int:
        return 42

    assert await within(clock, 1.0, answer()) == 42
    assert clock.sleepers == 0


async def test_within_cancels_what_is_late() -> None:
    """What is not done at the deadline is cancelled before TimeoutError is raised."""
    clock = ManualClock()
    late = asyncio.create_task(asyncio.Event().wait())
    waiting = asyncio.create_task(within(clock, 2.0, late))
    await clock.advance(2.0)
    with pytest.raises(TimeoutError, match=r"^not done within 2 s$"):
        await waiting
    assert late.cancelled()


async def test_within_passes_on_the_error() -> None:
    """An error of the work is raised as it is."""

    async def fail() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match=r"^no$"):
        await within(ManualClock(), 1.0, fail())


async def test_within_cancelled_cancels_the_work() -> None:
    """Whoever stops waiting stops the work too."""
    clock = ManualClock()
    work = asyncio.create_task(asyncio.Event().wait())
    waiting = asyncio.create_task(within(clock, 2.0, work))
    await settled()
    waiting.cancel()
    await settled()
    assert (work.cancelled(), clock.sleepers) == (True, 0)


async def test_apart_returns_what_the_work_returns_or_raises() -> None:
    """The result is handed on, and so is the failure as it is."""

    async def answer() -> int:
        return 42

    async def fail() -> None:
        raise ZeroDivisionError

    assert await apart(answer(), "work") == 42
    with pytest.raises(ZeroDivisionError):
        await apart(fail(), "work")


@pytest.mark.parametrize("turns", range(8))
async def test_a_cancellation_is_heeded_although_the_work_fails_meanwhile(turns: int) -> None:
    """Whoever tries again after a failure ends when cancelled, in whichever turn of the loop."""
    broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def hold() -> None:
        await broken

    async def work() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hold())
            tasks.create_task(asyncio.Event().wait())

    async def try_again() -> None:
        with contextlib.suppress(BaseExceptionGroup):
            await apart(work(), "work")
        await asyncio.Event().wait()

    trying = asyncio.create_task(try_again())
    await settled()
    broken.set_exception(ZeroDivisionError())
    for _ in range(turns):
        await asyncio.sleep(0)
    trying.cancel()
    await settled()
    assert trying.cancelled()
