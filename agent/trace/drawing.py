"""What stood in slots over time, who drew from them, and what was in what, as `trace-v1` has it.

A lot is an option of what was drawn at t, give or take u, if it may have been there by t+u and the
next load may not have been by t-u (D-44).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from operator import itemgetter
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Load:
    """A lot that came into a slot of a station."""

    low: float
    high: float
    lot: str
    is_added: bool
    """Whether what was there before stayed there."""


class Draw(NamedTuple):
    """A unit drew from all slots of a station."""

    unit: str
    station: str
    at: float
    give_or_take: float
    number: int
    """Of the event; at one time the one that was recorded later is the later one."""
    by: int


class Sight(NamedTuple):
    """Stations saw a unit: between when, in seconds, and which of them was the last."""

    unit: str
    first: float
    last: float
    station: str


class Draws:
    """Draws, in the order recorded; by columns, because there are millions of them."""

    def __init__(self) -> None:
        self._units: list[str] = []
        self._stations: list[str] = []
        self._times, self._windows = array("d"), array("d")
        self._numbers, self._places = array("q"), array("q")

    def add(self, draw: Draw) -> None:
        """Add one."""
        self._units.append(draw.unit)
        self._stations.append(draw.station)
        self._times.append(draw.at)
        self._windows.append(draw.give_or_take)
        self._numbers.append(draw.number)
        self._places.append(draw.by)

    def sights(self) -> Iterator[Sight]:
        """Yield of each unit when it drew, and where last."""
        spans: dict[str, tuple[float, float]] = {}
        newest: dict[str, tuple[float, int, str]] = {}
        for unit, station, at, give_or_take, number, _ in self:
            first, last = spans.get(unit, (inf, -inf))
            spans[unit] = min(first, at - give_or_take), max(last, at + give_or_take)
            newest[unit] = max(newest.get(unit, (-inf, 0, "")), (at, number, station))
        for unit, (first, last) in spans.items():
            yield Sight(unit, first, last, newest[unit][2])

    def __iter__(self) -> Iterator[Draw]:
        """Yield each."""
        times = (self._times, self._windows)
        return map(Draw, self._units, self._stations, *times, self._numbers, self._places)


class Feed:
    """What a slot of a station had in it, in the order of time.

    Args:
        loads: In the order recorded.
    """

    def __init__(self, loads: Iterable[Load]) -> None:
        in_order = sorted(enumerate(loads), key=lambda each: (each[1].low, each[1].high))
        self._loads = [load for _, load in in_order]
        self._lows = [load.low for load in self._loads]
        self._ends = _ends(self._loads, self._lows, [number for number, _ in in_order])
        """Per load: when the next one that emptied the slot had come for sure."""
        self._latest_ends = list(accumulate(self._ends, max))

    def options(self, at: float, give_or_take: float) -> tuple[str, ...]:
        """Return which lots may have been drawn at a time."""
        found: dict[str, None] = {}
        number = bisect_right(self._lows, at + give_or_take) - 1
        while number >= 0 and self._latest_ends[number] > at - give_or_take:
            if self._ends[number] > at - give_or_take:
                found[self._loads[number].lot] = None
            number -= 1
        return tuple(found)


def _ends(loads: Sequence[Load], lows: Sequence[float], numbers: Sequence[int]) -> list[float]:
    """Return when each of a slot's loads was gone for sure, because a later one had come.

    That is later which may only have come after it; and of two that overlap the one that is later
    by both ends and was recorded later. Where these speak against each other nobody knows which
    came last, and neither ends the other (D-4).

    Args:
        loads: By their ends.
        lows: When each may have come.
        numbers: As which of them each was recorded.
    """
    over = [inf if load.is_added else load.high for load in loads]
    behind = [*list(accumulate(reversed(over), min))[::-1], inf]
    ends = []
    for at, load in enumerate(loads):
        apart = max(bisect_left(lows, load.high), at + 1)
        near = (
            over[each]
            for each in range(at + 1, apart)
            if loads[each].high >= load.high and numbers[each] > numbers[at]
        )
        ends.append(min(behind[apart], min(near, default=inf)))
    return ends


class Move(NamedTuple):
    """A child came into its parent, or out of it."""

    at: float
    comes: bool
    number: int


def stays(moves: Iterable[Move]) -> Iterator[tuple[float, float]]:
    """Yield from when to when a child was in its parent."""
    since: float | None = None
    for at, comes, _ in sorted(moves, key=itemgetter(0)):
        if comes and since is None:
            since = at
        elif not comes and since is not None:
            yield since, at
            since = None
    if since is not None:
        yield since, inf
