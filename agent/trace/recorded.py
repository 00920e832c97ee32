"""What other systems recorded, in the form `trace-v1`: an event with its place, proven.

Each member of an event is proven when it is read. What is wrong is refused with the event's place
in the file, its value, and what to write: nothing is guessed, and nothing is left out in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from sys import intern
from typing import Any, NamedTuple, NoReturn

from agent.trace.genealogy import STANDS_FOR

_LONGEST = 80
"""So much of a value is told."""
_PLACES = frozenset({"station", "slot"})
"""Members that name no thing."""


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
            self.refuse(f"{member} is {shown_briefly(given)}; write at least one name")
        return [self._name(member, each) for each in some]

    def _name(self, member: str, given: object) -> str:
        if isinstance(given, int) and not isinstance(given, bool):
            return intern(str(given))
        if not isinstance(given, str) or not given.strip():
            self.refuse(f'{member} is {shown_briefly(given)}; write a name, as "L-1"')
        if why := unkeepable(given) or (member not in _PLACES and misleading(given)):
            self.refuse(f"{member} is {shown_briefly(given)}; {why}")
        return intern(given)  # it is there once for each event that it is named by

    def word(self, member: str, known: Iterable[str]) -> str:
        """Return a word that is one of those known."""
        given = self.member(member)
        if not isinstance(given, str) or given not in known:
            self.refuse(
                f"{member} is {shown_briefly(given)}; write one of {', '.join(sorted(known))}"
            )
        return given

    def time(self) -> float:
        """Return when it happened, in seconds."""
        return self._number("t", self.member("t"))

    def give_or_take(self) -> float:
        """Return how far from its time it may have happened, in seconds."""
        seconds = self._number("u", self.event.get("u", 0))
        if seconds < 0:
            self.refuse(f"u is {shown_briefly(seconds)}; write it as 0 or more seconds")
        return seconds

    def interval(self) -> tuple[float, float]:
        """Return between which times it happened, in seconds."""
        given = self.member("t")
        low, high = given if isinstance(given, list) and len(given) == 2 else (given, given)  # noqa: PLR2004 - low and high
        first, last = self._number("t", low), self._number("t", high)
        if last < first:
            self.refuse(f"t ends before it begins: {shown_briefly(given)}; write [lo, hi]")
        return first, last

    def _number(self, member: str, given: object) -> float:
        if isinstance(given, int | float) and not isinstance(given, bool):
            try:
                seconds = float(given)
            except OverflowError:
                seconds = float("inf")
            if isfinite(seconds):
                return seconds
        return self.refuse(
            f"{member} is {shown_briefly(given)}, not a number; write seconds, as 12.5"
        )


def unkeepable(name: str) -> str:
    """Return why no database keeps a name; empty: it does."""
    if "\0" in name:
        return "write it without the character NUL"
    if not name.isascii() and any("\ud800" <= sign <= "\udfff" for sign in name):
        return "write it without halves of UTF-16 characters"
    return ""


def misleading(name: str) -> str:
    """Return why a thing cannot be called so; empty: it can.

    What answers call what is not known begins like that: a thing of such a name would be in none.
    """
    if not name.startswith(STANDS_FOR):
        return ""
    begins = name.partition(":")[0]
    return f"write it without '{begins}:' at its beginning, which stands for what is not known"


def shown_briefly(given: object) -> str:
    """Return a value as a refusal names it."""
    try:
        text = repr(given)
    except ValueError:  # Python shows no whole number of more than 4,300 digits
        return "too large a number"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
