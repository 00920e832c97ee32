"""What was so when, laid into windows: the times of OEE, as they grow (D-104, D-108, D-109).

    timeline.change(at_ms, what, reason)   from then on something else is so
    timeline.turn(at_ms, key)              from then on it is for another order or product
    timeline.settle(now_ms)                close what is open

Laws:
    1. The parts of a window add up to the window: planned busy time is production time, losses and
       what is not known; planned down time is the calendar's.
    2. A moment is in one window and one key, whatever comes in whatever order: time only goes on.
    3. A stop is judged as a whole, small or not, and its parts go where they were.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from agent.core.calendars import Window
from agent.core.oee import Check, Counts, Elements
from agent.core.station import Category

RUNNING, UNKNOWN = Category.RUNNING.value, Category.UNKNOWN.value
STOPS = frozenset(
    category.value
    for category in (
        Category.IDLE,
        Category.STOPPED,
        Category.DOWN,
        Category.HELD,
        Category.STARVED,
        Category.BLOCKED,
        Category.SUSPENDED,
    )
)
"""What can be a small stop (D-109)."""
NOWHERE = -1
"""The place of what is outside every window."""


class Key(NamedTuple):
    """What a time or a piece was for."""

    order: str | None
    product: str | None


class Segment(NamedTuple):
    """A time in which one thing was so."""

    begin_ms: int
    end_ms: int
    key: Key
    what: str
    reason: str


class Bucket:
    """The elements of one part of one window, while they grow."""

    def __init__(self) -> None:
        self.n: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.losses: dict[tuple[str, str], int] = {}
        self.checks: set[Check] = set()

    def copy(self) -> Bucket:
        """Return another one with the same in it."""
        other = Bucket()
        other.n, other.counts = dict(self.n), dict(self.counts)
        other.losses, other.checks = dict(self.losses), set(self.checks)
        return other

    def add(self, name: str, n: int) -> None:
        """Add to a field of `Elements`."""
        self.n[name] = self.n.get(name, 0) + n

    def count(self, name: str, n: int) -> None:
        """Add to a field of `Counts`."""
        self.counts[name] = self.counts.get(name, 0) + n

    def lose(self, what: str, reason: str, length_ms: int) -> None:
        """Add to the losses."""
        self.losses[what, reason] = self.losses.get((what, reason), 0) + length_ms

    def elements(self) -> Elements:
        """Return what has come together."""
        return Elements(
            **self.n,
            losses=self.losses,
            counts=Counts(**self.counts),
            checks=frozenset(self.checks),
        )


class Timeline:
    """What is so now and was so, by windows and keys."""

    def __init__(self, windows: Sequence[Window], small_stop_ms: int) -> None:
        self.windows = list(windows)
        self.key = Key(None, None)
        self.what, self.reason = UNKNOWN, ""
        self.began_ms: int | None = None
        """Since when what is so now is so; None: nothing was seen yet."""
        self.seen_ms = 0
        """Up to when it is known that it is so."""
        self._small_stop_ms = small_stop_ms
        self._begins = [window.begin_ms for window in windows]
        self._buckets: dict[tuple[int, Key], Bucket] = {}
        self._stop: list[Segment] = []
        """A stop that is not over: small or not."""

    def copy(self) -> Self:
        """Return another one that goes on by itself."""
        other = object.__new__(type(self))
        buckets = {place: bucket.copy() for place, bucket in self._buckets.items()}
        own: dict[str, object] = {"_buckets": buckets, "_stop": list(self._stop)}
        own |= {"windows": list(self.windows), "_begins": list(self._begins)}
        vars(other).update(vars(self) | own)
        return other

    def extend(self, windows: Sequence[Window]) -> None:
        """Add windows behind those that there are."""
        self.windows += windows
        self._begins += [window.begin_ms for window in windows]

    # -------------------------------------------------------------- what is so

    def see(self, at_ms: int) -> None:
        """Note that what is so is so until now; the first time, that nobody saw what was before."""
        if self.began_ms is None:
            self._begin(at_ms)
        self.seen_ms = max(self.seen_ms, at_ms)

    def _begin(self, at_ms: int) -> None:
        first_ms = self._begins[0] if self._begins else at_ms
        if first_ms < at_ms:
            self._lay(Segment(first_ms, at_ms, self.key, UNKNOWN, ""), is_small=False)
        self.began_ms = self.seen_ms = at_ms

    def start(self, at_ms: int) -> None:
        """Forget what was laid; what is so is so from here on, if anything was seen."""
        self._buckets.clear()
        self._stop.clear()
        if self.began_ms is not None:
            self.began_ms = self.seen_ms = max(self.began_ms, at_ms)

    def change(self, at_ms: int, what: str, reason: str) -> None:
        """Something else is so from a moment on."""
        self._close(at_ms)
        self.what, self.reason = what, reason

    def turn(self, at_ms: int, key: Key) -> None:
        """Go on for another order or product."""
        if key != self.key:
            self._close(at_ms)
            self.key = key

    def step(self, step_ms: int) -> None:
        """Let what is so lie later: the clock was wrong, and what was then, nobody saw."""
        began_ms, what, reason = self.began_ms, self.what, self.reason
        if began_ms is not None and step_ms > 0:
            self.change(began_ms, UNKNOWN, "")
            self.change(began_ms + step_ms, what, reason)

    def settle(self, now_ms: int) -> int:
        """Close what is open; return up to when windows are judged.

        A window that is over is judged whole; one that is not, up to what was seen.
        """
        over_ms = max((w.end_ms for w in self.windows if w.end_ms <= now_ms), default=0)
        if self.began_ms is None:
            self._begin(over_ms)
            return over_ms
        edge_ms = max(over_ms, self.seen_ms)
        self.change(self.seen_ms, UNKNOWN, "")
        self._close(edge_ms)
        self._end_stop(is_small=False)
        return edge_ms

    def _close(self, at_ms: int) -> None:
        """End what is so, where it belongs, and begin it anew."""
        began_ms = self.began_ms
        if began_ms is None or at_ms <= began_ms:
            return
        self._pass(Segment(began_ms, at_ms, self.key, self.what, self.reason))
        self.began_ms = at_ms
        self.seen_ms = max(self.seen_ms, at_ms)

    def _pass(self, segment: Segment) -> None:
        """Hold back what may be a small stop; lay what is decided."""
        if segment.what in STOPS and self._small_stop_ms:
            self._stop.append(segment)
            return
        length_ms = sum(each.end_ms - each.begin_ms for each in self._stop)
        is_over = segment.what == RUNNING
        self._end_stop(is_small=is_over and length_ms < self._small_stop_ms)
        self._lay(segment, is_small=False)

    def _end_stop(self, *, is_small: bool) -> None:
        stop, self._stop = self._stop, []
        for each in stop:
            self._lay(each, is_small=is_small)
        if stop and is_small:
            bucket, is_down = self.bucket(stop[0].begin_ms, stop[0].key)
            bucket.add("small_stops", 0 if is_down else 1)

    # -------------------------------------------------------------- where it belongs

    def bucket(self, at_ms: int, key: Key) -> tuple[Bucket, bool]:
        """Return where a moment belongs, and whether it is planned down time there."""
        place = self.place(at_ms)
        stops = self.windows[place].stops if place != NOWHERE else ()
        return self._at(place, key), any(begin <= at_ms < end for begin, end in stops)

    def place(self, at_ms: int) -> int:
        """Return the number of the window that a moment is in, or NOWHERE."""
        place = bisect_right(self._begins, at_ms) - 1
        return place if place >= 0 and at_ms < self.windows[place].end_ms else NOWHERE

    def note(self, check: Check, at_ms: int) -> None:
        """Note what should be looked at in the window of a moment."""
        self.bucket(at_ms, self.key)[0].checks.add(check)

    def miss(self, at_ms: int) -> None:
        """Note that pieces may have been made about then that nobody can number."""
        self.bucket(at_ms, self.key)[0].count("unknown", 1)

    def buckets(self) -> Iterator[tuple[int, Key, Elements]]:
        """Yield what is in each window, by key."""
        for place, key in sorted(self._buckets, key=lambda each: (each[0], *map(str, each[1]))):
            yield place, key, self._buckets[place, key].elements()

    def _at(self, place: int, key: Key) -> Bucket:
        return self._buckets.setdefault((place, key), Bucket())

    def _lay(self, segment: Segment, *, is_small: bool) -> None:
        """Add a time to the windows that it is in, and between them."""
        at_ms = segment.begin_ms
        behind = bisect_right(self._begins, at_ms)
        while at_ms < segment.end_ms:
            place = self.place(at_ms)
            if place == NOWHERE:
                next_ms = self._begins[behind] if behind < len(self._begins) else segment.end_ms
            else:
                next_ms = self.windows[place].end_ms
            until_ms = min(segment.end_ms, next_ms)
            part = segment._replace(begin_ms=at_ms, end_ms=until_ms)
            if place == NOWHERE:
                self._lay_outside(part)
                behind += 1
            else:
                self._lay_in(place, part, is_small=is_small)
                behind = place + 1
            at_ms = until_ms

    def _lay_outside(self, segment: Segment) -> None:
        if segment.what == RUNNING:
            length_ms = segment.end_ms - segment.begin_ms
            self._at(NOWHERE, segment.key).add("ran_in_down_ms", length_ms)

    def _lay_in(self, place: int, segment: Segment, *, is_small: bool) -> None:
        down_ms = sum(
            max(0, min(end, segment.end_ms) - max(begin, segment.begin_ms))
            for begin, end in self.windows[place].stops
        )
        busy_ms = segment.end_ms - segment.begin_ms - down_ms
        bucket = self._at(place, segment.key)
        bucket.add("busy_ms", busy_ms)
        bucket.add("down_ms", down_ms)
        if is_small:
            bucket.add("production_ms", busy_ms)
            bucket.add("small_stop_ms", busy_ms)
        elif segment.what == RUNNING:
            bucket.add("production_ms", busy_ms)
            bucket.add("ran_in_down_ms", down_ms)
        elif segment.what == UNKNOWN:
            bucket.add("unknown_ms", busy_ms)
        elif busy_ms:
            bucket.lose(segment.what, segment.reason, busy_ms)
