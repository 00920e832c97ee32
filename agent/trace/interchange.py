"""History from other systems in the neutral form `trace-v1`: what a plant can begin with.

One JSON document with `stations` and `events`, or a folder with `stations.json` and
`events.jsonl`. Events stand in the order they were recorded; `t` (seconds) says when they happened,
which may be another order. What they come down to are slots and their options (genealogy.py).

Rules:
    - `load`: from some moment within `t: [lo, hi]` on, the slot holds this lot and no longer the
      one before. `topup`: added without emptying. A lot is an option of what was drawn at t, give
      or take u, if it may have been there by t+u and the next load may not have been by t-u (D-44).
    - `process`: the unit draws from every slot of the station that has something in it.
    - `replace`: what the unit had from that slot is out, this lot is in. `remove`: so is the child.
    - `split`: each child is all of its parent. `merge`: of kind `blend` every input is in it, of
      kind `commingle` one of them is in each piece (D-52).
    - `correct`: what its target says does not count (`void`), or its own `event` does instead
      (`replace`); it may itself be corrected by a later one (D-143).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import accumulate
from math import inf
from operator import itemgetter
from typing import Any, NamedTuple

from agent.core.records import dataclass
from agent.trace.genealogy import Kind, Use
from agent.trace.shipment import Shipment

FORM = "trace-v1"
_DIRECT = "direct_link"


class InterchangeError(Exception):
    """What was handed in is not of this form; the text names the event and what is wrong."""


@dataclass(slots=True)
class Facts:
    """What the events come down to (the `Links` of genealogy.py), in memory."""

    slots: list[Slot] = field(default_factory=list)
    all_units: set[str] = field(default_factory=set)
    all_scrapped: set[str] = field(default_factory=set)
    shipments: list[Shipment] = field(default_factory=list)
    _above: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _below: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, slot: Slot) -> None:
        """Add a slot with its options."""
        number = len(self.slots)
        self.slots.append(slot)
        self._below[slot.holder].append(number)
        for option in slot.options:
            self._above[option].append(number)

    def above(self, things: Collection[str]) -> Iterator[Use]:
        """Return each use that has one of these as its option."""
        for thing in things:
            for number in self._above.get(thing, ()):
                yield self._use(number, thing)

    def below(self, holders: Collection[str]) -> Iterator[Use]:
        """Return each use of these holders' slots."""
        for holder in holders:
            for number in self._below.get(holder, ()):
                for option in self.slots[number].options:
                    yield self._use(number, option)

    def _use(self, number: int, option: str) -> Use:
        slot = self.slots[number]
        count = len(slot.options)
        return Use(number, slot.kind, slot.holder, option, count, slot.since, slot.until, slot.why)

    def units(self, things: Collection[str]) -> set[str]:
        """Return which of these are units."""
        return self.all_units.intersection(things)

    def scrapped(self, things: Collection[str]) -> set[str]:
        """Return which of these were scrapped."""
        return self.all_scrapped.intersection(things)


class Slot(NamedTuple):
    """One slot of a holder and what may be in it; a tuple, because there are millions of them."""

    holder: str
    kind: Kind
    options: Sequence[str]
    since: float = -inf
    until: float = inf
    why: str = ""
    """Reason code of D-5; empty: the source says none."""
    is_loaded: bool = False
    """Whether it is the one lot that stood there, as for other units before and behind."""


class Drawn(NamedTuple):
    """Slots that each have one lot that stood there, and nothing else: what a unit drew."""

    holder: str
    lots: tuple[str, ...]
    since: float


Event = Mapping[str, Any]


def facts_of(events: Iterable[Event]) -> Facts:
    """Return what events of the form come down to.

    Raises:
        InterchangeError: an event lacks something, or is of no known type.
    """
    counted = list(_counting(list(events)))
    reading = _Reading()
    for event in counted:
        reading.take(event)
    return reading.facts()


# ------------------------------------------------------------------ corrections


