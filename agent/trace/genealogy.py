"""What is in what: where used, where from, and recall, with the certain and the possible apart.

A *holder* (a unit, or a lot made of lots) has *slots*: one for each feed it drew from, each part
put into it, each lot it was made of. A slot has one or more *options*: what may be in it. It
counts from when it was filled until what was in it is taken out again.

Definitions (D-4 to D-9):
    - A holder possibly holds X if X is an option somewhere below it.
    - It certainly holds X if in some slot all options are X or certainly hold X.
    - A recall of X takes the units that hold X, or are X, and that are in no other unit; scrapped
      ones are listed apart. `cleared` are those which once may have held X and no longer do, by
      rework or exchange.
    - Units that are in each other in a circle, and in no unit that is in none, are recalled each
      by itself (D-9).

The search asks `Links` for one step at a time, so that the same code runs over a few facts in
memory and over the tables of a plant. A circle in what was recorded is no endless search: its
members all hold each other, possibly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from math import inf
from typing import Protocol

OTHER = "unknown:other"
"""Whatever else it may have been: an option that is nothing we know of."""


STANDS_FOR = ("unknown:", "any:", "unidentified:", "group:")
"""How the names begin that are no thing's own: no answer has them."""


@unique
class Kind(StrEnum):
    """What sort of a slot it is."""

    FEED = "feed"
    """What a unit drew at a position."""
    PART = "part"
    """A unit, or a serial component, that was put into it."""
    LOT = "lot"
    """A lot that a lot was made of."""
    SUBLOT = "sublot"
    """A sub-lot of this lot: what went into it is somewhere in the lot, but in no other sub-lot."""
    WHOLE = "whole"
    """The lot of this sub-lot: what went into that as a whole may be in each of its sub-lots."""
    PACK = "pack"
    """What is packed in it: that stays what it is, and is recalled by itself."""
    NAME = "name"
    """The name that the holder had before (D-37)."""


@dataclass(frozen=True, slots=True)
class Use:
    """One option of one slot."""

    slot: Hashable
    kind: Kind
    holder: str
    option: str
    options: int
    """How many the slot has."""
    since: float = -inf
    """Seconds, on whatever scale the facts have."""
    until: float = inf
    """Before this it was there; infinite: it still is."""
    why: str = ""
    """Reason code of D-5; empty: the source says none."""

    @property
    def stands(self) -> bool:
        """Whether it still counts."""
        return self.until == inf


class Links(Protocol):
    """One step up or down, over whatever keeps the facts."""

    def above(self, things: Collection[str]) -> Iterable[Use]:
        """Return each use, past ones too, that has one of these as its option."""
        ...

    def below(self, holders: Collection[str]) -> Iterable[Use]:
        """Return each use, past ones too, of these holders' slots."""
        ...

    def units(self, things: Collection[str]) -> set[str]:
        """Return which of these are units."""
        ...

    def scrapped(self, things: Collection[str]) -> set[str]:
        """Return which of these were scrapped."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found; each part sorted. `possible` leaves out `certain`."""

    certain: Sequence[str]
    possible: Sequence[str]


@dataclass(frozen=True, slots=True)
class Recall(Answer):
    """What a recall has to take: the certain and the possible."""

    scrapped: Sequence[str]
    cleared: Sequence[str]


# ------------------------------------------------------------------ upwards

_Reached = tuple[str, bool]
"""A thing, and whether only a part of it is meant: it was reached from one of its sub-lots."""


def _up(use: Use, *, is_part: bool) -> _Reached | None:
    """Return what a use leads up to; None: from a part of a lot not into its other sub-lots."""
    if use.kind is Kind.SUBLOT:
        return use.holder, True
    if use.kind is Kind.WHOLE and is_part:
        return None
    return use.holder, is_part and (use.kind is Kind.NAME or use.why == _ALIAS)


_ALIAS = "alias"
_KEPT = (Kind.PART, Kind.NAME)
"""What is listed as what it is in, or is called now."""


