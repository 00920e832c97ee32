"""What a unit received: the candidate rule (D-44) and what feeds it."""

from dataclasses import replace

import pytest

from agent.core import material
from agent.core.events import (
    Certainty,
    ComponentInstalled,
    ComponentLoaded,
    ComponentUnloaded,
    ComponentUse,
    ScanExpired,
    UnitCompleted,
    Why,
)
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.parts import LONG_AGO, Load
from agent.core.station import By, Cavity, Component, Strategy
from tests.core_rig import ECU, END, FILLER, HOUSING, PRESS, Rig

TEN = 36_000_000
REEL = Component(
    position="reel", by=By.LOT, required=False, uncertainty_ms=30_000, lag_max_ms=20_000
)


def load(lot: str, start: int, end: int | None = None, position: str = "reel") -> Load:
    """Return a load with sharp ends, which the component's uncertainty widens."""
    return Load(
        position=position,
        lot=lot,
        address=f"a-{lot}-{start}",
        from_lo_ms=start,
        from_hi_ms=start,
        to_lo_ms=end,
        to_hi_ms=end,
    )


def clock(text: str) -> int:
    """Return hh:mm:ss as milliseconds."""
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000


CHANGED = (load("A", LONG_AGO, clock("10:00:00")), load("B", clock("10:00:40")))


@pytest.mark.parametrize(
    ("start", "end", "lots", "why"),
    [
        ("09:58:00", "09:58:30", ("A",), None),
        ("09:59:40", "10:00:10", ("A", "B"), Why.BOUNDARY_UNCERTAIN),
        ("10:02:00", "10:02:30", ("B",), None),
    ],
)
def test_the_worked_example_of_a_reel_change(
    start: str, end: str, lots: tuple[str, ...], why: Why | None
) -> None:
    """D-45: before, within and after the change."""
    use = material.component_use(REEL, CHANGED, clock(start), clock(end))
    assert (use.candidates, use.why) == (lots, why)
    assert (use.certainty is Certainty.CERTAIN) == (why is None)


def test_a_load_without_an_end_stays_possible() -> None:
    """D-45: if only "B on" was ever scanned, A has no end, and both stay possible."""
    loads = (load("A", LONG_AGO), load("B", clock("10:00:40")))
    use = material.component_use(REEL, loads, clock("10:02:00"), clock("10:02:30"))
    assert use.candidates == ("A", "B")
    assert use.certainty is Certainty.POSSIBLE


def test_no_load_is_unknown_never_the_last_known() -> None:
    """D-44: without a candidate the material is unknown."""
    ended = (load("A", 0, clock("09:00:00")), load("B", 0, None, "other"))
    use = material.component_use(REEL, ended, clock("10:02:00"), clock("10:02:30"))
    assert use == ComponentUse(
        position="reel", candidates=(), certainty=Certainty.POSSIBLE, why=Why.MATERIAL_UNKNOWN
    )


@pytest.mark.parametrize(
    ("second", "certain"),
    [
        (load("A", clock("10:00:00")), True),
        (load("A", clock("10:00:30")), False),
        (load("A", clock("10:00:00"), clock("10:00:10")), False),
    ],
)
def test_one_lot_in_loads_without_a_gap_is_certain(second: Load, certain: bool) -> None:  # noqa: FBT001 - a table
    """The same lot again is the same material, unless nothing was loaded between or after."""
    loads = (load("A", clock("09:00:00"), clock("10:00:00")), second)
    use = material.component_use(REEL, loads, clock("09:59:50"), clock("10:00:20"))
    assert use.candidates == ("A",)
    assert (use.certainty is Certainty.CERTAIN) == certain


def rig(*components: Component) -> Rig:
    """Return a press with components, in operation."""
    rig = Rig(replace(PRESS, components=components))
    rig.up()
    return rig


def made(rig: Rig, request: int) -> UnitCompleted:
    """Make one unit and return its event."""
    rig.scan(f"SN-{request}")
    rig.turn(500)
    rig.cycle(request)
    rig.turn(1_100)
    return rig.of(UnitCompleted)[-1]


def test_a_scanned_lot_closes_the_load_before() -> None:
    """One package a position: a load ends when the next one is scanned (D-46)."""
    press = rig(HOUSING)
    press.scan("L-1")
    press.turn(2_000)
    press.scan("L-2")
    assert [loaded.lot for loaded in press.of(ComponentLoaded)] == ["L-1", "L-2"]
    ended = press.of(ComponentUnloaded)
    assert [(e.lot, e.load, e.reason) for e in ended] == [
        ("L-1", press.of(ComponentLoaded)[0].address, "replaced")
    ]


def test_units_around_a_change_get_both_and_then_the_new_one() -> None:
    """The load before is forgotten once no later unit can have drawn from it."""
    press = rig(HOUSING)
    press.scan("L-1")
    assert made(press, 1).components[0].candidates == ("L-1",)
    press.scan("L-2")
    assert made(press, 2).components[0].candidates == ("L-1", "L-2")
    assert made(press, 3).components[0].candidates == ("L-2",)
    made(press, 4)
    assert [each.lot for each in press.state.material.loads] == ["L-2"]


