"""What counts of what other systems recorded, however much there is."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from agent.trace.counting import counting
from agent.trace.recorded import EventError, InterchangeError

Event = dict[str, Any]


class Mark:
    """What is gone when an event is."""


class Held(dict[str, Any]):
    """An event with a mark."""

    def __init__(self, members: Event) -> None:
        super().__init__(members)
        self.here = Mark()


class Many:
    """Events that are made each time they are gone through, and how many were held at once."""

    def __init__(self, events: int) -> None:
        self.most = 0
        self._events = events

    def __iter__(self) -> Iterator[Event]:
        """Make them; each tenth is the one before again."""
        living: weakref.WeakSet[Mark] = weakref.WeakSet()
        for number in range(self._events):
            name = number - 1 if number % 10 == 9 else number
            event = Held({"id": f"e{name}", "type": "scrap", "unit": f"U{name}"})
            living.add(event.here)
            self.most = max(self.most, len(living))
            yield event


def test_events_are_not_held() -> None:
    """Of a thousand a handful is there at once; of the same one twice the second does not count."""
    gc.collect()
    many = Many(1000)
    counted = [each.number for each in counting(many)]
    assert counted == [number for number in range(1, 1001) if number % 10]
    assert many.most < 5


@pytest.mark.parametrize(
    "again",
    [
        {"id": "a", "type": "scrap", "unit": "U", "n": 1},
        {"n": 1.0, "unit": "U", "type": "scrap", "id": "a"},
        {"id": "a", "unit": "U", "type": "scrap", "n": True},
    ],
)
def test_the_same_event_written_otherwise_is_the_same(again: Event) -> None:
    """The order of its members, and how a number is written, say nothing."""
    first: Event = {"id": "a", "type": "scrap", "unit": "U", "n": 1}
    events: list[Event] = [first, {"type": "receive"}, again]
    assert [each.number for each in counting(events)] == [1, 2]
    assert [each.number for each in counting(iter(events))] == [1, 2]


def test_the_first_thing_that_is_wrong_is_told() -> None:
    """Two that share an id and say different things, before a line that cannot be read."""

    class Torn:
        def __iter__(self) -> Iterator[Event]:
            yield {"id": "a", "type": "scrap", "unit": "U"}
            yield {"id": "b", "type": "scrap", "unit": "U"}
            yield {"id": "a", "type": "scrap", "unit": "V"}
            raise InterchangeError("not JSON")

    with pytest.raises(EventError, match="event a: event 1 of this file has this id too") as wrong:
        list(counting(Torn()))
    assert wrong.value.number == 3


def test_a_place_is_an_id_where_there_is_none() -> None:
    """An event without an id is named by its place; one that bears that name is another's."""
    with pytest.raises(EventError, match="event #2: event 1 of this file has this id too"):
        list(counting([{"id": "#2", "type": "scrap"}, {"type": "receive"}]))
    events: list[Event] = [
        {"type": "receive", "lot": "L"},
        {"type": "correct", "target": "#1", "action": "void"},
    ]
    assert list(counting(events)) == []


def test_a_correction_by_a_replacement_finds_its_target() -> None:
    """What is put in a correction's place may name what no correction of the file names itself."""
    void = {"type": "correct", "action": "void"}
    events: list[Event] = [
        {"id": "a", "type": "receive"},
        {"id": "b", "type": "receive"},
        {"id": "c", "target": "a"} | void,
        {"type": "correct", "target": "c", "action": "replace", "event": {"target": "b"} | void},
    ]
    assert [each.id for each in counting(events)] == ["a"]
