"""How far a recall reaches, by how lots are cut: the arithmetic of D-10 and D-11.

Of N units in the order in which they were made, d in a row are defective. Records tell sub-lots of
s units apart (1: every unit; N: none), so each sub-lot with one of the d is recalled whole. Where
the run begins is not known beforehand: every place in the lot is as likely as any other.

A run longer than the lot goes on into the next ones, made alike: no lot that it meets is left out.
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
    """Return the units recalled of lots cut into sub-lots of `size`; a lot's last may be smaller.

    A run that fits into the lot is in it; a longer one begins anywhere in one lot and goes on.

    >>> float(round(scope(5_000, 140, 500).mean, 1)), scope(5_000, 140, 500).most
    (628.7, 1000)
    >>> scope(500, 4_000, 500).most
    4500

    Raises:
        ValueError: there is no such run, or no such sub-lot.
    """
    if run < 1 or units < 1 or size < 1:
        raise ValueError(f"no run of {run} in {units} units, in sub-lots of {size}")
    size = min(size, units)
    if run > units:
        return _over_lots(units, run, size)
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
    """Return the units recalled, summed over all places: to where each ends, less where it begins.

    A run that begins or ends in a sub-lot takes it whole; the last may be short.
    """
    places = units - run + 1
    ends = size * (_floors(units, size) - _floors(run - 1, size) + places)
    last = (units - 1) // size * size
    ends -= (last + size - units) * (units - max(run - 1, last))
    return ends - size * _floors(places, size)


def _floors(n: int, size: int) -> int:
    """Return the sum of k // size over all k below n."""
    whole, rest = divmod(n, size)
    return size * whole * (whole - 1) // 2 + whole * rest


def _over_lots(units: int, run: int, size: int) -> Scope:
    """Return what a run takes that is longer than a lot.

    The unit it begins with may be any of its lot, and so may the one it ends with: on average each
    is in the middle of its sub-lot, weighed by how large that is.
    """
    whole, rest = divmod(units, size)
    mean = Fraction(whole * size**2 + rest**2, units) + run - 1
    places = _edges(units, run, size)
    taken = [_reach(units, run, size, place) for place in places]
    return Scope(mean=mean, least=min(taken), most=max(taken))


def _reach(units: int, run: int, size: int, place: int) -> int:
    lots, last = divmod(place + run - 1, units)
    end = lots * units + min(units, (last // size + 1) * size)
    return end - place // size * size


def _edges(units: int, run: int, size: int) -> set[int]:
    """Return places among which the least and the most are.

    To begin one sub-lot later takes as much, as long as neither end comes to the edge of a lot. So
    only runs count that begin or end with the first or last unit of a sub-lot near one.
    """
    count = -(-units // size)
    near = {each for each in (0, 1, count - 2, count - 1) if 0 <= each < count}
    units_there = {each * size for each in near}
    units_there |= {min(units, (each + 1) * size) - 1 for each in near}
    return units_there | {(each - run + 1) % units for each in units_there}


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
