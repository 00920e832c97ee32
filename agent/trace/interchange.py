"""History from other systems in the neutral form `trace-v1`: what a plant can begin with.

One JSON document with `stations` and `events`, or a folder with `stations.json` and
`events.jsonl`. Events stand in the order they were recorded; `t` (seconds) says when they happened,
which may be another order. What they come down to are slots and their options (genealogy.py).

Rules:
    - `load`: from some moment within `t: [lo, hi]` on, the slot holds this lot and no longer the
      one before. `topup`: added without emptying. A lot is an option of what was drawn at t, give
      or take u, if it may have been there by t+u and the next load may not have been by t-u (D-44).
      The next one is that which may only have come after it, or is behind it both by both ends of
      its interval and in the record. Of two that overlap otherwise nobody knows the order, and
      neither ends the other.
    - `process`: the unit draws from every slot of the station that has something in it.
    - `replace`: what the unit had from that slot is out, this lot is in. `remove`: so is the child.
      What may have been drawn after a replacement all the same, by t+u, stays possible (D-4).
    - `split`: each child is all of its parent. `merge`: of kind `blend` every input is in it, of
      kind `commingle` one of them is in each piece (D-52).
    - `correct`: what its target says does not count (`void`), or its own `event` does instead
      (`replace`); it may itself be corrected (recorded.py, D-143).

What the form allows and yet is hardly meant is taken as it stands, and remarked on: a station or
slot that the file does not list, a draw where nothing was loaded, a part in two units at once.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple, Self

from agent.trace.counting import counting
from agent.trace.drawing import Draw, Draws, Feed, Load, Move, Sight, stays
from agent.trace.genealogy import OTHER, Kind, Use
from agent.trace.recorded import Recorded
from agent.trace.shipment import Shipment

FORM = "trace-v1"
_DIRECT = "direct_link"
_DOUBT = "boundary_uncertain"
Stations = Mapping[str, Collection[str]]
"""The stations that a file lists, with their slots."""


class Remark(NamedTuple):
    """What is hardly meant as it stands."""

    number: int
    """The place of the event that says it."""
    text: str


@dataclass(slots=True)
class Facts:
    """What the events come down to (the `Links` of genealogy.py), in memory."""

    slots: list[Slot] = field(default_factory=list)
    all_units: set[str] = field(default_factory=set)
    all_scrapped: set[str] = field(default_factory=set)
    shipments: list[Shipment] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    sights: Sequence[Sight] = ()
    """A spreadsheet names no station."""
    told: Sequence[str] = ()
    """Remarks with their places; a spreadsheet has none."""
    _above: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _below: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _found: int = 0
    """How many slots can be found by name: those of a file that is only taken never are."""

    def add(self, slot: Slot) -> None:
        """Add a slot with its options."""
        self.slots.append(slot)

    def _find(self) -> None:
        for number in range(self._found, len(self.slots)):
            slot = self.slots[number]
            self._below[slot.holder].append(number)
            for option in slot.options:
                self._above[option].append(number)
        self._found = len(self.slots)

    def above(self, things: Collection[str]) -> Iterator[Use]:
        """Return each use that has one of these as its option."""
        self._find()
        for thing in things:
            for number in self._above.get(thing, ()):
                yield self._use(number, thing)

    def below(self, holders: Collection[str]) -> Iterator[Use]:
        """Return each use of these holders' slots."""
        self._find()
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


def facts_of(events: Iterable[Mapping[str, Any]], stations: Stations | None = None) -> Facts:
    """Return what events of the form come down to.

    Args:
        events: In the order recorded.
        stations: Those that the file lists; None: it lists none.

    Raises:
        EventError: an event lacks something, or is of no known type.
    """
    reading = _Reading.of(events, stations)
    facts = Facts(all_units=reading.units, all_scrapped=reading.scrapped)
    for slot in reading.slots(facts.remarks.append):
        facts.add(slot)
    facts.remarks += reading.remarks
    facts.sights = list(reading.draws.sights())
    return facts


