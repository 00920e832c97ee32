"""By which clock events grow old."""

import pytest

from agent.journal.age import Ages, stamp_of
from drivers.base import ClockState, Instant
from tests.doubles import MORNING_MS
from tests.histories import History

YEAR_MS = 365 * 86_400_000


def at(
    wall_ms: int,
    boot_ms: int,
    state: ClockState = ClockState.SYNCED,
    boot_id: str = "boot-1",
) -> Instant:
    """Return a reading of both clocks."""
    return Instant(
        wall_ms=wall_ms, offset_min=0, boot_ms=boot_ms, boot_id=boot_id, clock_state=state
    )


def test_a_row_knows_when_it_was_made() -> None:
    """Its stamp is that of its body."""
    (row,) = History().start(1)
    assert stamp_of(row) == Instant(
        wall_ms=MORNING_MS + 1000,
        offset_min=60,
        boot_ms=1000,
        boot_id="boot-1",
        clock_state=ClockState.SYNCED,
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (ClockState.SYNCED, 5000),
        (ClockState.HOLDOVER, 5000),
        (ClockState.UNSYNCED, None),
        (ClockState.STEPPED, None),
    ],
)
def test_ages_go_by_a_trusted_clock_only(state: ClockState, expected: int | None) -> None:
    """While it is not synced or holding over, nothing is old (D-91)."""
    assert Ages(0, None).see(at(5000, 1, state)) == expected


def test_a_jump_forward_makes_nothing_older() -> None:
    """A year is taken off again, in this run and in the next (C02); a jump back gives it back."""
    ages = Ages(0, at(0, 0))
    assert ages.see(at(1000, 1000)) == 1000
    assert ages.see(at(2000 + YEAR_MS, 2000)) == 2000
    assert ages.ahead_ms == YEAR_MS
    later = Ages(ages.ahead_ms, at(2000 + YEAR_MS, 2000))
    assert later.see(at(YEAR_MS + 9000, 3, boot_id="boot-2")) == 9000
    assert later.see(at(9500, 503, boot_id="boot-2")) == 9500
    assert later.ahead_ms == 0
    assert later.see(at(0, 1503, boot_id="boot-2")) == 0


def test_a_jump_while_the_agent_was_away_is_seen() -> None:
    """The newest row's stamp and the first look belong to the same boot."""
    assert Ages(0, at(0, 0)).see(at(YEAR_MS, 60_000)) == 60_000


def test_setting_a_clock_that_was_not_trusted_is_no_jump() -> None:
    """A gateway without a battery boots in 1970 each time; that adds nothing up."""
    ages = Ages(0, at(0, 0, ClockState.UNSYNCED))
    assert ages.see(at(56 * YEAR_MS, 1000)) == 56 * YEAR_MS
    assert ages.ahead_ms == 0


def test_what_a_time_server_slews_is_no_jump() -> None:
    """Half a second between two looks is within what a clock may do."""
    ages = Ages(0, at(0, 0))
    assert ages.see(at(1500, 1000)) == 1500
    assert ages.ahead_ms == 0
