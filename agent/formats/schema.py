"""JSON Schema of every event, generated from the classes in `agent.core.events`.

`python -m agent.formats.schema > docs/schema/events.schema.json` writes the published file; a test
compares. A kind that the schema does not name is valid: a consumer keeps it (D-141).
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import sys
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import orjson

from agent.core.events import KINDS, Event
from agent.formats.codec import MOMENTS, struct_for

_WHOLE = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^-?[0-9]+$"}]}
_MOMENT = {"type": "string", "format": "date-time", "pattern": r"\.[0-9]{3}Z$"}
_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SEALS = {
    "prev": {**_HASH, "description": "The hash of the event before; absent in the very first."},
    "hash": {
        **_HASH,
        "description": "SHA-256 over the canonical JSON (RFC 8785) of the event without `hash`. "
        "Read every number as a double, as JavaScript does: 10000000000000000 was 1e16.",
    },
}


def events_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) that every delivered event's `data` is valid under."""
    definitions: dict[str, Any] = {}
    envelope = _object(Event, definitions)
    own = {field.name for field in dataclasses.fields(Event)}
    rules = []
    for kind, cls in sorted(KINDS.items()):
        definitions[kind] = _object(cls, definitions, without=own)
        known = {"kind": {"const": kind}, "schema": {"const": cls.schema}}
        then = {"$ref": f"#/$defs/{kind}"}
        rules.append({"if": {"properties": known, "required": list(known)}, "then": then})
    envelope["properties"] |= {"kind": {"type": "string"}, "schema": {"type": "integer"}} | _SEALS
    envelope["required"] = sorted([*envelope["required"], "kind", "schema", "hash"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:lineside:schema:events",
        "title": "Lineside events",
        **envelope,
        "allOf": rules,
        "$defs": dict(sorted(definitions.items())),
    }


def _object(
    cls: type[Any], definitions: dict[str, Any], without: set[str] | frozenset[str] = frozenset()
) -> dict[str, Any]:
    hints, notes = get_type_hints(cls), _notes(cls)
    properties, required = {}, []
    for field in struct_for(cls).fields:
        if field.name in without:
            continue
        schema = dict(_MOMENT if field.name in MOMENTS else _typed(hints[field.name], definitions))
        if note := notes.get(field.name):
            schema["description"] = note
        properties[field.key] = schema
        if not field.is_collection and not field.is_optional:
            required.append(field.key)
    text = inspect.cleandoc(cls.__doc__ or "")
    return {
        "description": text,
        "type": "object",
        "properties": properties,
        "required": sorted(required),
    }


_SIMPLE: dict[object, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: _WHOLE,
}


def _typed(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - a type hint
    origin, arguments = get_origin(hint), get_args(hint)
    rest = [argument for argument in arguments if argument is not NoneType]
    if origin in (Union, UnionType) and len(rest) == 1:
        schema = _typed(rest[0], definitions)
    elif origin in (Union, UnionType):
        nothing = ["null"] if NoneType in arguments else []
        schema = {"type": ["boolean", "number", "string", *nothing]}
    elif origin is tuple:
        schema = {"type": "array", "items": _typed(arguments[0], definitions)}
    elif origin is dict:
        schema = {"type": "object"}
    elif dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = _object(hint, definitions)
        schema = {"$ref": f"#/$defs/{hint.__name__}"}
    elif issubclass(hint, StrEnum):
        schema = {"enum": [member.value for member in hint]}
    else:
        schema = _SIMPLE[hint]
    return schema


def _notes(cls: type[Any]) -> dict[str, str]:
    """Return the strings beneath the fields of a class and of those it is made from."""
    notes: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base):
            for field, note in itertools.pairwise(_classes(base.__module__)[base.__name__]):
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(field.target, ast.Name)
                    and isinstance(note, ast.Expr)
                    and isinstance(note.value, ast.Constant)
                ):
                    notes[field.target.id] = inspect.cleandoc(str(note.value.value))
    return notes


@cache
def _classes(module: str) -> dict[str, list[ast.stmt]]:
    """Return the bodies of the classes of a module, by name."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}


def text() -> bytes:
    """Return the published file."""
    return orjson.dumps(events_schema(), option=orjson.OPT_INDENT_2) + b"\n"


if __name__ == "__main__":  # pragma: no cover - the file it writes is compared in a test
    sys.stdout.buffer.write(text())
