"""Which scan belongs to which cycle (D-23 to D-25)."""

from dataclasses import replace

import pytest

from agent.core.crew import Crew, Need
from agent.core.events import (
    Certainty,
    CodeScanned,
    ExpiryReason,
    ScanExpired,
    UnitCompleted,
    UnitRefused,
    UnitUnbound,
    Why,
)
from agent.core.station import Policy
from tests.core_rig import INTERLOCK, PRESS, Rig


def press() -> Rig:
    """Return a press in operation."""
    rig = Rig(PRESS)
    rig.up()
    rig.due()
    return rig


def expired(rig: Rig) -> list[tuple[str, ExpiryReason]]:
    """Return which scans expired, and why."""
    return [(event.code, event.reason) for event in rig.of(ScanExpired)]


def test_one_scan_before_the_cycle_is_its_unit() -> None:
    """Certain, and spent."""
    rig = press()
    rig.scan("SN-1")
    rig.turn(500)
    assert rig.cycle(1) == 1
    event = rig.of(UnitCompleted)[0]
    assert (event.unit, event.certainty) == ("SN-1", Certainty.CERTAIN)
    assert event.because[0] == rig.of(CodeScanned)[0].address
    assert rig.state.pairing.pending == ()


def test_two_codes_are_never_a_choice_and_both_are_spent() -> None:
    """The cycle after them starts clean: nothing shifts by one."""
    rig = press()
    rig.scan("SN-1")
    rig.scan("SN-2")
    rig.turn(500)
    assert rig.cycle(1) == 8
    event = rig.of(UnitUnbound)[0]
    assert event.candidates == ("SN-1", "SN-2")
    assert {scan.address for scan in rig.of(CodeScanned)} < set(event.because)
    rig.scan("SN-3")
    rig.turn(500)
    assert rig.cycle(2) == 1


def test_a_cancel_code_takes_the_scan_back() -> None:
    """Only then is the second code the only one."""
    rig = press()
    rig.scan("SN-1")
    rig.scan("CANCEL")
    rig.scan("SN-2")
    rig.turn(500)
    assert rig.cycle(1) == 1
    assert expired(rig) == [("SN-1", ExpiryReason.CANCELLED)]


def test_the_same_code_again_stands_for_the_older_scan() -> None:
    """Beyond the repeat window it is a new scan, and the older one expires."""
    rig = press()
    rig.scan("SN-1")
    rig.turn(2_000)
    rig.scan("SN-1")
    rig.turn(500)
    assert rig.cycle(1) == 1
    assert expired(rig) == [("SN-1", ExpiryReason.SUPERSEDED)]


def test_a_scan_expires_after_its_window() -> None:
    """An event of its own; the cycle after it has no scan."""
    rig = press()
    rig.scan("SN-1")
    rig.turn(31_000)
    assert expired(rig) == [("SN-1", ExpiryReason.WINDOW)]
    assert rig.cycle(1) == 8


def slept(rig: Rig, code: str) -> None:
    """Read a code that met an agent which slept for a minute: as old as that, or fresh."""
    rig.scan(code, took_ms=60_000)


def test_a_scan_that_may_be_too_old_is_bound_to_nothing() -> None:
    """Nobody can tell whether it came before the window (S08): scanned again, it is fresh."""
    rig = press()
    slept(rig, "SN-1")
    assert rig.cycle(1) == 8
    (unbound,) = rig.of(UnitUnbound)
    assert (unbound.why, unbound.candidates) == ((Why.ORDER_OF_FACTS,), ("SN-1",))
    assert rig.state.pairing.pending == ()
    slept(rig, "SN-2")
    rig.turn(2_000)
    rig.scan("SN-2")
    assert rig.cycle(2) == 1
    (unit,) = rig.of(UnitCompleted)
    assert (unit.unit, unit.certainty) == ("SN-2", Certainty.CERTAIN)


def test_a_sleep_over_scan_and_trigger_binds_nothing_either() -> None:
    """The trigger too was seen only after it: the scan may have come long before (S08)."""
    rig = press()
    slept(rig, "SN-1")
    rig.ms -= 60_000
    rig.plc(60_010, trigger=True, request=1, count=1)  # since the poll before the sleep
    rig.answer()
    rig.answer()
    assert rig.units()[0].answer == 8
    assert rig.of(UnitUnbound)[0].candidates == ("SN-1",)


