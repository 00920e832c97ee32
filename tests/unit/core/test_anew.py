"""The core's own `replace` is the library's, only faster."""

import dataclasses
from collections.abc import Hashable
from functools import cached_property
from typing import Any

import pytest

from agent.core import binder
from agent.core.anew import replace
from agent.core.events import LinkLost
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.state import Working
from agent.core.station import Pairing, Strategy
from agent.ports import Address
from drivers.base import Quality, TagValue
from tests.core_rig import PRESS
from tests.histories import epoch, make


@dataclasses.dataclass(frozen=True, slots=True)
class One:
    """A record of one field, which holds more than one thing."""

    word: str


@dataclasses.dataclass(frozen=True, slots=True)
class Two:
    """A record of two fields."""

    word: str
    number: int = 0


RECORDS: tuple[tuple[Hashable, dict[str, object]], ...] = (
    (binder.initial(PRESS), {"seq": 7, "epoch": "000002-bb"}),
    (Working(), {"stopping": True}),
    (One("ab"), {}),
    (One("ab"), {"word": "cd"}),
    (Two("ab"), {"number": 1}),
    (PRESS, {}),
    (Pairing(strategy=Strategy.TAG, window_ms=1, settle_ms=2), {"window_ms": 3}),
    (TagValue(tag="t", value=1.0, quality=Quality.GOOD), {"value": 2.0}),
    (make(LinkLost, Address(epoch(1), 1), device="plc", reason="cut"), {"seq": 2}),
    (ScanRule(match=RegexMatch(pattern="A"), means=Means.UNIT), {"match": RegexMatch(pattern="B")}),
)


@pytest.mark.parametrize(("record", "changes"), RECORDS, ids=lambda each: type(each).__name__)
def test_it_makes_what_the_library_makes(record: Hashable, changes: dict[str, object]) -> None:
    """Slots or none, with checks of their own or without: an equal record, and a new one."""
    made = replace(record, **changes)  # type: ignore[type-var]  # a record, of whatever sort
    assert made == dataclasses.replace(record, **changes)  # type: ignore[type-var]  # the same
    assert type(made) is type(record)
    assert made is not record


def record_class(n: int, *, slots: bool = True, checked: bool = False) -> Any:  # noqa: ANN401 - a class
    """Return a new class of records with so many fields, which counts how often one is built."""

    def build(self: Any, **values: object) -> None:  # noqa: ANN401 - a record
        type(self).built.append(tuple(values))
        for name, value in values.items():
            object.__setattr__(self, name, value)

    namespace: dict[str, Any] = {"__init__": build, "built": []}
    if checked:
        namespace["__post_init__"] = build
    names = [f"field_{number}" for number in range(n)]
    namespace["__annotations__"] = dict.fromkeys(names, str)
    cls = type("Record", (), namespace)
    return dataclasses.dataclass(init=False, frozen=True, slots=slots)(cls)


@pytest.mark.parametrize(
    ("n", "slots", "checked", "is_copied"),
    [
        (0, True, False, False),
        (1, True, False, False),
        (2, True, False, True),
        (3, True, False, True),
        (1, False, False, True),
        (2, False, False, True),
        (2, True, True, False),
        (2, False, True, False),
    ],
)
def test_plain_records_are_copied(n: int, *, slots: bool, checked: bool, is_copied: bool) -> None:
    """Without being built again; all others are left to the library."""
    cls = record_class(n, slots=slots, checked=checked)
    values = {f"field_{number}": f"v{number}" for number in range(n)}
    record = cls(**values)
    changes = dict.fromkeys(list(values)[:1], "new")
    for _ in range(2):
        cls.built.clear()
        made = replace(record, **changes)
        assert (cls.built == []) is is_copied
        assert {name: getattr(made, name) for name in values} == values | changes


@dataclasses.dataclass(frozen=True)
class Sized:
    """A record that keeps something that it worked out beside its fields."""

    word: str

    @cached_property
    def size(self) -> int:
        """How long the word is."""
        return len(self.word)


def test_what_a_record_worked_out_is_not_copied() -> None:
    """It would be that of the record before."""
    record = Sized("ab")
    assert (record.size, replace(record, word="abc").size) == (2, 3)


@pytest.mark.parametrize("record", [Working(), Two("ab")], ids=lambda each: type(each).__name__)
def test_a_field_that_is_none_is_refused(record: Working | Two) -> None:
    """A name that the record does not have is a bug of the caller, not a new attribute."""
    with pytest.raises((KeyError, TypeError), match="stoping"):
        replace(record, stoping=True)  # type: ignore[call-arg]  # mypy says so too
