"""What the look-up's tables say of a unit, a component or a block, corrections included.

A correction counts unless one that stands names it too (D-143). A person's says what is right
instead, or that it never was so; the agent's own only takes the certainty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, cast

import apsw

COMPLETED, UNBOUND = "unit_completed", "unit_unbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One visit of a unit, or a word about its life, as far as it still counts."""

    address: str
    at_ms: int
    kind: str
    handshake: str
    result: str | None
    certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a station knows of one unit, under all the names that it is known by."""

    names: tuple[str, ...]
    stays: tuple[Stay, ...]
    """Oldest first."""
    renamed_to: str | None = None
    """The identity that took the place of the one that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a serial component is."""

    address: str
    at_ms: int
    unit: str | None
    position: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is in a unit or a parent, as far as it is known here."""

    names: tuple[str, ...]
    """Every identity that it is known by: things were put in under each (D-37)."""
    children: tuple[str, ...]
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Corrected:
    """What the newest correction that stands says of an event."""

    doubts: bool
    retracted: bool
    unit: str | None
    result: str | None
    component: str | None
    position: str | None


_CORRECTIONS = """
SELECT epoch, seq, doubts, retracted, unit, result, component, position FROM corrections
WHERE of_epoch = ? AND of_seq = ? AND (epoch, seq) > (of_epoch, of_seq)
ORDER BY epoch DESC, seq DESC
"""
_VISITS = "SELECT epoch, seq, at_ms, kind, handshake, result, certain FROM visits WHERE "
_MOVES = "SELECT epoch, seq, at_ms, component, unit, position FROM moves WHERE "
_AT = "(epoch, seq) = (?, ?)"
_NAMED = """
SELECT of_epoch, of_seq, at_ms, corrects FROM corrections c WHERE unit = ? AND NOT EXISTS (
  SELECT 1 FROM corrections e WHERE (e.epoch, e.seq) = (c.of_epoch, c.of_seq))
"""
_PUT_IN = "SELECT component FROM moves WHERE unit = ? ORDER BY epoch, seq"
_PUT_IN_SINCE = "SELECT of_epoch, of_seq FROM corrections WHERE unit = ?"
_BLOCKED = "SELECT lot, source, blocked, epoch, seq FROM blocks ORDER BY epoch, seq"


