"""Corrections by a person: new events that supersede what was recorded (D-143)."""

from dataclasses import fields, replace

import pytest

from agent.core import binder
from agent.core.correcting import CORRECTABLE
from agent.core.events import (
    KINDS,
    AgentStarted,
    CarrierLoaded,
    ComponentLoaded,
    Declined,
    EventCorrected,
    LotBlocked,
    LotOpened,
    UnitCompleted,
    UnitScrapped,
    UnitStarted,
    UnitUnbound,
)
from agent.core.station import Policy
from tests.core_rig import FILLER, HOUSING, INTERLOCK, PRESS, Rig
from tests.unit.core.test_carriers import load, rig_of, weld
from tests.unit.core.test_lives import AGAIN, DUPLICATE, STORED_OK, Line, line

ALL_OF_IT = "operator, order, product, result, unit, value"


def correction(rig: Line, **arguments: str | tuple[str, ...]) -> EventCorrected:
    """Correct or retract, and return the event."""
    name = "correct" if arguments.keys() - {"address", "reason", "who"} else "retract"
    rig.command(name, **arguments)
    event = rig.events[-1]
    assert isinstance(event, EventCorrected), event
    return event


@pytest.mark.parametrize("kind", CORRECTABLE)
def test_what_can_be_corrected_is_there(kind: str) -> None:
    """Each field that a person may correct is one of the event's; `value` is any captured one."""
    known = {field.name for field in fields(KINDS[kind])} | {"result"}
    assert CORRECTABLE[kind] - known <= {"value", "operator"}


def test_a_correction_says_what_is_right_who_and_why() -> None:
    """Nothing is changed: the new event names the old one (D-143)."""
    rig = line()
    rig.press("SN-1")
    unit = rig.of(UnitCompleted)[0]
    made = correction(rig, address=unit.address, unit="SN-2", result="nok", reason="mixed up")
    assert made.supersedes == (unit.address,)
    assert made.replacement == (("unit", "SN-2"), ("result", "nok"))
    assert (made.corrects, made.about, made.retracted) == ("unit_completed", "SN-1", False)
    assert (made.who, made.reason, made.candidates) == ("k:OP-7", "mixed up", ())
    assert rig.of(UnitCompleted) == [unit]


def test_there_was_no_order_and_nobody_there() -> None:
    """What was wrongly on can be said to have been none; of the rest there is something always."""
    rig = line()
    rig.press("SN-1")
    at = rig.of(UnitCompleted)[0].address
    made = correction(rig, address=at, without=("operator", "order"), result="nok")
    assert made.replacement == (("result", "nok"), ("operator", ""), ("order", ""))
    for more in ({"without": "unit"}, {"without": "order", "order": "WO-2"}):
        rig.command("correct", address=made.address, **more)
        assert rig.refused().cause is Declined.BAD_ARGUMENT
        assert rig.refused().detail == (
            f"'without' is operator or order, and not what is right instead: '{more['without']}'"
        )
    rig.command("correct", address=made.address, without="order")
    assert correction(rig, address=rig.events[-1].address, order="WO-3").replacement == (
        ("order", "WO-3"),
    )


def test_a_captured_value_is_corrected_by_its_name() -> None:
    """Several at once, beside other fields."""
    rig = line()
    rig.press("SN-1")
    unit = rig.of(UnitCompleted)[0]
    made = correction(rig, address=unit.address, value=("force=1.7", "note=a=b"))
    assert made.replacement == (("values.force", "1.7"), ("values.note", "a=b"))


def test_the_order_and_who_was_there_are_corrected() -> None:
    """Of what is made: each person that is named was there, and nobody else (D-62, D-143)."""
    rig = line()
    rig.press("SN-1")
    made = correction(
        rig, address=rig.of(UnitCompleted)[0].address, order="WO-2", operator=("k:A", "k:B")
    )
    assert made.replacement == (("order", "WO-2"), ("operator", "k:A"), ("operator", "k:B"))
    rig.command("correct", address=made.address, order="")
    assert rig.refused().detail == "'order' is empty"


def test_what_was_retracted_is_fed_again_only_by_its_scan() -> None:
    """A correction lets it stand again in the record; the station needs its scan (D-44)."""
    rig = line(replace(PRESS, components=(HOUSING,)))
    rig.scan("L-1")
    retracted = correction(rig, address=rig.of(ComponentLoaded)[0].address)
    again = correction(rig, address=retracted.address, lot="L-1")
    assert (again.corrects, again.replacement) == ("component_loaded", (("lot", "L-1"),))
    assert [each.lot for each in rig.state.material.loads] == []
    rig.turn(10_000)
    rig.scan("L-1")
    assert [each.lot for each in rig.state.material.loads] == ["L-1"]


def test_a_cycle_without_a_unit_gets_one() -> None:
    """Who saw it may say which unit it was; the recall then knows it (D-7, D-143)."""
    rig = line()
    rig.cycle(1)
    (unbound,) = rig.of(UnitUnbound)
    made = correction(rig, address=unbound.address, unit="SN-4", result="ok")
    assert (made.corrects, made.about) == ("unit_unbound", None)


