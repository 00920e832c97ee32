"""What counts of a captured value that a person corrected: judged by its limits (D-143)."""

from typing import Any

import pytest

from agent.trace.corrections import standing

ADDRESS = "000001-aa-1"
KN: dict[str, Any] = {"name": "force", "quality": "good", "measure": "kN"}


def corrected(captured: dict[str, Any], right: str) -> dict[str, Any]:
    """Return a value of a unit as it counts once its correction is known."""
    event = {"epoch": "000001-aa", "seq": 1, "kind": "unit_completed", "values": [captured]}
    said = {"supersedes": [ADDRESS], "replacement": [["values.force", right]]}
    stands = standing(event, [{"epoch": "000001-aa", "seq": 2, **said}])
    assert stands is not None
    value: dict[str, Any]
    (value,) = stands.event["values"]
    assert stands.said == event
    return value


@pytest.mark.parametrize(
    ("limits", "right", "verdict"),
    [
        ({"low": 10, "high": 40}, "50", "high"),
        ({"low": 10, "high": 40}, "40", "ok"),
        ({"low": 10, "high": 40}, "10", "ok"),
        ({"low": 10, "high": 40}, "9.9", "low"),
        ({"low": 10}, "1e9", "ok"),
        ({"high": 40}, "-1e9", "ok"),
        ({"low": 40, "high": 10}, "20", "unknown"),
        ({"low": 10, "unread": ["high"]}, "20", "unknown"),
        ({"low": 10, "unread": ["target"]}, "20", "ok"),
        ({"low": 10, "high": 40}, "not read", "unknown"),
        ({"low": 10, "high": 40}, "nan", "unknown"),
        ({"high": "9007199254740993"}, "9007199254740992", "ok"),
        ({"low": "-9007199254740993"}, "-1e17", "low"),
    ],
)
def test_a_corrected_value_is_judged_anew(limits: dict[str, Any], right: str, verdict: str) -> None:
    """By the limits that were there then; it is not known to be good where one was not read."""
    before = {**KN, "value": 20, "limits": limits, "verdict": "ok", "warning": "high"}
    value = corrected(before, right)
    assert value["verdict"] == verdict
    assert "warning" not in value


@pytest.mark.parametrize(
    ("captured", "right", "value"),
    [
        ({"name": "force", "value": 20}, "8.5", 8.5),
        ({"name": "force", "value": 20}, "eight", "eight"),
        ({"name": "force", "value": 20}, "inf", "inf"),
        ({"name": "force", "value": "A7"}, "0815", "0815"),
        ({"name": "force", "value": True}, "false", "false"),
        ({"name": "force"}, "0815", "0815"),
        ({**KN}, "8.5", 8.5),
        ({"name": "force", "limits": {"low": 1}}, "8.5", 8.5),
    ],
)
def test_a_corrected_value_stays_what_it_was(
    captured: dict[str, Any], right: str, value: object
) -> None:
    """Text stays text; a number that could not be read is one where it has a measure or limits."""
    assert corrected(captured, right)["value"] == value


def test_the_other_values_stay_as_they_were() -> None:
    """And a value without limits has no verdict."""
    event = {
        "epoch": "000001-aa",
        "seq": 1,
        "values": [{**KN, "value": 1}, {**KN, "name": "way", "value": 2}],
    }
    said = {"supersedes": [ADDRESS], "replacement": [["values.force", "3"]]}
    stands = standing(event, [{"epoch": "000001-aa", "seq": 2, **said}])
    assert stands is not None
    assert stands.event["values"] == [{**KN, "value": 3.0}, {**KN, "name": "way", "value": 2}]
