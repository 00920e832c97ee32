"""Changeovers between products of different granularity, by every source (D-1, D-12, D-29)."""

from dataclasses import replace

import pytest

from agent.core.events import (
    Certainty,
    CounterReset,
    CycleAborted,
    CycleCounted,
    CycleMissed,
    ExpiryReason,
    LotCounted,
    Result,
    ScanExpired,
    UnitCompleted,
    UnitRefused,
    UnitUnbound,
    Why,
)
from agent.core.station import Policy, ProductPlan
from tests.core_rig import BEGIN, Rig
from tests.granular_rig import BY_ORDER, BY_ORDER_TAG, BY_SCAN, BY_TAG, MIXED, told_by

SOURCES = {"tag": BY_TAG, "order tag": BY_ORDER_TAG, "order": BY_ORDER, "code": BY_SCAN}
NAMES = {"valve": ("V-1", "WO-11"), "screw": ("S-1", "WO-22"), "pump": ("P-1", "WO-33")}
GTINS = {"valve": "09506000134352", "screw": "09506000134369", "pump": "09506000134376"}


class Press(Rig):
    """The press, with whatever tells its product."""

    def __init__(self, plan: ProductPlan = BY_TAG, **changes: object) -> None:
        super().__init__(replace(told_by(plan), **changes))  # type: ignore[arg-type]  # fields
        self.plan = plan
        self.made = 0
        self.up()
        self.plc(count=0)

    def set_up(self, product: str) -> None:
        """Let the press make a product from here on, told in the way of the station."""
        self.turn(1_100)
        recipe, order = NAMES[product]
        if self.plan is BY_TAG:
            self.plc(recipe=recipe)
        elif self.plan is BY_ORDER_TAG:
            self.plc(order=order)
        elif self.plan is BY_ORDER:
            self.scan(order)
        else:
            self.scan(f"{GTINS[product]}L7")
        if self.plan is not BY_SCAN:
            self.scan("LOT-7")
        self.turn(1_100)

    def count(self, n: int = 1) -> None:
        """Make pieces that nobody asks about."""
        for _ in range(n):
            self.made += 1
            self.plc(count=self.made)
            self.turn(50)

    def again(self, *, reboot: bool) -> None:
        """Kill the agent; the next run reads everything anew."""
        self.restart(reboot=reboot)
        self.up()
        self.plc(count=self.made, recipe=self.tags["recipe"], order=self.tags["order"])

    def over(self, since_ms: int, **tags: int) -> None:
        """Let a poll see tags that changed at some moment since then."""
        self.ms += 10
        took_ms = self.ms - since_ms
        self.ms = since_ms
        self.plc(took_ms, **tags)

    def unit(self, product: str = "valve", *, read: bool = True) -> int | None:
        """Make a unit and ask for its record."""
        self.made += 1
        if read:
            self.scan(self.code(product, self.made))
            self.turn(50)
        return self.cycle(self.made, count=self.made)

    def code(self, product: str, serial: int) -> str:
        """Return the code of a unit."""
        return f"{GTINS[product]}/{serial}" if self.plan is BY_SCAN else f"SN-{serial}"

    def lots(self) -> int:
        """Return how many pieces are in rows."""
        self.turn(3_000)
        return sum(row.n for row in self.of(LotCounted))


@pytest.mark.parametrize("reboot", [None, False, True])
@pytest.mark.parametrize("source", SOURCES)
def test_lot_to_serial_and_back(source: str, reboot: bool | None) -> None:  # noqa: FBT001 - a case
    """No piece is lost or doubled at a changeover, whatever tells it, and over restarts."""
    press = Press(SOURCES[source])
    press.set_up("screw")
    press.count(3)
    if reboot is not None:
        press.turn(3_000)
        press.again(reboot=reboot)
    press.set_up("valve")
    assert [press.unit(), press.unit()] == [1, 1]
    if reboot is not None:
        press.again(reboot=reboot)
    press.set_up("screw")
    press.count(2)
    assert press.lots() == 5
    assert len(press.of(UnitCompleted)) == 2
    assert (press.of(CycleMissed), press.of(UnitUnbound)) == ([], [])
    assert {row.product for row in press.of(LotCounted) if row.n} == {"screw"}
    assert {unit.by for unit in press.of(UnitCompleted)} == {"serial"}
    assert all(unit.certainty is Certainty.CERTAIN for unit in press.of(UnitCompleted))


