"""Codes explained: part by part for a person, and in batches for acceptance tests.

Both go through the same code as the live scanner: `agent.core.identity` and `drivers.framing`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum, unique
from typing import Any

from agent.core.identity import data_identifiers, gs1, hibc
from agent.core.identity.codes import parse
from agent.core.identity.gs1_table import table
from agent.core.identity.reading import (
    Assume,
    CodeError,
    Field,
    Form,
    Profile,
    Reading,
    Reason,
)
from agent.core.identity.symbology import Symbology, symbology_of
from drivers.framing import Framer, FramingOptions, Mode, Terminator

__all__ = [
    "Assume",
    "Explanation",
    "Family",
    "Part",
    "Profile",
    "Reason",
    "RecordError",
    "as_object",
    "batch",
    "explain",
    "unescaped",
]

RECORD_DATE = date(2026, 6, 1)
"""The day of the scan of a batch record that names none: the form of the records fixes 2026."""

_LINE_ENDS = b"\r\n"
_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})|\\([rnt\\])|<(GS|RS|EOT|FS|US)>")
_LETTERS = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}
_NAMES = {"GS": "\x1d", "RS": "\x1e", "EOT": "\x04", "FS": "\x1c", "US": "\x1f"}


class RecordError(ValueError):
    """A record of a batch is not of the form that batches have."""


@unique
class Family(StrEnum):
    """What the records of a batch hold."""

    GS1 = "gs1"
    ISO15434 = "iso15434"
    FRAMING = "framing"


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a code, explained."""

    identifier: str
    title: str
    value: str
    at: int
    """Offset of the identifier in the bytes as received."""
    meaning: str = ""
    """What the value says where it is coded: a day, an amount with its point."""
    format: str = ""
    """The format of its envelope, in an ISO/IEC 15434 message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything that can be said of a code."""

    raw: bytes
    symbology: str | None
    """The identifier as sent."""
    symbol: str
    """What kind of symbol that is, in words; empty without an identifier."""
    form: Form | None
    """None: refused before a form was found."""
    parts: tuple[Part, ...]
    """The fields; of a refused GS1 code those before the fault."""
    doubts: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    error: CodeError | None = field(default=None)

    @property
    def accepted(self) -> bool:
        """Whether the code is right."""
        return self.error is None


def unescaped(text: str) -> bytes:
    r"""Return the bytes that a typed code stands for.

    `\x1d` and `<GS>` are the separator, likewise `<RS>`, `<EOT>`, `\r`, `\n`; `\\` is a backslash.

    Raises:
        ValueError: a character is no byte.
    """

    def one(found: re.Match[str]) -> str:
        number, letter, name = found.groups()
        if number:
            return chr(int(number, 16))
        return _LETTERS[letter] if letter else _NAMES[name]

    return _ESCAPE.sub(one, text).encode("latin-1")


def explain(raw: bytes, profile: Profile) -> Explanation:
    """Return what a code says, or what is wrong with it and where."""
    symbology = _symbology(raw)
    name, symbol = (symbology.id, symbology.name) if symbology else (None, "")
    try:
        reading = parse(raw, profile)
    except CodeError as error:
        return Explanation(
            raw=raw,
            symbology=name,
            symbol=symbol,
            form=None,
            parts=tuple(_before_the_fault(raw, profile)),
            error=error,
        )
    return Explanation(
        raw=raw,
        symbology=name,
        symbol=symbol,
        form=reading.form,
        parts=tuple(_parts(reading, profile.reference_date)),
        doubts=tuple(f"{doubt.reason} at byte {doubt.at}" for doubt in reading.doubts),
        ignored=reading.ignored,
    )


