"""What counts of what other systems recorded, after all corrections.

Any event may correct any other, and the same one may come twice, far apart. The events are gone
through twice: the first time to learn of each the hash of its id and of what it says, the second
time to hand on what counts. Memory holds sixteen bytes an event, and the corrections.

Laws:
    1. The same line twice is one line; two events of one id that say different things are refused.
    2. A correction counts unless a correction that counts voids it, or puts another in its place,
       wherever in the file they stand (D-143). Of several that count for one event the one that was
       recorded last does. Corrections of each other in a circle are refused.
"""

from __future__ import annotations

import marshal
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from agent.trace.recorded import EventError, InterchangeError, Recorded, shown_briefly

_Event = Mapping[str, Any]
_IDS_AT_ONCE = 250_000
_EVENTS_AT_ONCE = 10_000


def counting(events: Iterable[_Event]) -> Iterator[Recorded]:
    """Yield what counts after all corrections, in the order recorded, no corrections.

    Args:
        events: In the order recorded; they are gone through several times.

    Raises:
        EventError: two events have one id, or a correction is none.
    """
    again = list(events) if isinstance(events, Iterator) else events
    seen = _Seen(again)
    try:
        seen.go_through()
    except InterchangeError:
        seen.find_repeats()  # what is wrong before it comes first
        raise
    seen.find_repeats()
    instead = _corrected(seen.corrections())
    for number, event in enumerate(again, 1):
        if seen.repeats[number]:
            continue
        each = _placed(number, event)
        now = instead.get(each.id, each)
        if now is not None and not _is_correction(now.event):
            yield now


class _Seen:
    """What is known of events that have been gone through."""

    def __init__(self, events: Iterable[_Event]) -> None:
        self._events = events
        self._ids, self._contents = array("q"), array("q")
        self._corrections: list[Recorded] = []
        self.repeats = bytearray()
        """By the place of each event: whether it came before."""

    def go_through(self) -> None:
        """Learn what is kept of each event."""
        for number, event in enumerate(self._events, 1):
            each = _placed(number, event)
            self._ids.append(hash(each.id))
            self._contents.append(hash(marshal.dumps(dict(event), 2)))  # 2: by value
            if _is_correction(event):
                self._corrections.append(each)

    def find_repeats(self) -> None:
        """Find out which events came before.

        Raises:
            EventError: the first that has the id of one before it, and says something else.
        """
        self.repeats = bytearray(len(self._ids) + 1)
        doubted: dict[int, int] = {}
        for number, first in self._again():
            self.repeats[number] = True
            if self._contents[number - 1] != self._contents[first - 1]:
                doubted[number] = first
        in_order = sorted(doubted)
        for at in range(0, len(in_order), _EVENTS_AT_ONCE):
            some = in_order[at : at + _EVENTS_AT_ONCE]
            self._compare({number: doubted[number] for number in some})

    def _again(self) -> Iterator[tuple[int, int]]:
        """Yield each place whose id came before with the first such place, some ids at a time."""
        parts = 1 + len(self._ids) // _IDS_AT_ONCE
        for part in range(parts):
            first: dict[int, int] = {}
            for number, name in enumerate(self._ids, 1):
                if name % parts == part and first.setdefault(name, number) != number:
                    yield number, first[name]

    def _compare(self, doubted: Mapping[int, int]) -> None:
        """Compare events that are written differently with the first ones of their ids."""
        wanted = {*doubted, *doubted.values()}
        held: dict[int, Recorded] = {}
        for number, event in enumerate(self._events, 1):
            if number not in wanted:
                continue
            each = held[number] = _placed(number, event)
            known = held.get(doubted.get(number, number), each)
            if known.id != each.id:  # two ids of one hash
                self.repeats[number] = False
            elif known.event != event:
                raise EventError(
                    number,
                    f"event {each.id}: event {known.number} of this file has this id too, and says "
                    "something else; which of them is corrected? Give each its own id",
                )
            if len(held) == len(wanted):
                return

    def corrections(self) -> dict[str, Recorded]:
        """Return the corrections by id, and what they name; of that no more than where it is."""
        by_id = {each.id: each for each in self._corrections if not self.repeats[each.number]}
        named = {name for each in by_id.values() for name in _targets(each.event)}
        wanted = {hash(name): name for name in named - by_id.keys()}
        for number, name in enumerate(self._ids, 1) if wanted else ():
            if name in wanted:
                by_id.setdefault(wanted[name], Recorded(number, number, wanted[name], {}))
        return by_id


def _is_correction(event: _Event) -> bool:
    return event.get("type") == "correct"


def _targets(event: object) -> Iterator[str]:
    """Yield what a correction names, and each that is put in a correction's place by it."""
    while isinstance(event, dict) and _is_correction(event):
        given = event.get("target")
        if isinstance(given, str | int):
            yield str(given)
        event = event.get("event")


def _placed(number: int, event: _Event) -> Recorded:
    given = event.get("id", f"#{number}")
    each = Recorded(number, number, str(given), event)
    if isinstance(given, bool) or not isinstance(given, str | int):
        each.refuse(f"id is {shown_briefly(given)}; write text")
    return each


def _corrected(by_id: Mapping[str, Recorded]) -> dict[str, Recorded | None]:
    """Return of each event that is corrected what counts in its place."""
    instead: dict[str, Recorded | None] = {}
    last: dict[str, int] = {}
    for name in _correctors_first(by_id):
        now = instead.get(name, by_id[name])
        if now is None or now.event.get("type") != "correct":
            continue
        target = now.name("target")
        if now.number > last.get(target, 0):
            last[target] = now.number
            instead[target] = _replacement(now, by_id[target])
    return instead


def _correctors_first(by_id: Mapping[str, Recorded]) -> Sequence[str]:
    """Return what is, or may become, a correction, each behind all that may correct it."""
    correctors: dict[str, set[str]] = defaultdict(set)
    left = [each for each in by_id.values() if each.event.get("type") == "correct"]
    for each in left:
        correctors[each.id] = set()
    while left:
        each = left.pop()
        target = each.name("target")
        if target not in by_id:
            each.refuse(
                f"corrects {shown_briefly(target)}, which is not there; write the id of an event"
            )
        correctors[target].add(each.id)
        now = _replacement(each, by_id[target])
        if now is not None and now.event.get("type") == "correct":
            left.append(now)
            correctors[target] |= set()
    try:
        return list(TopologicalSorter(correctors).static_order())
    except CycleError as error:
        circle = error.args[1]
        by_id[circle[0]].refuse(f"corrects itself, by {' and '.join(circle[1:])}; leave one out")


def _replacement(correction: Recorded, target: Recorded) -> Recorded | None:
    """Return what a correction puts in the place of its target; None: nothing."""
    if correction.word("action", ("void", "replace")) == "void":
        return None
    event = correction.member("event")
    if not isinstance(event, dict):
        correction.refuse(f"event is {shown_briefly(event)}; write the whole new event")
    return Recorded(target.number, correction.by, target.id, event)
