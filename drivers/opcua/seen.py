"""Observations of one device, numbered; the newest value of each tag on this link."""

from __future__ import annotations

from itertools import count

from drivers.base import Clock, Instant, SamplesLost, TagValue, ValuesSeen


class Seen:
    """Makes one device's observations. Ids are unique within the driver's life."""

    def __init__(self, device: str, clock: Clock) -> None:
        self.device = device
        self.clock = clock
        self.newest: dict[str, TagValue] = {}
        """What was emitted last of each tag on this link."""
        self._numbers = count(1)

    def new_link(self) -> None:
        """Forget what the last link showed: its first values are emitted again (D-159)."""
        self.newest.clear()

    def id(self) -> str:
        """Return the next observation's id."""
        return f"{self.device}-{next(self._numbers)}"

    def values(
        self, values: tuple[TagValue, ...], earliest_ms: int, latest_ms: int, received: Instant
    ) -> ValuesSeen:
        """Return values as an observation and remember them as the newest."""
        for value in values:
            self.newest[value.tag] = value
        return ValuesSeen(
            id=self.id(),
            device=self.device,
            earliest_ms=earliest_ms,
            latest_ms=latest_ms,
            received=received,
            values=values,
        )

    def lost(
        self, tag: str | None, count: int | None, reason: str, received: Instant
    ) -> SamplesLost:
        """Return that values were lost just before `received`."""
        return SamplesLost(
            id=self.id(),
            device=self.device,
            earliest_ms=received.boot_ms,
            latest_ms=received.boot_ms,
            received=received,
            tag=tag,
            count=count,
            reason=reason,
        )
