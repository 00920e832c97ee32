"""Recall from the store on random lines of every strategy, beside what truly happened there."""

from __future__ import annotations

from random import Random

import pytest

from agent.core.station import Strategy
from agent.trace.genealogy import recall
from agent.trace.said import UNIDENTIFIED
from agent.trace.store import Store
from tests.soak.lines import LINES, NOTHING
from tests.soak.oracle import Oracle
from tests.soak.plans import plan
from tests.soak.truth import Truth
from tests.soak.world import World
from tests.trace_rig import documents, stored


@pytest.mark.parametrize("faulty", [False, True], ids=["well", "faulty"])
@pytest.mark.parametrize("strategy", LINES)
@pytest.mark.parametrize("seed", [2])
def test_recall_holds_what_truly_happened(strategy: Strategy, seed: int, *, faulty: bool) -> None:
    """Of each lot and serial: no true unit is left out, and none is certain that has it not."""
    world = World(Random(f"{strategy} {seed}"))  # noqa: S311 - a line is drawn, no key
    line = LINES[strategy](plan(world, strategy, faulty=faulty), world)
    line.run(world.between(15, 30))
    oracle = Oracle(line)
    assert not oracle.judge().told
    with stored(documents(oracle.events)) as store:
        for lot in sorted(oracle.truth.lots):
            check(store, oracle.truth, lot)


def check(store: Store, truth: Truth, lot: str) -> None:
    """Compare one recall with the truth; a unit may stand among those that nobody can name."""
    cycles = [c for c in truth.cycles.values() if any(lot in of for of in c.draws.values())]
    answered = [cycle for cycle in cycles if cycle.ended_ms is not None and cycle.answers]
    found = recall(store.widened(lot), lot)
    here = {*found.certain, *found.possible, *found.scrapped}
    if not any(name.startswith(UNIDENTIFIED) for name in here):
        wanted = {unit for cycle in answered for unit in cycle.units.values()} - {NOTHING}
        assert wanted <= here, lot
    if truth.cycles:
        named = {name for name in found.certain if not name.startswith(UNIDENTIFIED)}
        assert named - {lot} <= {unit for cycle in cycles for unit in cycle.units.values()}, lot
