"""The binder as a whole: runs begin and end, links and faults, time, and old journals."""

from dataclasses import replace
from functools import reduce

import pytest

from agent.core import binder
from agent.core.events import (
    AgentStarted,
    AgentStopped,
    CheckpointSigned,
    ClockStepped,
    ConfigChanged,
    Event,
    FaultCleared,
    FaultRaised,
    HistoryLost,
    LinkLost,
    LinkRestored,
    SamplesLost,
    SinkSkipped,
    StateCarried,
    UnknownEvent,
)
from agent.core.state import SnapshotAsk
from drivers import base
from drivers.base import TagFault
from tests.core_rig import FILLER, PRESS, Rig

FORCE = TagFault(tag="force", cause="BadNodeIdUnknown (0x80340000)", hint="correct the node")


def test_an_epoch_begins_with_its_predecessor_and_carries_the_state() -> None:
    """The first event names the epoch before; the carried set closes the start (D-88)."""
    rig = Rig(PRESS)
    assert rig.new() == ["agent_started", *["state_carried"] * len(binder.PARTS)]
    rig.ms += 5_000
    rig.restart()
    first, last = rig.of(AgentStarted)[1], 1 + len(binder.PARTS)
    assert (first.epoch, first.seq) == ("000002-aa", 1)
    assert (first.previous_epoch, first.previous_seq, first.down_ms) == ("000001-aa", last, 5_000)
    carried = rig.of(StateCarried)[len(binder.PARTS) :]
    assert [event.part for event in carried] == list(binder.PARTS)
    assert [event.last for event in carried] == [False] * (len(binder.PARTS) - 1) + [True]


def test_over_a_boot_nobody_knows_how_long_it_was() -> None:
    """D-91."""
    rig = Rig(PRESS)
    rig.restart(reboot=True)
    assert rig.of(AgentStarted)[1].down_ms is None


def test_another_station_file_is_an_event() -> None:
    """The first one is not a change."""
    rig = Rig(PRESS)
    assert rig.of(ConfigChanged) == []
    rig.station = replace(PRESS, config="c2")
    rig.restart()
    assert [(e.previous_config, e.config) for e in rig.of(ConfigChanged)] == [("c1", "c2")]
    rig.restart()
    assert len(rig.of(ConfigChanged)) == 1


def test_lost_history_is_named_at_the_start() -> None:
    """Range by range."""
    rig = Rig(PRESS, start=False)
    rig.start(lost=(("000001-aa", 3, 4, "damaged"), ("000002-aa", 1, 9, "missing")))
    assert [(e.lost_epoch, e.first_seq, e.last_seq, e.reason) for e in rig.of(HistoryLost)] == [
        ("000001-aa", 3, 4, "damaged"),
        ("000002-aa", 1, 9, "missing"),
    ]


def test_an_epoch_ends_with_its_reason() -> None:
    """A killed agent has no such event."""
    rig = Rig(PRESS)
    decision = binder.stop(rig.state, rig.working, "stopped", rig.now)
    assert [event.kind for event in decision.events] == ["agent_stopped"]
    assert isinstance(decision.events[0], AgentStopped)
    assert decision.working.stopping
    assert decision.wakeup_ms is None


def test_the_state_is_carried_daily() -> None:
    """So that a long epoch can be pruned too."""
    rig = Rig(PRESS)
    rig.turn(binder.CARRY_EVERY_MS)
    assert len(rig.of(StateCarried)) == 2 * len(binder.PARTS)


