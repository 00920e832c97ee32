"""How the fields of an event become JSON values and back, worked out once from their types.

Rules (DESIGN 3, D-89, D-115):
    - a field that is None or an empty collection is left out;
    - an integer beyond 2**53 becomes text, and comes back as a number where the field is one;
    - an integral float becomes an integer, negative zero 0, NaN and the infinities null;
    - `received_ms` and `source_ms` become `received` and `source`: RFC 3339, UTC, milliseconds.

A captured value (`Scalar`) may be text or number, so there an integer beyond 2**53 comes back as
the text that consumers see.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from agent.core.events import Value
from agent.formats.canonical import EXACT, is_plain
from drivers.base import Quality, Scalar

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
MOMENTS = {"received_ms": "received", "source_ms": "source"}
"""Fields that hold a moment, and their JSON names."""


class FormatError(ValueError):
    """A text is not an event of ours, or an event cannot be written."""


# ------------------------------------------------------------------ single values


@lru_cache(maxsize=64)
def _second(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat()[:19]


def moment(wall_ms: int) -> str:
    """Return a moment as RFC 3339 in UTC with fixed milliseconds (D-89)."""
    second, rest_ms = divmod(wall_ms, 1000)
    return f"{_second(second)}.{rest_ms:03d}Z"


def wall_ms(text: str) -> int:
    """Return the moment that `moment` wrote, in ms since 1970.

    Raises:
        FormatError: it is no such text.
    """
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // _MS
    except (TypeError, ValueError) as error:
        raise FormatError(f"no moment: {text!r}") from error


def _whole(value: int) -> int | str:
    return value if -EXACT < value < EXACT else str(value)


def _number(value: object) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str):
        return int(value)
    raise FormatError(f"no whole number: {value!r}")


def captured(value: Scalar | None) -> Scalar | None:
    """Return a captured value as JSON holds it; None for NaN and the infinities."""
    if type(value) is float:
        if not value.is_integer():
            return value if value - value == 0 else None  # NaN and infinity minus itself: NaN
        return int(value) if -EXACT < value < EXACT else value
    return _whole(value) if type(value) is int else value


def _seen(value: object) -> Scalar | None:
    if type(value) is int and not -EXACT < value < EXACT:
        return float(value)  # whole numbers of that size are text: this one was a float
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise FormatError(f"no captured value: {value!r}")


def tree(value: object) -> object:
    """Return free content (a carried state, an unknown event) as JSON holds it.

    Raises:
        FormatError: it contains something that JSON has no form for.
    """
    if isinstance(value, dict):
        return {str(key): tree(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [tree(member) for member in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return captured(value)
    raise FormatError(f"no JSON value: {value!r}")


def seen_tree(value: object) -> object:
    """Return free content as it was before `tree`, lists for tuples."""
    if isinstance(value, dict):
        return {key: seen_tree(member) for key, member in value.items()}
    if isinstance(value, list):
        return [seen_tree(member) for member in value]
    return _seen(value)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise FormatError(f"no text: {value!r}")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise FormatError(f"neither true nor false: {value!r}")


def _object(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise FormatError(f"no object: {value!r}")


def _array(value: object) -> list[Any]:
    if isinstance(value, list):
        return value
    raise FormatError(f"no array: {value!r}")


# ------------------------------------------------------------------ by type


@dataclass(frozen=True, slots=True)
class Codec:
    """Both ways between one type and JSON."""

    encode: Callable[[Any], Any] | None
    """None: the value is its own JSON."""
    decode: Callable[[Any], Any]
    is_plain: Callable[[Any], bool] | None = None
    """Whether orjson writes what `encode` made as RFC 8785 does; None: always."""


@cache
def codec_for(hint: Any) -> Codec:  # noqa: ANN401 - a type hint has no type of its own
    """Return the codec of a field's type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        rest = tuple(argument for argument in arguments if argument is not NoneType)
        return codec_for(rest[0]) if len(rest) == 1 else Codec(captured, _seen, is_plain)
    if origin is tuple:
        return _tuple_codec(codec_for(arguments[0]))
    if origin is dict:
        return Codec(tree, lambda value: seen_tree(_object(value)), is_plain)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        struct = struct_for(hint)
        encode = _value_encoder(struct) if hint is Value else struct.encode
        return Codec(encode, struct.decode, struct.is_plain if struct.loose else None)
    if issubclass(hint, StrEnum):
        return Codec(operator.attrgetter("_value_"), lambda value: hint(_text(value)))
    return {str: Codec(None, _text), bool: Codec(None, _flag), int: Codec(_whole, _number)}[hint]


