"""Files of other systems: what `lineside trace import` takes, and how it is told apart.

    plant.json                      trace-v1 in one document
    plant/stations.json, events.jsonl   the same in two
    units.csv                       a line a unit and component (a spreadsheet's or an MES's export)
    shipped.csv                     a line a unit, parcel or lot that was shipped (shipment_list.py)

What cannot be read is refused whole, with the line, the value and what to write; what is hardly
meant as it stands is taken and told (interchange.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import Any

from agent.trace.interchange import FORM, Facts, facts_of
from agent.trace.recorded import EventError, InterchangeError
from agent.trace.spreadsheet import facts_of_csv

_FORMS = f"what is read is {FORM} (.json, .jsonl, a folder of stations.json, events.jsonl), or .csv"
_Event = Mapping[str, Any]
_Stations = Mapping[str, list[str]]


def read_source(path: Path) -> tuple[Facts, bytes]:
    """Return what a file or folder comes down to, and its content.

    Raises:
        InterchangeError: it is not of a form that is known; the text names file and place.
    """
    try:
        if path.is_dir():
            body = (path / "events.jsonl").read_bytes()
            beside = path / "stations.json"
            stations = _stations(beside, json_of(beside, beside.read_bytes()))
            return _of_lines(path / "events.jsonl", body, stations), body
        body = path.read_bytes()
    except OSError as error:
        raise InterchangeError(f"{error.filename}: {error.strerror}") from error
    if path.suffix.lower() == ".csv":
        return facts_of_csv(path, body), body
    if path.suffix.lower() in {".jsonl", ".ndjson"}:
        return _of_lines(path, body, None), body
    return _of_document(path, body), body


def json_of(path: Path, body: bytes, line: int = 1, wanted: str = _FORMS) -> Any:  # noqa: ANN401 - whatever JSON has
    """Return what a JSON text says.

    Args:
        path: Where it is from.
        body: The text.
        line: On which line of the file it begins.
        wanted: What to write.

    Raises:
        InterchangeError: it is none.
    """
    try:
        return json.loads(body)
    except JSONDecodeError as error:
        at, why = error.lineno - 1, f"not JSON: {error.msg}, column {error.colno}; {wanted}"
    except UnicodeDecodeError as error:
        at = body.count(b"\n", 0, error.start)
        why = f"not UTF-8: {body[error.start : error.start + 1]!r}; save it as UTF-8"
    except (ValueError, RecursionError):
        at, why = 0, "not JSON that can be read: nested too deeply, or too long a number"
    raise InterchangeError(f"{path}:{line + at}: {why}")


def _facts(events: Iterable[_Event], stations: _Stations | None, of: Callable[[int], str]) -> Facts:
    """Return what events come down to, with remarks and errors at their places in the file."""
    try:
        facts = facts_of(events, stations)
    except EventError as error:
        raise InterchangeError(f"{of(error.number)}: {error}") from error
    facts.told += [f"{of(each.number)}: {each.text}" for each in sorted(facts.remarks)]
    return facts


def _objects(events: Iterable[Any]) -> Iterator[_Event]:
    for number, event in enumerate(events, 1):
        if not isinstance(event, dict):
            raise EventError(number, f"{event!r:.80} is no event; write an object with a type")
        yield event


# ------------------------------------------------------------------ in lines


def _of_lines(path: Path, body: bytes, stations: _Stations | None) -> Facts:
    lines = [(number, line) for number, line in enumerate(body.splitlines(), 1) if line.strip()]
    events = (json_of(path, line, number) for number, line in lines)
    return _facts(_objects(events), stations, lambda number: f"{path}:{lines[number - 1][0]}")


# ------------------------------------------------------------------ in one document


def _of_document(path: Path, body: bytes) -> Facts:
    document = json_of(path, body)
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise InterchangeError(f"{path}:1: no list of events; {_FORMS}")
    _prove_form(path, document)
    stations = _stations(path, document) if "stations" in document else None
    starts: list[int] = []

    def place(number: int) -> str:
        if not starts:
            starts.extend(_starting_lines(body))
        return f"{path}:{starts[number - 1]}"

    return _facts(_objects(events), stations, place)


def _prove_form(path: Path, document: Any) -> None:  # noqa: ANN401 - whatever JSON has
    form = document.get("form", FORM) if isinstance(document, dict) else FORM
    if form != FORM:
        raise InterchangeError(f"{path}:1: form {form!r}; what is read is {FORM}")


def _stations(path: Path, document: Any) -> dict[str, list[str]]:  # noqa: ANN401 - whatever JSON has
    """Return the stations that a document lists, with their slots."""
    _prove_form(path, document)
    listed: Any = document.get("stations") if isinstance(document, dict) else document
    try:
        return {
            str(station["station"]): [
                str(slot["slot"] if isinstance(slot, dict) else slot)
                for slot in station.get("slots", ())
            ]
            for station in listed
        }
    except (TypeError, KeyError, AttributeError) as error:
        wanted = '[{"station": "S1", "slots": [{"slot": "A"}]}]'
        raise InterchangeError(f"{path}:1: no list of stations; write {wanted}") from error


_BETWEEN = re.compile(r"[\s,:]*")


def _starting_lines(body: bytes) -> list[int]:
    """Return on which lines the events of a document begin. It was read before, and is sound."""
    text = body.decode(json.detect_encoding(body))
    decoder = JSONDecoder()
    lines: list[int] = []
    line, counted = 1, 0
    at = _behind(text, text.index("{") + 1)
    while text[at] != "}":
        member, at = decoder.raw_decode(text, at)
        at = _behind(text, at)
        if member != "events":
            _, at = decoder.raw_decode(text, at)
            at = _behind(text, at)
            continue
        lines.clear()
        at = _behind(text, at + 1)
        while text[at] != "]":
            line, counted = line + text.count("\n", counted, at), at
            lines.append(line)
            _, at = decoder.raw_decode(text, at)
            at = _behind(text, at)
        at = _behind(text, at + 1)
    return lines


def _behind(text: str, at: int) -> int:
    """Return where the next value begins, or the end of the object or list."""
    return _BETWEEN.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
