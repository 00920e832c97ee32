"""Lots cut into sub-lots: by count, by time, by carrier; nothing lost at a cut (D-10, D-29)."""

from dataclasses import replace

import pytest

from agent.core import binder
from agent.core.events import Certainty, LotClosed, LotCounted, LotOpened, Why
from agent.core.lot_plan import Lots
from agent.core.station import By, Component
from tests.core_rig import FILLER
from tests.lot_rig import LINE, LotRig, cut

BY_500 = cut(every_n=500)
BY_TIME = cut(every_ms=60_000)
BY_BOX = cut(by_carrier=True)
CAPS = Component(position="caps", by=By.LOT, required=False)


def started(rig: LotRig, lot: str = "L-1") -> LotRig:
    """Return a rig that makes a lot."""
    rig.turn(1_100)
    rig.scan(lot)
    return rig


# ------------------------------------------------------------------ by count


def test_a_sublot_by_count_has_exactly_so_many() -> None:
    """The cut falls between two pieces of one poll; the sums are the lot, and all is certain."""
    rig = started(LotRig(BY_500))
    for _ in range(170):
        rig.count(7)
    rig.rest()
    rig.scan("LOT END")
    assert rig.per_lot() == {("L-1/0001",): 500, ("L-1/0002",): 500, ("L-1/0003",): 190}
    assert rig.closed() == [
        ("L-1/0001", 500, 0, "full"),
        ("L-1/0002", 500, 0, "full"),
        ("L-1/0003", 190, 0, "ended"),
        ("L-1", 1190, 0, "ended"),
    ]
    assert {row.certainty for row in rig.rows()} == {Certainty.CERTAIN}
    assert {row.part_of for row in rig.rows()} == {"L-1"}


def test_a_cut_within_a_step_leaves_rows_that_join() -> None:
    """Counts go on without a gap; of a cut step both rows have the whole interval (D-29)."""
    rig = started(LotRig(cut(every_n=10)))
    rig.count(8)
    rig.rest()
    rig.count(5, took_ms=400)
    rig.rest()
    before, first, second = rig.rows()
    assert [(r.from_count, r.to_count, r.n, r.lot) for r in (before, first, second)] == [
        (0, 8, 8, "L-1/0001"),
        (8, 10, 2, "L-1/0001"),
        (10, 13, 3, "L-1/0002"),
    ]
    assert first.last_ms == second.last_ms
    assert second.first_ms == second.last_ms - 400
    closed, opened = rig.of(LotClosed)[0], rig.of(LotOpened)[-1]
    assert (closed.to_count, opened.from_count) == (10, 10)
    assert closed.latest_ms == opened.latest_ms == second.last_ms


def test_both_parts_of_a_cut_step_have_what_fed_it() -> None:
    """A load that ended within the step is a candidate of both sub-lots, or a recall would miss."""
    station = replace(cut(every_n=10), components=(CAPS,))
    rig = LotRig(station)
    rig.scan("CAPS-1")
    started(rig)
    rig.count(8)
    rig.rest()
    rig.scan("CAPS-2")
    rig.count(5, back_ms=500)  # this poll spans the scan
    rig.rest()
    first, second = rig.rows()[1:]
    assert (first.lot, second.lot) == ("L-1/0001", "L-1/0002")
    for row in (first, second):
        assert row.components[0].candidates == ("CAPS-1", "CAPS-2")
        assert row.components[0].why is Why.BOUNDARY_UNCERTAIN


def test_a_sublot_begins_with_its_first_piece() -> None:
    """At the end of a lot no empty sub-lot is left behind."""
    rig = started(LotRig(cut(every_n=10)))
    assert rig.opened() == ["L-1"]
    rig.made(10)
    started(rig, "L-2")
    rig.made(1)
    assert rig.opened() == ["L-1", "L-1/0001", "L-2", "L-2/0001"]
    assert rig.closed() == [("L-1/0001", 10, 0, "full"), ("L-1", 10, 0, "replaced")]
    assert rig.per_lot() == {("L-1/0001",): 10, ("L-2/0001",): 1}


def test_numbers_go_on_when_a_lot_comes_again() -> None:
    """An identity stands for one sub-lot."""
    rig = started(LotRig(cut(every_n=10)))
    rig.made(3)
    started(rig, "L-2")
    rig.made(3)
    started(rig, "L-1")
    rig.made(3)
    assert [lot for lot in rig.opened() if "/" in lot] == ["L-1/0001", "L-2/0001", "L-1/0002"]


def test_a_step_is_cut_into_no_more_than_a_hundred() -> None:
    """All pieces of a step have one interval: the rest of it is one sub-lot."""
    rig = started(LotRig(cut(every_n=2)))
    rig.count(2)
    rig.rest()
    rig.count(1_000, took_ms=60_000)
    rig.rest()
    sizes = [row.n for row in rig.rows()[1:]]
    assert sizes == [2] * 99 + [802]
    rig.made(1)
    assert rig.rows()[-1].lot == "L-1/0102"


