"""What is remembered of the people at a station: the part `people` of the state.

As in `parts`, times are of the boot clock, and a field added later has a default.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.core.parts import LONG_AGO


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One operator at this station (D-60)."""

    ref: str
    role: str
    address: str
    since_local_ms: int | None = None
    """When it began on the station's wall clock; None if that was not set then."""
    since_ms: int = LONG_AGO
    """When it had begun at the latest."""
    from_ms: int | None = None
    """When it began at the earliest; None: as `since_ms`."""

    @property
    def from_lo_ms(self) -> int:
        """When it began at the earliest."""
        return self.since_ms if self.from_ms is None else self.from_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A session that has ended, as long as a cycle may still have met it (D-62)."""

    ref: str
    role: str
    from_lo_ms: int
    from_hi_ms: int
    to_lo_ms: int
    to_hi_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCount:
    """One order, and what was made for it here."""

    order: str
    product: str | None = None
    quantity: int | None = None
    """How many are to be made; None: nobody has said."""
    good: int = 0
    nok: int = 0
    told: tuple[str, ...] = ()
    """What was said of its quantity."""
    reworkable: tuple[str, ...] = ()
    """The newest units that are counted as NOK: if one comes again, it is not counted twice."""
    finished: bool = False
    """Whether it ended because its quantity was reached."""

    @property
    def total(self) -> int:
        """How many were made."""
        return self.good + self.nok


@dataclass(frozen=True, kw_only=True)
class PeopleState:
    """Who works here, and on what."""

    sessions: tuple[Session, ...] = ()
    active_ms: int = LONG_AGO
    """When somebody last scanned or a cycle came, for the idle limit."""
    order: str | None = None
    gone: tuple[Gone, ...] = ()
    """Sessions that have ended since the newest cycle may have begun."""
    count: OrderCount | None = None
    """What was made for the order that runs; None with an order: nothing yet."""
    ended: tuple[OrderCount, ...] = ()
    """The orders that have ended last, so that one that is started again goes on counting."""
