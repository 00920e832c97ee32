"""What a judged cycle becomes, with which answer (D-39)."""

from dataclasses import replace

import pytest

from agent.core.crew import Crew, Need
from agent.core.events import Certainty, Result, UnitCompleted, UnitRefused, UnitStarted, Why
from agent.core.station import DEFAULT_ANSWERS, Outcome, Policy, Station
from drivers.base import Scalar
from tests.core_rig import BEGIN, CAMERA, HOUSING, INTERLOCK, PRESS, Rig


def made(station: Station, *codes: str, known: bool = True, **tags: Scalar) -> Rig:
    """Return a station after one cycle."""
    rig = Rig(station)
    rig.up()
    for code in codes:
        rig.scan(code)
    rig.turn(500)
    rig.plc(**{"trigger": True, "request": 1, "count": 1, **tags})
    rig.read()
    if rig.asks:
        rig.look_up(known=known)
    return rig


@pytest.mark.parametrize(
    ("ok", "answer", "result", "why"),
    [
        (True, 1, Result.OK, ()),
        (False, 2, Result.NOK, ()),
        (None, 2, Result.NOK, (Why.VERDICT_UNKNOWN,)),
    ],
)
def test_the_machines_verdict_is_the_result(
    ok: bool | None,  # noqa: FBT001 - a table
    answer: int,
    result: Result,
    why: tuple[Why, ...],
) -> None:
    """One that cannot be read is no OK, and leaves no doubt which unit it was."""
    rig = Rig(PRESS)
    rig.up()
    rig.scan("SN-1")
    rig.turn(500)
    rig.bad = {"ok"} if ok is None else set()
    assert rig.cycle(1, ok=bool(ok)) == answer
    event = rig.of(UnitCompleted)[0]
    assert (event.result, event.why, event.certainty) == (result, why, Certainty.CERTAIN)


def test_without_a_verdict_tag_every_stored_unit_is_ok() -> None:
    """As the station file says."""
    station = replace(PRESS, handshakes=(replace(PRESS.handshakes[0], verdict=None),))
    assert made(station, "SN-1").of(UnitCompleted)[0].result is Result.OK


NEEDS_OPERATOR = replace(PRESS, crew=Crew(needs=(Need(),)))
NEEDS_ORDER = replace(PRESS, requires_order=Policy.REFUSE)
NEEDS_HOUSING = replace(PRESS, components=(replace(HOUSING, required=True),))


@pytest.mark.parametrize(
    ("station", "why"),
    [
        (NEEDS_OPERATOR, Why.OPERATOR_MISSING),
        (NEEDS_ORDER, Why.ORDER_MISSING),
        (NEEDS_HOUSING, Why.COMPONENT_MISSING),
    ],
)
def test_what_is_missing_refuses_the_unit(station: Station, why: Why) -> None:
    """Answer 6, the scan is spent, values and material are kept (D-39)."""
    rig = made(station, "SN-1")
    event = rig.of(UnitRefused)[0]
    assert (event.reason, event.answer, event.unit) == (why, 6, "SN-1")
    assert [value.name for value in event.values] == ["force"]
    assert rig.state.pairing.pending == ()


def test_what_is_there_refuses_nothing() -> None:
    """Operator, order and material known."""
    station = replace(
        PRESS,
        crew=Crew(needs=(Need(),)),
        requires_order=Policy.REFUSE,
        components=(replace(HOUSING, required=True),),
    )
    rig = made(station, "OP-1", "WO-1", "L-1", "SN-1")
    assert rig.of(UnitCompleted)[0].order == "WO-1"


def test_what_is_missing_can_be_recorded_instead() -> None:
    """The event says what, and the unit is as certain as before."""
    station = replace(PRESS, crew=Crew(needs=(Need(refuses=False),)), requires_order=Policy.RECORD)
    event = made(station, "SN-1").of(UnitCompleted)[0]
    assert event.why == (Why.OPERATOR_MISSING, Why.ORDER_MISSING)
    assert event.certainty is Certainty.CERTAIN
    event = made(station, "OP-1", "WO-1", "SN-1").of(UnitCompleted)[0]
    assert event.why == ()


