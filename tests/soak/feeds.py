"""What feeds the positions of a line, and the person who changes it and scans that.

A change lies as far from its scan as the position's `uncertainty` allows, and a splice as many
pieces. While a change is half done nothing fails: a scan that nobody hears is made again only after
a beep, and would lie too far away (see the assumptions in `tests.soak`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import count

from agent.core.station import By, Component, Until
from tests.soak.plc import Reader
from tests.soak.truth import Truth
from tests.soak.world import Process, World

MARGIN_MS = 100
"""How much nearer than declared a change is to its scan: a scan takes its time too."""
Numbers = Iterator[int]


class Feed(ABC):
    """One position."""

    def __init__(
        self,
        component: Component,
        world: World,
        reader: Reader,
        truth: Truth,
        numbers: Numbers,
        *,
        faulty: bool,
    ) -> None:
        self.component, self.world, self.reader = component, world, reader
        self.truth, self.numbers, self.faulty = truth, numbers, faulty
        self.position = component.position
        self.label = component.position.upper()
        self.is_ready = False
        """Whether the machine can draw."""
        self.is_changing = False
        """Whether a change was made of which the scan is still to come, or the other way round."""
        self.is_due = False
        """Whether a scan is still to come that waits for the machine."""
        self.is_last = False
        """Whether no piece follows that a scan could wait for."""

    @property
    def may_draw(self) -> bool:
        """Whether there is something at the tool."""
        return self.is_ready

    @abstractmethod
    def supply(self) -> Process[None]:
        """Keep the position supplied, for ever."""

    @abstractmethod
    def draw(self) -> set[str]:
        """Take what one piece needs, now, and return from which lots it comes."""

    def prepare(self) -> Process[None]:
        """Scan what the next unit gets, where each unit gets its own."""
        yield from ()

    def new_lot(self) -> str:
        """Return the number of a new lot."""
        lot = str(next(self.numbers))
        self.truth.lots.add(lot)
        return lot

    def near(self, code: str, change: Callable[[], None]) -> Process[None]:
        """Make a change and scan it, one after the other, as near as is declared."""
        most_ms = self.component.uncertainty_ms - MARGIN_MS
        while not self.reader.is_heard or self.reader.agent.is_slow:
            yield 100
        self.is_changing = True
        if most_ms <= 0:
            done = False

            def once() -> None:
                nonlocal done
                if not done:
                    change()
                done = True

            yield from self.reader.insist(code, once)
        elif self.world.chance(0.5):
            yield from self.reader.insist(code)
            yield self.world.between(0, most_ms)
            change()
        else:
            change()
            yield self.world.between(0, most_ms)
            yield from self.reader.insist(code)
        self.is_changing = False


class LotFeed(Feed):
    """One package at a time; with a feed path between it and the tool."""

    left = 0
    _lots: tuple[tuple[int, str], ...] = ()
    """(since when, which lot)"""

    def supply(self) -> Process[None]:
        """Put on a package, and the next one when it is used up or somebody wants to."""
        while True:
            yield from self._put_on()
            for _ in range(self.world.between(20, 600)):
                yield 100
                if not self.is_ready:
                    break

    def _put_on(self) -> Process[None]:
        lot, quantity = self.new_lot(), self.world.between(8, 40)
        said = f"Q{quantity}" if self.component.use else ""
        forgotten = bool(self.component.use) and self.faulty and self.world.chance(0.2)

        def change() -> None:
            self._lots = (*self._lots[-20:], (self.world.ms, lot))
            self.left = quantity + self.world.between(-1, 1) if said else 10**9
            self.is_ready = True

        if forgotten and self._lots and not self.is_ready:
            yield 500
            change()  # only a package that has run out is changed without a scan: D-55 sees it
            return
        yield from self.near(f"{self.label}L{lot}{said}", change)

    def draw(self) -> set[str]:
        """Return the lot that left the package some feed path ago."""
        lag_ms = self.world.between(self.component.lag_min_ms, self.component.lag_max_ms)
        at_ms = self.world.ms - lag_ms
        self.left -= 1
        self.is_ready = self.left > 0
        lots = [lot for since_ms, lot in self._lots if since_ms <= at_ms]
        return {lots[-1] if lots else self._lots[0][1]}


class SpliceFeed(Feed):
    """The next reel is joined behind the one before, while the machine runs."""

    drawn = 0
    on = ""

    def supply(self) -> Process[None]:
        """Put on a reel, then join one after the other, each scanned some pieces off the splice."""
        self.on = self.new_lot()
        yield from self.reader.insist(f"{self.label}L{self.on}")
        self.is_ready = True
        while True:
            next_lot = self.new_lot()
            ends_at = self.drawn + self.world.between(8, 40)
            pieces = self.component.splice_pieces
            off = self.world.between(-pieces, pieces)
            """How many pieces after its splice a reel is scanned."""
            yield from self._until(ends_at + min(off, 0))
            if off < 0:
                yield from self._scan(next_lot)
                yield from self._until(ends_at)
            self.on = next_lot
            if off >= 0:
                self.is_due = True
                yield from self._until(ends_at + off)
                yield from self._scan(next_lot)
                self.is_due = False
            self.is_ready = True

    def _until(self, drawn: int) -> Process[None]:
        """Wait until so many pieces are drawn; the machine then waits for what comes."""
        self.stop_at = drawn
        self.is_ready = self.drawn < drawn
        while self.is_ready and not (self.is_due and self.is_last):
            yield 20

    stop_at = 0

    def _scan(self, lot: str) -> Process[None]:
        self.is_ready = False
        yield from self.reader.insist(f"{self.label}L{lot}")

    def draw(self) -> set[str]:
        """Return the reel that is at the tool."""
        self.drawn += 1
        self.is_ready = self.drawn < self.stop_at
        return {self.on}


class VesselFeed(Feed):
    """A vessel in which everything mixes; or, by plug flow, is used in its order."""

    inside: tuple[tuple[str, int], ...] = ()
    """(lot, pieces left), oldest first."""

    def supply(self) -> Process[None]:
        """Fill up before it is empty, and empty it now and then."""
        if self.world.chance(0.8):
            yield from self._empty()
        while True:
            yield from self._fill()
            while sum(left for _, left in self.inside) > 6:
                yield 100
                if self.world.chance(0.001):
                    yield from self._empty()

    def _fill(self) -> Process[None]:
        lot, quantity = self.new_lot(), self.world.between(10, 40)
        said = f"Q{quantity}" if self.component.use else ""
        off = self.world.between(-1, 1) if self.component.use else 0

        def change() -> None:
            self.inside = (*self.inside, (lot, quantity + off))
            self.is_ready = True
            self._note()

        yield from self.near(f"{self.label}L{lot}{said}", change)

    def _empty(self) -> Process[None]:
        def change() -> None:
            self.inside, self.is_ready = (), False
            self._note()

        yield from self.near(f"{self.label}EMPTY", change)

    @property
    def may_draw(self) -> bool:
        """Whether what can be at the tool by now left the vessel while something was inside."""
        return self.is_ready and bool(self._on_the_way())

    def draw(self) -> set[str]:
        """Take one piece, and return what left the vessel some feed path ago."""
        self._note()
        lot, left = self.inside[0]
        self.inside = ((lot, left - 1), *self.inside[1:])
        if self.component.plug_flow is not None or len(self.inside) > 6:
            self.inside = tuple(each for each in self.inside if each[1] > 0)
        self.is_ready = sum(max(0, n) for _, n in self.inside) > 0
        lots = self.world.random.choice(self._on_the_way())
        if self.component.plug_flow is not None:
            return {lots[0]}
        return {each for each in lots if self.world.chance(0.7)} | {lots[0]}

    _held: tuple[tuple[int, tuple[str, ...]], ...] = ()
    """(since when, what was inside): newest last, never empty."""

    def _note(self) -> None:
        lots = tuple(lot for lot, _ in self.inside)
        self._held = (*self._held[-200:], (self.world.ms, lots))

    def _on_the_way(self) -> list[tuple[str, ...]]:
        """Return what was inside, each time that it changed, when what is at the tool left it."""
        low_ms = self.world.ms - self.component.lag_max_ms
        high_ms = self.world.ms - self.component.lag_min_ms
        before = [lots for since_ms, lots in self._held if since_ms <= low_ms][-1:]
        then = [lots for since_ms, lots in self._held if low_ms < since_ms <= high_ms]
        return [lots for lots in (*before, *then) if lots]


class SerialFeed(Feed):
    """Each unit gets its own component, or a kit of them."""

    built: tuple[str, ...] = ()
    """What the next unit gets."""
    early: tuple[str, ...] = ()
    """What the unit after it gets, and was scanned already."""

    is_left = False
    """Whether what was scanned for the unit before may still wait: nobody then forgets more."""

    def supply(self) -> Process[None]:
        """Nothing is loaded."""
        self.is_ready = True
        yield from ()

    def prepare(self) -> Process[None]:
        """Scan the components of the next unit, as well as people do."""
        pieces = self.component.pieces
        fresh = [self.new_lot() for _ in range(pieces - len(self.early))]
        self.built = (*self.early, *fresh)
        self.early = ()
        act = "all"
        if self.faulty and len(fresh) == pieces and not self.is_left:
            act = self.world.one_of({"all": 10, "forget": 1, "twice": 1, "aside": 1, "early": 1})
        for n, serial in enumerate(fresh):
            if act != "forget" or n > 0:
                yield from self._scan(serial)
            if act == "twice":
                yield from self._scan(serial)
        if act == "aside":
            yield from self._scan(self.new_lot())
        if act == "early":
            self.early = (self.new_lot(),)
            yield from self._scan(self.early[0])

    def _scan(self, serial: str) -> Process[None]:
        yield self.world.between(50, 400)
        yield from self.reader.insist(f"{self.label}S{serial}")

    def draw(self) -> set[str]:
        """Return what is built in."""
        return set(self.built)


_KINDS: dict[Until, type[Feed]] = {
    Until.REPLACED: LotFeed,
    Until.SPLICED: SpliceFeed,
    Until.EMPTIED: VesselFeed,
}


def feeds_of(
    components: tuple[Component, ...], world: World, reader: Reader, truth: Truth, *, faulty: bool
) -> tuple[Feed, ...]:
    """Return the feeds of a station's positions."""
    numbers = count(1)
    return tuple(
        (SerialFeed if each.by is By.SERIAL else _KINDS[each.until])(
            each, world, reader, truth, numbers, faulty=faulty
        )
        for each in components
    )
