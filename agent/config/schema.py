"""JSON Schema of a station file, for editors: the common keys and those of every driver and sink.

It knows less than `load`: names that must be declared, rules that overlap and what one key asks of
another are only found by `lineside check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from agent.config.loaded import Registries
from agent.config.model import DeviceSection, SinkSection, StationFile, TagSection
from agent.config.problems import without_sources
from agent.config.quantities import NAME, duration_text, size_text
from drivers.options import DURATION_SCHEMA

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MILLISECONDS, _SECONDS = 1.0, 1000.0


def station_schema(registries: Registries) -> Schema:
    """Return the JSON Schema of a station file with these drivers and sinks."""
    definitions: Schema = {}
    root = _schema_of(StationFile, "", definitions, _MILLISECONDS)
    devices, tags, sinks = [], [], []
    for name in registries.drivers.names:
        spec = registries.drivers.spec(name)
        own = _schema_of(spec.options, f"driver_{name}_", definitions, _SECONDS)
        common = _schema_of(DeviceSection, "", definitions, _MILLISECONDS)
        devices.append(_chosen(common, own, "driver", name, spec.summary))
        if spec.tag_options is not None:
            own = _schema_of(spec.tag_options, f"tag_{name}_", definitions, _SECONDS)
            common = _schema_of(TagSection, "", definitions, _MILLISECONDS)
            tags.append({**_joined(common, own), "title": f"tag of a {name} device"})
    for name in registries.sinks.names:
        sink = registries.sinks.spec(name)
        own = _schema_of(sink.options, f"sink_{name}_", definitions, _SECONDS)
        common = _schema_of(SinkSection, "", definitions, _MILLISECONDS)
        sinks.append(_chosen(common, own, "sink", name, sink.summary))
    properties = root["properties"]
    for section, entries in (("devices", devices), ("tags", tags), ("publish", sinks)):
        properties[section]["patternProperties"] = {NAME: {"anyOf": entries}}
        properties[section]["additionalProperties"] = False
    definitions["broker"] = _schema_of(registries.broker, "broker_", definitions, _SECONDS)
    neighbours = definitions["NeighboursSection"]["properties"]
    said = neighbours["broker"]["description"]
    neighbours["broker"] = {"$ref": "#/$defs/broker", "description": said}
    return {"$schema": _DIALECT, "title": "Lineside station file", **root, "$defs": definitions}


def _schema_of(model: type[BaseModel], prefix: str, definitions: Schema, unit_ms: float) -> Schema:
    """Return a model's schema; what it refers to is put into `definitions` under the prefix.

    Args:
        model: Options of a station file.
        prefix: Keeps apart what two drivers call by the same name.
        definitions: Grows by the models inside this one.
        unit_ms: What a duration's default is held in, in milliseconds.
    """
    schema = model.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}")
    for name, definition in schema.pop("$defs", {}).items():
        definitions[f"{prefix}{name}"] = _as_written(definition, unit_ms)
    del schema["title"]
    return _as_written(schema, unit_ms)


def _as_written(schema: Schema, unit_ms: float) -> Schema:
    """Return an object's schema for users: each default as a station file would write it."""
    for found in schema.get("properties", {}).values():
        if "description" in found:
            found["description"] = without_sources(found["description"])
        default = found.get("default")
        if isinstance(default, dict):
            del found["default"]  # of a section left out: its own keys say theirs
        if isinstance(default, list) and "prefixItems" in found:
            found["default"] = [duration_text(each * unit_ms) for each in default]
        if isinstance(default, bool) or not isinstance(default, int | float):
            continue
        kinds = [found, *found.get("anyOf", ())]
        if any(kind.get("pattern") == DURATION_SCHEMA["pattern"] for kind in kinds):
            found["default"] = duration_text(default * unit_ms)
        elif any("MiB" in kind.get("pattern", "") for kind in kinds):
            found["default"] = size_text(int(default))
    return schema


def _chosen(common: Schema, own: Schema, word: str, name: str, summary: str) -> Schema:
    """Return the schema of an entry that chooses a driver or sink by its key `word`."""
    schema = _joined(common, own)
    schema["properties"][word] = {"const": name, "description": summary}
    return {**schema, "title": f"{word} {name}"}


def _joined(common: Schema, own: Schema) -> Schema:
    """Return the schema of an object with the keys of both."""
    properties: Mapping[str, Any] = {**common["properties"], **own["properties"]}
    return {
        "type": "object",
        "description": own.get("description", ""),
        "properties": properties,
        "required": [*common.get("required", ()), *own.get("required", ())],
        "additionalProperties": False,
    }
