"""A CSV of units and what is in them, as a spreadsheet or another system writes it.

    unit;component;kind;since;until;scrapped
    SN-1;L-4711;lot;2026-03-02T06:00:00Z;;no

A line is a unit and one component; of a unit with several there are several lines. It has the
columns `unit` and `component`, and may have `kind` (`lot`, or `serial` for a part with an identity
of its own), `since` and `until` (ISO 8601 with zone, or seconds), and `scrapped` (yes or no).
Several components in one cell, parted by `|`, mean: one of these. A column that is not known, a
cell too many or too few, a quote that is not closed are refused: what they say would be lost.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from io import TextIOWrapper
from math import inf, isfinite
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple

from agent.trace.drawing import Sight
from agent.trace.genealogy import Kind
from agent.trace.interchange import Slot
from agent.trace.packed import Packed
from agent.trace.recorded import InterchangeError, misleading, unkeepable
from agent.trace.shipment import Shipment
from agent.trace.shipment_list import COLUMNS as SHIPMENT_COLUMNS
from agent.trace.shipment_list import TELLING, shipments

_COLUMNS = frozenset({"unit", "component", "kind", "since", "until", "scrapped"})
_KINDS = {"": Kind.FEED, "lot": Kind.FEED, "serial": Kind.PART}
_YES_NO = {"": False, "no": False, "0": False, "false": False, "yes": True, "1": True, "true": True}
_NAMING = frozenset({"unit", "component", "lot"})
_SEPARATORS = ",;\t"


class Spreadsheet:
    """What a CSV of units, or of shipments, comes down to, slot by slot: not all of them at once.

    Args:
        path: Where it is from.
        text: What it says; it is gone through once to be proven, and once for each time that its
            slots are asked for.

    Raises:
        InterchangeError: it cannot be read; the text names file, line and value.
    """

    sights: Sequence[Sight] = ()
    """It names no station."""
    told: Sequence[str] = ()
    """It leaves nothing to remark."""

    def __init__(self, path: Path, text: Packed) -> None:
        self._path, self._text = path, text
        self.all_units: set[str] = set()
        self.all_scrapped: set[str] = set()
        self.shipments: list[Shipment] = []
        try:
            self._prove()
        except UnicodeDecodeError:
            raise InterchangeError(_not_utf8(path, text.whole())) from None

    @property
    def slots(self) -> Iterator[Slot]:
        """Each slot with its options, as often as this is asked for."""
        columns, rows = self._rows()
        if not TELLING & set(columns):
            for where, cells in rows:
                unit, kind, options, since, until, _ = _row(where, cells)
                if options:
                    why = "direct_link" if len(options) == 1 else "multi_lot_label"
                    yield Slot(unit, kind, options, since, until, why=why)

    def _prove(self) -> None:
        columns, rows = self._rows()
        if TELLING & set(columns):
            _prove_columns(self._path, columns, SHIPMENT_COLUMNS, frozenset({"unit", "lot"}))
            self.shipments += shipments(rows, _moment)
            return
        _prove_columns(self._path, columns, _COLUMNS, frozenset({"unit"}))
        for where, cells in rows:
            unit, kind, options, _, _, is_scrapped = _row(where, cells)
            self.all_units.add(unit)
            if is_scrapped:
                self.all_scrapped.add(unit)
            if kind is Kind.PART:
                self.all_units.update(options)

    def _rows(self) -> tuple[list[str], Iterator[tuple[str, Mapping[str, str]]]]:
        """Return the columns, and the cells of each line by them with its place."""
        with TextIOWrapper(self._text.opened(), "utf-8-sig", newline=None) as file:
            head = file.readline()
        separator = max(_SEPARATORS, key=head.count)
        file = TextIOWrapper(self._text.opened(), "utf-8-sig", newline=None)
        lines = _lines(self._path, csv.reader(file, delimiter=separator, strict=True))
        columns = [name.strip() for name in next(lines, (self._path, []))[1]]
        return columns, _cells(lines, columns, separator)


def _not_utf8(path: Path, body: bytes) -> str:
    """Return where a text stops being UTF-8."""
    try:
        body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, wrong = body.count(b"\n", 0, error.start) + 1, body[error.start : error.start + 1]
        return f"{path}:{line}: not UTF-8: {wrong!r}; save it as CSV UTF-8"
    return f"{path}: not UTF-8; save it as CSV UTF-8"


def _lines(path: Path, rows: Any) -> Iterator[tuple[str, list[str]]]:  # noqa: ANN401 - a reader of csv has no public type
    """Yield each line that is not empty, with its place."""
    first = 1
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as error:
            raise InterchangeError(
                f"{path}:{first}: {error}; close each quote, and double one within a cell"
            ) from error
        if cells is None:
            return
        if cells:
            yield f"{path}:{first}", cells
        first = rows.line_num + 1


def _prove_columns(
    path: Path, columns: Collection[str], known: Collection[str], named: Collection[str]
) -> None:
    unknown = sorted(set(columns) - set(known))
    twice = sorted({name for name in columns if list(columns).count(name) > 1})
    if unknown:
        wrong = f"column {', '.join(unknown)} is not known"
    elif twice:
        wrong = f"column {', '.join(twice)} is there twice; write a line for each component"
    elif not set(columns) & set(named):
        wrong = f"no column {' or '.join(sorted(named, reverse=True))}"
    else:
        return
    raise InterchangeError(f"{path}:1: {wrong}; known are {', '.join(sorted(known))}")


def _cells(
    lines: Iterator[tuple[str, list[str]]], columns: list[str], separator: str
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the cells of each line by their columns."""
    for where, row in lines:
        cells = [cell.strip() for cell in row]
        while len(cells) > len(columns) and not cells[-1]:
            cells.pop()
        if len(cells) != len(columns):
            raise InterchangeError(
                f"{where}: {len(cells)} cells for {len(columns)} columns: "
                f"{separator.join(cells)[:80]!r}; leave one empty by {separator!r} alone, and put "
                f"quotes around one that has {separator!r} in it"
            )
        for column, cell in zip(columns, cells, strict=True):
            if why := unkeepable(cell) or (column in _NAMING and _misleads(cell)):
                raise InterchangeError(f"{where}: {cell!r}; {why}")
        yield where, dict(zip(columns, cells, strict=True))