def _counting(events: Sequence[Event]) -> Iterator[Event]:
    """Yield what counts after all corrections, in the order recorded."""
    by_id: dict[str, Event] = {}
    for number, event in enumerate(events):
        name = str(event.get("id", number))
        if name in by_id:
            raise InterchangeError(f"two events have the id {name}; which of them is corrected?")
        by_id[name] = event
    instead: dict[str, Event | None] = {}
    for name, event in reversed(by_id.items()):
        now = instead.get(name, event)
        if now is None or now.get("type") != "correct":
            continue
        target = str(_needed(now, "target"))
        if target not in by_id:
            raise InterchangeError(f"event {name}: corrects {target}, which is not there")
        action = _needed(now, "action")
        if action not in {"void", "replace"}:
            raise InterchangeError(f"event {name}: action {action!r}; write void or replace")
        instead.setdefault(target, None if action == "void" else _needed(now, "event"))
    for name, event in by_id.items():
        counts = instead.get(name, event)
        if counts is not None and counts.get("type") != "correct":
            yield {"id": name, **counts}


def _needed(event: Event, member: str) -> Any:  # noqa: ANN401 - whatever JSON has
    if member not in event:
        kind = event.get("type", "of no type")
        raise InterchangeError(f"event {event.get('id', '?')} ({kind}): {member} is missing")
    return event[member]


# ------------------------------------------------------------------ reading


@dataclass(frozen=True, slots=True)
class _Load:
    """A lot that came into a slot of a station."""

    low: float
    high: float
    lot: str
    is_added: bool
    """Whether what was there before stayed there."""


