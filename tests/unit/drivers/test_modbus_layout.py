"""Addresses as manuals write them, and how they are joined (DOMAIN D-146, D-151)."""

import pytest

from drivers.modbus.codec import Flag, Number
from drivers.modbus.layout import (
    AddressBase,
    AddressError,
    Block,
    Limits,
    Point,
    Table,
    block_of,
    coalesce,
    locate,
)


@pytest.mark.parametrize(
    ("base", "table", "address", "place"),
    [
        (AddressBase.WIRE, Table.HOLDING, 0, (Table.HOLDING, 0)),
        (AddressBase.ONE, Table.INPUT, 1, (Table.INPUT, 0)),
        (AddressBase.MODICON, None, 40_001, (Table.HOLDING, 0)),
        (AddressBase.MODICON, None, 400_001, (Table.HOLDING, 0)),
        (AddressBase.MODICON, None, 30_100, (Table.INPUT, 99)),
        (AddressBase.MODICON, None, 10_017, (Table.DISCRETE, 16)),
        (AddressBase.MODICON, None, 17, (Table.COIL, 16)),
        (AddressBase.MODICON, None, "00017", (Table.COIL, 16)),
        (AddressBase.MODICON, None, "010017", (Table.COIL, 10_016)),
        (AddressBase.MODICON, Table.HOLDING, 465_536, (Table.HOLDING, 65_535)),
    ],
)
def test_place(
    base: AddressBase, table: Table | None, address: int | str, place: tuple[Table, int]
) -> None:
    """The same register has another number in each base; 40001 is holding 0 on the wire."""
    assert locate(base, table, address) == place


@pytest.mark.parametrize(
    ("base", "table", "address", "why"),
    [
        (AddressBase.WIRE, None, 5, "say which table: one of coil, discrete, input, holding"),
        (AddressBase.WIRE, Table.COIL, "5", "'5' is not a number"),
        (AddressBase.WIRE, Table.COIL, 65_536, "65536 is outside 0..65535 (address_base: wire)"),
        (AddressBase.ONE, Table.COIL, 0, "0 is outside 1..65536 (address_base: one)"),
        (AddressBase.MODICON, None, 20_001, "20001 does not begin with 0, 1, 3 or 4"),
        (AddressBase.MODICON, None, 40_000, "40000 counts from 1 to 65536 behind the first digit"),
        (
            AddressBase.MODICON,
            None,
            465_537,
            "465537 counts from 1 to 65536 behind the first digit",
        ),
        (AddressBase.MODICON, None, -1, "-1 is not of the form 40001 or 400001"),
        (AddressBase.MODICON, None, "4x001", "'4x001' is not of the form 40001 or 400001"),
        (AddressBase.MODICON, None, 4_000_001, "4000001 is not of the form 40001 or 400001"),
        (AddressBase.MODICON, Table.INPUT, 40_001, "40001 is in table holding, not input"),
    ],
)
def test_no_place(base: AddressBase, table: Table | None, address: int | str, why: str) -> None:
    """A number that is no address under the declared base is refused with the reason."""
    with pytest.raises(AddressError) as refused:
        locate(base, table, address)
    assert str(refused.value) == why


def register(tag: str, start: int, form: str = "H") -> Point:
    """Return a holding register."""
    return Point(tag, Table.HOLDING, start, Number(form), str(start))


def ranges(blocks: tuple[Block, ...]) -> list[tuple[int, int]]:
    """Return where the blocks begin and end."""
    return [(block.start, block.end) for block in blocks]


def test_gap_of_the_declared_length_is_bridged() -> None:
    """Eight unused registers are read along by default, nine are not."""
    near, far = register("b", 9), register("c", 19)
    assert ranges(coalesce([register("a", 0), near, far], Limits())) == [(0, 10), (19, 20)]
    assert ranges(coalesce([register("a", 0), near], Limits(max_gap=0))) == [(0, 1), (9, 10)]


def test_value_is_not_split_at_the_limit() -> None:
    """A value that would straddle the limit of one request begins the next one."""
    points = [register("a", 0), register("b", 1), register("c", 2, "I")]
    assert ranges(coalesce(points, Limits(max_read=3))) == [(0, 2), (2, 4)]


def test_bits_have_their_own_limit() -> None:
    """2,000 bits fit one request, or 16 for each register that the device takes."""
    bits = [Point(str(at), Table.COIL, at, Flag(), str(at)) for at in range(2_001)]
    assert ranges(coalesce(bits, Limits())) == [(0, 2_000), (2_000, 2_001)]
    assert ranges(coalesce(bits[:33], Limits(max_read=2))) == [(0, 32), (32, 33)]


def test_words_for_messages() -> None:
    """Points and blocks say where they are, in the user's words and in the wire's."""
    point = Point("count", Table.HOLDING, 100, Number("I"), "40101")
    assert str(point) == "address 40101 (holding, on the wire 100)"
    assert str(block_of([point])) == "holding 100..101 on the wire"