@pytest.mark.parametrize("reboot", [False, True])
def test_a_restart_goes_on_in_the_same_sublot(reboot: bool) -> None:  # noqa: FBT001 - a table
    """What was counted is in the state; pieces that nobody watched are possible, and not cut."""
    rig = started(LotRig(cut(every_n=10)))
    rig.made(6)
    rig.restart(reboot=reboot)
    rig.connect()
    rig.made(3)
    rig.restart(reboot=reboot)
    rig.tags["count"] = int(rig.tags["count"]) + 50
    rig.connect()
    rig.rest()
    rig.made(2)
    assert rig.per_lot() == {("L-1/0001",): 59, ("L-1/0002",): 2}
    assert rig.closed() == [("L-1/0001", 9, 50, "full")]
    (doubtful,) = [row for row in rig.rows() if row.certainty is Certainty.POSSIBLE]
    assert (doubtful.why, doubtful.part_of) == ((Why.SCAN_BEFORE_RESTART,), None)


def test_pieces_of_either_lot_are_of_either_sublot() -> None:
    """At a change of lot the sub-lots before and after are both candidates (D-44)."""
    rig = LotRig(cut(FILLER_BY_TAG, every_n=10))
    rig.plc(lot="A")
    rig.made(3)
    rig.plc(50, count=4, lot="B")
    rig.made(2)
    assert rig.per_lot() == {("A/0001",): 3, ("A/0001", "B/0001"): 1, ("B/0001",): 2}
    (row,) = [row for row in rig.rows() if row.lots]
    assert (row.why, row.part_of) == ((Why.BOUNDARY_UNCERTAIN,), None)
    assert rig.closed() == [("A/0001", 3, 0, "replaced"), ("A", 3, 0, "replaced")]
    assert rig.balance("A/0001") == rig.balance("A") == (3, 4)
    assert rig.balance("B") == (2, 3)


FILLER_BY_TAG = replace(FILLER, order=None, order_device=None)


def test_a_lot_that_was_full_is_itself_the_candidate() -> None:
    """Between two sub-lots of a lot that ends, a piece may be of the lot, in no sub-lot yet."""
    rig = LotRig(cut(FILLER_BY_TAG, every_n=3))
    rig.plc(lot="A")
    rig.made(3)
    rig.plc(50, count=4, lot="B")
    rig.rest()
    assert rig.per_lot() == {("A/0001",): 3, ("A", "B/0001"): 1}


# ------------------------------------------------------------------ by time


def test_a_sublot_by_time_runs_from_its_first_piece() -> None:
    """The cut is at the count that was recorded last: nothing is in doubt, nothing empty."""
    rig = started(LotRig(BY_TIME))
    rig.turn(600_000)
    rig.made(30, each_ms=1_000)
    rig.made(60, each_ms=1_000)
    rig.turn(600_000)
    rig.made(5)
    assert sum(rig.per_lot().values()) == 95
    assert {row.certainty for row in rig.rows()} == {Certainty.CERTAIN}
    assert rig.opened() == ["L-1", "L-1/0001", "L-1/0002", "L-1/0003"]
    assert [reason for *_, reason in rig.closed()] == ["time", "time"]
    first, second = rig.of(LotOpened)[1:3]
    assert second.earliest_ms - first.latest_ms >= 59_000


@pytest.mark.parametrize("reboot", [False, True])
def test_the_time_goes_on_over_a_restart(reboot: bool) -> None:  # noqa: FBT001 - a table
    """Within one boot it is measured; after another boot the sub-lot ends (D-91)."""
    rig = started(LotRig(BY_TIME))
    rig.made(5)
    rig.restart(reboot=reboot)
    rig.connect()
    rig.turn(30_000)
    assert len(rig.of(LotClosed)) == int(reboot)
    rig.turn(40_000)
    assert [reason for *_, reason in rig.closed()] == ["time"]
    rig.made(1)
    assert rig.opened()[-1] == "L-1/0002"


def test_no_sublot_ends_while_the_lot_cannot_be_read() -> None:
    """What was counted meanwhile may be of another lot: first it is asked which."""
    rig = LotRig(cut(FILLER_BY_TAG, every_ms=60_000))
    rig.plc(lot="A")
    rig.made(3)
    rig.link("plc", up=False)
    rig.turn(120_000)
    assert rig.closed() == []
    rig.link("plc", up=True)
    rig.plc(lot="A", count=5)
    rig.rest()
    assert rig.closed() == [("A/0001", 3, 0, "time")]
    assert rig.per_lot() == {("A/0001",): 3, ("A/0002",): 2}


# ------------------------------------------------------------------ by carrier


