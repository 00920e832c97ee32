"""Recall by what happened at a station: which units passed there, then, by whom, with what values.

A unit is certain where its cycle was completed under its name and everything asked is known of it;
possible where the unit, the person or the value is not known for sure (D-4, D-62, D-96).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, false, or_, select

from agent.trace.fetching import STATION
from agent.trace.said import Role
from agent.trace.tables import ABOUT, EVENTS, LABELS, MEASURED, SOURCES, THINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which cycles; what is None does not matter, what is given must hold together."""

    station: str | None = None
    """Its path, or the end of it: `line-3/press-07`."""
    machine: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    operator: str | None = None
    order: str | None = None
    value: str | None = None
    """A captured value by its name."""
    below: float | None = None
    above: float | None = None
    """Beyond this; with neither, whatever lies beyond its own limits."""

    def told(self) -> dict[str, Any]:
        """Return what is asked."""
        names = ("station", "machine", "since_ms", "until_ms", "operator", "order", "value")
        given = {name: getattr(self, name) for name in (*names, "below", "above")}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Units that were there for sure, those that may have been, and lots of pieces that were."""

    certain: frozenset[str]
    possible: frozenset[str]
    lots: frozenset[str]


_SURE = ("unit_completed",)


def choose(connection: Connection, asked: Selection) -> Chosen:
    """Return what passed as was asked."""
    named = select(THINGS.c.name, ABOUT.c.role, EVENTS.c.kind, EVENTS.c.id)
    named = named.join(ABOUT, ABOUT.c.thing == THINGS.c.id)
    named = named.join(EVENTS, EVENTS.c.id == ABOUT.c.event)
    roles = [Role.IS.value, Role.MAY_BE.value, Role.UNIDENTIFIED.value, Role.PIECES.value]
    named = named.where(ABOUT.c.role.in_(roles), _is_cycle(), *_terms(asked))
    sure = named.where(*_known(asked, sure=True))
    certain: set[str] = set()
    lots: set[str] = set()
    everyone: set[str] = set()
    for name, role, _, _ in connection.execute(named.where(*_known(asked, sure=False))):
        (lots if role == Role.PIECES.value else everyone).add(name)
    for name, role, kind, _ in connection.execute(sure):
        if role in {Role.IS.value, Role.UNIDENTIFIED.value} and (
            kind in _SURE or role == Role.UNIDENTIFIED.value
        ):
            certain.add(name)
    return Chosen(frozenset(certain), frozenset(everyone - certain), frozenset(lots))


def _is_cycle() -> ColumnElement[bool]:
    cycles = ("unit_completed", "unit_refused", "unit_unbound", "lot_counted")
    unseen = ("cycle_missed", "cycle_aborted", "counter_reset", "interlock_bypassed")
    return EVENTS.c.kind.in_((*cycles, *unseen, "history_lost"))


def _terms(asked: Selection) -> Iterator[ColumnElement[bool]]:
    if asked.station is not None:
        names = SOURCES.c.name
        is_it = or_(
            names == STATION + asked.station,
            names.like(f"{STATION}%/{_plain(asked.station)}", escape="\\"),
        )
        yield EVENTS.c.station.in_(select(SOURCES.c.id).where(is_it))
    if asked.since_ms is not None:
        yield EVENTS.c.received_ms >= asked.since_ms
    if asked.until_ms is not None:
        yield EVENTS.c.received_ms <= asked.until_ms


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _known(asked: Selection, *, sure: bool) -> Iterator[ColumnElement[bool]]:
    """Yield what must be known of a cycle; not `sure`: what must not be known to be otherwise."""
    labels = (("machine", asked.machine), ("order", asked.order), ("operator", asked.operator))
    for what, name in labels:
        if name is not None:
            whats = [what] if sure else [what, f"{what}?"]
            has = exists().where(
                LABELS.c.event == EVENTS.c.id, LABELS.c.what.in_(whats), LABELS.c.name == name
            )
            has_any = exists().where(
                LABELS.c.event == EVENTS.c.id, LABELS.c.what.in_([what, f"{what}?"])
            )
            is_unseen = EVENTS.c.kind.not_in(("unit_completed", "unit_refused", "lot_counted"))
            yield has if sure else or_(has, ~has_any & is_unseen)
    if asked.value is not None:
        yield _value(asked, sure=sure)


def _value(asked: Selection, *, sure: bool) -> ColumnElement[bool]:
    is_it = [MEASURED.c.event == EVENTS.c.id, MEASURED.c.name == asked.value]
    beyond: list[ColumnElement[bool]] = []
    if asked.below is not None:
        beyond.append(MEASURED.c.number < asked.below)
    if asked.above is not None:
        beyond.append(MEASURED.c.number > asked.above)
    if not beyond:
        beyond.append(MEASURED.c.verdict.in_(("low", "high")))
        unknown: ColumnElement[bool] = MEASURED.c.verdict == "unknown"
    else:
        unknown = MEASURED.c.number.is_(None)
    found = exists().where(*is_it, or_(false(), *beyond))
    if sure:
        return found
    unread = exists().where(*is_it, unknown)
    unrecorded = ~exists().where(*is_it) & EVENTS.c.kind.not_in(("unit_completed",))
    return or_(found, unread, unrecorded)
