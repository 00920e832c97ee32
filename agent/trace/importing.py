"""Files of other systems: what `lineside trace import` takes, and how it is told apart.

    plant.json                      trace-v1 in one document
    plant/stations.json, events.jsonl   the same in two
    units.csv                       a line a unit and component (a spreadsheet's or an MES's export)
    shipped.csv                     a line a unit, parcel or lot that was shipped (shipment_list.py)

A CSV has the columns `unit` and `component`, and may have `kind` (`lot`, or `serial` for a part
with an identity of its own), `since` and `until` (ISO 8601 with zone, or seconds), and `scrapped`
(yes or no). Several components in one cell, parted by `|`, mean: one of these. A column that is not
known is refused: what it says would be lost.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator
from datetime import datetime
from io import StringIO
from math import inf
from pathlib import Path
from typing import Any

from agent.trace.genealogy import Kind
from agent.trace.interchange import FORM, Facts, InterchangeError, Slot, facts_of
from agent.trace.shipment_list import COLUMNS as SHIPMENT_COLUMNS
from agent.trace.shipment_list import TELLING, shipments

_COLUMNS = frozenset({"unit", "component", "kind", "since", "until", "scrapped"})
_KINDS = {"": Kind.FEED, "lot": Kind.FEED, "serial": Kind.PART}
_YES_NO = {"": False, "no": False, "0": False, "false": False, "yes": True, "1": True, "true": True}


def read_source(path: Path) -> tuple[Facts, bytes]:
    """Return what a file or folder comes down to, and its content.

    Raises:
        InterchangeError: it is not of a form that is known; the text names file and place.
    """
    try:
        if path.is_dir():
            body = (path / "events.jsonl").read_bytes()
            _document(path / "stations.json", (path / "stations.json").read_bytes())
            return facts_of(_lines(path / "events.jsonl", body)), body
        body = path.read_bytes()
    except OSError as error:
        raise InterchangeError(f"{error.filename}: {error.strerror}") from error
    if path.suffix.lower() == ".csv":
        return _facts_of_csv(path, body), body
    if path.suffix.lower() in {".jsonl", ".ndjson"}:
        return facts_of(_lines(path, body)), body
    return facts_of(_events(path, _document(path, body))), body


def _document(path: Path, body: bytes) -> Any:  # noqa: ANN401 - whatever JSON has
    try:
        return json.loads(body)
    except ValueError as error:
        raise InterchangeError(f"{path}: not JSON: {error}") from error


def _events(path: Path, document: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - whatever JSON has
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise InterchangeError(f"{path}: no list of events; write {FORM}, or a .csv")
    form = document.get("form", FORM)
    if form != FORM:
        raise InterchangeError(f"{path}: form {form!r}; what is read is {FORM}")
    return [_event(path, number, event) for number, event in enumerate(events, 1)]


def _lines(path: Path, body: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(body.splitlines(), 1):
        if line.strip():
            yield _event(path, number, _document(Path(f"{path}:{number}"), line))


def _event(path: Path, number: int, event: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON has
    if not isinstance(event, dict):
        raise InterchangeError(f"{path}: event {number} is no object: {event!r}")
    return {"id": f"#{number}", **event}


# ------------------------------------------------------------------ CSV


def _facts_of_csv(path: Path, body: bytes) -> Facts:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InterchangeError(f"{path}: not UTF-8: {error}; save it as CSV UTF-8") from error
    separator = ";" if ";" in text.partition("\n")[0] else ","
    rows = csv.DictReader(StringIO(text), delimiter=separator)
    columns = {str(name).strip() for name in rows.fieldnames or ()}
    facts = Facts()
    if columns & TELLING:
        _prove_columns(path, columns, SHIPMENT_COLUMNS, frozenset({"unit", "lot"}))
        lines = ((f"{path}:{rows.line_num}", _cells(row)) for row in rows)
        facts.shipments += shipments(lines, _moment)
        return facts
    _prove_columns(path, columns, _COLUMNS, frozenset({"unit"}))
    for row in rows:
        _take_row(f"{path}:{rows.line_num}", _cells(row), facts)
    return facts


def _prove_columns(
    path: Path, columns: Collection[str], known: Collection[str], named: Collection[str]
) -> None:
    unknown = sorted(set(columns) - set(known))
    if unknown or not set(columns) & set(named):
        needed = " or ".join(sorted(named, reverse=True))
        wrong = f"column {', '.join(unknown)} is not known" if unknown else f"no column {needed}"
        raise InterchangeError(f"{path}:1: {wrong}; known are {', '.join(sorted(known))}")


def _cells(row: dict[str | None, Any]) -> dict[str, str]:
    return {str(name).strip(): cell.strip() for name, cell in row.items() if isinstance(cell, str)}


def _take_row(where: str, cells: dict[str, str], facts: Facts) -> None:
    unit = cells.get("unit", "")
    if not unit:
        raise InterchangeError(f"{where}: no unit in this line")
    kind = _one_of(where, "kind", cells.get("kind", ""), _KINDS)
    facts.all_units.add(unit)
    if _one_of(where, "scrapped", cells.get("scrapped", ""), _YES_NO):
        facts.all_scrapped.add(unit)
    parts = (part.strip() for part in cells.get("component", "").split("|"))
    options = tuple(dict.fromkeys(part for part in parts if part))
    if not options:
        return
    if kind is Kind.PART:
        facts.all_units.update(options)
    since = _moment(where, "since", cells.get("since", ""), -inf)
    until = _moment(where, "until", cells.get("until", ""), inf)
    why = "direct_link" if len(options) == 1 else "multi_lot_label"
    facts.add(Slot(unit, kind, options, since, until, why=why))


def _one_of(where: str, column: str, cell: str, words: dict[str, Any]) -> Any:  # noqa: ANN401 - what the words mean
    if cell.lower() not in words:
        known = ", ".join(word for word in words if word)
        raise InterchangeError(f"{where}: {column} {cell!r}; write one of {known}")
    return words[cell.lower()]


def _moment(where: str, column: str, cell: str, otherwise: float) -> float:
    if not cell:
        return otherwise
    try:
        return float(cell)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        wanted = "2026-03-02T06:00:00Z or seconds"
        raise InterchangeError(f"{where}: {column} {cell!r}; write it as {wanted}")
    return moment.timestamp()
