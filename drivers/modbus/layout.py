"""Where values stand in a device: pure addressing, and which of them one request can fetch.

Laws:
    1. On the wire addresses start at 0; what the station file means by a number is declared, never
       guessed (D-146). Faults name an address as the user wrote it.
    2. Every point is in exactly one block; a block keeps the request limits (D-150) and never
       splits a value (D-151).
    3. Points are joined over gaps only up to the declared length (D-151).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from itertools import chain, compress
from operator import ne

from drivers.modbus.codec import Codec, Words

LAST_ADDRESS = 0xFFFF
MOST_REGISTERS = 125
"""Registers in one read (D-150)."""
MOST_BITS = 2000
"""Coils or discrete inputs in one read (D-150)."""
MOST_WRITTEN = 123
"""Registers in one write (D-150)."""


@unique
class Table(StrEnum):
    """The four address spaces of a Modbus device."""

    COIL = "coil"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"

    @property
    def of_bits(self) -> bool:
        """Whether an address holds one bit and not a register."""
        return self in {Table.COIL, Table.DISCRETE}

    @property
    def can_be_written(self) -> bool:
        """Whether the protocol has a function that writes here."""
        return self in {Table.COIL, Table.HOLDING}

    @property
    def most(self) -> int:
        """How many addresses one read may fetch."""
        return MOST_BITS if self.of_bits else MOST_REGISTERS


@unique
class AddressBase(StrEnum):
    """What the numbers in the station file count from."""

    WIRE = "wire"
    """0 is the first register, as on the wire."""
    ONE = "one"
    """1 is the first register."""
    MODICON = "modicon"
    """40001 is the first holding register, 30001 input, 10001 discrete, 1 coil; or six digits."""


_MODICON = {"0": Table.COIL, "1": Table.DISCRETE, "3": Table.INPUT, "4": Table.HOLDING}


class AddressError(ValueError):
    """The number is no address under the declared base; the text says why."""


def locate(base: AddressBase, table: Table | None, address: int | str) -> tuple[Table, int]:
    """Return the table and the address on the wire that the station file means.

    Raises:
        AddressError: the number and the base (or the table) do not fit.
    """
    if base is AddressBase.MODICON:
        return _modicon(table, address)
    if table is None:
        raise AddressError(f"say which table: one of {', '.join(Table)}")
    if not isinstance(address, int):
        raise AddressError(f"{address!r} is not a number")
    wire = address - (base is AddressBase.ONE)
    if not 0 <= wire <= LAST_ADDRESS:
        first = int(base is AddressBase.ONE)
        raise AddressError(
            f"{address} is outside {first}..{LAST_ADDRESS + first} (address_base: {base})"
        )
    return table, wire


def _modicon(table: Table | None, address: int | str) -> tuple[Table, int]:
    """Return table and wire address of a number whose first digit names the table.

    Five digits (40001) or six (400001). YAML drops leading zeros of a number, so a short one is
    five digits of a coil; a six-digit coil is written in quotes ("010001").
    """
    digits = f"{address:05d}" if isinstance(address, int) else address
    if not (digits.isascii() and digits.isdecimal() and len(digits) in {5, 6}):
        raise AddressError(f"{address!r} is not of the form 40001 or 400001")
    named = _MODICON.get(digits[0])
    if named is None:
        raise AddressError(f"{address} does not begin with 0, 1, 3 or 4")
    if table not in {None, named}:
        raise AddressError(f"{address} is in table {named}, not {table}")
    wire = int(digits[1:]) - 1
    if not 0 <= wire <= LAST_ADDRESS:
        raise AddressError(f"{address} counts from 1 to {LAST_ADDRESS + 1} behind the first digit")
    return named, wire


@dataclass(frozen=True, slots=True)
class Point:
    """One tag's place in the device."""

    tag: str
    table: Table
    start: int
    """First address on the wire."""
    codec: Codec
    written: str
    """The address as the station file writes it, for messages."""

    @property
    def end(self) -> int:
        """The address behind the last one."""
        return self.start + self.codec.size

    def __str__(self) -> str:
        """Return the place in the user's words and the wire's."""
        return f"address {self.written} ({self.table}, on the wire {self.start})"


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """A point's words within its block's."""

    point: Point
    first: int
    behind: int


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What one request fetches: the points lie in [start, end), in the order of their addresses."""

    table: Table
    start: int
    end: int
    spans: tuple[Span, ...]
    spans_at: tuple[tuple[Span, ...], ...]
    """For each word of the block the points that it belongs to."""

    @property
    def count(self) -> int:
        """How many addresses the request names."""
        return self.end - self.start

    @property
    def points(self) -> tuple[Point, ...]:
        """The points in it."""
        return tuple(span.point for span in self.spans)

    def __str__(self) -> str:
        """Return the range on the wire."""
        return f"{self.table} {self.start}..{self.end - 1} on the wire"

    def halves(self) -> tuple[Block, ...]:
        """Return two blocks that hold the same points; none if there is only one point."""
        middle = len(self.spans) // 2
        parts = (self.points[:middle], self.points[middle:]) if middle else ()
        return tuple(block_of(part) for part in parts)

    def moved(self, words: Words, before: Words | None) -> Iterable[Span]:
        """Return the points of which a word is not what it was; all if there is no before."""
        if before is None:
            return self.spans
        if words == before:
            return ()
        at_moved = compress(self.spans_at, map(ne, words, before))
        return dict.fromkeys(chain.from_iterable(at_moved))


def block_of(points: Sequence[Point]) -> Block:
    """Return the smallest block around points of one table, at least one of them."""
    inside = sorted(points, key=lambda point: (point.start, point.end))
    start, end = inside[0].start, max(point.end for point in inside)
    spans = tuple(Span(point, point.start - start, point.end - start) for point in inside)
    spans_at: list[list[Span]] = [[] for _ in range(end - start)]
    for span in spans:
        for at in range(span.first, span.behind):
            spans_at[at].append(span)
    return Block(inside[0].table, start, end, spans, tuple(map(tuple, spans_at)))


@dataclass(frozen=True, slots=True)
class Limits:
    """What the device takes in one request."""

    max_read: int = MOST_REGISTERS
    """Registers; a device that takes fewer of them takes 16 times as many bits."""
    max_gap: int = 8
    """Addresses between two points that may be fetched along."""

    def most(self, table: Table) -> int:
        """Return how many addresses of the table one read may fetch."""
        return min(table.most, self.max_read * (16 if table.of_bits else 1))


def coalesce(points: Iterable[Point], limits: Limits) -> tuple[Block, ...]:
    """Return blocks that hold each point once, as few as neighbours within the limits allow."""
    blocks: list[Block] = []
    run: list[Point] = []
    end = 0
    for point in sorted(points, key=lambda one: (one.table, one.start, one.end)):
        fits = (
            run
            and point.table is run[0].table
            and point.start - end <= limits.max_gap
            and max(end, point.end) - run[0].start <= limits.most(point.table)
        )
        if run and not fits:
            blocks.append(block_of(run))
            run, end = [], 0
        run.append(point)
        end = max(end, point.end)
    if run:
        blocks.append(block_of(run))
    return tuple(blocks)
