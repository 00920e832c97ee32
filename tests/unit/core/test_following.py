"""Strategy `cycle-then-scan`: the machine has worked, then its unit is scanned (D-23, D-24)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.events import (
    Certainty,
    CodeScanned,
    CycleAborted,
    CycleMissed,
    EventCorrected,
    ExpiryReason,
    ScanExpired,
    UnitCompleted,
    UnitEvent,
    UnitRefused,
    UnitUnbound,
    Why,
)
from agent.core.station import Bypass, Counter, Pairing, Policy, Strategy
from drivers.base import CodeScanned as CodeSeen
from drivers.base import ValuesSeen
from tests.core_rig import PRESS, Rig

LASER = replace(
    PRESS,
    pairing=Pairing(strategy=Strategy.CYCLE_THEN_SCAN, window_ms=2_000, settle_ms=200),
)
COUNTED = replace(
    LASER,
    counter=Counter(device="plc", tag="count", modulus=65_536, max_step=50, fastest_ms=100),
)


def rig_of(station: Any = LASER, **changes: Any) -> Rig:  # noqa: ANN401 - fields of Station
    """Return a laser with both links up."""
    rig = Rig(replace(station, **changes))
    rig.up()
    return rig


def end(rig: Rig, request: int) -> None:
    """Let a cycle end: the trigger rises and its snapshot is read."""
    rig.plc(trigger=True, request=request, count=request)
    rig.read()


def fall(rig: Rig) -> None:
    """Let the PLC take the answer."""
    rig.due()
    rig.plc(trigger=False)
    rig.due()


def whole(rig: Rig, request: int, code: str) -> None:
    """Run a cycle whose unit is scanned at once."""
    end(rig, request)
    rig.scan(code)
    rig.answer()
    fall(rig)


def read_late(rig: Rig, code: str, began_ms: int) -> None:
    """Let a code come that the reader began to read some time ago."""
    rig.observe(CodeSeen, device="scanner", earliest_ms=rig.ms - began_ms, raw=code.encode())


def reasons(rig: Rig) -> list[ExpiryReason]:
    """Return why scans expired."""
    return [event.reason for event in rig.of(ScanExpired)]


# ------------------------------------------------------------------ none, one, two


def test_first_scan_after_the_cycle_is_the_unit() -> None:
    """The PLC is answered when the scan has come, not when the window is over (D-23)."""
    rig = rig_of()
    end(rig, 1)
    assert rig.answered() is None
    rig.turn(500)
    rig.scan("SN-1")
    rig.answer()
    (unit,) = rig.units()
    assert isinstance(unit, UnitCompleted)
    assert (unit.unit, unit.certainty) == ("SN-1", Certainty.CERTAIN)
    assert unit.because[0] == rig.of(CodeScanned)[0].address
    assert rig.answered() == 1
    rig.turn(10_000)
    assert len(rig.units()) == 1
    assert rig.of(ScanExpired) == []


def test_no_scan_within_the_window_is_unbound() -> None:
    """The PLC is answered when window and settle are over (D-24, D-25)."""
    rig = rig_of()
    end(rig, 1)
    rig.turn(2_199)
    assert rig.units() == []
    rig.turn(1)
    (unit,) = rig.units()
    assert isinstance(unit, UnitUnbound)
    assert (unit.why, unit.candidates) == ((Why.NO_SCAN,), ())
    assert rig.answered() == 8


def test_two_scans_before_the_answer_are_unbound_with_both() -> None:
    """While the look-up runs a second code makes two candidates (D-25)."""
    rig = rig_of()
    end(rig, 1)
    rig.scan("SN-1")
    rig.scan("SN-2")
    (unit,) = rig.units()
    assert isinstance(unit, UnitUnbound)
    assert (unit.candidates, unit.why) == (("SN-1", "SN-2"), (Why.TWO_CANDIDATES,))
    assert rig.state.pairing.pending == ()


def test_second_scan_after_the_answer_corrects_it() -> None:
    """What was bound is then one of two, by a correction that names both (D-23, D-143)."""
    rig = rig_of()
    whole(rig, 1, "SN-1")
    rig.scan("SN-2")
    rig.turn(201)
    (unit,) = rig.units()
    (corrected,) = rig.of(EventCorrected)
    assert corrected.supersedes == (unit.address,)
    assert (corrected.reason, corrected.who) == ("second_scan", "lineside")
    assert corrected.candidates == ("SN-1", "SN-2")
    assert corrected.because == (rig.of(CodeScanned)[1].address,)
    assert (corrected.certainty, corrected.why) == (Certainty.POSSIBLE, (Why.TWO_CANDIDATES,))
    assert rig.state.pairing.pending == ()


@pytest.mark.parametrize(("code", "corrections"), [("SN-2", 1), ("SN-1", 0)])
def test_second_scan_that_waits_over_a_boot_corrects_it_too(code: str, corrections: int) -> None:
    """When it came nobody knows any more: what was bound may be either (D-25, D-91)."""
    rig = rig_of()
    whole(rig, 1, "SN-1")
    rig.scan(code)
    rig.restart(reboot=True)
    assert len(rig.of(EventCorrected)) == corrections
    assert rig.state.pairing.pending == ()


def test_third_scan_corrects_nothing_again() -> None:
    """What is corrected is bound to nothing; a further code expires (D-143)."""
    rig = rig_of()
    whole(rig, 1, "SN-1")
    for code in ("SN-2", "SN-3"):
        rig.scan(code)
        rig.turn(300)
    assert len(rig.of(EventCorrected)) == 1
    assert reasons(rig) == [ExpiryReason.WINDOW]


def test_second_scan_just_before_the_next_cycle_corrects_it() -> None:
    """Though the next cycle is answered before the settle is over, it makes two (D-23)."""
    rig = rig_of()
    whole(rig, 1, "SN-1")
    rig.scan("SN-2")
    rig.turn(50)
    whole(rig, 2, "SN-3")
    rig.turn(10_000)
    first, second = rig.units()
    (corrected,) = rig.of(EventCorrected)
    assert (corrected.supersedes, corrected.candidates) == ((first.address,), ("SN-1", "SN-2"))
    assert (second.unit, second.certainty) == ("SN-3", Certainty.CERTAIN)
    assert reasons(rig) == []


def test_second_scan_that_comes_after_the_next_rise_corrects_too() -> None:
    """It was over before the trigger rose, only its frame was slow (D-24)."""
    rig = rig_of()
    whole(rig, 1, "SN-1")
    rig.turn(500)
    end(rig, 2)
    rig.observe(
        CodeSeen,
        device="scanner",
        earliest_ms=rig.ms - 60,
        latest_ms=rig.ms - 30,
        raw=b"SN-2",
    )
    assert rig.new() == ["code_scanned", "event_corrected"]
    rig.scan("SN-3")
    rig.answer()
    assert [unit.unit for unit in rig.units()] == ["SN-1", "SN-3"]


def test_scan_that_may_be_of_either_cycle_doubts_both() -> None:
    """Whether it came before the next cycle's end nobody can tell: none of the two is certain."""
    rig = rig_of()
    whole(rig, 1, "SN-1")
    rig.turn(500)
    rig.plc(50, trigger=True, request=2, count=2)
    rig.read()
    read_late(rig, "SN-2", began_ms=30)
    rig.answer()
    first, second = rig.units()
    (corrected,) = rig.of(EventCorrected)
    assert corrected.supersedes == (first.address,)
    assert corrected.why == (Why.TWO_CANDIDATES, Why.ORDER_OF_FACTS)
    assert (second.unit, second.why) == ("SN-2", (Why.ORDER_OF_FACTS,))
    assert rig.state.pairing.pending == ()


