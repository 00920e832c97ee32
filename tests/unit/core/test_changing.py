"""A changed station file: what becomes of each open thing, for each change (issue 5, item 11)."""

from collections.abc import Mapping
from dataclasses import fields
from itertools import product

import pytest

from agent.core import binder, changing
from agent.core.events import (
    CarrierUnloaded,
    ComponentUnloaded,
    CounterReset,
    CycleAborted,
    Event,
    Fate,
    LotClosed,
    MachineStateChanged,
    OperatorSignedOff,
    OrderEnded,
    QueueLost,
    ScanExpired,
)
from tests.file_changes import CHANGES, after, found
from tests.open_things import NAMED, THINGS

CLOSED, POSSIBLE = Fate.CLOSED, Fate.POSSIBLE
E = tuple[Fate, str]


def closed(**whys: str) -> dict[str, E]:
    """Return that these changes close it, each with its reason."""
    return {change.replace("_", " "): (CLOSED, why) for change, why in whys.items()}


ANOTHER = closed(machine="machine", not_recorded="unknown")
STRATEGY = closed(strategy="strategy", granularity="by")
EXPECTED: Mapping[str, dict[str, E]] = {
    "scan": ANOTHER | STRATEGY | closed(unit_rule="rule"),
    "bench": ANOTHER | STRATEGY | closed(unit_rule="rule"),
    "request": {
        "machine": (POSSIBLE, "machine"),
        "not recorded": (POSSIBLE, "unknown"),
        "request tag": (POSSIBLE, "request"),
        "request modulus": (POSSIBLE, "modulus"),
        "guard": (POSSIBLE, "guard"),
        "trigger moved": (POSSIBLE, "tag"),
        "counter moved": (POSSIBLE, "tag"),
        "no handshake": (CLOSED, "handshake"),
    },
    "unit": ANOTHER | STRATEGY | closed(no_handshake="handshake"),
    "lot": ANOTHER | STRATEGY | closed(lot_tag="lot", lot_moved="tag"),
    "scanned lot": ANOTHER | STRATEGY | closed(lot_tag="lot", lot_rule="rule"),
    "product": ANOTHER | closed(product_tag="tag", product_moved="tag", no_products="products"),
    "scanned product": ANOTHER
    | closed(product_tag="tag", no_products="products", unit_rule="rule", lot_rule="rule"),
    "counter": ANOTHER
    | closed(
        strategy="strategy",
        counter_tag="tag",
        counter_modulus="modulus",
        counter_moved="tag",
        no_counter="counter",
    ),
    "cycle count": ANOTHER
    | closed(
        counter_tag="tag", counter_modulus="modulus", counter_moved="tag", no_counter="counter"
    ),
    "bypass": ANOTHER
    | closed(
        counter_tag="tag", counter_modulus="modulus", counter_moved="tag", no_counter="counter"
    ),
    "key": ANOTHER | closed(no_counter="key"),
    "load": closed(machine="machine", no_position="position", housing_by_serial="by")
    | {
        "not recorded": (POSSIBLE, "unknown"),
        "products": (POSSIBLE, "products"),
        "until": (POSSIBLE, "until"),
        "measure": (POSSIBLE, "measure"),
    },
    "component": ANOTHER | closed(no_position="position", ecu_by_lot="by", component_rule="rule"),
    "session": ANOTHER | closed(people="people", timezone="timezone", operator_rule="rule"),
    "order": ANOTHER | closed(order_tag="order", order_rule="rule"),
    "tagged order": ANOTHER | closed(order_tag="order", order_moved="tag"),
    "parent": closed(no_levels="level")
    | {"machine": (POSSIBLE, "machine"), "not recorded": (POSSIBLE, "unknown")},
    "carrier": ANOTHER | STRATEGY | closed(carrier_rule="rule", unit_rule="rule"),
    "loading": ANOTHER
    | STRATEGY
    | closed(carrier_rule="rule", unit_rule="rule", load_reader="load"),
    "queue": ANOTHER | closed(strategy="queue", granularity="by", way="queue", unit_rule="rule"),
    "device": ANOTHER | closed(starts="watch", starts_moved="tag"),
    "state": closed(machine="machine", no_state="state"),
}
ENDS: Mapping[str, tuple[type[Event], str | None]] = {
    "scan": (ScanExpired, "reason"),
    "bench": (ScanExpired, "reason"),
    "component": (ScanExpired, "reason"),
    "unit": (CycleAborted, "reason"),
    "lot": (LotClosed, "reason"),
    "scanned lot": (LotClosed, "reason"),
    "counter": (CounterReset, "reason"),
    "cycle count": (CounterReset, "reason"),
    "load": (ComponentUnloaded, "reason"),
    "session": (OperatorSignedOff, "reason"),
    "order": (OrderEnded, "reason"),
    "tagged order": (OrderEnded, "reason"),
    "queue": (QueueLost, "reason"),
    "carrier": (CarrierUnloaded, None),
    "state": (MachineStateChanged, "source"),
}
"""The event that ends a thing, and where it says that the file did it."""


@pytest.mark.parametrize("thing", THINGS)
def test_each_open_thing_has_its_fate_under_each_change(thing: str) -> None:
    """It continues, is possible, or is closed by the event that says so, in the same commit."""
    found_fates = {}
    for change in CHANGES:
        rig, declared = after(thing, change)
        one = found(declared, thing)
        if one.fate is not Fate.CONTINUES:
            found_fates[change] = (one.fate, one.why)
        assert declared.previous_known is (change != "not recorded")
        kind, says = ENDS.get(thing, (None, None))
        ended = [event for event in rig.decision.events if type(event) is kind]
        assert len(ended) == (kind is not None and one.fate is CLOSED), change
        for event in ended:
            assert declared.address in event.because
            assert says is None or str(getattr(event, says)).startswith("config")
    assert found_fates == EXPECTED[thing]


