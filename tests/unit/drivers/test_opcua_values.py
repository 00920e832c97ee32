"""Status words, times and types of OPC UA in our words."""

import math

import pytest

from drivers.base import Quality, Scalar, TagValue
from drivers.opcua import status, values
from drivers.opcua.wire import ARRAY, STRING

NOW_MS = 1_796_029_200_000
FROM_1601_MS = 11_644_473_600_000


def ticks(time_ms: int) -> int:
    """Return a time in 100 ns since 1601."""
    return (time_ms + FROM_1601_MS) * 10_000


@pytest.mark.parametrize(
    ("word", "quality"),
    [
        (0x0000_0000, Quality.GOOD),
        (0x0000_0480, Quality.GOOD),
        (0x0096_0000, Quality.GOOD),
        (0x3FFF_FFFF, Quality.GOOD),
        (0x4000_0000, Quality.UNCERTAIN),
        (0x408F_0000, Quality.UNCERTAIN),
        (0x8000_0000, Quality.BAD),
        (0x8031_0000, Quality.BAD),
        (0xFFFF_FFFF, Quality.BAD),
    ],
)
def test_quality_is_the_severity(word: int, quality: Quality) -> None:
    """The two highest bits say good, uncertain or bad, whatever stands below (D-95)."""
    assert status.quality_of(word) is quality


def test_code_is_the_word_as_people_look_it_up() -> None:
    """Plain Good has no code; every other word keeps all its bits."""
    assert status.code_of(0) == ""
    assert status.code_of(0x0000_0480) == "0x00000480"
    assert status.code_of(0x80340000) == "0x80340000"


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (0x480, "the server's queue ran over"),
        (0x4080_0480, "the server's queue ran over"),
        (0x002F_0000, "the server samples less often, for it is overloaded"),
        (0x80, None),
        (0x400, None),
        (0, None),
    ],
)
def test_loss_is_said_by_overflow_or_overload(word: int, told: str | None) -> None:
    """Bit 7 means overflow only with the info type `data value` (D-95); overload is D-97."""
    assert status.loss_of(word) == told


def test_gone_is_known_whatever_the_lower_bits_say() -> None:
    """Unknown and invalid node ids mean that the program has no such variable any more."""
    assert status.is_gone(0x80340000)
    assert status.is_gone(0x80330480)
    assert not status.is_gone(0x80310000)


def test_changed_meaning_is_either_bit() -> None:
    """Structure changed or semantics changed: the value is read anew (D-98)."""
    assert status.has_other_meaning(0x4000)
    assert status.has_other_meaning(0x8000)
    assert not status.has_other_meaning(0x3FFF)


@pytest.mark.parametrize(
    ("stamp", "time_ms"),
    [
        (0, None),
        (-1, None),
        (ticks(0), None),
        (ticks(86_399_999), None),
        (ticks(86_400_000), 86_400_000),
        (ticks(NOW_MS), NOW_MS),
        (ticks(NOW_MS - 10**10), NOW_MS - 10**10),
        (ticks(NOW_MS + 500), NOW_MS + 500),
        (ticks(NOW_MS + 501), None),
        (2**63 - 1, None),
    ],
)
def test_what_is_no_time_is_none(stamp: int, time_ms: int | None) -> None:
    """1601, the first day of 1970 and times ahead of ours are no time; old ones are (D-92)."""
    assert status.source_ms(stamp, NOW_MS) == time_ms


@pytest.mark.parametrize(
    ("stamp", "ahead_ms"),
    [
        (ticks(NOW_MS + 3_600_000), 3_600_000),
        (ticks(NOW_MS + 501), 501),
        (ticks(NOW_MS + 500), None),
        (ticks(NOW_MS - 10**10), None),
        (-1, None),
        (0, None),
    ],
)
def test_how_far_a_clock_runs_ahead_is_kept(stamp: int, ahead_ms: int | None) -> None:
    """A time ahead of ours is no time (D-92), and yet says that a clock is wrong (C08)."""
    seen = values.tag_value("count", (41, 6, 0, stamp), NOW_MS)
    assert seen.ahead_ms == ahead_ms
    assert (seen.source_ms is None) == (ahead_ms is not None or stamp <= 0)


@pytest.mark.parametrize(
    ("value", "kind", "word", "seen"),
    [
        (41, 6, 0, (41, Quality.GOOD, "")),
        (41, 6, 0x40900000, (41, Quality.UNCERTAIN, "0x40900000")),
        (41, 6, 0x80310000, (None, Quality.BAD, "0x80310000")),
        (None, 6, 0x80310000, (None, Quality.BAD, "0x80310000")),
        (None, 0, 0, (None, Quality.BAD, "no value")),
        (None, 0, 0x40900000, (None, Quality.BAD, "0x40900000")),
        (None, ARRAY, 0, (None, Quality.BAD, "type array")),
        (None, 15, 0, (None, Quality.BAD, "type ByteString")),
        (None, STRING, 0, (None, Quality.BAD, "not UTF-8")),
        (math.nan, 11, 0, (None, Quality.BAD, "not a number")),
        (-math.inf, 10, 0x40900000, (None, Quality.BAD, "not a number")),
        ("", STRING, 0, ("", Quality.GOOD, "")),
        (False, 1, 0x00960000, (False, Quality.GOOD, "0x00960000")),
        (2**64 - 1, 9, 0, (2**64 - 1, Quality.GOOD, "")),
    ],
)
def test_value_never_travels_without_its_quality(
    value: Scalar | None, kind: int, word: int, seen: tuple[Scalar | None, Quality, str]
) -> None:
    """Bad has no value, uncertain keeps it, and what a tag cannot hold is bad with the reason."""
    found = values.tag_value("count", (value, kind, word, ticks(NOW_MS)), NOW_MS)
    assert found == TagValue(
        tag="count", value=seen[0], quality=seen[1], code=seen[2], source_ms=NOW_MS
    )


@pytest.mark.parametrize(
    ("value", "kind", "held"),
    [
        (1, 1, True),
        (False, 4, 0),
        (2.0, 4, 2),
        (-128, 2, -128),
        (2**64 - 1, 9, 2**64 - 1),
        (3, 11, 3.0),
        (0.1, 11, 0.1),
        (0.1, 10, 0.10000000149011612),
        ("SN", 12, "SN"),
    ],
)
def test_value_is_written_as_the_node_holds_it(value: Scalar, kind: int, held: Scalar) -> None:
    """A value gets the node's type and precision, so that reading it back compares equal."""
    fitted = values.fit(value, kind)
    assert (fitted, type(fitted)) == (held, type(held))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (2, 1),
        (128, 2),
        (-1, 3),
        (1.5, 4),
        (2**64, 9),
        (1e39, 10),
        (10**400, 11),
        ("1", 4),
        (1, 12),
        (1, 13),
    ],
)
def test_value_that_does_not_fit_is_refused(value: Scalar, kind: int) -> None:
    """Nothing is cut or rounded into a smaller type, and no text becomes a number."""
    with pytest.raises(values.UnfitError, match=f"does not fit {values.type_name(kind)}"):
        values.fit(value, kind)