def test_scan_of_a_request_that_comes_again_is_not_a_second_one() -> None:
    """After a 7 the same request rises anew: what was scanned since its first rise is its own."""
    rig = rig_of()
    whole(rig, 1, "SN-1")
    rig.turn(500)
    rig.plc(trigger=True, request=2, count=2)
    rig.read(coherent=False)
    fall(rig)
    rig.scan("SN-2")
    rig.turn(50)
    rig.plc(trigger=True)
    rig.answer()
    assert [unit.unit for unit in rig.units()] == ["SN-1", "SN-2"]
    assert rig.of(EventCorrected) == []


def test_second_scan_that_waits_over_a_lost_history_corrects_it_too() -> None:
    """What is pending is given up there, but not what it says of the cycle before (D-25)."""
    rig = rig_of()
    whole(rig, 1, "SN-1")
    rig.scan("SN-2")
    rig.start(lost=(("000001-aa", 3, 4, "damaged"),))
    assert rig.of(EventCorrected)[0].candidates == ("SN-1", "SN-2")
    assert rig.state.pairing.pending == ()


def test_nothing_shifts_by_one_after_a_second_scan() -> None:
    """The unit that was scanned too early is not the next cycle's (D-24)."""
    rig = rig_of()
    whole(rig, 1, "SN-1")
    rig.scan("SN-2")
    rig.turn(300)
    end(rig, 2)
    rig.turn(2_300)
    whole_units = [(type(unit), unit.unit) for unit in rig.units()]
    assert whole_units == [(UnitCompleted, "SN-1"), (UnitUnbound, None)]


