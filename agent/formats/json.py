"""Events as JSON: the public form that is stored, hashed and delivered (DESIGN 3, D-116).

An event's members stand flat beside the envelope's: `kind`, `schema`, `epoch`, `seq`, `station`,
`config`, `time`, `machine` and what the kind adds. `prev` and `hash` are the journal's to add.
docs/schema/events.schema.json is generated from the same types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from agent.core.events import KINDS, Certainty, Event, UnknownEvent, Why
from agent.formats.canonical import canonical, plain
from agent.formats.codec import FormatError, struct_for, tree

SEALS = ("prev", "hash")
"""What the journal adds to an event."""

_IDENTIFYING = ("unit", "lot", "component")
_OF_COMPONENTS = frozenset({"component_installed", "component_removed"})
"""Kinds about a serial component; what went into a unit is in the unit's own event."""
_REASONS = frozenset(Why)


def document(event: Event) -> dict[str, Any]:
    """Return an event as a JSON object, without `prev` and `hash`.

    Raises:
        FormatError: it holds something that JSON has no form for.
    """
    if isinstance(event, UnknownEvent):
        return {str(key): tree(value) for key, value in event.body.items()}
    members = struct_for(type(event)).encode(event)
    members["kind"] = event.kind
    members["schema"] = event.schema
    return members


def canonical_document(event: Event, members: dict[str, Any]) -> bytes:
    """Return the canonical JSON of what `document` made of an event, whatever was added since.

    Raises:
        ValueError: it has no canonical form (a lone surrogate).
    """
    if isinstance(event, UnknownEvent):
        return canonical(members)
    return plain(members) if struct_for(type(event)).is_plain(members) else canonical(members)


def encode(event: Event) -> bytes:
    """Return an event as canonical JSON, without `prev` and `hash`.

    Raises:
        ValueError: it has no canonical form.
    """
    return canonical_document(event, document(event))


def decode(body: bytes) -> Event:
    """Return the event that a JSON text stands for; `prev` and `hash` are not looked at.

    A kind or schema that this version does not know comes back as `UnknownEvent`, whole.

    Raises:
        FormatError: it is no event.
    """
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise FormatError(f"no JSON: {error}") from error
    if not isinstance(members, dict):
        raise FormatError("no JSON object")
    return from_document(members)


def from_document(members: dict[str, Any]) -> Event:
    """Return the event that a JSON object stands for, as `decode`.

    Raises:
        FormatError: it is no event.
    """
    cls = KINDS.get(members.get("kind", ""))
    if cls is None or members.get("schema") != cls.schema:
        return _unknown(members)
    event: Event = struct_for(cls).decode(members)
    return event


def _unknown(members: dict[str, Any]) -> UnknownEvent:
    kind, schema = members.get("kind"), members.get("schema")
    if not isinstance(kind, str) or not isinstance(schema, int):
        raise FormatError("an event needs a kind and a schema")
    envelope = {
        **members,
        "true_kind": kind,
        "true_schema": schema,
        "body": {key: value for key, value in members.items() if key not in SEALS},
        "why": [why for why in members.get("why", ()) if why in _REASONS],
    }
    if envelope.get("certainty") not in frozenset(Certainty):
        envelope["certainty"] = Certainty.POSSIBLE.value  # a word of a later version
    event: UnknownEvent = struct_for(UnknownEvent).decode(envelope)
    return event


def subject(members: Mapping[str, Any]) -> str | None:
    """Return the unit, lot or component that an event is about, None where there is none."""
    kind = members.get("kind")
    if kind == "code_scanned":
        found = members.get("code") if members.get("means") in _IDENTIFYING else None
    elif kind in {"scan_expired", "packing_refused"}:
        found = members.get("code")
    elif kind in _OF_COMPONENTS:
        found = members.get("component")
    elif kind == "event_corrected":
        found = members.get("about")
    else:
        of = members.get
        found = of("unit") or of("lot") or of("child") or of("parent")
    return found if isinstance(found, str) and found else None
