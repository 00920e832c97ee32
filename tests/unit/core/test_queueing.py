"""Strategy `fifo`: parts keep their order from a reader upstream to the station (D-26, D-27)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import queueing
from agent.core.crew import Crew, Need
from agent.core.events import (
    Certainty,
    CodeScanned,
    EventCorrected,
    QueueLost,
    QueueSynced,
    ScanExpired,
    UnitCompleted,
    UnitRefused,
    UnitUnbound,
    Why,
)
from agent.core.station import Bypass, Counter, Mode, ModeTag, Pairing, Policy, Queue, Strategy
from drivers.base import CodeScanned as CodeSeen
from drivers.base import FrameStatus, SamplesLost
from tests.core_rig import END, PRESS, Rig

WAY = Queue(entry="tunnel", fewest=1, most=4, gate=False, sync="hand", clear="clear")
LINE = replace(
    PRESS,
    pairing=Pairing(strategy=Strategy.FIFO, window_ms=30_000, settle_ms=200, queue=WAY),
    handshakes=(END,),
    duplicates=Policy.RECORD,
)
COUNTED = replace(LINE, handshakes=(replace(END, inside="inside"),))


def rig_of(station: Any = LINE, **changes: Any) -> Rig:  # noqa: ANN401 - fields of Station
    """Return a line that is clear, with its links up."""
    rig = Rig(replace(station, **changes))
    rig.tags |= {"clear": True, "inside": 0}
    for reader in ("tunnel", "hand"):
        rig.link(reader, up=True)
    rig.up()
    rig.plc(clear=True)
    rig.plc(clear=False)
    rig.turn(1_000)
    return rig


def read(rig: Rig, reader: str, code: str) -> None:
    """Let a reader send a code."""
    rig.ms += 20
    rig.observe(CodeSeen, device=reader, earliest_ms=rig.ms - 20, raw=code.encode())


def enter(rig: Rig, *numbers: int) -> None:
    """Let parts pass the reader upstream, each a while after the one before."""
    for number in numbers:
        read(rig, "tunnel", f"SN-{number}")
        rig.tags["inside"] = int(rig.tags["inside"]) + 1
        rig.turn(1_000)


def pack(rig: Rig, request: int) -> Any:  # noqa: ANN401 - whichever unit event it is
    """Run a cycle at the station, and return its event."""
    rig.cycle(request)
    rig.tags["inside"] = max(0, int(rig.tags["inside"]) - 1)
    rig.turn(500)
    return rig.units()[-1]


# ------------------------------------------------------------------ in order


def test_head_of_the_queue_is_the_unit() -> None:
    """Parts come out as they went in (D-23)."""
    rig = rig_of()
    assert [event.how for event in rig.of(QueueSynced)] == ["clear"]
    enter(rig, 1, 2, 3)
    assert [pack(rig, request).unit for request in (1, 2, 3)] == ["SN-1", "SN-2", "SN-3"]
    assert {unit.certainty for unit in rig.units()} == {Certainty.CERTAIN}
    assert rig.units()[0].because[0] == rig.of(CodeScanned)[0].address
    assert rig.of(ScanExpired) == []
    assert rig.state.queue.parts == ()


def test_unread_part_keeps_its_place() -> None:
    """It is unbound, and those behind it are not shifted (D-26)."""
    rig = rig_of()
    enter(rig, 1)
    read(rig, "tunnel", "NOREAD")
    enter(rig, 3)
    found = [pack(rig, request) for request in (1, 2, 3)]
    assert [unit.unit for unit in found] == ["SN-1", None, "SN-3"]
    assert found[1].why == (Why.NO_SCAN,)
    assert rig.of(QueueLost) == []


@pytest.mark.parametrize("raw", [b"NOREAD", b"junk", b"SN"])
def test_gate_takes_out_what_was_not_read(raw: bytes) -> None:
    """It never comes to the station (D-26)."""
    rig = rig_of(pairing=replace(LINE.pairing, queue=replace(WAY, gate=True)))
    status = {"status": FrameStatus.PARTIAL} if raw == b"SN" else {}
    rig.observe(CodeSeen, device="tunnel", raw=raw, **status)
    enter(rig, 2)
    assert pack(rig, 1).unit == "SN-2"


def test_other_readers_and_codes_are_not_of_the_queue() -> None:
    """A unit read elsewhere waits in vain; an order at the entry is no part (D-23)."""
    rig = rig_of()
    read(rig, "scanner", "SN-9")
    read(rig, "scanner", "NOREAD")
    read(rig, "tunnel", "WO-1")
    rig.turn(40_000)
    assert len(rig.of(ScanExpired)) == 1
    assert rig.state.queue.parts == ()


def test_what_nothing_proves_for_too_long_is_not_certain_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The state does not grow without limit: the oldest are corrected before they are forgotten."""
    monkeypatch.setattr(queueing, "MOST_UNPROVEN", 4)
    rig = rig_of()
    bound: list[str] = []
    for request in range(1, 6):
        enter(rig, request)
        bound.append(pack(rig, request).address)
    (corrected,) = rig.of(EventCorrected)
    assert corrected.supersedes == tuple(bound[:2])
    assert (corrected.reason, corrected.why) == ("queue_unproven", (Why.QUEUE_LOST,))
    assert rig.state.queue.since == tuple(bound[2:])
    assert {unit.certainty for unit in rig.units()} == {Certainty.CERTAIN}


