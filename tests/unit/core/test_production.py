"""Pieces counted to lots: nothing lost, and nothing certain that overlaps a change (D-29)."""

from dataclasses import replace

import pytest

from agent.core import binder
from agent.core.events import (
    Certainty,
    CounterReset,
    LotClosed,
    LotCounted,
    LotOpened,
    OrderStarted,
    Why,
)
from agent.core.parts import LONG_AGO
from drivers.base import Scalar
from tests.core_rig import FILLER, PRESS, Rig

BY_SCAN = replace(FILLER, lot=None, lot_device=None, devices=("plc", "scanner"))


def filler(count: int = 100, lot: str = "A") -> Rig:
    """Return a filler that has read its counter and its lot."""
    rig = Rig(FILLER)
    rig.link("plc", up=True)
    rig.plc(count=count, lot=lot)
    return rig


def counted(rig: Rig) -> list[tuple[int, str | None, tuple[str, ...], tuple[Why, ...]]]:
    """Return (n, lot, lots, why) of each count that holds pieces."""
    return [(e.n, e.lot, e.lots, e.why) for e in rig.of(LotCounted) if e.n]


def test_a_first_reading_is_a_baseline() -> None:
    """The count that later steps start from; no pieces."""
    rig = filler()
    assert [(e.from_count, e.to_count, e.n) for e in rig.of(LotCounted)] == [(100, 100, 0)]


def test_one_row_covers_a_second() -> None:
    """Never a row a piece, and the rows join without a gap."""
    rig = filler()
    for n in range(1, 101):
        rig.plc(50, count=100 + n)
    rig.turn(2_000)
    rows = rig.of(LotCounted)
    assert sum(row.n for row in rows) == 100
    assert len(rows) <= 8
    assert [row.from_count for row in rows[1:]] == [row.to_count for row in rows[:-1]]
    assert [row.first_ms for row in rows[1:]] == [row.last_ms for row in rows[:-1]]
    assert {row.certainty for row in rows} == {Certainty.CERTAIN}


def test_a_change_of_lot_within_a_step_makes_it_possible_for_both() -> None:
    """The step that overlaps the change may be of either; before and after are certain."""
    rig = filler()
    rig.plc(50, count=105)
    rig.plc(50, count=106, lot="B")
    rig.plc(50, count=107)
    rig.turn(2_000)
    assert counted(rig) == [
        (5, "A", (), ()),
        (1, None, ("A", "B"), (Why.BOUNDARY_UNCERTAIN,)),
        (1, "B", (), ()),
    ]
    closed = rig.of(LotClosed)[0]
    assert (closed.lot, closed.n, closed.reason) == ("A", 5, "replaced")


def test_a_change_that_comes_after_the_count_still_finds_it() -> None:
    """A step is recorded only when older than the settle: the lot may come by another way."""
    rig = filler()
    rig.turn(5_000)
    rig.plc(50, count=105)
    rig.ms -= 40
    rig.plc(200, lot="B")  # read last before the pieces were
    rig.turn(2_000)
    assert counted(rig) == [(5, None, ("A", "B"), (Why.BOUNDARY_UNCERTAIN,))]


def test_changes_add_up_until_something_is_counted_behind_them() -> None:
    """Three lots in one interval: a piece may be of each of them."""
    rig = filler()
    rig.link("plc", up=False)
    rig.ms += 60_000
    rig.link("plc", up=True)
    rig.plc(lot="B")
    rig.plc(lot="C")
    rig.plc(count=110)
    rig.turn(2_000)
    assert counted(rig) == [(10, None, ("A", "B", "C"), (Why.BOUNDARY_UNCERTAIN,))]


@pytest.mark.parametrize("lot_first", [True, False])
@pytest.mark.parametrize("how", ["link", "agent", "boot"])
def test_a_lot_that_changed_in_an_outage_makes_the_whole_of_it_possible(
    how: str,
    lot_first: bool,  # noqa: FBT001 - a table
) -> None:
    """In whatever order the first values come: counts wait until the lot is known."""
    rig = filler()
    rig.turn(2_000)
    if how == "link":
        rig.link("plc", up=False)
        rig.ms += 60_000
    else:
        rig.restart(reboot=how == "boot")
    rig.link("plc", up=True)
    changes: list[dict[str, Scalar]] = [{"lot": "B"}, {"count": 130}]
    for change in changes if lot_first else reversed(changes):
        rig.plc(**change)
        rig.turn(3_000)
    rig.plc(count=131)
    rig.turn(2_000)
    assert counted(rig) == [
        (30, None, ("A", "B"), (Why.BOUNDARY_UNCERTAIN,)),
        (1, "B", (), ()),
    ]