IS: Mapping[str, tuple[str, int | None]] = {
    "scan": ("SN-1", 18),
    "bench": ("SN-1", 17),
    "request": ("end", 19),
    "unit": ("SN-1", 19),
    "lot": ("A", 17),
    "scanned lot": ("LOT-1", 21),
    "product": ("P1", None),
    "scanned product": ("P1", None),
    "counter": ("count", None),
    "cycle count": ("count", None),
    "bypass": ("passed", None),
    "key": ("key", None),
    "load": ("L-1", 19),
    "component": ("ECU-1", 18),
    "session": ("k:OP-1", 19),
    "order": ("WO-1", None),
    "tagged order": ("WO-1", None),
    "parent": ("BOX-1", 18),
    "carrier": ("CAR-1", 22),
    "loading": ("CAR-1", 20),
    "queue": ("tunnel", None),
    "device": ("plc", None),
    "state": ("running", None),
}
"""What each scene's thing goes by, and the number of the event that opened it."""


@pytest.mark.parametrize("change", ["nothing that matters", "machine", "no handshake"])
@pytest.mark.parametrize("thing", THINGS)
def test_an_open_thing_is_named_with_the_event_that_opened_it(thing: str, change: str) -> None:
    """Whatever becomes of it, somebody who reads the declaration finds it."""
    name, seq = IS[thing]
    address = f"000001-aa-{seq}" if seq is not None else None
    one = found(after(thing, change)[1], thing)
    assert (one.name, one.address) == (name, address)


@pytest.mark.parametrize(
    ("thing", "change", "name"),
    [
        ("counter", "no counter", "count"),
        ("bypass", "no counter", "passed"),
        ("key", "no counter", ""),
        ("queue", "strategy", "tunnel"),
        ("counter", "counter tag", "count"),
        ("bypass", "counter tag", "passed"),
        ("queue", "way", "other"),
    ],
)
def test_what_the_file_has_no_more_goes_by_its_old_name(thing: str, change: str, name: str) -> None:
    """A way by its new reader, for that is where the next part comes in."""
    assert found(after(thing, change)[1], thing).name == name


def test_every_expectation_is_about_a_scene_and_a_change() -> None:
    """No row of the table is left out by a slip of the pen."""
    assert set(EXPECTED) == set(THINGS)
    assert {change for row in EXPECTED.values() for change in row} <= set(CHANGES)
    whats = {NAMED.get(thing, thing) for thing in THINGS}
    told = {
        one.what
        for thing, change in product(THINGS, ["machine"])
        for one in after(thing, change)[1].open_things
    }
    assert told == whats


DECIDED: Mapping[str, Mapping[str, str | None]] = {
    "plan": {},
    "run": {
        "lives": "device",
        "config": None,
        "boot_id": None,
        "faults": None,
        "last_ms": None,
        "carried_ms": None,
        "carried_seq": None,
    },
    "cycle": {"answered": "request", "suspect": "request", "generations": None, "started": "unit"},
    "pairing": {"pending": "scan", "bad": None, "last_scans": None, "unrecorded_ms": None},
    "carriers": {"loading": "loading", "mounted": "carrier"},
    "queue": {"parts": "queue", "lost": "queue", "since": "queue"},
    "packing": {"open": "parent", "closed": None, "turns": None, "waiting": None},
    "people": {
        "sessions": "session",
        "gone": None,
        "active_ms": None,
        "order": "order",
        "count": "order",
        "ended": None,
    },
    "material": {
        "loads": "load",
        "waiting": "component",
        "blocked": None,
        "made": None,
        "recent": None,
        "clean": "load",
        "shelf": None,
    },
    "product": {
        "running": "product",
        "past": "product",
        "changed": None,
        "uncounted": "counter",
    },
    "production": {"counted": "counter", "lot": "lot", "boundary": "lot"},
    "lots": {"known": None, "aliases": None, "picks": None, "carrier": None},
    "labels": {"waiting": None},
    "machine": {"bypass_on": "key", "passed": "bypass", "shown": "state"},
}
"""Per part and field of the state: the open thing that it is judged as; None: it is about the run
(`run`), a time or number that means the same under every file, a session that has ended, what is
known of lots and packages by their own names, a scan's repeat or refusal before a cycle, a pick, a
container or a child that a start gives up or the next scan replaces, or, for `blocked`, judged at
each start by `fitness.started`."""


def test_every_field_of_the_state_is_decided() -> None:
    """What a station remembers is an open thing of the table, or it is said why it is none.

    A new field of the state gets a judge in `agent.core.changing`, a scene here, and a line above.
    """
    kept = {
        part: {each.name for each in fields(kind)}
        for part, kind in binder.PARTS.items()
        if part != binder.PLAN
    }
    assert kept == {part: set(row) for part, row in DECIDED.items() if part != binder.PLAN}
    judged = {what for row in DECIDED.values() for what in row.values() if what is not None}
    assert judged == {NAMED.get(thing, thing) for thing in THINGS}
    assert len(changing.JUDGES) == len({judge.__name__ for judge in changing.JUDGES})
