"""The table of strategies: one entry each, and what an entry does where it says nothing (D-23)."""

import pytest

from agent.core.state import Rise, State
from agent.core.station import Strategy
from agent.core.strategies import ENTRIES, Entry, entry
from tests.core_rig import PRESS


def test_every_strategy_has_one_entry() -> None:
    """The table is total: what a station can declare is built."""
    assert set(ENTRIES) == set(Strategy)
    assert entry(PRESS) is ENTRIES[Strategy.SCAN_THEN_CYCLE]


@pytest.mark.parametrize("strategy", [Strategy.TAG, Strategy.SCAN_ONLY, Strategy.COUNT_ONLY])
def test_without_a_waiting_cycle_no_scan_is_a_candidate(strategy: Strategy) -> None:
    """Where no cycle waits for a scan there is none to wait for, and no time to wait."""
    found = ENTRIES[strategy]
    rise = Rise(earliest_ms=0, latest_ms=10, seen_low=True)
    assert found.candidates(State(station=PRESS, declared=PRESS), rise) == ()
    assert found.wait_ms(PRESS) == 0
    assert found.take is Entry().take
