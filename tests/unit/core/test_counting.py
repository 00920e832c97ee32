"""What a counter's step means: the vectors of D-29 to D-31."""

import pytest

from agent.core.counting import Judged, StepKind, judge_step, whole
from agent.core.station import Counter
from drivers.base import Scalar

RESET, JUMP = Judged(StepKind.RESET, None), Judged(StepKind.JUMP, None)


def count(n: int) -> Judged:
    """Return a step of n pieces."""
    return Judged(StepKind.COUNT, n)


@pytest.mark.parametrize(
    ("old", "new", "elapsed_ms", "modulus", "expected"),
    [
        (100, 100, 2_000, 65_536, count(0)),
        (100, 101, 2_000, 65_536, count(1)),
        (100, 103, 9_000, 65_536, count(3)),
        (65_534, 1, 9_000, 65_536, count(3)),
        (65_534, 1, 9_000, 2**31, RESET),
        (5_000, 0, 3_000, 65_536, RESET),
        (9_999, 2, 9_000, 10_000, count(3)),
        (100, 900, 10_000, 65_536, JUMP),
        (100, 900, None, 65_536, count(800)),
        (100, 106, 10_000, 65_536, count(6)),
        (100, 107, 10_000, 65_536, JUMP),
        (65_530, 1, 9_000, 65_536, RESET),
        (65_534, 5, 99_000, 65_536, RESET),
    ],
)
def test_a_step_is_a_count_a_reset_or_a_jump(
    old: int, new: int, elapsed_ms: int | None, modulus: int, expected: Judged
) -> None:
    """The vectors of DOMAIN, and the edges: one piece more than fits, rollover by max_step."""
    counter = Counter(device="plc", tag="count", modulus=modulus, max_step=5, fastest_ms=2_000)
    assert judge_step(counter, old, new, elapsed_ms) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3), (3.0, 3), (3.5, None), (True, 1), ("3", None), (None, None), (float("nan"), None)],
)
def test_a_whole_number_is_one_in_any_form(value: Scalar | None, expected: int | None) -> None:
    """Counters and requests may come as float or bit; what is no whole number counts nothing."""
    assert whole(value) == expected
