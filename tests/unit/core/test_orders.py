"""On what the station works: counted once, over restarts, and what follows from the quantity."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core.events import (
    CodeRefused,
    CommandRefused,
    Declined,
    LotCounted,
    OperatorSignedOff,
    OrderChanged,
    OrderEnded,
    OrderOverrun,
    OrderReached,
    OrderStarted,
    SignOffReason,
    UnitCompleted,
    UnitRefused,
    Why,
)
from agent.core.identity.rules import Gs1Match, Means, RegexMatch, ScanRule
from agent.core.order_plan import OrderPlan, Reached
from agent.core.orders import MOST_ENDED, MOST_REWORKABLE, quantity_of
from agent.core.parts import Tracked
from agent.core.people_parts import OrderCount
from agent.core.station import Cavity, Mode, ModeTag, Policy, Station, Strategy
from tests.core_rig import CAMERA, END, FILLER, PRESS, Rig

LABEL = ScanRule(
    match=RegexMatch(pattern=r"WO-\d+(/(?P<product>[^/]*)/(?P<quantity>[^/]*))?"),
    means=Means.ORDER,
)
GS1_LABEL = ScanRule(
    match=Gs1Match(ais=frozenset({"400"}), also=frozenset({"00", "01", "02", "30", "37"})),
    means=Means.ORDER,
    id_from=("400",),
)
UNIT = ScanRule(match=RegexMatch(pattern=r"(?P<product>[A-Z]+):\d+"), means=Means.UNIT)


def station(base: Station = PRESS, **plan: Any) -> Station:  # noqa: ANN401 - any member
    """Return a station whose order labels say product and quantity."""
    scans = [rule for rule in base.scans if rule.means not in {Means.ORDER, Means.UNIT}]
    unit = ScanRule(match=RegexMatch(pattern=r"SN-\d+"), means=Means.UNIT)
    return replace(
        base,
        scans=(*scans, LABEL_CODE, GS1_LABEL, UNIT, unit),
        orders=OrderPlan(**plan),
        duplicates=Policy.RECORD,
    )


LABEL_CODE = replace(
    LABEL,
    match=RegexMatch(pattern=r"(?P<order>WO-\d+)(/(?P<product>[^/]*)/(?P<quantity>[^/]*))?"),
)


class Line(Rig):
    """A press that makes one unit after the other."""

    request = 0

    def make(self, unit: str, *, ok: bool = True) -> int | None:
        """Scan a unit and run its cycle; return the answer."""
        self.turn(2_000)
        self.scan(unit)
        self.request += 1
        return self.cycle(self.request, ok=ok)

    def order(self, label: str) -> None:
        """Scan an order's label."""
        self.turn(2_000)
        self.scan(label)

    def again(self) -> None:
        """Kill the agent and start it again."""
        self.turn(2_000)
        self.restart()
        self.up()


def line(base: Station = PRESS, **plan: Any) -> Line:  # noqa: ANN401 - any member
    """Return a press with its links up."""
    rig = Line(station(base, **plan))
    rig.tags |= {"left": "", "right": ""}
    rig.up()
    return rig


def counts(rig: Rig) -> tuple[int, int]:
    """Return what is counted for the order that runs, good and NOK."""
    count = rig.state.people.count
    assert count is not None
    return count.good, count.nok


def now(rig: Rig) -> str | None:
    """Return which order runs."""
    return rig.state.people.order


def said(rig: Rig) -> list[str]:
    """Return what was said of orders, in order."""
    return [event.kind for event in rig.events if event.kind.startswith("order_")]


# ------------------------------------------------------------------ begin and end


@pytest.mark.parametrize(
    ("written", "quantity"), [("12", 12), ("0012", 12), ("12.00", 12), ("0", None), (None, None)]
)
def test_a_quantity_is_a_whole_number(written: str | None, quantity: int | None) -> None:
    """0 is what a form has where nobody has filled it in."""
    assert quantity_of(written) == quantity


