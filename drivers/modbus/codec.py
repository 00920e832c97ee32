"""What registers and bits mean: pure translation between words on the wire and values.

Nothing here guesses. Words that do not make a value of the declared type (a BCD nibble above 9, a
NaN, a declared filler, bytes outside the encoding) give no value and the reason (D-148, D-149).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Protocol

from drivers.base import Scalar

Words = Sequence[int] | Sequence[bool]
"""Registers (0 to 65535) or coils, in the order of their addresses."""

Decoded = tuple[Scalar | None, str]
"""A value and an empty text, or None and why there is none."""

WORD = 0xFFFF


@unique
class ByteOrder(StrEnum):
    """Where the four bytes of a 32-bit value stand in two registers (D-147)."""

    ABCD = "ABCD"
    """High word first, high byte first: what most manuals call big-endian."""
    CDAB = "CDAB"
    """Low word first, high byte first: word-swapped."""
    BADC = "BADC"
    """High word first, low byte first: byte-swapped."""
    DCBA = "DCBA"
    """Low word first, low byte first: little-endian."""

    @property
    def low_word_first(self) -> bool:
        """Whether the registers stand in reverse order."""
        return self in {ByteOrder.CDAB, ByteOrder.DCBA}

    @property
    def low_byte_first(self) -> bool:
        """Whether the two bytes of each register are exchanged."""
        return self in {ByteOrder.BADC, ByteOrder.DCBA}


class Codec(Protocol):
    """One declared type: how many words it takes and what they mean."""

    @property
    def size(self) -> int:
        """Registers (or coils) that one value takes."""
        ...

    def decode(self, words: Words) -> Decoded:
        """Return the value of exactly `size` words, or None and the reason."""
        ...

    def encode(self, value: Scalar) -> tuple[int, ...]:
        """Return the words of a value.

        Raises:
            ValueError: the type cannot hold the value.
        """
        ...


def as_bool(value: Scalar) -> bool:
    """Return a truth value given as such or as 0 or 1.

    Raises:
        ValueError: it is anything else.
    """
    if value in (0, 1):
        return bool(value)
    raise ValueError(f"{value!r} is neither true nor false")


def as_number(value: Scalar) -> int | float:
    """Return a number that is not a text.

    Raises:
        ValueError: it is a text.
    """
    if isinstance(value, str):
        raise ValueError(f"{value!r} is not a number")  # noqa: TRY004 - encode() raises one class
    return value


def as_whole(value: Scalar) -> int:
    """Return an integer given as such or as an integral float.

    Raises:
        ValueError: it is a text, has a fraction or is not finite.
    """
    number = as_number(value)
    if isinstance(number, float) and not number.is_integer():
        raise ValueError(f"{value!r} is not a whole number")
    return int(number)


@dataclass(frozen=True, slots=True)
class Flag:
    """A coil, or a register of its own that is 0 or not."""

    size: int = 1

    def decode(self, words: Words) -> Decoded:
        """Return whether the word is other than 0."""
        return bool(words[0]), ""

    def encode(self, value: Scalar) -> tuple[int, ...]:
        """Return 1 or 0."""
        return (int(as_bool(value)),)


@dataclass(frozen=True, slots=True)
class Bit:
    """One bit of a register; bit 0 is the lowest. It is encoded as if the others were 0."""

    bit: int
    size: int = 1

    def decode(self, words: Words) -> Decoded:
        """Return whether the bit is set."""
        return bool(words[0] >> self.bit & 1), ""

    def encode(self, value: Scalar) -> tuple[int, ...]:
        """Return the word in which at most this bit is set."""
        return (int(as_bool(value)) << self.bit,)


def _reordered(words: Sequence[int], order: ByteOrder) -> Sequence[int]:
    """Return words of that order in standard order, or the reverse: it is its own inverse."""
    if order.low_word_first:
        words = words[::-1]
    if order.low_byte_first:
        words = [word >> 8 | (word & 0xFF) << 8 for word in words]
    return words


@dataclass(frozen=True, slots=True)
class Number:
    """An integer or a float of 16, 32 or 64 bits.

    A single register is always high byte first: only beyond 16 bits is the order the maker's
    choice (D-147).
    """

    form: str
    """The type as `struct` writes it: h H i I q Q f d."""
    order: ByteOrder = ByteOrder.ABCD
    null: frozenset[int | float] = frozenset()
    """Fillers that stand for "no value", as the value itself or as its raw bits."""

    @property
    def size(self) -> int:
        """Registers that one value takes."""
        return struct.calcsize(f">{self.form}") // 2

    @property
    def _is_float(self) -> bool:
        return self.form in "fd"

    def decode(self, words: Words) -> Decoded:
        """Return the number, or None for a filler, a NaN or an infinity."""
        if self.form == "H" and not self.null:
            return words[0], ""
        count = len(words)
        ordered = words if count == 1 else _reordered(words, self.order)
        raw = struct.pack(f">{count}H", *ordered)
        value: int | float = struct.unpack(f">{self.form}", raw)[0]
        if self.null and (value in self.null or int.from_bytes(raw) in self.null):
            return None, "null"
        if self._is_float and not math.isfinite(value):
            return None, "not a number" if math.isnan(value) else "infinite"
        return value, ""

    def encode(self, value: Scalar) -> tuple[int, ...]:
        """Return the words of the number.

        Raises:
            ValueError: it is no number, not finite, or out of range.
        """
        try:
            number = float(as_number(value)) if self._is_float else as_whole(value)
            raw = struct.pack(f">{self.form}", number)
        except (struct.error, OverflowError) as error:
            raise ValueError(f"{value!r} does not fit") from error
        if not math.isfinite(number):
            raise ValueError(f"{value!r} is not finite")
        words = struct.unpack(f">{self.size}H", raw)
        return tuple(words if self.size == 1 else _reordered(words, self.order))


@dataclass(frozen=True, slots=True)
class Bcd:
    """Four decimal digits to a register, one to a nibble."""

    size: int
    """1 or 2 registers."""
    order: ByteOrder = ByteOrder.ABCD
    null: frozenset[int | float] = frozenset()

    def decode(self, words: Words) -> Decoded:
        """Return the number, or None for a filler or where a nibble is above 9 (D-149)."""
        ordered = words if self.size == 1 else _reordered(words, self.order)
        digits = "".join(f"{word:04x}" for word in ordered)
        if int(digits, 16) in self.null:
            return None, "null"
        if not digits.isdecimal():
            return None, f"not BCD: {digits}"
        return int(digits), ""

    def encode(self, value: Scalar) -> tuple[int, ...]:
        """Return the words of the number.

        Raises:
            ValueError: it is no whole number, negative, or has too many digits.
        """
        digits = f"{as_whole(value):0{4 * self.size}d}"
        if len(digits) > 4 * self.size or not digits.isdecimal():
            raise ValueError(f"{value!r} does not fit into {4 * self.size} digits")
        words = [int(digits[at : at + 4], 16) for at in range(0, len(digits), 4)]
        return tuple(words if self.size == 1 else _reordered(words, self.order))


@dataclass(frozen=True, slots=True)
class Text:
    """Characters, two to a register, cut at the first NUL: behind it an older text may stand."""

    length: int
    """Bytes that the text may take."""
    encoding: str = "ascii"
    swapped: bool = False
    """Whether the first character stands in the low byte."""
    counted: bool = False
    """Whether a register in front says how many bytes count."""

    @property
    def size(self) -> int:
        """Registers that the text takes, its count included."""
        return (self.length + 1) // 2 + self.counted

    def decode(self, words: Words) -> Decoded:
        """Return the text without its padding (NUL or space), or None for foreign bytes."""
        raw = struct.pack(f"{'<' if self.swapped else '>'}{len(words)}H", *words)
        if self.counted:
            count, raw = words[0], raw[2:]
            if count > self.length:
                return None, f"says {count} bytes of {self.length}"
            raw = raw[:count]
        raw = raw[: self.length].split(b"\0", 1)[0]
        try:
            return raw.decode(self.encoding).rstrip(" "), ""
        except UnicodeDecodeError:
            return None, f"not {self.encoding}: {raw.hex()}"

    def encode(self, value: Scalar) -> tuple[int, ...]:
        """Return the words of the text, padded with NUL.

        Raises:
            ValueError: it is no text, too long, holds a NUL or is outside the encoding.
        """
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is not a text")  # noqa: TRY004 - encode() raises one class
        raw = value.encode(self.encoding)
        if len(raw) > self.length or b"\0" in raw:
            raise ValueError(f"{value!r} does not fit into {self.length} bytes")
        padded = raw.ljust((self.length + 1) // 2 * 2, b"\0")
        words = struct.unpack(f"{'<' if self.swapped else '>'}{len(padded) // 2}H", padded)
        return (len(raw), *words) if self.counted else words
