"""What other systems recorded, in the form `trace-v1`: events with their places, and what counts.

Each member of an event is proven when it is read. What is wrong is refused with the event's place
in the file, its value, and what to write: nothing is guessed, and nothing is left out in silence.

Laws:
    1. The same line twice is one line; two events of one id that say different things are refused.
    2. A correction counts unless a correction that counts voids it, or puts another in its place,
       wherever in the file they stand (D-143). Of several that count for one event the one that was
       recorded last does. Corrections of each other in a circle are refused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from math import isfinite
from typing import Any, NamedTuple, NoReturn

_LONGEST = 80
"""So much of a value is told."""


class InterchangeError(Exception):
    """What was handed in is not of this form; the text names the event and what is wrong."""


class EventError(InterchangeError):
    """An event cannot be read."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number
        """Its place among the events, from 1."""


class Recorded(NamedTuple):
    """An event at its place; a tuple, because there are millions of them."""

    number: int
    """Its place among the events, from 1: of a corrected one still its own."""
    by: int
    """Where what it says stands: the place of its last correction, or its own."""
    id: str
    event: Mapping[str, Any]

    def refuse(self, text: str) -> NoReturn:
        """Say what is wrong with it.

        Raises:
            EventError: always.
        """
        raise EventError(self.by, f"event {self.id}: {text}")

    def member(self, name: str) -> Any:  # noqa: ANN401 - whatever JSON has
        """Return what it says of something."""
        if name not in self.event:
            kind = self.event.get("type", "of no type")
            raise EventError(self.by, f"event {self.id} ({kind}): {name} is missing; write it")
        return self.event[name]

    def name(self, member: str) -> str:
        """Return the name of a thing or place: text, or a whole number."""
        return self._name(member, self.member(member))

    def names(self, member: str) -> list[str]:
        """Return the names of several things, at least one."""
        given = self.member(member)
        some = given if isinstance(given, list) else [given]
        if not some:
            self.refuse(f"{member} is {_shown(given)}; write at least one name")
        return [self._name(member, each) for each in some]

    def _name(self, member: str, given: object) -> str:
        if isinstance(given, int) and not isinstance(given, bool):
            return str(given)
        if not isinstance(given, str) or not given.strip():
            self.refuse(f'{member} is {_shown(given)}; write a name, as "L-1"')
        if why := unkeepable(given):
            self.refuse(f"{member} is {_shown(given)}; {why}")
        return given

    def word(self, member: str, known: Iterable[str]) -> str:
        """Return a word that is one of those known."""
        given = self.member(member)
        if not isinstance(given, str) or given not in known:
            self.refuse(f"{member} is {_shown(given)}; write one of {', '.join(sorted(known))}")
        return given

    def time(self) -> float:
        """Return when it happened, in seconds."""
        return self._number("t", self.member("t"))

    def give_or_take(self) -> float:
        """Return how far from its time it may have happened, in seconds."""
        seconds = self._number("u", self.event.get("u", 0))
        if seconds < 0:
            self.refuse(f"u is {_shown(seconds)}; write it as 0 or more seconds")
        return seconds

    def interval(self) -> tuple[float, float]:
        """Return between which times it happened, in seconds."""
        given = self.member("t")
        low, high = given if isinstance(given, list) and len(given) == 2 else (given, given)  # noqa: PLR2004 - low and high
        first, last = self._number("t", low), self._number("t", high)
        if last < first:
            self.refuse(f"t ends before it begins: {_shown(given)}; write [lo, hi]")
        return first, last

    def _number(self, member: str, given: object) -> float:
        if isinstance(given, int | float) and not isinstance(given, bool):
            try:
                seconds = float(given)
            except OverflowError:
                seconds = float("inf")
            if isfinite(seconds):
                return seconds
        return self.refuse(f"{member} is {_shown(given)}, not a number; write seconds, as 12.5")


def unkeepable(name: str) -> str:
    """Return why no database keeps a name; empty: it does."""
    if "\0" in name:
        return "write it without the character NUL"
    if not name.isascii() and any("\ud800" <= sign <= "\udfff" for sign in name):
        return "write it without halves of UTF-16 characters"
    return ""


def _shown(given: object) -> str:
    try:
        text = repr(given)
    except ValueError:  # Python shows no whole number of more than 4,300 digits
        return "too large a number"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


# ------------------------------------------------------------------ what counts


def counting(events: Iterable[Mapping[str, Any]]) -> Iterator[Recorded]:
    """Yield what counts after all corrections, in the order recorded, no corrections.

    Raises:
        EventError: two events have one id, or a correction is none.
    """
    by_id: dict[str, Recorded] = {}
    for number, event in enumerate(events, 1):
        each = _placed(number, event)
        known = by_id.setdefault(each.id, each)
        if known is not each and known.event != event:
            raise EventError(
                number,
                f"event {each.id}: event {known.number} of this file has this id too, and says "
                "something else; which of them is corrected? Give each its own id",
            )
    instead = _corrected(by_id)
    for each in by_id.values():
        now = instead.get(each.id, each)
        if now is not None and now.event.get("type") != "correct":
            yield now


def _placed(number: int, event: Mapping[str, Any]) -> Recorded:
    given = event.get("id", f"#{number}")
    each = Recorded(number, number, str(given), event)
    if isinstance(given, bool) or not isinstance(given, str | int):
        each.refuse(f"id is {_shown(given)}; write text")
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
            each.refuse(f"corrects {_shown(target)}, which is not there; write the id of an event")
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
        correction.refuse(f"event is {_shown(event)}; write the whole new event")
    return Recorded(target.number, correction.by, target.id, event)
