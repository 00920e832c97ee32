"""Recall by what happened at a station: which units passed there, then, by whom, with what values.

A unit is certain where its cycle was completed under its name and everything asked is known of it;
possible where the unit, the person or the value is not known for sure (D-4, D-62, D-96).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, false, or_, select

from agent.trace.fetching import STATION
from agent.trace.label_sets import LABELS
from agent.trace.said import UNSEEN, Role
from agent.trace.tables import ABOUT, EVENTS, MEASURED, SOURCES, THINGS


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


_MOST_TOLD = 10
_SHOWN_OF_A_PERSON = 17
_OTHERS = EVENTS.alias("others")
_SURE = ("unit_completed",)
_BY_LOT = frozenset({Role.PIECES.value, "cycle_counted"})
"""What says of a lot that pieces of it passed: so many, or a cycle of one."""


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
    for name, role, kind, _ in connection.execute(named.where(*_known(asked, sure=False))):
        (lots if {role, kind} & _BY_LOT else everyone).add(name)
    for name, role, kind, _ in connection.execute(sure):
        if role in {Role.IS.value, Role.UNIDENTIFIED.value} and (
            kind in _SURE or role == Role.UNIDENTIFIED.value
        ):
            certain.add(name)
    return Chosen(frozenset(certain), frozenset(everyone - certain), frozenset(lots))


def with_whole_names(connection: Connection, asked: Selection) -> Selection:
    """Return a question with a person's whole pseudonym, where its beginning is one person's.

    Tables show no more of it than that.
    """
    if asked.operator is None or len(asked.operator) < _SHOWN_OF_A_PERSON:
        return asked
    begins = LABELS.c.name.startswith(asked.operator, autoescape=True)
    is_person = LABELS.c.what.in_(("operator", "operator?"))
    named = select(LABELS.c.name).distinct().where(is_person, begins).limit(2)
    names = [name for (name,) in connection.execute(named)]
    return replace(asked, operator=names[0]) if len(names) == 1 else asked


def unheard(connection: Connection, asked: Selection) -> list[str]:
    """Return what of a question this store has never heard of, each with what there is instead."""
    found = []
    if asked.station is not None:
        there = select(SOURCES.c.name).where(SOURCES.c.name.startswith(STATION))
        if connection.execute(there.where(_is_station(asked.station)).limit(1)).first() is None:
            names = connection.execute(there.order_by(SOURCES.c.name).limit(_MOST_TOLD))
            found.append(_told("station", asked.station, [row.name for row in names]))
    for what, name in (("machine", asked.machine), ("order", asked.order)):
        found += _unheard_label(connection, what, (what,), name)
    found += _unheard_label(connection, "operator", ("operator", "operator?"), asked.operator)
    if asked.value is not None:
        is_it = MEASURED.c.name == asked.value
        if connection.execute(select(MEASURED.c.name).where(is_it).limit(1)).first() is None:
            names = connection.execute(select(MEASURED.c.name).distinct().limit(_MOST_TOLD))
            found.append(_told("value", asked.value, [row.name for row in names]))
        elif asked.below is None and asked.above is None:
            judged = select(MEASURED.c.name).where(is_it, MEASURED.c.verdict.is_not(None))
            if connection.execute(judged.limit(1)).first() is None:
                found.append(
                    f"no limits of value '{asked.value}' are known: say below or above what"
                )
    return found


def _unheard_label(
    connection: Connection, what: str, whats: tuple[str, ...], name: str | None
) -> Iterator[str]:
    is_it = select(LABELS.c.name).where(LABELS.c.what.in_(whats), LABELS.c.name == name)
    if name is not None and connection.execute(is_it.limit(1)).first() is None:
        names = select(LABELS.c.name).distinct().where(LABELS.c.what.in_(whats))
        yield _told(what, name, [row.name for row in connection.execute(names.limit(_MOST_TOLD))])


def _told(what: str, name: str, there: list[str]) -> str:
    known = ", ".join(sorted(each.removeprefix(STATION) for each in there))
    return f"no {what} '{name}' is known to this store" + (f"; there are: {known}" if known else "")


def _is_station(station: str) -> ColumnElement[bool]:
    return or_(
        SOURCES.c.name == STATION + station,
        SOURCES.c.name.like(f"{STATION}%/{_plain(station)}", escape="\\"),
    )


def cycles_of(asked: Selection) -> tuple[ColumnElement[bool], ...]:
    """Return the terms of the cycles of the place and time that are asked for."""
    return _is_cycle(), *_terms(asked)


def _is_cycle() -> ColumnElement[bool]:
    cycles = ("unit_completed", "unit_refused", "unit_unbound", "lot_counted", "cycle_counted")
    return EVENTS.c.kind.in_((*cycles, *sorted(UNSEEN)))


def _terms(asked: Selection) -> Iterator[ColumnElement[bool]]:
    if asked.station is not None:
        yield EVENTS.c.station.in_(select(SOURCES.c.id).where(_is_station(asked.station)))
    if asked.since_ms is not None:
        yield EVENTS.c.received_ms >= asked.since_ms
    if asked.until_ms is not None:  # what was recorded later may have been before
        began = or_(EVENTS.c.began_ms.is_(None), EVENTS.c.began_ms <= asked.until_ms)
        yield or_(EVENTS.c.received_ms <= asked.until_ms, began)


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _known(asked: Selection, *, sure: bool) -> Iterator[ColumnElement[bool]]:
    """Yield what must be known of a cycle; not `sure`: what must not be known to be otherwise."""
    labels = (("machine", asked.machine), ("order", asked.order), ("operator", asked.operator))
    if sure and asked.until_ms is not None:
        yield EVENTS.c.received_ms <= asked.until_ms
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
    captured = select(_OTHERS.c.station).join(MEASURED, MEASURED.c.event == _OTHERS.c.id)
    unrecorded = (
        ~exists().where(*is_it)
        & EVENTS.c.kind.not_in(("unit_completed", "cycle_counted"))
        & EVENTS.c.station.in_(captured.where(MEASURED.c.name == asked.value))
    )
    return or_(found, unread, unrecorded)
