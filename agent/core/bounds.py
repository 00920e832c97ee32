"""The plan of a value with limits: what it may be, and what follows when it is not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

Bound = int | float | str
"""A number, or the name of the tag that holds it: a set-point, read in the same snapshot."""


@unique
class ResultBy(StrEnum):
    """Whose word is a unit's result, where values have limits."""

    WORST = "worst"
    """OK only where the machine and the limits agree that it is."""
    MACHINE = "machine"
    """The machine's; the limits are recorded."""
    LIMITS = "limits"
    """That of the limits; the machine's is recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one recorded value may be: from `low` to `high`, both of them good."""

    tag: str
    low: Bound | None = None
    high: Bound | None = None
    low_warn: Bound | None = None
    """Below this it is told that the value comes near its limit."""
    high_warn: Bound | None = None
    target: Bound | None = None
    """What it should be; judges nothing."""
    counts: bool = True
    """Whether a value that is not known to be good makes the unit NOK."""

    @property
    def bounds(self) -> tuple[tuple[str, Bound], ...]:
        """Every bound that is declared, by its name."""
        named = {
            "low": self.low,
            "high": self.high,
            "low_warn": self.low_warn,
            "high_warn": self.high_warn,
            "target": self.target,
        }
        return tuple((name, bound) for name, bound in named.items() if bound is not None)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that hold set-points."""
        return tuple(bound for _, bound in self.bounds if isinstance(bound, str))
