"""What an order's events say, to the last field (D-65 to D-67)."""

from dataclasses import replace

import pytest

from agent.core import binder
from agent.core.draft import Draft
from agent.core.events import (
    CodeScanned,
    CommandRefused,
    Declined,
    LotCounted,
    OrderChanged,
    OrderEnded,
    OrderStarted,
    Why,
)
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.order_plan import OrderPlan
from agent.core.orders import doubts
from agent.core.people_parts import OrderCount
from agent.core.station import Policy, Station
from tests.core_rig import CAMERA, FILLER, PRESS, RULES, Rig
from tests.whole import whole

LABEL = ScanRule(
    match=RegexMatch(pattern=r"(?P<order>JOB-\d+)(/(?P<product>[^/]*)/(?P<quantity>[^/]*))?"),
    means=Means.ORDER,
)
LABELLED = replace(PRESS, scans=(LABEL, *RULES))
BY_TAG = replace(CAMERA, order="order", order_device="plc")


def up(station: Station) -> Rig:
    """Return a station with its links up."""
    rig = Rig(station)
    rig.up()
    return rig


def test_an_order_by_its_labels() -> None:
    """Each event names the scan that led to it; what is known is kept until it is said anew."""
    rig = up(LABELLED)
    rig.scan("JOB-1/VALVE/40")
    first = rig.of(CodeScanned)[-1]
    rig.turn(2_000)
    rig.scan("JOB-1//50")
    change = rig.of(CodeScanned)[-1]
    rig.turn(2_000)
    rig.scan("ORDER END")
    end = rig.of(CodeScanned)[-1]
    assert whole(rig.of(OrderStarted)[0]) == {
        "because": (first.address,),
        "order": "JOB-1",
        "product": "VALVE",
        "quantity": 40,
        "source": "scan",
    }
    assert whole(rig.of(OrderChanged)[0]) == {
        "because": (change.address,),
        "order": "JOB-1",
        "product": "VALVE",
        "quantity": 50,
        "previous_product": "VALVE",
        "previous_quantity": 40,
    }
    assert whole(rig.of(OrderEnded)[0]) == {
        "because": (end.address,),
        "order": "JOB-1",
        "reason": "scan",
        "product": "VALVE",
        "quantity": 50,
        "good": 0,
        "nok": 0,
        "total": 0,
    }
    assert (rig.state.people.order, rig.state.people.count) == (None, None)


def test_what_a_change_says_is_what_is_known_from_then_on() -> None:
    """The product too; what was told of another quantity is told anew."""
    rig = up(LABELLED)
    rig.scan("JOB-1/VALVE/40")
    rig.turn(2_000)
    count = replace(OrderCount(order="JOB-1", product="VALVE", quantity=40), told=("reached",))
    rig.state = replace(rig.state, people=replace(rig.state.people, count=count))
    rig.scan("JOB-1/PUMP/40")
    assert rig.state.people.count == replace(count, product="PUMP")
    rig.turn(2_000)
    rig.scan("JOB-1/PUMP/41")
    assert rig.state.people.count == replace(count, product="PUMP", quantity=41, told=())


def test_an_order_by_its_tag() -> None:
    """The tag's change led to it; an empty one ends it."""
    rig = up(BY_TAG)
    rig.plc(order="JOB-1")
    seen = rig.observations[-1].id
    assert whole(rig.of(OrderStarted)[0]) == {
        "because": (seen,),
        "order": "JOB-1",
        "source": "tag",
    }
    rig.plc(order="JOB-2")
    seen = rig.observations[-1].id
    assert [event.because for event in rig.of(OrderEnded)] == [(seen,)]
    assert rig.of(OrderStarted)[-1].because == (seen,)
    rig.plc(order="")
    assert [event.reason for event in rig.of(OrderEnded)] == ["next_order", "tag"]
    assert rig.of(OrderEnded)[-1].because == (rig.observations[-1].id,)


def test_an_order_by_a_person() -> None:
    """With its product and quantity, who gave it and why; a number that is none is refused."""
    rig = up(PRESS)
    rig.command("order-start", order="JOB-1", product="VALVE", quantity="40", reason="rush")
    given = rig.observations[-1].id
    by = {"who": "k:OP-7", "remark": "rush"}
    assert whole(rig.of(OrderStarted)[0]) == by | {
        "because": (given,),
        "order": "JOB-1",
        "product": "VALVE",
        "quantity": 40,
        "source": "command",
    }
    rig.command("order-end", reason="done")
    given = rig.observations[-1].id
    assert whole(rig.of(OrderEnded)[0]) == {
        "who": "k:OP-7",
        "remark": "done",
        "because": (given,),
        "order": "JOB-1",
        "reason": "command",
        "product": "VALVE",
        "quantity": 40,
        "good": 0,
        "nok": 0,
        "total": 0,
    }


@pytest.mark.parametrize(
    ("name", "arguments", "cause", "detail"),
    [
        (
            "order-start",
            {"order": "JOB-2", "quantity": "4.5"},
            Declined.BAD_ARGUMENT,
            "'4.5' is no whole number of units",
        ),
        ("order-start", {"order": "JOB-1"}, Declined.ALREADY, "'JOB-1' runs already"),
        ("order-end", {}, Declined.NOT_SO, "no order runs"),
    ],
)
def test_a_command_that_changes_nothing_is_refused(
    name: str, arguments: dict[str, str], cause: Declined, detail: str
) -> None:
    """With what stands against it."""
    rig = up(PRESS)
    if name == "order-start":
        rig.command("order-start", order="JOB-1")
    rig.command(name, **arguments)
    refused = rig.of(CommandRefused)[-1]
    assert (refused.cause, refused.detail) == (cause, detail)


def test_pieces_before_the_tag_changed_are_of_the_order_before() -> None:
    """They are recorded first, up to when the change began to be seen."""
    rig = Rig(FILLER)
    rig.link("plc", up=True)
    rig.plc(lot="LOT-1", order="JOB-1", count=0)
    rig.turn(3_000)
    rig.plc(count=3)
    rig.turn(100)
    rig.plc(20, order="JOB-2")
    rig.turn(3_000)
    rig.plc(count=5)
    rig.turn(3_000)
    rows = [(row.n, row.order) for row in rig.of(LotCounted) if row.n]
    assert rows == [(3, "JOB-1"), (2, "JOB-2")]


def test_a_unit_without_an_order_says_so_where_one_is_wanted() -> None:
    """And only there, and only as long as there is none."""
    wanted = replace(PRESS, requires_order=Policy.RECORD, orders=OrderPlan())
    for station, order, why in (
        (wanted, None, [Why.ORDER_MISSING]),
        (wanted, "JOB-1", []),
        (PRESS, None, []),
    ):
        rig = Rig(station)
        state = replace(rig.state, people=replace(rig.state.people, order=order))
        assert doubts(Draft(state, rig.working, rig.now, binder.evolve), None) == why