def test_a_scan_that_may_be_too_old_is_a_candidate_beside_a_fresh_one() -> None:
    """It may as well be fresh, and then there are two: never a choice."""
    rig = press()
    slept(rig, "SN-1")
    rig.turn(2_000)
    rig.scan("SN-2")
    assert rig.cycle(1) == 8
    assert rig.of(UnitUnbound)[0].candidates == ("SN-1", "SN-2")


@pytest.mark.parametrize(("took_ms", "answer"), [(29_000, 1), (31_000, 8)])
def test_a_scan_that_is_in_its_window_however_old_it_is_counts(took_ms: int, answer: int) -> None:
    """A machine that was busy for a while costs nothing."""
    rig = press()
    rig.scan("SN-1", took_ms=took_ms)
    assert rig.cycle(1) == answer


def test_a_scan_grows_old_under_an_open_trigger_and_expires_with_its_cycle() -> None:
    """A rise that saw it too old leaves it no other cycle."""
    rig = press()
    rig.scan("SN-1")
    rig.ms += 30_300
    rig.plc(trigger=True, request=1)
    rig.turn(1_000)
    assert expired(rig) == []
    rig.answer()
    assert rig.units()[0].answer == 8
    assert expired(rig) == [("SN-1", ExpiryReason.WINDOW)]


def test_a_late_scan_is_still_taken_within_the_settle() -> None:
    """As possible: it was not seen to lie before the trigger."""
    rig = press()
    rig.turn(1_000)
    rig.plc(trigger=True, request=1)
    rig.answer()
    rig.scan("SN-1")
    rig.answer()
    event = rig.of(UnitCompleted)[0]
    assert (event.certainty, event.why) == (Certainty.POSSIBLE, (Why.ORDER_OF_FACTS,))


def test_a_late_scan_may_be_of_the_next_cycle() -> None:
    """The next one then has two: its own is possible; the cycle after that one is sure again."""
    rig = press()
    rig.turn(1_000)
    rig.plc(trigger=True, request=1)
    rig.answer()
    rig.scan("SN-2")
    rig.answer()
    rig.plc(trigger=False)
    rig.scan("SN-1")
    rig.turn(500)
    assert rig.cycle(2) == 1
    rig.scan("SN-3")
    rig.turn(500)
    assert rig.cycle(3) == 1
    late, other, sure = rig.of(UnitCompleted)
    assert (late.unit, late.why) == ("SN-2", (Why.ORDER_OF_FACTS,))
    assert (other.unit, other.certainty) == ("SN-1", Certainty.POSSIBLE)
    assert other.why == (Why.ORDER_OF_FACTS,)
    assert (sure.unit, sure.certainty, sure.why) == ("SN-3", Certainty.CERTAIN, ())


def test_a_scan_under_a_refused_cycle_expires_with_it() -> None:
    """D-24: it belongs to that cycle, not to the next."""
    rig = press()
    rig.turn(1_000)
    rig.plc(trigger=True, request=1)
    rig.answer()
    rig.turn(300)
    rig.scan("SN-1")
    assert expired(rig) == [("SN-1", ExpiryReason.CYCLE_REFUSED)]


def test_a_scan_that_came_while_the_snapshot_was_read_expires_with_its_cycle() -> None:
    """It came after the settle and before the cycle was found to have none."""
    rig = press()
    rig.turn(1_000)
    rig.plc(trigger=True, request=1)
    rig.ms += 400
    rig.scan("SN-1")
    rig.answer()
    assert rig.units()[0].answer == 8
    assert expired(rig) == [("SN-1", ExpiryReason.CYCLE_REFUSED)]


@pytest.mark.parametrize("outage", ["blink", "kill"])
def test_a_scan_under_a_refused_cycle_expires_also_over_an_outage(outage: str) -> None:
    """The fresh snapshot shows the same refused request."""
    rig = press()
    rig.turn(1_000)
    rig.plc(trigger=True, request=1)
    rig.answer()
    rig.turn(300)
    if outage == "blink":
        rig.link("plc", up=False)
        rig.link("plc", up=True)
        rig.answer()
    else:
        rig.restart()
        rig.up()
    rig.scan("SN-1")
    assert expired(rig) == [("SN-1", ExpiryReason.CYCLE_REFUSED)]


