"""A press that is fed by reels: labels that carry expiry, quantity and product, and its strokes."""

from __future__ import annotations

from dataclasses import replace

from agent.core.events import ComponentUse, LotCounted, UnitEvent
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.station import By, Component, Counter
from tests.core_rig import FILLER, PRESS, RULES, Rig

REEL = r"R(?P<id>\d+)(?:P(?P<product>[A-Z]+))?(?:X(?P<expiry>\d{6}))?(?:Q(?P<quantity>\d+))?"
"""`R1PCAPX261231Q50`: reel 1 of product CAP, good until 2026-12-31, 50 pieces."""
REEL_RULES = (
    *RULES,
    ScanRule(match=RegexMatch(pattern=REEL), means=Means.COMPONENT, position="reel"),
    ScanRule(
        match=RegexMatch(pattern=r"OFF(?:Q(?P<quantity>\d+))?"),
        means=Means.UNLOAD,
        position="reel",
    ),
    ScanRule(match=RegexMatch(pattern="EMPTY"), means=Means.EMPTIED, position="reel"),
    ScanRule(
        match=RegexMatch(pattern=r"BACK(?P<id>\d+)(?:Q(?P<quantity>\d+))?"),
        means=Means.RETURNED,
        position="reel",
    ),
    ScanRule(match=RegexMatch(pattern=r"BLOCK(?P<id>\d+)"), means=Means.BLOCK),
    ScanRule(match=RegexMatch(pattern=r"FREE(?P<id>\d+)"), means=Means.UNBLOCK),
)
FED = Component(position="reel", by=By.LOT, required=False)


class Fed(Rig):
    """A station that is fed, and how it makes parts."""

    made = 0
    """How many parts the press has made."""

    def make(self, n: int = 1) -> UnitEvent:
        """Scan and press `n` parts, and return the event of the last."""
        for _ in range(n):
            self.made += 1
            self.turn(1_200)
            self.scan(f"SN-{self.made}")
            self.turn(100)
            self.cycle(self.made)
        return self.units()[-1]

    def count(self, n: int) -> LotCounted:
        """Let the machine make `n` pieces, and return the row that counts them."""
        self.turn(1_500)
        self.plc(count=int(self.tags["count"]) + n)
        self.turn(1_500)
        return self.of(LotCounted)[-1]


def press(component: Component = FED, /, *more: Component, blocked: tuple[str, ...] = ()) -> Fed:
    """Return a press that the reel feeds, up and read."""
    rig = Fed(replace(PRESS, scans=REEL_RULES, components=(component, *more), blocked=blocked))
    rig.up()
    return rig


def filler(component: Component = FED, counter: Counter | None = FILLER.counter) -> Fed:
    """Return a filler that counts to lot LOT-1 and is fed by the reel."""
    rig = Fed(replace(FILLER, scans=REEL_RULES, components=(component,), counter=counter))
    rig.link("plc", up=True)
    rig.plc(lot="LOT-1", order="WO-1", count=0)
    return rig


def use(event: UnitEvent | LotCounted, position: str = "reel") -> ComponentUse:
    """Return what an event says of a position."""
    return next(each for each in event.components if each.position == position)
