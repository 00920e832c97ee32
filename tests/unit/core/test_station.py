"""The plan of a station answers what the core asks of it."""

from dataclasses import replace

import pytest

from agent.core.station import Cavity, Outcome
from tests.core_rig import BEGIN, CAMERA, END, FILLER, HOUSING, PRESS
from tests.granular_rig import MIXED


def test_a_handshake_knows_its_snapshot() -> None:
    """Guard and data, without the tags that it has not got."""
    assert END.snapshot_guard == ("trigger", "request", "count")
    assert END.snapshot_tags == ("ok", "force")
    bare = replace(BEGIN, request=None)
    assert (bare.snapshot_guard, bare.snapshot_tags) == (("b_trigger",), ())
    assert CAMERA.handshakes[0].snapshot_tags == ("code", "ok", "force")


def test_only_tags_without_which_no_cycle_is_recorded_are_needed() -> None:
    """Values and verdict are not among them."""
    assert PRESS.needed_tags == {"trigger", "request", "result", "ack"}
    assert FILLER.needed_tags == {"count"}


def test_a_position_is_declared_or_not() -> None:
    """None for the rest."""
    station = replace(PRESS, components=(HOUSING,))
    assert station.component("housing") is HOUSING
    assert station.component("ecu") is None


def test_answers_are_numbers() -> None:
    """D-39."""
    assert [PRESS.outcome_code(outcome) for outcome in Outcome][:8] == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("reader", "mark", "cavity"),
    [
        ("left", None, "1"),
        ("right", None, "2"),
        ("hand", None, None),
        ("hand", "B", "3"),
        ("hand", "C", None),
        ("left", "B", "1"),
    ],
)
def test_a_code_is_of_the_cavity_that_its_reader_or_its_mark_says(
    reader: str, mark: str | None, cavity: str | None
) -> None:
    """The first that fits; a code without a mark is of no cavity that has none either."""
    cavities = (
        Cavity(name="1", reader="left"),
        Cavity(name="2", reader="right"),
        Cavity(name="3", mark="B"),
    )
    assert replace(END, cavities=cavities).cavity_of(reader, mark) == cavity


def test_only_the_tags_of_a_device_are_read_with_its_cycle() -> None:
    """What says the product and the lot, where that device has it."""
    station = replace(MIXED, lot="lot", lot_device="mes")
    assert station.told_with("plc") == ("recipe",)
    assert station.told_with("mes") == ("lot",)
    assert station.told_with("other") == ()
    assert FILLER.told_with("plc") == ("lot",)
    assert PRESS.told_with("plc") == ()