def _rows(db: apsw.Connection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    return cast("list[tuple[Any, ...]]", db.execute(sql, values).fetchall())


def _corrected(db: apsw.Connection, epoch: str, seq: int) -> _Corrected | None:
    """Return what stands instead of an event, None where it stands itself."""
    for by_epoch, by_seq, doubts, retracted, *said in _rows(db, _CORRECTIONS, epoch, seq):
        if _corrected(db, by_epoch, by_seq) is None:
            unit, result, component, position = said
            return _Corrected(
                doubts=bool(doubts),
                retracted=bool(retracted),
                unit=unit,
                result=result,
                component=component,
                position=position,
            )
    return None


# ------------------------------------------------------------------ units


def history(db: apsw.Connection, names: Collection[str], asked: str | None = None) -> History:
    """Return what is known of the unit that bears these names; `asked`: by which it came."""
    known, renamed_to = _names(db, names, asked)
    found = {
        (epoch, seq): stay
        for name in known
        for epoch, seq, stay in (*_own(db, name, known), *_named_since(db, name))
    }
    stays = tuple(found[at] for at in sorted(found))
    return History(names=tuple(sorted(known)), stays=stays, renamed_to=renamed_to)


def _names(
    db: apsw.Connection, names: Collection[str], asked: str | None
) -> tuple[set[str], str | None]:
    """Return every name of a unit (D-37), and what took the place of the one asked for."""
    known, renamed_to = set(names), None
    if not _rows(db, "SELECT 1 FROM aliases LIMIT 1"):  # mostly no unit has another name
        return known, None
    open_ = list(names)
    while open_:
        name = open_.pop()
        sql = "SELECT epoch, seq, old, new FROM aliases WHERE ? IN (old, new) ORDER BY epoch, seq"
        for epoch, seq, old, new in _rows(db, sql, name):
            if _corrected(db, epoch, seq) is not None:
                continue
            renamed_to = new if old == asked else renamed_to
            open_ += {old, new} - known
            known |= {old, new}
    return known, renamed_to


def _own(db: apsw.Connection, name: str, known: Collection[str]) -> Iterator[tuple[str, int, Stay]]:
    """Yield what was recorded of a unit under a name, unless it was somebody else's."""
    for row in _rows(db, _VISITS + "unit = ?", name):
        instead = _corrected(db, row[0], row[1])
        if instead is None:
            yield row[0], row[1], _stay(row, None)
        elif not instead.retracted and (instead.unit is None or instead.unit in known):
            yield row[0], row[1], _stay(row, instead)


def _stay(row: tuple[Any, ...], instead: _Corrected | None) -> Stay:
    epoch, seq, at_ms, kind, handshake, result, certain = row
    return Stay(
        address=f"{epoch}-{seq}",
        at_ms=at_ms,
        kind=kind,
        handshake=handshake,
        result=instead.result if instead is not None and instead.result else result,
        certain=bool(certain) and not (instead is not None and instead.doubts),
    )


def _named_since(db: apsw.Connection, name: str) -> Iterator[tuple[str, int, Stay]]:
    """Yield what a correction says was this unit, whatever it was taken for (an unbound cycle)."""
    for epoch, seq, at_ms, corrects in _rows(db, _NAMED, name):
        instead = _corrected(db, epoch, seq)
        if instead is None or instead.unit != name:
            continue
        recorded = _rows(db, _VISITS + _AT, epoch, seq)
        kind = COMPLETED if corrects == UNBOUND else corrects
        row = (epoch, seq, at_ms, kind, "", None, True)
        yield epoch, seq, _stay(recorded[0] if recorded else row, instead)


# ------------------------------------------------------------------ components and blocks


def component(db: apsw.Connection, name: str) -> Place | None:
    """Return where a serial component is by its newest move; None: it was never moved here."""
    moves = _rows(db, _MOVES + "component = ?", name)
    for at in _rows(db, "SELECT of_epoch, of_seq FROM corrections WHERE component = ?", name):
        moves += _rows(db, _MOVES + _AT, *at)
    for epoch, seq, at_ms, moved, unit, position in sorted(moves, key=_at, reverse=True):
        instead = _corrected(db, epoch, seq)
        if name != ((instead.component if instead is not None else None) or moved):
            continue
        if instead is None or not instead.retracted:
            return Place(
                address=f"{epoch}-{seq}",
                at_ms=at_ms,
                unit=_present(db, (instead.unit if instead is not None else None) or unit),
                position=(instead.position if instead is not None else None) or position,
            )
    return None


def _present(db: apsw.Connection, unit: str | None) -> str | None:
    """Return the identity that a unit bears by now (D-37)."""
    seen: set[str] = set()
    while unit is not None and unit not in seen:
        seen.add(unit)
        unit = _names(db, (unit,), unit)[1] or unit
    return unit


def contents(db: apsw.Connection, parent: Collection[str]) -> Contents:
    """Return what is in the thing that bears these names: children and serial components."""
    names, _ = _names(db, parent, None)
    moved: dict[str, None] = {}
    for name in sorted(names):
        moved |= dict.fromkeys(row[0] for row in _rows(db, _PUT_IN, name))
        for epoch, seq in _rows(db, _PUT_IN_SINCE, name):
            moved |= dict.fromkeys(row[3] for row in _rows(db, _MOVES + _AT, epoch, seq))
    places = {code: component(db, code) for code in moved}
    here = {code: at for code, at in places.items() if at is not None and at.unit in names}
    return Contents(
        names=tuple(sorted(names)),
        children=tuple(code for code, at in here.items() if at.position is None),
        components=tuple(code for code, at in here.items() if at.position is not None),
    )


def _at(row: tuple[Any, ...]) -> tuple[str, int]:
    return row[0], row[1]


def blocked(db: apsw.Connection) -> frozenset[str]:
    """Return what is blocked: by whoever blocked it, and has not released it (D-56)."""
    held: set[tuple[str, str]] = set()
    for lot, source, is_blocked, epoch, seq in _rows(db, _BLOCKED):
        if _corrected(db, epoch, seq) is None:
            (held.add if is_blocked else held.discard)((lot, source))
    return frozenset(lot for lot, _ in held)