# ------------------------------------------------------------------ mismatch


def test_too_few_parts_are_a_mismatch_and_correct_what_was_bound() -> None:
    """Everything since the last sync point, not the current part alone (D-26, D-143)."""
    rig = rig_of()
    enter(rig, 1, 2)
    bound = [pack(rig, request).address for request in (1, 2)]
    unbound = pack(rig, 3)
    assert isinstance(unbound, UnitUnbound)
    assert unbound.why == (Why.QUEUE_LOST,)
    assert rig.of(QueueLost)[0].reason == "mismatch"
    (corrected,) = rig.of(EventCorrected)
    assert corrected.supersedes == tuple(bound)
    assert (corrected.reason, corrected.who) == ("queue_mismatch", "lineside")
    enter(rig, 4)
    after = pack(rig, 4)
    assert (after.unit, after.candidates) == (None, ("SN-4",))
    assert len(rig.of(EventCorrected)) == 1


def test_too_many_parts_are_a_mismatch() -> None:
    """One was taken off by hand, or the reader read what did not come (D-26)."""
    rig = rig_of()
    enter(rig, 1, 2, 3, 4, 5)
    unbound = pack(rig, 1)
    assert unbound.candidates == ("SN-1", "SN-2", "SN-3", "SN-4", "SN-5")
    assert rig.of(QueueLost)[0].units == unbound.candidates
    assert rig.of(EventCorrected) == []
    pack(rig, 2)
    pack(rig, 3)
    pack(rig, 4)
    pack(rig, 5)
    assert len(rig.of(QueueLost)) == 1


def test_mismatch_waits_the_settle() -> None:
    """The scan of the part at the station may still be on its way (D-24)."""
    rig = rig_of()
    rig.plc(trigger=True, request=1, count=1)
    rig.read()
    assert rig.units() == []
    rig.turn(100)
    read(rig, "tunnel", "SN-1")
    rig.answer()
    assert rig.units()[-1].unit == "SN-1"


def test_part_that_entered_just_now_counts_either_way() -> None:
    """Four may be inside, and a fifth has just passed the reader (D-24)."""
    rig = rig_of()
    enter(rig, 1, 2, 3, 4)
    read(rig, "tunnel", "SN-5")
    rig.turn(10)
    assert pack(rig, 1).unit == "SN-1"


# ------------------------------------------------------------------ a count by sensors


def test_count_that_agrees_is_a_sync_point() -> None:
    """What was bound before it stands (D-26)."""
    rig = rig_of(COUNTED)
    enter(rig, 1, 2)
    pack(rig, 1)
    pack(rig, 2)
    assert [event.how for event in rig.of(QueueSynced)] == ["clear", "count"]
    rig.plc(trigger=True, request=3, count=3)
    rig.read()
    rig.turn(300)
    assert [event.supersedes for event in rig.of(EventCorrected)] == [(rig.units()[1].address,)]


