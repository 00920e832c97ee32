"""Which product is made: by tag, order or code, in intervals (D-1, D-29)."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core import products
from agent.core.events import AgentStarted, Event, EventTime, LotCounted, ProductChanged, Why
from agent.core.parts import LONG_AGO, Past, Started, Tracked
from agent.core.state import State
from agent.core.station import By
from drivers.base import ClockState
from tests.core_rig import PRESS, Rig
from tests.granular_rig import (
    BY_ORDER,
    BY_ORDER_TAG,
    BY_SCAN,
    MIXED,
    SCREW,
    STRICTEST,
    told_by,
)

UNKNOWN = Tracked(named=None, product=None, by=By.BOTH)


def made(rig: Rig) -> str | None:
    """Return the station file's name of what is made now."""
    return products.running(rig.state).product


def changes(rig: Rig) -> list[tuple[str | None, str | None, str, str]]:
    """Return the changes: named, product, granularity, source."""
    return [(e.named, e.product, e.by, e.source) for e in rig.of(ProductChanged)]


def test_station_that_tracks_all_alike_has_no_product() -> None:
    """It is tracked as the station says, and nothing changes it."""
    rig = Rig(PRESS)
    rig.up()
    rig.scan("WO-1")
    assert products.running(rig.state) == Tracked(named=None, product=None, by=By.SERIAL)
    assert products.is_known(rig.state, products.running(rig.state))
    assert changes(rig) == []


def test_recipe_tag_names_the_product() -> None:
    """Each change once; an empty tag names none; what is unknown is tracked by the policy."""
    rig = Rig(MIXED)
    rig.up()
    assert products.running(rig.state) == UNKNOWN
    for recipe in ("V-1", "V-1 ", "S-1", "S-17", "X", ""):
        rig.plc(recipe=recipe)
    assert changes(rig) == [
        ("V-1", "valve", "serial", "tag"),
        ("S-1", "screw", "lot", "tag"),
        ("S-17", "screw", "lot", "tag"),
        ("X", None, "both", "tag"),
        (None, None, "both", "tag"),
    ]
    why = [event.why for event in rig.of(ProductChanged)]
    assert why == [(), (), (), (Why.PRODUCT_UNKNOWN,), (Why.PRODUCT_UNKNOWN,)]
    assert [event.previous for event in rig.of(ProductChanged)] == [None, "V-1", "S-1", "S-17", "X"]


def test_bad_tag_names_nothing() -> None:
    """The product stays until another one is read GOOD."""
    rig = Rig(MIXED)
    rig.up()
    rig.plc(recipe="V-1")
    rig.bad = {"recipe"}
    rig.plc(recipe="S-1")
    assert made(rig) == "valve"
    assert products.unread(rig.station, rig.working)


def test_longest_begin_of_an_order_counts() -> None:
    """Orders name products by how they begin; the end of an order ends the product."""
    rig = Rig(told_by(BY_ORDER))
    rig.up()
    named = []
    for order in ("WO-17", "WO-128", "WO-9", "WO-2", "ORDER END"):
        rig.scan(order)
        rig.turn(2_000)
        named.append(made(rig))
    assert named == ["valve", "screw", None, "screw", None]
    assert {event.source for event in rig.of(ProductChanged)} == {"order"}


def test_order_tag_names_the_product() -> None:
    """The change is where the tag changed."""
    rig = Rig(told_by(BY_ORDER_TAG))
    rig.up()
    rig.plc(50, order="WO-2")
    rig.plc(50, order="WO-17")
    change = rig.of(ProductChanged)[-1]
    assert (change.product, change.earliest_ms, change.latest_ms) == ("valve", 1_050, 1_100)


def test_codes_of_units_and_lots_name_the_product() -> None:
    """By what they carry; a code without a product names none."""
    rig = Rig(told_by(BY_SCAN))
    rig.up()
    named = []
    for code in ("09506000134352/1", "09506000134369L7", "OP-1", "SN-1"):
        rig.scan(code)
        named.append(made(rig))
    assert named == ["valve", "screw", "screw", None]


def test_interval_of_a_change_is_of_both() -> None:
    """Before it one, within it either, after it the other."""
    rig = Rig(MIXED)
    rig.up()
    rig.plc(recipe="V-1")
    rig.turn(1_000)
    rig.plc(100, recipe="S-1")
    at = rig.ms

    def between(earliest: int, latest: int) -> list[str | None]:
        found = products.during(rig.state, at - earliest, at - latest)
        return [tracked.product for tracked in found]

    assert between(60, 20)[-2:] == ["valve", "screw"]
    assert between(0, 0) == ["screw"]


@pytest.mark.parametrize("reboot", [False, True])
def test_product_outlives_a_restart(*, reboot: bool) -> None:
    """By the fold of the events alone; what the tag then shows may be from any time since."""
    rig = Rig(MIXED)
    rig.up()
    rig.plc(recipe="V-1", count=7)
    rig.restart(reboot=reboot)
    assert made(rig) == "valve"
    rig.turn(500)
    rig.tags["recipe"] = "S-1"
    rig.up()
    change = rig.of(ProductChanged)[-1]
    assert change.product == "screw"
    assert change.earliest_ms == (LONG_AGO if reboot else 1_010)


