"""The lines, one for each strategy: how parts move and what is read of them, rightly or not."""

from __future__ import annotations

from collections.abc import Mapping

from agent.core.station import Strategy
from tests.soak.fifo import Fifo
from tests.soak.line import Line
from tests.soak.plans import CARRIERS
from tests.soak.truth import Cycle, Piece
from tests.soak.world import Process

NOTHING = "(nothing)"
"""What is in a cycle that has no unit."""


class ScanThenCycle(Line):
    """A label is read, then the machine works."""

    inside: Cycle | None = None
    """The cycle of the part in the machine."""
    ahead: str | None = None
    """The next unit, if its label was read while the machine still asked for this one."""

    def one(self) -> Process[None]:
        """Read a label, as well as people do, and let the machine work."""
        unit, read = self.ahead or self.next_unit(), self.ahead is not None
        self.ahead = None
        cycle = self.truth.begin({None: unit}, self.world.ms)
        if not read or self.world.chance(0.3):
            yield from self.label(unit)
        yield self.world.between(300, 1_500)
        self.inside = cycle
        if self.plan.faulty and self.world.chance(0.05):
            self.world.start(self._again(cycle))
        yield from self.process(cycle)
        self.inside = None
        if not cycle.answers and self.station.pairing.late_ms and self.world.chance(0.3):
            yield from self.scan(unit)
        yield self.world.between(100, 1_500)

    def scan(self, code: str) -> Process[None]:
        """Let the hand-held reader read a code, if anybody hears it."""
        yield from self.readers["scanner"].read(code)

    def _again(self, cycle: Cycle) -> Process[None]:
        """Read the same label again while the machine works."""
        yield self.world.between(100, 1_500)
        if self.inside is cycle and cycle.ended_ms is None:
            yield from self.scan(str(cycle.units[None]))

    def label(self, unit: str) -> Process[None]:
        """Read a label, or what is read instead."""
        act = "right"
        if self.plan.faulty:
            act = self.world.one_of(
                {"right": 12, "none": 1, "fail": 1, "twice": 1, "both": 1, "taken back": 1}
            )
        if act == "none":
            return
        if act == "fail":
            how = self.world.random.choice(["noread", "junk", "cut"])
            yield from self.readers["scanner"].fail(how)
            if self.world.chance(0.5):
                return
        self.is_fragile = act in {"both", "taken back"} and self.readers["scanner"].is_heard
        if self.is_fragile:
            yield from self.scan(f"SN-{self.units + self.world.between(1, 3)}")
            yield self.world.between(50, 1_500)
        if act == "taken back":
            yield from self.readers["scanner"].insist("CANCEL")
        yield from self.scan(unit)
        self.is_fragile = False
        if act == "twice":
            yield self.world.between(20, 1_500)
            yield from self.scan(unit)

    def meanwhile(self, cycle: Cycle) -> Process[None]:
        """Now and then the next label is read while the machine still asks."""
        del cycle
        if self.plan.faulty and self.world.chance(0.1):
            self.ahead = ahead = self.next_unit()
            yield self.world.between(20, 700)
            yield from self.scan(ahead)


class CycleThenScan(ScanThenCycle):
    """The machine works, then the label of what it made is read."""

    is_unread = False
    """Whether the label of what was made last is still to be read: the next cycle waits (A2)."""

    def one(self) -> Process[None]:
        """Let the machine work; the label is read while it asks."""
        cycle = self.truth.begin({None: self.next_unit()}, self.world.ms)
        yield from self.process(cycle)
        yield self.world.between(500, 2_000)

    def meanwhile(self, cycle: Cycle) -> Process[None]:
        """Read the label of what was made, within the window."""
        self.is_unread = True
        yield self.world.between(100, self.station.pairing.window_ms - 1_700)
        yield from self.label(cycle.units[None])

    def machine(self, cycle: Cycle) -> Process[None]:
        """Work once the label of the cycle before is read; a second reading may come later."""
        while self.is_unread:
            yield 20
        yield from super().machine(cycle)

    def label(self, unit: str) -> Process[None]:
        """Read a label, or what is read instead; a second one is of a part that lies about."""
        act = "right"
        if self.plan.faulty:
            act = self.world.one_of({"right": 12, "none": 1, "fail": 1, "twice": 1, "both": 1})
        if act == "none":
            self.is_unread = False
            return
        if act == "fail":
            how = self.world.random.choice(["noread", "junk", "cut"])
            yield from self.readers["scanner"].fail(how)
        self.is_fragile = act == "both" and self.units > 2 and self.readers["scanner"].is_heard
        if self.is_fragile:
            yield from self.scan(f"SN-{self.world.between(1, self.units - 1)}")
            yield self.world.between(50, 700)
        yield from self.scan(unit)
        self.is_fragile = self.is_unread = False
        if act == "twice":
            yield self.world.between(20, 700)
            yield from self.scan(unit)


