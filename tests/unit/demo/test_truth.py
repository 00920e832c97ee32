"""What the machines said, folded into what truly happened."""

import pytest

from agent.demo.plc import Stage
from agent.demo.truth import Fact, FillerTruth, PressTruth

UP = {"said": "up", "kept": False, "stage": "idle"}
UP_AGAIN = {"said": "up", "kept": True, "stage": "asking"}


def raised(request: int, part: str = "A") -> Fact:
    """Return the fact that a request was raised."""
    return {"said": "raised", "request": request, "part": part, "repeated": False}


def answered(request: int, answer: int) -> Fact:
    """Return the fact that an answer was read."""
    return {"said": "answered", "request": request, "part": "A", "answer": answer}


def press(*facts: Fact) -> PressTruth:
    """Return the fold of some facts."""
    truth = PressTruth()
    for fact in facts:
        truth.fold(fact)
    return truth


def test_a_request_is_answered_by_what_lets_go_of_the_part() -> None:
    """A 7 is counted and is no answer; the repeat of the same number is the same request."""
    truth = press(UP, raised(1), answered(1, 7), raised(1), answered(1, 1), {"said": "free"})
    assert (truth.parts, truth.answers) == ({(1, 1): "A"}, {(1, 1): 1})
    assert (truth.not_stored, truth.answers_read, truth.open) == (1, 1, None)


def test_memory_kept_is_the_same_generation() -> None:
    """The request that was up is still the same one."""
    truth = press(UP, raised(1), UP_AGAIN)
    assert (truth.generation, truth.open, truth.stage) == (1, (1, 1), Stage.ASKING)


def test_memory_lost_begins_a_generation_and_forgets_what_was_open() -> None:
    """The PLC will never know the answer of what was up; its next number 1 is another request."""
    truth = press(UP, raised(1), answered(1, 2), raised(2, "B"), UP, raised(1, "C"))
    assert truth.generation == 2
    assert truth.forgotten == {(1, 2)}
    assert truth.parts == {(1, 1): "A", (1, 2): "B", (2, 1): "C"}


def test_one_number_for_two_parts_is_a_fault_of_the_plc() -> None:
    """A yardstick that is wrong itself must not measure."""
    with pytest.raises(AssertionError, match=r"request \(1, 1\) was raised for two parts"):
        press(UP, raised(1, "A"), raised(1, "B"))


def test_lamp_and_alarms_are_seen() -> None:
    """A press that comes up is not ready until the agent says so anew; alarms are counted."""
    ready = {"said": "ready", "ready": True, "reason": 0, "text": ""}
    alarms = [{"said": "alarmed", "alarm": alarm} for alarm in ("no_answer", "none")]
    truth = press(UP, ready, *alarms)
    assert (truth.ready, truth.alarms) == (True, 1)
    truth.fold(UP_AGAIN)
    assert not truth.ready


def test_filler_counts_from_where_it_was_switched_on() -> None:
    """Only what was made since then counts, also over a power cut."""
    truth = FillerTruth()
    facts: list[Fact] = [
        {"said": "up", "kept": False, "count": 40},
        {"said": "lot", "lot": "F-1", "count": 40},
        {"said": "counted", "count": 45},
        {"said": "up", "kept": True, "count": 47},
        {"said": "stopped", "count": 50},
    ]
    assert truth.made == 0
    for fact in facts:
        truth.fold(fact)
    assert (truth.made, truth.lots) == (10, ["F-1"])


def test_each_lot_has_the_pieces_that_were_made_of_it() -> None:
    """From its change to the next one, or until now; one that comes again has both."""
    truth = FillerTruth()
    for lot, count in (("F-1", 40), ("F-2", 50), ("F-1", 57)):
        truth.fold({"said": "lot", "lot": lot, "count": count})
    truth.fold({"said": "stopped", "count": 60})
    assert [truth.pieces(lot) for lot in ("F-1", "F-2", "F-3")] == [13, 7, 0]