@pytest.mark.parametrize("how", ["link", "agent", "boot"])
def test_the_same_lot_after_an_outage_is_certain(how: str) -> None:
    """The counter is absolute: the whole delta is counted, whatever was down."""
    rig = filler()
    if how == "link":
        rig.plc(count=105)
        rig.link("plc", up=False)
    else:
        rig.restart(reboot=how == "boot")
    rig.ms += 60_000
    rig.link("plc", up=True)
    rig.plc(count=130)
    rig.plc(lot="A")
    rig.turn(2_000)
    assert [(lot, why) for _, lot, _, why in counted(rig)] == [("A", ())] * len(counted(rig))
    assert sum(n for n, *_ in counted(rig)) == 30


def test_a_lot_by_scan_may_have_changed_unseen_while_the_agent_was_away() -> None:
    """A scan that nobody heard is lost: what was counted meanwhile is possible."""
    rig = Rig(BY_SCAN)
    rig.link("plc", up=True)
    rig.plc(count=100)
    rig.scan("LOT-1")
    rig.plc(count=100)
    rig.plc(count=101)
    rig.turn(2_000)
    rig.restart()
    rig.ms += 60_000
    rig.link("plc", up=True)
    rig.plc(count=130)
    rig.plc(count=131)
    rig.turn(2_000)
    assert counted(rig) == [
        (1, "LOT-1", (), ()),
        (29, None, ("LOT-1",), (Why.SCAN_BEFORE_RESTART,)),
        (1, "LOT-1", (), ()),
    ]
    assert rig.state.production.lot is not None
    assert (rig.state.production.lot.n, rig.state.production.lot.n_possible) == (2, 29)


def test_a_lot_by_scan_splits_the_count_at_the_scan() -> None:
    """Pieces before it are of the old lot."""
    rig = Rig(BY_SCAN)
    rig.link("plc", up=True)
    rig.plc(count=100)
    rig.plc(count=103)
    rig.turn(500)
    rig.scan("LOT-1")
    rig.plc(count=105)
    rig.turn(2_000)
    assert counted(rig) == [
        (3, None, (), (Why.NO_LOT_OPEN,)),
        (2, "LOT-1", (), ()),
    ]


def test_without_a_lot_pieces_are_counted_all_the_same() -> None:
    """Lot null, possible, no_lot_open; after its end too."""
    rig = filler()
    rig.plc(lot="")
    rig.turn(500)
    rig.plc(count=110)
    rig.turn(2_000)
    assert counted(rig) == [(10, None, (), (Why.NO_LOT_OPEN,))]
    assert [(e.lot, e.reason) for e in rig.of(LotClosed)] == [("A", "ended")]


def test_the_same_lot_named_again_changes_nothing() -> None:
    """Only a change is an event; an unreadable name is none."""
    rig = filler()
    rig.plc(lot="A")
    rig.bad = {"lot"}
    rig.plc(lot="B")
    assert len(rig.of(LotOpened)) == 1


def test_pieces_counted_while_the_lot_is_unreadable_wait_for_it() -> None:
    """Read again, they are of what it says; if it changed meanwhile, of either."""
    rig = filler()
    rig.turn(2_000)
    rig.bad = {"lot"}
    rig.plc(lot="A")
    rig.plc(count=110)
    rig.turn(5_000)
    assert counted(rig) == []
    rig.bad = set()
    rig.plc(lot="B")
    rig.turn(2_000)
    assert counted(rig) == [(10, None, ("A", "B"), (Why.BOUNDARY_UNCERTAIN,))]


def test_a_stop_records_what_waits() -> None:
    """With the lot unread, as possible for the lot that was open."""
    rig = filler()
    rig.bad = {"lot"}
    rig.plc(lot="A")
    rig.plc(count=110)
    decision = binder.stop(rig.state, rig.working, "stopped", rig.now)
    assert [event.kind for event in decision.events] == ["lot_counted", "agent_stopped"]
    row = decision.events[0]
    assert isinstance(row, LotCounted)
    assert (row.n, row.lot, row.lots) == (10, None, ("A",))


@pytest.mark.parametrize(
    ("new", "kind", "ms"), [(0, "reset", 10), (900, "jump", 10), (100, None, 10), (119, None, 400)]
)
def test_a_counter_is_judged_reading_by_reading(new: int, kind: str | None, ms: int) -> None:
    """What was counted before a reset or jump is kept; what was lost is not known (D-31)."""
    rig = filler()
    rig.plc(50, count=101)
    rig.plc(ms, count=new)
    rig.turn(2_000)
    if kind is None:
        assert sum(n for n, *_ in counted(rig)) == new - 100 or new == 100
        return
    reset = rig.of(CounterReset)[0]
    assert (reset.from_count, reset.to_count, reset.reason) == (101, new, kind)
    assert counted(rig) == [(1, "A", (), ())]
    rig.plc(count=new + 1)
    rig.turn(2_000)
    assert sum(n for n, *_ in counted(rig)) == 2


def test_a_rollover_goes_on_counting() -> None:
    """The modulus is declared, not guessed (D-30)."""
    rig = filler(count=65_534)
    rig.plc(90, count=1)
    rig.turn(2_000)
    assert counted(rig) == [(3, "A", (), ())]