# ------------------------------------------------------------------ early, late, again


def test_scan_before_any_cycle_expires() -> None:
    """A code that no cycle waits for is an event of its own, once the settle is over (D-24)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.turn(200)
    assert reasons(rig) == []
    rig.turn(1)
    assert reasons(rig) == [ExpiryReason.WINDOW]


def test_scan_that_overlaps_the_rise_is_possible() -> None:
    """Whether it came before or after the cycle's end cannot be told (D-24)."""
    rig = rig_of()
    rig.plc(50, trigger=True, request=1, count=1)
    rig.read()
    read_late(rig, "SN-1", began_ms=30)
    rig.answer()
    (unit,) = rig.units()
    assert (unit.unit, unit.certainty) == ("SN-1", Certainty.POSSIBLE)
    assert unit.why == (Why.ORDER_OF_FACTS,)


def test_scan_just_before_the_cycle_is_not_its_own() -> None:
    """It was over before the trigger can have risen (D-24)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.turn(1)
    end(rig, 1)
    assert reasons(rig) == [ExpiryReason.WINDOW]
    rig.turn(300)
    assert rig.units() == []
    rig.turn(2_000)
    assert isinstance(rig.units()[0], UnitUnbound)
    assert rig.units()[0].why == (Why.NO_SCAN,)
    assert reasons(rig) == [ExpiryReason.WINDOW]


def test_code_again_after_the_cycle_is_no_repeat() -> None:
    """Scanned just before the cycle's end and just after it: the second counts (D-34)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.turn(50)
    end(rig, 1)
    rig.scan("SN-1")
    rig.answer()
    (unit,) = rig.units()
    assert (unit.unit, unit.certainty) == ("SN-1", Certainty.CERTAIN)
    rig.scan("SN-2")
    rig.scan("SN-2")
    assert rig.new() == ["code_repeated"]


def test_scan_after_the_window_is_late() -> None:
    """It belongs to the unbound cycle while its answer stands, and to none afterwards (D-24)."""
    rig = rig_of()
    end(rig, 1)
    rig.turn(2_300)
    rig.scan("SN-1")
    assert reasons(rig) == [ExpiryReason.CYCLE_REFUSED]
    fall(rig)
    rig.turn(500)
    rig.scan("SN-2")
    rig.turn(300)
    assert reasons(rig)[1:] == [ExpiryReason.WINDOW]
    assert rig.of(EventCorrected) == []


def test_late_scan_is_not_taken_for_the_next_cycles() -> None:
    """Within `late` of the unbound cycle's fall a code is still that cycle's (D-24)."""
    rig = rig_of(pairing=replace(LASER.pairing, late_ms=1_000))
    end(rig, 1)
    rig.turn(2_300)
    fall(rig)
    rig.turn(100)
    rig.scan("SN-1")
    end(rig, 2)
    rig.scan("SN-2")
    rig.answer()
    assert reasons(rig) == [ExpiryReason.CYCLE_REFUSED]
    assert [unit.unit for unit in rig.units()] == [None, "SN-2"]


def test_slow_scan_that_began_within_the_window_counts() -> None:
    """The settle is for what began in time and is still on its way (D-24)."""
    rig = rig_of()
    end(rig, 1)
    rig.turn(2_150)
    read_late(rig, "SN-1", began_ms=200)
    rig.answer()
    (unit,) = rig.units()
    assert isinstance(unit, UnitCompleted)


def test_same_code_again_corrects_nothing() -> None:
    """The unit's own code after the answer stands for the scan before (D-34)."""
    rig = rig_of()
    whole(rig, 1, "SN-1")
    rig.scan("SN-1")
    rig.turn(300)
    assert rig.of(EventCorrected) == []
    assert reasons(rig) == [ExpiryReason.SUPERSEDED]