def as_object(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as a JSON object."""
    error = explanation.error
    return {
        "accepted": explanation.accepted,
        "raw": explanation.raw.hex(),
        "symbology": explanation.symbology,
        "symbol": explanation.symbol or None,
        "form": explanation.form,
        "parts": [
            {
                "identifier": part.identifier,
                "title": part.title,
                "value": part.value,
                "meaning": part.meaning or None,
                "format": part.format or None,
                "at": part.at,
            }
            for part in explanation.parts
        ],
        "doubts": list(explanation.doubts),
        "ignored": list(explanation.ignored),
        "error": {"class": error.reason, "at": error.at, "detail": error.detail} if error else None,
    }


def batch(lines: Iterable[str], family: Family) -> Iterator[dict[str, Any]]:
    """Yield a verdict for each record, one JSON object a line; empty lines are passed over.

    Raises:
        RecordError: a line is not a record of this family.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _verdict(line, family)
            except (ValueError, KeyError, TypeError) as error:
                detail = f"no {error}" if isinstance(error, KeyError) else str(error)
                raise RecordError(f"line {number}: {detail}") from error


def _verdict(line: str, family: Family) -> dict[str, Any]:
    record = json.loads(line)
    if not isinstance(record, dict):
        raise TypeError("not a JSON object")
    return _framed(record) if family is Family.FRAMING else _read(record, family)


def _symbology(raw: bytes) -> Symbology | None:
    try:
        return symbology_of(raw.strip(_LINE_ENDS).decode("latin-1"))
    except CodeError:
        return None


def _before_the_fault(raw: bytes, profile: Profile) -> Iterator[Part]:
    """Yield the elements of a GS1 code that are right as far as they go."""
    text = raw.rstrip(_LINE_ENDS).decode("latin-1")
    data = text.lstrip("\r\n")
    base = len(text) - len(data)
    symbology = _symbology(raw)
    if symbology is not None:
        data, base = data[len(symbology.id) :], base + len(symbology.id)
    for found in gs1.right_until(data, profile.reference_date, base):
        yield _part(found, profile.reference_date)


def _parts(reading: Reading, reference: date) -> Iterator[Part]:
    for envelope in reading.envelopes:
        for found in envelope.fields:
            yield _part(found, reference, envelope.format)
    if not reading.envelopes:
        for found in reading.fields:
            yield _part(found, reference)


def _part(found: Field, reference: date, form: str = "") -> Part:
    """Return a field with its title and what its value means."""
    code, value = found.identifier, found.value
    if form in ("", "05"):
        ai = table()[code]
        day = gs1.day_of(found, reference)
        meaning = _day_text(day.day, exact=day.exact) if day else gs1.decimal_of(found) or ""
        return Part(code, ai.title or gs1.describe(code) or "", value, found.at, meaning, form)
    if form == hibc.FORMAT:
        day = hibc.day_in(value, reference) if code in ("expiry", "made") else None
        meaning = _day_text(day.day, exact=day.exact) if day else ""
        return Part(code, "", value, found.at, meaning, form)
    if form != "06":
        return Part(code, "", value, found.at, "", form)
    day = data_identifiers.day_of(code, value, reference)
    amount = data_identifiers.quantity_of(code, value)
    meaning = _day_text(day.day, exact=day.exact) if day else " ".join(amount or ()).strip()
    title = data_identifiers.allocated().get(code, "by agreement")
    return Part(code, title, value, found.at, meaning, form)


def _day_text(day: date, *, exact: bool) -> str:
    return day.isoformat() if exact else f"{day:%Y-%m}, acts on {day.isoformat()}"


def _read(record: Mapping[str, Any], family: Family) -> dict[str, Any]:
    config = record.get("config", {})
    profile = Profile(
        reference_date=date.fromisoformat(record.get("reference_date", RECORD_DATE.isoformat())),
        assume=Assume(config.get("assume", Assume.UNKNOWN)),
        separator_text=config.get("separator_text", ""),
        expect=frozenset(config.get("expect", ())),
    )
    try:
        reading = parse(bytes.fromhex(record["raw_hex"]), profile)
    except CodeError as error:
        return {
            "id": record["id"],
            "verdict": "error",
            "error": error.reason,
            "at": error.at,
            "detail": error.detail,
        }
    if reading.form is Form.PLAIN:
        return {"id": record["id"], "verdict": "plain", "text": reading.text}
    verdict: dict[str, Any] = {"id": record["id"], "verdict": "flag" if reading.doubts else "ok"}
    if family is Family.GS1:
        verdict["ais"] = [[found.identifier, found.value] for found in reading.fields]
    else:
        verdict["envelopes"] = [
            {
                "format": envelope.format,
                "fields": [[found.identifier, found.value] for found in envelope.fields],
            }
            for envelope in reading.envelopes
        ]
    return verdict | _derived(reading, profile.reference_date)


def _derived(reading: Reading, reference: date) -> dict[str, Any]:
    """Return what the values mean, by identifier; what is empty is left out."""
    dates: dict[str, str] = {}
    decimals: dict[str, str] = {}
    quantities: dict[str, Any] = {}
    for found in reading.fields:
        code, value = found.identifier, found.value
        of_gs1 = code.isdecimal()
        day = (
            gs1.day_of(found, reference)
            if of_gs1
            else data_identifiers.day_of(code, value, reference)
        )
        if day:
            dates[code] = day.day.isoformat()
        decimal = gs1.decimal_of(found) if of_gs1 else None
        if decimal:
            decimals[code] = decimal
        amount = None if of_gs1 else data_identifiers.quantity_of(code, value)
        if amount:
            quantities[code] = list(amount) if amount[1] else amount[0]
    derived: dict[str, Any] = {"dates": dates, "decimals": decimals, "quantities": quantities}
    derived["ignored"] = list(reading.ignored)
    return {name: value for name, value in derived.items() if value}


def _framed(record: Mapping[str, Any]) -> dict[str, Any]:
    config = dict(record["config"])
    config["mode"] = Mode(config["mode"])
    if "terminator" in config:
        config["terminator"] = Terminator(config["terminator"])
    config["noread"] = tuple(config.get("noread", ()))
    framer = Framer(FramingOptions(**config))
    frames = []
    at_ms = 0
    for chunk in record["chunks"]:
        at_ms += chunk["gap_ms"]
        if chunk.get("event") == "disconnect":
            frames += framer.disconnect(at_ms)
        elif chunk["hex"]:
            frames += framer.feed(at_ms, bytes.fromhex(chunk["hex"]))
        else:
            frames += framer.tick(at_ms)
    listed = [{"status": frame.status, "hex": frame.raw.hex()} for frame in frames]
    return {"id": record["id"], "frames": listed}