def test_a_scan_that_began_before_the_fall_was_seen_belongs_to_the_refused_cycle() -> None:
    """Plus the station's `late`; a later one is the next cycle's."""
    rig = Rig(replace(PRESS, pairing=replace(PRESS.pairing, late_ms=500)))
    rig.up()
    rig.turn(1_000)
    rig.cycle(1)
    rig.scan("SN-1")
    assert expired(rig) == [("SN-1", ExpiryReason.CYCLE_REFUSED)]
    rig.turn(600)
    rig.scan("SN-2")
    rig.turn(600)
    assert rig.cycle(2) == 1
    assert rig.of(UnitCompleted)[0].certainty is Certainty.CERTAIN


def test_under_a_new_trigger_without_snapshot_the_fall_before_still_counts() -> None:
    """A scan after the fall is the new cycle's, whatever the old one was."""
    rig = press()
    rig.turn(1_000)
    rig.cycle(1)
    rig.turn(1_000)
    rig.plc(trigger=True, request=2, count=2)
    rig.scan("SN-1")
    rig.answer()
    assert rig.of(UnitCompleted)[0].unit == "SN-1"


def test_while_blind_nobody_can_tell_and_the_scan_is_in_doubt() -> None:
    """It may be the refused cycle's: bound at most as possible."""
    rig = press()
    rig.turn(1_000)
    rig.plc(trigger=True, request=1)
    rig.answer()
    rig.turn(300)
    rig.link("plc", up=False)
    rig.scan("SN-1")
    assert rig.of(CodeScanned)[0].why == (Why.ORDER_OF_FACTS,)
    rig.tags |= {"trigger": False}
    rig.link("plc", up=True)
    rig.answer()
    rig.turn(1_000)
    rig.cycle(2)
    assert rig.of(UnitCompleted)[0].why == (Why.ORDER_OF_FACTS,)


def test_after_a_restart_a_scan_within_late_is_in_doubt() -> None:
    """The refused cycle was another run's: when its trigger fell is not known."""
    rig = Rig(replace(PRESS, pairing=replace(PRESS.pairing, late_ms=500)))
    rig.up()
    rig.turn(1_000)
    rig.cycle(1)
    rig.restart()
    rig.up()
    rig.scan("SN-1")
    assert rig.of(CodeScanned)[0].certainty is Certainty.POSSIBLE


def test_a_scan_that_began_before_a_bound_cycle_and_came_after_it_is_in_doubt() -> None:
    """It would have been a second candidate."""
    rig = press()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(trigger=True, request=1)
    rig.answer()
    rig.scan("SN-2", took_ms=40)
    assert rig.of(CodeScanned)[1].certainty is Certainty.POSSIBLE


def test_a_scan_under_a_bound_cycle_is_the_next_ones() -> None:
    """The next part's label may be read while this one is still in."""
    rig = press()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(trigger=True, request=1, count=1)
    rig.answer()
    rig.turn(100)
    rig.scan("SN-2")
    rig.due()
    rig.plc(trigger=False)
    rig.turn(1_000)
    rig.cycle(2)
    event = rig.of(UnitCompleted)[1]
    assert (event.unit, event.certainty) == ("SN-2", Certainty.CERTAIN)


@pytest.mark.parametrize(("reboot", "reason"), [(False, None), (True, ExpiryReason.OTHER_BOOT)])
def test_a_scan_pending_over_a_restart_is_possible_or_expires(
    reboot: bool,  # noqa: FBT001 - a table
    reason: ExpiryReason | None,
) -> None:
    """In another boot its age is not known (D-91)."""
    rig = press()
    rig.scan("SN-1")
    rig.restart(reboot=reboot)
    rig.up()
    rig.turn(500)
    if reason is not None:
        assert expired(rig) == [("SN-1", reason)]
        return
    rig.cycle(1)
    event = rig.of(UnitCompleted)[0]
    assert (event.certainty, event.why) == (Certainty.POSSIBLE, (Why.SCAN_BEFORE_RESTART,))


