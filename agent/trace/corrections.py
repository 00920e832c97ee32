"""What an event says after all that was said to correct it (D-143).

Pure. An event's chain is every correction that names it, or names one that does. What counts is the
same whatever order they were received in: the chain is taken in the order of its addresses.

Rules:
    - A correction that is retracted does not count, and what it superseded stands again.
    - A correction of a correction goes on from it: what it does not name stays as it was said last.
    - A correction without a replacement, and that is no retraction, says that it is no longer known
      for certain which unit it was (D-25, D-26); it holds until a later one names the unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

Document = Mapping[str, Any]
"""An event as it is stored: its public JSON."""

_VALUE = "values."


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts of an event."""

    event: Document
    """With what was replaced in it."""
    doubts: tuple[Document, ...] = ()
    """Corrections by which it is not certain which unit it was."""
    by: tuple[str, ...] = ()
    """Addresses of the corrections that count."""
    said: Document | None = None
    """The event as it was recorded, where something in it was replaced."""


def address_of(event: Document) -> str:
    """Return an event's address as other events of its station write it."""
    return f"{event['epoch']}-{event['seq']}"


def place_of(event: Document) -> tuple[str, int]:
    """Return where an event stands in its station's order."""
    return event["epoch"], event["seq"]


def standing(event: Document, chain: Sequence[Document]) -> Standing | None:
    """Return what counts of an event; None: what it says was never so."""
    if not chain:
        return Standing(event)
    in_order = sorted(chain, key=place_of)
    gone = _retracted(in_order)
    now, is_there = dict(event), True
    doubts: list[Document] = []
    by: list[str] = []
    for each in in_order:
        if address_of(each) in gone:
            continue
        is_about_it = address_of(event) in each["supersedes"]
        if each.get("retracted"):
            if is_about_it:
                is_there = False
                by.append(address_of(each))
            continue
        by.append(address_of(each))
        replacement = [(str(name), str(value)) for name, value in each.get("replacement", ())]
        if replacement:
            is_there = True
            if any(name == "unit" for name, _ in replacement):
                doubts.clear()
            _replace(now, replacement)
        elif is_about_it:
            doubts.append(each)
    return Standing(now, tuple(doubts), tuple(by), event) if is_there else None


def _retracted(in_order: Sequence[Document]) -> set[str]:
    """Return which corrections were taken back by one that counts."""
    gone: set[str] = set()
    for each in reversed(in_order):
        if each.get("retracted") and address_of(each) not in gone:
            gone.update(each["supersedes"])
    return gone


def _replace(event: dict[str, Any], replacement: Sequence[tuple[str, str]]) -> None:
    """Put what is right in the place of what was said."""
    there = [value for name, value in replacement if name == "operator"]
    if there:  # an empty one: nobody was
        event["operators"] = [{"ref": value} for value in there if value]
    for name, value in replacement:
        if name == "operator":
            continue
        if name.startswith(_VALUE):
            event["values"] = [
                _corrected(each, value) if each["name"] == name.removeprefix(_VALUE) else each
                for each in event.get("values", ())
            ]
        elif name == "order" and not value:
            event.pop("order", None)
        else:
            event[name] = int(value) if name == "n" and value.isdecimal() else value
    named = {name for name, _ in replacement}
    if "unit" in named:
        event["certainty"] = "certain"
        event.pop("candidates", None)
    if "lot" in named:
        event.pop("lots", None)
        if event["kind"] == "lot_counted":
            event["certainty"] = "certain"
            event.pop("part_of", None)


def _corrected(captured: Document, text: str) -> dict[str, Any]:
    """Return a captured value with what is right, judged anew by the limits that it had."""
    limits = captured.get("limits")
    is_number = limits is not None or captured.get("measure") is not None
    right = {**captured, "value": _typed(text, captured.get("value"), is_number=is_number)}
    if isinstance(limits, Mapping) and captured.get("verdict") is not None:
        right["verdict"] = _verdict(right["value"], limits)
        right.pop("warning", None)
    return right


def _typed(text: str, before: object, *, is_number: bool) -> object:
    """Return a corrected value as what it was before: numbers stay numbers."""
    if not is_number and _plain(before) is None:
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return number if isfinite(number) else text


def _verdict(value: object, limits: Document) -> str:
    """Return what a value is by its limits, as the station would have said (D-96)."""
    number, low, high = _plain(value), _bound(limits.get("low")), _bound(limits.get("high"))
    is_unread = not {"low", "high"}.isdisjoint(limits.get("unread", ()))
    if number is None or is_unread or (low is not None and high is not None and low > high):
        return "unknown"
    if low is not None and number < low:
        return "low"
    return "high" if high is not None and number > high else "ok"


def _bound(limit: object) -> int | float | None:
    """Return a limit; one beyond 2^53 is written as text."""
    if isinstance(limit, str) and limit.removeprefix("-").isdecimal():
        return int(limit)
    return _plain(limit)


def _plain(value: object) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
