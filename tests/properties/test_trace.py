"""Recall from events: whatever a line does, the true units are in it, and what is certain is so."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.events import ComponentLoaded, UnitCompleted
from agent.core.station import By, Component, Until
from agent.trace.genealogy import recall
from agent.trace.said import UNIDENTIFIED
from agent.trace.store import Store
from tests.material_rig import Fed, press
from tests.trace_rig import derived, documents, stored

U_MS = 10_000
CHANGES = st.sampled_from(["make", "load", "early", "late", "restart", "reboot", "unbound", "off"])


@dataclass
class Line:
    """A press, and what really lies on its reel and goes into its parts."""

    rig: Fed
    reels: int = 0
    on: str | None = None
    truth: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Lot -> the parts that it is in, or `?` for parts without a name."""
    loaded: dict[str, ComponentLoaded] = field(default_factory=dict)

    def act(self, what: str) -> None:
        """Let something happen."""
        getattr(self, what)()

    def make(self) -> None:
        """Press a part from what is really on."""
        self.rig.made += 1
        self.rig.turn(1_200)
        self.rig.scan(f"SN-{self.rig.made}")
        self.rig.turn(100)
        self._draw(f"SN-{self.rig.made}")
        self.rig.cycle(self.rig.made)

    def unbound(self) -> None:
        """Press a part whose code nobody read."""
        self.rig.made += 1
        self.rig.turn(1_500)
        self._draw("?")
        self.rig.cycle(self.rig.made)

    def _draw(self, unit: str) -> None:
        if self.on is not None:
            self.truth[self.on].add(unit)

    def _next(self) -> str:
        self.reels += 1
        return str(self.reels)

    def load(self) -> None:
        """Put the next reel on and scan it."""
        self.on = self._next()
        self._scan(self.on)

    def _scan(self, reel: str) -> None:
        self.rig.scan(f"R{reel}")
        self.loaded[reel] = self.rig.of(ComponentLoaded)[-1]

    def early(self) -> None:
        """Put it on, press, and scan it only then, as late as is declared."""
        self.on = self._next()
        self.make()
        self.rig.turn(3_000)
        self._scan(self.on)

    def late(self) -> None:
        """Scan it, press from the old one still, and put it on then."""
        reel = self._next()
        self._scan(reel)
        self.make()
        self.rig.turn(3_000)
        self.on = reel

    def off(self) -> None:
        """Take it off; a part is pressed from nothing before that is scanned."""
        self.on = None
        self.make()
        self.rig.scan("OFF")

    def restart(self) -> None:
        """Kill the agent."""
        self.rig.restart()
        self.rig.up()

    def reboot(self) -> None:
        """Switch the box off and on."""
        self.rig.restart(reboot=True)
        self.rig.up()


def run(actions: list[str], component: Component) -> Line:
    """Return a line after all that happened."""
    line = Line(press(component))
    for action in actions:
        line.act(action)
    return line


REEL = Component(position="reel", by=By.LOT, required=False, uncertainty_ms=U_MS)


def check(store: Store, truth: dict[str, set[str]]) -> None:
    """Compare the recall of each reel with what is really so."""
    for lot, parts in truth.items():
        found = recall(store, lot)
        named = {unit for unit in parts if unit != "?"}
        here = {*found.certain, *found.possible}
        assert named <= here, (lot, named - here)
        assert {u for u in found.certain if not u.startswith(UNIDENTIFIED)} <= parts, lot
        if "?" in parts:
            assert any(unit.startswith(UNIDENTIFIED) for unit in here), lot


@settings(max_examples=20, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=14), st.sampled_from([Until.REPLACED, Until.EMPTIED]))
def test_recall_holds_the_truth(actions: list[str], until: Until) -> None:
    """However late a reel is scanned, its recall has every part of it, and no wrong certain one."""
    line = run(
        [
            a
            for a in actions
            if until is Until.REPLACED or a in {"make", "load", "restart", "unbound"}
        ],
        replace(REEL, until=until),
    )
    if until is Until.EMPTIED:  # it mixes: each that was put in may be in all that come after
        return
    with stored(documents(line.rig.events)) as store:
        check(store, line.truth)


@settings(max_examples=20, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=14), st.randoms(use_true_random=False), st.data())
def test_corrections_keep_the_truth_and_order_does_not_matter(
    actions: list[str], chance: random.Random, data: st.DataObject
) -> None:
    """Corrected labels and parts give the right recall; twice and shuffled, the same (D-143)."""
    line = run(actions, REEL)
    truth = dict(line.truth)
    bound = line.rig.of(UnitCompleted)
    if data.draw(st.booleans()) and line.loaded:
        reel = data.draw(st.sampled_from(sorted(line.loaded)))
        line.rig.command("correct", address=line.loaded[reel].address, lot="TRUE")
        truth["TRUE"] = truth.pop(reel, set())
    if data.draw(st.booleans()) and bound:
        event = data.draw(st.sampled_from(bound))
        line.rig.command("correct", address=event.address, unit="OTHER")
        for parts in truth.values():
            if event.unit in parts:
                parts.remove(event.unit or "")
                parts.add("OTHER")
        if data.draw(st.booleans()):
            line.rig.command("correct", address=line.rig.events[-1].address, result="nok")
    in_order = documents(line.rig.events)
    with stored(in_order) as store:
        check(store, truth)
        wanted = derived(store)
        store.rebuild()
        assert derived(store) == wanted
    twice = in_order * 2
    chance.shuffle(twice)
    cut = chance.randint(0, len(twice))
    with stored(twice[:cut], twice[cut:]) as store:
        assert derived(store) == wanted
