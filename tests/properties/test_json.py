"""Laws of the JSON form, for every event of every kind."""

import dataclasses
import json
import math
from enum import StrEnum
from functools import cache
from hashlib import sha256
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from agent.core.events import KINDS, Event, Limits, UnknownEvent
from agent.formats.canonical import canonical
from agent.formats.json import decode, document, encode
from agent.journal.chain import prove, seal

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WHOLE = st.integers(-(2**64), 2**64)
MOMENT = st.integers(0, 4_000_000_000_000)
SCALAR = st.one_of(st.booleans(), WHOLE, st.floats(), TEXT)
FREE = st.recursive(
    st.none() | SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


@cache
def values_of(hint: Any, name: str = "") -> st.SearchStrategy[Any]:  # noqa: ANN401, PLR0911 - a type hint; one return a type
    """Return values of a field's type."""
    arguments = get_args(hint)
    if name in {"received_ms", "source_ms"}:
        return MOMENT | st.none() if NoneType in arguments else MOMENT
    if get_origin(hint) in (Union, UnionType):
        rest = [argument for argument in arguments if argument is not NoneType]
        inner = values_of(rest[0]) if len(rest) == 1 else SCALAR
        return inner | st.none() if NoneType in arguments else inner
    if get_origin(hint) is tuple and arguments[-1] is Ellipsis:
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    if get_origin(hint) is tuple:
        return st.tuples(*map(values_of, arguments))
    if get_origin(hint) is dict:
        return st.dictionaries(TEXT, FREE, max_size=3)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return instances_of(hint)
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    simple: dict[type, st.SearchStrategy[Any]] = {str: TEXT, bool: st.booleans(), int: WHOLE}
    return simple[hint]


def instances_of(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Return instances of a dataclass, every field any value of its type."""
    hints = get_type_hints(cls)
    fields = {
        field.name: values_of(hints[field.name], field.name) for field in dataclasses.fields(cls)
    }
    if cls.__name__ != "EventTime" and "epoch" in fields:
        fields["epoch"] = st.just("000042-9f3a1c7e")
        fields["seq"] = st.integers(1, 2**39)
    return st.builds(cls, **fields)


EVENTS: st.SearchStrategy[Event] = st.one_of([instances_of(cls) for cls in KINDS.values()])


def as_json_holds(value: Any) -> Any:  # noqa: ANN401 - any field of any event
    """Return what a value is once JSON has held it, where a captured value is meant."""
    if isinstance(value, float):
        if math.isnan(value) or math.isinf(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return str(value)
    if isinstance(value, dict):
        return {key: as_json_holds(member) for key, member in value.items()}
    return [as_json_holds(item) for item in value] if isinstance(value, list) else value


def as_limits_hold(limits: Limits | None) -> Limits | None:
    """Return what limits are once JSON has held them: a bound that is no number is none."""
    if limits is None:
        return None
    bounds = [field.name for field in dataclasses.fields(limits) if field.name != "unread"]
    held = {name: as_json_holds(getattr(limits, name)) for name in bounds}
    return dataclasses.replace(limits, **held)


def normal(event: Event) -> Event:
    """Return the event with its captured values as JSON holds them."""
    changes: dict[str, Any] = {}
    for field in ("content", "body"):
        if hasattr(event, field):
            held = getattr(event, field)
            changes[field] = (
                tuple(as_json_holds(item) for item in held)
                if isinstance(held, tuple)
                else as_json_holds(held)
            )
    if hasattr(event, "values"):
        changes["values"] = tuple(
            dataclasses.replace(
                value,
                value=as_json_holds(value.value),
                quality="bad"
                if value.value is not None and as_json_holds(value.value) is None
                else value.quality,
                limits=as_limits_hold(value.limits),
            )
            for value in event.values
        )
    return dataclasses.replace(event, **changes)


def as_double(text: str) -> int | float:
    """Return a whole number as a consumer reads it: a double where it is not exact."""
    return int(text) if abs(int(text)) < 2**53 else float(text)


@given(JSON)
def test_canonical_json_equals_the_reference(value: object) -> None:
    """Whichever way it takes, the bytes are those of the `rfc8785` package."""
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]  # its recursive type


@given(EVENTS)
def test_an_event_comes_back_equal(event: Event) -> None:
    """Decoding gives the event back, captured values as JSON holds them."""
    assert decode(encode(event)) == normal(event)


@given(EVENTS)
def test_encoding_is_stable(event: Event) -> None:
    """An event that went through JSON once is written with the same bytes for ever."""
    assert encode(decode(encode(event))) == encode(event)


@given(EVENTS)
def test_encoding_is_canonical(event: Event) -> None:
    """The fast way gives what the reference gives for the same object."""
    assert encode(event) == rfc8785.dumps(document(event))


@given(EVENTS, st.none() | st.just("5c0e" * 16))
def test_a_consumer_can_prove_an_event_from_the_message_alone(
    event: Event, prev: str | None
) -> None:
    """Take `hash` out, write canonical JSON by a library that is not ours, compare SHA-256."""
    row = seal(event, prev)
    members = json.loads(row.body, parse_int=as_double)
    digest = members.pop("hash")
    assert sha256(rfc8785.dumps(members)).hexdigest() == digest == row.hash


@given(EVENTS, st.none() | st.just("5c0e" * 16))
def test_a_row_proves_itself(event: Event, prev: str | None) -> None:
    """What is read out of the stored bytes is what was sealed."""
    row = seal(event, prev)
    found = prove(row.body)
    assert found is not None
    assert (found.row, found.prev) == (row, prev)


@given(EVENTS, st.data())
def test_a_changed_row_never_proves_itself(event: Event, data: st.DataObject) -> None:
    """Whichever bit of a stored body is turned round, the row does not hold."""
    body = bytearray(seal(event, None).body)
    bit = data.draw(st.integers(0, len(body) * 8 - 1))
    body[bit // 8] ^= 1 << bit % 8
    assert prove(bytes(body)) is None


@given(EVENTS)
def test_an_event_of_a_later_version_is_passed_on_as_it_is(event: Event) -> None:
    """An unknown kind is written again byte for byte, sealed to the same row (DESIGN 3)."""
    members = document(event) | {"kind": "later_kind"}
    text = canonical(members)
    unknown = decode(text)
    assert isinstance(unknown, UnknownEvent)
    assert encode(unknown) == text
    assert seal(unknown, None).kind == "later_kind"
