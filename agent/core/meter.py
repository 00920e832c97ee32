"""From a station's events to the elements of OEE, shift by shift (D-104 to D-112).

    meter = Meter(plan, windows)
    for event in events: meter.take(event)
    meter.results(now_ms)     -> (window, order, product, elements), as far as is known now

Laws:
    1. A moment is in one window, one order and one product, and so is a piece: what is cut anywhere
       and added again is the same.
    2. What nobody saw is unknown, neither up nor down: before the first event, while the agent or
       the link was away, and after the newest event of all (D-108).
    3. Events count in the order of their addresses, and at the moment that they tell by the boot
       clock of their own boot (D-88, D-91).

Memory grows by windows, orders and products, never by events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agent.core import events as ev
from agent.core.calendars import Window
from agent.core.oee import Check, Elements, Rules
from agent.core.station import Category, Mode
from agent.core.timeline import NOWHERE, RUNNING, UNKNOWN, Key, Timeline
from drivers.base import SET_CLOCKS

NOT_PRODUCTION = "not_production"
"""The loss of a machine that runs, but not automatically (D-107)."""
STEP_MS = 1_000
"""The wall clock has moved against the boot clock by more than this: it stepped."""
ACROSS_MS = 2_000
"""A row of pieces that covers more than this, over the edge of a window, is told (`Check`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterPlan:
    """What is declared of a station for its key figures."""

    rules: Rules = field(default_factory=Rules)
    ideal_us: int | None = None
    """PRI: planned run time per item, of products that have none of their own."""
    ideals_us: Mapping[str, int] = field(default_factory=dict)
    """Per product."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What events call a product, and its name."""
    small_stop_ms: int = 0
    """Shorter stops stay in the production time; 0: every stop counts (D-109)."""
    modulus: int | None = None
    """Where the counter wraps."""
    refused_is_made: bool = True
    """Whether the machine has worked when a cycle is refused; not where the scan is the cycle."""


class Result(NamedTuple):
    """What is known of one part of one window."""

    window: Window | None
    """As far as it was judged; None: outside every shift."""
    order: str | None
    product: str | None
    elements: Elements
    is_over: bool
    """Whether the whole window is over."""


class Meter:
    """One station's elements, as they grow with its events."""

    def __init__(self, plan: MeterPlan, windows: Sequence[Window]) -> None:
        self._plan = plan
        self._times = Timeline(windows, plan.small_stop_ms)
        self._is_named = False
        """Whether the product was told, and not only found on a unit."""
        self._knows_order = False
        self._boot: tuple[str, int] | None = None
        """The boot, and its wall clock less its boot clock."""
        self._count: int | None = None
        self.as_of: str | None = None
        """The address of the newest event that was taken (D-112)."""

    @property
    def seen_ms(self) -> int | None:
        """Up to when anything is known, UTC ms; None: nothing was seen."""
        return None if self._times.began_ms is None else self._times.seen_ms

    def extend(self, windows: Sequence[Window]) -> None:
        """Add windows behind those that there are."""
        self._times.extend(windows)

    def take(self, event: ev.Event) -> None:
        """Take the next event of the station, in the order of addresses."""
        self._clock(event.time)
        self.as_of = event.address
        at_ms, times = event.time.received_ms, self._times
        if times.began_ms is None:
            times.see(at_ms)
        if isinstance(event, ev.AgentStarted):
            times.change(times.seen_ms, UNKNOWN, "")
        reader = _READERS.get(type(event))
        if reader is not None:
            reader(self, event)
        times.see(at_ms)

    def lost(self, until_ms: int) -> None:
        """Take it that events from the newest one until a moment are not here."""
        times = self._times
        if times.began_ms is not None:
            since_ms, until_ms = times.seen_ms, max(times.seen_ms, until_ms)
            times.change(since_ms, UNKNOWN, "")
            for window in times.windows:
                if window.begin_ms < max(until_ms, since_ms + 1) and since_ms < window.end_ms:
                    times.note(Check.LACK, max(since_ms, window.begin_ms))
                    times.miss(max(since_ms, window.begin_ms))

    def still(self, event: ev.Event, at_ms: int) -> None:
        """Take it that what is so is so until a moment, if a later event proves it.

        One of the same run does: whatever changed before it would have had an event of its own.
        """
        if self.as_of is not None and self.as_of.startswith(f"{event.epoch}-"):
            self.as_of = event.address
            self._times.see(at_ms)

    def start(self, at_ms: int) -> None:
        """Begin to measure: what was taken before only says what was so then."""
        self._times.start(at_ms)

    def _clock(self, time: ev.EventTime) -> None:
        """Note a clock that cannot be trusted, or that stepped; what is open moves with it."""
        offset_ms = time.received_ms - time.boottime_ms
        before, self._boot = self._boot, (time.boot_id, offset_ms)
        if time.clock_state not in SET_CLOCKS:
            self._times.note(Check.CLOCK, time.received_ms)
        step_ms = offset_ms - before[1] if before and before[0] == time.boot_id else 0
        if abs(step_ms) > STEP_MS:
            self._times.note(Check.CLOCK, time.received_ms)
            self._times.step(step_ms)

    def results(self, now_ms: int, *, is_live: bool = False) -> Iterator[Result]:
        """Yield what is known now, by window, order and product.

        A window that is over is judged whole; one that is not, up to what was seen.

        Args:
            now_ms: UTC ms.
            is_live: Whether what is so has been so until now, and not only until the newest event:
                it is the station's own agent that asks.
        """
        times = self._times.copy()
        if is_live and times.began_ms is not None:
            times.see(now_ms)
        edge_ms = times.settle(now_ms)
        for place, key, elements in times.buckets():
            if place != NOWHERE:
                window = times.windows[place]
                is_over = window.end_ms <= now_ms
                yield Result(window.until(edge_ms), *key, elements, is_over)
            elif elements.counts != _NO_COUNTS or elements.ran_in_down_ms:
                yield Result(None, *key, elements, is_over=True)

    # -------------------------------------------------------------- counting

    def _made(self, n: int, at_ms: int, key: Key) -> None:
        """Add to what the produced quantity should have taken; less where it is none."""
        bucket, is_down = self._times.bucket(at_ms, key)
        if is_down:
            bucket.count("outside", n)
            return
        bucket.count("produced", n)
        ideal_us = self._plan.ideals_us.get(key.product or "", self._plan.ideal_us)
        if ideal_us is None:
            bucket.add("unpriced", n)
        else:
            bucket.add("earned_us", ideal_us * n)

    def _count_up(self, name: str, n: int, at_ms: int, key: Key) -> None:
        """Add pieces to one of the counts, and to the produced quantity if that is made of it."""
        self._note(name, at_ms, key, n)
        if (name == "counted") == self._plan.rules.has_counter:
            self._made(n, at_ms, key)

    def _note(self, name: str, at_ms: int, key: Key, n: int = 1) -> None:
        """Add to one of the counts."""
        bucket, is_down = self._times.bucket(at_ms, key)
        if not is_down:
            bucket.count(name, n)

    def _step(self, count: int | None, at_ms: int, key: Key) -> None:
        """Take the counter as it stood with a cycle."""
        if count is None or not self._plan.rules.has_counter:
            return
        n = 1 if self._count is None else self._since(self._count, count)
        if n:
            self._count = count
        self._count_up("counted", n, at_ms, key)

    def _since(self, before: int, count: int) -> int:
        """Return the steps between two readings, 0 where they were read in the other order.

        A reset has an event of its own.
        """
        modulus = self._plan.modulus
        if not modulus:
            return max(0, count - before)
        n = (count - before) % modulus
        return n if n <= modulus // 2 else 0

    def _product_of(self, event: ev.UnitEvent | ev.LotCounted) -> str | None:
        if event.product is not None:
            return self._plan.names.get(event.product, event.product)
        return None if event.products else self._times.key.product

    # -------------------------------------------------------------- what events say

    def _state(self, event: ev.MachineStateChanged) -> None:
        self._orders(event)
        what = event.category
        if event.mode == Mode.SET_UP.value and what != UNKNOWN:
            what = Category.SETUP.value
        elif event.mode is not None and what == RUNNING:
            what = UNKNOWN if event.mode == UNKNOWN else NOT_PRODUCTION
        reason = (event.reason or "") if what not in {RUNNING, UNKNOWN} else ""
        self._times.change(_wall(event, event.latest_ms), what, reason)

    def _orders(self, event: ev.Event) -> None:
        """Take the order that was on when the first events were recorded."""
        if not self._knows_order:
            self._knows_order = True
            self._times.key = self._times.key._replace(order=event.order)

    def _turn(self, at_ms: int, **changed: str | None) -> None:
        self._times.turn(at_ms, self._times.key._replace(**changed))

    def _order_started(self, event: ev.OrderStarted | ev.OrderChanged) -> None:
        self._knows_order = True
        self._turn(event.time.received_ms, order=event.order)
        self._found(event.product, event.time.received_ms)

    def _order_ended(self, event: ev.OrderEnded) -> None:
        self._knows_order = True
        self._turn(event.time.received_ms, order=None)

    def _found(self, product: str | None, at_ms: int) -> None:
        """Go on with a product that an order, a lot or a unit has, where nothing else tells it."""
        if product is not None and not self._is_named:
            self._turn(at_ms, product=self._plan.names.get(product, product))

    def _product(self, event: ev.ProductChanged) -> None:
        self._orders(event)
        self._is_named = True
        product = event.product or event.named
        named = self._plan.names.get(product, product) if product else None
        self._turn(_wall(event, event.latest_ms), product=named)

    def _lot(self, event: ev.LotOpened) -> None:
        self._orders(event)
        self._found(event.product, _wall(event, event.latest_ms))

    def _pieces(self, event: ev.LotCounted) -> None:
        self._orders(event)
        self._count = event.to_count
        if not event.n:
            return
        at_ms, first_ms = _wall(event, event.last_ms), _wall(event, event.first_ms)
        key = Key(event.order, self._product_of(event))
        is_long = at_ms - first_ms > ACROSS_MS
        if is_long and self._times.place(first_ms) != self._times.place(at_ms):
            self._times.bucket(at_ms, key)[0].checks.add(Check.OVER_BOUNDARY)
        self._count_up("pieces", event.n, at_ms, key)
        if self._plan.rules.has_counter:
            self._count_up("counted", event.n, at_ms, key)

    def _cycle(self, event: ev.UnitEvent) -> None:
        """A cycle; at `begin`, and where a scan is refused, nothing has been made yet."""
        self._orders(event)
        if event.handshake == "begin" or self._is_undone(event):
            return
        at_ms = _wall(event, event.latest_ms)
        self._found(event.product, at_ms)
        key = Key(event.order, self._product_of(event))
        if not isinstance(event, ev.CycleCounted):  # its piece is in a row of the lot
            self._count_up("units", 1, at_ms, key)
            self._step(event.count, at_ms, key)
        self._judge(event, at_ms, key)

    def _is_undone(self, event: ev.UnitEvent) -> bool:
        """Whether a unit was turned away before anything was done with it."""
        return isinstance(event, ev.UnitRefused) and not self._plan.refused_is_made

    def _judge(self, event: ev.UnitEvent, at_ms: int, key: Key) -> None:
        if event.mode is not None and event.mode != UNKNOWN:
            self._note("not_production", at_ms, key)
            self._made(-1, at_ms, key)
            return
        result = event.result if isinstance(event, (ev.UnitCompleted, ev.CycleCounted)) else None
        is_good = result is ev.Result.OK
        if isinstance(event, ev.UnitCompleted) and event.visit > 1:
            self._note("rework", at_ms, key)
            self._note("rework_good", at_ms, key, int(is_good))
            if not self._plan.rules.rework_counts:
                self._made(-1, at_ms, key)
                return
        if result is not None:
            self._note("good" if is_good else "nok", at_ms, key)

    def _missed(self, event: ev.CycleMissed) -> None:
        at_ms, key = event.time.received_ms, self._times.key
        if event.n is None:
            self._note("unknown", at_ms, key)
        elif event.reason != "torn" or event.to_count is None:  # else the PLC asks again
            self._count_up("missed", event.n, at_ms, key)

    def _bypassed(self, event: ev.InterlockBypassed) -> None:
        at_ms, key = _wall(event, event.last_ms), self._times.key
        if event.n is None:
            self._note("unknown", at_ms, key)
        else:
            self._count_up("bypassed", event.n, at_ms, key)

    def _reset(self, event: ev.CounterReset) -> None:
        self._count = event.to_count
        self._uncertain(event)

    def _uncertain(self, event: ev.Event) -> None:
        self._note("unknown", event.time.received_ms, self._times.key)

    def _scrapped(self, event: ev.UnitScrapped) -> None:
        self._note("scrapped", event.time.received_ms, self._times.key)


def _wall(event: ev.Event, boot_ms: int) -> int:
    """Return when something was, by the wall clock of its event."""
    return event.time.received_ms - max(0, event.time.boottime_ms - boot_ms)


_NO_COUNTS = Elements().counts
_READERS: Mapping[type[ev.Event], Callable[[Meter, Any], None]] = {
    ev.MachineStateChanged: Meter._state,  # noqa: SLF001 - the class's own table
    ev.OrderStarted: Meter._order_started,  # noqa: SLF001 - as above
    ev.OrderChanged: Meter._order_started,  # noqa: SLF001 - as above
    ev.OrderEnded: Meter._order_ended,  # noqa: SLF001 - as above
    ev.ProductChanged: Meter._product,  # noqa: SLF001 - as above
    ev.LotOpened: Meter._lot,  # noqa: SLF001 - as above
    ev.LotCounted: Meter._pieces,  # noqa: SLF001 - as above
    ev.UnitCompleted: Meter._cycle,  # noqa: SLF001 - as above
    ev.UnitUnbound: Meter._cycle,  # noqa: SLF001 - as above
    ev.UnitRefused: Meter._cycle,  # noqa: SLF001 - as above
    ev.CycleCounted: Meter._cycle,  # noqa: SLF001 - as above
    ev.CycleMissed: Meter._missed,  # noqa: SLF001 - as above
    ev.InterlockBypassed: Meter._bypassed,  # noqa: SLF001 - as above
    ev.CounterReset: Meter._reset,  # noqa: SLF001 - as above
    ev.HistoryLost: Meter._uncertain,  # noqa: SLF001 - as above
    ev.UnitScrapped: Meter._scrapped,  # noqa: SLF001 - as above
}
"""What is read of each kind; of the others only that the station was there."""