def test_a_sublot_by_carrier_is_what_is_in_it() -> None:
    """Pieces about the scan may be in either container, and are certainly of the lot (D-50)."""
    rig = started(LotRig(BY_BOX))
    rig.made(2)  # nobody has scanned a box yet
    rig.scan("BOX-1")
    rig.made(3)
    rig.scan("BOX-2")
    rig.count(1, back_ms=50)  # this poll spans the scan
    rig.made(1)
    started(rig, "L-2")
    rig.made(1)
    assert rig.per_lot() == {
        ("L-1",): 2,
        ("L-1/BOX-1",): 3,
        ("L-1/BOX-1", "L-1/BOX-2"): 1,
        ("L-1/BOX-2",): 1,
        ("L-2",): 1,
    }
    (doubtful,) = [row for row in rig.rows() if row.lots]
    assert (doubtful.certainty, doubtful.part_of) == (Certainty.POSSIBLE, "L-1")
    assert rig.closed() == [
        ("L-1/BOX-1", 3, 0, "carrier"),
        ("L-1/BOX-2", 1, 1, "replaced"),
        ("L-1", 7, 0, "replaced"),
    ]
    assert rig.balance("L-1") == (7, 7)
    assert rig.balance("L-1/BOX-1") == (3, 4)
    assert [e.carrier for e in rig.of(LotOpened)] == [None, "BOX-1", "BOX-2", None]


def test_the_first_box_leaves_what_overlaps_it_in_doubt() -> None:
    """Before the scan a piece is of the lot and in no box, after it in the box."""
    rig = started(LotRig(BY_BOX))
    rig.made(1)
    rig.scan("BOX-1")
    rig.count(1, back_ms=50)
    rig.rest()
    assert rig.per_lot() == {("L-1",): 1, ("L-1", "L-1/BOX-1"): 1}
    assert rig.rows()[-1].part_of == "L-1"
    assert rig.balance("L-1") == (2, 2)


def test_a_box_that_stands_there_before_its_lot_is_its_first() -> None:
    """The operator may put on the box before the paper is scanned."""
    rig = LotRig(BY_BOX)
    rig.scan("BOX-1")
    started(rig)
    rig.made(2)
    rig.scan("BOX-1")  # read again: it is in use already
    rig.made(1)
    assert rig.opened() == ["L-1", "L-1/BOX-1"]
    assert rig.per_lot() == {("L-1/BOX-1",): 3}
    started(rig, "L-2")
    assert rig.opened()[-1] == "L-2"  # nobody knows whether the box was changed


def test_a_box_waits_for_its_lot_over_no_restart() -> None:
    """Another one may have been put on while nobody listened."""
    rig = LotRig(BY_BOX)
    rig.scan("BOX-1")
    rig.restart()
    rig.connect()
    started(rig)
    assert rig.opened() == ["L-1"]


def test_a_box_means_nothing_where_lots_are_not_cut_by_it() -> None:
    """The scan is recorded, and the sub-lot goes on."""
    rig = started(LotRig(BY_500))
    rig.made(1)
    rig.scan("BOX-1")
    rig.made(1)
    assert rig.per_lot() == {("L-1/0001",): 2}


# ------------------------------------------------------------------ the station file changes


@pytest.mark.parametrize(
    ("before", "after", "then"),
    [
        (BY_500, LINE, ("L-1",)),
        (BY_500, BY_BOX, ("L-1",)),
        (LINE, BY_500, ("L-1/0001",)),
        (BY_BOX, BY_TIME, ("L-1/0001",)),
    ],
)
def test_a_lot_goes_on_as_the_new_station_file_says(
    before: object, after: object, then: tuple[str, ...]
) -> None:
    """An open sub-lot that is cut no more ends by itself, with nothing in doubt."""
    rig = started(LotRig(before))  # type: ignore[arg-type]  # a table of stations
    if before is BY_BOX:
        rig.scan("BOX-1")
    rig.made(3)
    rig.station = after  # type: ignore[assignment]  # as above
    rig.restart()
    rig.connect()
    rig.rest()
    rig.made(2)
    last = rig.rows()[-1]
    assert (last.lots or (last.lot,), last.certainty) == (then, Certainty.CERTAIN)
    assert [reason for *_, reason in rig.closed()] in ([], ["config"])


def test_a_lost_history_ends_lot_and_sublot() -> None:
    """The change may be in the lost part: both end, in an interval that nobody knows."""
    rig = started(LotRig(BY_500))
    rig.made(3)
    rig.start(lost=(("000001-aa", 3, 5, "damaged"),))
    assert rig.closed() == [
        ("L-1/0001", 3, 0, "history_lost"),
        ("L-1", 3, 0, "history_lost"),
    ]


def test_a_sublot_without_its_lot_changes_nothing() -> None:
    """A history that begins in the middle may hold its end alone; the fold goes on."""
    rig = started(LotRig(BY_500))
    rig.made(1)
    opened = rig.of(LotOpened)[-1]
    rig.scan("LOT END")
    closed = rig.of(LotClosed)[0]
    before = rig.state.production
    for event in (opened, closed):
        assert event.part_of == "L-1"
        assert binder.evolve(rig.state, event).production == before


def test_what_is_counted_is_named_in_its_measure() -> None:
    """The station file says what is counted."""
    rig = started(LotRig(replace(LINE, lots=Lots(measure="bottles"))))
    rig.made(1)
    rig.scan("LOT END")
    assert [e.measure for e in rig.of(LotClosed)] == ["bottles"]
    assert rig.of(LotCounted)[-1].part_of is None
