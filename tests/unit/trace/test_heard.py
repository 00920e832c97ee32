"""What arrives is judged before it is believed: positions, answers, events."""

from typing import Any

import orjson
import pytest

from agent.trace.heard import MOST_DEPTH, HeardError, answer_of, object_of, stand_of

POSITION = {"epoch": "000001-aa", "last_seq": 7, "last_hash": "AB" * 32, "first_kept": None}
ANSWER = {"epoch": "000001-aa", "from": 1, "to": 5, "sent": 4, "unsent": [3], "filtered": False}


def test_a_position_is_taken_in_one_form() -> None:
    """A hash in capitals is the same hash."""
    stand = stand_of("acme/press", orjson.dumps(POSITION))
    assert (stand.epoch, stand.last_seq, stand.last_hash) == ("000001-aa", 7, "ab" * 32)


@pytest.mark.parametrize(
    "changed",
    [
        {"last_seq": -1}, {"last_seq": 2**53}, {"last_seq": 1e308}, {"last_seq": True},
        {"last_seq": "7"}, {"last_hash": "-ff"}, {"last_hash": "f" * 65}, {"last_hash": 7},
        {"epoch": "x"}, {"epoch": None}, {"first_kept": "000001-aa-x"},
        {"first_kept": "000001-aa-" + "9" * 5000},
    ],
)  # fmt: skip
def test_a_position_that_no_agent_says_is_refused(changed: dict[str, Any]) -> None:
    """Nobody is made to look for a number of events that no press makes."""
    with pytest.raises(HeardError):
        stand_of("acme/press", orjson.dumps({**POSITION, **changed}))


@pytest.mark.parametrize("first", [7, "x", "000001-aa-x", "000001-aa-", ["a"], {"a": 1}, "a-7"])
def test_what_is_no_address_is_said_in_words(first: object) -> None:
    """Whoever proves an archive reads which value is wrong, and no word of a programmer."""
    message = orjson.dumps({**POSITION, "first_kept": first})
    with pytest.raises(HeardError) as refused:
        stand_of("acme/press", message)
    assert str(refused.value).endswith((" is no address", " is no epoch"))


@pytest.mark.parametrize(
    "changed", [{"from": -1}, {"to": 2**53}, {"sent": 1.5}, {"unsent": 7}, {"follows": "x"}]
)
def test_an_answer_s_end_that_no_agent_says_is_refused(changed: dict[str, Any]) -> None:
    """What speaks for a range has one."""
    assert answer_of("acme/press", orjson.dumps(ANSWER)) != ""
    with pytest.raises(HeardError):
        answer_of("acme/press", orjson.dumps({**ANSWER, **changed}))


@pytest.mark.parametrize("piece", [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_what_is_nested_without_end_is_refused_and_brackets_in_a_text_are_none(
    piece: tuple[bytes, bytes],
) -> None:
    """Depth ends a reader that follows it; breadth and text do not."""
    opening, closing = piece
    inner = b"1" if opening.endswith(b":") else b""
    for depth, is_taken in ((20, True), (MOST_DEPTH, False), (500, False)):
        message = b'{"x":' + opening * depth + inner + closing * depth + b"}"
        if is_taken:
            assert "x" in object_of(message)
        else:
            with pytest.raises(HeardError, match="nested too deep"):
                object_of(message)
    assert object_of(orjson.dumps({"x": "[{" * 1000})) == {"x": "[{" * 1000}
    assert len(object_of(orjson.dumps({"x": [[]] * 1000}))["x"]) == 1000
