"""What holds for every Modbus value and every layout (DOMAIN D-147 to D-151)."""

import math
import struct

from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Scalar
from drivers.modbus.codec import Bcd, Bit, ByteOrder, Codec, Flag, Number, Text
from drivers.modbus.layout import (
    MOST_BITS,
    MOST_REGISTERS,
    AddressBase,
    Limits,
    Point,
    Table,
    coalesce,
    locate,
)

ORDERS = st.sampled_from(ByteOrder)
WORD = st.integers(0, 0xFFFF)


def integers_of(form: str) -> st.SearchStrategy[int]:
    """Return every integer that a form of `struct` can hold."""
    bits = 8 * struct.calcsize(f">{form}")
    return (
        st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if form.islower()
        else st.integers(0, 2**bits - 1)
    )


@st.composite
def numbers(draw: st.DrawFn) -> tuple[Codec, Scalar]:
    """Return a numeric type with a value that it can hold."""
    form = draw(st.sampled_from("hHiIqQfd"))
    floats = {
        "f": st.floats(allow_nan=False, allow_infinity=False, width=32),
        "d": st.floats(allow_nan=False, allow_infinity=False),
    }
    values = floats[form] if form in floats else integers_of(form)
    return Number(form, draw(ORDERS)), draw(values)


@st.composite
def decimals(draw: st.DrawFn) -> tuple[Codec, Scalar]:
    """Return a BCD type with a value that it can hold."""
    size = draw(st.sampled_from([1, 2]))
    return Bcd(size, draw(ORDERS)), draw(st.integers(0, 10 ** (4 * size) - 1))


@st.composite
def texts(draw: st.DrawFn) -> tuple[Codec, Scalar]:
    """Return a text type with a text that it can hold."""
    encoding = draw(st.sampled_from(["ascii", "latin-1", "utf-8"]))
    characters = st.characters(codec=encoding, exclude_characters="\0")
    text = draw(st.text(characters, max_size=20)).rstrip(" ")
    length = max(1, len(text.encode(encoding))) + draw(st.integers(0, 9))
    return Text(length, encoding, draw(st.booleans()), draw(st.booleans())), text


@st.composite
def truths(draw: st.DrawFn) -> tuple[Codec, Scalar]:
    """Return a type of one bit with a value."""
    return draw(st.one_of(st.just(Flag()), st.builds(Bit, st.integers(0, 15)))), draw(st.booleans())


@given(st.one_of(numbers(), decimals(), texts(), truths()))
def test_what_is_written_is_what_is_read(of_a_type: tuple[Codec, Scalar]) -> None:
    """A value of any type and order comes back from its words, as many as declared."""
    codec, value = of_a_type
    words = codec.encode(value)
    assert len(words) == codec.size
    assert all(0 <= word <= 0xFFFF for word in words)
    assert codec.decode(words) == (value, "")


@given(st.sampled_from("hHiIqQfd"), ORDERS, st.data())
def test_any_words_are_a_value_or_a_reason(
    form: str, order: ByteOrder, data: st.DataObject
) -> None:
    """Words from a device make a finite number, or none with a reason; never an error."""
    codec = Number(form, order)
    value, why = codec.decode(data.draw(st.lists(WORD, min_size=codec.size, max_size=codec.size)))
    assert (value is None) == (why != "")
    assert value is None or (not isinstance(value, str) and math.isfinite(value))


@given(
    st.builds(
        Text, st.integers(1, 40), st.sampled_from(["ascii", "utf-8"]), st.booleans(), st.booleans()
    ),
    st.data(),
)
def test_any_words_are_a_text_or_a_reason(codec: Text, data: st.DataObject) -> None:
    """Bytes from a device make a text without NUL, as long as declared, or none with a reason."""
    value, why = codec.decode(data.draw(st.lists(WORD, min_size=codec.size, max_size=codec.size)))
    assert (value is None) == (why != "")
    if value is not None:
        assert isinstance(value, str)
        assert "\0" not in value
        assert len(value.encode(codec.encoding)) <= codec.length