def test_part_taken_off_by_hand_is_seen_by_the_count() -> None:
    """Before anything is bound wrongly (D-26)."""
    rig = rig_of(COUNTED)
    enter(rig, 1, 2, 3)
    rig.tags["inside"] = 2
    assert pack(rig, 1).why == (Why.QUEUE_LOST,)
    assert rig.of(QueueLost)[0].units == ("SN-1", "SN-2", "SN-3")


def test_count_confirms_the_order_after_a_restart() -> None:
    """Sensors that agree prove that nothing entered or left meanwhile (D-27)."""
    rig = rig_of(COUNTED)
    enter(rig, 1, 2)
    rig.restart()
    rig.up()
    unit = pack(rig, 1)
    assert (unit.unit, unit.certainty) == ("SN-1", Certainty.CERTAIN)
    assert rig.of(QueueSynced)[-1].how == "count"


def test_mismatch_waits_the_settle_after_a_restart_too() -> None:
    """The sensor sees a part whose scan is still on its way: that is no mismatch (D-24)."""
    rig = rig_of(COUNTED)
    enter(rig, 1, 2)
    rig.restart()
    for device in ("tunnel", "hand"):
        rig.link(device, up=True)
    rig.up()
    rig.plc(trigger=True, request=1, inside=3)
    rig.answer()
    read(rig, "tunnel", "SN-3")
    rig.turn(1_000)
    assert rig.of(QueueLost) == []
    assert isinstance(rig.units()[-1], UnitUnbound)


def test_count_that_a_fresh_part_can_explain_is_no_proof() -> None:
    """One taken off and one that entered just now cancel out: only the next count can tell."""
    rig = rig_of(COUNTED)
    enter(rig, 1, 2, 3)
    read(rig, "tunnel", "SN-4")
    rig.tags["inside"] = 3  # SN-1 was taken off
    assert pack(rig, 1).unit == "SN-1"
    assert rig.of(QueueSynced)[-1].how == "clear"
    assert isinstance(pack(rig, 2), UnitUnbound)
    assert rig.of(EventCorrected)[-1].supersedes == (rig.of(UnitCompleted)[0].address,)


def test_line_with_a_count_alone_comes_out_of_a_mismatch() -> None:
    """When the sensor sees the station's own part alone, nothing of what was known is left."""
    rig = rig_of(COUNTED)
    enter(rig, 1, 2, 3)
    rig.tags["inside"] = 2
    assert [pack(rig, n).kind for n in (1, 2)] == ["unit_unbound", "unit_unbound"]
    assert rig.of(QueueSynced)[-1].how == "clear"
    enter(rig, 4)
    assert pack(rig, 3).unit == "SN-4"


def test_count_proves_no_order_after_a_mismatch_or_a_plc_restart() -> None:
    """As many parts are not the same parts (D-27)."""
    rig = rig_of(COUNTED)
    enter(rig, 1, 2, 3)
    rig.tags["inside"] = 1
    pack(rig, 5)
    rig.tags["inside"] = 2
    assert pack(rig, 6).why == (Why.QUEUE_LOST,)
    rig.plc(clear=True)
    rig.plc(clear=False)
    rig.tags["inside"] = 0
    enter(rig, 7)
    rig.plc(request=1)
    assert rig.state.queue.lost == "plc_restarted"
    assert pack(rig, 2).why == (Why.QUEUE_LOST,)


def test_count_that_cannot_be_read_says_nothing() -> None:
    """The length is judged all the same (D-96)."""
    rig = rig_of(COUNTED)
    enter(rig, 1)
    rig.bad.add("inside")
    assert pack(rig, 1).unit == "SN-1"


# ------------------------------------------------------------------ a second reader, a clear line


def test_second_reader_confirms_the_head() -> None:
    """What was bound since stands; nothing is said twice (D-26)."""
    rig = rig_of()
    enter(rig, 1, 2)
    pack(rig, 1)
    read(rig, "hand", "SN-2")
    assert rig.of(QueueSynced)[-1].how == "reader"
    assert rig.state.queue.since == ()
    rig.turn(2_000)
    read(rig, "hand", "SN-2")
    assert rig.new() == ["code_scanned"]
    assert pack(rig, 2).unit == "SN-2"