@dataclass(slots=True)
class _Reading:
    """What is collected over the events, before times are put in order."""

    loads: dict[tuple[str, str], list[_Load]] = field(default_factory=lambda: defaultdict(list))
    draws: list[tuple[str, str, float, float]] = field(default_factory=list)
    """Unit, station, time, give or take."""
    replaced: dict[tuple[str, str, str], list[tuple[float, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """(unit, station, slot) -> times, and what is in since."""
    parts: dict[tuple[str, str], list[tuple[float, bool]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """(parent, child) -> when it came in (true) or out."""
    made: list[Slot] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    scrapped: set[str] = field(default_factory=set)

    def take(self, event: Event) -> None:
        """Take in one event that counts."""
        kind = _needed(event, "type")
        reader = _READERS.get(kind)
        if reader is None:
            known = ", ".join(sorted(_READERS))
            raise InterchangeError(f"event {event['id']}: type {kind!r}; known are {known}")
        reader(self, event)

    def load(self, event: Event) -> None:
        """A lot came into a slot, in the place of the one before or on top of it."""
        low, high = _interval(event)
        lot, is_added = str(_needed(event, "lot")), event["type"] == "topup"
        place = (str(_needed(event, "station")), str(_needed(event, "slot")))
        self.loads[place].append(_Load(low, high, lot, is_added))

    def process(self, event: Event) -> None:
        """A unit drew from a station's slots."""
        unit = str(_needed(event, "unit"))
        self.units.add(unit)
        give_or_take = _number(event, event.get("u", 0), "u")
        station = str(_needed(event, "station"))
        self.draws.append((unit, station, _time(event), give_or_take))

    def replace(self, event: Event) -> None:
        """What a unit had from a slot is out, another lot is in."""
        unit = str(_needed(event, "unit"))
        self.units.add(unit)
        place = (unit, str(_needed(event, "station")), str(_needed(event, "slot")))
        self.replaced[place].append((_time(event), str(_needed(event, "lot"))))

    def part(self, event: Event) -> None:
        """A child came into a parent or out of it."""
        pair = (str(_needed(event, "parent")), str(_needed(event, "child")))
        self.units.update(pair)
        self.parts[pair].append((_time(event), event["type"] == "install"))

    def split(self, event: Event) -> None:
        """Pieces of a lot became lots of their own."""
        parent = str(_needed(event, "from"))
        for child in _names(event, "to"):
            self.made.append(Slot(child, Kind.LOT, (parent,), why=_DIRECT))

    def merge(self, event: Event) -> None:
        """Lots became one."""
        made, kind = str(_needed(event, "to")), _needed(event, "kind")
        inputs = _names(event, "from")
        if kind == "blend":
            self.made += [Slot(made, Kind.LOT, (each,), why=_DIRECT) for each in inputs]
        elif kind == "commingle":
            options = tuple(dict.fromkeys(inputs))
            self.made.append(Slot(made, Kind.LOT, options, why="hopper_mix"))
        else:
            raise InterchangeError(f"event {event['id']}: kind {kind!r}; write blend or commingle")

    def scrap(self, event: Event) -> None:
        """A unit is scrap."""
        unit = str(_needed(event, "unit"))
        self.units.add(unit)
        self.scrapped.add(unit)

    def receive(self, event: Event) -> None:
        """A lot came from outside: nothing is in it that we know of."""
        _needed(event, "lot")

    # -------------------------------------------------------------- times in order

    def facts(self) -> Facts:
        """Return the slots."""
        facts = Facts(all_units=self.units, all_scrapped=self.scrapped)
        for slot in self.made:
            facts.add(slot)
        feeds = defaultdict(list)
        for (station, position), loads in self.loads.items():
            feeds[station].append((position, _Feed(loads)))
        for unit, station, at, give_or_take in self.draws:
            for name, feed in feeds[station]:
                options = feed.options(at, give_or_take)
                if options:
                    out = self._out(unit, station, name, at)
                    why = "load_interval" if len(options) == 1 else "boundary_uncertain"
                    facts.add(Slot(unit, Kind.FEED, options, at, out, why=why))
        for (unit, _, _), changes in self.replaced.items():
            in_order = sorted(changes, key=itemgetter(0))
            ends = [*(at for at, _ in in_order[1:]), inf]
            for (at, lot), end in zip(in_order, ends, strict=True):
                facts.add(Slot(unit, Kind.FEED, (lot,), at, end, why=_DIRECT))
        for (parent, child), moves in self.parts.items():
            for since, until in _stays(moves):
                facts.add(Slot(parent, Kind.PART, (child,), since, until, why=_DIRECT))
        return facts

    def _out(self, unit: str, station: str, slot: str, at: float) -> float:
        """Return when what a unit drew at a time was taken out again."""
        changes = self.replaced.get((unit, station, slot), ())
        return min((when for when, _ in changes if when >= at), default=inf)


class _Feed:
    """What a slot of a station had in it, in the order of time."""

    def __init__(self, loads: Iterable[_Load]) -> None:
        in_order = sorted(loads, key=lambda load: (load.low, load.high))
        self._loads = in_order
        self._lows = [load.low for load in in_order]
        ends, end = [], inf
        for load in reversed(in_order):
            ends.append(end)
            if not load.is_added:
                end = load.high
        self._ends = ends[::-1]
        """Per load: when the next one that emptied the slot had come for sure."""
        self._latest_ends = list(accumulate(self._ends, max))

    def options(self, at: float, give_or_take: float) -> tuple[str, ...]:
        """Return which lots may have been drawn at a time."""
        found: dict[str, None] = {}
        number = bisect_right(self._lows, at + give_or_take) - 1
        while number >= 0 and self._latest_ends[number] > at - give_or_take:
            if self._ends[number] > at - give_or_take:
                found[self._loads[number].lot] = None
            number -= 1
        return tuple(found)


def _stays(changes: Iterable[tuple[float, bool]]) -> Iterator[tuple[float, float]]:
    """Yield from when to when a child was in its parent."""
    since: float | None = None
    for at, comes in sorted(changes, key=itemgetter(0)):
        if comes and since is None:
            since = at
        elif not comes and since is not None:
            yield since, at
            since = None
    if since is not None:
        yield since, inf


def _time(event: Event) -> float:
    return _number(event, _needed(event, "t"), "t")


def _interval(event: Event) -> tuple[float, float]:
    given = _needed(event, "t")
    low, high = given if isinstance(given, list) and len(given) == 2 else (given, given)  # noqa: PLR2004 - low and high
    first, last = _number(event, low, "t"), _number(event, high, "t")
    if last < first:
        raise InterchangeError(f"event {event['id']}: t ends before it begins: {given}")
    return first, last


def _number(event: Event, value: object, member: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InterchangeError(f"event {event['id']}: {member} is {value!r}, not a number")
    return value


def _names(event: Event, member: str) -> list[str]:
    given = _needed(event, member)
    names = given if isinstance(given, list) else [given]
    return [str(name) for name in names]


_READERS = {
    "load": _Reading.load,
    "topup": _Reading.load,
    "process": _Reading.process,
    "replace": _Reading.replace,
    "install": _Reading.part,
    "remove": _Reading.part,
    "split": _Reading.split,
    "merge": _Reading.merge,
    "scrap": _Reading.scrap,
    "receive": _Reading.receive,
}
