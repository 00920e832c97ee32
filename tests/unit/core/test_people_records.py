"""When sessions of people end, and how long one is remembered that has ended (D-60 to D-62)."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core import people, shifts
from agent.core.crew import Crew
from agent.core.events import (
    AgentStarted,
    CommandRefused,
    Declined,
    Event,
    OperatorRef,
    OperatorSignedOff,
    OperatorSignedOn,
    SignOffReason,
    UnitStarted,
)
from agent.core.parts import LONG_AGO
from agent.core.people_parts import Gone, PeopleState, Session
from agent.core.state import State
from agent.ports import Address
from tests.core_rig import FILLER, PRESS, Rig
from tests.histories import make
from tests.whole import whole

AT = Address("000001-aa", 99)
ON = Session(ref="k:1", role="operator", address="e-1", since_ms=500, from_ms=400)
LEFT = Gone(
    ref="k:0", role="setter", from_lo_ms=100, from_hi_ms=200, to_lo_ms=2_900, to_hi_ms=3_000
)


def with_people(state: PeopleState, uncertainty_ms: int = 0) -> State:
    """Return a press at which these people are and were."""
    station = replace(PRESS, crew=Crew(uncertainty_ms=uncertainty_ms))
    return replace(Rig(station).state, people=state)


def fold(state: State, event: Event) -> PeopleState:
    """Return who is remembered after an event."""
    return people.EVOLVES[type(event)](state, event).people


def test_an_idle_session_ended_between_its_last_use_and_its_limit() -> None:
    """At the limit itself, not a millisecond later; nobody saw when the person left."""
    rig = Rig(replace(PRESS, operator_idle_ms=10_000))
    rig.scan("OP-1")
    rig.turn(3_000)
    rig.scan("L-1")
    used_ms = rig.ms
    rig.turn(9_999)
    assert rig.of(OperatorSignedOff) == []
    rig.turn(1)
    (off,), (signed_on,) = rig.of(OperatorSignedOff), rig.of(OperatorSignedOn)
    said = whole(off)
    assert said.pop("operators", ()) in {(), (OperatorRef(ref="k:OP-1"),)}
    assert said == {
        "because": (signed_on.address,),
        "operator": OperatorRef(ref="k:OP-1"),
        "reason": SignOffReason.IDLE,
        "earliest_ms": used_ms,
        "latest_ms": used_ms + 10_000,
    }


def test_who_has_left_is_remembered_until_every_piece_before_is_counted() -> None:
    """What a counting station has not recorded yet may be of each who was there (D-62)."""
    rig = Rig(FILLER)
    rig.link("plc", up=True)
    rig.plc(lot="LOT-1", count=0)
    rig.turn(2_000)
    for badge in ("OP-1", "OP-2", "OP-3"):
        rig.turn(2_000)
        rig.scan(badge)
    assert [each.ref for each in rig.state.people.gone] == ["k:OP-1", "k:OP-2"]
    rig.turn(2_000)
    rig.plc(count=2)
    rig.turn(3_000)
    rig.scan("OP-4")
    assert [each.ref for each in rig.state.people.gone] == ["k:OP-3"]


@pytest.mark.parametrize("uncertainty_ms", [0, 700])
def test_who_left_before_a_unit_began_is_forgotten(uncertainty_ms: int) -> None:
    """A badge may lie as far from the change-over as the station says (D-62)."""
    state = with_people(PeopleState(gone=(LEFT,)), uncertainty_ms)
    begun: dict[str, Any] = {"cycle": "c", "handshake": "begin", "generation": 1, "answer": 1}
    for early_ms, gone in ((0, (LEFT,)), (1, ())):
        earliest_ms = LEFT.to_hi_ms + uncertainty_ms + early_ms
        event = make(UnitStarted, AT, **begun, earliest_ms=earliest_ms, latest_ms=earliest_ms)
        assert fold(state, event) == PeopleState(gone=gone, active_ms=event.time.boottime_ms)


def test_in_another_boot_everything_was_long_ago() -> None:
    """Who is on and who has left stays known; when that was is not (D-91)."""
    state = with_people(PeopleState(sessions=(ON,), active_ms=2_000, gone=(LEFT,), order="WO-1"))
    event = make(AgentStarted, AT, version="1")
    assert fold(state, event) == state.people
    event = replace(event, time=replace(event.time, boot_id="boot-2"))
    ago: dict[str, Any] = dict.fromkeys(
        ("from_lo_ms", "from_hi_ms", "to_lo_ms", "to_hi_ms"), LONG_AGO
    )
    assert fold(state, event) == PeopleState(
        sessions=(replace(ON, since_ms=LONG_AGO, from_ms=None),),
        active_ms=LONG_AGO,
        gone=(replace(LEFT, **ago),),
        order="WO-1",
    )


@pytest.mark.parametrize("between_ms", [None, (7_000, 8_000)])
def test_events_that_do_not_say_when_are_of_their_own_moment(
    between_ms: tuple[int, int] | None,
) -> None:
    """As an older version wrote them; else what they say counts."""
    names = ("earliest_ms", "latest_ms")
    said: dict[str, Any] = dict(zip(names, between_ms or (), strict=False))
    who = OperatorRef(ref="k:1", role="setter")
    signed_on = make(OperatorSignedOn, AT, operator=who, **said)
    low_ms, high_ms = between_ms or (signed_on.time.boottime_ms,) * 2
    (session,) = fold(with_people(PeopleState()), signed_on).sessions
    assert (session.role, session.from_lo_ms, session.since_ms) == ("setter", low_ms, high_ms)
    there = with_people(PeopleState(sessions=(ON,)))
    off = make(OperatorSignedOff, AT, operator=who, reason=SignOffReason.IDLE, **said)
    assert fold(there, off).gone == (
        Gone(
            ref="k:1",
            role="operator",
            from_lo_ms=400,
            from_hi_ms=500,
            to_lo_ms=low_ms,
            to_hi_ms=high_ms,
        ),
    )


def test_nobody_is_signed_off_who_is_not_there() -> None:
    """A name, or everybody: the refusal says which of the two."""
    rig = Rig(PRESS)
    rig.command("sign-off")
    refused = rig.of(CommandRefused)[-1]
    assert (refused.cause, refused.detail) == (Declined.NOT_SO, "nobody is signed on")
    rig.command("sign-off", operator="k:OP-2")
    refused = rig.of(CommandRefused)[-1]
    assert (refused.cause, refused.detail) == (Declined.NOT_SO, "'k:OP-2' is not signed on")


def test_a_person_in_another_role_ends_the_session_before() -> None:
    """Within the scan of the badge, which the end names; the new session has the new role."""
    rig = Rig(replace(PRESS, crew=Crew(most=3)))
    rig.scan("OP-1", role="setter")
    rig.turn(2_000)
    rig.scan("OP-1", took_ms=30, role="quality")
    before, after = rig.of(OperatorSignedOn)
    (off,) = rig.of(OperatorSignedOff)
    said = whole(off) | {"operators": ()}
    assert said == {
        "operators": (),
        "because": (after.because[0], before.address),
        "operator": OperatorRef(ref="k:OP-1", role="setter"),
        "reason": SignOffReason.OTHER_ROLE,
        "earliest_ms": rig.ms - 30,
        "latest_ms": rig.ms,
    }
    assert [(each.ref, each.role) for each in rig.state.people.sessions] == [("k:OP-1", "quality")]


@pytest.mark.parametrize(("before_ms", "ended"), [(60_000, True), (1, True), (0, False)])
def test_a_shift_that_ended_while_the_agent_was_away_ended_its_sessions(
    before_ms: int, *, ended: bool
) -> None:
    """However short it was away; who signed on with the end itself is of the next shift (D-60)."""
    rig = Rig(replace(PRESS, shift_ends=(14 * 60,), shift_grace_ms=900_000))
    local_ms = shifts.local_now(rig.now)
    assert local_ms is not None
    rig.ms += shifts.next_end((14 * 60,), local_ms) - local_ms - before_ms - 20
    rig.scan("OP-1")
    left_ms = rig.ms
    rig.ms += 120_000
    rig.restart()
    offs = [(off.reason, off.earliest_ms, off.latest_ms) for off in rig.of(OperatorSignedOff)]
    assert offs == ([(SignOffReason.RESTART, left_ms, left_ms)] if ended else [])
