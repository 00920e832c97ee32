"""A belt between a reader and a machine: parts keep their order, unless somebody takes one off."""

from __future__ import annotations

from agent.core.station import Queue
from tests.soak.line import Line
from tests.soak.world import Process

FOREIGN = 900_000
"""Numbers of parts that were put on the belt behind the reader."""


class Fifo(Line):
    """Parts pass the reader, travel, and are worked on in their order."""

    is_disturbed = False
    """Whether a part was taken off or put on since the order was proven last."""
    unproven = 0
    """How many parts are to leave until the place of that is at the head."""
    is_clearing = False
    at_work = 0
    """How many parts are in the machine: they stay on the belt until they leave it."""

    def _polled(self) -> list[str]:
        self.belt: list[tuple[str, int]] = []
        """(unit, since when it is on it), the next one first."""
        self.plc.tags |= {"inside": 0, "clear": True}
        return [*super()._polled(), *(["clear"] if self.queue.clear else [])]

    @property
    def queue(self) -> Queue:
        """The way from the reader to the station."""
        queue = self.station.pairing.queue
        assert queue is not None
        return queue

    def run(self, cycles: int) -> None:
        """Let parts come in beside the machine."""
        self.world.start(self._come_in())
        super().run(cycles)

    def _sense(self) -> None:
        """Let the sensors see the belt."""
        self.plc.tags["inside"] = len(self.belt)
        self.plc.tags["clear"] = not self.belt
        if not self.belt:
            self.is_disturbed, self.unproven = False, 0

    def may_fail(self) -> bool:
        """Nor where a part was taken off or put on: what comes in unseen would hide it."""
        return super().may_fail() and not self.is_disturbed

    # -------------------------------------------------------------- entry

    def _come_in(self) -> Process[None]:
        yield 1_500
        while not self.is_over:
            yield self.world.between(300, 2_500)
            if self.is_clearing or len(self.belt) >= self.queue.most:
                continue
            yield from self._enter(self.next_unit())
            if self.plan.faulty and self.world.chance(0.05):
                self._disturb()

    def _enter(self, unit: str) -> Process[None]:
        act = "right"
        if self.plan.faulty:
            act = self.world.one_of({"right": 20, "noread": 1, "junk": 1, "cut": 1})

        def on() -> None:
            self.belt.append((unit, self.world.ms))
            self._sense()

        reader = self.readers["entry"]
        if not reader.is_heard:
            self._disturbed(len(self.belt) + 1)
        if act == "right":
            on()
            if not (yield from reader.read(unit)):
                self._disturbed(len(self.belt))
            return
        if not self.queue.gate:
            on()
        yield from reader.fail(act)

    def _disturb(self) -> None:
        """Somebody takes a part off, or puts one on: one such thing between two proofs."""
        if self.is_disturbed:
            return
        first = self.at_work
        places = [
            place
            for place, (_, since_ms) in enumerate(self.belt)
            if place >= first and since_ms < self.world.ms - 500
        ]
        if places and self.world.chance(0.6):
            place = self.world.random.choice(places)
            self.belt.pop(place)
            self._disturbed(place)
        elif len(self.belt) < self.queue.most and self.belt:
            place = self.world.between(first, len(self.belt))
            self.belt.insert(place, (f"SN-{FOREIGN + self.units}", self.world.ms - 1_000))
            self._disturbed(place + 1)
        else:
            return
        self._sense()

    def _disturbed(self, ahead: int) -> None:
        """Note that the order is not what was read, behind so many parts."""
        self.is_disturbed = True
        self.unproven = max(self.unproven, ahead)

    # -------------------------------------------------------------- station

    def one(self) -> Process[None]:
        """Work on the part at the head."""
        waited_ms = 0
        while not self.belt or self.belt[0][1] > self.world.ms - 500:
            yield 50
            waited_ms += 50
            if waited_ms > 5_000:
                return
        self.at_work = 1
        unit = self.belt[0][0]
        cycle = self.truth.begin({None: unit}, self.world.ms)
        if self.queue.sync:
            yield from self._sync(unit)
        yield self.world.between(200, 800)
        yield from self.process(cycle)
        if cycle.answers and self.queue.sync is None and self.queue.clear is None:
            self.is_disturbed, self.unproven = False, 0
        self.belt.pop(0)
        self.at_work, self.unproven = 0, max(0, self.unproven - 1)
        self._sense()
        yield self.world.between(50, 1_500)
        if self.queue.clear and self.world.chance(0.08):
            yield from self._run_empty()

    def _sync(self, unit: str) -> Process[None]:
        reader = self.readers["sync"]
        if self.plan.faulty and self.world.chance(0.1):
            yield from reader.fail("noread")
        elif (yield from reader.read(unit)) and not self.unproven:
            self.is_disturbed = False

    def _run_empty(self) -> Process[None]:
        """Let nothing in until everything is out, and the sensor has said so."""
        self.is_clearing = True
        while self.belt:
            yield from self.one()
        yield 1_000
        self.is_clearing = False

    def finish(self) -> Process[None]:
        """Prove what is left: the belt is run empty under good conditions."""
        yield 15_000
        self.is_clearing = True
        self.is_over = True
        while self.belt:
            yield from self.one()
        yield 1_000
