"""Waiting that ends, by the clock that is passed in: back-off between attempts, and deadlines.

The two places that retry (supervisor inwards, publisher outwards) share `Backoff`, so that a
hundred stations do not call on a broker that comes back all in the same second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from agent.ports import Clock, Random

T = TypeVar("T")


async def apart(work: Coroutine[Any, Any, T], name: str) -> T:
    """Return what the work returns, done in a task of its own.

    A task group that fails while its task is cancelled raises the failure alone (Python 3.11). Who
    tries again after a failure would then go on for ever, and whoever cancelled it wait for ever.
    So what may fail is done apart from the loop that tries again.

    Raises:
        CancelledError: whoever called was cancelled, whatever became of the work.
    """
    task = asyncio.create_task(work, name=name)
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    return task.result()


class Backoff:
    """The pause between attempts: doubling from `first_s` to `most_s`, the last half by chance."""

    def __init__(self, clock: Clock, random: Random, first_s: float, most_s: float) -> None:
        self._clock = clock
        self._random = random
        self._first_s = first_s
        self._most_s = most_s
        self._next_s = first_s

    async def wait(self) -> None:
        """Return after the pause that is due; the next one is twice as long."""
        delay_s = self._random.uniform(self._next_s / 2, self._next_s)
        self._next_s = min(self._next_s * 2, self._most_s)
        await self._clock.sleep(delay_s)

    def reset(self) -> None:
        """Start over: the other side has held."""
        self._next_s = self._first_s


async def within(clock: Clock, delay_s: float, awaitable: Awaitable[T]) -> T:
    """Return what the awaitable returns, unless the clock gets there first.

    Raises:
        TimeoutError: it was not done after `delay_s`; it has been cancelled.
    """
    work = asyncio.ensure_future(awaitable)
    timer = asyncio.ensure_future(clock.sleep(delay_s))
    try:
        await asyncio.wait((work, timer), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise TimeoutError(f"not done within {delay_s:g} s")
    finally:
        for task in (work, timer):
            task.cancel()
        await asyncio.gather(work, timer, return_exceptions=True)
