"""Which corrections by persons an answer rests on: what they are about is in it, or would be (D-8).

An answer grows with what is not known and shrinks by a correction alone, so that it names each: of
a load, a unit, a part or a lot that was recorded as one of these things, or now is; and of a cycle
that was another unit's or never was, whatever it would have drawn of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from agent.trace import deriving, fetching
from agent.trace.corrections import Document, address_of, place_of
from agent.trace.fetching import Key, key_of
from agent.trace.rows import NAMES_AT_ONCE, among, pieces
from agent.trace.tables import ABOUT, EVENTS, IS_CORRECTION, REFS, THINGS

_OF_CYCLES = "cycles:"
ITSELF = "lineside"
"""Who corrects where nobody does: such a correction only takes certainty away."""


def corrections(
    connection: Connection,
    things: Collection[str],
    cycles: tuple[ColumnElement[bool], ...] | None = None,
) -> list[dict[str, Any]]:
    """Return the corrections that concern any of these things, oldest first.

    Args:
        connection: Of the store.
        things: Units, lots and parts.
        cycles: Terms of events: what is corrected of those is of concern too, for they may have
            been other units', of another order or with other people.
    """
    asked = select(REFS.c.event).distinct().where(IS_CORRECTION)
    ids = [number for (number,) in connection.execute(asked)]
    events = [e for e in fetching.bodies(connection, ids).values() if e["who"] != ITSELF]
    names = _names(connection, events, cycles)
    wanted = {*things, _OF_CYCLES}
    found = [each for each in events if not names[key_of(each)].isdisjoint(wanted)]
    return [_told(each) for each in sorted(found, key=lambda e: (_time(e), place_of(e)))]


def _names(
    connection: Connection,
    events: Collection[Document],
    cycles: tuple[ColumnElement[bool], ...] | None,
) -> dict[Key, set[str]]:
    """Return of each correction what it is about, by what it corrects and what that was."""
    targets = {target for each in events for target in _targets(each)}
    held = fetching.by_address(connection, targets)
    at = {number: key_of(event) for number, event in held.items()}
    about: dict[Key, set[str]] = defaultdict(set)
    for some in pieces(sorted(at), NAMES_AT_ONCE):
        asked = (
            select(ABOUT.c.event, THINGS.c.name)
            .join(THINGS, THINGS.c.id == ABOUT.c.thing)
            .where(among(connection, ABOUT.c.event, some))
        )
        for number, name in connection.execute(asked):
            about[at[number]].add(name)
        if cycles is not None:
            of_them = select(EVENTS.c.id).where(among(connection, EVENTS.c.id, some), *cycles)
            for (number,) in connection.execute(of_them):
                about[at[number]].add(_OF_CYCLES)
    moved = {target for each in events if _moves(each) for target in _targets(each)}
    gone = {number: event for number, event in held.items() if at[number] in moved}
    for number, drawn in deriving.as_said(connection, gone).items():
        about[at[number]] |= drawn
    found: dict[Key, set[str]] = {}
    for event in sorted(events, key=place_of):
        names = {event["about"]} if event.get("about") else set()
        for target in _targets(event):
            names |= about.get(target, set()) | found.get(target, set())
        found[key_of(event)] = names
    return found


def _targets(correction: Document) -> list[Key]:
    return [(correction["station"], address) for address in correction["supersedes"]]


def _moves(correction: Document) -> bool:
    """Whether what was drawn is in nothing now, or in another unit."""
    replaced = {name for name, _ in correction.get("replacement", ())}
    return bool(correction.get("retracted")) or "unit" in replaced


def _time(event: Document) -> str:
    return str(event["time"]["received"])


def _told(event: Document) -> dict[str, Any]:
    return {
        "time": _time(event),
        "station": event["station"],
        "address": address_of(event),
        "corrects": event.get("corrects"),
        "about": event.get("about"),
        "supersedes": list(event["supersedes"]),
        "replacement": [list(pair) for pair in event.get("replacement", ())],
        "retracted": bool(event.get("retracted")),
        "who": event["who"],
        "reason": event["reason"],
    }
