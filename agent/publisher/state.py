"""What can be said of a sink at a moment: for the status page, the metrics and fault events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique

from agent.ports import Address, Instant


@unique
class Condition(StrEnum):
    """What a sink does now."""

    DOWN = "down"
    """It cannot be reached; the publisher tries again with back-off."""
    PAUSED = "paused"
    """It refuses what may pass later; the publisher asks again with back-off."""
    CONNECTED = "connected"


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkState:
    """One sink, seen at one moment."""

    sink: str
    condition: Condition
    reason: str
    """Why it is down or paused: cause and what to do. Empty while it is connected."""
    since: Instant
    """When it came into this condition."""
    cursor: Address | None
    """Everything up to here is confirmed."""
    backlog: int | None
    """Events behind the cursor; None where they reach over more than one epoch."""
    attempts: int
    """Connections tried since it was last connected."""
    delivered: int
    """Events confirmed since the start of this run; so are all counts below."""
    refused: int
    """Refusals that may pass, each time one came."""
    quarantined: int
    released: int
    """Events that left the quarantine, delivered after all."""
    unacknowledged: int
    """Events under way now."""
    unacknowledged_s: float
    """How long the oldest of them has been under way."""
    odd: Mapping[str, int]
    """The sink's own counts of what was odd but stopped nothing."""
