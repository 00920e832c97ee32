"""Shift ends in a station file: times on the wall, in the order of the day."""

import pytest

from agent.config.problems import ConfigError
from tests.unit.config.stations import PRESS, loaded

KEY = "idle: 8h}"


def with_operators(more: str) -> str:
    """Return a station file with these keys of `operators`."""
    return PRESS.replace(KEY, f"idle: 8h, {more}}}")


def test_shift_ends_become_minutes() -> None:
    """Times are held in minutes of the day, in order, whatever their order in the file."""
    station = loaded(
        with_operators('shift_ends: ["22:00", "06:00", "14:30"], shift_grace: 5min')
    ).station
    assert station.shift_ends == (360, 870, 1320)
    assert station.shift_grace_ms == 300_000


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('["6:00"]', "'6:00' is no time of day; write it in quotes, \"06:00\""),
        ('["24:00"]', "'24:00' is no time of day"),
        ("[14]", "14 is no time of day"),
        ('["06:00", "06:00"]', "the same time stands there twice; remove one"),
    ],
)
def test_what_is_no_time_is_refused(given: str, message: str) -> None:
    """A time is written with two digits each and in quotes; nothing is read into it."""
    with pytest.raises(ConfigError) as refused:
        loaded(with_operators(f"shift_ends: {given}"))
    assert message in str(refused.value)
