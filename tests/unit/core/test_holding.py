"""While the journal has no room no cycle is recorded: 7, and the same request comes again.

D-40, D-142, FAULTS E08.
"""

from dataclasses import replace

import pytest

from agent.core import bench
from agent.core.events import CycleAborted, UnitCompleted, UnitRefused
from agent.core.signals import phase
from agent.core.state import NotReady, Phase
from agent.core.station import Pairing, Strategy
from drivers.base import HoldChanged
from tests.core_rig import END, PRESS, Rig
from tests.unit.core.test_bench import OVER_MS, read, replies
from tests.unit.core.test_bench import rig_of as bench_of


def hold(rig: Rig, *, held: bool) -> None:
    """Let the journal fill, or get room again."""
    rig.reason = NotReady.DISK_FULL if held else NotReady.READY
    rig.observe(HoldChanged, held=held)


def rig_of(**changes: object) -> Rig:
    """Return a press with its links up."""
    rig = Rig(replace(PRESS, **changes))  # type: ignore[arg-type]  # fields of Station
    rig.up()
    return rig


def test_a_cycle_while_held_is_answered_with_seven_and_not_recorded() -> None:
    """The scan is kept; with room again the same request is judged, with its own scan."""
    rig = rig_of()
    hold(rig, held=True)
    rig.scan("SN-1")
    n = len(rig.events)
    assert rig.cycle(1) == 7
    assert rig.events[n:] == []
    hold(rig, held=False)
    assert rig.cycle(1) == 1
    assert [unit.unit for unit in rig.of(UnitCompleted)] == ["SN-1"]


def test_seven_stands_until_the_trigger_falls() -> None:
    """Room that comes under the raised trigger changes nothing for this rise."""
    rig = rig_of()
    hold(rig, held=True)
    rig.scan("SN-1")
    rig.plc(trigger=True, request=1, count=1)
    rig.read()
    assert rig.answered() == 7
    hold(rig, held=False)
    rig.turn(1_000)
    assert rig.answered() == 7
    assert rig.units() == []


@pytest.mark.parametrize("scans", [(), ("SN-1",)])
def test_a_cycle_that_is_being_judged_is_given_up(scans: tuple[str, ...]) -> None:
    """Waiting for its scan, or for the look-up: 7 at once, and a late answer means nothing."""
    rig = rig_of()
    for code in scans:
        rig.scan(code)
    rig.plc(trigger=True, request=1, count=1)
    rig.read()
    assert phase(rig.state, rig.working, END) is (Phase.LOOKING if scans else Phase.SETTLING)
    hold(rig, held=True)
    assert rig.answered() == 7
    rig.answer()
    rig.turn(1_000)
    assert rig.units() == []


def test_what_was_recorded_before_is_answered_as_it_was() -> None:
    """A repeat of an answered request needs no room: its event is there (D-20)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.plc(trigger=True, request=1, count=1)
    rig.answer()
    assert rig.answered() == 1
    hold(rig, held=True)
    assert rig.answered() == 1
    rig.plc(trigger=False)
    assert rig.cycle(1) == 1
    assert not rig.device["ready"]


def test_without_request_numbers_the_cycle_ends_aborted() -> None:
    """Nothing tells the next trigger from this one, so this one is over."""
    rig = rig_of(handshakes=(replace(END, request=None, modulus=None),))
    hold(rig, held=True)
    rig.scan("SN-1")
    assert rig.cycle(1) == 7
    assert [event.reason for event in rig.of(CycleAborted)] == ["trigger_fell"]


def test_a_bench_waits_until_there_is_room() -> None:
    """A scan that is the cycle is kept and judged later; the reader hears nothing meanwhile."""
    rig = bench_of()
    hold(rig, held=True)
    read(rig, "SN-1")
    rig.turn(OVER_MS)
    assert (rig.units(), replies(rig)) == ([], [])
    hold(rig, held=False)
    rig.answer()
    assert [unit.unit for unit in rig.of(UnitCompleted)] == ["SN-1"]
    assert replies(rig) == [True]


def test_a_bench_gives_up_its_look_up() -> None:
    """The answer of a look-up that was running records nothing."""
    rig = bench_of()
    read(rig, "SN-1")
    rig.turn(OVER_MS)
    ask = rig.open_ask()
    hold(rig, held=True)
    assert bench.phase(rig.state, rig.working) is bench.Phase.OPEN
    rig.look_up(ask)
    rig.turn(60_000)
    assert rig.units() == []
    hold(rig, held=False)
    rig.answer()
    assert len(rig.of(UnitCompleted)) == 1
    assert rig.of(UnitRefused) == []


def test_other_strategies_have_nothing_of_their_own_to_give_up() -> None:
    """A counting machine goes on: its counter is absolute."""
    rig = rig_of(pairing=Pairing(strategy=Strategy.TAG, window_ms=1, settle_ms=1))
    hold(rig, held=True)
    assert rig.new() == []
    assert rig.working.held