@pytest.mark.parametrize("source", SOURCES)
def test_cycle_of_a_lot_is_answered_without_a_unit(source: str) -> None:
    """It is answered by the machine's verdict, and its piece is in the counter's row (D-29)."""
    press = Press(SOURCES[source])
    press.set_up("screw")
    press.made = 1
    assert press.cycle(1, count=1) == 1
    press.made = 2
    assert press.cycle(2, count=2, ok=False) == 2
    counted = press.of(CycleCounted)
    assert [(event.result, event.by, event.product) for event in counted] == [
        (Result.OK, "lot", "screw"),
        (Result.NOK, "lot", "screw"),
    ]
    assert counted[0].lot is not None
    assert counted[0].values[0].name == "force"
    assert (press.lots(), press.units()) == (2, counted)
    assert press.cycle(2, count=2) == 2
    assert len(press.of(CycleCounted)) == 2  # a repeat has the answer that it had (D-20)


def test_begin_of_a_lot_is_answered_too() -> None:
    """Whatever it is, it may run here: there is no unit to ask about, and nothing was made yet."""
    press = Press(handshakes=(BEGIN, MIXED.handshakes[0]))
    press.set_up("screw")
    press.plc(b_trigger=True, b_request=1)
    press.answer()
    press.due()
    assert press.device["b_result"] == 1
    (event,) = press.of(CycleCounted)
    assert (event.handshake, event.result) == ("begin", None)


def test_scan_before_a_cycle_of_a_lot_is_nobodys() -> None:
    """It expires with the cycle; one that comes under its trigger may be the next unit's."""
    press = Press()
    press.set_up("screw")
    press.scan("SN-1")
    press.turn(50)
    press.plc(trigger=True, request=1, count=1)
    press.answer()
    assert [event.reason for event in press.of(ScanExpired)] == [ExpiryReason.COUNTED]
    press.turn(100)
    press.scan("SN-2")
    press.due()
    press.plc(trigger=False)
    assert len(press.of(ScanExpired)) == 1
    press.plc(recipe="V-1")
    assert press.cycle(2, count=2) == 1
    assert press.of(UnitCompleted)[-1].unit == "SN-2"


def test_changeover_while_counts_run_is_possible_for_both() -> None:
    """Pieces of the interval are in one row, possible for the lot or units without a record."""
    press = Press()
    press.set_up("screw")
    press.count(2)
    press.turn(2_000)
    since_ms = press.ms
    press.plc(200, recipe="V-1")
    press.over(since_ms, count=4)
    press.made = 4
    press.turn(300)
    press.unit()
    rows = [row for row in press.of(LotCounted) if row.products]
    assert [(row.n, row.certainty, row.products) for row in rows] == [
        (2, Certainty.POSSIBLE, ("screw", "valve"))
    ]
    assert Why.PRODUCT_CHANGED in rows[0].why
    assert press.lots() == 4
    assert len(press.of(UnitCompleted)) == 1


def test_changeover_while_a_cycle_is_open() -> None:
    """The snapshot holds the product of its cycle, for the PLC holds its data still (D-18)."""
    press = Press()
    press.set_up("valve")
    press.scan("SN-1")
    press.turn(50)
    press.made = 1
    press.plc(trigger=True, request=1, count=1)
    press.answer()
    press.plc(recipe="S-1")
    press.due()
    press.plc(trigger=False)
    press.count(2)
    (unit,) = press.of(UnitCompleted)
    assert (unit.product, unit.certainty) == ("valve", Certainty.CERTAIN)
    assert press.lots() == 2


