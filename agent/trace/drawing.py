"""What stood in slots over time, who drew from them, and what was in what, as `trace-v1` has it.

A lot is an option of what was drawn at t, give or take u, if it may have been there by t+u and the
next load may not have been by t-u (D-44).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
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
    """What a slot of a station had in it, in the order of time."""

    def __init__(self, loads: Iterable[Load]) -> None:
        in_order = sorted(loads, key=lambda load: (load.low, load.high))
        self._loads = in_order
        self._lows = [load.low for load in in_order]
        ends, behind = list[float](), list[float]()
        for load in reversed(in_order):
            at = bisect_left(behind, load.high)
            ends.append(behind[at] if at < len(behind) else inf)
            if not load.is_added:
                insort(behind, load.high)
        self._ends = ends[::-1]
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
