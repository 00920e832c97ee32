"""What an event says of units, lots and components, for whoever looks them up."""

from typing import Any

import pytest

from agent.core import facts
from agent.core.events import (
    ITSELF,
    Certainty,
    ComponentInstalled,
    ComponentRemoved,
    Event,
    EventCorrected,
    LinkLost,
    LotBlocked,
    LotUnblocked,
    Result,
    UnitCompleted,
    UnitPacked,
    UnitRefused,
    UnitReidentified,
    UnitReworked,
    UnitScrapped,
    UnitStarted,
    UnitUnpacked,
    Why,
)
from agent.core.facts import Alias, Block, Correction, Fact, Moved, Visit
from agent.ports import Address
from tests.histories import STATION, make

AT = Address("000001-aa", 7)
HEAD: dict[str, Any] = {
    "station": STATION,
    "epoch": "000001-aa",
    "seq": 7,
    "at_ms": 1_796_029_207_000,
}
DOUBT: dict[str, Any] = {"corrects": None, "doubts": True, "retracted": False}
CYCLE: dict[str, Any] = {
    "cycle": "c-1",
    "handshake": "end",
    "generation": 1,
    "answer": 3,
    "earliest_ms": 1,
    "latest_ms": 2,
}
UNIT: dict[str, Any] = CYCLE | {"reason": Why.DUPLICATE}


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (make(LinkLost, AT, device="plc", reason="cut"), ()),
        (make(UnitRefused, AT, **UNIT), ()),
        (
            make(ComponentRemoved, AT, component="ECU-1"),
            (Moved(**HEAD, component="ECU-1", unit=None, position=None),),
        ),
        (
            make(
                ComponentInstalled,
                AT,
                component="ECU-1",
                unit="SN-1",
                position="ecu",
                cycle="c-1",
            ),
            (Moved(**HEAD, component="ECU-1", unit="SN-1", position="ecu"),),
        ),
        (
            make(UnitPacked, AT, level="box", child="SN-1", parent="BOX-1"),
            (Moved(**HEAD, component="SN-1", unit="BOX-1", position=None),),
        ),
        (
            make(UnitUnpacked, AT, child="SN-1", parent="BOX-1", how="scan"),
            (Moved(**HEAD, component="SN-1", unit=None, position=None),),
        ),
        (
            make(LotBlocked, AT, lot="L-1", source="scan"),
            (Block(**HEAD, lot="L-1", source="scan", blocked=True),),
        ),
        (
            make(LotUnblocked, AT, lot="L-1", source="file"),
            (Block(**HEAD, lot="L-1", source="file", blocked=False),),
        ),
        (
            make(EventCorrected, AT, supersedes=("000001-aa-3", "e-4"), reason="r", who=ITSELF),
            (
                Correction(**HEAD, of_epoch="000001-aa", of_seq=3, **DOUBT),
                Correction(**HEAD, of_epoch="e", of_seq=4, **DOUBT),
            ),
        ),
        (
            make(
                EventCorrected,
                AT,
                supersedes=("e-4",),
                reason="r",
                who="k:1",
                corrects="unit_completed",
                replacement=(("unit", "SN-2"), ("values.force", "1")),
            ),
            (
                Correction(
                    **HEAD,
                    of_epoch="e",
                    of_seq=4,
                    corrects="unit_completed",
                    doubts=False,
                    retracted=False,
                    unit="SN-2",
                ),
            ),
        ),
        (
            make(UnitReidentified, AT, unit="SN-1", new="SN-2", who="k:1", reason="r"),
            (Alias(**HEAD, old="SN-1", new="SN-2"),),
        ),
    ],
)
def test_what_an_event_says(event: Event, says: tuple[Fact, ...]) -> None:
    """A fact names its event; what says nothing of a unit, lot or component is no fact."""
    assert facts.facts(event) == says
    assert all(fact.address == "000001-aa-7" for fact in says)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (
            make(UnitStarted, AT, unit="SN-1", **(CYCLE | {"handshake": "begin"})),
            {"kind": "unit_started", "handshake": "begin", "result": None, "certain": True},
        ),
        (
            make(
                UnitCompleted,
                AT,
                unit="SN-1",
                result=Result.NOK,
                visit=1,
                certainty=Certainty.POSSIBLE,
                **CYCLE,
            ),
            {"kind": "unit_completed", "handshake": "end", "result": "nok", "certain": False},
        ),
        (
            make(UnitRefused, AT, unit="SN-1", certainty=Certainty.REFUSED, **UNIT),
            {"kind": "unit_refused", "handshake": "end", "result": None, "certain": False},
        ),
        (
            make(UnitScrapped, AT, unit="SN-1", who="k:1", reason="bent"),
            {"kind": "unit_scrapped", "handshake": "", "result": None, "certain": True},
        ),
        (
            make(UnitReworked, AT, unit="SN-1", who="k:1", reason="again", visit=2),
            {"kind": "unit_reworked", "handshake": "", "result": None, "certain": True},
        ),
    ],
)
def test_a_unit_was_there(event: Event, says: dict[str, Any]) -> None:
    """Each answer for a unit is a visit, refused ones too, and so is a word about its life."""
    assert facts.facts(event) == (Visit(**HEAD, unit="SN-1", **says),)
