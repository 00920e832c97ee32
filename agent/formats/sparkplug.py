"""Sparkplug B payloads as values of ours, to bytes and back (D-122 to D-129).

Source: Sparkplug 3.0, chapter 6. Written are the basic types and flat property sets, which are all
that an edge node of ours says. Read is what anybody may send: data sets, templates, files and
nested properties are taken for valid and their content left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Any

from google.protobuf.message import DecodeError

from agent.formats.sparkplug_fields import PayloadMessage

Value = bool | int | float | str | bytes
"""What a metric of a basic type holds."""

REBIRTH = "Node Control/Rebirth"
DEVICE_REBIRTH = "Device Control/Rebirth"
BD_SEQ = "bdSeq"
WRAP = 256
"""seq and bdSeq count from 0 to 255."""


class PayloadError(ValueError):
    """Bytes that are no Sparkplug payload."""


@unique
class DataType(IntEnum):
    """The types of metrics, data sets and properties, by the specification's numbers."""

    UNKNOWN = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATE_TIME = 13
    TEXT = 14
    UUID = 15
    DATA_SET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19
    PROPERTY_SET = 20
    PROPERTY_SET_LIST = 21


@unique
class QualityCode(IntEnum):
    """What the property `Quality` may say."""

    BAD = 0
    GOOD = 192
    STALE = 500