def test_scan_long_after_the_window_corrects_nothing() -> None:
    """Outside the window a code is of no cycle (D-23)."""
    rig = rig_of()
    whole(rig, 1, "SN-1")
    rig.turn(3_000)
    rig.scan("SN-2")
    rig.turn(300)
    assert rig.of(EventCorrected) == []
    assert reasons(rig) == [ExpiryReason.WINDOW]


def test_cancel_takes_the_scan_back() -> None:
    """The cycle then waits for another one (D-23)."""
    rig = rig_of()
    end(rig, 1)
    rig.scan("SN-1")
    rig.scan("CANCEL")
    rig.scan("SN-2")
    rig.answer()
    (unit,) = rig.units()
    assert unit.unit == "SN-2"


def test_refused_unit_spends_its_scan() -> None:
    """A duplicate is refused, and its code waits for nothing (D-35)."""
    rig = rig_of()
    whole(rig, 1, "SN-1")
    rig.turn(3_000)
    whole(rig, 2, "SN-1")
    assert [type(unit) for unit in rig.units()] == [UnitCompleted, UnitRefused]
    assert rig.state.pairing.pending == ()


# ------------------------------------------------------------------ the label of the cycle before


def unbound(rig: Rig) -> tuple[tuple[str, ...], tuple[Why, ...]]:
    """Return the candidates of the newest cycle, which has no unit, and why."""
    unit = rig.units()[-1]
    assert isinstance(unit, UnitUnbound)
    assert rig.state.pairing.pending == ()
    return unit.candidates, unit.why


def test_label_of_the_cycle_before_waits_for_another() -> None:
    """Read again just after the next cycle's end it is not taken for that one's unit (D-25)."""
    rig = rig_of(duplicates=Policy.RECORD)
    whole(rig, 1, "SN-1")
    rig.turn(600)
    end(rig, 2)
    rig.scan("SN-1")
    rig.turn(1_000)
    assert rig.answered() is None
    rig.scan("SN-2")
    assert unbound(rig) == (("SN-1", "SN-2"), (Why.TWO_CANDIDATES,))
    assert rig.answered() == 8


@pytest.mark.parametrize("times", [1, 2])
def test_label_of_the_cycle_before_alone_leaves_the_cycle_unbound(times: int) -> None:
    """It is the only candidate, also if it is read a third time after that one's window (D-23)."""
    rig = rig_of(duplicates=Policy.RECORD)
    whole(rig, 1, "SN-1")
    rig.turn(1_500)
    end(rig, 2)
    for _ in range(times):
        rig.scan("SN-1")
        rig.turn(1_050)
    assert rig.answered() is None
    rig.turn(2_200)
    assert unbound(rig) == (("SN-1",), (Why.ORDER_OF_FACTS,))


def test_unit_that_is_made_again_is_certain_after_the_window() -> None:
    """Then its label cannot be of the cycle before any more (D-23)."""
    rig = rig_of(duplicates=Policy.RECORD)
    whole(rig, 1, "SN-1")
    rig.turn(2_001)
    whole(rig, 2, "SN-1")
    assert [(unit.unit, unit.certainty) for unit in rig.units()] == [
        ("SN-1", Certainty.CERTAIN),
        ("SN-1", Certainty.CERTAIN),
    ]


@pytest.mark.parametrize("answered_first", [False, True])
def test_each_label_of_two_is_of_the_cycle_before(*, answered_first: bool) -> None:
    """A cycle without a unit, or with two by its correction, had them both as candidates (D-25)."""
    rig = rig_of(duplicates=Policy.RECORD)
    end(rig, 1)
    rig.scan("SN-9")
    if answered_first:
        rig.answer()
        fall(rig)
    rig.scan("SN-1")
    if not answered_first:
        fall(rig)
    rig.turn(300)
    end(rig, 2)
    rig.scan("SN-1")
    rig.turn(2_300)
    assert unbound(rig) == (("SN-1",), (Why.ORDER_OF_FACTS,))