def test_the_state_is_carried_after_so_many_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no start has to fold more than these; the count begins anew with each set."""
    monkeypatch.setattr(binder, "CARRY_EVERY_EVENTS", 10)
    rig = Rig(PRESS)
    for number in range(21):
        rig.link("plc", up=number % 2 == 1)
        rig.turn(10)
    assert len(rig.of(StateCarried)) == 3 * len(binder.PARTS)


# ------------------------------------------------------------------ links and faults


def test_a_link_is_an_event_once_a_change() -> None:
    """How long it was down is told where it was seen to go."""
    rig = Rig(PRESS)
    rig.link("plc", up=False)
    rig.link("plc", up=False)
    rig.ms += 3_000
    rig.link("plc", up=True)
    rig.link("plc", up=True)
    rig.link("scanner", up=True)
    assert [(e.device, e.reason) for e in rig.of(LinkLost)] == [("plc", "cut")]
    assert [(e.device, e.down_ms) for e in rig.of(LinkRestored)] == [
        ("plc", 3_000),
        ("scanner", None),
    ]


def test_a_link_that_came_and_went_says_how_often() -> None:
    """Told once it holds, with a number; one loss is none to tell."""
    rig = Rig(PRESS)
    rig.link("plc", up=False)
    rig.link("plc", up=True)
    rig.link("plc", up=False)
    rig.observe(base.LinkChanged, device="plc", up=True, losses=412)
    assert [event.losses for event in rig.of(LinkRestored)] == [None, 412]


def test_a_tag_fault_is_raised_once_and_cleared_when_it_is_gone() -> None:
    """Of its own device; a lost link clears nothing."""
    rig = Rig(PRESS)
    rig.link("plc", up=True, faults=(FORCE,))
    rig.link("plc", up=True, faults=(FORCE,))
    rig.link("scanner", up=True)
    rig.link("plc", up=False)
    assert [(e.source, e.cause, e.hint) for e in rig.of(FaultRaised)] == [
        ("plc/force", FORCE.cause, FORCE.hint)
    ]
    assert rig.of(FaultCleared) == []
    rig.link("plc", up=True)
    assert [event.source for event in rig.of(FaultCleared)] == ["plc/force"]


def test_a_new_run_knows_of_no_fault() -> None:
    """What is still broken is raised again."""
    rig = Rig(PRESS)
    rig.link("plc", up=True, faults=(FORCE,))
    rig.restart()
    assert rig.of(FaultCleared)[0].epoch == "000002-aa"
    assert rig.state.run.faults == ()


def test_lost_samples_and_a_stepped_clock_are_events() -> None:
    """With the observation that told them."""
    rig = Rig(PRESS)
    rig.observe(base.SamplesLost, device="scanner", tag=None, count=2, reason="queue")
    rig.observe(base.ClockMoved, step_ms=-3_600_000)
    lost, stepped = rig.of(SamplesLost)[0], rig.of(ClockStepped)[0]
    assert (lost.device, lost.n, lost.reason) == ("scanner", 2, "queue")
    assert stepped.step_ms == -3_600_000
    assert lost.because
    assert stepped.because


# ------------------------------------------------------------------ readings


def test_an_older_reading_never_takes_the_place_of_a_newer_one() -> None:
    """A snapshot may overtake a poll."""
    rig = Rig(PRESS)
    rig.link("plc", up=True)
    rig.plc(trigger=False, request=5)
    old = replace(rig.observations[-1], id="old", earliest_ms=0, latest_ms=1)
    assert isinstance(old, base.ValuesSeen)
    stale = replace(old, values=(replace(old.values[1], value=4),))
    decision = binder.decide(rig.state, rig.working, stale, rig.now)
    assert decision.working.readings["request"].good == 5


def test_readings_end_with_their_link() -> None:
    """The next link shows them anew."""
    rig = Rig(FILLER)
    rig.link("plc", up=True)
    rig.plc(count=5, lot="A")
    rig.link("plc", up=False)
    assert rig.working.readings == {}


def test_the_ids_of_asks_are_never_used_again() -> None:
    """A late answer to the run before means nothing in this one."""
    rig = Rig(PRESS)
    rig.link("plc", up=True)
    before = rig.open_ask()
    rig.restart()
    rig.link("plc", up=True)
    assert rig.open_ask().id != before.id
    assert isinstance(before, SnapshotAsk)
    rig.read(before)
    assert not rig.working.live["end"].synced


# ------------------------------------------------------------------ laws


def test_an_unknown_kind_passes_evolve() -> None:
    """An old or a newer journal is folded as far as it is understood (D-141)."""
    rig = Rig(PRESS)
    head = rig.events[-1]
    later = UnknownEvent(
        epoch=head.epoch,
        seq=head.seq + 1,
        station=head.station,
        config=head.config,
        time=head.time,
        machine=head.machine,
        true_kind="unit_polished",
        true_schema=3,
        body={},
    )
    assert binder.evolve(rig.state, later) == replace(rig.state, seq=head.seq + 1)


@pytest.mark.parametrize(("part", "schema"), [("weather", 1), ("run", 99)])
def test_a_carried_part_that_is_not_understood_changes_nothing(part: str, schema: int) -> None:
    """Another version's part or schema is passed over."""
    rig = Rig(PRESS)
    event = replace(
        rig.of(StateCarried)[0], seq=99, part=part, part_schema=schema, body={"config": "other"}
    )
    assert binder.evolve(rig.state, event).run.config == "c1"