def test_a_doubtful_material_leaves_the_unit_certain() -> None:
    """The unit event's certainty says which unit it was; each use has its own."""
    event = made(rig(HOUSING), 1)
    assert event.certainty is Certainty.CERTAIN
    assert [use.why for use in event.components] == [Why.MATERIAL_UNKNOWN]


def test_a_serial_component_goes_into_the_next_unit_once() -> None:
    """D-42: it waits for the next unit, is installed, and is spent."""
    press = rig(ECU)
    press.scan("ECU-1")
    first, second = made(press, 1), made(press, 2)
    assert first.components[0].candidates == ("ECU-1",)
    assert second.components[0].why is Why.MATERIAL_UNKNOWN
    installed = press.of(ComponentInstalled)
    assert [(e.component, e.unit) for e in installed] == [("ECU-1", "SN-1")]


def test_two_serials_are_never_a_choice() -> None:
    """Two at one position: both possible, neither installed, both spent."""
    press = rig(ECU)
    press.scan("ECU-1")
    press.scan("ECU-2")
    assert made(press, 1).components[0].why is Why.TWO_CANDIDATES
    assert press.of(ComponentInstalled) == []
    assert press.state.material.waiting == ()


@pytest.mark.parametrize("reboot", [False, True])
def test_a_serial_that_waited_over_a_restart_is_possible(*, reboot: bool) -> None:
    """What was scanned while the agent was away is not known (DESIGN 2)."""
    press = rig(ECU)
    press.scan("ECU-1")
    press.restart(reboot=reboot)
    press.up()
    received = made(press, 1).components[0]
    assert (received.candidates, received.why) == (("ECU-1",), Why.SCAN_BEFORE_RESTART)


@pytest.mark.parametrize("reboot", [False, True])
def test_another_serial_after_a_restart_is_not_certain_beside_it(*, reboot: bool) -> None:
    """Which of the two went in nobody knows: a recall of either names the unit (D-4, D-91)."""
    press = rig(ECU)
    press.scan("ECU-1")
    press.restart(reboot=reboot)
    press.up()
    press.scan("ECU-2")
    received = made(press, 1).components[0]
    assert (received.candidates, received.why) == (("ECU-1", "ECU-2"), Why.TWO_CANDIDATES)
    assert press.of(ComponentInstalled) == []


def test_a_serial_before_an_aborted_cycle_is_possible() -> None:
    """The aborted cycle may have used it up."""
    press = rig(ECU)
    press.scan("ECU-1")
    press.plc(trigger=True, request=1)
    press.plc(trigger=False)
    assert made(press, 2).components[0].why is Why.CYCLE_BETWEEN


def test_what_waits_can_be_given_up() -> None:
    """A cancel code expires a waiting component."""
    press = rig(ECU)
    press.scan("ECU-1")
    press.scan("CANCEL")
    assert press.state.material.waiting == ()
    assert press.of(ScanExpired)[-1].code == "ECU-1"


def test_lost_history_leaves_no_load_certain() -> None:
    """A change of load may be in the lost range (D-4), until the next one is scanned."""
    press = rig(HOUSING)
    press.scan("L-1")
    press.turn(2_000)
    press.scan("L-2")
    press.start(lost=(("000001-aa", 3, 4, "damaged"),))
    press.up()
    made(press, 1)
    assert made(press, 2).components[0].why is Why.BOUNDARY_UNCERTAIN
    press.scan("L-3")
    made(press, 3)
    assert made(press, 4).components[0].certainty is Certainty.CERTAIN


def test_loads_of_another_boot_were_made_long_ago() -> None:
    """Their boot clock is gone; an open one still feeds (D-91)."""
    press = rig(HOUSING)
    press.scan("L-1")
    press.turn(2_000)
    press.scan("L-2")
    press.restart(reboot=True)
    first, second = press.state.material.loads
    assert (first.from_lo_ms, first.to_hi_ms) == (LONG_AGO, LONG_AGO)
    assert (second.from_hi_ms, second.to_hi_ms) == (LONG_AGO, None)
    press.up()
    assert made(press, 1).components[0].candidates == ("L-2",)


def test_a_counting_station_forgets_old_loads_too() -> None:
    """Closed loads never pile up, whoever draws from them."""
    filler = Rig(replace(FILLER, components=(HOUSING,)))
    filler.link("plc", up=True)
    filler.plc(count=5, lot="A")
    for n in range(6, 12):
        filler.scan(f"L-{n}")
        filler.turn(2_000)
        filler.plc(count=n)
        filler.turn(2_000)
    assert [each.lot for each in filler.state.material.loads] == ["L-11"]


