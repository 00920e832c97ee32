"""The Sparkplug B payload for protobuf, written from the field numbers of the specification.

Source: Sparkplug 3.0, chapter 6 (payloads). Each message is a table of number, name and kind; the
protobuf library makes its classes from that when this module is imported. Extensions, which the
specification leaves to others, are unknown fields here: they are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "lineside.sparkplug"
_KINDS = descriptor_pb2.FieldDescriptorProto

_SCALARS = {
    "uint32": _KINDS.TYPE_UINT32,
    "uint64": _KINDS.TYPE_UINT64,
    "float": _KINDS.TYPE_FLOAT,
    "double": _KINDS.TYPE_DOUBLE,
    "bool": _KINDS.TYPE_BOOL,
    "string": _KINDS.TYPE_STRING,
    "bytes": _KINDS.TYPE_BYTES,
}
_VALUE = "value"
"""The group of fields of which a message has at most one."""


def _plain_values(first: int) -> dict[int, tuple[str, str]]:
    """Return the fields for a value of a basic type, which are numbered in the same order."""
    kinds = ("uint32", "uint64", "float", "double", "bool", "string")
    names = ("int", "long", "float", "double", "boolean", "string")
    return {
        first + place: (f"{name}_value", f"{kind} one of")
        for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
    }


_MESSAGES: Mapping[str, Mapping[int, tuple[str, str]]] = {
    "Payload": {
        1: ("timestamp", "uint64"),
        2: ("metrics", "Metric list"),
        3: ("seq", "uint64"),
        4: ("uuid", "string"),
        5: ("body", "bytes"),
    },
    "Metric": {
        1: ("name", "string"),
        2: ("alias", "uint64"),
        3: ("timestamp", "uint64"),
        4: ("datatype", "uint32"),
        5: ("is_historical", "bool"),
        6: ("is_transient", "bool"),
        7: ("is_null", "bool"),
        8: ("metadata", "MetaData"),
        9: ("properties", "PropertySet"),
        **_plain_values(10),
        16: ("bytes_value", "bytes one of"),
        17: ("dataset_value", "DataSet one of"),
        18: ("template_value", "Template one of"),
    },
    "MetaData": {
        1: ("is_multi_part", "bool"),
        2: ("content_type", "string"),
        3: ("size", "uint64"),
        4: ("seq", "uint64"),
        5: ("file_name", "string"),
        6: ("file_type", "string"),
        7: ("md5", "string"),
        8: ("description", "string"),
    },
    "PropertySet": {1: ("keys", "string list"), 2: ("values", "PropertyValue list")},
    "PropertyValue": {
        1: ("type", "uint32"),
        2: ("is_null", "bool"),
        **_plain_values(3),
        9: ("propertyset_value", "PropertySet one of"),
        10: ("propertysets_value", "PropertySetList one of"),
    },
    "PropertySetList": {1: ("propertyset", "PropertySet list")},
    "DataSet": {
        1: ("num_of_columns", "uint64"),
        2: ("columns", "string list"),
        3: ("types", "uint32 list"),
        4: ("rows", "Row list"),
    },
    "Row": {1: ("elements", "DataSetValue list")},
    "DataSetValue": _plain_values(1),
    "Template": {
        1: ("version", "string"),
        2: ("metrics", "Metric list"),
        3: ("parameters", "Parameter list"),
        4: ("template_ref", "string"),
        5: ("is_definition", "bool"),
    },
    "Parameter": {1: ("name", "string"), 2: ("type", "uint32"), **_plain_values(3)},
}


def _add_message(
    file: descriptor_pb2.FileDescriptorProto, name: str, fields: Mapping[int, tuple[str, str]]
) -> None:
    message = file.message_type.add(name=name)
    for number, (field_name, words) in fields.items():
        kind, _, more = words.partition(" ")
        field = message.field.add(name=field_name, number=number)
        field.label = _KINDS.LABEL_REPEATED if more == "list" else _KINDS.LABEL_OPTIONAL
        if kind in _SCALARS:
            field.type = _SCALARS[kind]
        else:
            field.type = _KINDS.TYPE_MESSAGE
            field.type_name = f".{_PACKAGE}.{kind}"
        if more == "one of":
            if not message.oneof_decl:
                message.oneof_decl.add(name=_VALUE)
            field.oneof_index = 0


def _payload_class() -> Any:  # noqa: ANN401 - a class made at run time has no type to name
    file = descriptor_pb2.FileDescriptorProto(
        name="lineside/sparkplug", package=_PACKAGE, syntax="proto2"
    )
    for name, fields in _MESSAGES.items():
        _add_message(file, name, fields)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


PayloadMessage: Any = _payload_class()
"""The protobuf class of a payload."""
