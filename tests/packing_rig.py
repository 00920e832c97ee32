"""A packing station: units in boxes, boxes on pallets, read by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agent.core.events import CodeScanned, Event, PackingRefused, UnitPacked, Why
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.levels import Level, Order
from agent.core.state import Decision
from agent.core.station import Pairing, Station, Strategy
from tests.core_rig import PRESS, Rig


def rule(pattern: str, means: Means, position: str | None = None) -> ScanRule:
    """Return a rule for plain codes."""
    return ScanRule(match=RegexMatch(pattern=pattern), means=means, position=position)


PACKING_RULES = (
    rule(r"(?P<product>[A-Z])U-\d+", Means.CHILD, "box"),
    rule(r"BOX-\d+", Means.PARENT, "box"),
    rule(r"DONE", Means.PARENT_END, "box"),
    rule(r"LAID-\d+", Means.CHILD, "pallet"),
    rule(r"PAL-\d+", Means.PARENT, "pallet"),
    rule(r"FULL", Means.PARENT_END, "pallet"),
    rule(r"UNPACK", Means.UNPACK),
    rule(r"CANCEL", Means.CANCEL),
)
BOX = Level(name="box", count=3)
GATHERED = replace(BOX, order=Order.CHILDREN_FIRST)
PALLET = Level(name="pallet")
BENCH = replace(
    PRESS,
    pairing=Pairing(strategy=Strategy.SCAN_ONLY, window_ms=1_000, settle_ms=200),
    handshakes=(),
    scans=PACKING_RULES,
    ready=None,
    devices=("scanner",),
    packing=(BOX, PALLET),
)


class Packing(Rig):
    """A bench at which codes are read one after the other."""

    def codes(self, *codes: str) -> None:
        """Read codes, each well after the one before."""
        for code in codes:
            self.turn(1_500)
            self.scan(code)

    def told(self) -> list[bool]:
        """Return every reply of the newest decision."""
        return [reply.good for reply in self.decision.replies]

    def refusals(self) -> list[tuple[str, Why]]:
        """Return what was refused, and why."""
        return [(event.code, event.reason) for event in self.of(PackingRefused)]

    def packed(self) -> list[tuple[str, str, str]]:
        """Return each child with its parent and how sure that is."""
        return [(e.child, e.parent, e.certainty.value) for e in self.of(UnitPacked)]

    def newest(self) -> Event:
        """Return the newest event."""
        return self.events[-1]


def bench(*levels: Level, **changes: Any) -> Packing:  # noqa: ANN401 - fields of Station
    """Return a bench whose reader is there."""
    station: Station = replace(BENCH, packing=levels or BENCH.packing, **changes)
    rig = Packing(station)
    rig.link("scanner", up=True)
    return rig


class Heard(Packing):
    """A bench that keeps what its reader is told."""

    def __init__(self, station: Station) -> None:
        self.heard: list[bool] = []
        super().__init__(station)
        self.link("scanner", up=True)

    def observe(self, kind: Any, **members: Any) -> Decision:  # noqa: ANN401 - as the rig's
        """Let the core decide, and hear."""
        decision = super().observe(kind, **members)
        self.heard += [reply.good for reply in decision.replies]
        return decision

    def tell(self, code: str) -> tuple[CodeScanned, list[bool]]:
        """Read one code; return its scan, and what the reader was told of it."""
        self.heard.clear()
        self.codes(code)
        return self.of(CodeScanned)[-1], list(self.heard)


def heard(*levels: Level, **changes: Any) -> Heard:  # noqa: ANN401 - fields of Station
    """Return a bench whose reader is there."""
    return Heard(replace(BENCH, packing=levels, **changes))
