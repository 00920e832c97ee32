"""The short form of the crash campaign: each case of it once (FAULTS, bar per release)."""

import pytest

from tests.crash.campaign import cases, one_share


@pytest.mark.parametrize("name", [case.name for case in cases()])
def test_nothing_acknowledged_is_lost_and_the_controls_lose(name: str) -> None:
    """Power cuts, cuts within recovery, rot and kills lose nothing; a control is seen losing."""
    case = next(case for case in cases() if case.name == name)
    tally = one_share(name, 7)
    assert case.passes(tally) is None, tally.worst
