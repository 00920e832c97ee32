"""Stations with something open, each for one sort of thing that a changed station file meets."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.station import (
    By,
    Bypass,
    Counter,
    Pairing,
    Product,
    ProductPlan,
    StateSource,
    Strategy,
    Watch,
)
from tests.core_rig import BEGIN, ECU, END, FILLER, HOUSING, PRESS, RULES, Rig
from tests.packing_rig import bench as packing
from tests.unit.core.test_carriers import BY_TAG, load
from tests.unit.core.test_queueing import enter
from tests.unit.core.test_queueing import rig_of as line

TAGS = (
    "recipe",
    "trigger",
    "request",
    "b_trigger",
    "b_request",
    "count",
    "lot",
    "order",
    "passed",
    "key",
)
HERE = dict.fromkeys((*TAGS, "boots", "life"), "here")
PASSED = Counter(device="plc", tag="passed", modulus=100, max_step=9, fastest_ms=1)
COUNT = Counter(device="plc", tag="count", modulus=65_536, max_step=5, fastest_ms=1)


def press(**changes: object) -> Rig:
    """Return a press with its links up, its tags known by where they are."""
    rig = Rig(replace(PRESS, sources=HERE, **changes))  # type: ignore[arg-type]  # fields of Station
    rig.up()
    return rig


def filler(**changes: object) -> Rig:
    """Return a filler that has counted to a lot on an order."""
    rig = Rig(replace(FILLER, sources=HERE, **changes))  # type: ignore[arg-type]  # as above
    rig.link("plc", up=True)
    rig.plc(count=1, lot="A", order="WO-1")
    rig.plc(count=3)
    rig.turn(2_000)
    return rig


def scanned_lot() -> Rig:
    """A lot that was scanned is made."""
    rig = filler(lot=None, lot_device=None)
    rig.scan("LOT-1")
    return rig


def tagged_product() -> Rig:
    """A tag has named the product."""
    plan = ProductPlan(
        products=(Product(name="jam", by=By.LOT, ids=("P1",)),),
        tag="recipe",
        device="plc",
        unknown=Product(name="unknown", by=By.LOT),
    )
    rig = filler(products=plan)
    rig.plc(recipe="P1")
    return rig


def scanned_product() -> Rig:
    """The code of a lot has named the product."""
    rule = ScanRule(match=RegexMatch(pattern=r"LOT-(?P<lot>\d+)-(?P<product>P\d)"), means=Means.LOT)
    plan = ProductPlan(
        products=(Product(name="jam", by=By.LOT, ids=("P1",)),),
        unknown=Product(name="unknown", by=By.LOT),
    )
    rules = (*(each for each in RULES if each.means is not Means.LOT), rule)
    rig = filler(products=plan, scans=rules, lot=None, lot_device=None)
    rig.scan("LOT-1-P1")
    return rig


def scan() -> Rig:
    """A scan waits for its cycle."""
    rig = press()
    rig.scan("SN-1")
    return rig


def request() -> Rig:
    """A request is answered; the PLC may ask it again. Its snapshot had the piece counter."""
    rig = press(counter=COUNT)
    rig.scan("SN-1")
    rig.turn(500)
    rig.cycle(1)
    return rig


def unit() -> Rig:
    """`begin` has let a unit in."""
    rig = press(handshakes=(BEGIN, END))
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    rig.plc(b_trigger=False)
    return rig


def bypass() -> Rig:
    """The PLC has let units go, and its key was seen."""
    rig = press(bypass=Bypass(counter=PASSED, key="key"))
    rig.plc(passed=5, key=True)
    return rig


def material() -> Rig:
    """A lot is loaded."""
    rig = press(components=(HOUSING, ECU))
    rig.scan("L-1")
    return rig


def component() -> Rig:
    """A serial component waits for its unit."""
    rig = press(components=(HOUSING, ECU))
    rig.scan("ECU-1")
    return rig


def session() -> Rig:
    """Somebody is signed on."""
    rig = press()
    rig.scan("OP-1")
    return rig


def order() -> Rig:
    """An order that was scanned runs."""
    rig = press()
    rig.scan("WO-1")
    return rig


def carrier() -> Rig:
    """A carrier bears a unit, and stands at the load point."""
    rig = Rig(replace(BY_TAG, sources=HERE))
    for reader in ("loader", "unloader"):
        rig.link(reader, up=True)
    rig.up()
    load(rig, "CAR-1", "SN-1")
    return rig


def parent() -> Rig:
    """A box takes what is read."""
    rig = packing()
    rig.codes("BOX-1")
    return rig


def queue() -> Rig:
    """Two parts are on their way to the station."""
    rig = line(sources=HERE)
    enter(rig, 1, 2)
    return rig


def device() -> Rig:
    """A PLC that tells its starts was seen."""
    rig = press(watches=(Watch(device="plc", boots="boots", memory_lost="life"),))
    rig.plc(boots=1, life=1)
    return rig


def state() -> Rig:
    """The machine is seen to run."""
    rig = press(state=StateSource(device="plc", run="run"))
    rig.plc(run=True)
    return rig


def bench() -> Rig:
    """A code was scanned at a bench, and may still turn out to be one of two."""
    table = Pairing(strategy=Strategy.SCAN_ONLY, window_ms=1_000, settle_ms=200)
    rig = Rig(replace(PRESS, pairing=table, handshakes=(), ready=None, devices=("scanner",)))
    rig.link("scanner", up=True)
    rig.scan("SN-1")
    return rig


THINGS: Mapping[str, Callable[[], Rig]] = {
    "scan": scan,
    "request": request,
    "unit": unit,
    "lot": filler,
    "counter": filler,
    "bypass": bypass,
    "key": bypass,
    "load": material,
    "component": component,
    "session": session,
    "order": order,
    "parent": parent,
    "carrier": carrier,
    "loading": carrier,
    "queue": queue,
    "device": device,
    "state": state,
    "bench": bench,
    "tagged order": filler,
    "cycle count": request,
    "scanned lot": scanned_lot,
    "product": tagged_product,
    "scanned product": scanned_product,
}
NAMED = {
    "bench": "scan",
    "tagged order": "order",
    "cycle count": "counter",
    "scanned lot": "lot",
    "scanned product": "product",
}
"""What a thing is called in the event, where the scene's name is another."""
