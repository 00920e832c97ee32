"""What the machine does, by its source; what cannot be seen is unknown (D-105 to D-108)."""

from dataclasses import replace

import pytest

from agent.core.events import LotCounted, MachineStateChanged
from agent.core.packml import CATEGORIES
from agent.core.station import (
    Category,
    Mode,
    ModeTag,
    Numbering,
    StateSource,
    Station,
    Watch,
)
from drivers.base import Scalar
from tests.core_rig import FILLER, PRESS, Rig

PACKML = StateSource(
    device="plc",
    word="state",
    numbering=Numbering.PACKTAGS,
    categories={str(state): category for state, category in CATEGORIES.items()},
    reason="why",
)
WORD = StateSource(
    device="plc", word="state", values={1: Category.RUNNING, 5: Category.PLANNED_STOP}
)
BITS = StateSource(device="plc", run="run", fault="fault")
COUNTER = StateSource(device="plc", quiet_ms=6_000)


def up(source: StateSource, station: Station = PRESS, **tags: Scalar) -> Rig:
    """Return a station that has read these tags."""
    rig = Rig(replace(station, state=source))
    rig.link("scanner", up=True)
    rig.link("plc", up=True)
    rig.plc(**{"trigger": False, "request": 0} | tags)
    return rig


def changes(rig: Rig) -> list[tuple[str, str, str]]:
    """Return (state, category, category before) of each change."""
    return [(e.state, e.category, e.previous) for e in rig.of(MachineStateChanged)]


@pytest.mark.parametrize(
    ("numbering", "name"), [(Numbering.PACKTAGS, "idle"), (Numbering.OPC30060, "execute")]
)
def test_four_is_idle_in_one_numbering_and_execute_in_the_other(
    numbering: Numbering, name: str
) -> None:
    """So the file names it (D-106); the number is kept."""
    rig = up(replace(PACKML, numbering=numbering), state=4)
    (event,) = rig.of(MachineStateChanged)
    assert (event.source, event.state, event.code) == ("packml", name, 4)
    assert (event.earliest_ms, event.latest_ms) == (rig.ms - 10, rig.ms)


def test_each_change_is_told_once_with_its_reason() -> None:
    """Nothing is filtered, however short (D-109); a change of the reason is a change."""
    rig = up(PACKML, state=6)
    rig.plc(state=9, why="E17")
    rig.plc(state=9, why="E17")
    rig.plc(why="E18")
    rig.plc(state=6, why="")
    assert changes(rig) == [
        ("execute", "running", "unknown"),
        ("aborted", "down", "running"),
        ("aborted", "down", "down"),
        ("execute", "running", "down"),
    ]
    assert [e.reason for e in rig.of(MachineStateChanged)] == [None, "E17", "E18", ""]


@pytest.mark.parametrize("value", [0, 99])
def test_a_number_that_nothing_stands_for_is_unknown(value: int) -> None:
    """0 is Undefined in PackTags (D-107)."""
    for source in (PACKML, WORD):
        rig = up(source, state=1)
        rig.plc(state=value)
        assert changes(rig)[-1][:2] == ("unknown", "unknown")


def test_a_word_of_its_own_is_what_the_file_says() -> None:
    """The category stands for the state."""
    rig = up(WORD, state=1)
    rig.plc(state=5)
    assert changes(rig) == [
        ("running", "running", "unknown"),
        ("planned_stop", "planned_stop", "running"),
    ]
    assert {e.source for e in rig.of(MachineStateChanged)} == {"word"}


def test_two_bits_are_running_idle_and_down() -> None:
    """A fault is stronger than run; one that cannot be read leaves it open."""
    rig = up(BITS, run=True)
    assert changes(rig) == []
    rig.plc(fault=False)
    rig.plc(run=False)
    rig.plc(run=True, fault=True)
    rig.bad = {"fault"}
    rig.plc(fault=True)
    assert [change[1] for change in changes(rig)] == ["running", "idle", "down", "unknown"]
    rig = up(replace(BITS, fault=None), run=True)
    assert changes(rig) == [("running", "running", "unknown")]


@pytest.mark.parametrize("how", ["link", "bad", "heartbeat"])
def test_without_contact_it_is_unknown_and_not_down(how: str) -> None:
    """A lost link, a value that is not GOOD, a heartbeat that stands still (D-32)."""
    watch = Watch(device="plc", heartbeat="beat", within_ms=3_000)
    station = replace(PRESS, watches=(watch,) if how == "heartbeat" else ())
    rig = up(PACKML, station, state=6, beat=1)
    rig.plc(beat=2)
    assert changes(rig)[-1][1] == "running"
    if how == "link":
        rig.link("plc", up=False)
    elif how == "bad":
        rig.bad = {"state"}
        rig.plc(state=6)
    else:
        rig.turn(3_100)
    assert changes(rig)[-1] == ("unknown", "unknown", "running")


def test_while_the_agent_was_away_it_is_unknown() -> None:
    """What was known ends with the run; what is seen again begins a new interval."""
    rig = up(PACKML, state=6)
    rig.restart()
    rig.link("plc", up=True)
    rig.plc(state=6)
    assert [change[1] for change in changes(rig)] == ["running", "unknown", "running"]


def test_what_was_counted_before_a_change_is_recorded_before_it() -> None:
    """Counts of one state do not run into the next (D-29)."""
    rig = up(PACKML, FILLER, state=6, count=100, lot="A", order="")
    rig.plc(count=103)
    rig.plc(state=9)
    kinds = [event.kind for event in rig.events[-2:]]
    assert kinds == ["lot_counted", "machine_state_changed"]
    assert [count.n for count in rig.of(LotCounted)] == [0, 3]


def test_the_mode_stands_beside_the_state() -> None:
    """Only automatic work counts as production time (D-107)."""
    mode = ModeTag(tag="mode", values={1: Mode.AUTOMATIC, 3: Mode.SET_UP})
    rig = up(PACKML, replace(PRESS, mode=mode), state=6, mode=1)
    rig.plc(mode=3)
    assert [e.mode for e in rig.of(MachineStateChanged)] == [None, "set_up"]
    rig = up(PACKML, replace(PRESS, mode=mode), state=6)
    assert [e.mode for e in rig.of(MachineStateChanged)] == ["unknown"]


# ------------------------------------------------------------------ by the counter


def test_a_cycle_that_ended_lately_is_running_and_none_for_long_is_stopped() -> None:
    """The counter alone tells no more; before it moves nobody knows (D-105)."""
    rig = up(COUNTER, FILLER, count=100, lot="A", order="")
    assert changes(rig) == []
    rig.turn(2_000)
    rig.plc(count=101)
    rig.turn(5_000)
    rig.plc(count=102)
    last_ms = rig.ms
    rig.turn(5_900)
    assert changes(rig) == [("running", "running", "unknown")]
    rig.turn(200)
    assert changes(rig)[1:] == [("stopped", "stopped", "running")]
    stop = rig.of(MachineStateChanged)[-1]
    assert (stop.source, stop.earliest_ms, stop.latest_ms) == (
        "counter",
        last_ms,
        last_ms + 6_000,
    )
    rig.plc(count=103)
    assert changes(rig)[2:] == [("running", "running", "stopped")]


def test_a_counter_that_never_moves_says_stopped() -> None:
    """After as long; and nothing, once it cannot be read."""
    rig = up(COUNTER, FILLER, count=100, lot="A", order="")
    rig.turn(6_100)
    assert changes(rig) == [("stopped", "stopped", "unknown")]
    rig.bad = {"count"}
    rig.plc(count=101)
    assert changes(rig)[1:] == [("unknown", "unknown", "stopped")]
