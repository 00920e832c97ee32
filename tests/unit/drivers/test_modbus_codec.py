"""Values in registers: the cases that makers get differently (DOMAIN D-147 to D-149)."""

import math
import struct

import pytest

from drivers.base import Scalar
from drivers.modbus.codec import Bcd, Bit, ByteOrder, Codec, Decoded, Flag, Number, Text


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (ByteOrder.ABCD, (0x42F6, 0xE979)),
        (ByteOrder.CDAB, (0xE979, 0x42F6)),
        (ByteOrder.BADC, (0xF642, 0x79E9)),
        (ByteOrder.DCBA, (0x79E9, 0xF642)),
    ],
)
def test_123_456_in_each_order(order: ByteOrder, words: tuple[int, int]) -> None:
    """123.456 as float32 stands in two registers as the table of D-147 says."""
    (value,) = struct.unpack(">f", struct.pack(">f", 123.456))
    assert Number("f", order).encode(123.456) == words
    assert Number("f", order).decode(words) == (value, "")


def test_one_register_has_no_order() -> None:
    """A value of one register is high byte first whatever the order of longer ones is."""
    assert Number("h", ByteOrder.DCBA).decode([0xFFFE]) == (-2, "")
    assert Number("H", ByteOrder.DCBA).encode(0x1234) == (0x1234,)


@pytest.mark.parametrize(
    ("codec", "words", "decoded"),
    [
        (Number("H", null=frozenset({0xFFFF})), [0xFFFF], (None, "null")),
        (Number("H", null=frozenset({0xFFFF})), [0xFFFE], (0xFFFE, "")),
        (Number("h", null=frozenset({0x8000})), [0x8000], (None, "null")),
        (Number("h", null=frozenset({-1})), [0xFFFF], (None, "null")),
        (Number("f", null=frozenset({-9999.0})), [0xC61C, 0x3C00], (None, "null")),
        (Number("f"), [0x7FC0, 0], (None, "not a number")),
        (Number("f"), [0x7F80, 0], (None, "infinite")),
        (Bcd(1, null=frozenset({0xFFFF})), [0xFFFF], (None, "null")),
        (Bcd(1), [0x12A4], (None, "not BCD: 12a4")),
        (Bcd(2, ByteOrder.CDAB), [0x5678, 0x1234], (12345678, "")),
        (Flag(), [2], (True, "")),
        (Flag(), [False], (False, "")),
        (Bit(15), [0x8000], (True, "")),
        (Bit(0), [0xFFFE], (False, "")),
        (Text(6), [0x534E, 0x3100, 0x3939], ("SN1", "")),
        (Text(6), [0x534E, 0x3120, 0x2020], ("SN1", "")),
        (Text(3), [0x534E, 0x3139], ("SN1", "")),
        (Text(4, swapped=True), [0x4E53, 0x3231], ("SN12", "")),
        (Text(4, counted=True), [2, 0x534E, 0x3939], ("SN", "")),
        (Text(4, counted=True), [5, 0x534E, 0x3939], (None, "says 5 bytes of 4")),
        (Text(2), [0xFF41], (None, "not ascii: ff41")),
        (Text(2, "latin-1"), [0xE441], ("äA", "")),
        (Text(2), [0], ("", "")),
    ],
)
def test_words_mean(codec: Codec, words: list[int], decoded: Decoded) -> None:
    """Fillers, bad digits and foreign bytes have no value; padding and old tails are cut off."""
    assert codec.decode(words) == decoded


@pytest.mark.parametrize(
    ("codec", "value", "why"),
    [
        (Number("H"), -1, "-1 does not fit"),
        (Number("h"), 40_000, "40000 does not fit"),
        (Number("i"), 1.5, "1.5 is not a whole number"),
        (Number("i"), math.inf, "inf is not a whole number"),
        (Number("f"), math.nan, "nan is not finite"),
        (Number("f"), 1e39, "1e+39 does not fit"),
        pytest.param(Number("d"), 10**400, "does not fit", id="huge"),
        (Number("f"), "1", "'1' is not a number"),
        (Bcd(1), 10_000, "10000 does not fit into 4 digits"),
        (Bcd(1), -1, "-1 does not fit into 4 digits"),
        (Bcd(2), "1", "'1' is not a number"),
        (Flag(), 2, "2 is neither true nor false"),
        (Flag(), "1", "'1' is neither true nor false"),
        (Text(3), "ABCD", "'ABCD' does not fit into 3 bytes"),
        (Text(3), "A\0", r"'A\\x00' does not fit into 3 bytes"),
        (Text(3), "ä", "codec can't encode"),
        (Text(3), 7, "7 is not a text"),
    ],
)
def test_values_that_do_not_fit(codec: Codec, value: Scalar, why: str) -> None:
    """A value that the type cannot hold is refused, never cut, rounded or wrapped."""
    with pytest.raises(ValueError, match=why.replace("+", r"\+")):
        codec.encode(value)


def test_values_that_fit() -> None:
    """Integral floats and 0 or 1 are taken for what they say; text is padded with NUL."""
    assert Number("H").encode(3.0) == (3,)
    assert Flag().encode(1) == (1,)
    assert Bit(3).encode(value=True) == (8,)
    assert Bcd(1).encode(42) == (0x0042,)
    assert Text(4, swapped=True).encode("SN1") == (0x4E53, 0x0031)
    assert Text(4, counted=True).encode("SN") == (2, 0x534E, 0)
