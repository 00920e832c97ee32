"""What a change of the station file means for what is open: the comparison, and nothing else.

Theory: an open thing continues as long as what it rests on is the same in both files: a scan on the
strategy and on the rules that judged it, a request on the tags that name it, a counter's last value
on the tag and its modulus, a load on its position. Else it is closed by an event that says so, or,
where it goes on in the world whatever the file says, it is possible from here on.

The plan of the file before is in the journal (`state_carried`, part `plan`). Where it is not, an
older version wrote the journal: then everything is closed that could be bound wrongly. What is
loaded stays where its position is still there, for a recall must not lose it.

`closing` makes the events; a thing that the state holds and that is not judged here fails a test.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from agent.core import pairing
from agent.core.anew import replace
from agent.core.carry import to_plain
from agent.core.events import Fate, OpenThing
from agent.core.fitness import belongs
from agent.core.identity.scan_rule import Means
from agent.core.parts import Load
from agent.core.state import State
from agent.core.station import By, Component, Counter, Handshake, Station, Strategy

UNKNOWN = "unknown"
"""Why something is closed where nobody knows what the file before said."""
_UNCOMPARED = frozenset({"config", "no_reads"})
_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What the two station files say; `old` is None where the journal does not hold it."""

    old: Station | None
    new: Station

    @property
    def another(self) -> str | None:
        """Why nothing that is open can go on, None: the file is still about the same machine."""
        if self.old is None:
            return UNKNOWN
        return "machine" if self.old.machine != self.new.machine else None

    def differs(self, *paths: str) -> str | None:
        """Return the first of these parts of the plan that differs, by its last word."""
        for path in paths:
            old: object = self.old
            new: object = self.new
            for name in path.split("."):
                old, new = getattr(old, name, None), getattr(new, name, None)
            if old != new:
                return path.rpartition(".")[2]
        return None

    def rule(self, *means: Means) -> str | None:
        """Return `rule` where the scan rules of one of these meanings differ."""
        old, new = self.old.rules if self.old else {}, self.new.rules
        return "rule" if any(old.get(each) != new.get(each) for each in means) else None

    def tags(self, *names: str | None) -> str | None:
        """Return `tag` where one of these tags is not where it was."""
        old, new = self.old.sources if self.old else {}, self.new.sources
        return "tag" if any(old.get(name or "") != new.get(name or "") for name in names) else None


def recorded(station: Station) -> Station:
    """Return a plan as it is recorded: digests in the place of its scan rules."""
    return replace(station, scans=(), no_reads={}, rules=_rules(station))


def _rules(station: Station) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for rule in station.scans:
        found.setdefault(rule.means.value, []).append(json.dumps(to_plain(rule), sort_keys=True))
    return {means: digest("\n".join(sorted(rules))) for means, rules in sorted(found.items())}


def digest(text: str) -> str:
    """Return a short digest: to tell two texts apart, not to prove one."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def changed(old: Station, new: Station) -> tuple[str, ...]:
    """Return where two recorded plans differ, by path, in order."""
    return tuple(_paths("", to_plain(old), to_plain(new)))


def _paths(path: str, old: Any, new: Any) -> Iterator[str]:  # noqa: ANN401 - plain data
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            if path or name not in _UNCOMPARED:
                below = f"{path}.{name}" if path else name
                yield from _paths(below, old.get(name), new.get(name))
        return
    if isinstance(old, list) and isinstance(new, list):
        for at in range(max(len(old), len(new))):
            pair = (each[at] if at < len(each) else None for each in (old, new))
            yield from _paths(f"{path}.{at}", *pair)
        return
    yield path


def compare(state: State, old: Station | None, new: Station) -> tuple[OpenThing, ...]:
    """Return what becomes of each thing that is open, in the order in which it is closed."""
    files = Files(old=old, new=recorded(new))
    return tuple(thing for judge in JUDGES for thing in judge(state, files))


def _thing(
    what: str, name: str, why: str | None, address: str | None = None, fate: Fate = Fate.CLOSED
) -> OpenThing:
    """Return what a reason makes of a thing: without one it continues."""
    return OpenThing(
        what=what,
        name=name,
        fate=Fate.CONTINUES if why is None else fate,
        why=why,
        address=address,
    )


# ------------------------------------------------------------------ scans and requests


def _scans(state: State, files: Files) -> Iterator[OpenThing]:
    """A scan waits for a cycle of the same strategy, and was judged by the same rules."""
    means = Means.CARRIER if _strategy(files) is Strategy.CARRIER else Means.UNIT
    why = files.another or files.differs("pairing.strategy", "by") or files.rule(means)
    for pending in state.pairing.pending:
        waits = pairing.waits(files.new, means, pending.device)
        yield _thing("scan", pending.code, why or (None if waits else "reader"), pending.address)


def _strategy(files: Files) -> Strategy:
    return files.new.pairing.strategy


def _requests(state: State, files: Files) -> Iterator[OpenThing]:
    """A request is known again by the tags that name it; without them its repeat is possible."""
    for name, answered in state.cycle.answered.items():
        old = _named(files.old, name)
        new = _named(files.new, name)
        if new is None:
            yield _thing("request", name, files.another or "handshake", answered.address)
            continue
        why = files.another or _identity(files, old, new)
        yield _thing("request", name, why, answered.address, Fate.POSSIBLE)


def _named(station: Station | None, name: str) -> Handshake | None:
    found = station.handshakes if station is not None else ()
    return next((each for each in found if each.name == name), None)


def _identity(files: Files, old: Handshake | None, new: Handshake) -> str | None:
    """Return what of a handshake's identity differs."""
    for part in ("device", "trigger", "request", "modulus", "guard", "code_tags"):
        if getattr(old, part, None) != getattr(new, part):
            return part
    return files.tags(new.trigger, new.request, *new.guard, *new.code_tags)


