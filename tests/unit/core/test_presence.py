"""Who was there while something was made, and what becomes of it without them (D-60 to D-62)."""

from dataclasses import replace

import pytest

from agent.core.crew import Crew, Need
from agent.core.events import (
    Certainty,
    CodeRefused,
    LotCounted,
    MachineStateChanged,
    OperatorSignedOff,
    OperatorSignedOn,
    SignOffReason,
    UnitCompleted,
    UnitRefused,
    UnitStarted,
    Why,
)
from agent.core.identity.rules import Means
from agent.core.station import StateSource, Station, Strategy
from drivers.base import Quality, TagValue, ValuesSeen
from tests.core_rig import CAMERA, FILLER, INTERLOCK, PRESS, Rig

MANY = Crew(most=3)


def named(rig: Rig) -> list[tuple[str, str]]:
    """Return whom the newest unit names, with `?` for who may have been there."""
    return [
        (each.ref.removeprefix("k:"), "?" if each.certainty else "")
        for each in rig.units()[-1].operators
    ]


def asked(rig: Rig, handshake: str, number: int) -> int | None:
    """Let a handshake of the interlock ask, and return its answer."""
    head = "b_" if handshake == "begin" else ""
    rig.plc(**{f"{head}trigger": True, f"{head}request": number, "count": number})
    rig.answer()
    rig.turn(201)
    rig.answer()
    rig.due()
    answer = int(rig.device[f"{head}result"])
    rig.plc(**{f"{head}trigger": False})
    rig.due()
    return answer


# ------------------------------------------------------------------ the table

CASES = {
    # what happens: before the scan, between scan and trigger; who is named, is it enough?
    "nobody": ((), (), [], False),
    "one is on": (("OP-1",), (), [("OP-1", "")], True),
    "has left before": (("OP-1", "OP-1"), (), [], False),
    "comes during it": ((), ("OP-1",), [("OP-1", "")], True),
    "leaves during it": (("OP-1",), ("OP-1",), [("OP-1", "")], True),
    "another takes over": (("OP-1",), ("OP-2",), [("OP-1", ""), ("OP-2", "")], True),
    "another had taken over": (("OP-1", "OP-2"), (), [("OP-2", "")], True),
}


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("refuses", [True, False, None])
@pytest.mark.parametrize("case", CASES)
def test_single_operator(
    case: str,
    refuses: bool | None,  # noqa: FBT001 - a table
    restarts: bool,  # noqa: FBT001 - a table
) -> None:
    """D-62 by policy: every session meeting the cycle is named; nobody is carried over (D-61)."""
    before, during, wanted, enough = CASES[case]
    needs = () if refuses is None else (Need(refuses=refuses),)
    rig = Rig(replace(PRESS, crew=Crew(needs=needs)))
    _play(rig, before, during, restarts=restarts)
    assert (named(rig), rig.units()[-1].operator_state) == (wanted, None if wanted else "none")
    _judge(rig, refuses, enough=enough)


SEVERAL = {
    "nobody": ((), (), [], False),
    "one is on": (("OP-1",), (), [("OP-1", "")], False),
    "two are on": (("OP-1", "OP-2"), (), [("OP-1", ""), ("OP-2", "")], True),
    "one of two left before": (("OP-1", "OP-2", "OP-1"), (), [("OP-2", "")], False),
    "one of two leaves": (("OP-1", "OP-2"), ("OP-1",), [("OP-1", ""), ("OP-2", "")], True),
    "the second comes": (("OP-1",), ("OP-2",), [("OP-1", ""), ("OP-2", "")], True),
    "one follows another": (
        ("OP-1", "OP-2"),
        ("OP-2", "OP-3"),
        [("OP-2", ""), ("OP-1", ""), ("OP-3", "")],
        True,
    ),
}


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("refuses", [True, False, None])
@pytest.mark.parametrize("case", SEVERAL)
def test_several_operators(
    case: str,
    refuses: bool | None,  # noqa: FBT001 - a table
    restarts: bool,  # noqa: FBT001 - a table
) -> None:
    """Each badge signs its own person on and off; two must be there (D-62)."""
    before, during, wanted, enough = SEVERAL[case]
    needs = () if refuses is None else (Need(at_least=2, refuses=refuses),)
    rig = Rig(replace(PRESS, crew=replace(MANY, needs=needs)))
    _play(rig, before, during, restarts=restarts)
    assert named(rig) == wanted
    _judge(rig, refuses, enough=enough)