@pytest.mark.parametrize("value", ["x", 1.5])
def test_what_is_no_whole_number_changes_nothing(value: Scalar) -> None:
    """A reading that cannot be a count, or is not GOOD, is passed over."""
    rig = filler()
    rig.plc(count=value)
    rig.bad = {"count"}
    rig.plc(count=120)
    rig.turn(2_000)
    assert counted(rig) == []


def test_pieces_counted_while_the_counter_is_unreadable_may_be_of_either_lot() -> None:
    """They were made ever since it was read last, not since the poll before: the lot changed."""
    rig = filler()
    rig.plc(lot="A")
    rig.turn(2_000)
    rig.bad = {"count"}
    rig.plc(count=110)
    rig.turn(2_000)
    rig.plc(lot="B")
    rig.turn(2_000)
    rig.bad = set()
    rig.plc(count=112)
    rig.turn(2_000)
    (row,) = counted(rig)
    assert (row[0], set(row[2]), row[3]) == (12, {"A", "B"}, (Why.BOUNDARY_UNCERTAIN,))


def test_a_change_of_order_comes_after_what_was_counted_before_it() -> None:
    """Each row names the order under which its pieces were made, by tag and by scan."""
    rig = filler()
    rig.plc(order="WO-1")
    rig.plc(count=110)
    rig.plc(order="WO-2")
    rig.plc(count=111)
    rig.scan("WO-3")
    rig.plc(count=112)
    rig.scan("OP-1")
    rig.turn(2_000)
    assert [e.order for e in rig.of(OrderStarted)] == ["WO-1", "WO-2", "WO-3"]
    assert [(e.n, e.order) for e in rig.of(LotCounted) if e.n] == [
        (10, "WO-1"),
        (1, "WO-2"),
        (1, "WO-3"),
    ]


def test_an_idle_operator_leaves_after_what_was_counted() -> None:
    """Pieces name who was there when they were made."""
    rig = Rig(replace(FILLER, operator_idle_ms=3_000))
    rig.link("plc", up=True)
    rig.plc(count=100, lot="A")
    rig.scan("OP-1")
    rig.turn(2_900)
    rig.plc(count=105)
    rig.turn(2_000)
    assert [len(e.operators) for e in rig.of(LotCounted) if e.n] == [1]


def test_lost_history_closes_the_lot() -> None:
    """Its end may be in the lost range; what overlaps may be of it."""
    rig = filler()
    rig.start(lost=(("000001-aa", 3, 4, "damaged"),))
    closed = rig.of(LotClosed)[0]
    assert (closed.lot, closed.reason, closed.earliest_ms) == ("A", "history_lost", LONG_AGO)
    rig.link("plc", up=True)
    rig.plc(lot="A")
    rig.plc(count=110)
    rig.turn(2_000)
    assert counted(rig) == [(10, None, ("A",), (Why.BOUNDARY_UNCERTAIN,))]


def test_another_devices_link_does_not_touch_the_counter() -> None:
    """The counter's readings end with its own link only."""
    rig = filler()
    rig.link("scanner", up=True)
    rig.link("scanner", up=False)
    rig.plc(count=101)
    assert rig.working.counter is not None
    rig.link("plc", up=False)
    assert rig.working.counter is None


def test_steps_wait_over_a_lost_link_and_join_what_comes_after() -> None:
    """A step too new to be recorded is not forgotten with the link, and not counted twice."""
    rig = filler()
    rig.turn(2_000)
    rig.plc(count=103)
    rig.link("plc", up=False)
    rig.ms += 1_000
    rig.link("plc", up=True)
    rig.plc(count=103)
    rig.plc(lot="A")
    rig.plc(count=107)
    rig.turn(2_000)
    assert sum(n for n, *_ in counted(rig)) == 7


def test_a_station_with_handshakes_counts_no_rows() -> None:
    """D-29: it owes a record a cycle; its counter shows what was missed."""
    rig = Rig(replace(PRESS, counter=FILLER.counter))
    rig.up()
    rig.plc(count=5)
    rig.plc(count=9)
    rig.turn(2_000)
    assert rig.of(LotCounted) == []


def test_a_lost_link_records_nothing_while_the_lot_is_unread() -> None:
    """It waits for the lot."""
    rig = filler()
    rig.bad = {"lot"}
    rig.plc(lot="A")
    rig.plc(count=105)
    rig.turn(2_000)
    rig.link("plc", up=False)
    assert counted(rig) == []


def test_over_a_boot_what_was_not_counted_before_the_change_may_be_of_either_lot() -> None:
    """The boundary is older than the boot, and the count older than the boundary."""
    rig = filler()
    rig.plc(lot="B")
    rig.restart(reboot=True)
    rig.link("plc", up=True)
    rig.plc(lot="B")
    rig.plc(count=110)
    rig.plc(count=111)
    rig.turn(2_000)
    assert counted(rig) == [
        (10, None, ("A", "B"), (Why.BOUNDARY_UNCERTAIN,)),
        (1, "B", (), ()),
    ]