def test_a_retracted_unit_was_never_here() -> None:
    """It may come as if for the first time."""
    rig = line()
    rig.press("SN-1")
    assert rig.press("SN-1") == DUPLICATE
    made = correction(rig, address=rig.of(UnitCompleted)[0].address)
    assert (made.retracted, made.replacement) == (True, ())
    assert rig.press("SN-1") == STORED_OK
    assert rig.of(UnitCompleted)[-1].visit == 1


def test_several_events_at_once() -> None:
    """Those about the same are superseded by one event; the answer is the newest address."""
    rig = line(AGAIN)
    for unit in ("SN-1", "SN-1", "SN-2"):
        rig.press(unit)
    first, second, third = (unit.address for unit in rig.of(UnitCompleted))
    rig.command("correct", address=(first, third, second, first), product="P-2")
    made = rig.of(EventCorrected)
    assert [event.supersedes for event in made] == [(first, second), (third,)]
    assert [reply.address for reply in rig.command_replies] == [made[-1].address]


# ------------------------------------------------------------------ chains


def test_a_chain_has_one_end() -> None:
    """What is corrected already is corrected through its correction (D-143)."""
    rig = line()
    rig.press("SN-1")
    unit = rig.of(UnitCompleted)[0]
    first = correction(rig, address=unit.address, unit="SN-2")
    rig.command("correct", address=unit.address, unit="SN-3")
    assert (rig.refused().cause, rig.refused().detail) == (
        Declined.SUPERSEDED,
        f"{unit.address} is superseded by {first.address}; correct that one",
    )
    second = correction(rig, address=first.address, unit="SN-3")
    assert second.supersedes == (first.address, unit.address)
    assert (second.corrects, second.about) == ("unit_completed", "SN-1")
    rig.command("correct", address=unit.address, unit="SN-4")
    assert rig.refused().detail == (
        f"{unit.address} is superseded by {second.address}; correct that one"
    )


def test_a_correction_that_is_retracted_lets_what_it_corrected_stand_again() -> None:
    """As if nothing had been said (D-143)."""
    rig = line()
    rig.press("SN-1")
    rig.command("scrap", unit="SN-1")
    wrong = correction(rig, address=rig.of(UnitScrapped)[0].address)
    made = correction(rig, address=wrong.address)
    assert made.supersedes == (wrong.address,)
    rig.command("scrap", unit="SN-1")
    assert rig.refused().cause is Declined.ALREADY


def test_an_agents_doubt_is_settled_by_a_person() -> None:
    """`second_scan` left two units possible: who saw it says which one it was."""
    rig = line()
    rig.press("SN-1")
    unit = rig.of(UnitCompleted)[0]
    doubt = EventCorrected(
        **{field.name: getattr(unit, field.name) for field in fields(EventCorrected)[:11]}
        | {"seq": rig.state.seq + 1, "because": ()},
        supersedes=(unit.address,),
        reason="second_scan",
        who="lineside",
        candidates=("SN-1", "SN-2"),
        corrects="unit_completed",
        about="SN-1",
    )
    rig.events.append(doubt)
    rig.state = rig.durable = binder.evolve(rig.state, doubt)
    made = correction(rig, address=doubt.address, unit="SN-2")
    assert made.supersedes == (doubt.address, unit.address)


# ------------------------------------------------------------------ what is refused


def test_what_is_not_there_is_not_corrected() -> None:
    """Neither what never was, nor what is not kept any more; nothing of the command is done."""
    rig = line()
    rig.press("SN-1")
    unit = rig.of(UnitCompleted)[0]
    for name, more in (("retract", {}), ("correct", {"unit": "SN-2"})):
        rig.command(name, address=(unit.address, "000009-aaaa0009-1"), **more)
        assert (rig.refused().cause, rig.refused().detail) == (
            Declined.UNKNOWN,
            "000009-aaaa0009-1 is no event of this station, or is not kept any more",
        )
    assert rig.of(EventCorrected) == []


def test_what_is_no_statement_of_anyones_is_not_corrected() -> None:
    """What the agent did is as it is; a block has its own command (D-56)."""
    rig = line()
    address = rig.of(AgentStarted)[0].address
    rig.command("retract", address=address)
    assert rig.refused().detail == (
        f"{address} is agent_started, which is not corrected; only these are: "
        f"{', '.join(CORRECTABLE)}"
    )
    rig.command("block-lot", lot="L-1")
    address = rig.of(LotBlocked)[0].address
    rig.command("retract", address=address)
    assert rig.refused().detail == (
        f"{address} is lot_blocked, which is not corrected; release it with `release-lot`"
    )


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        ({}, "say what is right instead (--unit SN-2), or `retract` it"),
        (
            {"lot": "L-1"},
            "{at} is unit_completed: no 'lot' of it is corrected; it has " + ALL_OF_IT,
        ),
        ({"result": "good"}, "'result' is ok or nok, not 'good'"),
        ({"value": "force"}, "'value' is a captured value by its name: NAME=VALUE"),
        ({"value": "=3"}, "'value' is a captured value by its name: NAME=VALUE"),
    ],
)
def test_what_cannot_be_right_is_refused_in_words(arguments: dict[str, str], detail: str) -> None:
    """A field that the event has not, a result that is none, nothing at all."""
    rig = line()
    rig.press("SN-1")
    at = rig.of(UnitCompleted)[0].address
    rig.command("correct", address=at, **arguments)
    assert rig.refused().cause is Declined.BAD_ARGUMENT
    assert rig.refused().detail == detail.format(at=at)


