"""An answer that a person made narrower says by which correction (D-8, D-143)."""

from typing import Any

import pytest

from agent.trace.api import Selection, Trace
from tests.trace_rig import Plant, stored

pytestmark = pytest.mark.usefixtures("fresh")


def told(plant: Plant, asked: str | Selection) -> tuple[set[str], list[str]]:
    """Return whom a recall has, and by which corrections; the same in any order of events."""
    answers = []
    for events in (plant.events, plant.events[::-1]):
        with stored(events) as store:
            report = Trace(store).recall(asked)
        listed = {e["unit"] for part in ("certain", "possible") for e in report[part]}
        answers.append((listed, [each["address"] for each in report["corrections"]]))
    assert answers[0] == answers[1]
    return answers[0]


@pytest.mark.parametrize("right", [{}, {"unit": "U9"}])
def test_a_cycle_that_drew_the_lot_is_taken_back_by_name(right: dict[str, str]) -> None:
    """A unit that leaves a lot's recall, because its cycle never was or was another's, is told."""
    plant = Plant()
    cycle = plant.unit("U1", "LOT")
    plant.unit("U2", "LOT")
    other = plant.unit("U3", "OTHER")
    plant.correct(other)
    gone = plant.correct(cycle, **right)
    listed, named = told(plant, "LOT")
    assert listed == {"U2", *right.values()}
    assert named == [gone]


def test_a_cycle_that_may_have_drawn_the_lot_is_taken_back_by_name() -> None:
    """Also where a load that was scanned after it made it a possible one."""
    plant = Plant()
    use = {"position": "p", "candidates": ["OLD"], "certainty": "certain", "loads": []}
    made: dict[str, Any] = {"handshake": "end", "latest_ms": 5_000, "components": [use]}
    cycle = plant.add("unit_completed", unit="U1", **made)
    plant.add(
        "component_loaded", position="p", lot="LOT", earliest_ms=4_000, latest_ms=6_000, from_ms=0
    )
    before, _ = told(plant, "LOT")
    assert "U1" in before
    gone = plant.correct(cycle)
    listed, named = told(plant, "LOT")
    assert "U1" not in listed
    assert named == [gone]


def test_a_cycle_that_put_a_part_in_is_taken_back_by_name() -> None:
    """And whoever takes that back again is named as well; then the unit is there again."""
    plant = Plant()
    cycle = plant.install("U1", "ECU")
    gone = plant.correct(cycle)
    assert told(plant, "ECU") == ({"ECU"}, [gone])
    back = plant.correct(gone)
    listed, named = told(plant, "ECU")
    assert listed >= {"U1"}
    assert named == [gone, back]


def test_a_history_says_what_is_right() -> None:
    """Of a unit under each of its names: what was corrected, by whom and why, and nobody else's."""
    plant = Plant()
    cycle = plant.unit("U1", "LOT")
    other = plant.unit("U2", "LOT")
    plant.add("unit_reidentified", unit="U1", new="U9")
    plant.correct(other, result="nok")
    fix = plant.correct(cycle, result="nok")
    with stored(plant.events) as store:
        for name in ("U1", "U9"):
            (found,) = Trace(store).corrections(name)
            assert (found["address"], found["replacement"]) == (fix, [["result", "nok"]])


def test_a_value_is_recalled_by_what_is_right_of_it() -> None:
    """By its own limits as by others: who is beyond by a correction is in, who is not is out."""
    plant = Plant()
    limits = {"low": 10, "high": 40}
    for unit, value, verdict in (("A", 30, "ok"), ("B", 50, "high"), ("C", None, "unknown")):
        said = {"name": "force", "quality": "good", "value": value, "verdict": verdict}
        plant.unit(unit, values=[{**said, "limits": limits}])
    assert told(plant, Selection(value="force"))[0] == {"B", "C"}
    fixes = [
        plant.correct("000001-aa-1", **{"values.force": "50"}),
        plant.correct("000001-aa-2", **{"values.force": "30"}),
        plant.correct("000001-aa-3", **{"values.force": "45.5"}),
    ]
    for asked in (Selection(value="force"), Selection(value="force", above=40)):
        listed, named = told(plant, asked)
        assert listed == {"A", "C"}
        assert named == fixes