def test_second_reader_finds_a_part_further_back() -> None:
    """Those before it are gone: a mismatch, and in order again from there (D-26)."""
    rig = rig_of()
    enter(rig, 1, 2, 3)
    pack(rig, 1)
    read(rig, "hand", "SN-3")
    assert rig.of(EventCorrected)[0].supersedes == (rig.units()[0].address,)
    assert rig.of(QueueSynced)[-1].scans == (rig.state.queue.parts[0].address,)
    assert pack(rig, 2).unit == "SN-3"


def test_second_reader_finds_a_part_that_never_entered() -> None:
    """The order is lost until a part of the queue is read (D-26)."""
    rig = rig_of()
    enter(rig, 1, 2)
    read(rig, "hand", "SN-9")
    assert rig.of(QueueLost)[0].reason == "mismatch"
    read(rig, "hand", "WO-1")
    assert isinstance(pack(rig, 1), UnitUnbound)
    read(rig, "hand", "SN-2")
    assert pack(rig, 2).unit == "SN-2"


def test_clear_line_empties_the_queue() -> None:
    """With parts that should be inside it is a mismatch; from there the order is known (D-26)."""
    rig = rig_of()
    enter(rig, 1, 2)
    pack(rig, 1)
    rig.plc(clear=True)
    assert rig.of(QueueLost)[0].units == ("SN-2",)
    assert len(rig.of(EventCorrected)) == 1
    rig.plc(clear=True)
    assert rig.new() == []
    rig.plc(clear=False)
    enter(rig, 3)
    assert pack(rig, 2).unit == "SN-3"


def test_clear_line_confirms_an_empty_queue() -> None:
    """What was bound until then stands (D-26)."""
    rig = rig_of()
    enter(rig, 1)
    pack(rig, 1)
    rig.plc(clear=True)
    assert rig.new() == ["queue_synced"]
    assert rig.state.queue.since == ()
    rig.plc(clear=False)
    read(rig, "tunnel", "SN-2")
    rig.plc(clear=True)
    assert rig.state.queue.parts[0].unit == "SN-2"
    assert rig.of(QueueLost) == []


def test_clear_line_proves_nothing_that_a_loss_hides() -> None:
    """A part was taken off before the order was lost: what was bound until then is corrected."""
    rig = rig_of()
    enter(rig, 1, 2, 3)
    pack(rig, 1)  # SN-1 was taken off: this was SN-2
    rig.link("tunnel", up=False)
    rig.link("tunnel", up=True)
    pack(rig, 2)
    rig.plc(clear=True)
    assert rig.new() == ["queue_lost", "event_corrected", "queue_synced"]
    assert rig.of(EventCorrected)[0].supersedes == (rig.of(UnitCompleted)[0].address,)


# ------------------------------------------------------------------ restarts, links, cycles


@pytest.mark.parametrize("reboot", [True, False])
def test_restart_loses_the_order(reboot: bool) -> None:  # noqa: FBT001 - a case
    """A part may have entered or left while the agent was away (D-27)."""
    rig = rig_of()
    enter(rig, 1)
    rig.restart(reboot=reboot)
    rig.up()
    assert pack(rig, 1).why == (Why.QUEUE_LOST,)
    assert rig.of(EventCorrected) == []
    rig.plc(clear=True)
    rig.plc(clear=False)
    enter(rig, 2)
    assert pack(rig, 2).unit == "SN-2"


@pytest.mark.parametrize("how", ["link", "samples"])
def test_reader_that_was_away_loses_the_order(how: str) -> None:
    """A part may have passed it unseen; another reader's absence means nothing (D-26)."""
    rig = rig_of()
    enter(rig, 1)
    for reader, lost in (("scanner", None), ("tunnel", "restart")):
        if how == "link":
            rig.link(reader, up=False)
        else:
            rig.observe(SamplesLost, device=reader, tag=None, count=1, reason="queue full")
        assert rig.state.queue.lost == lost
    assert isinstance(pack(rig, 1), UnitUnbound)