def _play(rig: Rig, before: tuple[str, ...], during: tuple[str, ...], *, restarts: bool) -> None:
    rig.up()
    for badge in before:
        rig.turn(2_000)
        rig.scan(badge)
    if restarts:
        rig.restart()
        rig.up()
    rig.turn(2_000)
    rig.scan("SN-1")
    for badge in during:
        rig.turn(2_000)
        rig.scan(badge)
    rig.turn(2_000)
    rig.cycle(1)


def _judge(rig: Rig, refuses: bool | None, *, enough: bool) -> None:  # noqa: FBT001 - of a table
    unit = rig.units()[-1]
    if enough or refuses is None:
        assert (type(unit), unit.answer, unit.why) == (UnitCompleted, 1, ())
    elif refuses:
        assert (type(unit), unit.answer, unit.why) == (UnitRefused, 6, (Why.OPERATOR_MISSING,))
    else:
        assert (type(unit), unit.answer, unit.why) == (UnitCompleted, 1, (Why.OPERATOR_MISSING,))
        assert unit.certainty is Certainty.CERTAIN
    assert unit.missing == (() if enough or refuses is None else ("operator",))


# ------------------------------------------------------------------ roles and needs


def test_a_need_is_for_its_role() -> None:
    """D-62: an operator is no inspector; who is missing is named, each by its own policy."""
    needs = (Need(), Need(role="inspector"), Need(role="setter", refuses=False))
    rig = Rig(replace(PRESS, crew=replace(MANY, needs=needs)))
    rig.up()
    rig.scan("OP-1")
    rig.scan("SN-1")
    assert rig.cycle(1) == 6
    assert rig.of(UnitRefused)[-1].missing == ("inspector",)
    rig.scan("OP-9", role="inspector")
    rig.restart()
    rig.up()
    rig.scan("SN-1")
    assert rig.cycle(2) == 1
    done = rig.of(UnitCompleted)[-1]
    assert [(each.ref, each.role) for each in done.operators] == [
        ("k:OP-1", "operator"),
        ("k:OP-9", "inspector"),
    ]
    assert (done.missing, done.why) == (("setter",), (Why.OPERATOR_MISSING,))


def test_a_person_changes_the_role() -> None:
    """The same person in another role: one session ends, another begins; both are named."""
    rig = Rig(replace(PRESS, crew=MANY))
    rig.up()
    rig.scan("OP-1")
    rig.turn(2_000)
    rig.scan("SN-1")
    rig.turn(2_000)
    rig.scan("OP-1", role="setter")
    assert rig.of(OperatorSignedOff)[-1].reason is SignOffReason.OTHER_ROLE
    rig.cycle(1)
    assert [each.role for each in rig.units()[-1].operators] == ["operator", "setter"]
    rig.turn(2_000)
    rig.scan("OP-1", role="setter")
    assert rig.state.people.sessions == ()


def test_one_more_than_may_be_on_is_refused() -> None:
    """The badge leaves nothing but the refusal (D-64); who is on can still sign off."""
    rig = Rig(replace(PRESS, crew=Crew(most=2)))
    for badge in ("OP-1", "OP-2", "OP-3"):
        rig.turn(2_000)
        rig.scan(badge)
    refused = rig.of(CodeRefused)[-1]
    assert (refused.reason, refused.detail, refused.raw) == (
        "too_many_operators",
        "2 are signed on",
        None,
    )
    assert [reply.good for reply in rig.decision.replies] == [False]
    rig.scan("OP-2")
    rig.scan("OP-3")
    assert [session.ref for session in rig.state.people.sessions] == ["k:OP-1", "k:OP-3"]


def test_the_code_for_it_signs_everybody_off() -> None:
    """It names nobody."""
    rig = Rig(replace(PRESS, crew=MANY))
    rig.scan("OP-1")
    rig.scan("OP-2")
    rig.scan("OP OFF")
    assert rig.state.people.sessions == ()


def test_a_file_that_allows_fewer_ends_the_sessions() -> None:
    """Which one may stay, nobody can say."""
    rig = Rig(replace(PRESS, crew=MANY))
    rig.scan("OP-1")
    rig.scan("OP-2")
    rig.station = replace(PRESS, config="c2")
    rig.restart()
    assert rig.state.people.sessions == ()
    assert {e.reason for e in rig.of(OperatorSignedOff)} == {SignOffReason.CONFIG}