def _tuple_codec(item: Codec) -> Codec:
    encode, decode, check = item.encode, item.decode, item.is_plain
    return Codec(
        None if encode is None else lambda values: [encode(value) for value in values],
        lambda values: tuple([decode(value) for value in _array(values)]),
        None if check is None else lambda values: all(map(check, values)),
    )


_UNREADABLE = Quality.BAD.value


def _value_encoder(struct: Struct) -> Callable[[Value], dict[str, Any]]:
    def encode(value: Value) -> dict[str, Any]:
        document = struct.encode(value)
        if document.get("value", 0) is None:  # NaN: no value, and never under a good quality
            del document["value"]
            document["quality"] = _UNREADABLE
        return document

    return encode


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a class, as JSON sees it."""

    name: str
    key: str
    codec: Codec
    is_collection: bool
    is_optional: bool
    has_default: bool


class Struct:
    """Both ways between one dataclass (without slots) and a JSON object."""

    def __init__(self, cls: type[Any]) -> None:
        hints = get_type_hints(cls)
        self.cls = cls
        self.fields = tuple(_field(field, hints[field.name]) for field in _fields(cls))
        self.loose = [(f.key, f.codec.is_plain) for f in self.fields if f.codec.is_plain]
        self._optional = [f.name for f in self.fields if f.is_optional]
        self._collections = [f.name for f in self.fields if f.is_collection]
        self._whole = [f.name for f in self.fields if f.codec.encode is _whole]
        self._coded = [
            (f.name, f.key, encode)
            for f in self.fields
            if (encode := f.codec.encode) is not None and encode is not _whole
        ]

    def encode(self, instance: Any) -> dict[str, Any]:  # noqa: ANN401 - of the class it is for
        """Return the instance as a JSON object.

        A copy of its fields in which only what JSON has otherwise is changed: half the time of
        building the object member by member.
        """
        document: dict[str, Any] = instance.__dict__.copy()
        for name in self._optional:
            if document[name] is None:
                del document[name]
        for name in self._collections:
            if not document[name]:
                del document[name]
        for name in self._whole:  # as `_whole` does it, without the call: most fields are here
            if not -EXACT < document.get(name, 0) < EXACT:
                document[name] = str(document[name])
        for name, key, encode in self._coded:
            if name in document:
                document[key] = encode(document.pop(name))
        return document

    def is_plain(self, document: dict[str, Any]) -> bool:
        """Return whether orjson writes what `encode` made as RFC 8785 does."""
        for key, check in self.loose:  # noqa: SIM110 - half the time of `all`, for every event
            if key in document and not check(document[key]):
                return False
        return True

    def decode(self, document: object) -> Any:  # noqa: ANN401 - of the class it is for
        """Return the instance that a JSON object stands for; unknown members are ignored (D-141).

        Raises:
            FormatError: a member is missing or does not fit its field.
        """
        members, arguments = _object(document), {}
        for field in self.fields:
            if field.key in members:
                arguments[field.name] = _member(field, members[field.key])
            elif field.is_collection:
                arguments[field.name] = field.codec.decode({}) if field.codec.encode is tree else ()
            elif field.is_optional:
                arguments[field.name] = None
            elif not field.has_default:
                raise FormatError(f"{self.cls.__name__}: no {field.key}")
        return self.cls(**arguments)


def _member(field: Field, value: object) -> object:
    try:
        return field.codec.decode(value)
    except ValueError as error:
        raise FormatError(f"{field.key}: {error}") from error


def _fields(cls: type[Any]) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(cls)


def _field(field: dataclasses.Field[Any], hint: Any) -> Field:  # noqa: ANN401 - a type hint
    is_moment = field.name in MOMENTS
    return Field(
        name=field.name,
        key=MOMENTS.get(field.name, field.name),
        codec=Codec(moment, wall_ms) if is_moment else codec_for(hint),
        is_collection=get_origin(hint) in (tuple, dict),
        is_optional=NoneType in get_args(hint),
        has_default=field.default is not dataclasses.MISSING,
    )


_STRUCTS: dict[type[Any], Struct] = {}


def struct_for(cls: type[Any]) -> Struct:
    """Return the struct of a class, made on first use."""
    struct = _STRUCTS.get(cls)
    if struct is None:
        struct = _STRUCTS[cls] = Struct(cls)
    return struct