@pytest.mark.parametrize("written", ["12.5", "-1", "dozen", ""])
def test_a_label_with_another_quantity_is_refused(written: str) -> None:
    """An order of half a unit was misread: nothing is guessed."""
    rig = line()
    rig.order(f"WO-1/A/{written}")
    assert rig.of(CodeRefused)[-1].reason == "bad_quantity"
    assert now(rig) is None


def test_the_label_says_product_and_quantity() -> None:
    """By groups of a pattern, or by the identifiers of GS1: (01) and (30), (02) and (37)."""
    rig = line()
    rig.order("WO-1/A/100")
    begun = rig.of(OrderStarted)[0]
    assert (begun.order, begun.product, begun.quantity, begun.source) == ("WO-1", "A", 100, "scan")
    rig.order("]C10109506000134352400PO77\x1d30250")
    begun = rig.of(OrderStarted)[-1]
    assert (begun.order, begun.product, begun.quantity) == ("PO77", "09506000134352", 250)
    ended = rig.of(OrderEnded)[-1]
    assert (ended.order, ended.reason, ended.quantity) == ("WO-1", "next_order", 100)
    assert (ended.good, ended.nok, ended.total, ended.over) == (0, 0, 0, None)
    rig.order("]C100106141412345678908" + "0209506000134352" + "3740\x1d" + "400PO78")
    begun = rig.of(OrderStarted)[-1]
    assert (begun.order, begun.product, begun.quantity) == ("PO78", "09506000134352", 40)


def test_the_same_order_again_is_no_new_one() -> None:
    """L05: idempotent by its number; a label that says more changes what is known of it."""
    rig = line()
    rig.order("WO-1/A/100")
    rig.make("A:1")
    rig.again()
    rig.order("WO-1/A/100")
    rig.order("WO-1")
    assert said(rig) == ["order_started"]
    rig.order("WO-1/B/120")
    changed = rig.of(OrderChanged)[-1]
    assert (changed.previous_product, changed.product) == ("A", "B")
    assert (changed.previous_quantity, changed.quantity) == (100, 120)
    assert counts(rig) == (1, 0)


def test_an_order_comes_by_its_tags() -> None:
    """Name, quantity and product; the PLC may write them one after the other."""
    base = replace(CAMERA, order="order", order_device="plc")
    rig = line(base, quantity="many", product="what")
    rig.plc(order="WO-1", many=10, what="A")
    rig.plc(order=" WO-2 ")
    rig.plc(many=20)
    rig.plc(what="B", many=0)
    begun, second = rig.of(OrderStarted)
    assert (begun.order, begun.quantity, begun.product, begun.source) == ("WO-1", 10, "A", "tag")
    assert (second.order, second.quantity) == ("WO-2", 10)
    assert [(e.quantity, e.product) for e in rig.of(OrderChanged)] == [(20, "A"), (20, "B")]
    rig.again()
    rig.plc(order="WO-2", many=20, what="B")
    rig.plc(force=1.0)
    assert len(rig.of(OrderStarted)) == 2
    rig.bad = {"order"}
    rig.plc(order="WO-3")
    assert now(rig) == "WO-2"
    rig.bad = set()
    rig.plc(order="")
    assert (rig.of(OrderEnded)[-1].reason, now(rig)) == ("tag", None)


# ------------------------------------------------------------------ counting


def test_units_count_once_over_restarts() -> None:
    """Law 1: NOK, reworked to good, good again; a kill between each changes nothing."""
    rig = line()
    rig.order("WO-1/A/3")
    for unit, ok, wanted in (
        ("A:1", True, (1, 0)),
        ("A:2", False, (1, 1)),
        ("A:2", False, (1, 1)),
        ("A:2", True, (2, 0)),
        ("A:2", True, (2, 0)),
        ("A:1", True, (2, 0)),
        ("A:3", True, (3, 0)),
    ):
        rig.make(unit, ok=ok)
        assert counts(rig) == wanted
        rig.again()
        assert counts(rig) == wanted
    assert said(rig) == ["order_started", "order_reached"]