def test_a_position_that_the_file_no_longer_has_is_let_go() -> None:
    """What is loaded at a position of an older station file is taken off, and forgotten."""
    press = rig(HOUSING)
    press.scan("L-1")
    press.turn(2_000)
    press.scan("L-2")
    press.station = replace(PRESS, config="c2")
    press.restart()
    press.up()
    made(press, 1)
    assert [(e.lot, e.reason) for e in press.of(ComponentUnloaded)][-1] == ("L-2", "config_changed")
    assert press.state.material.loads == ()


def test_a_component_for_an_undeclared_position_is_only_a_scan() -> None:
    """Without a position nothing is loaded."""
    press = rig()
    press.scan("L-1")
    press.scan("ECU-1")
    assert press.state.material.loads == ()
    assert press.state.material.waiting == ()


def test_a_required_position_without_material_is_missing() -> None:
    """Only required positions count, and any candidate is enough."""
    press = rig(replace(HOUSING, required=True), ECU)
    used = material.components_used(press.state, 0, 1)
    assert material.missing(press.state, used) == ("housing",)


def test_a_load_ends_at_its_own_position_only() -> None:
    """Another position's load, and one that has ended, stay as they are."""
    press = rig(HOUSING, replace(HOUSING, position="lid"))
    for code in ("L-1", "L-2", "L-3"):
        press.scan(code)
        press.turn(2_000)
    assert [event.lot for event in press.of(ComponentUnloaded)] == ["L-1", "L-2"]


def test_two_reels_of_one_material_in_parallel_are_bound_as_a_set() -> None:
    """Each feeds a position of its own; a change of the one leaves the other on (L06)."""
    lane = ScanRule(match=RegexMatch(pattern=r"M-\d+"), means=Means.COMPONENT, position="second")
    two = (HOUSING, replace(HOUSING, position="second"))
    rig = Rig(replace(PRESS, components=two, scans=(*PRESS.scans, lane)))
    rig.up()
    for request, codes in enumerate((("L-1", "M-2"), ("M-3",)), 1):
        for code in codes:
            rig.scan(code)
            rig.turn(2_000)
        rig.turn(60_000)
        rig.scan(f"SN-{request}")
        rig.turn(500)
        assert rig.cycle(request) == 1
    units = rig.of(UnitCompleted)
    assert [[use.candidates for use in unit.components] for unit in units] == [
        [("L-1",), ("M-2",)],
        [("L-1",), ("M-3",)],
    ]
    assert {use.certainty for unit in units for use in unit.components} == {Certainty.CERTAIN}


def test_label_that_is_scanned_again_does_not_begin_the_unit_anew() -> None:
    """It may have drawn from what was on when its label was first read (D-44)."""
    rig = Rig(replace(PRESS, components=(HOUSING,)))
    rig.up()
    rig.scan("L-1")
    rig.turn(10_000)
    rig.scan("SN-1")
    rig.turn(2_000)
    rig.scan("L-2")
    rig.turn(2_000)
    rig.scan("SN-1")
    rig.turn(500)
    rig.cycle(1)
    (unit,) = rig.of(UnitCompleted)
    assert unit.components[0].candidates == ("L-1", "L-2")


def answered_seven(rig: Rig) -> None:
    """Let a cycle be recorded only after its PLC was answered 7, and has dropped its trigger."""
    rig.turn(1_000)
    rig.hold_commits = True
    rig.plc(trigger=True)
    rig.answer()
    rig.turn(5_001)
    rig.answer()
    assert rig.answered() == 7
    rig.hold_commits, rig.durable = False, rig.state
    rig.plc(trigger=False)
    rig.due()


@pytest.mark.parametrize("names", ["", "ab"])
def test_a_request_that_may_be_a_repeat_drew_from_what_was_on_before(names: str) -> None:
    """The cycle that was answered 7 may come again: what it drew from counts (D-4, D-20, D-44).

    The reel is changed after the work and before the trigger, and no number tells the requests
    apart: each event that may be of this cycle names the reel before.
    """
    cavities = tuple(Cavity(name=name, tag="code") for name in names)
    bare = replace(END, request=None, guard=(), modulus=None, cavities=cavities)
    strategy = Strategy.MULTI_CAVITY if cavities else Strategy.SCAN_THEN_CYCLE
    pairing = replace(PRESS.pairing, strategy=strategy)
    rig = Rig(replace(PRESS, pairing=pairing, handshakes=(bare,), components=(HOUSING,)))
    rig.up()
    rig.scan("L-1")
    rig.cycle(1)
    rig.turn(5_000)
    rig.scan("L-2")
    answered_seven(rig)
    answered_seven(rig)
    rig.cycle(2)
    rig.turn(1_000)
    rig.cycle(3)
    found = [unit.components[0].candidates for unit in rig.units()]
    each = max(1, len(names))
    assert found[each:-each] == [("L-1", "L-2")] * 3 * each
    assert found[-each:] == [("L-2",)] * each
