"""Sets of whole numbers as intervals: which seqs are there, and which lack."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class Spans:
    """Numbers, kept as intervals that neither overlap nor touch: memory goes by the holes."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __contains__(self, number: int) -> bool:
        """Return whether a number is in it."""
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield the intervals (first, last), both included, rising."""
        return iter(zip(self._firsts, self._lasts, strict=True))

    def __len__(self) -> int:
        """Return how many numbers are in it."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    @property
    def first(self) -> int | None:
        """The smallest number, None for none."""
        return self._firsts[0] if self._firsts else None

    @property
    def last(self) -> int | None:
        """The largest number, None for none."""
        return self._lasts[-1] if self._lasts else None

    def add(self, first: int, last: int) -> None:
        """Add every number from `first` to `last`; nothing where there is none."""
        if last < first:
            return
        low = bisect_left(self._lasts, first - 1)  # the first interval that is joined
        high = bisect_right(self._firsts, last + 1)
        if low < high:
            first = min(first, self._firsts[low])
            last = max(last, self._lasts[high - 1])
        self._firsts[low:high], self._lasts[low:high] = [first], [last]

    def lacking(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield the intervals of [first, last] that are not in it, rising."""
        at = bisect_left(self._lasts, first)
        while first <= last and at < len(self._firsts) and self._firsts[at] <= last:
            if first < self._firsts[at]:
                yield first, self._firsts[at] - 1
            first = self._lasts[at] + 1
            at += 1
        if first <= last:
            yield first, last

    def within(self, first: int, last: int) -> int:
        """Return how many numbers of [first, last] are in it."""
        return sum(high - low + 1 for low, high in self.shared(first, last))

    def shared(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield the intervals of [first, last] that are in it, rising."""
        at = bisect_left(self._lasts, first)
        while at < len(self._firsts) and self._firsts[at] <= last:
            yield max(first, self._firsts[at]), min(last, self._lasts[at])
            at += 1
