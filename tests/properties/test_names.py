"""Units that get new names, as stations say that do not know of each other (D-4, D-9, D-37)."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.trace.api import Trace
from tests.trace_rig import Plant, stored

NAMES = st.sampled_from("ABC")
STEPS = st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=7)


@settings(max_examples=60, deadline=None)
@given(STEPS)
@example([("A", "A"), ("A", "B"), ("B", "A")])
@example([("A", "B"), ("B", "C"), ("C", "A"), ("B", "B")])
def test_a_unit_is_in_the_recall_under_one_of_its_names(steps: list[tuple[str, str]]) -> None:
    """Whatever became of its names: also where it got an old one back, or two have one.

    A step of a name to itself is a cycle that drew the lot under that name.
    """
    plant = Plant()
    for old, new in steps:
        if old == new:
            plant.unit(old, "LOT")
        else:
            plant.add("unit_reidentified", unit=old, new=new)
    answers = []
    for events in (plant.events, plant.events[::-1]):
        with stored(events) as store:
            trace = Trace(store)
            report = trace.recall("LOT")
            listed = {e["unit"] for part in ("certain", "possible") for e in report[part]}
            for name in {old for old, new in steps if old == new}:
                assert listed & set(trace.names(name))
                assert trace.newest_name(name) in trace.names(name)
                assert trace.tree(name).name == name
        answers.append(listed)
    assert answers[0] == answers[1]
