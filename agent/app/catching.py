"""How far a collector is: far behind, waiting for what is sent again, or at work.

Laws:
    1. It is `caught_up` only after looks at the store, made once it was no longer far behind, that
       found nothing lacking for longer than an event is on its way.
    2. Where no station is known, nothing is said of it.
    3. What lacks for longer is `resend_awaited`, until a look finds all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique

from agent.trace.claims import Range
from agent.trace.surveyed import Overdue, Surveyed, merged

SETTLE_S = 3.0
"""So long an event may be on its way; and so long after connecting, every position has come."""


@unique
class Stage(StrEnum):
    """How far it is, by the word that the log has for it."""

    LOOKING = "looking"
    """Not far behind; whether something lacks is being found out."""
    CATCHING_UP = "catching_up"
    RESEND_AWAITED = "resend_awaited"
    CAUGHT_UP = "caught_up"


class Course:
    """The stage that a collector is in, and what it waits for."""

    def __init__(self) -> None:
        self.stage = Stage.LOOKING
        self.awaited: Mapping[str, tuple[Range, ...]] = {}
        """By station, what lacks for longer than an event is on its way."""
        self._overdue = Overdue()
        self._since_s: float | None = None

    @property
    def lacking(self) -> int:
        """How many events that is."""
        return sum(len(one) for ranges in self.awaited.values() for one in ranges)

    def go_on(self, *, is_far: bool) -> None:
        """Take whether it is far behind now."""
        if is_far:
            self.stage, self.awaited = Stage.CATCHING_UP, {}
        elif self.stage is Stage.CATCHING_UP:
            self.stage = Stage.LOOKING
            self._overdue, self._since_s = Overdue(), None

    def looked(
        self,
        found: Mapping[str, Surveyed],
        to_ask: Mapping[str, tuple[Range, ...]],
        now_s: float,
    ) -> None:
        """Take what a look at the store found, and what of it is asked for."""
        if self.stage is Stage.CATCHING_UP or not found:
            return
        if self.stage is Stage.LOOKING and any(one.lacking for one in found.values()):
            if self._since_s is not None and now_s - self._since_s < SETTLE_S:
                return
            lasting = {station: self._overdue.look(station, one) for station, one in found.items()}
            if self._since_s is None:
                self._since_s = now_s
                return
        else:
            lasting = {
                station: self._overdue.still(
                    merged((*self.awaited.get(station, ()), *to_ask.get(station, ()))), one
                )
                for station, one in found.items()
            }
        self.awaited = {station: ranges for station, ranges in lasting.items() if ranges}
        self.stage = Stage.RESEND_AWAITED if self.awaited else Stage.CAUGHT_UP
