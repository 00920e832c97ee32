"""A plant of any size as its stations record it: units of twenty components, made from known lots.

Each line makes 10,000 units; their events come in turn, as a collector gets them. A unit draws one
lot at each of 20 positions. The lots of 19 of them are 5,000 pieces large and change one after the
other, every 250 units. The housings come in lots of 625 through four steps:

    RAW 1 -> COMPOUND 2 -> MOULDING 4 -> HOUSING 8 -> 5,000 units

so that where a raw lot went is a question over five levels.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import zip_longest
from typing import Any

Document = dict[str, Any]

POSITIONS = 20
LINE_UNITS = 10_000
"""Units of one line; a plant of more has more lines."""
HOUSINGS = 8
"""Lots of housings that come of one raw lot."""
_DAY_S = 1_790_000_000
_EPOCH = "000001-9f3a1c7e"
_CONFIG = sha256(b"config").hexdigest()


@dataclass(frozen=True, slots=True)
class Asked:
    """What to ask a plant for, and what has to come."""

    lot: str
    raw: str
    unit: str
    hits: int
    """Units that hold the lot, and as many that hold the raw lot."""


def asked_of(units: int) -> Asked:
    """Return the questions for a plant: about the line in the middle of it."""
    line = lines_of(units) // 2
    lot = _lot_units(units)
    return Asked(f"LOT-{line}-7-1", f"RAW-{line}-0", _unit(line, lot), lot)


def lines_of(units: int) -> int:
    """Return how many lines a plant has that makes so many units."""
    return max(1, units // LINE_UNITS)


def events(units: int) -> Iterator[Document]:
    """Yield what the stations of a plant record, the lines in turn."""
    each = units // lines_of(units)
    lines = [_line(line, each, _lot_units(units)) for line in range(lines_of(units))]
    for some in zip_longest(*lines):
        yield from (event for event in some if event is not None)


def _lot_units(units: int) -> int:
    return min(5_000, units // 2)


def _unit(line: int, number: int) -> str:
    return f"https://id.gs1.org/01/09521234000020/21/{line:03}{number:08}"


def _line(line: int, units: int, lot_units: int) -> Iterator[Document]:
    """Yield the events of one line and of the steps before it."""
    yield from _before(line, -(-units // lot_units))
    press = _Station(f"acme/graz/assembly/line-{line}/press-07", line)
    yield press.started()
    lots = _Lots(line, lot_units)
    loads: list[str] = [""] * POSITIONS
    for number in range(units):
        for at, lot in lots.changed(number):
            event = press.load(f"p{at:02}", lot, number)
            loads[at] = press.address
            yield event
        yield press.unit(_unit(line, number), number, lots.standing, loads)


@dataclass(slots=True)
class _Lots:
    """Which lot stands at each position of a line."""

    line: int
    size: int
    standing: list[str] = field(default_factory=lambda: [""] * POSITIONS)

    def changed(self, number: int) -> Iterable[tuple[int, str]]:
        """Return the lots that are loaded before a unit is made: (position, lot)."""
        piece = max(1, self.size // HOUSINGS)
        if number % piece == 0:
            raw, housing = divmod(number // piece, HOUSINGS)
            yield self._load(0, f"HOUSING-{self.line}-{raw}-{housing}")
        step = max(1, self.size // POSITIONS)
        for at in range(1, POSITIONS):
            behind = number - at * step
            if number == 0 or (behind >= 0 and behind % self.size == 0):
                yield self._load(
                    at, f"LOT-{self.line}-{at}-{0 if number == 0 else 1 + behind // self.size}"
                )

    def _load(self, at: int, lot: str) -> tuple[int, str]:
        self.standing[at] = lot
        return at, lot


def _before(line: int, raws: int) -> Iterator[Document]:
    """Yield the steps before assembly: each lot of pieces is made from the one before it."""
    names = ("mixing", "moulding", "finish")
    steps = [_Station(f"acme/graz/{step}/line-{line}", line) for step in names]
    for station in steps:
        yield station.started()
    for raw in range(raws):
        made = [f"RAW-{line}-{raw}"]
        for station, name in zip(steps, ("COMPOUND", "MOULDING", "HOUSING"), strict=True):
            made = [lot for lot in made for _ in range(2)]
            for number, source in enumerate(made):
                lot = f"{name}-{line}-{raw}-{number}"
                yield station.load("in", source, station.seq)
                yield station.pieces(lot, source, station.seq)
                made[number] = lot


@dataclass(slots=True)
class _Station:
    """One station, which numbers and links what it records."""

    path: str
    line: int
    seq: int = 0
    hash: str | None = None

    @property
    def address(self) -> str:
        """The address of the newest event."""
        return f"{_EPOCH}-{self.seq}"

    def started(self) -> Document:
        """Return the first event."""
        return self._event("agent_started", 0, version="1.0")

    def load(self, position: str, lot: str, at: int) -> Document:
        """Return a load of a lot."""
        moment = {"earliest_ms": at * 1000, "latest_ms": at * 1000}
        return self._event("component_loaded", at, position=position, lot=lot, **moment)

    def pieces(self, lot: str, source: str, at: int) -> Document:
        """Return a lot of pieces made from another."""
        use = _use("in", source, self.address)
        counts = {"tag": "count", "from_count": 0, "to_count": 625, "n": 625}
        times = {"first_ms": at * 1000 + 500, "last_ms": at * 1000 + 600}
        return self._event("lot_counted", at, lot=lot, components=[use], **counts, **times)

    def unit(self, unit: str, at: int, lots: list[str], loads: list[str]) -> Document:
        """Return a unit that drew a lot at each position."""
        uses = [_use(f"p{n:02}", lot, loads[n]) for n, lot in enumerate(lots)]
        return self._event(
            "unit_completed",
            at,
            because=[f"{_EPOCH}-{self.seq}", f"o{2 * self.seq}"],
            components=uses,
            cycle=f"c-{_EPOCH}-{self.seq + 1}",
            earliest_ms=at * 1000 + 500,
            latest_ms=at * 1000 + 600,
            generation=1,
            handshake="end",
            request=at % 65_536,
            answer=1,
            result="ok",
            unit=unit,
            values=[
                {"name": "force", "value": 12 + at % 100 / 64, "unit": "kN", "quality": "good"}
            ],
            visit=1,
        )

    def _event(self, kind: str, at: int, /, **members: Any) -> Document:  # noqa: ANN401 - fields
        self.seq += 1
        received = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(_DAY_S + at))
        event = {
            "epoch": _EPOCH,
            "seq": self.seq,
            "station": self.path,
            "machine": self.path.rpartition("/")[2],
            "kind": kind,
            "schema": 1,
            "certainty": "certain",
            "order": f"WO-{self.line}-{at // 2_000}",
            "operators": [{"ref": f"k:{at // 4_000:08x}", "certainty": None}],
            "config": _CONFIG,
            "time": {
                "received": received,
                "offset_min": 60,
                "boottime_ms": at * 1000,
                "boot_id": "a2f0c1d4",
                "clock_state": "synced",
            },
            **members,
        }
        if self.hash is not None:
            event["prev"] = self.hash
        self.hash = event["hash"] = sha256(f"{self.path}-{self.seq}".encode()).hexdigest()
        return event


def _use(position: str, lot: str, load: str) -> Document:
    certain = {"certainty": "certain", "loads": [load]}
    return {"position": position, "candidates": [lot], **certain}
