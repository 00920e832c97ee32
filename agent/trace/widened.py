"""Links with one thing more: what a question is asked of, where the tables have no such thing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from agent.trace.genealogy import Kind, Links, Use

QUERY = "query:"
"""What a selection is called: each unit that was selected holds it."""


@dataclass(frozen=True, slots=True)
class Widened:
    """Links with one thing that may be at any of some places: nothing says where it went (D-44)."""

    links: Links
    of: str
    places: Collection[str]

    def above(self, things: Collection[str]) -> Iterable[Use]:
        """Return each use that has one of these as its option."""
        if self.of in things:
            for place in self.places:
                yield Use(("anywhere", place), Kind.LOT, place, self.of, 2, why="material_unknown")
        yield from self.links.above(things)

    def below(self, holders: Collection[str]) -> Iterable[Use]:
        """Return each use of these holders' slots."""
        return self.links.below(holders)

    def units(self, things: Collection[str]) -> set[str]:
        """Return which of these are units."""
        return self.links.units(things)

    def scrapped(self, things: Collection[str]) -> set[str]:
        """Return which of these were scrapped."""
        return self.links.scrapped(things)


@dataclass(frozen=True, slots=True)
class Selected:
    """Links with one thing more, `QUERY`, which the units that were selected hold."""

    links: Links
    certain: Collection[str]
    possible: Collection[str]
    why: str = ""
    """Reason code of the possible ones."""

    def above(self, things: Collection[str]) -> Iterable[Use]:
        """Return each use that has one of these as its option."""
        if QUERY in things:
            for holder in self.certain:
                yield Use(("query", holder), Kind.FEED, holder, QUERY, 1, why="direct_link")
            for holder in self.possible:
                yield Use(("query", holder), Kind.FEED, holder, QUERY, 2, why=self.why)
        yield from self.links.above([thing for thing in things if thing != QUERY])

    def below(self, holders: Collection[str]) -> Iterable[Use]:
        """Return each use of these holders' slots."""
        return self.links.below(holders)

    def units(self, things: Collection[str]) -> set[str]:
        """Return which of these are units."""
        return self.links.units(things)

    def scrapped(self, things: Collection[str]) -> set[str]:
        """Return which of these were scrapped."""
        return self.links.scrapped(things)