def test_what_is_carried_is_what_was_counted() -> None:
    """The state after the newest `state_carried` alone is the same."""
    rig = line()
    rig.order("WO-1/A/3")
    rig.make("A:1", ok=False)
    rig.order("WO-2")
    rig.make("A:2")
    rig.again()
    people = rig.state.people
    rig.events = [event for event in rig.events if event.epoch == rig.state.epoch]
    rig.restart()
    assert rig.state.people == people
    assert [(each.order, each.nok) for each in people.ended] == [("WO-1", 1)]


def test_what_is_no_production_is_not_counted() -> None:
    """A golden part is bound, where the station wants it, and counts to no order."""
    mode = ModeTag(tag="mode", values={1: Mode.AUTOMATIC, 2: Mode.GOLDEN_PART}, bind=True)
    rig = line(replace(PRESS, mode=mode), reached=Reached.REFUSE)
    rig.order("WO-1/A/1")
    rig.tags["mode"] = 2
    assert rig.make("A:1") == 1
    assert counts(rig) == (0, 0)
    rig.tags["mode"] = 1
    assert rig.make("A:2") == 1
    rig.tags["mode"] = 2
    assert rig.make("A:3") == 1
    rig.tags["mode"] = 9  # unknown: it may be production
    assert rig.make("A:4") == 6
    assert counts(rig) == (1, 0)


def test_units_without_an_order_count_to_none() -> None:
    """Neither to the one before nor to the next."""
    rig = line()
    rig.make("A:1")
    rig.order("WO-1/A/3")
    rig.make("A:1")  # here before the order began
    assert counts(rig) == (0, 0)
    rig.order("ORDER END")
    rig.make("A:3")
    assert rig.of(OrderEnded)[-1].total == 0


def test_pieces_count_to_the_order_that_runs() -> None:
    """Rows of a counter; those counted before a change are of the order before."""
    rig = Rig(replace(FILLER, orders=OrderPlan(quantity="many", reached=Reached.WARN)))
    rig.tags |= {"lot": "LOT-1", "order": "WO-1", "many": 10}
    rig.link("plc", up=True)
    rig.plc(lot="LOT-1", order="WO-1", many=10, count=0)
    rig.turn(3_000)
    rig.plc(count=7)
    rig.turn(3_000)
    rig.restart()
    rig.link("plc", up=True)
    rig.plc(lot="LOT-1", order="WO-1", many=10, count=9)
    rig.plc(order="WO-2")
    assert rig.of(OrderEnded)[-1].total == 9
    rig.turn(3_000)
    rig.plc(count=21)
    rig.turn(3_000)
    assert [row.n for row in rig.of(LotCounted) if row.order == "WO-2"] == [12]
    assert (rig.of(OrderReached)[-1].good, rig.of(OrderOverrun)[-1].n) == (12, 2)


def test_an_order_goes_on_where_it_ended() -> None:
    """Law 2: interrupted, it goes on counting; with `again: new` it begins anew."""
    rig = line()
    rig.order("WO-1/A/3")
    rig.make("A:1")
    rig.make("A:2", ok=False)
    rig.order("WO-2")
    rig.make("A:3")
    rig.again()
    rig.order("WO-1")
    begun = rig.of(OrderStarted)[-1]
    assert (begun.good, begun.nok, begun.quantity, begun.product) == (1, 1, 3, "A")
    rig.make("A:2")  # reworked meanwhile
    assert counts(rig) == (2, 0)

    anew = line(resumes=False)
    anew.order("WO-1/A/3")
    anew.make("A:1")
    anew.order("WO-2")
    anew.order("WO-1")
    begun = anew.of(OrderStarted)[-1]
    assert (begun.good, begun.quantity, begun.product) == (0, None, None)


def test_what_is_known_of_orders_is_bounded() -> None:
    """The oldest are forgotten first."""
    rig = line()
    for number in range(MOST_ENDED + 3):
        rig.order(f"WO-{number}")
    assert rig.state.people.ended[0].order == "WO-2"
    for number in range(MOST_REWORKABLE + 1):
        rig.make(f"A:{number}", ok=False)
    rig.make("A:0")
    assert counts(rig) == (0, MOST_REWORKABLE + 1)


# ------------------------------------------------------------------ the quantity


