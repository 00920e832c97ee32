"""A PLC is believed while its heartbeat changes, and can see that the agent lives (D-32)."""

from dataclasses import replace

import pytest

from agent.core import binder
from agent.core.events import FaultCleared, FaultRaised, LotCounted, UnitCompleted
from agent.core.signals import phase
from agent.core.state import Health, NotReady, Phase, SnapshotAsk
from agent.core.station import Station, Watch
from drivers.base import Quality, Scalar, TagValue, TimerFired, ValuesSeen, WriteGroup
from tests.core_rig import FILLER, PRESS, Rig
from tests.whole import whole

WATCH = Watch(device="plc", heartbeat="beat", within_ms=3_000)
WATCHED = replace(PRESS, watches=(WATCH,))


def watched(station: Station = WATCHED, *, beating: bool = True) -> Rig:
    """Return a station whose PLC was seen to beat."""
    rig = Rig(station)
    rig.link("scanner", up=True)
    rig.link("plc", up=True)
    rig.plc(beat=7, trigger=False, request=0, count=100, lot="A", order="")
    rig.answer()
    if beating:
        rig.plc(beat=8)
        rig.answer()
    return rig


def why(rig: Rig) -> NotReady:
    """Return why the station is not ready."""
    return binder.readiness(rig.durable, rig.working, Health(now_ms=rig.ms))


def stands(rig: Rig) -> Phase:
    """Return where the handshake stands."""
    return phase(rig.state, rig.working, rig.station.handshakes[0])


def test_a_device_is_believed_once_its_heartbeat_has_changed() -> None:
    """A gateway that answers from its cache shows a value, but never another one (M08)."""
    rig = watched(beating=False)
    assert (stands(rig), why(rig)) == (Phase.BLIND, NotReady.STARTING)
    assert rig.working.live["end"].retry_ms is None, "nothing is read again before the beat"
    rig.plc(beat=8)
    rig.answer()
    assert (stands(rig), why(rig)) == (Phase.IDLE, NotReady.READY)


def test_a_heartbeat_that_never_came_is_a_fault() -> None:
    """Counted from the link, and said once."""
    rig = watched(beating=False)
    rig.plc(trigger=False)
    rig.turn(10_000)
    (fault,) = rig.of(FaultRaised)
    assert (fault.source, fault.cause) == ("plc", "heartbeat 'beat' did not change for 3000 ms")
    assert why(rig) is NotReady.HEARTBEAT


def test_a_heartbeat_that_stands_still_makes_the_handshake_blind() -> None:
    """Data may be silent while the link is well (U06); nothing is written under it."""
    rig = watched()
    rig.turn(2_900)
    assert stands(rig) is Phase.IDLE
    rig.turn(200)
    assert (stands(rig), why(rig)) == (Phase.BLIND, NotReady.HEARTBEAT)
    tags = [tag for group in rig.due() for tag, _ in group.values]
    assert tags == ["reason", "text", "ready"]


def test_a_trigger_of_a_dead_program_is_not_answered() -> None:
    """Not even by a snapshot asked for before; the beat brings it back, and the fault goes."""
    rig = watched()
    rig.turn(2_995)
    rig.plc(trigger=True, request=1)
    ask = rig.open_ask()
    rig.ms += 1
    rig.read(ask)
    assert (stands(rig), rig.asks, rig.units()) == (Phase.BLIND, [], [])
    rig.plc(trigger=True, request=2)
    assert rig.asks == []
    rig.scan("SN-1")
    rig.plc(beat=9)
    assert [fault.source for fault in rig.of(FaultCleared)] == ["plc"]
    assert isinstance(rig.asks[0], SnapshotAsk)
    rig.answer()
    assert rig.answered() == 1
    assert [unit.request for unit in rig.of(UnitCompleted)] == [2]


def test_the_handshake_of_another_device_goes_on() -> None:
    """Only what the silent device says is not believed."""
    other = replace(WATCH, device="scanner")
    rig = Rig(replace(PRESS, watches=(other,)))
    rig.up()
    rig.turn(1_000)
    for beat in (1, 2):
        value = TagValue(tag="beat", value=beat, quality=Quality.GOOD)
        rig.observe(ValuesSeen, device="scanner", values=(value,))
    rig.turn(4_000)
    assert (stands(rig), why(rig)) == (Phase.IDLE, NotReady.HEARTBEAT)


