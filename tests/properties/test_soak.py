"""The short form of `make soak`: lines of every strategy that know the truth (issue 5)."""

import pytest

from agent.core.station import Strategy
from tests.soak.oracle import Score
from tests.soak.run import line_of
from tests.soak.table import table

SEEDS = range(6)
CYCLES = 24


def score_of(strategy: Strategy, *, faulty: bool) -> Score:
    """Return what a few lines of a strategy come to together."""
    total = Score()
    for seed in SEEDS:
        total.add(line_of(seed, strategy, faulty=faulty, cycles=CYCLES))
    return total


@pytest.mark.parametrize("strategy", Strategy)
def test_nothing_is_wrong_on_bad_days(strategy: Strategy) -> None:
    """Whatever fails: certain is true, recalls are wide enough, nothing disappears."""
    score = score_of(strategy, faulty=True)
    assert score.told == []
    assert (score.wrong, score.missed) == (0, 0)
    assert score.certain > 0


@pytest.mark.parametrize("strategy", Strategy)
def test_certainty_is_not_bought_by_calling_everything_possible(strategy: Strategy) -> None:
    """A well instrumented line: nearly every cycle is certain, and most of the material."""
    score = score_of(strategy, faulty=False)
    judged = score.certain + score.possible + score.unbound + score.refused
    assert score.told == []
    assert score.certain >= 0.9 * judged
    assert score.uses_possible <= 0.6 * score.uses
    assert strategy in table({(False, strategy): score})