_FIELDS = {
    DataType.INT8: "int_value",
    DataType.INT16: "int_value",
    DataType.INT32: "int_value",
    DataType.UINT8: "int_value",
    DataType.UINT16: "int_value",
    DataType.UINT32: "int_value",
    DataType.INT64: "long_value",
    DataType.UINT64: "long_value",
    DataType.DATE_TIME: "long_value",
    DataType.FLOAT: "float_value",
    DataType.DOUBLE: "double_value",
    DataType.BOOLEAN: "boolean_value",
    DataType.STRING: "string_value",
    DataType.TEXT: "string_value",
    DataType.UUID: "string_value",
    DataType.BYTES: "bytes_value",
}
_BITS = {"int_value": 32, "long_value": 64}
_SIGNED = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
_READ = frozenset(_FIELDS.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property of a metric: its type and its value, None for null."""

    datatype: DataType
    value: Value | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. Its value is None exactly when it is null, or of a type that is not read."""

    name: str | None = None
    """Left out where the alias says it."""
    alias: int | None = None
    timestamp_ms: int | None = None
    datatype: DataType | None = None
    """None where a message did not say it: then an integer is as it was sent, without its sign."""
    value: Value | None = None
    is_null: bool = False
    is_historical: bool = False
    is_transient: bool = False
    properties: Mapping[str, Property] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One message."""

    timestamp_ms: int | None
    seq: int | None
    """None in an NDEATH and in commands."""
    metrics: tuple[Metric, ...]


def signed(value: Value | None, datatype: DataType | None) -> Value | None:
    """Return an integer as its type means it: negative ones travel as two's complement."""
    bits = _SIGNED.get(datatype) if datatype is not None else None
    if bits is None or not isinstance(value, int) or isinstance(value, bool):
        return value
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def encode(payload: Payload, *, with_types: bool) -> bytes:
    """Return the payload's bytes.

    Args:
        payload: Its metrics have a datatype, and a value unless they are null.
        with_types: Whether the metrics' types are written: in births, not in data.

    Raises:
        ValueError: a value does not fit its type.
    """
    message = PayloadMessage()
    if payload.timestamp_ms is not None:
        message.timestamp = payload.timestamp_ms
    if payload.seq is not None:
        message.seq = payload.seq
    for metric in payload.metrics:
        _write_metric(message.metrics.add(), metric, with_types=with_types)
    encoded: bytes = message.SerializeToString()
    return encoded


def _write_metric(written: Any, metric: Metric, *, with_types: bool) -> None:  # noqa: ANN401 - protobuf
    if metric.name is not None:
        written.name = metric.name
    if metric.alias is not None:
        written.alias = metric.alias
    if metric.timestamp_ms is not None:
        written.timestamp = metric.timestamp_ms
    datatype = metric.datatype or DataType.UNKNOWN
    if with_types:
        written.datatype = datatype
    if metric.is_historical:
        written.is_historical = True
    if metric.is_transient:
        written.is_transient = True
    if metric.is_null:
        written.is_null = True
    else:
        _write_value(written, datatype, metric.value)
    for key, one in metric.properties.items():
        written.properties.keys.append(key)
        value = written.properties.values.add(type=one.datatype)
        if one.value is None:
            value.is_null = True
        else:
            _write_value(value, one.datatype, one.value)


def _write_value(written: Any, datatype: DataType, value: Value | None) -> None:  # noqa: ANN401 - protobuf
    name = _FIELDS.get(datatype)
    if name is None or value is None:
        raise ValueError(f"{value!r} cannot be written as {datatype.name}")
    if name in _BITS and isinstance(value, int):
        low, high = _range(datatype)
        if not low <= value < high:
            raise ValueError(f"{value} is out of the range of {datatype.name}")
        value &= (1 << _BITS[name]) - 1
    try:
        setattr(written, name, value)
    except (TypeError, UnicodeError) as error:
        raise ValueError(f"{value!r} cannot be written as {datatype.name}") from error


def _range(datatype: DataType) -> tuple[int, int]:
    """Return the least value of an integer type, and the one after its greatest."""
    bits = _SIGNED.get(datatype)
    if bits is not None:
        return -(1 << (bits - 1)), 1 << (bits - 1)
    return 0, 1 << {DataType.UINT8: 8, DataType.UINT16: 16, DataType.UINT32: 32}.get(datatype, 64)


def decode(raw: bytes) -> Payload:
    """Return what the bytes say.

    Raises:
        PayloadError: they are no payload.
    """
    message = PayloadMessage()
    try:
        message.ParseFromString(raw)
        metrics = tuple(_read_metric(metric) for metric in message.metrics)
    except DecodeError as error:
        raise PayloadError(f"no Sparkplug payload: {error}") from error
    return Payload(
        timestamp_ms=_given(message, "timestamp"), seq=_given(message, "seq"), metrics=metrics
    )


def _read_metric(message: Any) -> Metric:  # noqa: ANN401 - protobuf
    datatype = _datatype(message.datatype) if message.HasField("datatype") else None
    return Metric(
        name=_text(_given(message, "name")),
        alias=_given(message, "alias"),
        timestamp_ms=_given(message, "timestamp"),
        datatype=datatype,
        value=signed(_read_value(message), datatype),
        is_null=message.is_null,
        is_historical=message.is_historical,
        is_transient=message.is_transient,
        properties=dict(_read_properties(message.properties)),
    )


def _read_properties(message: Any) -> Iterable[tuple[str, Property]]:  # noqa: ANN401 - protobuf
    if len(message.keys) != len(message.values):
        raise PayloadError("a property set has not as many keys as values")
    for key, value in zip(message.keys, message.values, strict=True):
        datatype = _datatype(value.type)
        yield (
            _text(key) or "",
            Property(datatype=datatype, value=signed(_read_value(value), datatype)),
        )


def _read_value(message: Any) -> Value | None:  # noqa: ANN401 - protobuf
    name = message.WhichOneof("value")
    if message.is_null or name not in _READ:
        return None
    value: Value = getattr(message, name)
    return _text(value) if name == "string_value" else value


def _text(value: Any) -> str | None:  # noqa: ANN401 - protobuf
    """Return a text as it is; what is no UTF-8 comes out of protobuf as bytes."""
    if isinstance(value, bytes):
        raise PayloadError("a text is no UTF-8")
    text: str | None = value
    return text


def _datatype(number: int) -> DataType:
    try:
        return DataType(number)
    except ValueError:
        return DataType.UNKNOWN


def _given(message: Any, name: str) -> Any:  # noqa: ANN401 - protobuf
    return getattr(message, name) if message.HasField(name) else None