def test_station_file_that_changed_says_so() -> None:
    """What is made is tracked by the new file, from some moment while the agent was away."""
    rig = Rig(MIXED)
    rig.up()
    rig.plc(recipe="S-1")
    finer = replace(SCREW, by=By.SERIAL)
    assert MIXED.products is not None
    rig.station = replace(
        MIXED, config="c2", products=replace(MIXED.products, products=(finer, STRICTEST))
    )
    rig.restart()
    assert changes(rig)[-1] == ("S-1", "screw", "serial", "file")
    rig.restart()
    assert len(changes(rig)) == 2


def test_many_changes_without_a_record_are_not_all_kept_apart() -> None:
    """The state stays small, and no product that may have been made is forgotten (D-4)."""
    rig = Rig(MIXED)
    rig.up()
    recipes = [f"S-{number}" for number in range(10, 40)]
    for recipe in recipes:
        rig.plc(recipe=recipe)
    assert len(rig.state.product.past) == products.MOST_CHANGES
    made = products.during(rig.state, LONG_AGO, rig.ms)
    assert [tracked.named for tracked in made] == [None, *recipes]


VALVES = Tracked(named="V-1", product="valve", by=By.SERIAL)
SCREWS = Tracked(named="S-1", product="screw", by=By.LOT)


def with_past(*between_ms: tuple[int, int]) -> State:
    """Return a station whose product changed from valves to screws and back, and so on."""
    made_ = (VALVES, SCREWS) * len(between_ms)
    past = tuple(
        Past(made=(each,), earliest_ms=first_ms, latest_ms=last_ms)
        for each, (first_ms, last_ms) in zip(made_, between_ms, strict=False)
    )
    state = Rig(MIXED).state
    return replace(state, product=replace(state.product, running=VALVES, past=past))


def fold(state: State, kind: type[Event], boot_id: str = "boot-1", **fields: Any) -> State:  # noqa: ANN401 - fields
    """Return the state after an event."""
    time = EventTime(
        received_ms=1, offset_min=0, boottime_ms=9, boot_id=boot_id, clock_state=ClockState.SYNCED
    )
    envelope: dict[str, Any] = {"epoch": "e", "seq": 9, "station": "s", "config": "c"}
    event = kind(**envelope, machine="m", time=time, **fields)
    return products.EVOLVES[kind](state, event)


@pytest.mark.parametrize(
    ("n", "first_ms", "rise_ms", "left"),
    [
        (1, 2_100, None, 1),
        (1, 2_099, None, 2),
        (0, 9_000, None, 2),
        (1, 9_000, None, 0),
        (1, 9_000, 2_099, 2),
        (1, 9_000, 2_100, 1),
        (1, 2_099, 9_000, 2),
    ],
)
def test_a_change_is_forgotten_once_a_record_lies_wholly_after_it(
    n: int, first_ms: int, rise_ms: int | None, left: int
) -> None:
    """A row without pieces says nothing; a unit that has begun may have begun before the change."""
    state = with_past((2_000, 2_100), (5_000, 5_100))
    if rise_ms is not None:
        started = Started(unit="SN-1", product=None, cycle="c", address="e-1", rise_ms=rise_ms)
        state = replace(state, cycle=replace(state.cycle, started=started))
    row: dict[str, Any] = {"tag": "count", "from_count": 0, "to_count": n, "n": n, "last_ms": 9_100}
    found = fold(state, LotCounted, first_ms=first_ms, **row)
    assert found.product.past == state.product.past[2 - left :]


def test_in_another_boot_every_change_was_long_ago() -> None:
    """All that was made until then is before now; in the same boot nothing is forgotten (D-91)."""
    state = with_past((2_000, 2_100), (5_000, 5_100), (7_000, 7_100))
    assert fold(state, AgentStarted, version="1") == state
    found = fold(state, AgentStarted, "boot-2", version="1")
    past = Past(made=(VALVES, SCREWS), earliest_ms=LONG_AGO, latest_ms=LONG_AGO + 1)
    assert found.product == replace(state.product, past=(past,))
    assert products.during(found, 1, 2) == (VALVES,)
    assert set(products.during(found, LONG_AGO, 2)) == {VALVES, SCREWS}


@pytest.mark.parametrize(
    ("at_ms", "made_"),
    [(4_999, {VALVES}), (5_000, {SCREWS}), (5_001, {SCREWS})],
)
def test_what_was_made_in_the_moment_of_a_change_is_of_the_new_product(
    at_ms: int, made_: set[Tracked]
) -> None:
    """Where both have no length; a millisecond before, it is of the one before."""
    state = with_past((5_000, 5_000))
    state = replace(state, product=replace(state.product, running=SCREWS))
    assert set(products.during(state, at_ms, at_ms)) == made_