@pytest.mark.parametrize("restarts", [False, True])
def test_it_is_told_once_that_the_quantity_is_reached(
    restarts: bool,  # noqa: FBT001 - a table
) -> None:
    """Law 3: reached, then overrun, each once, whatever is killed between."""
    rig = line()
    rig.order("WO-1/A/2")
    for unit in range(1, 6):
        assert rig.make(f"A:{unit}") == 1
        if restarts:
            rig.again()
    assert said(rig) == ["order_started", "order_reached", "order_overrun"]
    assert (rig.of(OrderReached)[-1].good, rig.of(OrderOverrun)[-1].n) == (2, 1)
    rig.order("ORDER END")
    ended = rig.of(OrderEnded)[-1]
    assert (ended.good, ended.nok, ended.total, ended.over) == (5, 0, 5, 3)


def test_a_greater_quantity_is_reached_anew() -> None:
    """What was said held for the quantity before."""
    rig = line()
    rig.order("WO-1/A/1")
    rig.make("A:1")
    rig.order("WO-1/A/2")
    rig.make("A:2")
    assert said(rig)[1:] == ["order_reached", "order_changed", "order_reached"]


@pytest.mark.parametrize(("good_only", "left"), [(True, 1), (False, 0)])
def test_what_counts_is_declared(good_only: bool, left: int) -> None:  # noqa: FBT001 - a table
    """Good units alone, or every one."""
    rig = line(good_only=good_only)
    rig.order("WO-1/A/2")
    rig.make("A:1")
    rig.make("A:2", ok=False)
    assert 1 - len(rig.of(OrderReached)) == left


def test_the_order_ends_with_its_quantity() -> None:
    """`end`: what follows has none; scanned again it has nothing left to make."""
    rig = line(replace(PRESS, requires_order=Policy.REFUSE), reached=Reached.END)
    rig.order("WO-1/A/2")
    assert (rig.make("A:1"), rig.make("A:2")) == (1, 1)
    assert (rig.of(OrderEnded)[-1].reason, rig.of(OrderEnded)[-1].over) == (
        "quantity_reached",
        None,
    )
    assert rig.of(UnitCompleted)[-1].order == "WO-1"
    rig.again()
    assert rig.make("A:3") == 6
    assert rig.of(UnitRefused)[-1].reason is Why.ORDER_MISSING
    rig.order("WO-1/A/2")
    assert said(rig)[-2:] == ["order_started", "order_ended"]
    rig.order("WO-1/A/3")
    assert rig.make("A:3") == 1
    assert rig.of(OrderEnded)[-1].total == 3


def test_a_tag_that_still_shows_a_finished_order_starts_it_no_more() -> None:
    """Neither by itself nor with a new link; with a new quantity it goes on."""
    base = replace(CAMERA, order="order", order_device="plc")
    rig = line(base, quantity="many", reached=Reached.END)
    rig.plc(order="WO-1", many=1)
    rig.cycle(1, code="A:1")
    assert now(rig) is None
    rig.again()
    rig.plc(order="WO-1", many=1)
    assert said(rig) == ["order_started", "order_reached", "order_ended"]
    rig.plc(many=2)
    assert now(rig) == "WO-1"
    rig.plc(order="WO-2")
    assert now(rig) == "WO-2"


def test_further_units_are_refused_but_not_those_that_were_here() -> None:
    """`refuse`: answer 6 for one too many; a rework is none, by its visits or as counted NOK."""
    rig = line(reached=Reached.REFUSE)
    rig.order("WO-1/A/1")
    rig.make("A:1", ok=False)
    rig.make("A:2")
    rig.again()
    assert rig.make("A:3") == 6
    refused = rig.of(UnitRefused)[-1]
    assert (refused.reason, refused.order) == (Why.ORDER_REACHED, "WO-1")
    assert rig.make("A:2") == 1
    assert rig.make("A:1") == 1  # was NOK, is one too many now
    assert rig.of(OrderOverrun)[-1].n == 1
    rig.order("WO-2")
    assert rig.make("A:3") == 1