def _started(state: State, files: Files) -> Iterator[OpenThing]:
    """A unit that `begin` let in is completed by the `end` of the same strategy."""
    started = state.cycle.started
    if started is None:
        return
    names = [each.name for each in files.new.handshakes]
    why = files.another or files.differs("pairing.strategy", "by")
    why = why or (None if "begin" in names and "end" in names else "handshake")
    yield _thing("unit", started.unit, why, started.address)


# ------------------------------------------------------------------ counters and lots


def _counter_differs(files: Files, old: Counter | None, new: Counter | None) -> str | None:
    if new is None:
        return "counter"
    for part in ("device", "tag", "modulus"):
        if getattr(old, part, None) != getattr(new, part):
            return part
    return files.tags(new.tag)


def _lots(state: State, files: Files) -> Iterator[OpenThing]:
    """A lot is open as long as the station counts, and is named from the same place."""
    lot = state.production.lot
    if lot is None:
        return
    why = files.another or files.differs("pairing.strategy", "by", "lot")
    why = why or files.tags(files.new.lot)
    if files.new.lot is None:
        why = why or files.rule(Means.LOT)
    yield _thing("lot", lot.lot, why, lot.address)


def _product(state: State, files: Files) -> Iterator[OpenThing]:
    """A product has the name that its source gives it; another source says it anew."""
    product, new = state.product.running, files.new.products
    if product is None:
        return
    why = files.another or ("products" if new is None else None)
    if new is not None:
        why = why or files.differs("products.tag", "products.orders") or files.tags(new.tag)
    if new is not None and new.by_scan:
        why = why or files.rule(Means.UNIT, Means.LOT)
    yield _thing("product", product.named or "", why)


def _counters(state: State, files: Files) -> Iterator[OpenThing]:
    """What a counter stood at means nothing for another one, or for another modulus."""
    known = any(answered.count is not None for answered in state.cycle.answered.values())
    if state.production.counted is None and not known:
        return
    old = files.old.counter if files.old else None
    why = files.another or _counter_differs(files, old, files.new.counter)
    if state.production.counted is not None:
        why = why or files.differs("pairing.strategy")
    named = old or files.new.counter
    yield _thing("counter", named.tag if named else "", why)


def _bypass(state: State, files: Files) -> Iterator[OpenThing]:
    """As the counter; its first reading is told as one."""
    old = files.old.bypass if files.old else None
    new = files.new.bypass
    if state.machine.passed is not None:
        counters = (old.counter if old else None, new.counter if new else None)
        why = files.another or _counter_differs(files, *counters)
        yield _thing("bypass", (counters[0] or counters[1] or _NONE).tag, why)
    if state.machine.bypass_on is not None:
        key = new.key if new else None
        why = files.another or files.differs("bypass.key") or files.tags(key)
        yield _thing("key", key or "", why)


_NONE = Counter(device="", tag="", modulus=0, max_step=0, fastest_ms=0)


# ------------------------------------------------------------------ material


def _loads(state: State, files: Files) -> Iterator[OpenThing]:
    """A load stays with its position; what no longer belongs there is wrong from here on."""
    for load in [load for load in state.material.loads if load.to_hi_ms is None]:
        fate, why = _load(files, load, files.new.component(load.position))
        yield _thing("load", load.lot, why, load.address, fate)


