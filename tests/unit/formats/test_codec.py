"""Single values and structs between Python and JSON."""

from dataclasses import dataclass

import pytest

from agent.core.events import EventTime, OperatorRef, Value
from agent.formats.codec import (
    FormatError,
    captured,
    codec_for,
    moment,
    seen_tree,
    struct_for,
    tree,
    wall_ms,
)
from drivers.base import ClockState, Quality, Scalar


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_338_904_120, "2026-11-22T09:15:04.120Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_a_moment_is_utc_with_milliseconds(ms: int, text: str) -> None:
    """RFC 3339, "Z", always three digits (D-89), and back."""
    assert (moment(ms), wall_ms(text)) == (text, ms)


@pytest.mark.parametrize("text", ["", "yesterday", 5, None, "2026-11-22T09:15:04"])
def test_what_is_no_moment_is_refused(text: object) -> None:
    """A moment without a zone is not one."""
    with pytest.raises(FormatError):
        codec_for(EventTime).decode({"received": text})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5.0, 5),
        (-0.0, 0),
        (float("nan"), None),
        (float("-inf"), None),
        (2**53, "9007199254740992"),
        (-(2**63), "-9223372036854775808"),
        (2**53 - 1, 2**53 - 1),
        (1e300, 1e300),
        (True, True),
        ("5", "5"),
        (None, None),
    ],
)
def test_captured_values_become_what_json_holds(value: Scalar | None, expected: object) -> None:
    """Whole floats become integers, big integers text, NaN and the infinities null (D-115)."""
    found = captured(value)
    assert (found, type(found)) == (expected, type(expected))


def test_a_value_that_is_no_number_loses_its_good_quality() -> None:
    """NaN is written as no value of quality bad, never as null under a good one (D-96)."""
    value = Value(name="force", value=float("nan"), quality=Quality.GOOD)
    assert codec_for(Value).encode is not None
    assert codec_for(Value).encode(value) == {"name": "force", "quality": "bad"}  # type: ignore[misc]  # asserted above


def test_a_number_beyond_the_exact_ones_was_a_float() -> None:
    """Whole numbers of that size are text, so a bare one comes back as the float it was."""
    found = seen_tree({"a": [10**16]})
    assert found == {"a": [1e16]}
    assert isinstance(found, dict)
    assert type(found["a"][0]) is float


def test_free_content_keeps_its_shape() -> None:
    """Nested content is kept, empty members too; tuples come back as lists."""
    content = {"a": (1, None, {"b": []}), "c": 2**60, "d": 2.0}
    assert tree(content) == {"a": [1, None, {"b": []}], "c": str(2**60), "d": 2}


def test_free_content_without_a_json_form_is_refused() -> None:
    """A set has no place in a carried state."""
    with pytest.raises(FormatError, match="no JSON value"):
        tree({"a": {1, 2}})


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (str, 5),
        (bool, 1),
        (int, True),
        (int, "many"),
        (Quality, "fine"),
        (tuple[str, ...], "text"),
        (dict[str, object], []),
        (Scalar, {}),
        (OperatorRef, "k1"),
    ],
)
def test_a_member_that_does_not_fit_its_field_is_refused(hint: object, value: object) -> None:
    """Decoding never lets a wrong type through."""
    with pytest.raises(ValueError, match=r"."):
        codec_for(hint).decode(value)


def test_a_whole_number_may_come_as_text() -> None:
    """An integer field takes back the text that it was written as beyond 2**53."""
    codec = codec_for(int)
    assert codec.encode is not None
    assert codec.decode(codec.encode(2**60)) == 2**60


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One field of each sort."""

    name: str
    note: str | None
    count: int = 3
    marks: tuple[str, ...]
    free: dict[str, object]


def test_what_is_none_or_empty_is_left_out_and_comes_back() -> None:
    """Absent members are None, empty, or their default."""
    struct = struct_for(Sample)
    sample = Sample(name="", note=None, marks=(), free={})
    assert struct.encode(sample) == {"name": "", "count": 3}
    assert struct.decode({"name": ""}) == sample


def test_a_missing_member_is_named() -> None:
    """Without a default there is no event."""
    with pytest.raises(FormatError, match=r"^Sample: no name$"):
        struct_for(Sample).decode({})


def test_a_wrong_member_is_named() -> None:
    """The error says which member it was."""
    with pytest.raises(FormatError, match=r"^name: no text: 5$"):
        struct_for(Sample).decode({"name": 5})


def test_members_of_a_later_version_are_ignored() -> None:
    """Within a schema version members are only added (D-141)."""
    time = EventTime(
        received_ms=0, offset_min=0, boottime_ms=0, boot_id="b", clock_state=ClockState.SYNCED
    )
    struct = struct_for(EventTime)
    assert struct.decode(struct.encode(time) | {"later": 1}) == time