class Tag(Line):
    """The PLC carries the code; its camera may fail, and then an old code stands."""

    def one(self) -> Process[None]:
        """Show a code, and let the machine work."""
        unit = self.next_unit()
        cycle = self.truth.begin({None: unit}, self.world.ms)
        act = "right"
        if self.plan.faulty:
            old = 3 * self.is_old_seen()
            act = self.world.one_of({"right": 12, "empty": 1, "old": old, "junk": 1})
        shown = {"right": unit, "empty": "", "old": self.plc.tags.get("code", ""), "junk": "?%x7"}
        self.plc.tags["code"] = shown[act]
        yield self.world.between(300, 1_500)
        yield from self.process(cycle)
        yield self.world.between(100, 1_500)


class MultiCavity(Line):
    """Several units a cycle, each in its cavity."""

    def one(self) -> Process[None]:
        """Fill the cavities, read what is in them, and let the machine work."""
        (handshake,) = self.station.handshakes
        units: dict[str | None, str] = {c.name: self.next_unit() for c in handshake.cavities}
        cycle = self.truth.begin(units, self.world.ms)
        for cavity in handshake.cavities:
            act = "right"
            if self.plan.faulty:
                act = self.world.one_of(
                    {"right": 16, "none": 1, "fail": 1, "old": self.is_old_seen()}
                )
            unit = units[cavity.name]
            if cavity.tag:
                old = self.plc.tags.get(cavity.tag, "")
                shown = {"right": unit, "none": "", "fail": "?%x7", "old": old}
                self.plc.tags[cavity.tag] = shown[act]
                continue
            reader = self.readers[cavity.reader or "scanner"]
            yield self.world.between(50, 500)
            if act == "fail":
                yield from reader.fail("noread")
            if act in {"right", "old"}:
                yield from reader.read(f"M{cavity.mark}-{unit}" if cavity.mark else unit)
        yield self.world.between(300, 1_000)
        yield from self.process(cycle)
        yield self.world.between(300, 1_500)


class ScanOnly(Line):
    """A manual bench: the scan is the cycle."""

    def one(self) -> Process[None]:
        """Build a unit and scan it."""
        cycle = self.truth.begin({None: self.next_unit()}, self.world.ms)
        yield from self.prepare()
        yield from self.machine(cycle)
        act = "right"
        if self.plan.faulty:
            act = self.world.one_of({"right": 10, "twice": 1, "both": 1, "fail": 1})
        unit, reader = cycle.units[None], self.readers["scanner"]
        if act == "fail":
            yield from reader.fail("noread")
        if act == "both" and not self.agent.is_slow:
            self.is_fragile = True
            yield from self._scan(f"SN-{self.units + 1}", cycle)
            yield self.world.between(50, 600)
        yield from self._scan(unit, cycle)
        self.is_fragile = False
        cycle.ended_ms = self.world.ms
        if act == "twice":
            yield self.world.between(50, 700)
            yield from self._scan(unit, cycle)
        yield self.world.between(1_300, 3_000)

    def _scan(self, code: str, cycle: Cycle) -> Process[None]:
        """Scan until the reader beeps: the scan is on disk."""
        is_kept = False
        while not is_kept:
            seen = yield from self.readers["scanner"].read(code)
            if seen is not None:
                self.truth.scanned[seen] = cycle.number
                is_kept = yield from self.agent.kept()
            yield 50


