"""Random plants in the form trace-v1 against brute force, and against what may really have been.

The brute force follows the text of the form, one definition after the other, and looks at
everything for each question.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.trace.genealogy import OTHER, recall, where_from, where_used
from agent.trace.interchange import facts_of

Event = dict[str, Any]
SLOTS = [("S", "A"), ("S", "B"), ("T", "A")]
LOTS, UNITS = ("L1", "L2", "L3", "M", "N"), ("U1", "U2", "U3", "U4")
UNTIL = 12


# ------------------------------------------------------------------ plants


def plant(chance: random.Random) -> list[Event]:
    """Return what a small plant recorded, in an order of its own."""
    events = [*loads(chance), *made(chance)]
    for unit in chance.choices(UNITS, k=chance.randint(0, 6)):
        station, u = chance.choice("ST"), chance.choice((0, 0, 1, 4))
        t = chance.randint(0, UNTIL)
        events.append({"type": "process", "unit": unit, "station": station, "t": t, "u": u})
    for unit in chance.choices(UNITS[:2], k=chance.choice((0, 1, 3))):
        station, slot = chance.choice(SLOTS)
        place = {"type": "replace", "unit": unit, "station": station, "slot": slot}
        events.append(place | {"lot": chance.choice(LOTS), "t": chance.randint(0, UNTIL)})
    if chance.random() < 0.3:
        events.append({"type": "scrap", "unit": chance.choice(UNITS), "t": UNTIL})
    events += moves(chance)
    if chance.random() < 0.5:
        chance.shuffle(events)
    events = [{"id": f"e{number}"} | event for number, event in enumerate(events)]
    return events + corrections(chance, events)


def loads(chance: random.Random) -> Iterator[Event]:
    """Yield loads and top-ups, each known to lie within some seconds of its time."""
    for station, slot in SLOTS:
        for _ in range(chance.choice((0, 1, 2, 4))):
            low = chance.randint(0, UNTIL)
            t = [low, low + chance.choice((0, 0, 3, UNTIL))]
            kind = chance.choice(("load", "load", "topup"))
            place = {"type": kind, "station": station, "slot": slot}
            yield place | {"lot": chance.choice(LOTS), "t": t}


def made(chance: random.Random) -> Iterator[Event]:
    """Yield lots made of others."""
    if chance.random() < 0.5:
        kind = chance.choice(("blend", "commingle"))
        yield {"type": "merge", "from": ["L1", "L2"], "to": "M", "kind": kind, "t": 0}
    if chance.random() < 0.5:
        yield {"type": "split", "from": chance.choice(("L3", "M")), "to": ["N", "N2"], "t": 0}


def moves(chance: random.Random) -> Iterator[Event]:
    """Yield how units came into later ones and out again, each in one at a time."""
    inside: dict[int, int] = {}
    for t in sorted(chance.sample(range(UNTIL), chance.choice((0, 2, 5)))):
        child = chance.randrange(3)
        kind = "remove" if child in inside else "install"
        parent = inside.pop(child) if child in inside else chance.randint(child + 1, 3)
        if kind == "install":
            inside[child] = parent
        yield {"type": kind, "parent": UNITS[parent], "child": UNITS[child], "t": t}


def corrections(chance: random.Random, events: Sequence[Event]) -> list[Event]:
    """Return corrections of events, and of each other."""
    found: list[Event] = []
    for number in range(chance.choice((0, 0, 1, 3)) if events else 0):
        target = chance.choice([*events, *found])
        correct = {"id": f"c{number}", "type": "correct", "target": target["id"]}
        if target["type"] != "correct" and chance.random() < 0.5:
            anew = {name: value for name, value in target.items() if name != "id"}
            if "lot" in anew:
                anew["lot"] = chance.choice(LOTS)
            found.append(correct | {"action": "replace", "event": anew})
        else:
            found.append(correct | {"action": "void"})
    return found


# ------------------------------------------------------------------ brute force


def counted(events: Sequence[Event]) -> list[Event]:
    """Return what counts: from the last to the first, for each corrects what was before it."""
    instead: dict[str, Event | None] = {}
    found: list[Event] = []
    for event in reversed(events):
        now = instead.get(event["id"], event)
        if now is not None and now["type"] == "correct":
            instead.setdefault(now["target"], now.get("event"))
        elif now is not None:
            found.append(now)
    return found[::-1]


def is_later(one: Event, other: Event, recorded: Sequence[Event]) -> bool:
    """Whether of two loads, sorted by when they were, the second came last for sure.

    It may only have come after the first, or both ends of its interval say so and the record too.
    """
    is_apart = bool(one["t"][0] >= other["t"][1])
    was_behind = recorded.index(one) > recorded.index(other)
    return is_apart or (was_behind and bool(one["t"][1] >= other["t"][1]))


@dataclass
class Brute:
    """A plant, by its events that count."""

    events: list[Event]
    slots: Mapping[str, list[list[str]]] = field(init=False)
    inside: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.slots, self.inside = self.at(inf)

    @cached_property
    def units(self) -> set[str]:
        """Return who is a unit."""
        members = ("unit", "parent", "child")
        return {each[member] for each in self.events for member in members if member in each}

    def options(self, draw: Event, station: str, slot: str) -> list[str]:
        """Return what a draw may have drawn from a slot."""
        here = [e for e in self.events if (e.get("station"), e.get("slot")) == (station, slot)]
        some = sorted((e for e in here if e["type"] in {"load", "topup"}), key=lambda e: e["t"])
        found = []
        for number, load in enumerate(some):
            behind = [e for e in some[number + 1 :] if e["type"] == "load"]
            ends = [e["t"][1] for e in behind if is_later(e, load, here)]
            is_over = any(end <= draw["t"] - draw["u"] for end in ends)
            if load["t"][0] <= draw["t"] + draw["u"] and not is_over:
                found.append(load["lot"])
        return found

    def at(self, moment: float) -> tuple[dict[str, list[list[str]]], set[str]]:
        """Return what everything held after a moment, and who was in another unit."""
        slots = self._lots()
        of_type = {name: [e for e in self.events if e["type"] == name] for name in TYPES}
        replaced = [e for e in of_type["replace"] if e["t"] <= moment]
        for draw in of_type["process"]:
            if draw["t"] - draw["u"] <= moment:
                self._draw(draw, replaced, slots)
        last: dict[tuple[str, ...], str] = {}
        for each in sorted(replaced, key=lambda e: float(e["t"])):
            last[each["unit"], each["station"], each["slot"]] = each["lot"]
        for (unit, *_), lot in last.items():
            slots[unit].append([lot])
        inside = set[tuple[str, str]]()
        for move in sorted(of_type["install"] + of_type["remove"], key=lambda e: float(e["t"])):
            if move["t"] <= moment:
                pair = (move["parent"], move["child"])
                (inside.add if move["type"] == "install" else inside.discard)(pair)
        for parent, child in inside:
            slots[parent].append([child])
        return slots, {child for _, child in inside}

    def _lots(self) -> dict[str, list[list[str]]]:
        slots: dict[str, list[list[str]]] = defaultdict(list)
        for each in self.events:
            if each["type"] == "split":
                for to in each["to"]:
                    slots[to].append([each["from"]])
            elif each["type"] == "merge":
                is_blend = each["kind"] == "blend"
                slots[each["to"]] += [[lot] for lot in each["from"]] if is_blend else [each["from"]]
        return slots

    def _draw(
        self, draw: Event, replaced: Sequence[Event], slots: dict[str, list[list[str]]]
    ) -> None:
        for station, slot in SLOTS:
            options = self.options(draw, station, slot) if station == draw["station"] else []
            place = (draw["unit"], station, slot)
            out = [e for e in replaced if (e["unit"], e["station"], e["slot"]) == place]
            order = self.events.index
            first, last = draw["t"] - draw["u"], draw["t"] + draw["u"]
            if not options or any((e["t"], order(e)) > (last, order(draw)) for e in out):
                continue
            is_doubted = any(e["t"] >= first for e in out)
            slots[draw["unit"]].append([*options, OTHER] if is_doubted else options)

    def recall(self, of: str) -> tuple[list[str], ...]:
        """Return certain, possible, scrapped and cleared units."""
        is_it = {of} & self.units
        held, surely = possible(self.slots, of) | is_it, certain(self.slots, of) | is_it
        outer = self.units - self.inside
        scrapped = {e["unit"] for e in self.events if e["type"] == "scrap"} & outer & held
        here = (held & outer) - scrapped
        moments = {e["t"] - e.get("u", 0) for e in self.events if not isinstance(e["t"], list)}
        ever = set[str]().union(*(possible(self.at(moment)[0], of) for moment in moments))
        cleared = (ever & outer) - held
        return (*map(sorted, (here & surely, here - surely, scrapped, cleared)),)


TYPES = ("process", "replace", "install", "remove")


def possible(slots: Mapping[str, list[list[str]]], of: str) -> set[str]:
    """Return who has it as an option somewhere below."""
    found, size = {of}, 0
    while size < len(found):
        size = len(found)
        found |= {who for who, some in slots.items() if any(found & set(slot) for slot in some)}
    return found - {of}


def certain(slots: Mapping[str, list[list[str]]], of: str) -> set[str]:
    """Return who has a slot of which all options are it, or certainly hold it."""
    found, size = {of}, 0
    while size < len(found):
        size = len(found)
        found |= {who for who, some in slots.items() if any(set(slot) <= found for slot in some)}
    return found - {of}


@settings(max_examples=300)
@given(st.integers(0, 2**40).map(random.Random))
def test_every_answer_is_the_one_of_brute_force(chance: random.Random) -> None:
    """Where used, where from and recall are exactly what the text of the form says."""
    events = plant(chance)
    brute, facts = Brute(counted(events)), facts_of(events)
    for of in (*LOTS, "N2", *UNITS):
        surely, maybe = certain(brute.slots, of), possible(brute.slots, of)
        used = where_used(facts, of)
        assert (set(used.certain), set(used.possible)) == (surely, maybe - surely), (of, events)
        source = where_from(facts, of)
        below = {name for name in (*LOTS, "N2", *UNITS) if of in possible(brute.slots, name)}
        surely = {name for name in below if of in certain(brute.slots, name)}
        assert set(source.certain) == surely, (of, events)
        assert {*source.possible} - {OTHER} == below - surely, (of, events)
        found = recall(facts, of)
        told = (found.certain, found.possible, found.scrapped, found.cleared)
        assert told == brute.recall(of), (of, events)


@settings(max_examples=300)
@given(st.integers(0, 2**40).map(random.Random))
def test_lines_may_come_twice(chance: random.Random) -> None:
    """Each event a second time, anywhere behind, changes no slot (D-136)."""
    events = plant(chance)
    again = events + chance.sample(events, len(events))
    assert facts_of(again).slots == facts_of(events).slots


@settings(max_examples=300)
@given(st.integers(0, 2**40).map(random.Random))
def test_what_was_really_drawn_is_never_left_out(chance: random.Random) -> None:
    """Wherever in its interval each load was, what lay in the slot is an option (D-4, D-44).

    And only what lay there is certain, in whatever order they were recorded.
    """
    some = [e for e in loads(chance) if (e["station"], e["slot"]) == SLOTS[0]]
    some = [{"id": f"e{number}"} | load for number, load in enumerate(some)]
    recorded = chance.sample(some, len(some))
    some.sort(key=lambda load: (load["t"], recorded.index(load)))
    real = really(chance, some, recorded)
    at, u = chance.uniform(0, 2 * UNTIL), chance.choice((0, 2))
    moment = at + chance.uniform(-u, u)
    there: list[str] = []
    for number in sorted(range(len(some)), key=lambda n: (real[n], n)):
        if real[number] <= moment:
            stays = there if some[number]["type"] == "topup" else []
            there = [*stays, some[number]["lot"]]
    draw = {"type": "process", "unit": "U", "station": "S", "t": at, "u": u}
    held = where_from(facts_of([*recorded, {"id": "d"} | draw]), "U")
    assert set(there) <= {*held.certain, *held.possible}, (some, real, moment)
    assert set(held.certain) <= set(there) or not there, (some, real, moment)


def really(chance: random.Random, some: Sequence[Event], recorded: Sequence[Event]) -> list[float]:
    """Return when loads may have been, those in order of which everything says the order."""
    real = [chance.uniform(*load["t"]) for load in some]
    for _ in some:
        for later, load in enumerate(some):
            for earlier in range(later):
                is_before = is_later(load, some[earlier], recorded)
                if is_before and real[earlier] > real[later]:
                    real[earlier], real[later] = real[later], real[earlier]
    return real
