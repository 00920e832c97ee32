"""What one measurement says: the figure, the bare rig beside it, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of the benchmark's table. Absolute figures drift; the ratio is what counts."""

    goal: str
    """Which goal of the budget: `P-7`."""
    what: str
    """What was measured, one line."""
    figure: float
    unit: str
    bare: float | None
    """The same work by the bare rig, interleaved on the same machine; None where there is none."""
    ratio: float | None
    """Figure over bare."""
    passed: bool | None
    """None for a figure that is reported without a goal."""
    note: str = ""
