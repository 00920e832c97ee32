"""Who may and must be at a station: the part of its plan that is about people (D-60 to D-62)."""

from __future__ import annotations

from dataclasses import dataclass

OPERATOR = "operator"
"""The role of who badges on without another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Who must be there for a unit."""

    role: str | None = None
    """None: in whatever role."""
    at_least: int = 1
    refuses: bool = True
    """Whether a unit is refused without them (answer 6); else it is recorded and says so."""

    @property
    def name(self) -> str:
        """What is missing where they are: their role."""
        return self.role or OPERATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """How many people work at a station, and how exactly it is known when they came and went."""

    most: int = 1
    """How many may be signed on at once. 1: the next badge ends the session before it."""
    uncertainty_ms: int = 0
    """How far a badge may lie from the change-over itself, either way (D-44, D-62)."""
    longest_cycle_ms: int = 600_000
    """Where nothing says when a cycle began, it began no longer ago than this (D-61)."""
    needs: tuple[Need, ...] = ()

    @property
    def several(self) -> bool:
        """Whether each badge opens and closes the session of its own person alone."""
        return self.most > 1
