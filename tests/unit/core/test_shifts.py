"""Shift ends: on the local clock, across its changes, and what they do to sessions."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from agent.core import binder, people, shifts
from agent.core.draft import Draft
from agent.core.events import OperatorRef, OperatorSignedOff, OperatorSignedOn, SignOffReason
from agent.core.state import Working
from drivers.base import ClockState, Instant
from tests.core_rig import PRESS, Rig, instant

VIENNA = ZoneInfo("Europe/Vienna")
MIN, HOUR = 60_000, 3_600_000
THREE = (6 * 60, 14 * 60, 22 * 60)
SHIFTS = replace(PRESS, shift_ends=THREE, shift_grace_ms=15 * MIN)
"""The rig's clock begins at 10:00 local time, four hours before the end of the early shift."""
TO_END = 4 * HOUR


def local(text: str) -> int:
    """Return the moment that a wall clock in Vienna shows, as the core counts it."""
    utc = datetime.fromisoformat(text).replace(tzinfo=VIENNA).astimezone(UTC)
    offset = utc.astimezone(VIENNA).utcoffset()
    assert offset is not None
    return round((utc + offset).timestamp() * 1000)


def signed_off(rig: Rig) -> list[SignOffReason]:
    """Return why sessions ended."""
    return [event.reason for event in rig.of(OperatorSignedOff)]


@pytest.mark.parametrize(
    ("now", "last", "following"),
    [
        ("2026-06-01T05:59", "2026-05-31T22:00", "2026-06-01T06:00"),
        ("2026-06-01T06:00", "2026-06-01T06:00", "2026-06-01T14:00"),
        ("2026-06-01T13:59", "2026-06-01T06:00", "2026-06-01T14:00"),
        ("2026-06-01T23:00", "2026-06-01T22:00", "2026-06-02T06:00"),
        ("2026-03-29T03:30", "2026-03-28T22:00", "2026-03-29T06:00"),
        ("2026-10-25T02:30", "2026-10-24T22:00", "2026-10-25T06:00"),
    ],
)
def test_ends_around_a_moment(now: str, last: str, following: str) -> None:
    """The end before and the one after, past midnight and in nights that are an hour off."""
    assert shifts.last_end(THREE, local(now)) == local(last)
    assert shifts.next_end(THREE, local(now)) == local(following)


def test_one_end_a_day() -> None:
    """A single shift has its end a day apart."""
    assert shifts.last_end((17 * 60,), local("2026-06-01T16:00")) == local("2026-05-31T17:00")
    assert shifts.next_end((17 * 60,), local("2026-06-01T17:00")) == local("2026-06-02T17:00")


def test_session_ends_with_its_shift() -> None:
    """A session ends when its shift is over and the grace has passed, not before (D-60)."""
    rig = Rig(SHIFTS)
    rig.scan("OP-1", operator="k:one")
    rig.turn(TO_END + 14 * MIN)
    assert signed_off(rig) == []
    rig.turn(2 * MIN)
    assert signed_off(rig) == [SignOffReason.SHIFT_END]


def test_early_bird_belongs_to_the_next_shift() -> None:
    """Who badges on within the grace before a shift's end works the next one."""
    rig = Rig(SHIFTS)
    rig.turn(TO_END - 10 * MIN)
    rig.scan("OP-2", operator="k:two")
    rig.turn(7 * HOUR)
    assert signed_off(rig) == []
    rig.turn(2 * HOUR)
    assert signed_off(rig) == [SignOffReason.SHIFT_END]


def test_without_shifts_a_session_lasts() -> None:
    """Where the station knows no shifts, none ends a session."""
    rig = Rig(PRESS)
    rig.scan("OP-1", operator="k:one")
    rig.turn(48 * HOUR)
    assert signed_off(rig) == []


@pytest.mark.parametrize(
    ("away_ms", "reasons"), [(4 * MIN, [SignOffReason.RESTART]), (1 * MIN, [])]
)
def test_restart_across_a_shift_end_asks_again(away_ms: int, reasons: list[SignOffReason]) -> None:
    """However short, an absence in which a shift ended closes the session at once (D-60)."""
    rig = Rig(SHIFTS)
    rig.scan("OP-1", operator="k:one")
    rig.turn(TO_END - 2 * MIN)
    rig.scan("WO-1")
    rig.ms += away_ms
    rig.restart()
    assert signed_off(rig) == reasons


def test_clock_that_is_not_set_ends_no_shift() -> None:
    """While the wall clock is not known no shift ends; once it is, the session's age tells."""
    unset = ClockState.UNSYNCED
    state = binder.initial(SHIFTS)

    def draft(now: Instant) -> Draft:
        return Draft(state, Working(), now, binder.evolve)

    begun = draft(replace(instant(0), clock_state=unset, wall_ms=0))
    begun.add(OperatorSignedOn(**begun.head(), operator=OperatorRef(ref="k:one")))
    state = begun.state
    later = instant(TO_END + 16 * MIN)
    waiting = draft(replace(later, clock_state=unset))
    people.timer(waiting)
    assert waiting.events == []
    assert list(people.deadlines(waiting)) == [later.boot_ms + shifts.LOOK_AGAIN_MS]
    known = draft(later)
    people.timer(known)
    assert [event.reason for event in known.events if isinstance(event, OperatorSignedOff)] == [
        SignOffReason.SHIFT_END
    ]
