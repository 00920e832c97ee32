"""`replace` for the core's records: a third of a decision would go into the library's own.

It does what `dataclasses.replace` does and takes the same arguments, which mypy checks. The
library's reads each field by name, builds a dict and runs `__init__`; this copies the fields from
object to object. What is no plain record with slots is left to the library.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["replace"]

Put = Callable[[object, object], None]
Ways = tuple[Callable[[Any], tuple[Any, ...]], Mapping[str, Put]]
"""How to read all fields of a record at once, and how to set each."""

_WAYS: dict[type, Ways | None] = {}
"""By record, found out at its first use; None: one for the library."""


def _ways(cls: Any) -> Ways | None:  # noqa: ANN401 - a record's class
    names = [field.name for field in dataclasses.fields(cls)]
    has_slots = all(hasattr(getattr(cls, name, None), "__set__") for name in names)
    several = len(names) > 1  # of one field `attrgetter` gives no tuple
    if not (several and has_slots) or hasattr(cls, "__post_init__"):
        return None
    return attrgetter(*names), {name: getattr(cls, name).__set__ for name in names}


def _replace(record: Any, **changes: Any) -> Any:  # noqa: ANN401 - as the library's, checked by mypy
    cls = type(record)
    if cls not in _WAYS:
        _WAYS[cls] = _ways(cls)
    ways = _WAYS[cls]
    if ways is None:
        return dataclasses.replace(record, **changes)
    read, puts = ways
    made = object.__new__(cls)
    for put, value in zip(puts.values(), read(record), strict=True):
        put(made, value)
    for name, value in changes.items():
        puts[name](made, value)
    return made


if TYPE_CHECKING:
    from dataclasses import replace
else:
    replace = _replace
