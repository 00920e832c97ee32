"""A PLC that started again is read again; one that lost its memory begins anew (D-33)."""

from dataclasses import replace

import pytest

from agent.core.events import (
    CounterReset,
    CycleAborted,
    CycleMissed,
    DeviceStarted,
    LotCounted,
    UnitCompleted,
)
from agent.core.signals import phase
from agent.core.state import NotReady, Phase
from agent.core.station import Station, Watch
from drivers.base import Quality, TagFault, TagValue, ValuesSeen
from tests.core_rig import BEGIN, FILLER, INTERLOCK, PRESS, Rig
from tests.unit.core.test_watching import why

WATCH = Watch(device="plc", boots="boots", memory_lost="life")
WATCHED = replace(PRESS, watches=(WATCH,))


def press(station: Station = WATCHED) -> Rig:
    """Return a press in operation that has stored request 1."""
    rig = Rig(station)
    rig.up()
    rig.plc(boots=1, life=1)
    rig.answer()
    rig.scan("SN-1")
    rig.turn(500)
    rig.cycle(1)
    return rig


def starts(rig: Rig) -> list[tuple[int | None, int | None, str]]:
    """Return what was recorded of starts."""
    return [(e.boots, e.life, e.memory) for e in rig.of(DeviceStarted)]


def aborted(rig: Rig) -> list[tuple[str, int, int | None]]:
    """Return which handshakes began a new generation, and what was open."""
    return [(e.handshake, e.generation, e.request) for e in rig.of(CycleAborted)]


def test_the_first_sight_of_a_device_is_a_baseline() -> None:
    """It is recorded once, so that a start is seen also if the agent was away."""
    rig = press()
    assert starts(rig) == [(1, 1, "unknown")]
    rig.restart()
    rig.up()
    assert starts(rig) == [(1, 1, "unknown")]
    assert aborted(rig) == []


def test_a_start_with_its_memory_reads_all_again() -> None:
    """The snapshot decides: the same request gets the same answer, and no second event (D-20)."""
    rig = press()
    rig.plc(trigger=True)
    rig.answer()
    assert rig.answered() == 1
    rig.plc(boots=2)
    assert phase(rig.state, rig.working, rig.station.handshakes[0]) is Phase.BLIND
    rig.answer()
    assert rig.answered() == 1
    assert starts(rig)[1:] == [(2, 1, "kept")]
    assert (len(rig.units()), aborted(rig)) == (1, [])


def test_a_start_alone_does_not_say_what_became_of_the_memory() -> None:
    """Where the device has no word for it, the request number decides."""
    rig = press(replace(PRESS, watches=(replace(WATCH, memory_lost=None),)))
    rig.plc(boots=2)
    rig.answer()
    assert starts(rig) == [(1, None, "unknown"), (2, None, "unknown")]
    assert aborted(rig) == []


@pytest.mark.parametrize("by_poll", [True, False])
def test_after_a_lost_memory_the_same_number_is_a_new_request(by_poll: bool) -> None:  # noqa: FBT001 - a case
    """Also with the same content, and also if the snapshot is the first to show it."""
    rig = press()
    rig.scan("SN-2")
    rig.turn(500)
    rig.tags |= {"boots": 1, "life": 99}
    if by_poll:
        rig.plc(life=99)
        rig.answer()
    rig.plc(trigger=True, request=1, count=1)
    rig.answer()
    assert rig.answered() == 1
    assert starts(rig)[1:] == [(1, 99, "lost")]
    assert aborted(rig) == [("end", 2, None)]
    assert [(unit.generation, unit.request) for unit in rig.of(UnitCompleted)] == [(1, 1), (2, 1)]
    assert rig.of(CycleMissed) == []


def test_a_memory_lost_while_the_agent_was_away_is_seen() -> None:
    """What it was compared with is in the journal."""
    rig = press()
    rig.restart()
    rig.tags |= {"life": 2, "trigger": True}
    rig.up()
    assert starts(rig)[1:] == [(1, 2, "lost")]
    assert aborted(rig) == [("end", 2, None)]
    rig.turn(500)
    assert [unit.generation for unit in rig.units()] == [1, 2]


