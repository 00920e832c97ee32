"""Between OPC UA's types and what a tag can hold: pure, without the protocol library."""

from __future__ import annotations

import math
from struct import Struct, error

from drivers.base import Quality, Scalar, TagValue
from drivers.opcua import status as words
from drivers.opcua.wire import ARRAY, STRING, Reading

TYPE_NAMES = (
    "nothing", "Boolean", "SByte", "Byte", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64",
    "Float", "Double", "String", "DateTime", "Guid", "ByteString", "XmlElement", "NodeId",
    "ExpandedNodeId", "StatusCode", "QualifiedName", "LocalizedText", "structure", "DataValue",
    "Variant", "DiagnosticInfo",
)  # fmt: skip
"""Names of the built-in types by their number (OPC 10000-6, 5.1.2)."""

TAG_TYPES = frozenset((*range(1, 14), 14, 21))
"""Types that a tag can hold: the plain ones; DateTime, Guid and LocalizedText as text."""

_BOOLEAN, _FLOAT, _DOUBLE = 1, 10, 11
_INTEGERS = {
    2: (-(2**7), 2**7 - 1),
    3: (0, 2**8 - 1),
    4: (-(2**15), 2**15 - 1),
    5: (0, 2**16 - 1),
    6: (-(2**31), 2**31 - 1),
    7: (0, 2**32 - 1),
    8: (-(2**63), 2**63 - 1),
    9: (0, 2**64 - 1),
}
_FORMS = {_FLOAT: Struct("<f"), _DOUBLE: Struct("<d")}
NO_VALUE = "no value"
NO_NUMBER = "not a number"
NO_TEXT = "not UTF-8"


class UnfitError(Exception):
    """A value that a node's type does not hold."""


def type_name(kind: int) -> str:
    """Return the name of a built-in type."""
    return "array" if kind == ARRAY else TYPE_NAMES[kind]


def tag_value(tag: str, reading: Reading, received_wall_ms: int) -> TagValue:
    """Return what a reading says of a tag: with quality, code and time, and never a BAD value."""
    value, kind, status, ticks = reading
    quality, code = Quality.GOOD, ""
    if status:
        quality, code = words.quality_of(status), words.code_of(status)
    if quality is Quality.BAD:
        value = None
    elif value is None:
        quality = Quality.BAD
        if kind == STRING:
            code = NO_TEXT
        else:
            code = code or (f"type {type_name(kind)}" if kind else NO_VALUE)
    elif isinstance(value, float) and not math.isfinite(value):
        value, quality, code = None, Quality.BAD, NO_NUMBER
    source_ms = words.source_ms(ticks, received_wall_ms) if ticks else None
    is_none = ticks and source_ms is None
    return TagValue(
        tag=tag,
        value=value,
        quality=quality,
        code=code,
        source_ms=source_ms,
        ahead_ms=words.ahead_ms(ticks, received_wall_ms) if is_none else None,
    )


def fit(value: Scalar, kind: int) -> Scalar:
    """Return `value` as a node of that type holds it, so that reading back compares equal.

    Raises:
        UnfitError: the type does not hold it; nothing is cut or rounded into it.
    """
    whole = int(value) if isinstance(value, bool | int) else None
    if whole is None and isinstance(value, float) and value.is_integer():
        whole = int(value)
    if kind == _BOOLEAN and whole in (0, 1):
        return bool(whole)
    if kind in _INTEGERS and whole is not None:
        low, high = _INTEGERS[kind]
        if low <= whole <= high:
            return whole
    elif kind in (_FLOAT, _DOUBLE) and isinstance(value, int | float):
        return _floating(value, kind)
    elif kind == STRING and isinstance(value, str):
        return value
    raise UnfitError(f"{value!r} does not fit {type_name(kind)}")


def _floating(value: float, kind: int) -> float:
    """Return a number in the node's precision."""
    try:
        (exact,) = _FORMS[kind].unpack(_FORMS[kind].pack(value))
    except (error, OverflowError):
        raise UnfitError(f"{value!r} does not fit {type_name(kind)}") from None
    return float(exact)