def test_the_same_value_again_is_no_beat() -> None:
    """Nor one that does not read GOOD."""
    rig = watched()
    for _ in range(4):
        rig.turn(900)
        rig.plc(beat=8)
    assert stands(rig) is Phase.BLIND
    rig.bad = {"beat"}
    rig.plc(beat=9)
    assert stands(rig) is Phase.BLIND


def test_a_beat_in_time_keeps_the_device_believed() -> None:
    """For as long as it comes; a bit that toggles will do."""
    rig = watched()
    for n in range(10):
        rig.turn(2_000)
        rig.plc(beat=bool(n % 2))
    assert (stands(rig), rig.of(FaultRaised)) == (Phase.IDLE, [])


def test_each_link_is_proven_anew() -> None:
    """What was seen of the link before says nothing of this one; a standing fault is still told."""
    rig = watched()
    rig.link("plc", up=False)
    assert rig.working.beats == {}
    rig.link("plc", up=True)
    rig.plc(beat=9, trigger=False, request=0)
    assert why(rig) is NotReady.STARTING
    rig.turn(3_000)
    rig.link("plc", up=False)
    rig.link("plc", up=True)
    assert why(rig) is NotReady.HEARTBEAT
    rig.turn(2_500)
    rig.read(rig.open_ask())
    rig.ms += 1_000
    rig.observe(TimerFired)
    assert len(rig.of(FaultRaised)) == 1


def test_a_counter_of_a_dead_program_waits() -> None:
    """It is absolute: the pieces are counted when the beat is back; whose they are is open."""
    rig = watched(replace(FILLER, watches=(WATCH,), order=None, order_device=None))
    rig.turn(4_000)
    rig.plc(count=105)
    rig.turn(5_000)
    assert [count.n for count in rig.of(LotCounted)] == [0]
    rig.plc(beat=9, lot="B")
    rig.turn(5_000)
    counts = [(c.n, c.lot, c.lots) for c in rig.of(LotCounted) if c.n]
    assert counts == [(5, None, ("A", "B"))]


def test_a_device_without_a_heartbeat_is_believed() -> None:
    """Nothing says otherwise; the watch may be for our own heartbeat alone."""
    rig = watched(replace(PRESS, watches=(replace(WATCH, heartbeat=None),)))
    rig.turn(60_000)
    assert why(rig) is NotReady.READY


def test_a_fault_is_told_whole_and_cleared_once() -> None:
    """What stands still, for how long, and what to do; a beat without a fault clears nothing."""
    rig = watched()
    assert rig.of(FaultCleared) == []
    alive = [rig.working.beats["plc"].alive]
    rig.turn(3_000)
    alive.append(rig.working.beats["plc"].alive)
    assert alive == [True, False]
    (fault,) = rig.of(FaultRaised)
    assert whole(fault) == {
        "source": "plc",
        "cause": "heartbeat 'beat' did not change for 3000 ms",
        "hint": "see that its program runs, and that the gateway before it answers with new values",
    }
    for beat in (9, 10):
        rig.plc(beat=beat)
    assert [whole(event) for event in rig.of(FaultCleared)] == [{"source": "plc"}]


# ------------------------------------------------------------------ ours


@pytest.mark.parametrize(
    ("modulus", "beats"), [(None, [True, False, True]), (3, [1, 2, 0]), (65_536, [61, 62, 63])]
)
def test_our_heartbeat_counts_with_the_boot_clock(modulus: int | None, beats: list[Scalar]) -> None:
    """A bit toggles, a word counts up to its modulus; a timer asks for each change."""
    watch = Watch(device="plc", agent_heartbeat="alive", every_ms=500, modulus=modulus)
    rig = Rig(replace(PRESS, watches=(watch,)))
    rig.ms = 30_500
    rig.up()
    seen = []
    for _ in range(3):
        rig.due()
        seen.append(rig.device["alive"])
        assert rig.wakeup_ms is not None
        assert rig.wakeup_ms <= rig.ms + 500
        rig.turn(500)
    assert seen == beats


def test_our_heartbeat_needs_a_link() -> None:
    """There is nobody to tell; a PLC without a handshake is told as well."""
    watch = Watch(device="plc", agent_heartbeat="alive")
    rig = Rig(replace(PRESS, handshakes=(), ready=None, watches=(watch,)))
    health = Health(now_ms=1_000)
    assert binder.outputs(rig.durable, rig.working, health) == ()
    rig.link("plc", up=True)
    (group,) = binder.outputs(rig.durable, rig.working, health)
    assert group == WriteGroup(device="plc", values=(("alive", True),))
    rig.link("plc", up=False)
    assert rig.due() == ()