def test_what_can_only_be_retracted() -> None:
    """Scrap is so or not: there is nothing in it to be put right."""
    rig = line()
    rig.command("scrap", unit="SN-1", unseen="yes")
    at = rig.of(UnitScrapped)[0].address
    rig.command("correct", address=at, unit="SN-2")
    assert rig.refused().detail == (
        f"{at} is unit_scrapped: no 'unit' of it is corrected; it can only be retracted"
    )


# ------------------------------------------------------------------ what still matters


def test_a_load_goes_by_its_right_lot() -> None:
    """What is made from now on is made from that; one that never was feeds nothing (D-44)."""
    rig = line(replace(PRESS, components=(HOUSING,)))
    rig.scan("L-1")
    loaded = rig.of(ComponentLoaded)[0]
    made = correction(rig, address=loaded.address, lot="L-2")
    assert rig.press("SN-1") == STORED_OK
    assert rig.of(UnitCompleted)[0].components[0].candidates == ("L-2",)
    correction(rig, address=made.address, product="P-9")
    assert rig.state.material.loads[0].product == "P-9"
    rig.scan("L-3")
    other = rig.of(ComponentLoaded)[1]
    correction(rig, address=other.address)
    assert other.address not in {load.address for load in rig.state.material.loads}


def test_the_unit_that_was_let_in_is_the_right_one() -> None:
    """`end` completes what a person says that `begin` was asked for; retracted, it is nobody."""
    rig = line(replace(INTERLOCK, duplicates=Policy.RECORD))
    for number, more in enumerate(({"unit": "SN-2"}, {}, {"product": "P"}), 1):
        rig.scan(f"SN-{number}{number}")
        rig.plc(b_trigger=True, b_request=number)
        rig.answer()
        started = rig.of(UnitStarted)[-1]
        rig.plc(b_trigger=False)
        correction(rig, address=started.address, **more)
        rig.turn(1_200)
        rig.cycle(number)
    assert [unit.unit for unit in rig.of(UnitCompleted)] == ["SN-2", "SN-33"]
    assert rig.of(UnitCompleted)[-1].product == "P"
    assert len(rig.of(UnitUnbound)) == 1


def test_a_started_unit_is_left_alone_by_the_correction_of_another() -> None:
    """Only what is named changes."""
    rig = line(INTERLOCK)
    rig.scan("SN-1")
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    rig.plc(b_trigger=False)
    started = rig.of(UnitStarted)[-1]
    rig.turn(1_200)
    rig.cycle(1)
    correction(rig, address=started.address, unit="SN-2")
    assert rig.state.cycle.started is None


def test_a_carrier_bears_the_right_unit() -> None:
    """A cycle on it is bound to what a person says is on it; retracted, nothing is (D-28).

    What was on it before is not kept, so such a correction is corrected, not retracted.
    """
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    (loaded,) = rig.of(CarrierLoaded)
    rig.command("correct", address=loaded.address, unit="SN-2")
    weld(rig, 1, "CAR-1")
    assert rig.of(UnitCompleted)[0].unit == "SN-2"
    made = rig.of(EventCorrected)[0]
    rig.command("retract", address=made.address)
    assert rig.refused().detail == (
        f"{made.address} corrects carrier_loaded, by which the station works on; say what is right "
        "by `correct`; what was retracted must be scanned again as well"
    )
    load(rig, "CAR-2", "SN-3")
    rig.command("retract", address=rig.of(CarrierLoaded)[1].address)
    assert [each.unit for each in rig.state.carriers.mounted] == ["SN-2"]


def test_the_lot_that_is_made_now_is_named_before_it_is_corrected() -> None:
    """Counts go where the lot is named: a correction that let them go on wrongly is refused."""
    rig = Rig(FILLER)
    rig.link("plc", up=True)
    rig.plc(lot="LOT-1", count=0)
    (opened,) = rig.of(LotOpened)
    for arguments in ({"lot": "LOT-2"}, {}):
        rig.command("correct" if arguments else "retract", address=opened.address, **arguments)
        refused = rig.refused()
        assert refused.cause is Declined.NOT_SO
        assert refused.detail is not None
        assert refused.detail.startswith(f"{opened.address} opened the lot that is made now")
    rig.turn(1_500)
    rig.plc(lot="LOT-2")
    rig.command("correct", address=opened.address, lot="LOT-2")
    assert rig.of(EventCorrected)[-1].replacement == (("lot", "LOT-2"),)
