"""State parts as plain data and back, for `state_carried`.

Plain means what JSON can carry: dicts with text keys, lists, text, numbers, true, false, null. The
shape follows the dataclasses' annotations, so a part that gains a field with a default can still
be read from an older `state_carried`.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_plain(value: object) -> Any:  # noqa: ANN401 - the shape of JSON
    """Return dataclasses, tuples, mappings and enums as dicts, lists and text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(to_plain(item) for item in value)
    if isinstance(value, Mapping):
        return {str(to_plain(key)): to_plain(item) for key, item in value.items()}
    return value


def from_plain(kind: type[T], plain: object) -> T:
    """Return a dataclass built from what `to_plain` made of it; unknown keys are passed over.

    Raises:
        KeyError, TypeError, ValueError: the data is not of this shape.
    """
    return cast("T", _build(kind, plain))


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _build(hint: Any, plain: Any) -> Any:  # noqa: ANN401 - a type annotation and a JSON value
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _build_optional(get_args(hint), plain)
    if origin is tuple:
        return tuple(_build(get_args(hint)[0], item) for item in plain)
    if origin is not None:
        name, kind = get_args(hint)
        return {_build(name, key): _build(kind, item) for key, item in plain.items()}
    if isinstance(hint, type) and is_dataclass(hint):
        known = _hints(hint)
        return hint(
            **{key: _build(known[key], item) for key, item in plain.items() if key in known}
        )
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(int(plain) if issubclass(hint, int) else plain)
    return int(plain) if hint is int else plain


def _build_optional(choices: tuple[Any, ...], plain: Any) -> Any:  # noqa: ANN401 - as above
    """Return None or the one structured choice; unions of scalars pass as they are."""
    if plain is None:
        return None
    structured = [choice for choice in choices if is_dataclass(choice) or _is_enum(choice)]
    if structured:
        return _build(structured[0], plain)
    return int(plain) if set(choices) == {int, type(None)} else plain


def _is_enum(hint: Any) -> bool:  # noqa: ANN401 - a type annotation
    return isinstance(hint, type) and issubclass(hint, Enum)
