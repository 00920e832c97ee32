"""The plan of a station answers what the core asks of it."""

from dataclasses import replace

from agent.core.station import Outcome
from tests.core_rig import BEGIN, CAMERA, END, FILLER, HOUSING, PRESS


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
