"""Orders in a station file: what the keys come down to, and how they are told back."""

from agent.config.explain import explained
from agent.core.order_plan import OrderPlan, Reached
from tests.unit.config.stations import FILLER, PRESS, edited, loaded


def told(text: str) -> list[str]:
    """Return what is told of orders."""
    lines = [line.split(maxsplit=1) for line in explained(loaded(text)).splitlines()]
    return [rest for word, rest in lines if word == "orders"]


def ordered(order: str) -> str:
    """Return the press with an order section."""
    return edited(PRESS, ("track:\n", f"track:\n  order: {order}\n"))


def test_without_a_section_orders_are_scanned_and_warned_of() -> None:
    """The default stops no machine: it tells."""
    station = loaded(PRESS).station
    assert (station.order, station.orders) == (None, OrderPlan())
    assert told(PRESS) == [
        "named by scan, or by a command",
        "good units count to the quantity; one that is started again goes on",
        "quantity reached: told, and work goes on",
        "a unit of another product than the order's: refused, answer 6",
    ]


def test_every_key_has_its_place_in_the_plan() -> None:
    """A single product is a list of one."""
    products = "products: {A: B, C: [D, E]}"
    text = ordered(
        f"{{reached: refuse, counts: all, wrong_product: record, again: new, {products}}}"
    )
    assert loaded(text).station.orders == OrderPlan(
        reached=Reached.REFUSE,
        good_only=False,
        refuses_wrong=False,
        products={"A": ("B",), "C": ("D", "E")},
        resumes=False,
    )
    assert told(text)[1:] == [
        "all units count to the quantity; one that is started again counts anew",
        "quantity reached: further units are refused, answer 6",
        "a unit of another product than the order's: recorded as such",
        "an order for A: units of B",
        "an order for C: units of D or E",
    ]


def test_an_order_by_tag_has_its_tags() -> None:
    """Name, quantity and product, all of one device."""
    more = "  many: {device: plc, table: holding, address: 40, type: uint16}\n"
    more += "  what: {device: plc, table: holding, address: 42, type: string, length: 20}\n"
    text = edited(
        FILLER,
        ("order: {tag: order}", "order: {tag: order, quantity: many, product: what, reached: end}"),
        ("track:\n", f"{more}track:\n"),
    )
    station = loaded(text).station
    assert (station.order, station.order_device) == ("order", "plc")
    assert station.orders == OrderPlan(quantity="many", product="what", reached=Reached.END)
    assert told(text) == [
        "named by tag 'order', how many by 'many', of what by 'what'",
        "pieces count to the quantity; one that is started again goes on",
        "quantity reached: the order ends",
    ]


def test_a_station_without_orders_is_not_told_of_them() -> None:
    """No rule, no tag: no line."""
    rule = r"  - {match: {regex: 'WO-(?P<order>\d{6})'}, means: order}" + "\n"
    text = edited(
        PRESS, (rule, ""), ("requires: {operator: refuse, order: record}", "requires: []")
    )
    assert told(text) == []