def test_cycle_without_a_record_loses_the_order() -> None:
    """Its part may be gone or not; a snapshot that never held still is asked for again (D-7)."""
    rig = rig_of()
    enter(rig, 1)
    rig.plc(trigger=True, request=1, count=1)
    rig.read(coherent=False)
    rig.turn(500)
    assert rig.state.queue.lost is None
    rig.plc(trigger=False)
    rig.plc(trigger=True, request=2, count=1)
    rig.read()
    rig.plc(trigger=False)
    assert rig.state.queue.lost == "restart"


def test_missed_cycle_loses_the_order() -> None:
    """A part left unseen (D-29)."""
    rig = rig_of()
    enter(rig, 1, 2, 3)
    pack(rig, 1)
    assert pack(rig, 4).why == (Why.QUEUE_LOST,)


def test_refused_part_loses_the_order() -> None:
    """It may be asked about again, or be taken away (D-26)."""
    rig = rig_of(crew=Crew(needs=(Need(),)))
    enter(rig, 1, 2)
    assert isinstance(pack(rig, 1), UnitRefused)
    assert pack(rig, 2).why == (Why.QUEUE_LOST,)


def test_counter_reset_loses_the_order() -> None:
    """Nobody knows how many cycles were lost (D-31)."""
    counter = Counter(device="plc", tag="count", modulus=65_536, max_step=5, fastest_ms=100)
    rig = rig_of(counter=counter)
    enter(rig, 1, 2)
    rig.turn(9_000)
    pack(rig, 50)
    rig.turn(9_000)
    assert rig.cycle(51, count=3) == 8


def test_units_that_passed_without_an_answer_lose_the_order() -> None:
    """They left without a record; the first reading of their counter says nothing (D-40)."""
    passed = Counter(device="plc", tag="passed", modulus=65_536, max_step=5, fastest_ms=1)
    rig = rig_of(bypass=Bypass(counter=passed))
    enter(rig, 1, 2)
    rig.plc(passed=7)
    assert rig.state.queue.lost is None
    rig.plc(passed=8)
    assert rig.state.queue.lost == "restart"


def test_cycle_that_is_no_production_takes_no_part() -> None:
    """A dry cycle may have had none (D-26)."""
    mode = ModeTag(tag="mode", values={1: Mode.DRY_CYCLE})
    rig = rig_of(mode=mode)
    rig.tags["mode"] = 1
    enter(rig, 1)
    rig.cycle(1)
    assert [part.unit for part in rig.state.queue.parts] == ["SN-1"]
    assert rig.state.queue.lost == "restart"


def test_station_without_a_queue_keeps_none() -> None:
    """What befalls a queue says nothing to another station, and asking for one is a bug."""
    rig = Rig(PRESS)
    rig.up()
    rig.plc(trigger=True, request=9, count=1)
    rig.answer()
    rig.plc(trigger=False, request=1)
    rig.scan("NOREAD")
    assert rig.state.queue.lost is None
    with pytest.raises(AssertionError, match="declares its queue"):
        queueing._queue(rig.state)  # noqa: SLF001 - cannot happen


# ------------------------------------------------------------------ for every line


@given(
    st.lists(
        st.sampled_from(["enter", "enter", "pack", "pack", "taken", "unread", "restart", "clear"]),
        max_size=40,
    )
)
def test_no_certain_unit_but_the_one_that_was_there(steps: list[str]) -> None:
    """With a count by sensors no part that is taken off by hand leads to a wrong binding (D-26)."""
    rig = rig_of(COUNTED)
    line: list[str] = []
    number = request = 0
    for step in steps:
        if step in {"enter", "unread"} and len(line) < WAY.most:
            number += 1
            line.append(f"SN-{number}")
            read(rig, "tunnel", "NOREAD" if step == "unread" else line[-1])
        elif step == "taken" and line:
            line.pop(len(line) // 2)
        elif step == "pack" and line:
            request += 1
            part = line.pop(0)
            rig.tags["inside"] = len(line) + 1
            rig.cycle(request)
            unit = rig.units()[-1]
            if isinstance(unit, UnitCompleted) and unit.certainty is Certainty.CERTAIN:
                assert unit.unit == part
            assert len(rig.units()) == request
        elif step == "restart":
            rig.restart()
            rig.up()
        elif step == "clear":
            line.clear()
            rig.plc(clear=True)
            rig.plc(clear=False)
        rig.turn(1_100)
