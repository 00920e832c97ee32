"""What orders must agree with, the plan they come down to, and how they are told back."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.model import Track
from agent.config.ordered import OrderSection
from agent.config.parts import Parts
from agent.config.problems import Path
from agent.core.identity.scan_rule import Means
from agent.core.order_plan import OrderPlan, Reached
from agent.core.station import Outcome, Station, Strategy

_AT: Path = ("track", "order")
_OF_TAG = ("quantity", "product")
_OF_UNITS = ("counts", "wrong_product", "products")


def check_order(parts: Parts, track: Track) -> None:
    """Note what an order's keys ask for that nothing can give."""
    section = track.order
    if section is None:
        return
    if section.tag is None:
        for key in (key for key in _OF_TAG if getattr(section, key) is not None):
            hint = "add `tag`, or let the label of the order say it"
            parts.refuse((*_AT, key), f"`{key}` needs `tag`", hint, key=True)
    tags = [parts.tags.get(tag) for tag in (section.tag, section.quantity, section.product) if tag]
    devices = {tag.section.device for tag in tags if tag is not None}
    if len(devices) > 1:
        message = f"its tags are on {' and '.join(sorted(devices))}"
        parts.refuse(_AT, message, "one device tells the order", key=True)
    if track.pair.strategy is not Strategy.COUNT_ONLY:
        return
    for key in sorted(section.model_fields_set & set(_OF_UNITS)):
        message = "`count-only` judges no unit: every piece counts"
        parts.refuse((*_AT, key), message, "remove it", key=True)
    if section.reached is Reached.REFUSE:
        message = "`count-only` judges no unit, so there is nothing to refuse"
        parts.refuse((*_AT, "reached"), message, "write `end` or `warn`")


def tag_of(track: Track) -> str | None:
    """Return the tag that names the order; None: it is scanned."""
    return track.order.tag if track.order is not None else None


def orders_of(track: Track) -> OrderPlan:
    """Return what the station makes of its orders."""
    section = track.order or OrderSection()
    return OrderPlan(
        quantity=section.quantity,
        product=section.product,
        reached=section.reached,
        good_only=section.counts == "good",
        refuses_wrong=section.wrong_product == "refuse",
        products=section.products,
        resumes=section.again == "continue",
    )


def told(station: Station) -> Iterator[str]:
    """Yield where orders come from, what counts to them and what follows, in plain words."""
    scanned = any(rule.means is Means.ORDER for rule in station.scans)
    if station.order is None and not scanned:
        return
    plan, at_bench = station.orders, station.pairing.strategy is Strategy.SCAN_ONLY
    answer = f"answer {station.outcome_code(Outcome.NOT_RELEASED)}"
    refused = f"refused, {'the reader is told bad' if at_bench else answer}"
    tags = [f"how many by '{plan.quantity}'"] if plan.quantity else []
    tags += [f"of what by '{plan.product}'"] if plan.product else []
    source = f"tag '{station.order}'" if station.order else "scan, or by a command"
    yield ", ".join([f"named by {source}", *tags])
    counts_pieces = station.pairing.strategy is Strategy.COUNT_ONLY
    what = "pieces" if counts_pieces else "good units" if plan.good_only else "all units"
    again = "goes on" if plan.resumes else "counts anew"
    yield f"{what} count to the quantity; one that is started again {again}"
    yield f"quantity reached: {_REACHED[plan.reached].format(refused=refused)}"
    if not counts_pieces:
        wrong = refused if plan.refuses_wrong else "recorded as such"
        yield f"a unit of another product than the order's: {wrong}"
    for product, units in plan.products.items():
        yield f"an order for {product}: units of {' or '.join(units)}"


_REACHED = {
    Reached.WARN: "told, and work goes on",
    Reached.END: "the order ends",
    Reached.REFUSE: "further units are {refused}",
}