@pytest.mark.parametrize("read", [True, False])
def test_cycle_that_overlaps_a_scanned_changeover(read: bool) -> None:  # noqa: FBT001 - a case
    """It is possible for both: a unit if a code came, else a piece of the lot or a unit (D-29)."""
    press = Press(BY_ORDER)
    press.set_up("screw")
    press.turn(2_000)
    press.plc(400, trigger=True, request=1, count=1)  # rose while the order was scanned
    press.ms -= 200
    press.scan("WO-11", took_ms=10)
    press.ms += 190
    if read:
        press.scan("SN-1")
    press.answer()
    press.turn(300)
    press.answer()
    event = press.units()[-1]
    assert isinstance(event, UnitCompleted if read else CycleCounted)
    assert event.products == ("screw", "valve")
    assert event.certainty is Certainty.POSSIBLE
    assert {Why.BOUNDARY_UNCERTAIN, Why.PRODUCT_CHANGED} <= set(event.why)


def test_piece_without_a_cycle_is_missed() -> None:
    """When the next unit's cycle comes, or when a lot's pieces were made after it."""
    press = Press()
    press.set_up("valve")
    press.count(2)
    press.unit()
    assert [(event.n, event.from_count, event.to_count) for event in press.of(CycleMissed)] == [
        (2, 0, 3)
    ]
    press.count(1)
    press.set_up("screw")
    press.count(2)
    assert press.lots() == 2
    assert [event.n for event in press.of(CycleMissed)] == [2, 1]


def test_piece_of_an_open_cycle_waits_for_it() -> None:
    """A row of a lot made after it is not recorded before that cycle is over."""
    press = Press()
    press.set_up("valve")
    press.scan("SN-1")
    press.turn(50)
    press.plc(trigger=True, request=1, count=1)
    press.plc(recipe="S-1")
    press.plc(count=3)
    press.turn(3_000)
    assert press.of(CycleMissed) == []
    press.plc(trigger=False)
    assert press.of(CycleAborted)
    press.turn(3_000)
    assert [event.n for event in press.of(CycleMissed)] == [1]
    assert press.lots() == 2


def test_counter_that_cannot_be_read_with_its_cycle() -> None:
    """Its piece is not missed when the next one's number is read."""
    press = Press()
    press.set_up("valve")
    press.bad = {"count"}
    press.unit()
    press.bad = set()
    press.unit()
    assert [unit.count for unit in press.of(UnitCompleted)] == [None, 2]
    assert [event.n for event in press.of(CycleMissed)] == [0]
    press.set_up("screw")
    press.count(2)
    assert press.lots() == 2
    assert [event.n for event in press.of(CycleMissed)] == [0]


def test_requests_tell_what_was_missed_without_a_counter() -> None:
    """Each piece is told once, also when the counter is read again."""
    press = Press()
    press.set_up("valve")
    press.unit()
    press.bad = {"count"}
    press.scan("SN-9")
    press.turn(50)
    press.cycle(3, count=3)
    press.bad = set()
    press.made = 3
    press.unit()
    assert [(event.reason, event.n) for event in press.of(CycleMissed)] == [
        ("request", 1),
        ("counter", 0),
    ]


@pytest.mark.parametrize("to", [3, 900])
def test_counter_that_went_back_or_jumped(to: int) -> None:
    """What waits is recorded before it; then it counts on from there (D-31)."""
    press = Press()
    press.set_up("valve")
    press.made = 100
    press.count(3)
    press.plc(count=to)
    assert [event.n for event in press.of(CycleMissed)] == [3] or press.of(CounterReset)
    assert press.of(CounterReset)[-1].to_count == to
    press.made = to
    press.unit()
    assert press.of(UnitCompleted)[-1].count == to + 1


def test_unknown_product_is_tracked_in_the_finest_level() -> None:
    """Nothing is guessed, nothing is lost: the record says that it was not known (D-4)."""
    press = Press()
    press.plc(recipe="X-9")
    assert press.unit() == 1
    (unit,) = press.of(UnitCompleted)
    assert (unit.by, unit.product, unit.certainty) == ("both", "X-9", Certainty.CERTAIN)
    assert unit.why == (Why.PRODUCT_UNKNOWN,)
    assert (unit.lot, unit.lots, unit.lot_why) == (None, (), (Why.NO_LOT_OPEN,))