@given(st.lists(WORD, min_size=2, max_size=2), st.integers(1, 2), ORDERS)
def test_bcd_digits_are_decimal_or_bad(words: list[int], size: int, order: ByteOrder) -> None:
    """A nibble above 9 anywhere leaves no number (D-149)."""
    value, _ = Bcd(size, order).decode(words[:size])
    nibbles = [word >> shift & 0xF for word in words[:size] for shift in (0, 4, 8, 12)]
    assert (value is None) == any(nibble > 9 for nibble in nibbles)


@given(ORDERS, st.binary(min_size=8, max_size=8))
def test_orders_agree_with_the_table(order: ByteOrder, raw: bytes) -> None:
    """Each order puts the bytes where its letters say, also for 64 bits taken word by word."""
    places = {"ABCD": "01234567", "CDAB": "67452301", "BADC": "10325476", "DCBA": "76543210"}
    stored = bytes(raw[int(place)] for place in places[order])
    words = struct.unpack(">4H", stored)
    assert Number("Q", order).decode(words) == (int.from_bytes(raw), "")


LIMITS = st.builds(Limits, max_read=st.integers(4, MOST_REGISTERS), max_gap=st.integers(0, 20))


@st.composite
def layouts(draw: st.DrawFn) -> list[Point]:
    """Return points of all tables, some of them on the same addresses."""
    points = []
    for number in range(draw(st.integers(0, 30))):
        table = draw(st.sampled_from(Table))
        codec: Codec = Flag() if table.of_bits else Number(draw(st.sampled_from("HIQ")))
        start = draw(st.one_of(st.integers(0, 300), st.integers(0xFF00, 0xFFF0)))
        points.append(Point(f"tag-{number}", table, start, codec, str(start)))
    return points


@given(layouts(), LIMITS)
def test_every_point_is_in_one_block(points: list[Point], limits: Limits) -> None:
    """Coalescing covers every tag exactly once, whole, and in its own table (D-151)."""
    blocks = coalesce(points, limits)
    assert sorted(point.tag for block in blocks for point in block.points) == sorted(
        point.tag for point in points
    )
    for block in blocks:
        assert all(point.table is block.table for point in block.points)
        assert all(block.start <= point.start < point.end <= block.end for point in block.points)


@given(layouts(), LIMITS)
def test_no_block_exceeds_a_limit(points: list[Point], limits: Limits) -> None:
    """A block keeps the protocol's limits, the device's, and bridges no gap above the declared."""
    for block in coalesce(points, limits):
        assert block.count <= (MOST_BITS if block.table.of_bits else limits.max_read)
        end = block.start
        for point in block.points:
            assert point.start - end <= limits.max_gap
            end = max(end, point.end)
        assert (block.points[0].start, end) == (block.start, block.end)


@given(layouts(), LIMITS)
def test_halves_hold_the_same_points(points: list[Point], limits: Limits) -> None:
    """Splitting a block again and again ends with each of its points alone and none lost."""
    blocks = list(coalesce(points, limits))
    singles = []
    while blocks:
        block = blocks.pop()
        blocks += block.halves()
        singles += [] if block.halves() else [block.points]
    assert sorted(alone.tag for (alone,) in singles) == sorted(point.tag for point in points)


@given(st.sampled_from([Table.COIL, Table.DISCRETE, Table.INPUT, Table.HOLDING]), st.data())
def test_bases_name_the_same_place(table: Table, data: st.DataObject) -> None:
    """Every address on the wire has one number in each base, and that number leads back to it."""
    wire = data.draw(st.integers(0, 0xFFFF))
    digit = {Table.COIL: 0, Table.DISCRETE: 1, Table.INPUT: 3, Table.HOLDING: 4}[table]
    there = (table, wire)
    assert locate(AddressBase.WIRE, table, wire) == there
    assert locate(AddressBase.ONE, table, wire + 1) == there
    assert locate(AddressBase.MODICON, None, f"{digit}{wire + 1:05d}") == there
    if wire < 9999:
        assert locate(AddressBase.MODICON, None, digit * 10_000 + wire + 1) == there
