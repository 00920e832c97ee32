"""Lots that are drawn together are kept once, and are the same links for whoever asks."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from agent.trace.genealogy import recall, where_from
from agent.trace.store import Store
from agent.trace.tables import DRAWN, KITS, USES
from tests.trace_rig import Plant, derived, stored

pytestmark = pytest.mark.usefixtures("fresh")
Fresh = Callable[[], str]


def line(*, loads_named: bool) -> Plant:
    """Return six units of three loaded lots each, of which one is changed after the third."""
    plant, loads = Plant(), {}
    for number in range(6):
        for position in ("p0", "p1", "p2") if number == 0 else ("p1",) if number == 3 else ():
            lot, ms = f"{position}-{number}", len(plant.events) * 1000
            said: dict[str, Any] = {"position": position, "lot": lot}
            said |= {"earliest_ms": ms, "latest_ms": ms}
            loads[position] = lot, plant.add("component_loaded", **said)
        uses: list[dict[str, Any]] = [
            {"position": position, "candidates": [lot], "certainty": "certain"}
            for position, (lot, _) in loads.items()
        ]
        if loads_named:
            for use in uses:
                use["loads"] = [loads[use["position"]][1]]
        ms = len(plant.events) * 1000
        made: dict[str, Any] = {"handshake": "end", "latest_ms": ms, "components": uses}
        plant.add("unit_completed", unit=f"U{number}", **made)
    return plant


def rows(store: Store) -> dict[str, int]:
    """Return how many kits there are, draws of them, and links of their own row."""
    tables = {"kits": KITS, "drawn": DRAWN}
    with store.archive.connection.begin():
        count = store.archive.connection.scalar
        found = {n: count(select(func.count()).select_from(t)) or 0 for n, t in tables.items()}
        of_units = select(func.count()).select_from(USES).where(USES.c.kind == "feed")
        return {**found, "uses": count(of_units) or 0}


def test_a_kit_is_the_same_links() -> None:
    """A unit's links are a row each, or one row for all: every answer is the same."""
    with (
        stored(line(loads_named=True).events) as kits,
        stored(line(loads_named=False).events) as one,
    ):
        assert rows(kits) == {"kits": 2, "drawn": 6, "uses": 0}
        assert rows(one) == {"kits": 0, "drawn": 0, "uses": 18}
        assert derived(kits) == derived(one)
        assert kits.size() == one.size()
        for lot in ("p0-0", "p1-0", "p1-3"):
            assert recall(kits, lot) == recall(one, lot)
        assert where_from(kits, "U4") == where_from(one, "U4")
        assert recall(kits, "p1-3").certain == ["U3", "U4", "U5"]


def test_a_correction_takes_its_units_out_of_their_kit() -> None:
    """What is corrected has rows of its own, in whatever order it came; the rest keep theirs."""
    plant = line(loads_named=True)
    plant.correct(plant.add("component_loaded", position="p9", lot="X", earliest_ms=0, latest_ms=0))
    (load,) = [f"{e['epoch']}-{e['seq']}" for e in plant.events if e.get("lot") == "p1-3"]
    plant.correct(load, lot="RIGHT")
    with stored(plant.events) as store, stored(*([e] for e in plant.events[::-1])) as backwards:
        assert derived(store) == derived(backwards)
        assert recall(store, "RIGHT").certain == ["U3", "U4", "U5"]
        assert recall(store, "p1-3").certain == []
    with stored(*([event] for event in plant.events)) as store:
        assert rows(store)["drawn"] == 3
        wanted = derived(store)
        store.rebuild()
        assert derived(store) == wanted
