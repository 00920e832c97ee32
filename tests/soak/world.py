"""Virtual time: what happens at the line, in order, as generators that say how long they wait."""

from __future__ import annotations

from collections.abc import Callable, Generator
from heapq import heappop, heappush
from random import Random
from typing import TypeVar

T = TypeVar("T")
Process = Generator[int, None, T]
"""Yields milliseconds to wait; what it returns is for whoever runs it with `yield from`."""


class World:
    """A clock, and what is still to happen."""

    def __init__(self, random: Random) -> None:
        self.ms = 1_000
        self.random = random
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._n = 0

    def at(self, ms: int, act: Callable[[], None]) -> None:
        """Let something happen at a moment, after what was planned for it before."""
        self._n += 1
        heappush(self._agenda, (max(ms, self.ms), self._n, act))

    def after(self, delay_ms: int, act: Callable[[], None]) -> None:
        """Let something happen in a while."""
        self.at(self.ms + delay_ms, act)

    def start(self, process: Process[None]) -> None:
        """Let a process run beside the others."""

        def resume() -> None:
            for delay_ms in process:
                self.after(delay_ms, resume)
                return

        self.after(0, resume)

    def step(self) -> None:
        """Let the next thing happen."""
        self.ms, _, act = heappop(self._agenda)
        act()

    # -------------------------------------------------------------- chance

    def chance(self, share: float) -> bool:
        """Return true in that share of the cases."""
        return self.random.random() < share

    def between(self, low: int, high: int) -> int:
        """Return a whole number within both."""
        return self.random.randint(low, high)

    def one_of(self, weights: dict[str, float]) -> str:
        """Return one of the words, by weight."""
        return self.random.choices(list(weights), list(weights.values()))[0]
