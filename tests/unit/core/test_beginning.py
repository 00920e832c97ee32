"""A unit that `begin` let in and that has no `end`: taken out, or followed by another (D-24)."""

from dataclasses import replace

import pytest

from agent.core.events import Certainty, CycleAborted, UnitCompleted, UnitStarted, Why
from agent.core.station import Station
from tests.core_rig import BEGIN, CAMERA, ECU, END, INTERLOCK, Rig

SAYS_SO = replace(
    INTERLOCK, handshakes=(replace(BEGIN, abort="abort"), replace(END, abort="abort"))
)


class Machine(Rig):
    """A machine that asks before and after its work."""

    def __init__(self, station: Station) -> None:
        super().__init__(station)
        self.up()

    def begin(self, request: int, unit: str = "") -> int | None:
        """Scan a unit and ask whether it may run here; return the answer."""
        self.turn(2_000)
        if unit:
            self.scan(unit)
        self.plc(b_trigger=True, b_request=request)
        self.answer()
        self.turn(self.station.pairing.settle_ms + 1)
        self.answer()
        self.due()
        answer = int(self.device["b_result"])
        self.plc(b_trigger=False)
        self.due()
        return answer

    @property
    def done(self) -> UnitCompleted:
        """The newest completion."""
        return self.of(UnitCompleted)[-1]


def test_a_unit_without_an_end_is_told_when_the_next_is_let_in() -> None:
    """It has an event of its own, and the next `end` may be of either: at most possible (D-24)."""
    rig = Machine(INTERLOCK)
    rig.begin(1, "SN-1")
    (first,) = rig.of(UnitStarted)
    assert rig.begin(2, "SN-2") == 1
    (left,) = rig.of(CycleAborted)
    assert (left.handshake, left.reason, left.because) == ("end", "begun_anew", (first.address,))
    assert rig.cycle(1) == 1
    assert (rig.done.unit, rig.done.certainty) == ("SN-2", Certainty.POSSIBLE)
    assert rig.done.why == (Why.CYCLE_BETWEEN,)


def test_the_doubt_ends_with_the_next_end() -> None:
    """One that was left open spoils one binding, and not the day."""
    rig = Machine(INTERLOCK)
    for request, unit in enumerate(("SN-1", "SN-2", "SN-3"), 1):
        rig.begin(request, unit)
    assert [event.reason for event in rig.of(CycleAborted)] == ["begun_anew", "begun_anew"]
    rig.cycle(1)
    assert rig.done.why == (Why.CYCLE_BETWEEN,)
    rig.begin(4, "SN-4")
    rig.cycle(2)
    assert (rig.done.unit, rig.done.certainty) == ("SN-4", Certainty.CERTAIN)


def test_the_same_unit_let_in_again_is_no_other() -> None:
    """It was put in once more: nothing else can have been in the machine."""
    rig = Machine(INTERLOCK)
    rig.begin(1, "SN-1")
    rig.begin(2, "SN-1")
    assert rig.of(CycleAborted) == []
    rig.cycle(1)
    assert rig.done.unit == "SN-1"
    assert Why.CYCLE_BETWEEN not in rig.done.why


def test_where_end_has_its_own_code_nothing_rests_on_the_order() -> None:
    """A machine with several units in it, whose camera tells them apart, is certain of each."""
    station = replace(CAMERA, handshakes=(replace(BEGIN, unit="code"), replace(END, unit="code")))
    rig = Machine(station)
    for request, unit in enumerate(("SN-1", "SN-2"), 1):
        rig.plc(code=unit)
        rig.begin(request)
    assert rig.of(CycleAborted) == []
    for request, unit in enumerate(("SN-1", "SN-2"), 1):
        rig.plc(code=unit)
        rig.cycle(request)
        assert (rig.done.unit, rig.done.certainty) == (unit, Certainty.CERTAIN)


@pytest.mark.parametrize("is_answered", [False, True], ids=["at rest", "under its trigger"])
def test_a_part_taken_out_between_has_no_end(*, is_answered: bool) -> None:
    """The PLC says so: it is recorded, and what ends next is not bound to it (D-22)."""
    rig = Machine(SAYS_SO)
    rig.turn(2_000)
    rig.scan("SN-1")
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    rig.turn(500)
    rig.answer()
    rig.due()
    assert rig.device["b_result"] == 1
    if is_answered:
        rig.plc(abort=True)
        rig.due()
        assert (rig.device["b_result"], rig.device["b_ack"]) == (1, True)
    rig.plc(b_trigger=False)
    rig.plc(abort=True)
    rig.plc(abort=False)
    (left,) = rig.of(CycleAborted)
    assert (left.handshake, left.reason) == ("end", "part_removed")
    assert left.because == (rig.of(UnitStarted)[0].address,)
    assert rig.cycle(1) == 8
    rig.begin(2, "SN-2")
    rig.cycle(2)
    assert (rig.done.unit, rig.done.certainty) == ("SN-2", Certainty.CERTAIN)


def test_a_part_taken_out_under_the_trigger_of_end_is_told_once() -> None:
    """One removal is one event, whichever handshakes have the tag."""
    rig = Machine(SAYS_SO)
    rig.begin(1, "SN-1")
    rig.plc(trigger=True, request=1)
    rig.plc(abort=True)
    assert [(event.handshake, event.reason) for event in rig.of(CycleAborted)] == [
        ("end", "part_removed")
    ]
    assert rig.state.cycle.started is None


def test_a_removal_from_an_empty_machine_is_none() -> None:
    """Nothing was let in: the tag says nothing new."""
    rig = Machine(SAYS_SO)
    rig.plc(abort=True)
    assert rig.of(CycleAborted) == []


def test_what_was_scanned_for_the_one_taken_out_is_in_doubt() -> None:
    """Its component may be in it: the next unit has it as possible at most (D-44)."""
    rig = Machine(replace(SAYS_SO, components=(ECU,)))
    rig.scan("ECU-1")
    rig.begin(1, "SN-1")
    rig.plc(abort=True)
    rig.plc(abort=False)
    rig.begin(2, "SN-2")
    rig.cycle(1)
    (used,) = rig.done.components
    assert (used.candidates, used.certainty) == (("ECU-1",), Certainty.POSSIBLE)


def test_what_was_left_open_is_of_the_ends_present_generation() -> None:
    """The PLC's memory behind `end`, not behind `begin`; the first, where none was lost (D-33)."""
    rig = Machine(INTERLOCK)
    rig.begin(1, "SN-1")
    rig.begin(2, "SN-2")
    assert [event.generation for event in rig.of(CycleAborted)] == [1]
    rig.cycle(4711)
    rig.plc(request=0)
    assert (rig.of(CycleAborted)[-1].reason, rig.of(CycleAborted)[-1].generation) == (
        "plc_restarted",
        2,
    )
    rig.begin(3, "SN-3")
    rig.begin(4, "SN-4")
    left = rig.of(CycleAborted)[-1]
    assert (left.reason, left.handshake, left.generation) == ("begun_anew", "end", 2)
