"""Packing against a plain model: who is in which box, whatever the order and the faults (D-42).

The model is a packer at a bench with one reader: it knows what physically went where. What it reads
is put where the station says it is; what is refused stays where it was.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.core.events import (
    Certainty,
    CodeScanned,
    PackingRefused,
    ParentClosed,
    ParentDissolved,
    ParentOpened,
    ScanExpired,
    UnitGathered,
    UnitPacked,
    UnitUnpacked,
)
from agent.core.identity.rules import Means
from agent.core.levels import Level, Order
from tests.packing_rig import Packing, bench
from tests.packing_rig import rule as scan_rule

NAMES = "ABCD"
RULES = (
    scan_rule(r"IN(?P<id>[A-D])", Means.CHILD, "box"),
    scan_rule(r"OPEN(?P<id>[A-D])", Means.PARENT, "box"),
    scan_rule(r"PUT(?P<id>[A-D])", Means.CHILD, "pallet"),
    scan_rule(r"LAY(?P<id>[A-D])", Means.PARENT, "pallet"),
    scan_rule("DONE", Means.PARENT_END, "box"),
    scan_rule("UNPACK", Means.UNPACK),
    scan_rule("CANCEL", Means.CANCEL),
)
ENDS = (
    UnitPacked,
    UnitGathered,
    UnitUnpacked,
    ParentOpened,
    ParentClosed,
    ParentDissolved,
    PackingRefused,
    ScanExpired,
)
"""What a code that was read for packing may end in."""


class Packer(RuleBasedStateMachine):
    """Anything goes into anything, at two levels; the same names everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Packing(bench().station, start=False)
        self.home: dict[str, str] = {}
        """What each is in for certain, by a plain reading of the events in their order."""
        self.told = 0

    @initialize(
        order=st.sampled_from(list(Order)),
        count=st.sampled_from([None, 2]),
        elsewhere=st.booleans(),
    )
    def begin(self, order: Order, count: int | None, *, elsewhere: bool) -> None:
        """Choose what the station is like."""
        box = Level(name="box", order=order, count=count, refuses_elsewhere=elsewhere)
        pallet = Level(name="pallet", refuses_elsewhere=elsewhere)
        self.rig = bench(box, pallet, scans=RULES)

    @rule(
        names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4),
        what=st.sampled_from(["IN", "OPEN", "PUT", "LAY"]),
    )
    def read(self, names: list[str], what: str) -> None:
        """Read codes of children or of parents."""
        self.rig.codes(*(f"{what}{name}" for name in names))

    @rule(word=st.sampled_from(["DONE", "UNPACK", "CANCEL"]))
    def say(self, word: str) -> None:
        """Read a word."""
        self.rig.codes(word)

    @rule(known=st.booleans())
    def answer(self, *, known: bool) -> None:
        """Let look-ups be answered again, or fail once."""
        self.rig.check(known=known)
        self.rig.hold_checks = False
        self.rig.check()

    @rule()
    def hold(self) -> None:
        """Let look-ups take their time; they time out as the clock turns."""
        self.rig.hold_checks = True

    @rule(reboot=st.booleans())
    def restart(self, *, reboot: bool) -> None:
        """Kill the agent, or the whole gateway."""
        self.rig.restart(reboot=reboot)
        self.rig.link("scanner", up=True)
        if not self.rig.hold_checks:
            self.rig.turn(5)
            self.rig.check()

    @rule()
    def lose_reader(self) -> None:
        """The reader is away for a moment."""
        self.rig.link("scanner", up=False)
        self.rig.link("scanner", up=True)

    @invariant()
    def each_is_certainly_in_one_parent_at_most(self) -> None:
        """What goes in for certain was in nothing else for certain (D-42)."""
        for event in self.rig.events[self.told :]:
            if isinstance(event, UnitPacked):
                if event.certainty is Certainty.CERTAIN:
                    unknown = "knowledge_missing" in event.why
                    before = self.home.get(event.child)
                    assert before in {None, event.parent} or unknown, event
                    self.home[event.child] = event.parent
            elif isinstance(event, UnitUnpacked):
                self.home.pop(event.child, None)
        self.told = len(self.rig.events)

    @invariant()
    def nothing_is_in_itself(self) -> None:
        """The way out from anything ends (D-9), as long as it could be looked up."""
        if any("knowledge_missing" in event.why for event in self.rig.of(UnitPacked)):
            return
        for name in NAMES:
            way = [name]
            while (home := self.rig.home(way[-1])) is not None:
                assert home not in way, way
                way.append(home)

    @invariant()
    def nothing_disappears(self) -> None:
        """Every code has its one end, or waits (law 2)."""
        packing = self.rig.state.packing
        waits = {turn.address for turn in packing.turns} | {w.address for w in packing.waiting}
        ends: Counter[str] = Counter()
        for event in self.rig.events:
            if isinstance(event, ENDS) and getattr(event, "how", "") != "next":
                ends.update(set(event.because))
        for scan in self.rig.of(CodeScanned):
            if scan.means == "cancel":
                continue
            assert ends[scan.address] or scan.address in waits, scan

    @invariant()
    def what_is_open_is_what_the_events_say(self) -> None:
        """The children of an open parent are those that went in and did not come out."""
        for parent in self.rig.state.packing.open:
            names = [child.code for child in parent.children]
            assert len(names) == len(set(names)), parent


Packer.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestPacker = Packer.TestCase


def test_the_model_can_be_wrong() -> None:
    """A child that is in two boxes for certain is noticed."""
    packer = Packer()
    packer.begin(Order.PARENT_FIRST, None, elsewhere=True)
    packer.rig.codes("OPENA", "INB", "OPENC")
    packer.each_is_certainly_in_one_parent_at_most()
    (packed,) = packer.rig.of(UnitPacked)
    packer.rig.events.append(replace(packed, parent="C"))
    try:
        packer.each_is_certainly_in_one_parent_at_most()
    except AssertionError:
        return
    raise AssertionError("two homes were not noticed")
