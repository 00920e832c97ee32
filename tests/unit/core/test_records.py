"""The core's own `dataclass` makes what the library's makes, only cheaper."""

import dataclasses
from collections.abc import Callable
from dataclasses import field
from math import nan
from typing import Any

import pytest

from agent.core import records

Maker = Callable[..., Callable[[type[Any]], Any]]
MAKERS: tuple[Maker, Maker] = (records.dataclass, dataclasses.dataclass)


def base(made: Maker, *, slots: bool = False, kw_only: bool = False) -> Any:  # noqa: ANN401 - a class
    """Return a class with each sort of field, made by one of the two."""

    @made(frozen=True, slots=slots, kw_only=kw_only)
    class Base:
        """A record."""

        name: str
        tags: list[str] = field(default_factory=list)
        secret: int = field(default=1, repr=False)
        note: str = field(default="", compare=False)

    return Base


def derived(made: Maker, *, slots: bool, kw_only: bool = True) -> Any:  # noqa: ANN401 - a class
    """Return a class that adds a field and a check to it."""

    @made(frozen=True, slots=slots, kw_only=kw_only)
    class Derived(base(made, slots=True, kw_only=kw_only)):  # type: ignore[misc]  # made for the test
        """A record with a check of its own."""

        number: int = 7

        def __post_init__(self) -> None:
            """Take no number below zero."""
            if self.number < 0:
                raise ValueError(f"{self.number} is below zero")

        def __repr__(self) -> str:
            """Return its name."""
            return f"<{self.name}>"

    return Derived


@pytest.mark.parametrize("slots", [True, False])
@pytest.mark.parametrize("kw_only", [True, False])
@pytest.mark.parametrize("make", [base, derived])
def test_it_makes_what_the_library_makes(
    make: Callable[..., Any], *, slots: bool, kw_only: bool
) -> None:
    """Fields, defaults, text, comparison and hash are the same, whichever made the class."""
    ours, theirs = (make(made, slots=slots, kw_only=kw_only) for made in MAKERS)
    values: tuple[dict[str, Any], ...] = (
        {"name": "a"},
        {"name": "a", "note": "b"},
        {"name": "a", "tags": ["b"], "secret": 2},
    )
    assert [f.name for f in dataclasses.fields(ours)] == [
        f.name for f in dataclasses.fields(theirs)
    ]
    for each in values:
        mine, its = ours(**each), theirs(**each)
        assert dataclasses.asdict(mine) == dataclasses.asdict(its)
        assert repr(mine) == repr(its)
        assert [mine == ours(**other) for other in values] == [
            its == theirs(**other) for other in values
        ]
        assert dataclasses.replace(mine, name="c") == ours(**each | {"name": "c"})
    assert ours(name="a", tags=()) != theirs(name="a", tags=())
    assert hash(ours(name="a", tags=())) == hash(theirs(name="a", tags=()))
    assert ours(name="a").tags is not ours(name="a").tags
    if not kw_only:
        assert ours("a", ["b"]) == ours(name="a", tags=["b"])


@pytest.mark.parametrize("slots", [True, False])
def test_it_refuses_what_the_library_refuses(*, slots: bool) -> None:
    """A change, a removal, an argument that is missing or unknown, and what its check refuses."""

    def refused(cls: Any, attempt: Callable[[Any], object]) -> str:  # noqa: ANN401 - a class
        with pytest.raises((AttributeError, TypeError, ValueError)) as caught:
            attempt(cls)
        return f"{caught.type.__name__}: {caught.value}"

    attempts: tuple[Callable[[Any], object], ...] = (
        lambda cls: setattr(cls(name="a"), "name", "b"),
        lambda cls: delattr(cls(name="a"), "name"),
        lambda cls: cls(),
        lambda cls: cls(name="a", size=1),
        lambda cls: cls("a"),
        lambda cls: cls(name="a", number=-1),
    )
    ours, theirs = (derived(made, slots=slots) for made in MAKERS)
    for attempt in attempts:
        for _ in range(2):  # also where it is not the first record
            said = refused(ours, attempt)
            assert (
                said.rpartition(".<locals>.")[2]
                == (refused(theirs, attempt).rpartition(".<locals>.")[2])
            )


@pytest.mark.parametrize("made", MAKERS)
def test_few_fields_compare_as_many_do(made: Maker) -> None:
    """Of one field or none: a value that is nothing's equal is the same value all the same."""

    @made(frozen=True, slots=True)
    class One:
        """A record of one field."""

        value: float

    @made(frozen=True)
    class Nothing:
        """A record of no field."""

    assert One(nan) == One(nan)  # type: ignore[call-arg]  # made for the test
    assert hash(One(2.0)) == hash((2.0,))  # type: ignore[call-arg]  # made for the test
    assert Nothing() == Nothing()
    assert repr(Nothing()).endswith("Nothing()")


def test_what_changes_or_sorts_is_the_librarys() -> None:
    """A class that is not frozen, or that has an order, is as it ever was."""

    @records.dataclass(slots=True)
    class Open:
        """It may be changed."""

        number: int = 0

    @records.dataclass(frozen=True, order=True)
    class Sorted:
        """It has an order."""

        number: int

    changed = Open()
    changed.number = 3
    assert changed == Open(3)
    assert Sorted(1) < Sorted(2)


def test_a_double_may_add_to_a_record() -> None:
    """A plain subclass is made by its base's `__init__`, also as the first of all."""

    class Louder(base(records.dataclass)):  # type: ignore[misc]  # made for the test
        """No record itself."""

        def loud(self) -> str:
            """Return its name in capitals."""
            return str(self.name).upper()

    assert Louder(name="a").loud() == "A"
