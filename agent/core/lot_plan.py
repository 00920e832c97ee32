"""What a station is told of its product lots: how they are cut, kept and checked (D-10, D-52)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sublots:
    """How a lot is cut into sub-lots, so that less is recalled (D-10); one of the three."""

    every_n: int | None = None
    """After so many pieces."""
    every_ms: int | None = None
    """After so long from its first piece."""
    by_carrier: bool = False
    """With each container that is scanned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lots:
    """How a station deals with the lots that it makes or handles."""

    measure: str | None = None
    """Unit of measure of counted pieces, and of quantities that come without one."""
    tolerance: str = "0"
    """How far a quantity may be from what is known, either way (D-52)."""
    blends: bool = False
    """Whether lots that are merged are mixed; else their pieces lie side by side."""
    refuse_mismatch: bool = False
    """Whether more than there is is refused instead of recorded with the mismatch."""
    pick_within_ms: int = 300_000
    """How long a lot that was named for an action waits for it."""
    sublots: Sublots | None = None
