"""`dataclass` for records: at a fraction of what the library's costs a start, and each record.

The library writes and compiles six functions for each class, used or not. A daemon loads some 400
such classes: that was a third of its start, and 3 MB. Here all records share what is alike
(comparison, hash, text, the refusal of changes), and a class gets its `__init__` with its first
record: most kinds of events never occur at a station. A record without slots, which is what events
are, gets all its fields at once instead of one after the other: half the time with forty of them.

It takes and makes what `dataclasses.dataclass` does, which mypy checks; the library's `fields`,
`replace` and `asdict` work on these classes. What is not frozen, or sorts, is left to the library.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

_put = object.__setattr__
_NOT_GIVEN = dataclasses.MISSING

# ------------------------------------------------------------------ what all records share

_Read = Callable[[Any], tuple[object, ...]]
_CONTENTS: dict[type, _Read] = {}
"""By class: how its fields are read, for comparison and hash; found out at the first use."""


def _content(record: Any) -> tuple[object, ...]:  # noqa: ANN401 - of any class of records
    cls = type(record)
    read = _CONTENTS.get(cls)
    if read is None:
        read = _CONTENTS[cls] = _reader([f.name for f in dataclasses.fields(cls) if f.compare])
    return read(record)


def _reader(names: list[str]) -> _Read:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda record: tuple([getattr(record, name) for name in names])


def _equals(self: object, other: object) -> bool:
    return _content(self) == _content(other) if type(self) is type(other) else NotImplemented


def _hash(self: object) -> int:
    return hash(_content(self))


def _text(self: Any) -> str:  # noqa: ANN401 - of any class of records
    shown = [f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr]
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse_change(self: object, name: str, value: object) -> None:
    del self, value
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_removal(self: object, name: str) -> None:
    del self
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


_SHARED = {
    "__eq__": _equals,
    "__hash__": _hash,
    "__repr__": _text,
    "__setattr__": _refuse_change,
    "__delattr__": _refuse_removal,
}

# ------------------------------------------------------------------ what each class has of its own


def _init_of(cls: Any) -> Callable[..., None]:  # noqa: ANN401 - a class of records
    """Write and compile `__init__`."""
    scope: dict[str, Any] = {"_put": _put, "_NOT_GIVEN": _NOT_GIVEN}
    fields = dataclasses.fields(cls)
    values = {field.name: _value(field, scope) for field in fields}
    slots = {name for name in values if hasattr(getattr(cls, name, None), "__set__")}
    scope |= {f"_set_{name}": getattr(cls, name).__set__ for name in slots}
    body = [f"_set_{name}(self, {value})" for name, value in values.items() if name in slots]
    others = [f"{name!r}: {value}" for name, value in values.items() if name not in slots]
    if others:
        body.append(f"_put(self, '__dict__', {{{', '.join(others)}}})")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    by_place = [_parameter(field, scope) for field in fields if not field.kw_only]
    by_name = [_parameter(field, scope) for field in fields if field.kw_only]
    parameters = ", ".join(["self", *by_place, *(["*", *by_name] if by_name else [])])
    exec("\n ".join([f"def __init__({parameters}):", *body, "return"]), scope)  # noqa: S102 - as the library does
    made: Callable[..., None] = scope["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _parameter(field: dataclasses.Field[Any], scope: dict[str, Any]) -> str:
    """Return a field as a parameter of `__init__`, with its default."""
    if field.default_factory is not _NOT_GIVEN:
        return f"{field.name}=_NOT_GIVEN"
    if field.default is _NOT_GIVEN:
        return field.name
    scope[f"_default_{field.name}"] = field.default
    return f"{field.name}=_default_{field.name}"


def _value(field: dataclasses.Field[Any], scope: dict[str, Any]) -> str:
    """Return what `__init__` puts into a field."""
    name = field.name
    if field.default_factory is _NOT_GIVEN:
        return name
    scope[f"_make_{name}"] = field.default_factory
    return f"_make_{name}() if {name} is _NOT_GIVEN else {name}"


def _dataclass(*, frozen: bool = False, order: bool = False, **options: Any) -> Any:  # noqa: ANN401 - as the library's, checked by mypy
    if order or not frozen:
        return dataclasses.dataclass(frozen=frozen, order=order, **options)

    def made(cls: Any) -> Any:  # noqa: ANN401 - a class, and the class of records that it becomes
        cls = dataclasses.dataclass(init=False, repr=False, eq=False, **options)(cls)
        for name, shared in _SHARED.items():
            if name not in vars(cls):
                setattr(cls, name, shared)

        def first(self: object, *given: object, **named: object) -> None:
            """Make the first record of the class, and the way to make more."""
            cls.__init__ = _init_of(cls)
            cls.__init__(self, *given, **named)

        cls.__init__ = first
        return cls

    return made


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _dataclass
