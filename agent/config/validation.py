"""From pydantic's errors to problems: the place in the file, our words, and a suggestion."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from agent.config.problems import Path, Problem, clipped, did_you_mean, shown
from agent.config.quantities import is_reference
from agent.config.source import Source

_SECRET = re.compile(r"(pass(word|phrase|wd)|secret|token)$|private_key", re.IGNORECASE)
_LOGIN_IN_URL = re.compile(r"://[^/@\s]*:[^/@\s]*@")

LATER: Mapping[str, str] = {
    "shifts": "write them under `oee`",
    "track.carrier": "leave it out",
    "track.cavities": "leave it out",
    "track.interlock": "leave it out; `duplicates` judges what this station itself recorded",
    "track.modes": "leave it out",
    "track.states": "leave it out",
}
"""Keys that the format will have, and what to do until then."""

_LATER_VALUES: Mapping[str, frozenset[str]] = {
    "mode": frozenset({"shift"}),
    "until": frozenset({"used-up"}),
    "format": frozenset({"sparkplug", "epcis"}),
}

_WORDS: Mapping[str, str] = {
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "dataclass_type": "must be a mapping of keys to values",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "frozen_set_type": "must be a list",
}


def validated(
    kind: Any,  # noqa: ANN401 - whatever annotation a field has
    data: object,
    at: Path,
    source: Source,
    beside: type[BaseModel] | None = None,
) -> tuple[Any, list[Problem]]:
    """Return the data as `kind` (a type or annotation) has it, and what is wrong with it.

    Unknown keys are problems and are then left out, so that the rest is still judged; with any
    other problem the value is None. `beside` has the other keys of the same mapping, which are
    judged elsewhere and may be meant.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        return adapter.validate_python(data), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
    problems = [_problem(error, kind, at, source, beside) for error in errors]
    unknown = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
    if len(unknown) < len(errors):
        return None, problems
    try:
        return adapter.validate_python(_without(data, unknown)), problems
    except ValidationError:
        return None, problems


_MEMBER = re.compile(r"<[^:>]*: ('[^']*')>")
"""A member of an enumeration, as it is shown among the literals of a choice."""


def literal_secrets(data: object, at: Path, source: Source) -> Iterator[Problem]:
    """Yield a problem for each secret that stands in the file itself (DESIGN 9)."""
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(value, dict | list):
                yield from literal_secrets(value, (*at, key), source)
            elif value is None or isinstance(value, bool) or is_reference(value):
                continue
            elif _SECRET.search(key):
                hint = "write credential:NAME, file:PATH or env:NAME, and change the secret"
                yield source.problem((*at, key), "a secret is written here", hint)
            elif isinstance(value, str) and _LOGIN_IN_URL.search(value):
                hint = "give user and password as keys, the password by reference"
                yield source.problem((*at, key), "a password is written in this address", hint)
    elif isinstance(data, list):
        for position, item in enumerate(data):
            yield from literal_secrets(item, (*at, position), source)


def is_secret(path: Path) -> bool:
    """Return whether what stands there must not be repeated in a message."""
    return any(isinstance(step, str) and _SECRET.search(step) for step in path)


def later_value(key: str, value: object) -> bool:
    """Return whether the format will know this value of this key, but does not yet."""
    return isinstance(value, str) and value in _LATER_VALUES.get(key, frozenset())


def _problem(
    error: ErrorDetails,
    kind: object,
    at: Path,
    source: Source,
    beside: type[BaseModel] | None,
) -> Problem:
    path, key = _path_of(error, at, source)
    if error["type"] == "missing":
        name = str(error["loc"][-1])
        return source.problem((*path, name), "is missing")
    if error["type"] == "extra_forbidden":
        known = _known_keys(kind, error["loc"][:-1])
        if beside is not None and len(error["loc"]) == 1:
            known.extend(beside.model_fields)
        return _unknown_key(path, known, source)
    if error["type"] in {"enum", "literal_error"}:
        return _unknown_value(error, path, source, key=key)
    if error["type"] in {"value_error", "assertion_error"}:
        text = str(error["ctx"]["error"])
        if is_secret(path) and isinstance(error["input"], str):
            text = text.replace(repr(error["input"]), "…").replace(error["input"], "…")
        message, _, hint = text.partition("; ")
        return source.problem(path, message, hint, key=key)
    message = _WORDS.get(error["type"]) or _plainly(error["msg"])
    value = None if is_secret(path) else shown(error["input"])
    hint = ""
    if message == _WORDS["dict_type"]:
        hint = did_you_mean("", _known_keys(kind, error["loc"]))
    if error["type"] == "string_type" and isinstance(error["input"], bool | int | float):
        hint = f'write "{shown(error["input"])}"' if value else "write it in quotes"
    return source.problem(path, message, hint, value=value, key=key)