def _load(files: Files, load: Load, new: Component | None) -> tuple[Fate, str | None]:
    if files.another not in {None, UNKNOWN}:
        return Fate.CLOSED, files.another
    if new is None or new.by is not By.LOT:
        return Fate.CLOSED, "position" if new is None else "by"
    if not load.refused and not belongs(new.products, new.product_pattern, load.product or ""):
        return Fate.POSSIBLE, "products"
    old = files.old.component(load.position) if files.old else None
    parts = ("until", "measure")
    differs = (part for part in parts if getattr(old, part, None) != getattr(new, part))
    return Fate.POSSIBLE, files.another or next(differs, None)


def _components(state: State, files: Files) -> Iterator[OpenThing]:
    """A serial component waits for the next unit that gets one at its position."""
    for waiting in state.material.waiting:
        new = files.new.component(waiting.position)
        why = files.another or ("position" if new is None else None)
        why = why or ("by" if new is not None and new.by is not By.SERIAL else None)
        why = why or files.rule(Means.COMPONENT)
        yield _thing("component", waiting.component, why, waiting.address)


# ------------------------------------------------------------------ people and orders


def _sessions(state: State, files: Files) -> Iterator[OpenThing]:
    """A person is known by the way in which the file writes people, on its wall clock."""
    why = files.another or files.differs("people", "timezone") or files.rule(Means.OPERATOR)
    for session in state.people.sessions:
        yield _thing("session", session.ref, why, session.address)


def _orders(state: State, files: Files) -> Iterator[OpenThing]:
    """An order runs until who named it names another."""
    order = state.people.order
    if order is None:
        return
    why = files.another or files.differs("order") or files.tags(files.new.order)
    if files.new.order is None:
        why = why or files.rule(Means.ORDER)
    yield _thing("order", order, why)


# ------------------------------------------------------------------ carriers and the queue


def _parents(state: State, files: Files) -> Iterator[OpenThing]:
    """A parent is open as long as its level is there; `parentage` closes what the file has not.

    Under another machine, as after any start, what goes in is possible until its code comes again.
    """
    for parent in state.packing.open:
        level = files.new.level(parent.level)
        fate = Fate.POSSIBLE if level else Fate.CLOSED
        why = files.another if level else "level"
        yield _thing("parent", parent.parent, why, parent.address, fate)


def _carriers(state: State, files: Files) -> Iterator[OpenThing]:
    """A carrier bears its unit as long as both are known by the same codes."""
    why = files.another or files.differs("pairing.strategy", "by")
    why = why or files.rule(Means.CARRIER, Means.UNIT)
    for each in [each for each in state.carriers.mounted if each.is_open]:
        yield _thing("carrier", each.carrier, why, each.address)
    loading = state.carriers.loading
    if loading is not None:
        yield _thing(
            "loading", loading.carrier, why or files.differs("pairing.load"), loading.address
        )


def _queue(state: State, files: Files) -> Iterator[OpenThing]:
    """The order holds for one way to the station; another one begins without it (D-27)."""
    is_open = bool(state.queue.parts or state.queue.since)
    why = files.another or files.differs("pairing.queue", "pairing.strategy", "by")
    why = why or files.rule(Means.UNIT)
    begins = files.new.pairing.queue is not None and why is not None
    if is_open or begins:
        way = files.new.pairing.queue or (files.old.pairing.queue if files.old else None)
        yield _thing("queue", way.entry if way else "", why)


# ------------------------------------------------------------------ machine and devices


def _devices(state: State, files: Files) -> Iterator[OpenThing]:
    """A device's word of its starts is compared with what the same tags said before."""
    for device in state.run.lives:
        old = files.old.watch(device) if files.old else None
        new = files.new.watch(device)
        tags = new.life_tags if new else ()
        why = files.another or files.tags(*tags)
        why = why or (None if tags == (old.life_tags if old else ()) else "watch")
        yield _thing("device", device, why)


def _state(state: State, files: Files) -> Iterator[OpenThing]:
    """What the machine does is told by its source; without one nobody tells."""
    shown = state.machine.shown
    if shown is not None:
        why = files.another if files.new.state is not None else "state"
        why = why if why != UNKNOWN else None
        yield _thing("state", shown.state, why)


JUDGES: tuple[Callable[[State, Files], Iterator[OpenThing]], ...] = (
    _scans,
    _requests,
    _started,
    _product,
    _lots,
    _counters,
    _bypass,
    _loads,
    _components,
    _parents,
    _carriers,
    _queue,
    _orders,
    _sessions,
    _devices,
    _state,
)
"""What judges each sort of open thing; people last, so that what they did ends in their name."""
