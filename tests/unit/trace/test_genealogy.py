"""Where used, where from and recall: the vectors, and every possible world of small genealogies."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.trace.genealogy import Kind, recall, where_from, where_used
from agent.trace.interchange import Facts, Slot, facts_of

SMALL = json.loads(Path("tests/data/trace/genealogy_small.json").read_text())
ANSWERS = {"where_used": where_used, "where_from": where_from, "recall": recall}
NAMES = "ABCDEFGH"


@pytest.mark.parametrize("query", SMALL["queries"], ids=lambda query: f"{query['q']} {query['of']}")
def test_the_small_plant_is_answered_as_published(query: dict[str, object]) -> None:
    """Every expected answer of the small plant comes out, corrections and swaps included."""
    found = ANSWERS[str(query["q"])](facts_of(SMALL["events"]), str(query["of"]))
    parts = [part for part in ("certain", "possible", "scrapped", "cleared") if part in query]
    assert {part: list(getattr(found, part)) for part in parts} == {
        part: query[part] for part in parts
    }


@st.composite
def genealogies(draw: st.DrawFn) -> list[tuple[str, tuple[str, ...]]]:
    """Return slots whose options come earlier in the alphabet: no circles."""
    slots = []
    for _ in range(draw(st.integers(0, 7))):
        holder = draw(st.integers(1, len(NAMES) - 1))
        below = st.sampled_from(NAMES[:holder])
        options = draw(st.lists(below, min_size=1, max_size=3, unique=True))
        slots.append((NAMES[holder], tuple(options)))
    return slots


def worlds(slots: list[tuple[str, tuple[str, ...]]]) -> Iterator[dict[str, set[str]]]:
    """Yield what is in what, for each way it can have been: one option a slot."""
    for choice in product(*(options for _, options in slots)):
        held: dict[str, set[str]] = {name: set() for name in NAMES}
        for name in NAMES:  # what is below comes first
            for (holder, _), option in zip(slots, choice, strict=True):
                if holder == name:
                    held[name] |= {option} | held[option]
        yield held


def facts(slots: list[tuple[str, tuple[str, ...]]]) -> Facts:
    """Return them as facts, everything a unit."""
    made = Facts(all_units=set(NAMES))
    for holder, options in slots:
        made.add(Slot(holder, Kind.FEED, options))
    return made


@given(genealogies())
def test_certain_is_in_every_world_and_possible_in_one(
    slots: list[tuple[str, tuple[str, ...]]],
) -> None:
    """The possible are those of any world, the certain those of all: never narrower or wrong."""
    every = list(worlds(slots))
    for of in NAMES:
        in_all = {name for name in NAMES if all(of in held[name] for held in every)}
        in_any = {name for name in NAMES if any(of in held[name] for held in every)}
        used = where_used(facts(slots), of)
        assert (set(used.certain), set(used.possible)) == (in_all, in_any - in_all)
        below_all = set.intersection(*(held[of] for held in every))
        below_any = set().union(*(held[of] for held in every))
        source = where_from(facts(slots), of)
        assert (set(source.certain), set(source.possible)) == (below_all, below_any - below_all)


def test_a_circle_ends_and_its_members_stay() -> None:
    """What was recorded as a circle is a data error: no endless search, nobody left out (D-9)."""
    made = Facts(all_units=set(NAMES))
    for holder, option in (("A", "B"), ("B", "C"), ("C", "A"), ("C", "X")):
        made.add(Slot(holder, Kind.PART, (option,)))
    assert set(where_used(made, "X").certain) == {"A", "B", "C"}
    assert {*where_from(made, "A").certain, *where_from(made, "A").possible} == {"B", "C", "X"}


@pytest.mark.parametrize(
    ("links", "wanted"),
    [
        (["AB", "BA"], ["A", "B"]),
        (["AA"], ["A"]),
        (["AB", "BA", "BC"], ["A", "B"]),
        (["AB", "BA", "TA"], ["T"]),
        (["AB", "BA", "BC", "CD", "DC"], ["A", "B", "C", "D"]),
        (["AB", "BC"], ["A"]),
    ],
)
def test_units_in_each_other_are_recalled(links: list[str], wanted: list[str]) -> None:
    """Each is inside another, and yet one has to be fetched: nobody is left out (D-4, D-9)."""
    names = {name for link in links for name in link}
    made = Facts(all_units=names)
    for link in links:
        made.add(Slot(link[0], Kind.PART, (link[1],)))
    for name in names:
        made.add(Slot(name, Kind.FEED, ("X",)))
    assert recall(made, "X").certain == wanted


def test_who_never_held_it_is_not_cleared() -> None:
    """A box that got the unit after its swap never held the old part; one from before did."""
    events = [
        {"type": "install", "parent": "F", "child": "OLD", "t": 0},
        {"type": "install", "parent": "EARLY", "child": "F", "t": 1},
        {"type": "remove", "parent": "F", "child": "OLD", "t": 2},
        {"type": "remove", "parent": "EARLY", "child": "F", "t": 3},
        {"type": "install", "parent": "LATE", "child": "F", "t": 4},
    ]
    found = recall(facts_of(events), "OLD")
    assert (found.certain, found.cleared) == (["OLD"], ["EARLY"])
