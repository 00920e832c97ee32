"""The form trace-v1: the rule of options read literally, corrections of corrections, errors."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.trace.genealogy import Kind, where_from
from agent.trace.interchange import InterchangeError, Slot, facts_of

MOMENT = st.integers(0, 12)


@st.composite
def loads(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return loads and top-ups of one slot, in any order."""
    made = []
    for number in range(draw(st.integers(1, 5))):
        low = draw(MOMENT)
        made.append(
            {
                "type": draw(st.sampled_from(("load", "load", "topup"))),
                "station": "S",
                "slot": "A",
                "lot": f"L{number}",
                "t": [low, low + draw(st.integers(0, 4))],
            }
        )
    return made


@given(loads(), MOMENT, st.integers(0, 3))
def test_a_lot_is_an_option_exactly_by_the_rule(
    made: list[dict[str, Any]], at: int, give_or_take: int
) -> None:
    """It may be there by t+u, and the next load not yet by t-u: nothing else decides (D-44)."""
    in_order = sorted(made, key=lambda load: load["t"])
    wanted = set()
    for number, load in enumerate(in_order):
        later = [each["t"][1] for each in in_order[number + 1 :] if each["type"] == "load"]
        is_there = load["t"][0] <= at + give_or_take
        if is_there and (not later or at - give_or_take < later[0]):
            wanted.add(load["lot"])
    draw = {"type": "process", "unit": "U", "station": "S", "t": at, "u": give_or_take}
    slots = facts_of([draw, *made]).slots
    assert {option for slot in slots for option in slot.options} == wanted


def test_a_correction_may_be_corrected() -> None:
    """Voided, the voiding voided, and that voided too: the last one counts (D-143)."""
    events: list[dict[str, Any]] = [
        {"id": "a", "type": "install", "parent": "P", "child": "C", "t": 1},
        {"id": "b", "type": "correct", "target": "a", "action": "void"},
    ]
    assert where_from(facts_of(events), "P").certain == []
    events.append({"id": "c", "type": "correct", "target": "b", "action": "void"})
    assert where_from(facts_of(events), "P").certain == ["C"]
    event = events[0] | {"child": "D"}
    other = {"type": "correct", "target": "a", "action": "replace", "event": event}
    events.append(
        {"id": "d", "type": "correct", "target": "c", "action": "replace", "event": other}
    )
    assert where_from(facts_of(events), "P").certain == ["D"]


def test_what_was_replaced_before_a_later_visit_stays_out() -> None:
    """A second visit after a replacement draws anew; the first one's draw does not come back."""
    events: list[dict[str, Any]] = [
        {"type": "load", "station": "S", "slot": "A", "lot": "OLD", "t": [0, 0]},
        {"type": "process", "unit": "U", "station": "S", "t": 1},
        {"type": "replace", "unit": "U", "station": "S", "slot": "A", "lot": "NEW", "t": 2},
    ]
    assert where_from(facts_of(events), "U").certain == ["NEW"]
    again = {"type": "process", "unit": "U", "station": "S", "t": 3}
    assert where_from(facts_of([*events, again]), "U").certain == ["NEW", "OLD"]


def test_commingled_pieces_come_from_one_of_the_lots() -> None:
    """Of a commingled lot each input is possible, of a blended one each is certain (D-52)."""
    commingled = {"type": "merge", "from": ["A", "B"], "to": "M", "kind": "commingle"}
    assert where_from(facts_of([commingled]), "M").possible == ["A", "B"]
    assert where_from(facts_of([commingled | {"kind": "blend"}]), "M").certain == ["A", "B"]
    assert facts_of([commingled]).slots == [Slot("M", Kind.LOT, ("A", "B"), why="hopper_mix")]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"type": "mend"}, "type 'mend'; known are install, load"),
        ({"unit": "U"}, r"\(of no type\): type is missing"),
        ({"type": "process", "unit": "U", "station": "S"}, r"\(process\): t is missing"),
        ({"type": "process", "unit": "U", "station": "S", "t": "ten"}, "t is 'ten', not a number"),
        (
            {"type": "load", "station": "S", "slot": "A", "lot": "L", "t": [5, 4]},
            "t ends before it begins",
        ),
        ({"type": "merge", "from": ["A"], "to": "B", "kind": "mix"}, "write blend or commingle"),
        ({"type": "correct", "target": "no", "action": "void"}, "corrects no, which is not there"),
        ({"type": "correct", "target": "e", "action": "undo"}, "write void or replace"),
        ({"id": "f", "type": "scrap", "unit": "U"}, "two events have the id f"),
    ],
)
def test_what_is_wrong_is_named(event: dict[str, Any], said: str) -> None:
    """An event that cannot be read is named with what is wrong; nothing is guessed."""
    with pytest.raises(InterchangeError, match=said):
        facts_of([{"id": "e", "type": "scrap", "unit": "U"}, {"id": "f"} | event, event])
