"""The ratios of ISO 22400: their values, their bounds, and why there is none (D-99 to D-103)."""

from dataclasses import replace

import pytest

from agent.core import oee
from agent.core.oee import Check, Counts, Elements, Ratio, Rules, Undefined, figures

MINUTE_MS = 60_000
SHIFT = Elements(
    busy_ms=450 * MINUTE_MS,
    production_ms=405 * MINUTE_MS,
    losses={("down", "E7"): 45 * MINUTE_MS},
    earned_us=500 * 45_000_000,
    counts=Counts(produced=500, units=500, good=485, nok=15),
)
"""The test vector of D-100."""
RULES = Rules()


def test_the_vector_of_the_standard() -> None:
    """A 0.9000, E 0.9259, Q 0.9700, OEE 0.8083 (D-100)."""
    found = figures(SHIFT, RULES)
    ratios = (found.availability, found.performance, found.quality, found.oee)
    assert [round(ratio.value or 0, 4) for ratio in ratios] == [0.9, 0.9259, 0.97, 0.8083]
    assert found.oee.value == pytest.approx(45 * 485 / (450 * 60))
    assert (found.coverage, found.unjudged, found.checks) == (1.0, 0, ())


@pytest.mark.parametrize(
    ("elements", "rules", "ratio", "why"),
    [
        (replace(SHIFT, busy_ms=0), RULES, "availability", Undefined.NO_PLANNED_TIME),
        (SHIFT, Rules(has_calendar=False), "availability", Undefined.NO_PLANNED_TIME),
        (SHIFT, Rules(watches_state=False), "availability", Undefined.NO_MACHINE_STATE),
        (SHIFT, Rules(watches_state=False), "performance", Undefined.NO_MACHINE_STATE),
        (
            replace(SHIFT, production_ms=0, unknown_ms=SHIFT.busy_ms),
            RULES,
            "availability",
            Undefined.NOTHING_KNOWN,
        ),
        (replace(SHIFT, production_ms=0), RULES, "performance", Undefined.NO_PRODUCTION_TIME),
        (replace(SHIFT, unpriced=1), RULES, "performance", Undefined.NO_IDEAL_CYCLE),
        (SHIFT, Rules(has_ideal=False), "performance", Undefined.NO_IDEAL_CYCLE),
        (replace(SHIFT, counts=Counts()), RULES, "quality", Undefined.NOTHING_PRODUCED),
        (
            replace(SHIFT, counts=Counts(produced=500)),
            RULES,
            "quality",
            Undefined.NO_VERDICT,
        ),
        (SHIFT, Rules(judges=False), "quality", Undefined.NO_VERDICT),
        (
            replace(SHIFT, counts=replace(SHIFT.counts, unknown=1)),
            RULES,
            "quality",
            Undefined.COUNTS_UNCERTAIN,
        ),
    ],
)
def test_what_is_not_defined_has_its_reason(
    elements: Elements, rules: Rules, ratio: str, why: Undefined
) -> None:
    """A ratio of 0 or of something unknown is None and says why, and so is OEE (D-101)."""
    found = figures(elements, rules)
    assert getattr(found, ratio) == Ratio(None, why)
    assert found.oee.value is None
    assert found.oee.why is not None


def test_unseen_time_gives_bounds_and_an_exact_oee() -> None:
    """With a coverage below 1, A and E lie between bounds, and APT cancels in OEE (D-108)."""
    found = figures(replace(SHIFT, losses={}, unknown_ms=45 * MINUTE_MS), RULES)
    assert found.availability == Ratio(None, Undefined.COVERAGE, 0.9, 1.0)
    assert found.performance.why is Undefined.COVERAGE
    assert found.performance.low == pytest.approx(375 / 450)
    assert found.performance.high == pytest.approx(375 / 405)
    assert found.oee.value == pytest.approx(45 * 485 / (450 * 60))
    assert found.coverage == pytest.approx(0.9)
    never_ran = replace(SHIFT, production_ms=0, unknown_ms=45 * MINUTE_MS)
    assert figures(never_ran, RULES).performance.high is None


def test_pieces_without_a_verdict_give_bounds() -> None:
    """Unbound and refused cycles are neither good nor bad."""
    found = figures(replace(SHIFT, counts=replace(SHIFT.counts, good=475)), RULES)
    assert found.quality == Ratio(None, Undefined.NOT_ALL_JUDGED, 0.95, 0.97)
    share = 45 * 500 / (450 * 60)
    assert found.unjudged == 10
    assert found.oee.low == pytest.approx(share * 0.95)
    assert found.oee.high == pytest.approx(share * 0.97)


def test_lost_counts_leave_a_lower_bound_of_the_performance() -> None:
    """At least what was counted was made."""
    found = figures(replace(SHIFT, counts=replace(SHIFT.counts, unknown=1)), RULES)
    assert found.performance.why is Undefined.COUNTS_UNCERTAIN
    assert found.performance.low == pytest.approx(375 / 405)
    assert found.oee == Ratio(None, Undefined.COUNTS_UNCERTAIN)


def test_nothing_is_clamped_and_it_is_told() -> None:
    """E above 1, more verdicts than pieces and a counter that differs are shown (D-102, D-110)."""
    counts = replace(SHIFT.counts, good=490, counted=503)
    found = figures(
        replace(SHIFT, earned_us=SHIFT.earned_us * 2, counts=counts), Rules(has_counter=True)
    )
    assert found.performance.value == pytest.approx(750 / 405)
    assert found.unreconciled == 3
    assert found.checks == (Check.E_OVER_1, Check.JUDGED_OVER_PRODUCED, Check.UNRECONCILED)
    assert found.quality.value == pytest.approx(490 / 500)
    assert figures(replace(SHIFT, counts=counts), RULES).unreconciled is None
    assert figures(oee.NONE, RULES).coverage is None


def test_shifts_are_added_before_they_are_divided() -> None:
    """The figures of two shifts are those of their sums, never the mean of percentages (D-103)."""
    other = Elements(
        busy_ms=90 * MINUTE_MS,
        production_ms=9 * MINUTE_MS,
        losses={("down", "E7"): 1, ("idle", ""): 81 * MINUTE_MS - 1},
        checks=frozenset({Check.CLOCK}),
    )
    both = oee.total([SHIFT, other])
    assert both.losses == {("down", "E7"): 45 * MINUTE_MS + 1, ("idle", ""): 81 * MINUTE_MS - 1}
    assert figures(both, RULES).availability.value == pytest.approx(414 / 540)
    assert both.checks == {Check.CLOCK}
    assert both.counts.produced == 500