class Streamed:
    """What the events of a file come down to, slot by slot: not all of them at once.

    Args:
        events: In the order recorded; they are gone through several times.
        stations: Those that the file lists; None: it lists none.
        places: Returns how the place of an event in its file is written.

    Raises:
        EventError: an event lacks something, or is of no known type.
    """

    def __init__(
        self,
        events: Iterable[Mapping[str, Any]],
        stations: Stations | None,
        places: Callable[[], Callable[[int], str]],
    ) -> None:
        self._reading = _Reading.of(events, stations)
        self._places = places
        self._remarks: list[Remark] | None = None
        self.all_units, self.all_scrapped = self._reading.units, self._reading.scrapped
        self.shipments: list[Shipment] = []

    @property
    def slots(self) -> Iterator[Slot]:
        """Each slot with its options, as often as this is asked for."""
        remarks = list(self._reading.remarks)
        yield from self._reading.slots(remarks.append)
        self._remarks = remarks

    @property
    def sights(self) -> Iterator[Sight]:
        """Of each unit that drew from a station, when and where last; no other event says where."""
        return self._reading.draws.sights()

    @property
    def told(self) -> list[str]:
        """The remarks with the places in their file."""
        if self._remarks is None:
            deque(self.slots, maxlen=0)
        if not self._remarks:
            return []
        place = self._places()
        return [f"{place(each.number)}: {each.text}" for each in sorted(self._remarks)]


# ------------------------------------------------------------------ reading


class _Change(NamedTuple):
    """Another lot was put in the place of what a unit had from a slot."""

    at: float
    number: int
    lot: str


