"""Records of shipping as they are read, and what a thing was in when they were made."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from agent.trace.genealogy import Kind, Use

_FOR_A_TIME = frozenset({Kind.PACK, Kind.PART})


@dataclass(frozen=True, slots=True)
class Record:
    """A record of shipping."""

    thing: str
    at: float | None
    is_back: bool
    is_all: bool
    quantity: str | None
    measure: str | None
    party: str | None
    document: str | None
    event: int | None
    """The event that says so; None: a list, whose times may be those of its own bookings."""

    @property
    def order(self) -> float:
        """Records without a time come first: what is dated is newer knowledge."""
        return -inf if self.at is None else self.at


@dataclass(slots=True)
class Within:
    """Something that a unit is or was in, and when."""

    thing: str
    since: float = -inf
    until: float = inf
    is_certain: bool = True

    def has(self, record: Record) -> bool:
        """Whether it was in there when a record was; without a time, whether it still is.

        A list may have booked a parcel before it was packed.
        """
        if record.at is None:
            return self.until == inf
        is_booked_before = record.event is None and record.at < self.since
        return is_booked_before or self.since <= record.at < self.until


def within(inner: Within, use: Use) -> Within:
    """Return what something is in, by a use, for as long as it was in there."""
    since, until = inner.since, inner.until
    if use.kind in _FOR_A_TIME:
        since, until = max(since, use.since), min(until, use.until)
    return Within(use.holder, since, until, inner.is_certain and use.options == 1)