@dataclass(slots=True)
class _Upward:
    """All that is above one thing, as far as it goes."""

    of: str
    uses: list[Use] = field(default_factory=list)

    @classmethod
    def of_all(cls, links: Links, of: str) -> _Upward:
        """Follow every use, past ones too, until nothing new comes."""
        above: dict[str, list[Use]] = {}
        seen, frontier = {(of, False)}, {(of, False)}
        while frontier:
            fresh = {thing for thing, _ in frontier} - above.keys()
            above |= {thing: [] for thing in fresh}
            for use in links.above(fresh):
                above[use.option].append(use)
            reached = {
                _up(use, is_part=is_part) for thing, is_part in frontier for use in above[thing]
            }
            frontier = {each for each in reached if each is not None} - seen
            seen |= frontier
        uses = (
            use
            for thing, some in above.items()
            for use in some
            if use.kind is not Kind.WHOLE or (thing, False) in seen
        )
        return cls(of, list(uses))

    def possible(self) -> set[str]:
        """Return who may hold it now."""
        above = defaultdict(list)
        for use in self.uses:
            if use.stands:
                above[use.option].append(use)
        seen, frontier = {(self.of, False)}, [(self.of, False)]
        while frontier:
            reached = {
                _up(use, is_part=is_part) for thing, is_part in frontier for use in above[thing]
            }
            frontier = [each for each in reached if each is not None and each not in seen]
            seen.update(frontier)
        return {thing for thing, _ in seen} - {self.of}

    def certain(self) -> set[str]:
        """Return who holds it for sure: by slots of which no option is left that might not."""
        above = defaultdict(list)
        left: dict[Hashable, int] = {}
        for use in self.uses:
            if use.stands:
                above[use.option].append(use)
                left[use.slot] = use.options
        found, frontier = set[str](), [self.of]
        while frontier:
            thing = frontier.pop()
            for use in above[thing]:
                left[use.slot] -= 1
                if left[use.slot] == 0 and use.holder not in found and use.holder != self.of:
                    found.add(use.holder)
                    frontier.append(use.holder)
        return found

    def inside(self) -> set[str]:
        """Return what is in a unit now for sure, and names that another one took the place of.

        What got a new name in its unit is in it under that too.
        """
        sure = [use for use in self.uses if use.stands and use.options == 1 and use.kind in _KEPT]
        newer: dict[str, list[str]] = defaultdict(list)
        for use in sure:
            if use.kind is Kind.NAME:
                newer[use.option].append(use.holder)
        found = {use.option for use in sure if use.kind is Kind.PART}
        frontier = list(found)
        while frontier:
            names = [name for name in newer[frontier.pop()] if name not in found]
            found.update(names)
            frontier += names
        return found | newer.keys()

    def circles(self) -> set[str]:
        """Return what is in itself by way of others, or of nothing, and in nothing outermost.

        So are names that took the place of each other: of a unit that got its old label back.
        """
        into: dict[str, set[str]] = defaultdict(set)
        below: dict[str, set[str]] = defaultdict(set)
        for use in self.uses:
            if use.stands and use.options == 1 and use.kind in _KEPT:
                into[use.option].add(use.holder)
                below[use.holder].add(use.option)
        frontier = below.keys() - into.keys()
        left = into.keys() - frontier
        while frontier:
            reached = set[str]().union(*(below[thing] for thing in frontier))
            frontier = reached & left
            left -= frontier
        while ends := {thing for thing in left if not below[thing] & left}:
            left -= ends
        return left

    def with_new_names(self, names: set[str]) -> set[str]:
        """Return things with every name that they got later."""
        found, grew = set(names), True
        while grew:
            newer = {u.holder for u in self.uses if u.kind is Kind.NAME and u.option in found}
            grew = not newer <= found
            found |= newer
        return found

    def reasons(self) -> dict[str, set[str]]:
        """Return of each holder every reason code on the ways by which it may hold it now."""
        above = defaultdict(list)
        for use in self.uses:
            if use.stands:
                above[use.option].append(use)
        found: dict[_Reached, set[str]] = {(self.of, False): set()}
        frontier = {(self.of, False)}
        while frontier:
            reached = set()
            for begin in frontier:
                for use in above[begin[0]]:
                    end = _up(use, is_part=begin[1])
                    if end is None:
                        continue
                    codes = found.setdefault(end, set())
                    more = (found[begin] | {use.why}) - codes
                    if more:
                        codes |= more
                        reached.add(end)
            frontier = reached
        both: dict[str, set[str]] = defaultdict(set)
        for (holder, _), codes in found.items():
            both[holder] |= codes - {""}
        return both

    def ever(self) -> set[str]:
        """Return who may have held it at any time: a slot counts for as long as it lasted."""
        above = defaultdict(list)
        for use in self.uses:
            above[use.option].append(use)
        held: dict[_Reached, list[tuple[float, float]]] = {(self.of, False): [(-inf, inf)]}
        frontier = {(self.of, False)}
        while frontier:
            reached = set()
            for thing in frontier:
                for use in above[thing[0]]:
                    holder = _up(use, is_part=thing[1])
                    gained = [
                        (max(begin, use.since), min(end, use.until)) for begin, end in held[thing]
                    ]
                    if holder is not None and _widen(held.setdefault(holder, []), gained):
                        reached.add(holder)
            frontier = reached
        return {holder for (holder, _), times in held.items() if times} - {self.of}