def test_only_whose_shift_is_over_is_signed_off() -> None:
    """Who badged on within the grace before the end belongs to the next shift (D-60)."""
    nine = (10 * 60 + 10,)  # the rig's wall clock begins at 10:00 local
    station = replace(PRESS, crew=MANY, shift_ends=nine, shift_grace_ms=300_000)
    rig = Rig(station)
    rig.scan("OP-1")
    rig.turn(400_000)
    rig.scan("OP-2")
    rig.turn(600_000)
    assert [session.ref for session in rig.state.people.sessions] == ["k:OP-2"]
    off = rig.of(OperatorSignedOff)[-1]
    assert (off.reason, off.earliest_ms) == (SignOffReason.SHIFT_END, 600_000)


# ------------------------------------------------------------------ how sure


def test_a_badge_that_overlaps_the_end_may_be_late() -> None:
    """D-24, D-44: a scan that meets the rise leaves open whether they were there."""
    rig = Rig(replace(PRESS, crew=Crew(needs=(Need(),))))
    rig.up()
    rig.scan("SN-1")
    rig.turn(1_000)
    rig.scan("OP-1")
    rig.tags |= {"trigger": True, "request": 1, "count": 1}
    seen = tuple(
        TagValue(tag=tag, value=rig.tags[tag], quality=Quality.GOOD)
        for tag in ("trigger", "request")
    )
    rig.observe(ValuesSeen, device="plc", earliest_ms=rig.ms - 500, values=seen)
    rig.answer()
    done = rig.of(UnitCompleted)[-1]
    assert (named(rig), done.operator_state, done.why) == ([("OP-1", "?")], "possible", ())


def test_uncertainty_widens_the_session() -> None:
    """D-44, D-62: people who badge late are possible; one who still is meets the need."""
    crew = Crew(uncertainty_ms=5_000, needs=(Need(),))
    rig = Rig(replace(PRESS, crew=crew))
    rig.up()
    rig.scan("OP-1")
    rig.turn(60_000)
    rig.scan("OP-2")
    rig.turn(3_000)
    rig.scan("SN-1")
    assert rig.cycle(1) == 1
    assert named(rig) == [("OP-1", "?"), ("OP-2", "?")]
    rig.turn(6_000)
    rig.scan("OP OFF")
    rig.turn(3_000)
    rig.scan("SN-2")
    assert rig.cycle(2) == 6  # who may have been there is gone
    assert (named(rig), rig.units()[-1].operator_state) == ([("OP-2", "?")], "possible")


def test_begin_asks_who_is_there_and_end_names_who_was() -> None:
    """D-62: from `begin` to `end`, also over a restart and a reboot."""
    rig = Rig(replace(INTERLOCK, crew=Crew(needs=(Need(),))))
    rig.tags |= {"b_trigger": False}
    rig.up()
    rig.scan("OP-1")
    rig.scan("SN-1")
    assert asked(rig, "begin", 1) == 1
    assert rig.of(UnitStarted)[-1].operators[0].ref == "k:OP-1"
    rig.turn(700_000)
    rig.scan("OP-2")
    rig.turn(100_000)
    rig.restart()
    rig.up()
    assert asked(rig, "end", 1) == 1
    assert named(rig) == [("OP-1", ""), ("OP-2", "")]

    rig.scan("OP OFF")
    rig.scan("SN-2")
    assert asked(rig, "begin", 2) == 6
    assert rig.units()[-1].operator_state == "none"
    rig.scan("OP-2")
    rig.scan("SN-2")
    assert asked(rig, "begin", 3) == 1
    rig.restart(reboot=True)
    rig.up()
    assert rig.of(OperatorSignedOff)[-1].reason is SignOffReason.RESTART
    assert asked(rig, "end", 3) == 1
    assert named(rig) == [("OP-2", "")]  # `begin` named them, and the reboot takes nothing back


def test_nobody_is_carried_into_the_morning() -> None:
    """D-61: where nothing says when a cycle began, it was not last night."""
    rig = Rig(CAMERA)
    rig.up()
    rig.scan("OP-1")
    rig.cycle(1, code="SN-1")
    rig.turn(60_000)
    rig.scan("OP OFF")
    rig.turn(60_000)
    rig.cycle(2, code="SN-2")
    assert named(rig) == [("OP-1", "?")]  # a cycle of two minutes: who left may have begun it
    rig.scan("OP-1")
    rig.turn(60_000)
    rig.scan("OP OFF")
    rig.turn(36_000_000)
    rig.scan("OP-2")
    rig.cycle(3, code="SN-3")
    assert named(rig) == [("OP-2", "")]