def test_unknown_product_can_be_refused() -> None:
    """A unit gets answer 6; pieces that are counted are made all the same."""
    screw = BY_TAG.products[1]
    plan = replace(BY_TAG, unknown=replace(screw, name=""), refuses=True)
    press = Press(products=plan)
    press.made = 1
    assert press.cycle(1, count=1) == 6
    (event,) = press.of(UnitRefused)
    assert (event.reason, event.by) == (Why.PRODUCT_UNKNOWN, "lot")
    press.turn(3_000)
    press.plc(recipe="V-1")
    press.count(1)
    press.plc(recipe="")
    press.count(2)
    press.scan("LOT-7")
    press.turn(2_000)
    press.count(2)
    press.lots()
    last = press.of(LotCounted)[-1]
    assert (last.certainty, last.why, last.lot) == (
        Certainty.CERTAIN,
        (Why.PRODUCT_UNKNOWN,),
        "LOT-7",
    )


def test_nothing_may_be_made_of_a_lot_either() -> None:
    """What a unit is refused for stops a piece as well: operator, order, material."""
    press = Press(requires_order=Policy.REFUSE)
    press.set_up("screw")
    press.made = 1
    assert press.cycle(1, count=1) == 6
    assert press.of(UnitRefused)[-1].reason is Why.ORDER_MISSING
    assert press.lots() == 1


def test_product_waits_for_its_tag_after_a_lost_link() -> None:
    """What was counted meanwhile is of either product, once the tag is read (D-29)."""
    press = Press()
    press.set_up("screw")
    press.count(2)
    press.turn(2_000)
    press.link("plc", up=False)
    press.tags |= {"count": 5, "recipe": "V-1"}
    press.link("plc", up=True)
    press.bad = {"recipe"}
    press.answer()
    press.plc(count=5)
    press.turn(3_000)
    assert sum(row.n for row in press.of(LotCounted)) == 2
    press.bad = set()
    press.plc(recipe="V-1")
    press.made = 5
    press.unit()
    row = press.of(LotCounted)[-1]
    assert (row.n, row.certainty, row.products) == (3, Certainty.POSSIBLE, ("screw", "valve"))


def test_row_of_several_products_has_each_of_them() -> None:
    """Two changes in one interval leave three that a piece may be of."""
    press = Press()
    press.set_up("screw")
    press.count(1)
    press.turn(2_000)
    since_ms = press.ms
    press.plc(100, recipe="S-17")
    press.plc(100, recipe="V-1")
    press.over(since_ms, count=3)
    press.made = 3
    press.turn(300)
    press.unit()
    row = press.of(LotCounted)[-1]
    assert row.n == 2
    assert set(row.products) == {"screw", "valve"}


def test_snapshot_may_show_what_a_poll_has_not_seen_yet() -> None:
    """Pieces of the lot before the changeover, counted but not polled, are not missed units."""
    press = Press()
    press.set_up("screw")
    press.count(1)
    press.turn(2_000)
    press.tags["count"] = 3  # no poll has seen it
    press.turn(100)
    press.scan("SN-4", took_ms=5)
    press.tags["recipe"] = "V-1"
    press.made = 4
    press.cycle(4, count=4)
    rows = [row for row in press.of(LotCounted) if row.n == 2]
    assert [(row.products, row.certainty) for row in rows] == [
        (("screw", "valve"), Certainty.POSSIBLE)
    ]
    assert press.of(CycleMissed) == []


def test_scan_under_the_trigger_of_a_lots_cycle_is_kept() -> None:
    """It may be the next unit's, whose product is about to be set up (D-24)."""
    press = Press()
    press.set_up("screw")
    press.plc(trigger=True, request=1, count=1)
    press.scan("SN-2")
    press.answer()
    assert press.of(CycleCounted)
    assert press.of(ScanExpired) == []
