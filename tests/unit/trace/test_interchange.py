"""The form trace-v1: the rule of options read literally, corrections of corrections, errors."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.trace.genealogy import OTHER, Kind, recall, where_from
from agent.trace.interchange import Slot, facts_of
from agent.trace.recorded import EventError, InterchangeError

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
    """It may be there by t+u, and the next load not yet by t-u: nothing else decides (D-44).

    The next load may only have come after it; or both ends of its interval and the record say so.
    Of others that overlap either may have been the first.
    """
    in_order = sorted(made, key=lambda load: load["t"])
    wanted = set()
    for number, load in enumerate(in_order):
        later = [
            each["t"][1]
            for each in in_order[number + 1 :]
            if each["type"] == "load"
            and (
                each["t"][0] >= load["t"][1]
                or (each["t"][1] >= load["t"][1] and made.index(each) > made.index(load))
            )
        ]
        is_there = load["t"][0] <= at + give_or_take
        if is_there and (not later or at - give_or_take < min(later)):
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


def drawn(at: float, *replaced: dict[str, Any], give_or_take: float = 0) -> list[dict[str, Any]]:
    """Return a unit that drew at a time what was there from the beginning, and what befell it."""
    return [
        {"type": "load", "station": "S", "slot": "A", "lot": "OLD", "t": 0},
        *(
            {"type": "replace", "unit": "U", "station": "S", "slot": "A"} | each
            for each in replaced
        ),
        {"type": "process", "unit": "U", "station": "S", "t": at, "u": give_or_take},
    ]


@pytest.mark.parametrize("give_or_take", [1, 2, 5])
def test_what_may_have_been_drawn_behind_its_replacement_stays_possible(give_or_take: int) -> None:
    """Within its give or take nobody knows which was first: the lot is possible, not cleared."""
    facts = facts_of(drawn(10, {"lot": "NEW", "t": 11}, give_or_take=give_or_take))
    found = where_from(facts, "U")
    assert (found.certain, found.possible) == (["NEW"], ["OLD", OTHER])
    assert recall(facts, "OLD").possible == ["U"]
    later = facts_of(drawn(10, {"lot": "NEW", "t": 16}, give_or_take=give_or_take))
    assert where_from(later, "U").possible == []
    assert recall(later, "OLD").cleared == ["U"]


def test_at_one_time_what_was_recorded_later_is_later() -> None:
    """Replaced behind the draw, what it drew is out; recorded before, it may still be in."""
    events = drawn(10, {"lot": "NEW", "t": 10})
    assert where_from(facts_of(events), "U").possible == ["OLD", OTHER]
    assert where_from(facts_of([events[0], events[2], events[1]]), "U").possible == []


def test_what_was_held_for_a_while_is_cleared_by_the_earliest_it_may_have_been() -> None:
    """A part that may have drawn before it was taken out again leaves its holder cleared."""
    events = [
        *drawn(12, give_or_take=2),
        {"type": "install", "parent": "BOX", "child": "U", "t": 9},
        {"type": "remove", "parent": "BOX", "child": "U", "t": 11},
    ]
    assert recall(facts_of(events), "OLD").cleared == ["BOX"]


def test_commingled_pieces_come_from_one_of_the_lots() -> None:
    """Of a commingled lot each input is possible, of a blended one each is certain (D-52)."""
    commingled = {"type": "merge", "from": ["A", "B"], "to": "M", "kind": "commingle"}
    assert where_from(facts_of([commingled]), "M").possible == ["A", "B"]
    assert where_from(facts_of([commingled | {"kind": "blend"}]), "M").certain == ["A", "B"]
    assert facts_of([commingled]).slots == [Slot("M", Kind.LOT, ("A", "B"), why="hopper_mix")]


def test_corrections_count_wherever_they_stand() -> None:
    """In any order of the lines, and with lines that came twice, the same events count (D-136)."""
    events: list[dict[str, Any]] = [
        {"id": "a", "type": "install", "parent": "P", "child": "C", "t": 1},
        {"id": "b", "type": "correct", "target": "a", "action": "void"},
        {"id": "c", "type": "correct", "target": "b", "action": "void"},
        {"id": "d", "type": "install", "parent": "P", "child": "D", "t": 2},
        {"id": "e", "type": "correct", "target": "d", "action": "void"},
    ]
    for order in permutations(events):
        assert where_from(facts_of([*order, *order[:2]]), "P").certain == ["C"]


def test_of_several_corrections_the_last_counts_that_counts_itself() -> None:
    """The last one recorded is right; if it is voided, the one before it is (D-143)."""
    events: list[dict[str, Any]] = [
        {"id": "a", "type": "install", "parent": "P", "child": "A", "t": 1},
        *(
            {"id": f"to-{child}", "type": "correct", "target": "a", "action": "replace"}
            | {"event": {"type": "install", "parent": "P", "child": child, "t": 1}}
            for child in ("B", "C")
        ),
    ]
    assert where_from(facts_of(events), "P").certain == ["C"]
    events.append({"id": "no", "type": "correct", "target": "to-C", "action": "void"})
    assert where_from(facts_of(events), "P").certain == ["B"]


def test_corrections_in_a_circle_are_refused() -> None:
    """Two that void each other say nothing; they are named (D-143)."""
    events = [
        {"id": "a", "type": "scrap", "unit": "U"},
        {"id": "b", "type": "correct", "target": "c", "action": "void"},
        {"id": "c", "type": "correct", "target": "b", "action": "void"},
    ]
    with pytest.raises(
        EventError, match=r"event [bc]: corrects itself, by [bc] and [bc]; leave one"
    ):
        facts_of(events)


def test_what_is_hardly_meant_is_remarked_on() -> None:
    """A place not listed, a draw from an empty slot, a part in two units: taken, and told."""
    events: list[dict[str, Any]] = [
        {"type": "load", "station": "S", "slot": "B", "lot": "L", "t": 0},
        {"type": "process", "unit": "U", "station": "S ", "t": 1},
        {"type": "process", "unit": "V", "station": "S", "t": 1},
        {"type": "install", "parent": "P", "child": "U", "t": 2},
        {"type": "install", "parent": "Q", "child": "U", "t": 3},
    ]
    facts = facts_of(events, {"S": ["A"]})
    assert sorted(facts.remarks) == [
        (1, "event #1: slot 'B' is not one of those listed of 'S'"),
        (2, "event #2: station 'S ' is not one of the stations listed"),
        (3, "unit 'V': nothing was loaded at 'S', 'A' when it drew from there"),
        (5, "'U' is in 'P' and in 'Q', and was taken out of none"),
    ]
    assert where_from(facts, "V").certain == ["L"]
    assert facts_of(events[2:3]).remarks == []


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"type": "mend"}, "event f: type is 'mend'; write one of install, load"),
        ({"type": ["load"]}, r"type is \['load'\]; write one of install, load"),
        ({"unit": "U"}, r"\(of no type\): type is missing; write it"),
        ({"type": "process", "unit": "U", "station": "S"}, r"\(process\): t is missing"),
        ({"type": "process", "unit": "U", "station": "S", "t": "ten"}, "t is 'ten', not a number"),
        (
            {"type": "load", "station": "S", "slot": "A", "lot": "L", "t": [5, 4]},
            "t ends before it begins",
        ),
        (
            {"type": "merge", "from": ["A"], "to": "B", "kind": "mix"},
            "kind is 'mix'; write one of blend, commingle",
        ),
        (
            {"type": "merge", "from": [], "to": "B", "kind": "blend"},
            r"from is \[\]; write at least",
        ),
        ({"type": "correct", "target": "no", "action": "void"}, "'no', which is not there; write"),
        (
            {"type": "correct", "target": "e", "action": "undo"},
            "'undo'; write one of replace, void",
        ),
        ({"type": "correct", "target": "e", "action": "replace", "event": 7}, "event is 7; write"),
        ({"id": "e", "type": "scrap", "unit": "V"}, "e: event 1 of this file has this id too"),
        ({"id": 1.5, "type": "scrap", "unit": "V"}, "id is 1.5; write text"),
        ({"type": "scrap", "unit": None}, 'unit is None; write a name, as "L-1"'),
        ({"type": "scrap", "unit": " "}, "unit is ' '; write a name"),
        ({"type": "scrap", "unit": True}, "unit is True; write a name"),
        ({"type": "scrap", "unit": "\ud800"}, "write it without halves of UTF-16 characters"),
        ({"type": "scrap", "unit": "unknown:1"}, "write it without 'unknown:' at its beginning"),
        ({"type": "scrap", "unit": "a\0b"}, "write it without the character NUL"),
        ({"type": "process", "unit": "U", "station": "S", "t": float("nan")}, "t is nan, not a"),
        ({"type": "process", "unit": "U", "station": "S", "t": 10**400}, "000…, not a number"),
        (
            {"type": "process", "unit": "U", "station": "S", "t": 10**5000},
            "t is too large a number",
        ),
        ({"type": "process", "unit": "U", "station": "S", "t": 1, "u": -1}, "u is -1.0; write it"),
    ],
)
def test_what_is_wrong_is_named(event: dict[str, Any], said: str) -> None:
    """An event that cannot be read is named with what is wrong; nothing is guessed."""
    with pytest.raises(InterchangeError, match=said):
        facts_of([{"id": "e", "type": "scrap", "unit": "U"}, {"id": "f"} | event, event])
