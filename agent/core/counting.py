"""What the difference of two counter readings means (D-29 to D-31)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from agent.core.station import Counter
from drivers.base import Scalar


@unique
class StepKind(StrEnum):
    """What the difference of two readings means."""

    COUNT = "count"
    RESET = "reset"
    JUMP = "jump"


@dataclass(frozen=True, slots=True)
class Judged:
    """A counter step: `n` pieces, or unknown (None) after a reset or jump."""

    kind: StepKind
    n: int | None


def judge_step(counter: Counter, old: int, new: int, elapsed_ms: int | None) -> Judged:
    """Return what a counter's step means. `elapsed_ms` None: not known, over a boot (D-91).

    `elapsed_ms` is the longest time that can lie between the readings; one piece more than fits
    is believed, for one may have been nearly done at the first reading.

    Source: D-29 (delta, jump), D-31 (rollover or reset); the vectors there are the tests.
    """
    if new < old and not _rolled_over(counter, old, new):
        return Judged(StepKind.RESET, None)
    delta = (new - old) % counter.modulus
    if elapsed_ms is not None and delta > elapsed_ms // counter.fastest_ms + 1:
        return Judged(StepKind.JUMP, None)
    return Judged(StepKind.COUNT, delta)


def _rolled_over(counter: Counter, old: int, new: int) -> bool:
    return old >= counter.modulus - counter.max_step and new < counter.max_step


def whole(value: Scalar | None) -> int | None:
    """Return a value as the whole number that it is, None if it is none; a bit counts as 0 or 1."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return int(value) if isinstance(value, int) else None