@pytest.mark.parametrize(("since_boot_ms", "bound"), [(9_900, False), (10_100, True)])
def test_label_of_the_cycle_before_over_a_boot(since_boot_ms: int, *, bound: bool) -> None:
    """The window may still be open for as long as it lasts, counted from the boot (D-91)."""
    pairing = replace(LASER.pairing, window_ms=10_000)
    rig = rig_of(pairing=pairing, duplicates=Policy.RECORD)
    whole(rig, 1, "SN-1")
    rig.restart(reboot=True)
    rig.up()
    rig.turn(since_boot_ms - rig.ms)
    end(rig, 2)
    rig.scan("SN-1")
    rig.answer()
    rig.turn(10_300)
    assert isinstance(rig.units()[-1], UnitCompleted) == bound


# ------------------------------------------------------------------ cycles without a record


def test_scan_after_an_aborted_cycle_is_ambiguous() -> None:
    """The next cycle ended before the scan: it may be of either (D-23)."""
    rig = rig_of()
    end(rig, 1)
    rig.turn(300)
    rig.plc(trigger=False)
    assert len(rig.of(CycleAborted)) == 1
    end(rig, 2)
    rig.scan("SN-1")
    rig.answer()
    (unit,) = rig.units()
    assert isinstance(unit, UnitUnbound)
    assert (unit.candidates, unit.why) == (("SN-1",), (Why.CYCLE_BETWEEN,))


def test_aborted_cycle_is_forgotten_after_its_window() -> None:
    """A scan that cannot be the aborted cycle's any more is certain (D-23)."""
    rig = rig_of()
    end(rig, 1)
    rig.plc(trigger=False)
    rig.turn(2_100)
    whole(rig, 2, "SN-1")
    (unit,) = rig.units()
    assert unit.certainty is Certainty.CERTAIN


def test_scan_of_an_aborted_cycle_does_not_meet_the_next() -> None:
    """It came before the next cycle's end (D-24)."""
    rig = rig_of()
    end(rig, 1)
    rig.scan("SN-1")
    rig.plc(trigger=False)
    rig.turn(50)
    end(rig, 2)
    rig.turn(2_300)
    assert [unit.unit for unit in rig.units()] == [None]
    assert reasons(rig) == [ExpiryReason.WINDOW]


@pytest.mark.parametrize(("count", "kinds"), [(3, ["cycle_missed"]), (0, ["counter_reset"])])
def test_missed_cycle_makes_the_scan_ambiguous(count: int, kinds: list[str]) -> None:
    """A cycle that nobody saw may be the one whose unit is scanned now (D-29)."""
    rig = rig_of(COUNTED)
    rig.turn(10_000)
    end(rig, 1)
    rig.scan("SN-1")
    rig.answer()
    fall(rig)
    rig.turn(5_000)
    rig.plc(trigger=True, request=2, count=count)
    rig.read()
    rig.scan("SN-2")
    rig.answer()
    assert [e.kind for e in rig.events if e.kind in {"cycle_missed", "counter_reset"}] == kinds
    assert isinstance(rig.units()[-1], UnitUnbound)
    assert rig.units()[-1].why == (Why.CYCLE_BETWEEN,)


def test_unit_that_passed_without_an_answer_makes_the_scan_ambiguous() -> None:
    """It may be the one that is scanned now; the counter's first reading says nothing (D-40)."""
    passed = Counter(device="plc", tag="passed", modulus=65_536, max_step=5, fastest_ms=1)
    rig = rig_of(bypass=Bypass(counter=passed))
    rig.plc(passed=7)
    whole(rig, 1, "SN-1")
    assert rig.units()[0].certainty is Certainty.CERTAIN
    rig.plc(passed=8)
    whole(rig, 2, "SN-2")
    assert rig.units()[1].why == (Why.CYCLE_BETWEEN,)


def test_request_that_never_held_still_comes_again() -> None:
    """A torn snapshot is answered 7 and asked again; its scan waits for that (D-21, D-40)."""
    rig = rig_of()
    rig.plc(trigger=True, request=1, count=1)
    rig.read(coherent=False)
    rig.scan("SN-1")
    rig.turn(500)
    assert reasons(rig) == []
    assert rig.answered() == 7
    fall(rig)
    end(rig, 1)
    rig.answer()
    (unit,) = rig.units()
    assert isinstance(unit, UnitCompleted)
    assert rig.of(CycleMissed)[0].reason == "torn"


# ------------------------------------------------------------------ links and restarts


