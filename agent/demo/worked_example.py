"""The worked example's line: 5,000 units, and boxes of one supplier part, one of them faulty (D-2).

The same shift is made again and again, each time as another plant would record it: pieces counted
to one lot, to sub-lots of some size, or units with serials, with and without the link from each
unit to what went into it. The faulty box feeds 140 units; where in the shift is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.core.events import Event
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.lot_plan import Lots, Sublots
from agent.core.station import By, Component, Counter, Handshake, Pairing, Station, Strategy
from agent.demo.virtual import PLC, READER, VirtualStation

UNITS, FAULTY, PLACE = 5_000, 140, 3_005
"""How many are made, how many get the faulty part, and how many were made before these."""
SIZES = (1_000, 500, 100, 10)
PRODUCTION_LOT = "PL-5000"
BOXES = ("CL-0001", "CL-BAD", "CL-0003")
"""What is loaded, in this order: the second is the faulty one."""

_MODULUS = 65_536
_PIECE_MS, _SCAN_MS, _TRIGGER_MS = 100, 20, 10
_UNIT_MS = _PIECE_MS + _SCAN_MS + 2 * _TRIGGER_MS
"""Between two units of the cell: work, the scan, and the trigger seen up and down."""
_CHANGE_MS = 2_000
"""The line stands while a box is changed."""
_HOUSING = Component(position="housing", by=By.LOT, required=True)
_BOX = ScanRule(match=RegexMatch(pattern=r"CL-\w+"), means=Means.COMPONENT, position="housing")
_LINE = Station(
    path="acme/graz/assembly/line-3",
    machine="line-3",
    config="worked-example",
    by=By.LOT,
    pairing=Pairing(strategy=Strategy.COUNT_ONLY, window_ms=30_000, settle_ms=200),
    counter=Counter(device=PLC, tag="count", modulus=_MODULUS, max_step=5, fastest_ms=50),
    components=(_HOUSING,),
    scans=(ScanRule(match=RegexMatch(pattern=r"PL-\d+"), means=Means.LOT), _BOX),
    devices=(PLC, READER),
    lots=Lots(measure="pcs"),
)
_CELL = Station(
    path="acme/graz/assembly/line-4",
    machine="line-4",
    config="worked-example",
    by=By.SERIAL,
    pairing=Pairing(strategy=Strategy.SCAN_THEN_CYCLE, window_ms=30_000, settle_ms=200),
    handshakes=(
        Handshake(
            name="end",
            device=PLC,
            trigger="trigger",
            request="request",
            modulus=_MODULUS,
            guard=(),
            values=(),
            unit=None,
            verdict=None,
            result="result",
            ack="ack",
            answer_within_ms=5_000,
        ),
    ),
    components=(_HOUSING,),
    scans=(
        ScanRule(match=RegexMatch(pattern=r"SN-\d+"), means=Means.UNIT),
        ScanRule(match=RegexMatch(pattern=r"PL-\d+"), means=Means.ORDER),
        _BOX,
    ),
    devices=(PLC, READER),
)


@dataclass(frozen=True, slots=True)
class Shift:
    """What is made: so many units, of which a run gets the faulty part."""

    units: int = UNITS
    faulty: int = FAULTY
    place: int = PLACE

    @property
    def runs(self) -> tuple[tuple[str, int], ...]:
        """Each box with how many units it feeds."""
        after = self.units - self.place - self.faulty
        return tuple(zip(BOXES, (self.place, self.faulty, after), strict=True))


def counted(shift: Shift, sublot: int | None = None) -> list[Event]:
    """Return what is recorded where pieces are counted to the lot, or to its sub-lots."""
    cut = None if sublot is None else Sublots(every_n=sublot)
    line = VirtualStation(replace(_LINE, lots=Lots(measure="pcs", sublots=cut)))
    line.connect(count=0)
    line.scan(PRODUCTION_LOT)
    made = 0
    for box, n in shift.runs:
        if n:
            _load(line, box)
        for _ in range(n):
            made += 1
            line.poll(_PIECE_MS, count=made % _MODULUS)
    line.wait(_CHANGE_MS)
    return line.events


def bound(shift: Shift, *, linked: bool = True, doubt: int = 0) -> list[Event]:
    """Return what is recorded where each unit has a serial.

    Args:
        shift: What is made.
        linked: Whether the boxes are scanned too, so that each unit says what it got (D-3).
        doubt: How many units the scan of a box may lie from its change, either way: then boxes are
            changed while the line runs (D-11, D-44).
    """
    housing = replace(_HOUSING, uncertainty_ms=max(0, doubt * _UNIT_MS - _TRIGGER_MS // 2))
    cell = VirtualStation(replace(_CELL, components=(housing,) if linked else ()))
    cell.connect(trigger=False, request=0)
    cell.scan(PRODUCTION_LOT)
    made = 0
    for box, n in shift.runs:
        if n and linked and (doubt == 0 or made == 0):
            _load(cell, box)
        elif n and linked:
            cell.scan(box)
        for _ in range(n):
            made += 1
            cell.wait(_PIECE_MS)
            cell.scan(f"SN-{made:04}", _SCAN_MS)
            cell.cycle(made % _MODULUS)
    cell.wait(_CHANGE_MS)
    return cell.events


def _load(line: VirtualStation, box: str) -> None:
    line.wait(_CHANGE_MS)
    line.scan(box)
    line.wait(_CHANGE_MS)
