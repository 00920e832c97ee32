"""The rules of an EPCIS 2.0 document in JSON-LD, as far as it can be judged alone.

    problems(document) -> what is wrong, each with its place; nothing: it is one

Written from the standard's data model: which fields an event has, which it must have, what they may
hold. Words of the vocabulary are known by name; a URI stands for a word of somebody else's.

Source: GS1 EPCIS 2.0, 7 (data model), 10 (JSON-LD); GS1 CBV 2.0, 7. The JSON schema that GS1
publishes has no open licence, so that it can be neither shipped nor copied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from agent.formats.epcis.terms import (
    BIZ_STEPS,
    DISPOSITIONS,
    EPCIS_FIELDS,
    ERROR_REASONS,
    PARTIES,
    TRANSACTIONS,
)

Found = Iterator[str]
_OFFSET = re.compile(r"[+-](0\d|1[0-3]):[0-5]\d|[+-]14:00")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_OWN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*:[^\s]+")
_UOM = re.compile(r"[A-Z0-9]{2,3}")
_VERSION = re.compile(r"\d+(\.\d+)*")
_ACTIONS = frozenset({"ADD", "DELETE", "OBSERVE"})

_COMMON = frozenset(
    [
        "@context",
        "type",
        "eventTime",
        "eventTimeZoneOffset",
        "recordTime",
        "eventID",
        "certificationInfo",
        "errorDeclaration",
        "bizStep",
        "disposition",
        "persistentDisposition",
        "readPoint",
        "bizLocation",
        "bizTransactionList",
        "sourceList",
        "destinationList",
        "sensorElementList",
    ]
)
_FIELDS: Mapping[str, frozenset[str]] = {
    "ObjectEvent": frozenset(["action", "epcList", "quantityList", "ilmd"]),
    "AggregationEvent": frozenset(["action", "parentID", "childEPCs", "childQuantityList"]),
    "AssociationEvent": frozenset(["action", "parentID", "childEPCs", "childQuantityList"]),
    "TransactionEvent": frozenset(["action", "parentID", "epcList", "quantityList"]),
    "TransformationEvent": frozenset(
        [
            "inputEPCList",
            "inputQuantityList",
            "outputEPCList",
            "outputQuantityList",
            "transformationID",
            "ilmd",
        ]
    ),
}
"""Per type of event: its fields beside the common ones."""
_EPCS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_QUANTITIES = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")


def problems(document: Any) -> list[str]:  # noqa: ANN401 - whatever a file holds
    """Return what is wrong with a document, each with its place."""
    if not isinstance(document, Mapping):
        return ["no JSON object"]
    found = list(_head(document))
    body = document.get("epcisBody")
    if not isinstance(body, Mapping):
        return [*found, "epcisBody: is missing"]
    events = [body["event"]] if "event" in body else body.get("eventList")
    if not isinstance(events, list):
        return [*found, "epcisBody.eventList: is no list"]
    for place, event in enumerate(events):
        found += (f"eventList[{place}].{problem}" for problem in event_problems(event))
    return found


def event_problems(event: Any) -> Found:  # noqa: ANN401 - as above
    """Yield what is wrong with one event."""
    if not isinstance(event, Mapping):
        yield "no JSON object"
        return
    kind = str(event.get("type"))
    if kind not in _FIELDS:
        yield f"type: {kind!r} is no type of event"
        return
    for name in event:
        if name not in _COMMON | _FIELDS[kind] and not _OWN.fullmatch(name):
            yield f"{name}: a {kind} has no such field"
    yield from _times(event)
    yield from _action(kind, event)
    for name, check in _CHECKS.items():
        if name in event:
            yield from (f"{name}{problem}" for problem in check(event[name]))
    yield from _OF_KIND[kind](event)


def _head(document: Mapping[str, Any]) -> Found:
    if document.get("type") != "EPCISDocument":
        yield "type: is not EPCISDocument"
    if not isinstance(document.get("@context"), (list, str)):
        yield "@context: is missing"
    if not _VERSION.fullmatch(str(document.get("schemaVersion", ""))):
        yield "schemaVersion: is missing, or no version"
    if not _is_moment(document.get("creationDate")):
        yield "creationDate: is missing, or no time with its offset"


def _times(event: Mapping[str, Any]) -> Found:
    if not _is_moment(event.get("eventTime")):
        yield "eventTime: is missing, or no time with its offset"
    if not _OFFSET.fullmatch(str(event.get("eventTimeZoneOffset", ""))):
        yield "eventTimeZoneOffset: is missing, or no offset"
    if "recordTime" in event and not _is_moment(event["recordTime"]):
        yield "recordTime: no time with its offset"


def _is_moment(value: object) -> bool:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _action(kind: str, event: Mapping[str, Any]) -> Found:
    if kind == "TransformationEvent":
        return  # it has none, and a field of that name was told
    if event.get("action") not in _ACTIONS:
        yield f"action: {event.get('action')!r} is none of {', '.join(sorted(_ACTIONS))}"


# ------------------------------------------------------------------ what a type must have


def _object_event(event: Mapping[str, Any]) -> Found:
    if not _has(event, "epcList", "quantityList", "sensorElementList"):
        yield "epcList: nothing is observed: neither epcList nor quantityList"
    if "ilmd" in event and event.get("action") != "ADD":
        yield "ilmd: stands at the begin of life only, action ADD"


def _aggregation_event(event: Mapping[str, Any]) -> Found:
    if event.get("action") != "OBSERVE" and "parentID" not in event:
        yield "parentID: is missing"
    if event.get("action") == "ADD" and not _has(event, "childEPCs", "childQuantityList"):
        yield "childEPCs: nothing is added"


def _association_event(event: Mapping[str, Any]) -> Found:
    if "parentID" not in event:
        yield "parentID: is missing"
    if event.get("action") != "DELETE" and not _has(event, "childEPCs", "childQuantityList"):
        yield "childEPCs: nothing is associated"


def _transaction_event(event: Mapping[str, Any]) -> Found:
    if not event.get("bizTransactionList"):
        yield "bizTransactionList: is missing"


def _transformation_event(event: Mapping[str, Any]) -> Found:
    if "transformationID" in event:
        return
    for side in ("input", "output"):
        if not _has(event, f"{side}EPCList", f"{side}QuantityList"):
            yield f"{side}EPCList: nothing is {side}, and there is no transformationID"


def _has(event: Mapping[str, Any], *names: str) -> bool:
    return any(event.get(name) for name in names)


_OF_KIND: Mapping[str, Callable[[Mapping[str, Any]], Found]] = {
    "ObjectEvent": _object_event,
    "AggregationEvent": _aggregation_event,
    "AssociationEvent": _association_event,
    "TransactionEvent": _transaction_event,
    "TransformationEvent": _transformation_event,
}


# ------------------------------------------------------------------ what a field may hold


def _uri(value: Any) -> Found:  # noqa: ANN401 - whatever a field holds
    if not isinstance(value, str) or not _URI.fullmatch(value):
        yield f": {value!r} is no URI"


def _word_of(words: Iterable[str]) -> Callable[[Any], Found]:
    known = frozenset(words)

    def check(value: Any) -> Found:  # noqa: ANN401 - as above
        if value not in known:
            yield from (
                f": {value!r} is no word of the vocabulary, and no URI" for _ in _uri(value)
            )

    return check


def _list_of(check: Callable[[Any], Found], *, least: int = 0) -> Callable[[Any], Found]:
    def check_all(value: Any) -> Found:  # noqa: ANN401 - as above
        if not isinstance(value, list) or len(value) < least:
            yield ": is no list" if not least else ": is no list, or empty"
            return
        for place, item in enumerate(value):
            yield from (f"[{place}]{problem}" for problem in check(item))

    return check_all


def _place(value: Any) -> Found:  # noqa: ANN401 - as above
    if not isinstance(value, Mapping) or "id" not in value:
        yield ": has no id"
        return
    yield from (f".id{problem}" for problem in _uri(value["id"]))
    yield from _only_own(value, {"id"})


def _only_own(value: Mapping[str, Any], known: Iterable[str]) -> Found:
    for name in value:
        if name not in known and not _OWN.fullmatch(name):
            yield f".{name}: is no field of it"


def _quantity(value: Any) -> Found:  # noqa: ANN401 - as above
    if not isinstance(value, Mapping) or "epcClass" not in value:
        yield ": has no epcClass"
        return
    yield from (f".epcClass{problem}" for problem in _uri(value["epcClass"]))
    yield from _only_own(value, {"epcClass", "quantity", "uom"})
    quantity = value.get("quantity", 1)
    if isinstance(quantity, bool) or not isinstance(quantity, int | float) or quantity < 0:
        yield f".quantity: {quantity!r} is no quantity"
    if "uom" in value and ("quantity" not in value or not _UOM.fullmatch(str(value["uom"]))):
        yield f".uom: {value['uom']!r} is no unit of measure of a quantity"


def _pair(name: str, words: frozenset[str], *, typed: bool) -> Callable[[Any], Found]:
    check_type = _word_of(words)

    def check(value: Any) -> Found:  # noqa: ANN401 - as above
        if not isinstance(value, Mapping) or name not in value:
            yield f": has no {name}"
            return
        yield from (f".{name}{problem}" for problem in _uri(value[name]))
        yield from _only_own(value, {name, "type"})
        if "type" in value:
            yield from (f".type{problem}" for problem in check_type(value["type"]))
        elif typed:
            yield ".type: is missing"

    return check


def _dispositions(value: Any) -> Found:  # noqa: ANN401 - as above
    if not isinstance(value, Mapping) or not value or set(value) - {"set", "unset"}:
        yield ": has set, unset or both"
        return
    check = _list_of(_word_of(DISPOSITIONS), least=1)
    for name, words in value.items():
        yield from (f".{name}{problem}" for problem in check(words))


def _error(value: Any) -> Found:  # noqa: ANN401 - as above
    if not isinstance(value, Mapping) or not _is_moment(value.get("declarationTime")):
        yield ".declarationTime: is missing, or no time with its offset"
        return
    if "reason" in value:
        yield from (f".reason{problem}" for problem in _word_of(ERROR_REASONS)(value["reason"]))
    ids = _list_of(_uri)(value.get("correctiveEventIDs", []))
    yield from (f".correctiveEventIDs{problem}" for problem in ids)
    yield from _only_own(value, {"declarationTime", "reason", "correctiveEventIDs"})


def _sensor(value: Any) -> Found:  # noqa: ANN401 - as above
    if not isinstance(value, Mapping) or not isinstance(value.get("sensorReport"), list):
        yield ".sensorReport: is missing"
        return
    yield from _only_own(value, {"type", "sensorMetadata", "sensorReport"})
    for place, report in enumerate(value["sensorReport"]):
        if not isinstance(report, Mapping):
            yield f".sensorReport[{place}]: no JSON object"
            continue
        yield from (
            f".sensorReport[{place}]{problem}" for problem in _only_own(report, EPCIS_FIELDS)
        )


def _attributes(value: Any) -> Found:  # noqa: ANN401 - as above
    if not isinstance(value, Mapping):
        yield ": no JSON object"
        return
    yield from _only_own(value, ())


def _certification(value: Any) -> Found:  # noqa: ANN401 - as above
    yield from (_list_of(_uri) if isinstance(value, list) else _uri)(value)


_CHECKS: Mapping[str, Callable[[Any], Found]] = {
    "eventID": _uri,
    "parentID": _uri,
    "transformationID": _uri,
    "certificationInfo": _certification,
    "bizStep": _word_of(BIZ_STEPS),
    "disposition": _word_of(DISPOSITIONS),
    "persistentDisposition": _dispositions,
    "readPoint": _place,
    "bizLocation": _place,
    "bizTransactionList": _list_of(_pair("bizTransaction", TRANSACTIONS, typed=False)),
    "sourceList": _list_of(_pair("source", PARTIES, typed=True)),
    "destinationList": _list_of(_pair("destination", PARTIES, typed=True)),
    "sensorElementList": _list_of(_sensor, least=1),
    "errorDeclaration": _error,
    "ilmd": _attributes,
    **dict.fromkeys(_EPCS, _list_of(_uri)),
    **dict.fromkeys(_QUANTITIES, _list_of(_quantity)),
}