def test_a_unit_that_passed_before_is_a_duplicate_each_time() -> None:
    """Also when the newest event of it is a refusal, not its completion."""
    rig = made(PRESS, "SN-1")
    for request in (2, 3):
        rig.due()
        rig.plc(trigger=False)
        rig.turn(2_000)
        rig.scan("SN-1")
        rig.turn(500)
        assert rig.cycle(request) == 3
    assert [event.reason for event in rig.of(UnitRefused)] == [Why.DUPLICATE] * 2


def test_a_duplicate_can_be_another_visit() -> None:
    """By the station's policy; each visit is numbered (D-35)."""
    rig = made(replace(PRESS, duplicates=Policy.RECORD), "SN-1")
    rig.due()
    rig.plc(trigger=False)
    rig.turn(2_000)
    rig.scan("SN-1")
    rig.turn(500)
    rig.cycle(2)
    assert [event.visit for event in rig.of(UnitCompleted)] == [1, 2]


@pytest.mark.parametrize("timed_out", [True, False])
@pytest.mark.parametrize("policy", Policy)
def test_what_cannot_be_known_in_time_is_the_stations_choice(
    policy: Policy,
    timed_out: bool,  # noqa: FBT001 - a table
) -> None:
    """D-41: pass as possible, or refuse with 5."""
    rig = Rig(replace(PRESS, unknown=policy))
    rig.up()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(trigger=True, request=1)
    rig.read()
    if timed_out:
        rig.turn(501)
    else:
        rig.look_up(known=False)
    event = rig.units()[0]
    assert event.why == (Why.KNOWLEDGE_MISSING,)
    assert event.answer == (1 if policy is Policy.RECORD else 5)
    assert event.certainty is (Certainty.POSSIBLE if policy is Policy.RECORD else Certainty.REFUSED)


def test_begin_lets_in_or_refuses_without_material() -> None:
    """The machine has not worked yet."""
    station = replace(INTERLOCK, components=(HOUSING,))
    rig = Rig(station)
    rig.up()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    assert rig.of(UnitStarted)[0].answer == 1
    rig.plc(b_trigger=False)
    rig.plc(b_trigger=True, b_request=2)
    rig.answer()
    rig.turn(300)
    assert [event.components for event in rig.units()] == [(), ()]


def test_answers_have_the_stations_own_numbers() -> None:
    """A table; 0 is never one."""
    assert 0 not in DEFAULT_ANSWERS.values()
    station = replace(PRESS, answers={**DEFAULT_ANSWERS, Outcome.STORED_OK: 101})
    assert made(station, "SN-1").units()[0].answer == 101


def test_values_carry_quality_code_and_unit_of_measure() -> None:
    """A BAD value has its code and no value (D-96)."""
    rig = Rig(replace(PRESS, units={"force": "kN"}))
    rig.up()
    rig.bad = {"force"}
    rig.cycle(1)
    rig.bad = set()
    rig.cycle(2)
    first, second = (event.values[0] for event in rig.units())
    assert (first.value, first.code, first.measure) == (None, "0x808C0000", "kN")
    assert (second.value, second.code) == (1.5, None)


def test_a_tag_that_names_another_unit_than_begin_is_believed() -> None:
    """It is what was read; the cycle is its own then."""
    tagged = replace(CAMERA.handshakes[0], unit="code")
    station = replace(CAMERA, handshakes=(replace(BEGIN, unit="b_code"), tagged))
    rig = Rig(station)
    rig.tags |= {"code": "SN-2", "b_code": "SN-1"}
    rig.up()
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    rig.plc(b_trigger=False)
    rig.cycle(1)
    started, completed = rig.units()
    assert (started.unit, completed.unit) == ("SN-1", "SN-2")
    assert started.cycle != completed.cycle


def test_a_doubtful_scan_says_nothing_about_when_the_unit_began() -> None:
    """Its material may be older than the scan (D-4)."""
    rig = Rig(replace(PRESS, components=(HOUSING,)))
    rig.up()
    rig.scan("L-1")
    rig.turn(2_000)
    rig.scan("L-2")
    rig.turn(2_000)
    rig.plc(trigger=True, request=1)
    rig.answer()
    rig.scan("SN-1")
    rig.answer()
    assert rig.of(UnitCompleted)[0].components[0].candidates == ("L-1", "L-2")