def test_scan_while_the_plc_is_away_waits_for_it() -> None:
    """A cycle may have ended unseen: the scan is kept, and is possible (D-24)."""
    rig = rig_of()
    rig.link("plc", up=False)
    rig.scan("SN-1")
    rig.turn(1_000)
    assert reasons(rig) == []
    rig.tags |= {"trigger": True, "request": 1, "count": 1}
    rig.link("plc", up=True)
    rig.answer()
    (unit,) = rig.units()
    assert (unit.unit, unit.certainty) == ("SN-1", Certainty.POSSIBLE)
    assert Why.ORDER_OF_FACTS in unit.why


def test_scan_without_any_sight_of_the_plc_expires() -> None:
    """After window and settle no cycle can want it (D-24)."""
    rig = rig_of()
    rig.link("plc", up=False)
    rig.scan("SN-1")
    rig.turn(2_201)
    assert reasons(rig) == [ExpiryReason.WINDOW]


def test_scan_pending_over_a_restart_is_possible() -> None:
    """Another may have been missed meanwhile (D-24)."""
    rig = rig_of()
    end(rig, 1)
    rig.scan("SN-1")
    rig.restart()
    rig.up()
    (unit,) = rig.units()
    assert (unit.unit, unit.certainty) == ("SN-1", Certainty.POSSIBLE)
    assert set(unit.why) == {Why.SCAN_BEFORE_RESTART, Why.ORDER_OF_FACTS}


def test_scan_after_a_restart_under_an_open_cycle_is_possible() -> None:
    """The first scan may have come while the agent was away (D-24)."""
    rig = rig_of()
    end(rig, 1)
    rig.restart()
    rig.up()
    rig.scan("SN-1")
    rig.answer()
    (unit,) = rig.units()
    assert (unit.certainty, unit.why) == (Certainty.POSSIBLE, (Why.ORDER_OF_FACTS,))


def test_bound_cycle_is_corrected_over_a_restart() -> None:
    """A second code within the window, though the agent restarted, still makes two (D-23)."""
    rig = rig_of()
    whole(rig, 1, "SN-1")
    rig.restart()
    rig.up()
    rig.scan("SN-2")
    rig.turn(300)
    assert rig.of(EventCorrected)[0].candidates == ("SN-1", "SN-2")


def test_a_gap_in_values_changes_no_scan() -> None:
    """Values that say nothing of trigger or request leave a waiting scan alone (D-24)."""
    rig = rig_of()
    end(rig, 1)
    rig.observe(ValuesSeen, device="plc", values=())
    rig.scan("SN-1")
    rig.answer()
    assert len(rig.of(UnitCompleted)) == 1


# ------------------------------------------------------------------ for every line


@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(0, 2), st.sampled_from([5, 150, 900])), max_size=3),
            st.sampled_from([50, 400, 2_600]),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_no_certain_unit_but_the_one_that_was_in_the_machine(
    cycles: list[tuple[list[tuple[int, int]], int, bool]],
) -> None:
    """Parts are scanned after, twice, early or not at all: no certain binding is wrong (D-25).

    A code that is not the machine's own part comes beside it, not in its place: that is a person's
    mistake which no order of facts can show.
    """
    rig = rig_of(duplicates=Policy.RECORD, lookup_within_ms=100_000)
    truth: dict[int, str] = {}
    for request, (scans, pause_ms, aborts) in enumerate(cycles, 1):
        truth[request] = f"SN-{request}"
        end(rig, request)
        ahead = sorted(scans)
        for offset, wait_ms in ahead if not ahead or ahead[0][0] == 0 else []:
            rig.turn(wait_ms)
            rig.scan(f"SN-{request + offset}")
            rig.answer()
        if aborts:
            rig.plc(trigger=False)
        rig.turn(pause_ms)
        rig.answer()
        if rig.tags["trigger"]:
            rig.turn(2_300)
            fall(rig)
    rig.turn(10_000)
    corrected = {address for event in rig.of(EventCorrected) for address in event.supersedes}
    for unit in rig.of(UnitCompleted):
        if unit.certainty is Certainty.CERTAIN and unit.address not in corrected:
            assert unit.unit == truth[unit.request or 0]
    named = {
        a
        for e in rig.events
        if isinstance(e, UnitEvent | ScanExpired | EventCorrected)
        for a in e.because
    }
    assert {scan.address for scan in rig.of(CodeScanned)} <= named