def test_what_is_open_is_aborted_in_every_handshake() -> None:
    """Each begins anew; what waited for it is in doubt."""
    rig = press(replace(INTERLOCK, watches=(WATCH,)))
    rig.hold_commits = True
    rig.plc(trigger=True, request=7)
    rig.read(rig.open_ask(), coherent=False)
    rig.plc(life=2)
    assert aborted(rig) == [(BEGIN.name, 2, None), ("end", 2, 7)]
    assert len(rig.asks) == 2
    rig.answer()
    assert aborted(rig)[2:] == [], "it is not aborted twice"


def test_a_request_that_was_left_open_is_the_one_that_is_aborted() -> None:
    """Its trigger was lost from sight before."""
    rig = press()
    rig.plc(trigger=True, request=2)
    rig.link("plc", up=False)
    rig.link("plc", up=True)
    rig.tags |= {"life": 5, "trigger": False, "request": 0}
    rig.answer()
    assert aborted(rig) == [("end", 2, 2)]


def test_the_other_handshake_is_read_again_after_the_snapshot_that_shows_it() -> None:
    """The one that was read need not be."""
    rig = press(replace(INTERLOCK, watches=(WATCH,)))
    rig.tags |= {"life": 2}
    rig.plc(trigger=True, request=1)
    rig.read()
    (ask,) = rig.asks
    assert getattr(ask, "handshake", None) == BEGIN.name


def test_without_its_word_no_snapshot_is_believed() -> None:
    """A request could be one of another life; the station says that a tag is at fault."""
    rig = press()
    rig.bad = {"life"}
    rig.plc(life=3)
    rig.plc(trigger=True, request=2)
    rig.read()
    assert (rig.units()[1:], aborted(rig)) == ([], [])
    rig.link("plc", up=True, faults=(TagFault(tag="life", cause="x", hint="y"),))
    assert why(rig) is NotReady.TAG_FAULT


def test_a_word_that_is_declared_later_is_a_baseline() -> None:
    """There was nothing to compare it with."""
    rig = press(replace(PRESS, watches=(replace(WATCH, memory_lost=None),)))
    rig.station = WATCHED
    rig.restart()
    rig.up()
    assert starts(rig)[1:] == [(1, 1, "unknown")]
    assert aborted(rig) == []


# ------------------------------------------------------------------ counters


def filler() -> Rig:
    """Return a filler that has counted from 100 to 103."""
    rig = Rig(replace(FILLER, watches=(WATCH,)))
    rig.link("plc", up=True)
    rig.plc(boots=1, life=1, lot="A", order="", count=100)
    rig.plc(count=103)
    return rig


def test_a_counter_begins_anew_with_the_memory() -> None:
    """Also where it shows more than before: that is a baseline, no pieces."""
    rig = filler()
    rig.plc(life=2, count=500)
    assert [(c.from_count, c.to_count, c.n) for c in rig.of(LotCounted)][1:] == [(100, 103, 3)]
    (reset,) = rig.of(CounterReset)
    assert (reset.from_count, reset.to_count, reset.reason) == (103, 500, "memory_lost")
    rig.plc(count=501)
    rig.turn(2_000)
    assert rig.of(LotCounted)[-1].n == 1


def test_a_counter_that_cannot_be_read_is_judged_by_its_next_value() -> None:
    """A fall is a reset."""
    rig = filler()
    rig.bad = {"count"}
    rig.plc(life=2, count=0)
    assert rig.of(CounterReset) == []
    rig.bad = set()
    rig.plc(count=0)
    assert [reset.reason for reset in rig.of(CounterReset)] == ["reset"]


@pytest.mark.parametrize("station", [PRESS, FILLER])
def test_what_another_device_forgets_is_its_own(station: Station) -> None:
    """Neither handshakes nor counters of this one begin anew; nor does what was never read."""
    watches = (replace(WATCH, device="other"), replace(WATCH, device="third"))
    rig = Rig(replace(station, watches=watches))
    rig.up()
    rig.plc(count=100, lot="A", order="")
    for life in (1, 2):
        values = (
            TagValue(tag="boots", value=1, quality=Quality.GOOD),
            TagValue(tag="life", value=life, quality=Quality.GOOD),
        )
        rig.observe(ValuesSeen, device="other", values=values)
    assert starts(rig) == [(1, 1, "unknown"), (1, 2, "lost")]
    assert (aborted(rig), rig.of(CounterReset)) == ([], [])
