"""A filler whose lot is scanned, with a rule for everything that is done to lots."""

from __future__ import annotations

from dataclasses import replace

from agent.core import lotbook
from agent.core.events import LotClosed, LotCounted, LotOpened
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.lot_plan import Lots, Sublots
from agent.core.station import Station
from tests.core_rig import FILLER, Rig

LOT_RULES = (
    ScanRule(match=RegexMatch(pattern=r"L-\d+"), means=Means.LOT),
    ScanRule(match=RegexMatch(pattern="LOT END"), means=Means.LOT_END),
    ScanRule(match=RegexMatch(pattern=r"BOX-\d+"), means=Means.CARRIER),
    ScanRule(match=RegexMatch(pattern=r"CAPS-\d+"), means=Means.COMPONENT, position="caps"),
    ScanRule(match=RegexMatch(pattern="CANCEL"), means=Means.CANCEL),
    ScanRule(match=RegexMatch(pattern=r"BLOCK (?P<id>L-\d+)"), means=Means.BLOCK),
    ScanRule(match=RegexMatch(pattern=r"FREE (?P<id>L-\d+)"), means=Means.UNBLOCK),
    *(
        ScanRule(
            match=RegexMatch(pattern=rf"{word} (?P<id>[A-Z]+-[0-9/]+)(?: (?P<quantity>\S+))?"),
            means=means,
        )
        for word, means in (
            ("PICK", Means.LOT_PICK),
            ("SPLIT", Means.LOT_SPLIT),
            ("MERGE", Means.LOT_MERGE),
            ("ISSUE", Means.LOT_ISSUE),
            ("RETURN", Means.LOT_RETURN),
            ("RELABEL", Means.LOT_RELABEL),
        )
    ),
    ScanRule(
        match=RegexMatch(pattern=r"(?P<parent>L-\d+)>(?P<id>L-\d+):(?P<quantity>\d+)"),
        means=Means.LOT_SPLIT,
    ),
)
LINE = replace(
    FILLER,
    lot=None,
    lot_device=None,
    order=None,
    order_device=None,
    counter=replace(FILLER.counter, max_step=5_000) if FILLER.counter else None,
    scans=LOT_RULES,
    devices=("plc", "scanner"),
    lots=Lots(measure="pcs"),
)
"""Counts bottles to the lot that was scanned."""


def cut(station: Station = LINE, **how: int | bool) -> Station:
    """Return a station that cuts its lots into sub-lots."""
    return replace(station, lots=replace(station.lots, sublots=Sublots(**how)))  # type: ignore[arg-type]  # the fields by name


class LotRig(Rig):
    """The filler, made to count."""

    def __init__(self, station: Station = LINE) -> None:
        super().__init__(station)
        self.connect()
        self.count(0)

    def connect(self) -> None:
        """Bring both links up, and let the counter be read."""
        self.link("scanner", up=True)
        self.link("plc", up=True)
        self.plc(count=self.tags["count"])

    def count(self, n: int, *, took_ms: int = 100, back_ms: int = 0) -> None:
        """Let pieces be counted in one poll, which began `back_ms` ago."""
        self.ms -= back_ms
        self.plc(took_ms + back_ms, count=(int(self.tags["count"]) + n) % 65_536)

    def made(self, n: int, *, each_ms: int = 100) -> None:
        """Let pieces be counted one by one, and recorded."""
        for _ in range(n):
            self.count(1, took_ms=each_ms)
        self.rest()

    def rest(self) -> None:
        """Let everything be recorded."""
        self.turn(2_000)

    def rows(self) -> list[LotCounted]:
        """Return the rows that hold pieces."""
        return [row for row in self.of(LotCounted) if row.n]

    def per_lot(self) -> dict[tuple[str, ...], int]:
        """Return how many pieces were counted to each lot, or to either of several."""
        found: dict[tuple[str, ...], int] = {}
        for row in self.rows():
            lots = row.lots or ((row.lot,) if row.lot else ())
            found[lots] = found.get(lots, 0) + row.n
        return found

    def opened(self) -> list[str]:
        """Return the lots and sub-lots in the order in which they were opened."""
        return [event.lot for event in self.of(LotOpened)]

    def closed(self) -> list[tuple[str, int, int, str]]:
        """Return (lot, n, possible n, reason) of each that was closed."""
        return [(e.lot, e.n, e.n_possible, e.reason) for e in self.of(LotClosed)]

    def balance(self, lot: str) -> tuple[float, float] | None:
        """Return what the book knows to be in a lot, at the least and at the most."""
        found = lotbook.balance(self.state, lot)
        return (float(found[0]), float(found[1])) if found is not None else None
