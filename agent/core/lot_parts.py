"""What is remembered of product lots: the newest ones, with what is left in each.

Times are milliseconds of the boot clock, amounts are decimal text and may be negative: what was
given out stands as it was said (D-52). A field added later has a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLot:
    """A lot that was made, split, merged or moved here, and what is left in it."""

    lot: str
    product: str | None = None
    measure: str | None = None
    least: str | None = None
    """What is in it at the least; None: nobody knows."""
    most: str | None = None
    """What is in it at the most: with the pieces that may be of its neighbour."""
    out: str | None = "0"
    """What was issued and has not come back; None: nobody knows."""
    parents: tuple[str, ...] = ()
    """What it is made of, as far as that happened here."""
    part_of: str | None = None
    """Of a sub-lot: the lot that it is a part of."""
    carrier: str | None = None
    """Of a sub-lot: the container that it is in."""
    parts: int = 0
    """How many numbers were given to its sub-lots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """A lot that was named for the action that comes next."""

    lot: str
    quantity: str | None
    measure: str | None
    address: str
    """Of its scan."""
    latest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LotsState:
    """The lots that the station knows of, the one touched last at the end."""

    known: tuple[KnownLot, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Old identities, and what the lot is called now."""
    picks: tuple[Pick, ...] = ()
    carrier: str | None = None
    """The container that was scanned while no lot was open."""