def test_lost_history_drops_what_was_pending() -> None:
    """The scan may have been used in the lost range."""
    rig = press()
    rig.scan("SN-1")
    rig.start(lost=(("000001-aa", 3, 4, "damaged"),))
    assert expired(rig) == [("SN-1", ExpiryReason.HISTORY_LOST)]


def test_a_scan_before_an_aborted_cycle_is_possible_for_the_next() -> None:
    """The aborted cycle may have been its own."""
    rig = press()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(trigger=True, request=1)
    rig.plc(trigger=False)
    rig.turn(500)
    rig.cycle(2)
    event = rig.of(UnitCompleted)[0]
    assert (event.certainty, event.why) == (Certainty.POSSIBLE, (Why.CYCLE_BETWEEN,))


def test_a_scan_before_missed_cycles_is_possible_and_one_after_them_is_not() -> None:
    """Requests that nobody saw may have used it up; the fall before this rise bounds them."""
    rig = press()
    rig.scan("SN-1")
    rig.turn(500)
    rig.cycle(1)
    rig.scan("SN-2")
    rig.link("plc", up=False)
    rig.tags |= {"request": 3, "count": 3}
    rig.link("plc", up=True)
    rig.answer()
    rig.turn(1_000)
    rig.cycle(4)
    assert Why.CYCLE_BETWEEN in rig.of(UnitCompleted)[1].why
    rig.scan("SN-5")
    rig.turn(500)
    rig.cycle(6)
    assert rig.of(UnitCompleted)[2].why == (Why.CYCLE_BETWEEN,)


def test_a_torn_cycle_leaves_its_scan_to_the_repeat() -> None:
    """The PLC asks again with the same number: the same part."""
    rig = press()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(trigger=True, request=1, count=1)
    rig.read(coherent=False)
    assert rig.answered() == 7
    rig.plc(trigger=False)
    rig.due()
    rig.turn(40_000)
    assert expired(rig) == []
    assert rig.cycle(1) == 1
    event = rig.of(UnitCompleted)[0]
    assert (event.unit, event.certainty) == ("SN-1", Certainty.CERTAIN)


def test_begin_takes_the_scan_and_end_does_not() -> None:
    """The label of the next unit may be read while the machine works."""
    rig = Rig(replace(INTERLOCK, crew=Crew(needs=(Need(),))))
    rig.up()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(trigger=True, request=1)
    rig.answer()
    assert isinstance(rig.units()[0], UnitUnbound)
    assert [pending.code for pending in rig.state.pairing.pending] == ["SN-1"]
    rig.plc(trigger=False)
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    assert isinstance(rig.units()[1], UnitRefused)
    assert rig.state.pairing.pending == ()


def test_an_aborted_end_leaves_the_scans_for_begin_alone() -> None:
    """Scans are paired with `begin`."""
    rig = Rig(INTERLOCK)
    rig.up()
    rig.scan("SN-1")
    rig.plc(trigger=True, request=1)
    rig.plc(trigger=False)
    assert rig.state.pairing.pending[0].doubts == ()


def test_scans_at_a_station_that_pairs_none_expire_by_their_window() -> None:
    """No scan disappears, whatever the strategy."""
    rig = Rig(replace(PRESS, handshakes=()))
    rig.scan("SN-1")
    rig.turn(31_000)
    assert expired(rig) == [("SN-1", ExpiryReason.WINDOW)]


def test_label_that_is_read_again_in_the_machine_is_not_surely_the_next() -> None:
    """Between `begin` and `end` the unit is inside: its scan binds the next at most as possible."""
    rig = Rig(replace(INTERLOCK, duplicates=Policy.RECORD))
    rig.up()
    rig.scan("SN-1")
    rig.turn(500)
    for trigger, request in (("b_trigger", "b_request"), ("trigger", "request")):
        rig.plc(**{trigger: True, request: 1})
        rig.answer()
        rig.due()
        rig.plc(**{trigger: False})
        rig.due()
        rig.turn(2_000)
        if trigger == "b_trigger":
            rig.scan("SN-1")
    rig.plc(b_trigger=True, b_request=2)
    rig.answer()
    again = rig.units()[-1]
    assert (again.unit, again.certainty) == ("SN-1", Certainty.POSSIBLE)
    assert again.why == (Why.ORDER_OF_FACTS,)
