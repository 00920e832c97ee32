"""The event hash of the Core Business Vocabulary: an eventID that all make alike (D-134, D-135).

Two systems that hold the same event, in whatever order of keys and form of ids, get the same hash.
What is set when an event is sent or corrected (`eventID`, `recordTime`, `errorDeclaration`) is not
in it.

The text that is hashed: `eventType`, then each field that there is in the order of `_ORDER`, then
own fields by their full names; `name=value` without separators, lists sorted.

Source: GS1 CBV 2.0, 8.9 (the algorithm); the vectors of its reference implementation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from agent.formats.epcis.ids import canonical
from agent.formats.epcis.terms import CBV, EPCIS_FIELDS

_ORDER = (
    "eventTime",
    "eventTimeZoneOffset",
    "certificationInfo",
    "epcList",
    "parentID",
    "inputEPCList",
    "childEPCs",
    "quantityList",
    "childQuantityList",
    "inputQuantityList",
    "outputEPCList",
    "outputQuantityList",
    "action",
    "transformationID",
    "bizStep",
    "disposition",
    "persistentDisposition",
    "readPoint",
    "bizLocation",
    "bizTransactionList",
    "destinationList",
    "sourceList",
    "sensorElementList",
    "ilmd",
)
"""Destinations before sources: the published vectors are so, made by version 1.9.3 of the reference
implementation. Its later versions and openEPCIS put sources first, and leave `certificationInfo`
out. Our own events have one of the two lists at most and no certification, so that their hash is
the same by every one of them; it matters only for documents of others."""
_NOT_HASHED = frozenset({"type", "eventID", "recordTime", "errorDeclaration", "@context"})
Writer = Callable[[Any, Mapping[str, str]], str]
_TIMES = frozenset({"eventTime", "time", "startTime", "endTime"})


def event_id(event: Mapping[str, Any], context: Mapping[str, str]) -> str:
    """Return the event's hash as an eventID, `ni:///sha-256;…?ver=CBV2.0`.

    Args:
        event: The event, in the words of EPCIS.
        context: The namespace of each prefix of its own fields.
    """
    digest = hashlib.sha256(text_of(event, context).encode()).hexdigest()
    return f"ni:///sha-256;{digest}?ver=CBV2.0"


def text_of(event: Mapping[str, Any], context: Mapping[str, str]) -> str:
    """Return the text that is hashed."""
    parts = [f"eventType={event['type']}"]
    parts += [_field(name, event[name], context) for name in _ORDER if name in event]
    parts += _own_fields(event, context)
    return "".join(parts)


def _field(name: str, value: Any, context: Mapping[str, str]) -> str:  # noqa: ANN401 - JSON
    writer = _WRITERS.get(name)
    return f"{name}={_plain(name, value)}" if writer is None else name + writer(value, context)


def _epcs(value: Sequence[str], _context: Mapping[str, str]) -> str:
    return "".join(sorted(f"epc={canonical(epc)}" for epc in value))


def _quantities(value: Sequence[Mapping[str, Any]], _context: Mapping[str, str]) -> str:
    return "".join(sorted(map(_quantity, value)))


def _pairs(name: str, prefix: str) -> Writer:
    def write(value: Sequence[Mapping[str, Any]], _context: Mapping[str, str]) -> str:
        return "".join(sorted(_pair(name, prefix, each) for each in value))

    return write


def _place(value: Mapping[str, Any], context: Mapping[str, str]) -> str:
    return f"id={canonical(value['id'])}" + "".join(_own_fields(value, context))


def _attributes(value: Mapping[str, Any], context: Mapping[str, str]) -> str:
    return "".join(_own_fields(value, context))


def _sensors(value: Sequence[Mapping[str, Any]], context: Mapping[str, str]) -> str:
    return "".join(sorted(_sensor(each, context) for each in value))


def _plain(name: str, value: object) -> str:
    if name in _TIMES:
        return _instant(str(value))
    if name in CBV:
        return _term(name, str(value))
    return _text(canonical(value) if isinstance(value, str) else value)


def _term(name: str, value: str) -> str:
    """Return a word of the vocabulary in full; a URI stands as it is."""
    return value if ":" in value else f"https://ref.gs1.org/cbv/{CBV[name]}-{value}"


def _instant(text: str) -> str:
    """Return a time in UTC with milliseconds."""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _quantity(value: Mapping[str, Any]) -> str:
    text = f"quantityElementepcClass={canonical(value['epcClass'])}"
    for name in ("quantity", "uom"):
        text += f"{name}={_text(value[name])}" if name in value else ""
    return text


def _pair(name: str, prefix: str, value: Mapping[str, Any]) -> str:
    sort = value.get("type")
    if sort is not None and ":" not in sort:
        sort = f"https://ref.gs1.org/cbv/{prefix}-{sort}"
    return ("" if sort is None else f"type={sort}") + f"{name}={canonical(value[name])}"


def _dispositions(value: Mapping[str, Any], _context: Mapping[str, str]) -> str:
    words = (
        sorted(f"{name}={_term('disposition', each)}" for each in value.get(name, ()))
        for name in ("set", "unset")
    )
    return "".join(chain.from_iterable(words))


def _sensor(value: Mapping[str, Any], context: Mapping[str, str]) -> str:
    text = "sensorElement"
    if "sensorMetadata" in value:
        text += "sensorMetadata" + _members(value["sensorMetadata"], context)
    reports = sorted(
        f"sensorReport{_members(each, context)}" for each in value.get("sensorReport", ())
    )
    return text + "".join(reports) + "".join(_own_fields(value, context))


def _members(value: Mapping[str, Any], context: Mapping[str, str]) -> str:
    known = [f"{name}={_plain(name, value[name])}" for name in EPCIS_FIELDS if name in value]
    return "".join(known) + "".join(_own_fields(value, context))


def _own_fields(value: Mapping[str, Any], context: Mapping[str, str]) -> list[str]:
    """Return the fields of other namespaces, sorted by their full names."""
    found = [
        _own(_full(name, context), each, context)
        for name, each in value.items()
        if ":" in name and name not in _NOT_HASHED
    ]
    return sorted(found)


def _own(name: str, value: Any, context: Mapping[str, str]) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return name + "".join(_own_fields(value, context))
    if isinstance(value, list):
        return "".join(sorted(_own(name, each, context) for each in value))
    return f"{name}={_text(canonical(value) if isinstance(value, str) else value)}"


def _full(name: str, context: Mapping[str, str]) -> str:
    prefix, _, rest = name.partition(":")
    return f"{{{context[prefix]}}}{rest}" if prefix in context else name


_WRITERS: Mapping[str, Writer] = {
    **dict.fromkeys(("epcList", "inputEPCList", "childEPCs", "outputEPCList"), _epcs),
    **dict.fromkeys(("quantityList", "childQuantityList"), _quantities),
    **dict.fromkeys(("inputQuantityList", "outputQuantityList"), _quantities),
    **dict.fromkeys(("readPoint", "bizLocation"), _place),
    "persistentDisposition": _dispositions,
    "bizTransactionList": _pairs("bizTransaction", "BTT"),
    "sourceList": _pairs("source", "SDT"),
    "destinationList": _pairs("destination", "SDT"),
    "sensorElementList": _sensors,
    "ilmd": _attributes,
}
"""Fields that are no single value."""
