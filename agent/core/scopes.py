"""How far a recall reaches, by how lots are cut: the arithmetic of D-10 and D-11.

Of N units in the order in which they were made, d in a row are defective. Records tell sub-lots of
s units apart (1: every unit; N: none), so each sub-lot with one of the d is recalled whole. Where
the run begins is not known beforehand: every place in the lot is as likely as any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Scope:
    """What a recall takes, over all places where the run may begin."""

    mean: Fraction
    least: int
    most: int


def scope(units: int, run: int, size: int) -> Scope:
    """Return the units recalled of a lot cut into sub-lots of `size`; the last may be smaller.

    >>> float(round(scope(5_000, 140, 500).mean, 1)), scope(5_000, 140, 500).most
    (628.7, 1000)

    Raises:
        ValueError: there is no such run, or no such sub-lot.
    """
    if not 0 < run <= units or size < 1:
        raise ValueError(f"no run of {run} in {units} units, in sub-lots of {size}")
    size = min(size, units)
    places = units - run + 1
    return Scope(
        mean=Fraction(_touched(units, run, size), places),
        least=min(_taken(units, run, size, place) for place in _telling(units, run, size)),
        most=max(_taken(units, run, size, place) for place in _telling(units, run, size)),
    )


def rule_of_thumb(units: int, run: int, size: int) -> int:
    """Return s + d - 1, never more than there is: the mean of a lot without ends (D-10)."""
    return min(units, size + run - 1)


def several(units: int, scopes: tuple[Fraction, ...]) -> Fraction:
    """Return what several separate runs take: their scopes added, never more than all (D-11)."""
    return min(Fraction(units), sum(scopes, Fraction(0)))


def _touched(units: int, run: int, size: int) -> int:
    """Return the units recalled, summed over all places: each sub-lot for each run that meets it.

    A sub-lot away from both ends is met from s + d - 1 places.
    """
    first = -(-(run - 1) // size)  # the first that no end of the lot cuts short
    last = (units - run + 1) // size  # and the first behind the last such
    inner = max(0, last - first)
    total = inner * size * (size + run - 1)
    count = -(-units // size)
    for sublot in (*range(min(first, count)), *range(max(first, last), count)):
        begin, end = sublot * size, min(units, (sublot + 1) * size)
        total += (end - begin) * (min(units - run, end - 1) - max(0, begin - run + 1) + 1)
    return total


def _taken(units: int, run: int, size: int, place: int) -> int:
    first, last = place // size, (place + run - 1) // size
    return min(units, (last + 1) * size) - first * size


def _telling(units: int, run: int, size: int) -> set[int]:
    """Return places among which the least and the most are.

    The fewest sub-lots are met by a run that begins with one, or that ends with the lot, whose last
    sub-lot may be short; the most by one that begins with the last unit of a sub-lot.
    """
    latest = units - run
    return {0, min(size - 1, latest), latest}