def _widen(times: list[tuple[float, float]], gained: Iterable[tuple[float, float]]) -> bool:
    """Add intervals to a sorted list of disjoint ones; return whether it became wider."""
    before = list(times)
    joined: list[tuple[float, float]] = []
    for begin, end in sorted([*before, *(each for each in gained if each[0] < each[1])]):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    times[:] = joined
    return joined != before


def where_used(links: Links, of: str) -> Answer:
    """Return every lot and unit that holds it now, through any number of levels."""
    up = _Upward.of_all(links, of)
    certain = up.certain()
    return Answer(sorted(certain), sorted(up.possible() - certain))


def recall(links: Links, of: str) -> Recall:
    """Return the units to take back because of it."""
    return find(links, of).recall


@dataclass(frozen=True, slots=True)
class Found:
    """A recall with what it rests on."""

    recall: Recall
    reasons: Mapping[str, set[str]]
    """Of each holder, the reason codes of D-5."""
    holders: set[str]
    """All that may hold it now, lots and what is inside something too."""
    surely: set[str]
    """Those of them that certainly do."""
    packed: Mapping[str, str]
    """Of what is packed, the package that it is in."""
    older: Mapping[str, str]
    """Of what has a new identity, the one before."""


def find(links: Links, of: str) -> Found:
    """Return the units to take back because of it, and why."""
    up = _Upward.of_all(links, of)
    certain, possible = up.certain(), up.possible()
    if links.units([of]):
        certain, possible = certain | {of}, possible | {of}
    ever = up.ever() | possible
    outermost = links.units(ever) - up.inside() | up.circles()
    scrapped = up.with_new_names(links.scrapped(ever)) & outermost & possible
    here = (outermost & possible) - scrapped
    found = Recall(
        sorted(here & certain),
        sorted(here - certain),
        sorted(scrapped),
        sorted(outermost - possible),
    )
    packed = {u.option: u.holder for u in up.uses if u.kind is Kind.PACK and u.stands}
    named = (u for u in up.uses if u.kind is Kind.NAME and u.stands and u.options == 1)
    older = {use.holder: use.option for use in named}
    return Found(found, up.reasons(), possible, certain, packed, older)


# ------------------------------------------------------------------ downwards


def where_from(links: Links, of: str) -> Answer:
    """Return every lot and unit that is in it now, through any number of levels."""
    slots: dict[str, dict[Hashable, list[str]]] = {}
    whole, frontier = {of}, {of}  # of what is not, only what went into it as a whole is meant
    while frontier:
        slots |= {holder: {} for holder in frontier}
        reached: dict[str, bool] = {}
        for use in links.below(frontier):
            if use.stands and (use.kind is not Kind.SUBLOT or use.holder in whole):
                slots[use.holder].setdefault(use.slot, []).append(use.option)
                keeps = use.kind is Kind.NAME or use.why == _ALIAS
                is_whole = use.holder in whole if keeps else use.kind is not Kind.WHOLE
                reached[use.option] = reached.get(use.option, False) or is_whole
        frontier = {
            option
            for option, is_whole in reached.items()
            if option not in slots or (is_whole and option not in whole)
        }
        whole |= {option for option in frontier if reached[option]}
    certain = _surely_in(of, slots)
    return Answer(sorted(certain), sorted(slots.keys() - certain - {of}))


def _surely_in(of: str, slots: dict[str, dict[Hashable, list[str]]]) -> set[str]:
    """Return what a holder certainly holds: of each slot, what all of its options have in common.

    Each thing is worked out once, after what is below it. A thing met again on the way down to it
    stands in a circle: nothing is certain through it.
    """
    found: dict[str, set[str]] = {}
    begun: set[str] = set()
    way = [of]
    while way:
        thing = way[-1]
        if thing not in begun:
            begun.add(thing)
            below = (option for slot in slots[thing].values() for option in slot)
            way += [each for each in below if each not in begun]
            continue
        way.pop()
        if thing not in found:
            each_slot = (
                set.intersection(*({option} | found.get(option, set()) for option in slot))
                for slot in slots[thing].values()
            )
            found[thing] = set().union(*each_slot) - {thing}
    return found[of]
