"""The archive: order means nothing (what else it does is a contract: tests/contract)."""

import itertools

from agent.trace.genealogy import recall
from tests.trace_rig import Plant, derived, stored


def test_any_order_of_a_small_history_is_the_same() -> None:
    """Every order of a load, its unit, its correction and the retraction of that."""
    plant = Plant()
    load = plant.add("component_loaded", position="p0", lot="A", earliest_ms=0, latest_ms=0)
    use = {"position": "p0", "candidates": ["A"], "certainty": "certain", "loads": [load]}
    plant.add("unit_completed", handshake="end", latest_ms=1_000, unit="U1", components=[use])
    fix = plant.correct(load, lot="B")
    plant.correct(fix)
    plant.add("component_loaded", position="p0", lot="Z", earliest_ms=900, latest_ms=2_000)
    with stored(plant.events) as store:
        wanted = derived(store)
        assert recall(store, "Z").possible == ["U1"]
    for order in itertools.permutations(plant.events):
        with stored(*([event] for event in order)) as store:
            assert derived(store) == wanted
