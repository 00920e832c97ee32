"""What `product_changed` says, to the last field, whatever told the change (D-1)."""

from dataclasses import replace

import pytest

from agent.core.events import CodeScanned, ConfigChanged, OrderStarted, ProductChanged, Why
from agent.core.parts import LONG_AGO
from agent.core.station import ProductPlan
from tests.granular_rig import BY_ORDER, BY_SCAN, BY_TAG, PUMP, SCREW, VALVE
from tests.unit.core.test_granularity import Press
from tests.whole import whole


def test_a_tag_names_the_product_within_its_poll() -> None:
    """Between the polls that saw the old and the new one, because of the newer."""
    press = Press()
    press.set_up("valve")
    was = whole(press.of(ProductChanged)[-1])
    assert (was["named"], was["product"], was["by"]) == ("V-1", "valve", "serial")
    press.plc(200, recipe="S-1")
    assert whole(press.of(ProductChanged)[-1]) == {
        "because": (press.observations[-1].id,),
        "named": "S-1",
        "product": "screw",
        "by": "lot",
        "previous": "V-1",
        "source": "tag",
        "earliest_ms": press.ms - 200,
        "latest_ms": press.ms,
    }


def test_an_order_names_the_product() -> None:
    """Because of the order, whose scan is where it came from."""
    press = Press(BY_ORDER)
    press.set_up("screw")
    changed, order = press.of(ProductChanged)[-1], press.of(OrderStarted)[-1]
    said = whole(changed)
    assert (said["named"], said["product"], said["by"]) == (order.order, "screw", "lot")
    assert (said["source"], said.get("previous")) == ("order", None)


def test_the_code_of_a_unit_names_the_product() -> None:
    """The scan is the reason, and its time is when."""
    press = Press(BY_SCAN)
    press.set_up("screw")
    press.scan(press.code("valve", 1))
    changed, scan = press.of(ProductChanged)[-1], press.of(CodeScanned)[-1]
    assert whole(changed) == {
        "because": (scan.address,),
        "named": VALVE.ids[1],
        "product": "valve",
        "by": "serial",
        "previous": SCREW.ids[1],
        "source": "scan",
        "earliest_ms": scan.earliest_ms,
        "latest_ms": scan.latest_ms,
    }


def test_a_product_of_marked_units_says_that_they_come_from_lots() -> None:
    """As the plan has it (D-1)."""
    plan = replace(BY_TAG, products=(VALVE, SCREW, replace(PUMP, from_lot=True)))
    press = Press(plan)
    press.plc(recipe="P-1")
    assert press.of(ProductChanged)[-1].from_lot is True
    press.plc(recipe="V-1")
    assert press.of(ProductChanged)[-1].from_lot is not True


def test_a_product_that_the_file_now_tracks_otherwise_is_told_at_the_start() -> None:
    """From when the agent was last there until its start, and nobody's doing but the file's."""
    press = Press()
    press.set_up("screw")
    press.unit("screw")
    last_ms = press.ms
    plan = replace(BY_TAG, products=(VALVE, replace(SCREW, by=VALVE.by), PUMP))
    press.station = replace(press.station, products=plan, config="c2")
    press.turn(700)
    press.restart()
    said = whole(press.of(ProductChanged)[-1])
    assert last_ms - 1_000 <= int(str(said.pop("earliest_ms"))) <= last_ms + 700
    assert said == {
        "named": "S-1",
        "product": "screw",
        "by": "serial",
        "previous": "S-1",
        "source": "file",
        "latest_ms": press.ms,
    }


@pytest.mark.parametrize("is_counted", [False, True])
def test_a_product_of_another_source_is_unknown_since_the_last_piece(is_counted: bool) -> None:  # noqa: FBT001 - a case
    """Since the newest reading of the counter; without one, nobody knows since when (D-1)."""
    press = Press() if is_counted else Press(counter=None)
    press.set_up("screw")
    press.count(1)
    press.lots()
    counted = press.state.production.counted
    assert (counted is not None) is is_counted
    other = replace(BY_TAG, tag="order")
    press.station = replace(press.station, products=other, config="c2")
    press.restart()
    declared = press.of(ConfigChanged)[-1]
    assert whole(press.of(ProductChanged)[-1]) == {
        "because": (declared.address,),
        "why": (Why.PRODUCT_UNKNOWN,),
        "by": "both",
        "previous": "S-1",
        "source": "file",
        "earliest_ms": LONG_AGO if counted is None else counted.at_ms,
        "latest_ms": press.ms,
    }


@pytest.mark.parametrize("plan", [None, BY_TAG])
def test_a_press_that_counts_no_pieces_has_no_rows(plan: ProductPlan | None) -> None:
    """What a cycle's snapshot shows is accounted for only where pieces are counted to a lot."""
    press = Press()
    press.station = replace(press.station, products=plan, counter=None)
    press.restart()
    press.up()
    press.scan("SN-1")
    press.turn(500)
    assert press.cycle(1, count=4) is not None
    assert press.lots() == 0
