"""A press that makes several products, each with a granularity of its own."""

from dataclasses import replace

from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.station import By, Counter, Pairing, Product, ProductPlan, Station, Strategy
from tests.core_rig import PRESS, RULES

VALVE = Product(name="valve", by=By.SERIAL, ids=("V-1", "09506000134352"))
SCREW = Product(name="screw", by=By.LOT, ids=("S-1", "09506000134369"), pattern=r"S-\d\d")
PUMP = Product(name="pump", by=By.BOTH, ids=("P-1", "09506000134376"))
PRODUCTS = (VALVE, SCREW, PUMP)
STRICTEST = Product(name="unknown", by=By.BOTH)
BY_TAG = ProductPlan(products=PRODUCTS, tag="recipe", device="plc", unknown=STRICTEST)
BY_ORDER = ProductPlan(
    products=PRODUCTS,
    orders=(("WO-1", "valve"), ("WO-2", "screw"), ("WO-3", "pump"), ("WO-12", "screw")),
    unknown=STRICTEST,
)
BY_ORDER_TAG = replace(BY_ORDER, tag="order", device="plc")
BY_SCAN = ProductPlan(products=PRODUCTS, unknown=STRICTEST)
GTIN = ScanRule(match=RegexMatch(pattern=r"(?P<gtin>\d{14})/(?P<serial>\d+)"), means=Means.UNIT)
GTIN_LOT = ScanRule(match=RegexMatch(pattern=r"(?P<gtin>\d{14})L(?P<lot>\d+)"), means=Means.LOT)
MIXED = replace(
    PRESS,
    pairing=Pairing(strategy=Strategy.SCAN_THEN_CYCLE, window_ms=30_000, settle_ms=200),
    counter=Counter(device="plc", tag="count", modulus=65_536, max_step=200, fastest_ms=1),
    scans=(*RULES, GTIN, GTIN_LOT),
    products=BY_TAG,
)
"""Valves by serial, screws by lot, pumps by both; the recipe says which."""


def told_by(plan: ProductPlan) -> Station:
    """Return the press with another source of its product."""
    if plan is BY_ORDER_TAG:
        return replace(MIXED, products=plan, order="order", order_device="plc")
    return replace(MIXED, products=plan)
