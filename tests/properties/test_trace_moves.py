"""Units that are filled, put into each other, taken out and named anew: a recall has the truth.

A shop knows what is really in what; its records are right, or are put right later. Nobody who holds
something is left out, and nobody else is certain (D-4, D-37, D-52, D-143).
"""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.trace.genealogy import recall
from tests.trace_rig import Plant, derived, stored

STATIONS = ("acme/a/press", "acme/a/oven", "acme/b/press")
LOTS = ("A", "B", "CUT", "BLEND", "EITHER")
ACTIONS = ("make", "make", "draw", "draw", "rename", "put_in", "put_in", "take_out")


class Shop:
    """What was made, what is really in what, and what was recorded of it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.plant = chance, Plant()
        self.names: list[list[str]] = []
        """Of each unit, the newest last."""
        self.drawn: list[set[str]] = []
        self.inside: dict[int, int] = {}
        self.wrong: list[tuple[str, str, str]] = []
        """Cycles that were bound to a wrong unit: where, which, and the right unit."""
        self.add("lot_split", lot="A", children=[{"lot": "CUT"}])
        both = [{"lot": "A"}, {"lot": "B"}]
        self.add("lot_merged", lot="BLEND", parents=both, blended=True)
        self.add("lot_merged", lot="EITHER", parents=both)

    def add(self, kind: str, **members: object) -> tuple[str, str]:
        """Record something at one of the stations; return where, and its address."""
        station = self.chance.choice(STATIONS)
        return station, self.plant.add(kind, station=station, **members)

    def piece(self, lot: str) -> set[str]:
        """Return what a piece of a lot really is of."""
        parents = {"CUT": ["A"], "BLEND": ["A", "B"], "EITHER": [self.chance.choice("AB")]}
        return {lot, *parents.get(lot, ())}

    def free(self) -> list[int]:
        """Return who is in no other unit."""
        return [unit for unit in range(len(self.names)) if unit not in self.inside]

    def make(self) -> None:
        """Begin a unit."""
        self.names.append([f"U{len(self.names)}"])
        self.drawn.append(set())
        self._cycle(len(self.names) - 1)

    def draw(self) -> None:
        """Let a unit draw from a lot."""
        if free := self.free():
            self._cycle(self.chance.choice(free))

    def _cycle(self, unit: int) -> None:
        lot, right = self.chance.choice(LOTS), self.names[unit][-1]
        told = right if self.chance.random() < 0.8 else self.chance.choice(self.names)[0]
        use = {"position": "p", "candidates": [lot], "certainty": "certain", "loads": []}
        made = {"handshake": "end", "latest_ms": len(self.plant.events), "components": [use]}
        station, address = self.add("unit_completed", unit=told, **made)
        self.drawn[unit] |= self.piece(lot)
        if told != right:
            self.wrong.append((station, address, right))

    def rename(self) -> None:
        """Give a unit a new name, wherever it is."""
        if self.names:
            unit = self.chance.randrange(len(self.names))
            new = f"{self.names[unit][0]}-{len(self.names[unit])}"
            self.add("unit_reidentified", unit=self.names[unit][-1], new=new)
            self.names[unit].append(new)

    def put_in(self) -> None:
        """Put a unit into another one that is made later, so that there is no circle."""
        free = self.free()
        if len(free) > 1:
            child, parent = sorted(self.chance.sample(free, 2))
            part, whole = self.names[child][-1], self.names[parent][-1]
            self.add("component_installed", position="ecu", component=part, unit=whole, who="k")
            self.inside[child] = parent

    def take_out(self) -> None:
        """Take one out again."""
        if self.inside:
            child = self.chance.choice(sorted(self.inside))
            part, whole = self.names[child][-1], self.names[self.inside.pop(child)][-1]
            self.add("component_removed", component=part, unit=whole)

    def put_right(self) -> None:
        """Correct what was bound to a wrong unit; some of it at the second attempt."""
        for station, address, right in self.wrong:
            last, again = address, self.chance.choice(self.names)[0]
            for unit in (again, right) if self.chance.random() < 0.3 else (right,):
                said = {"who": "k:1", "reason": "wrong", "corrects": "unit_completed"}
                replaced = {"supersedes": [last], "replacement": [["unit", unit]]}
                last = self.plant.add("event_corrected", station=station, **said, **replaced)

    def holds(self, unit: int) -> set[str]:
        """Return all that is in a unit, and its own names."""
        parts = (self.holds(child) for child, whole in self.inside.items() if whole == unit)
        return set().union(self.names[unit], self.drawn[unit], *parts)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**40).map(random.Random), st.integers(5, 40))
def test_a_recall_has_who_holds_it_and_nobody_else_for_certain(
    chance: random.Random, length: int
) -> None:
    """Under whatever names things went in and out; and in whatever order that is heard (D-136)."""
    shop = Shop(chance)
    for action in chance.choices(ACTIONS, k=length):
        getattr(shop, action)()
    shop.put_right()
    outer = {shop.names[unit][-1]: shop.holds(unit) for unit in shop.free()}
    with stored(shop.plant.events) as store:
        wanted = derived(store)
        for of in (*LOTS, *(name for names in shop.names for name in names)):
            found = recall(store, of)
            really = {unit for unit, held in outer.items() if of in held}
            assert really <= {*found.certain, *found.possible}, of
            assert {*found.certain} <= really, of
    heard = chance.sample(shop.plant.events, len(shop.plant.events)) * 2
    cut = chance.randint(0, len(heard))
    with stored(heard[:cut], heard[cut:]) as store:
        assert derived(store) == wanted
