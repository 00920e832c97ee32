"""Changes of a station file, and the start under the changed one."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from functools import cache

from agent.core import binder
from agent.core.crew import Crew
from agent.core.events import ConfigChanged, OpenThing, StateCarried
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.station import By, Pairing, Station, Strategy, Until, Watch
from tests.core_rig import Rig
from tests.open_things import HERE, NAMED, THINGS


def without_rule(means: Means) -> Callable[[Station], Station]:
    """Let the codes of a meaning look otherwise."""

    def changed(station: Station) -> Station:
        group = "operator" if means is Means.OPERATOR else "id"
        other = ScanRule(
            match=RegexMatch(pattern=rf"X-(?P<{group}>\d+)"),
            means=means,
            position="housing" if means is Means.COMPONENT else None,
        )
        rules = tuple(rule for rule in station.scans if rule.means is not means)
        return replace(station, scans=(*rules, other))

    return changed


def of_pairing(**changes: object) -> Callable[[Station], Station]:
    """Change how scans and cycles are paired."""

    def changed(station: Station) -> Station:
        return replace(station, pairing=replace(station.pairing, **changes))  # type: ignore[arg-type]  # fields of Pairing

    return changed


def of_handshakes(**changes: object) -> Callable[[Station], Station]:
    """Change each handshake."""

    def changed(station: Station) -> Station:
        every = tuple(replace(each, **changes) for each in station.handshakes)  # type: ignore[arg-type]  # fields of Handshake
        return replace(station, handshakes=every)

    return changed


def of_position(position: str, **changes: object) -> Callable[[Station], Station]:
    """Change a position."""

    def changed(station: Station) -> Station:
        every = tuple(
            replace(each, **changes) if each.position == position else each  # type: ignore[arg-type]  # fields of Component
            for each in station.components
        )
        return replace(station, components=every)

    return changed


def of_counters(**changes: object) -> Callable[[Station], Station]:
    """Change each counter."""

    def changed(station: Station) -> Station:
        counter, passing = station.counter, station.bypass
        if counter is not None:
            station = replace(station, counter=replace(counter, **changes))  # type: ignore[arg-type]  # fields of Counter
        if passing is not None:
            other = replace(passing.counter, **changes)  # type: ignore[arg-type]  # as above
            station = replace(station, bypass=replace(passing, counter=other))
        return station

    return changed


def moved(*tags: str) -> Callable[[Station], Station]:
    """Let tags be elsewhere in their device, or in another one."""

    def changed(station: Station) -> Station:
        return replace(station, sources={**HERE, **dict.fromkeys(tags, "there")})

    return changed


def of_products(**changes: object) -> Callable[[Station], Station]:
    """Change how the products are told apart."""

    def changed(station: Station) -> Station:
        plan = station.products
        if plan is None:
            return station
        return replace(station, products=replace(plan, **changes))  # type: ignore[arg-type]  # fields of ProductPlan

    return changed


def another_way(station: Station) -> Station:
    """Let the reader of the queue be another one."""
    way = station.pairing.queue
    if way is None:
        return station
    return replace(station, pairing=replace(station.pairing, queue=replace(way, entry="other")))


CHANGES: Mapping[str, Callable[[Station], Station]] = {
    "nothing that matters": lambda station: replace(station, lookup_within_ms=501),
    "times": of_pairing(window_ms=9_000, settle_ms=300, late_ms=5),
    "strictness": lambda station: replace(station, crew=Crew(most=3), shift_ends=(360,)),
    "machine": lambda station: replace(station, machine="other"),
    "not recorded": lambda station: station,
    "strategy": lambda station: replace(
        station,
        pairing=Pairing(strategy=Strategy.CYCLE_THEN_SCAN, window_ms=30_000, settle_ms=200),
    ),
    "granularity": lambda station: replace(
        station, by=By.LOT if station.by is By.SERIAL else By.SERIAL
    ),
    "people": lambda station: replace(station, people="pseudonym"),
    "timezone": lambda station: replace(station, timezone="Europe/Vienna"),
    "unit rule": without_rule(Means.UNIT),
    "operator rule": without_rule(Means.OPERATOR),
    "order rule": without_rule(Means.ORDER),
    "lot rule": without_rule(Means.LOT),
    "carrier rule": without_rule(Means.CARRIER),
    "component rule": without_rule(Means.COMPONENT),
    "request tag": of_handshakes(request="other"),
    "request modulus": of_handshakes(modulus=100),
    "guard": of_handshakes(guard=("other",)),
    "trigger moved": moved("trigger", "b_trigger"),
    "no handshake": lambda station: replace(station, handshakes=()),
    "counter tag": of_counters(tag="other"),
    "counter modulus": of_counters(modulus=1_000),
    "counter moved": moved("count", "passed"),
    "no counter": lambda station: replace(station, counter=None, bypass=None),
    "lot tag": lambda station: replace(station, lot="other"),
    "lot moved": moved("lot"),
    "order tag": lambda station: replace(station, order="other"),
    "order moved": moved("order"),
    "product tag": of_products(tag="other"),
    "product moved": moved("recipe"),
    "unknown products": of_products(refuses=True),
    "no products": lambda station: replace(station, products=None),
    "no position": lambda station: replace(station, components=()),
    "housing by serial": of_position("housing", by=By.SERIAL),
    "ecu by lot": of_position("ecu", by=By.LOT),
    "products": of_position("housing", products=("P-1",)),
    "until": of_position("housing", until=Until.EMPTIED),
    "measure": of_position("housing", measure="kg"),
    "load reader": of_pairing(load=("scanner",)),
    "no levels": lambda station: replace(station, packing=()),
    "way": another_way,
    "starts": lambda station: replace(station, watches=(Watch(device="plc", boots="boots"),)),
    "starts moved": moved("boots", "life"),
    "no state": lambda station: replace(station, state=None),
}


@cache
def _scene(thing: str) -> Rig:
    """Return a scene that is played once, and copied for each change."""
    return THINGS[thing]()


def after(thing: str, change: str) -> tuple[Rig, ConfigChanged]:
    """Start again under the changed file; return what was declared."""
    rig = copy(_scene(thing))
    rig.events = list(rig.events)
    if change == "not recorded":
        rig.events = [
            event
            for event in rig.events
            if not (isinstance(event, StateCarried) and event.part == binder.PLAN)
        ]
    rig.station = replace(CHANGES[change](rig.station), config="c2")
    rig.restart()
    (declared,) = rig.of(ConfigChanged)
    return rig, declared


def found(declared: ConfigChanged, thing: str) -> OpenThing:
    """Return what was declared of a thing."""
    (one,) = (each for each in declared.open_things if each.what == NAMED.get(thing, thing))
    return one
