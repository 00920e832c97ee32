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
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from json import JSONDecodeError
from pathlib import Path
from typing import Any

from agent.trace.document import Document, NoDocumentError
from agent.trace.interchange import FORM, Streamed
from agent.trace.packed import Packed
from agent.trace.recorded import EventError, InterchangeError
from agent.trace.spreadsheet import Spreadsheet

_FORMS = f"what is read is {FORM} (.json, .jsonl, a folder of stations.json, events.jsonl), or .csv"
_Event = Mapping[str, Any]
_Stations = Mapping[str, list[str]]
_Places = Callable[[int], str]
"""(number of an event) -> where it stands."""
Brought = Streamed | Spreadsheet
"""What a file comes down to, slot by slot."""


def read_source(path: Path) -> tuple[Brought, bytes]:
    """Return what a file or folder comes down to, and its content as `zlib` packs it.

    Raises:
        InterchangeError: it is not of a form that is known; the text names file and place.
    """
    try:
        if path.is_dir():
            text = Packed.of(path / "events.jsonl")
            beside = path / "stations.json"
            stations = _stations(beside, json_of(beside, beside.read_bytes()))
            return _of_lines(path / "events.jsonl", text, stations), text.content
        text = Packed.of(path)
    except OSError as error:
        raise InterchangeError(f"{error.filename}: {error.strerror}") from error
    if path.suffix.lower() == ".csv":
        return Spreadsheet(path, text), text.content
    if path.suffix.lower() in {".jsonl", ".ndjson"}:
        return _of_lines(path, text, None), text.content
    return _of_document(path, text.whole()), text.content


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


def _facts(
    events: Iterable[_Event], stations: _Stations | None, places: Callable[[], _Places]
) -> Streamed:
    """Return what events come down to, with remarks and errors at their places in the file."""
    try:
        return Streamed(events, stations, places)
    except EventError as error:
        raise InterchangeError(f"{places()(error.number)}: {error}") from error


class _Objects:
    """Events that can be gone through again and again, each an object."""

    def __init__(self, events: Iterable[Any]) -> None:
        self._events = events

    def __iter__(self) -> Iterator[_Event]:
        """Yield them.

        Raises:
            EventError: one is no object.
        """
        for number, event in enumerate(self._events, 1):
            if not isinstance(event, dict):
                raise EventError(number, f"{event!r:.80} is no event; write an object with a type")
            yield event


# ------------------------------------------------------------------ in lines


class _Lines:
    """The events of a text with one a line."""

    def __init__(self, path: Path, text: Packed) -> None:
        self._path, self._text = path, text

    def __iter__(self) -> Iterator[Any]:
        """Yield them.

        Raises:
            InterchangeError: one is not JSON.
        """
        for number, line in self._text.lines():
            yield json_of(self._path, line, number)

    def places(self) -> _Places:
        """Return how the place of each is written."""
        lines = array("q", (number for number, _ in self._text.lines()))
        return lambda number: f"{self._path}:{lines[number - 1]}"


def _of_lines(path: Path, text: Packed, stations: _Stations | None) -> Streamed:
    lines = _Lines(path, text)
    return _facts(_Objects(lines), stations, lines.places)


# ------------------------------------------------------------------ in one document


def _of_document(path: Path, body: bytes) -> Streamed:
    try:
        document = Document.of(body)
    except NoDocumentError:
        json_of(path, body)
        raise InterchangeError(f"{path}:1: no list of events; {_FORMS}") from None
    del body  # the document has its own
    members = document.members
    _prove_form(path, members)
    stations = _stations(path, members) if "stations" in members else None

    def places() -> _Places:
        lines = document.lines()
        return lambda number: f"{path}:{lines[number - 1]}"

    return _facts(_Objects(document), stations, places)


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