def test_a_row_that_goes_beyond_ends_the_order_with_all_of_it() -> None:
    """Pieces are made: what was counted until then is of the order, and too many."""
    rig = Rig(replace(FILLER, orders=OrderPlan(quantity="many", reached=Reached.END)))
    rig.tags |= {"lot": "LOT-1", "order": "WO-1", "many": 10}
    rig.link("plc", up=True)
    rig.plc(lot="LOT-1", order="WO-1", many=10, count=0)
    rig.turn(3_000)
    rig.plc(count=11)
    rig.turn(100)
    rig.plc(count=12)
    rig.turn(3_000)
    ended = rig.of(OrderEnded)[-1]
    assert (ended.reason, ended.total, ended.over) == ("quantity_reached", 12, 2)
    assert rig.of(OrderOverrun)


def test_all_cavities_of_a_cycle_are_of_one_order() -> None:
    """Law 4: the order ends behind them."""
    two = (Cavity(name="left", tag="left"), Cavity(name="right", tag="right"))
    base = replace(
        PRESS,
        pairing=replace(PRESS.pairing, strategy=Strategy.MULTI_CAVITY),
        handshakes=(replace(END, cavities=two),),
    )
    rig = line(base, reached=Reached.END)
    rig.order("WO-1/A/1")
    assert rig.cycle(1, left="A:1", right="A:2") == 1
    assert [unit.order for unit in rig.of(UnitCompleted)] == ["WO-1", "WO-1"]
    assert (rig.of(OrderEnded)[-1].total, rig.of(OrderEnded)[-1].over) == (2, 1)
    rig = line(base, reached=Reached.REFUSE)
    rig.order("WO-1/A/2")
    assert (rig.cycle(1, left="A:1", right="A:2"), rig.cycle(2, left="A:3", right="A:4")) == (1, 6)


# ------------------------------------------------------------------ what belongs to it


PRODUCTS = {"A-100": ("09506000134352", "A")}


@pytest.mark.parametrize(
    ("product", "unit", "fits"),
    [
        ("A", "A:1", True),
        ("B", "A:1", False),
        ("", "A:1", True),
        ("B", "SN-1", True),  # the unit's code says no product, and no recipe runs
        ("A-100", "A:1", True),
        ("A-100", "B:1", False),
    ],
)
@pytest.mark.parametrize("refuses", [True, False])
def test_a_unit_of_another_product(
    product: str,
    unit: str,
    fits: bool,  # noqa: FBT001 - a table
    refuses: bool,  # noqa: FBT001 - a table
) -> None:
    """D-39: answer 6 with a named reason, or recorded with it, also after a restart."""
    rig = line(refuses_wrong=refuses, products=PRODUCTS)
    rig.order(f"WO-1/{product}/5" if product else "WO-1")
    rig.again()
    answer = rig.make(unit)
    newest = rig.units()[-1]
    if fits:
        assert (answer, newest.why) == (1, ())
    elif refuses:
        assert isinstance(newest, UnitRefused)
        assert (answer, newest.reason) == (6, Why.WRONG_PRODUCT)
    else:
        assert (answer, newest.why, newest.certainty) == (1, (Why.WRONG_PRODUCT,), "certain")


def test_a_gtin_is_the_same_with_zeros_before_it() -> None:
    """GTIN-13 on the order's label, GTIN-14 in the unit's code."""
    rule = ScanRule(match=Gs1Match(ais=frozenset({"01", "21"})), means=Means.UNIT)
    base = replace(PRESS, scans=(*PRESS.scans, rule))
    rig = line(base)
    rig.station = replace(rig.station, scans=(*rig.station.scans, rule))
    rig.again()
    rig.order("WO-1/9506000134352/5")
    assert rig.make("]d201095060001343522177") == 1
    rig.order("WO-2/9506000134369/5")
    assert rig.make("]d201095060001343522178") == 6


def test_the_recipe_says_the_product_of_a_unit_that_does_not() -> None:
    """What runs on the machine is compared, by the station's name or the tag's."""
    rig = line()
    rig.order("WO-1/A/5")
    running = Tracked(named="A", product="housing", by=rig.station.by, from_lot=False)
    rig.state = replace(rig.state, product=replace(rig.state.product, running=running))
    assert rig.make("SN-1") == 1
    other = replace(running, named="B", product=None)
    rig.state = replace(rig.state, product=replace(rig.state.product, running=other))
    assert rig.make("SN-2") == 6