class CountOnly(Line):
    """A machine that makes pieces of a lot, which a tag or a scan names."""

    lots = 0

    def _polled(self) -> list[str]:
        self.plc.tags["lot"] = ""
        return ["count", *(["lot"] if self.station.lot else [])]

    def one(self) -> Process[None]:
        """Make some pieces of the lot, then perhaps change it."""
        yield from self._change()
        for _ in range(self.world.between(3, 20)):
            yield self.world.between(60, 900)
            piece = Piece(at_ms=0, lot=self._lot, draws={})
            for feed in self.feeds:
                while not feed.may_draw:
                    yield 20
                piece.draws[feed.position] = feed.draw()
            yield self.world.between(1, 100)
            piece.at_ms, piece.lot = self.world.ms, self._lot
            self.truth.pieces.append(piece)
            self.step_counter()
        yield 10

    _lot: str | None = None

    def _change(self) -> Process[None]:
        """Go on with another lot, once this one has been seen."""
        is_read = self.plc.has_shown("lot") and self.agent.is_durable
        if self.station.lot and not is_read:
            return
        if self.lots and self.world.chance(0.4):
            return
        self.lots += 1

        def change() -> None:
            self._lot = f"LOT-{self.lots % 7}"
            self.plc.tags["lot"] = self._lot

        if self.station.lot:
            change()
        else:
            yield from self.readers["scanner"].insist(f"LOT-{self.lots % 7}", change)

    def finish(self) -> Process[None]:
        """Wait until everything is read."""
        while not (self.plc.has_shown("count") and self.agent.linked):
            yield 100
        yield 5_000


class Carrier(Line):
    """Pallets that are loaded, worked on and unloaded, a few at a time."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as they came
        self.borne: dict[str, str] = {}
        """What is truly on each carrier."""
        self.unseen: set[str] = set()
        """Carriers of which the last unloading left no trace."""
        self.empty = [f"CAR-{n}" for n in range(1, CARRIERS + 1)]
        self.loaded: list[str] = []

    def one(self) -> Process[None]:
        """Load some carriers, work on some, and unload them."""
        for _ in range(self.world.between(1, 2)):
            if self.empty:
                yield from self._load(self.empty.pop(0))
                yield self.world.between(200, 1_500)
        if self.loaded:
            yield from self._work_on(self.loaded.pop(0))

    def _load(self, carrier: str) -> Process[None]:
        act = "right"
        if self.plan.faulty and carrier not in self.unseen:
            act = self.world.one_of(
                {"right": 14, "empty": 1, "no carrier": 1, "no unit": 1, "silent": 1, "again": 1}
            )
        self.loaded.append(carrier)
        if act == "empty":
            return
        unit = self.borne[carrier] = self.next_unit()
        self.unseen.discard(carrier)
        reader = self.readers["load"]
        if act == "no carrier":
            yield from reader.fail("noread")
        else:
            yield from reader.read(carrier)
        yield self.world.between(100, 800)
        if act == "no unit":
            yield from reader.fail("junk")
        elif act != "silent":
            yield from reader.read(unit)
        if act == "again":
            yield from reader.read(carrier)
            yield from reader.read(unit)

    def _work_on(self, carrier: str) -> Process[None]:
        cycle = self.truth.begin({None: self.borne.get(carrier, NOTHING)}, self.world.ms)
        if self.station.handshakes[0].unit:
            self.plc.tags["code"] = carrier
        else:
            yield from self.readers["scanner"].read(carrier)
        yield self.world.between(300, 1_500)
        yield from self.process(cycle)
        yield self.world.between(200, 1_500)
        yield from self._unload(carrier)

    def _unload(self, carrier: str) -> Process[None]:
        missed = self.plan.faulty and self.world.chance(0.05)
        unit = self.borne.pop(carrier, None)
        reader = self.readers["unload"]
        if missed or not reader.is_heard:
            self.unseen.add(carrier)
        else:
            code = carrier if unit is None or self.world.chance(0.8) else unit
            seen = yield from reader.read(code)
            if seen is None:
                self.unseen.add(carrier)
        self.empty.append(carrier)


LINES: Mapping[Strategy, type[Line]] = {
    Strategy.SCAN_THEN_CYCLE: ScanThenCycle,
    Strategy.CYCLE_THEN_SCAN: CycleThenScan,
    Strategy.TAG: Tag,
    Strategy.MULTI_CAVITY: MultiCavity,
    Strategy.SCAN_ONLY: ScanOnly,
    Strategy.COUNT_ONLY: CountOnly,
    Strategy.CARRIER: Carrier,
    Strategy.FIFO: Fifo,
}