def _misleads(cell: str) -> str:
    """Return why what a cell names cannot be called so; empty: it can."""
    if ":" not in cell:
        return ""
    return next(filter(None, (misleading(name.strip()) for name in cell.split("|"))), "")


class _Row(NamedTuple):
    """What a line says."""

    unit: str
    kind: Kind
    options: tuple[str, ...]
    since: float
    until: float
    is_scrapped: bool


def _row(where: str, cells: Mapping[str, str]) -> _Row:
    unit = intern(cells.get("unit", ""))
    if not unit:
        raise InterchangeError(f"{where}: no unit in this line; write one in each")
    kind = _one_of(where, "kind", cells.get("kind", ""), _KINDS)
    is_scrapped = _one_of(where, "scrapped", cells.get("scrapped", ""), _YES_NO)
    parts = (intern(part.strip()) for part in cells.get("component", "").split("|"))
    options = tuple(dict.fromkeys(part for part in parts if part))
    since = _moment(where, "since", cells.get("since", ""), -inf)
    until = _moment(where, "until", cells.get("until", ""), inf)
    if until < since:
        raise InterchangeError(f"{where}: until {cells['until']!r} is before since; exchange them")
    return _Row(unit, kind, options, since, until, is_scrapped)


def _one_of(where: str, column: str, cell: str, words: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what the words mean
    if cell.lower() not in words:
        known = ", ".join(word for word in words if word)
        raise InterchangeError(f"{where}: {column} {cell!r}; write one of {known}")
    return words[cell.lower()]


def _moment(where: str, column: str, cell: str, otherwise: float) -> float:
    if not cell:
        return otherwise
    try:
        seconds = float(cell)
    except ValueError:
        seconds = inf
    if isfinite(seconds):
        return seconds
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        wanted = "2026-03-02T06:00:00Z or seconds"
        raise InterchangeError(f"{where}: {column} {cell!r}; write it as {wanted}")
    return moment.timestamp()