def test_who_was_on_before_a_long_absence_is_not_known_after_it() -> None:
    """D-60, D-61: the session ends with the last that the agent saw, not when it came back."""
    rig = Rig(CAMERA)
    rig.up()
    rig.scan("OP-1")
    rig.turn(60_000)
    rig.ms += 1_000_000
    rig.restart()
    rig.up()
    rig.turn(60_000)
    rig.cycle(1, code="SN-1")
    assert (named(rig), rig.units()[-1].operator_state) == ([], "none")


def test_an_idle_station_is_not_quite_one_where_a_shift_ends() -> None:
    """Both limits fall at once: each session ends once, by its shift."""
    ends = (10 * 60 + 10,)
    rig = Rig(
        replace(PRESS, shift_ends=ends, shift_grace_ms=60_000, operator_idle_ms=600_000 + 59_000)
    )
    rig.scan("OP-1")
    rig.ms = 700_000
    rig.turn(1)
    assert [off.reason for off in rig.of(OperatorSignedOff)] == [SignOffReason.SHIFT_END]


def test_idle_people_left_at_some_time() -> None:
    """Between the last that was seen of anybody and the limit: possible from then on."""
    rig = Rig(replace(CAMERA, operator_idle_ms=60_000))
    rig.up()
    rig.scan("OP-1")
    rig.turn(100_000)
    assert rig.of(OperatorSignedOff)[-1].reason is SignOffReason.IDLE
    rig.cycle(1, code="SN-1")
    assert named(rig) == [("OP-1", "?")]


def test_many_change_overs_are_remembered_no_longer_than_a_cycle_may_meet_them() -> None:
    """What is remembered of people is bounded, and no more than is needed."""
    rig = Rig(replace(PRESS, crew=Crew(longest_cycle_ms=60_000)))
    for turn in range(40):
        rig.turn(10_000)
        rig.scan(f"OP-{turn % 2 + 1}")
    assert len(rig.state.people.gone) <= 7


def test_pieces_name_who_was_there_and_state_changes_nobody() -> None:
    """D-62 for a row; what OEE is made of carries no operator (D-66)."""
    station: Station = replace(
        FILLER,
        crew=MANY,
        state=StateSource(device="plc", run="run"),
    )
    rig = Rig(station)
    rig.tags |= {"lot": "LOT-1", "run": True}
    rig.link("plc", up=True)
    rig.plc(lot="LOT-1", count=0, run=True)
    rig.scan("OP-1")
    rig.turn(3_000)
    rig.plc(count=5)
    rig.turn(3_000)
    rig.scan("OP-2")
    rig.plc(1_000, count=6)
    rig.turn(3_000)
    rig.scan("OP OFF")
    rig.turn(3_000)
    rig.plc(count=7)
    rig.turn(3_000)
    rows = [row for row in rig.of(LotCounted) if row.n]
    assert [[(each.ref[2:], each.certainty is None) for each in row.operators] for row in rows] == [
        [("OP-1", True)],
        [("OP-1", True), ("OP-2", True)],
        [],
    ]
    assert [row.operator_state for row in rows] == [None, None, "none"]
    assert {changed.operators for changed in rig.of(MachineStateChanged)} == {()}


def test_a_station_without_badges_says_nothing_of_people() -> None:
    """D-61 is for stations that know people at all."""
    scans = tuple(rule for rule in PRESS.scans if rule.means is not Means.OPERATOR)
    rig = Rig(replace(PRESS, scans=scans))
    rig.up()
    rig.scan("SN-1")
    rig.cycle(1)
    assert rig.units()[-1].operator_state is None


def test_old_events_fold_as_they_did() -> None:
    """A journal from before sessions had intervals gives the same session."""
    rig = Rig(PRESS)
    rig.scan("OP-1")
    rig.events = [
        replace(event, earliest_ms=None, latest_ms=None)
        if isinstance(event, OperatorSignedOn)
        else event
        for event in rig.events
    ]
    rig.restart()
    assert [session.ref for session in rig.state.people.sessions] == ["k:OP-1"]
    rig.up()
    rig.scan("SN-1")
    rig.cycle(1)
    assert named(rig) == [("OP-1", "")]
    assert rig.station.pairing.strategy is Strategy.SCAN_THEN_CYCLE