# ------------------------------------------------------------------ by a person


def test_a_person_starts_and_ends_an_order() -> None:
    """D-143: who and why are in the event; what cannot be done is refused by name."""
    rig = line()
    rig.command("order-start", order="WO-1", quantity="5", product="A", reason="as the plan says")
    begun = rig.of(OrderStarted)[-1]
    assert (begun.order, begun.quantity, begun.source) == ("WO-1", 5, "command")
    assert (begun.who, begun.remark) == ("k:OP-7", "as the plan says")
    rig.command("order-start", order="WO-1", quantity="5")
    assert rig.of(CommandRefused)[-1].detail == "'WO-1' runs already"
    rig.command("order-start", order="WO-1", quantity="2.5")
    assert rig.of(CommandRefused)[-1].detail == "'2.5' is no whole number of units"
    rig.command("order-start", order="WO-1", quantity="8")
    assert rig.of(OrderChanged)[-1].quantity == 8
    rig.command("order-end")
    ended = rig.of(OrderEnded)[-1]
    assert (ended.reason, ended.who) == ("command", "k:OP-7")
    rig.command("order-end")
    assert rig.of(CommandRefused)[-1].detail == "no order runs"


def test_an_order_by_tag_is_changed_at_the_machine() -> None:
    """The tag would start it again with the next link."""
    rig = line(replace(CAMERA, order="order", order_device="plc"))
    for name, arguments in (("order-start", {"order": "WO-1"}), ("order-end", {})):
        rig.command(name, **arguments)
        detail = "the order comes by the tag 'order'; change it at the machine"
        refused = rig.of(CommandRefused)[-1]
        assert (refused.cause, refused.detail) == (Declined.NOT_SO, detail)


def test_a_person_signs_others_off() -> None:
    """One by their reference, or everybody; who is not on cannot go."""
    rig = Line(replace(PRESS, crew=replace(PRESS.crew, most=3)))
    for badge in ("OP-1", "OP-2", "OP-3"):
        rig.turn(2_000)
        rig.scan(badge)
    rig.command("sign-off", operator="k:OP-2")
    off = rig.of(OperatorSignedOff)[-1]
    assert (off.operator.ref, off.reason, off.who) == ("k:OP-2", SignOffReason.COMMAND, "k:OP-7")
    rig.command("sign-off", operator="k:OP-2")
    assert rig.of(CommandRefused)[-1].detail == "'k:OP-2' is not signed on"
    rig.command("sign-off")
    assert rig.state.people.sessions == ()
    rig.command("sign-off")
    assert rig.of(CommandRefused)[-1].detail == "nobody is signed on"


# ------------------------------------------------------------------ from before


def rig_head(rig: Rig) -> dict[str, Any]:
    """Return the envelope of an event that this rig might have made."""
    last = rig.events[-1]
    members = ("epoch", "seq", "station", "config", "time", "machine")
    return {member: getattr(last, member) for member in members}


def test_an_order_of_an_older_journal_goes_on() -> None:
    """Its start had no quantity and its carried state no counts: it begins with none made."""
    rig = line()
    rig.order("WO-1")
    rig.state = replace(rig.state, people=replace(rig.state.people, count=None))
    rig.make("A:1")
    assert counts(rig) == (1, 0)
    rig.state = replace(rig.state, people=replace(rig.state.people, count=None))
    rig.order("ORDER END")
    assert rig.of(OrderEnded)[-1].total == 0


def test_an_end_without_an_order_changes_nothing() -> None:
    """Folds of a damaged or foreign history hold."""
    rig = line()
    rig.order("WO-1")
    rig.order("ORDER END")
    ended = rig.of(OrderEnded)[-1]
    rig.make("A:1")
    reached = OrderReached(**rig_head(rig), quantity=1, good=1, nok=0)
    rig.events += [replace(ended, seq=rig.state.seq + 1), replace(reached, seq=rig.state.seq + 2)]
    rig.start()
    assert now(rig) is None
    assert rig.state.people.ended == (OrderCount(order="WO-1"),)
