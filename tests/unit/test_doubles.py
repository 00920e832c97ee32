"""The clock that other tests rest on keeps its own laws."""

import asyncio

import pytest

from tests.doubles import FEW_SLEEPERS, ManualClock, settled


async def test_sleepers_wake_in_the_order_of_their_time() -> None:
    """Each sleeper wakes at its own moment and sees exactly that time, whoever slept first."""
    clock = ManualClock(boot_ms=0)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, delay_s: float) -> None:
        await clock.sleep(delay_s)
        woken.append((name, clock.now().boot_ms))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sleeper("late", 2.0))
        tasks.create_task(sleeper("early", 0.5))
        tasks.create_task(sleeper("with late", 2.0))
        await clock.advance(1.9)
        assert woken == [("early", 500)]
        await clock.advance(0.1)
    assert woken == [("early", 500), ("late", 2000), ("with late", 2000)]


async def test_a_sleeper_that_sleeps_again_within_one_advance_wakes_again() -> None:
    """A ticker misses no tick, however far the clock is turned at once."""
    clock = ManualClock(boot_ms=0)
    ticks: list[int] = []

    async def ticker() -> None:
        while True:
            await clock.sleep(1.0)
            ticks.append(clock.now().boot_ms)

    task = asyncio.create_task(ticker())
    await clock.advance(3.5)
    task.cancel()
    await settled()
    assert ticks == [1000, 2000, 3000]


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    """Cancelling a sleeper leaves nobody to wake."""
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(1.0))
    await settled()
    assert (clock.sleepers, clock.next_wake_s) == (1, 1.0)
    task.cancel()
    await settled()
    assert (clock.sleepers, clock.next_wake_s) == (0, None)
    await clock.advance(2.0)


async def test_many_cancelled_sleepers_take_no_memory_and_others_still_wake() -> None:
    """Over days the clock holds about as many sleepers as there are, in the order of their time."""
    clock = ManualClock(boot_ms=0)
    woken: list[int] = []

    async def sleeper(delay_s: int) -> None:
        await clock.sleep(delay_s)
        woken.append(delay_s)

    async with asyncio.TaskGroup() as tasks:
        for number in range(20 * FEW_SLEEPERS):
            given_up = tasks.create_task(clock.sleep(9_999 - number))
            await asyncio.sleep(0)
            given_up.cancel()
            if number % FEW_SLEEPERS == 0:
                tasks.create_task(sleeper(100 - number // FEW_SLEEPERS))
        assert len(vars(clock)["_sleepers"]) <= 2 * FEW_SLEEPERS
        await clock.advance(100)
    assert woken == list(range(81, 101))


async def test_nothing_to_sleep_returns_without_the_clock_moving() -> None:
    """A delay of zero or less only lets the others run."""
    await ManualClock().sleep(0)


def test_the_wall_can_step_and_the_boot_can_end() -> None:
    """A step moves the wall alone; a reboot starts boot time at zero under another id."""
    clock = ManualClock(wall_ms=10_000, boot_ms=5_000)
    clock.step_wall(-3.0)
    assert (clock.now().wall_ms, clock.now().boot_ms) == (7_000, 5_000)
    clock.reboot("boot-2")
    assert (clock.now().boot_id, clock.now().boot_ms) == ("boot-2", 0)


async def test_a_loop_that_spins_is_told() -> None:
    """A task that never rests is an error, not a test that hangs."""
    loop = asyncio.get_running_loop()
    spinning = True

    def spin() -> None:
        if spinning:
            loop.call_soon(spin)

    spin()
    with pytest.raises(RuntimeError, match="never comes to rest"):
        await settled(most_turns=50)
    spinning = False