def _plainly(message: str) -> str:
    """Return pydantic's sentence in the manner of ours."""
    text = re.sub(r"^(Input|String|Value|URL) should", "must", message).removesuffix(".")
    return text if text.startswith("must") else text[:1].lower() + text[1:]


def _path_of(error: ErrorDetails, at: Path, source: Source) -> tuple[Path, bool]:
    """Return where the error is, and whether it is about a key.

    pydantic names the branch of a union among the steps; what the file has not got is left out.
    """
    path, key = at, False
    for step in error["loc"]:
        here = source.at(path)
        if step == "[key]":
            key = True
        elif (*path, step) in source.values:
            path = (*path, step)
        elif isinstance(here, list) and step in here:
            path = (*path, here.index(step))
    return path, key


def _unknown_key(path: Path, known: list[str], source: Source) -> Problem:
    name = str(path[-1])
    if isinstance(path[-1], int):  # an item of a list that stands for keys: `requires`
        name = str(source.at(path))
    dotted_path = ".".join(str(step) for step in path)
    if dotted_path in LATER:
        message = f"'{name}' is not in this version"
        return source.problem(path, message, LATER[dotted_path], key=True)
    here = source.at(path[:-1])
    free = [word for word in known if not (isinstance(here, dict) and word in here)]
    return source.problem(
        path, f"unknown key '{clipped(name)}'", did_you_mean(name, free), key=True
    )


def _unknown_value(error: ErrorDetails, path: Path, source: Source, *, key: bool) -> Problem:
    expected = _MEMBER.sub(r"\1", str(error["ctx"]["expected"]))
    allowed = re.findall(r"'([^']*)'", expected)
    given = error["input"]
    if isinstance(path[-1], str) and later_value(path[-1], given):
        hint = f"this version has {expected}"
        return source.problem(path, f"{shown(given)} is not in this version", hint)
    near = did_you_mean(given, allowed) if isinstance(given, str) else ""
    value = None if is_secret(path) else shown(given)
    hint = near if near.startswith("did") else ""
    return source.problem(path, f"must be {expected}", hint, value=value, key=key)


def _known_keys(kind: object, loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that may stand where pydantic's steps lead to."""
    kinds = list(_alternatives(kind))
    for step in loc:
        below = [inner for outer in kinds for inner in _below(outer, step)]
        kinds = below or kinds  # a step that names a branch of a union leads nowhere
    return [
        field.alias or name
        for outer in kinds
        if isinstance(outer, type) and issubclass(outer, BaseModel)
        for name, field in outer.model_fields.items()
    ]


def _alternatives(kind: object) -> Iterator[object]:
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif origin in {Union, UnionType}:
        for inner in get_args(kind):
            yield from _alternatives(inner)
    else:
        yield kind


def _below(kind: object, step: int | str) -> Iterator[object]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if step in {name, field.alias}:
                yield from _alternatives(field.annotation)
    elif get_origin(kind) in {dict, Mapping}:
        yield from _alternatives(get_args(kind)[1])
    elif get_origin(kind) in {list, tuple, set, frozenset} and isinstance(step, int):
        yield from _alternatives(get_args(kind)[0])


def _without(data: object, paths: list[tuple[int | str, ...]]) -> object:
    """Return a copy of plain data that lacks what stands at the paths."""
    if isinstance(data, dict):
        gone = {path[0] for path in paths if len(path) == 1}
        return {
            key: _without(value, [path[1:] for path in paths if path[0] == key])
            for key, value in data.items()
            if key not in gone
        }
    if isinstance(data, list):
        return [
            _without(item, [path[1:] for path in paths if path and path[0] == position])
            for position, item in enumerate(data)
        ]
    return data