def test_the_same_observations_give_the_same_events() -> None:
    """Decide is a function: replaying a run gives it again, byte for byte (DESIGN 2)."""

    def play() -> tuple[Rig, list[Event]]:
        rig = Rig(PRESS)
        rig.up()
        for request, code in enumerate(("SN-1", "SN-2", "junk", "SN-3"), 1):
            rig.scan(code)
            rig.turn(500)
            rig.cycle(request)
        return rig, rig.events

    (first, events), (_, again) = play(), play()
    assert events == again
    state = reduce(binder.evolve, events, binder.initial(PRESS))
    assert state == first.state


def test_a_wakeup_that_has_passed_comes_at_once() -> None:
    """What fell due under an open trigger is looked at when it falls, not never."""
    rig = Rig(PRESS)
    rig.up()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(trigger=True, request=1, count=1)
    rig.asks.clear()
    rig.ms += 60_000
    rig.plc(trigger=False)
    assert rig.wakeup_ms == rig.ms + 1
    rig.turn(1)
    assert rig.state.pairing.pending == ()


def test_no_deadline_outlives_the_timer_that_met_it() -> None:
    """Timers never spin: after a timer at its moment the next one lies further on."""
    rig = Rig(replace(PRESS, operator_idle_ms=3_000))
    rig.up()
    for code in ("OP-1", "SN-1", "SN-1"):
        rig.scan(code)
    rig.plc(trigger=True, request=1)
    fired = 0
    while rig.wakeup_ms is not None and rig.wakeup_ms < 60_000 and fired < 100:
        rig.ms = rig.wakeup_ms
        rig.observe(base.TimerFired)
        fired += 1
    assert fired < 20


# ------------------------------------------------------------------ what the journal asks for


def test_what_a_sink_has_to_give_up_is_named() -> None:
    """With the range, so that whoever reads that sink knows what it will not get (D-142)."""
    rig = Rig(PRESS)
    first, last = "000001-aa-2", "000001-aa-5"
    rig.observe(base.RangeSkipped, sink="audit", first=first, last=last, n=4)
    (event,) = rig.of(SinkSkipped)
    assert (event.sink, event.from_address, event.to_address) == ("audit", first, last)
    assert event.n == 4
    assert event.because


def test_a_signature_is_recorded_right_behind_what_it_signs() -> None:
    """X06: one whose event is not the newest any more says nothing new, and is dropped."""
    rig = Rig(PRESS)
    seq = rig.state.seq
    members = {"hash": "f" * 64, "at": "2026-11-25T06:00:00.000Z", "key": "k1", "signature": "00"}
    for _ in range(2):  # the second finds the first behind it
        rig.observe(base.HeadSigned, epoch=rig.state.epoch, seq=seq, **members)
    rig.observe(base.HeadSigned, epoch="000009-00000000", seq=rig.state.seq, **members)
    (event,) = rig.of(CheckpointSigned)
    assert (event.seq, event.signed_seq, event.signed_hash) == (seq + 1, seq, "f" * 64)
    assert (event.signed_at, event.key, event.signature) == (members["at"], "k1", "00")