@dataclass(slots=True)
class _Reading:
    """What is collected over the events, before times are put in order."""

    stations: Stations | None
    loads: dict[tuple[str, str], list[Load]] = field(default_factory=lambda: defaultdict(list))
    draws: Draws = field(default_factory=Draws)
    replaced: dict[tuple[str, str, str], list[_Change]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By unit, station and slot."""
    parts: dict[tuple[str, str], list[Move]] = field(default_factory=lambda: defaultdict(list))
    """By parent and child."""
    made: list[Slot] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    scrapped: set[str] = field(default_factory=set)
    remarks: list[Remark] = field(default_factory=list)

    @classmethod
    def of(cls, events: Iterable[Mapping[str, Any]], stations: Stations | None) -> Self:
        """Return what was collected of all events that count.

        Raises:
            EventError: an event lacks something, or is of no known type.
        """
        reading = cls(stations)
        for event in counting(events):
            reading.take(event)
        return reading

    def take(self, event: Recorded) -> None:
        """Take in one event that counts."""
        _READERS[event.word("type", _READERS)](self, event)

    def _place(self, event: Recorded) -> tuple[str, str]:
        station, slot = self._station(event), event.name("slot")
        listed = None if self.stations is None else self.stations.get(station)
        if listed is not None and slot not in listed:
            self._remark(event, f"slot {slot!r} is not one of those listed of {station!r}")
        return station, slot

    def _station(self, event: Recorded) -> str:
        station = event.name("station")
        if self.stations is not None and station not in self.stations:
            self._remark(event, f"station {station!r} is not one of the stations listed")
        return station

    def _remark(self, event: Recorded, text: str) -> None:
        self.remarks.append(Remark(event.by, f"event {event.id}: {text}"))

    def load(self, event: Recorded) -> None:
        """A lot came into a slot, in the place of the one before or on top of it."""
        low, high = event.interval()
        is_added = event.event["type"] == "topup"
        self.loads[self._place(event)].append(Load(low, high, event.name("lot"), is_added))

    def process(self, event: Recorded) -> None:
        """A unit drew from a station's slots."""
        unit, station = event.name("unit"), self._station(event)
        self.units.add(unit)
        at, give_or_take = event.time(), event.give_or_take()
        self.draws.add(Draw(unit, station, at, give_or_take, event.number, event.by))

    def replace(self, event: Recorded) -> None:
        """What a unit had from a slot is out, another lot is in."""
        unit = event.name("unit")
        self.units.add(unit)
        change = _Change(event.time(), event.number, event.name("lot"))
        self.replaced[unit, *self._place(event)].append(change)

    def part(self, event: Recorded) -> None:
        """A child came into a parent or out of it."""
        pair = (event.name("parent"), event.name("child"))
        self.units.update(pair)
        comes = event.event["type"] == "install"
        self.parts[pair].append(Move(event.time(), comes, event.number))

    def split(self, event: Recorded) -> None:
        """Pieces of a lot became lots of their own."""
        parent = event.name("from")
        for child in event.names("to"):
            self.made.append(Slot(child, Kind.LOT, (parent,), why=_DIRECT))

    def merge(self, event: Recorded) -> None:
        """Lots became one."""
        made, inputs = event.name("to"), event.names("from")
        if event.word("kind", ("blend", "commingle")) == "blend":
            self.made += [Slot(made, Kind.LOT, (each,), why=_DIRECT) for each in inputs]
        else:
            options = tuple(dict.fromkeys(inputs))
            self.made.append(Slot(made, Kind.LOT, options, why="hopper_mix"))

    def scrap(self, event: Recorded) -> None:
        """A unit is scrap."""
        unit = event.name("unit")
        self.units.add(unit)
        self.scrapped.add(unit)

    def receive(self, event: Recorded) -> None:
        """A lot came from outside: nothing is in it that we know of."""
        event.name("lot")

    # -------------------------------------------------------------- times in order

    def slots(self, remark: Callable[[Remark], None]) -> Iterator[Slot]:
        """Yield the slots; what is hardly meant so is remarked on meanwhile."""
        yield from self.made
        feeds = defaultdict(list)
        for (station, position), loads in self.loads.items():
            feeds[station].append((position, Feed(loads)))
        for draw in self.draws:
            without = set(self.stations.get(draw.station, ())) if self.stations else set[str]()
            for position, feed in feeds[draw.station]:
                options = feed.options(draw.at, draw.give_or_take)
                if options:
                    yield from self._drawn(draw, position, options)
                (without.discard if options else without.add)(position)
            for position in sorted(without):
                text = (
                    f"nothing was loaded at {draw.station!r}, {position!r} when it drew from there"
                )
                remark(Remark(draw.by, f"unit {draw.unit!r}: {text}"))
        for (unit, _, _), changes in self.replaced.items():
            in_order = sorted(changes)
            ends = [*(change.at for change in in_order[1:]), inf]
            for change, end in zip(in_order, ends, strict=True):
                yield Slot(unit, Kind.FEED, (change.lot,), change.at, end, why=_DIRECT)
        yield from self._part_slots(remark)

    def _drawn(self, draw: Draw, position: str, options: tuple[str, ...]) -> Iterator[Slot]:
        """Yield what a unit drew from a slot, until it was replaced.

        What was replaced when the unit may not have been there yet may still be in it: from then on
        it is possible only.
        """
        first, last = draw.at - draw.give_or_take, draw.at + draw.give_or_take
        changes = self.replaced.get((draw.unit, draw.station, position), ())
        why = "load_interval" if len(options) == 1 else _DOUBT
        if not changes:
            yield Slot(draw.unit, Kind.FEED, options, first, inf, why)
            return
        sure = (each.at for each in changes if (each.at, each.number) > (last, draw.number))
        out = min(sure, default=inf)
        doubted = min((each.at for each in changes if each.at >= first), default=inf)
        yield Slot(draw.unit, Kind.FEED, options, first, min(doubted, out), why=why)
        if doubted < out:
            yield Slot(draw.unit, Kind.FEED, (*options, OTHER), doubted, out, why=_DOUBT)

    def _part_slots(self, remark: Callable[[Remark], None]) -> Iterator[Slot]:
        inside: dict[str, tuple[str, Move]] = {}
        for (parent, child), moves in self.parts.items():
            for since, until in stays(moves):
                yield Slot(parent, Kind.PART, (child,), since, until, why=_DIRECT)
                if until != inf:
                    continue
                latest = max(moves)
                other, before = inside.setdefault(child, (parent, latest))
                if other != parent:
                    text = f"{child!r} is in {other!r} and in {parent!r}, and was taken out of none"
                    remark(Remark(max(latest.number, before.number), text))


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
