"""Which events somebody wants to read, from wherever they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events; what is not given does not matter."""

    station: str | None = None
    """Its path."""
    kinds: Collection[str] = ()
    since_ms: int | None = None
    """Received at or after, UTC ms."""
    until_ms: int | None = None
    """Received before, UTC ms."""
