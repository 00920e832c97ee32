"""What is recorded of each thing that a changed station file closes, to the last field."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from agent.core import binder
from agent.core.events import (
    CarrierUnloaded,
    ComponentUnloaded,
    CounterReset,
    CycleAborted,
    Event,
    ExpiryReason,
    Fate,
    LotClosed,
    MachineStateChanged,
    OpenThing,
    OperatorRef,
    OperatorSignedOff,
    ProductChanged,
    QueueLoss,
    QueueLost,
    ScanExpired,
    SignOffReason,
    Why,
)
from agent.core.identity.rules import Means
from agent.core.parts import LONG_AGO, Load, Loading, ProductState
from agent.core.state import State
from tests.core_rig import BEGIN, END, FILLER, Rig
from tests.file_changes import after, without_rule
from tests.open_things import HERE, press
from tests.whole import whole

START = "000002-aa-"
DECLARED = f"{START}2"
OPENED = "000001-aa-{}".format
CHANGED = {"reason": "config_changed"}
OPERATOR = OperatorRef(ref="k:OP-1", role="operator")
SAID: Mapping[tuple[str, str, type[Event]], dict[str, object]] = {
    ("scan", "strategy", ScanExpired): {
        "because": (OPENED(18), DECLARED),
        "code": "SN-1",
        "reason": ExpiryReason.CONFIG_CHANGED,
    },
    ("component", "no position", ScanExpired): {
        "because": (OPENED(18), DECLARED),
        "code": "ECU-1",
        "reason": ExpiryReason.CONFIG_CHANGED,
    },
    ("unit", "strategy", CycleAborted): CHANGED
    | {"because": (DECLARED,), "handshake": "begin", "generation": 1},
    ("product", "product tag", ProductChanged): {
        "because": (DECLARED,),
        "order": "WO-1",
        "why": (Why.PRODUCT_UNKNOWN,),
        "by": "lot",
        "previous": "P1",
        "source": "file",
        "earliest_ms": 1_010,
        "latest_ms": 3_030,
    },
    ("lot", "lot tag", LotClosed): CHANGED
    | {
        "because": (DECLARED,),
        "order": "WO-1",
        "lot": "A",
        "n": 2,
        "earliest_ms": 1_020,
        "latest_ms": 3_020,
    },
    ("counter", "counter tag", CounterReset): CHANGED
    | {
        "because": (DECLARED,),
        "order": "WO-1",
        "tag": "count",
        "from_count": 3,
        "to_count": 3,
        "first_ms": 1_020,
        "last_ms": 3_020,
    },
    ("cycle count", "counter tag", CounterReset): CHANGED
    | {"because": (DECLARED,), "tag": "count", "from_count": 1, "to_count": 1, "last_ms": 1_741},
    ("load", "no position", ComponentUnloaded): CHANGED
    | {
        "because": (DECLARED, OPENED(19)),
        "position": "housing",
        "lot": "L-1",
        "load": OPENED(19),
        "earliest_ms": 1_020,
        "latest_ms": 1_020,
    },
    ("carrier", "strategy", CarrierUnloaded): {
        "because": (DECLARED,),
        "carrier": "CAR-1",
        "unit": "SN-1",
        "load": OPENED(22),
        "earliest_ms": 1_540,
        "latest_ms": 2_040,
    },
    ("queue", "way", QueueLost): {
        "because": (DECLARED, OPENED(21), OPENED(22)),
        "reason": QueueLoss.CONFIG_CHANGED,
        "units": ("SN-1", "SN-2"),
    },
    ("session", "operator rule", OperatorSignedOff): {
        "operators": (OPERATOR,),
        "because": (DECLARED, OPENED(19)),
        "operator": OPERATOR,
        "reason": SignOffReason.CONFIG,
        "earliest_ms": 1_020,
        "latest_ms": 1_020,
    },
    ("state", "no state", MachineStateChanged): {
        "because": (DECLARED,),
        "source": "config_changed",
        "state": "unknown",
        "category": "unknown",
        "previous": "running",
        "earliest_ms": 1_010,
        "latest_ms": 1_010,
    },
}
"""Thing, change, and what the event says; times in ms of the boot clock."""


@pytest.mark.parametrize(("thing", "change", "kind"), SAID)
def test_what_is_closed_says_all_of_it(thing: str, change: str, kind: type[Event]) -> None:
    """What was open, since when, until the start, because of the declaration (D-27)."""
    rig, declared = after(thing, change)
    assert declared.address == DECLARED
    assert [whole(event) for event in rig.of(kind)[-1:]] == [SAID[thing, change, kind]]


def test_the_begin_of_a_restarted_plc_is_aborted_by_its_generation() -> None:
    """Its numbers are told apart from those before it started anew (D-33)."""
    rig = press(handshakes=(BEGIN, END))
    for number, code in ((7, "SN-1"), (1, "SN-2")):
        rig.scan(code)
        rig.turn(500)
        rig.plc(b_trigger=True, b_request=number)
        rig.answer()
        rig.plc(b_trigger=False)
    generation = rig.state.cycle.generations["begin"]
    assert generation > 1
    rig.station = replace(rig.station, config="c2", handshakes=(END,))
    rig.restart()
    assert [event.generation for event in rig.of(CycleAborted)][-1:] == [generation]


def test_a_lot_that_was_never_counted_is_closed_since_nobody_knows_when() -> None:
    """Without a reading there is no time at which it was still the one that is made."""
    rig = Rig(replace(FILLER, sources=HERE, lot=None, lot_device=None))
    rig.scan("LOT-1")
    rig.station = without_rule(Means.LOT)(replace(rig.station, config="c2"))
    rig.restart()
    (closed,) = rig.of(LotClosed)
    assert (closed.earliest_ms, closed.latest_ms) == (LONG_AGO, rig.ms)


# ------------------------------------------------------------------ fold

MEASURED = Load(
    position="housing",
    lot="L-1",
    address="000001-aa-19",
    from_lo_ms=1,
    from_hi_ms=2,
    amount="10",
    empty_ms=7,
    leaving=8,
    ahead="3",
)
LOADING = Loading(carrier="CAR-2", address="000001-aa-30", earliest_ms=1, latest_ms=2, epoch="e")
OTHER = replace(MEASURED, address="000001-aa-21", lot="L-2")


def declared(thing: OpenThing) -> Event:
    """Return the declaration of one open thing, as a start records it."""
    _, event = after("load", "measure")
    return replace(event, open_things=(thing,))


def stocked() -> State:
    """Two loads at one position, which was seen empty before, as another was."""
    rig, _ = after("load", "nothing that matters")
    material = replace(rig.state.material, loads=(MEASURED, OTHER), clean=("housing", "lid"))
    return replace(rig.state, material=material)


@pytest.mark.parametrize(
    ("why", "doubted", "clean"),
    [
        ("measure", {"amount": None, "empty_ms": None, "ahead": None}, ("housing", "lid")),
        ("until", {"leaving": None, "ahead": None}, ("lid",)),
        ("products", {"faults": (Why.WRONG_PART,)}, ("lid",)),
        ("unknown", {"to_lo_ms": LONG_AGO}, ("lid",)),
    ],
)
def test_what_is_possible_of_a_load_is_what_its_change_touches(
    why: str, doubted: dict[str, object], clean: tuple[str, ...]
) -> None:
    """Nothing else of it is forgotten, and the load beside it is as it was (D-4)."""
    thing = OpenThing(
        what="load", name="L-1", fate=Fate.POSSIBLE, why=why, address=MEASURED.address
    )
    material = binder.evolve(stocked(), declared(thing)).material
    assert material.loads == (replace(MEASURED, **doubted), OTHER)  # type: ignore[arg-type]  # fields of Load
    assert material.clean == clean


def test_a_bypass_key_is_seen_anew() -> None:
    """Whether it is turned is not known until it is read."""
    rig, _ = after("key", "nothing that matters")
    state = replace(rig.state, machine=replace(rig.state.machine, bypass_on=True))
    thing = OpenThing(what="key", name="key", fate=Fate.CLOSED, why="key")
    assert binder.evolve(state, declared(thing)).machine == replace(state.machine, bypass_on=None)


def test_a_carrier_that_stood_at_the_load_point_is_not_loaded_any_more() -> None:
    """The next code there is not put on it."""
    rig, _ = after("carrier", "nothing that matters")
    state = replace(rig.state, carriers=replace(rig.state.carriers, loading=LOADING))
    thing = OpenThing(what="loading", name="CAR-2", fate=Fate.CLOSED, why="rule")
    assert binder.evolve(state, declared(thing)).carriers == replace(state.carriers, loading=None)


def test_a_device_whose_starts_are_told_otherwise_is_forgotten_alone() -> None:
    """What the other devices said of their starts goes on (D-27)."""
    rig, _ = after("device", "nothing that matters")
    life = rig.state.run.lives["plc"]
    state = replace(rig.state, run=replace(rig.state.run, lives={"plc": life, "other": life}))
    thing = OpenThing(what="device", name="plc", fate=Fate.CLOSED, why="tag")
    assert binder.evolve(state, declared(thing)).run.lives == {"other": life}


@pytest.mark.parametrize("fate", [Fate.CLOSED, Fate.POSSIBLE])
def test_a_product_is_gone_only_where_products_are_told_apart_no_more(fate: Fate) -> None:
    """One that is merely in doubt runs on (D-1)."""
    rig, _ = after("product", "nothing that matters")
    state = replace(rig.state, station=replace(rig.state.station, products=None))
    assert state.product != ProductState()
    thing = OpenThing(what="product", name="P1", fate=fate, why="tag")
    product = binder.evolve(state, declared(thing)).product
    assert product == (ProductState() if fate is Fate.CLOSED else state.product)
