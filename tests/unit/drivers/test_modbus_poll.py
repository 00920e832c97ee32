"""What a watch reports of its blocks (DOMAIN D-151, D-152), without any device."""

import asyncio
from typing import cast

from drivers.base import Quality, TagFault, TagValue
from drivers.modbus.bus import Session
from drivers.modbus.codec import Bit, Number
from drivers.modbus.faults import BUSY, CONFIGURATION, meaning, rest_s
from drivers.modbus.layout import Block, Limits, Point, Table, coalesce
from drivers.modbus.link import Refusal
from drivers.modbus.poll import Watch


class Device:
    """Registers 0 to 99 that answer at once, or refuse."""

    def __init__(self) -> None:
        self.words = dict.fromkeys(range(100), 0)
        self.refuse = dict[range, int]()
        self.asked: list[tuple[int, int]] = []

    async def read(self, block: Block) -> list[int]:
        """Return the words of the block, or raise what a range of it is refused with."""
        self.asked.append((block.start, block.count))
        for at, code in self.refuse.items():
            if at.start < block.end and at.stop > block.start:
                raise Refusal(code)
        return [self.words[at] for at in range(block.start, block.end)]


class Looking:
    """A watch on such a device; each look begins 100 ms after the last one."""

    def __init__(self, *points: Point) -> None:
        self.device = Device()
        self.watch = Watch(coalesce(points, Limits()))
        self.boot_ms = 1_000
        self.watch.begin(self.boot_ms)
        self.faults: list[TagFault] = []
        self.since_ms = 0

    def look(self, after_ms: int = 100) -> dict[str, TagValue]:
        """Return what changed, by tag."""
        self.boot_ms += after_ms
        session = cast("Session", self.device)
        looked = asyncio.run(self.watch.look(session, lambda: self.boot_ms))
        self.since_ms, values, self.faults = looked
        return {value.tag: value for value in values}


def register(tag: str, start: int) -> Point:
    """Return a holding register."""
    return Point(tag, Table.HOLDING, start, Number("H"), str(start))


def good(tag: str, value: int) -> TagValue:
    """Return a GOOD value."""
    return TagValue(tag=tag, value=value, quality=Quality.GOOD)


def bad(tag: str, code: int) -> TagValue:
    """Return that a tag is refused."""
    return TagValue(tag=tag, value=None, quality=Quality.BAD, code=f"exception {code}")


def test_first_look_reports_all_and_later_ones_what_changed() -> None:
    """A value is reported at the first look, and then when it changes."""
    looking = Looking(register("a", 0), register("b", 1))
    assert looking.look() == {"a": good("a", 0), "b": good("b", 0)}
    assert looking.look() == {}
    looking.device.words[1] = 7
    assert looking.look() == {"b": good("b", 7)}


def test_change_happened_after_the_look_before_began() -> None:
    """The interval of a change begins with the look that did not show it yet (D-24)."""
    looking = Looking(register("a", 0))
    looking.look()
    before_ms = looking.boot_ms
    looking.look()
    looking.device.words[0] = 1
    assert (looking.look(), looking.since_ms) == ({"a": good("a", 1)}, before_ms + 100)


def test_bits_of_one_word_change_alone() -> None:
    """Of two bits in one register only the one that moved is reported."""
    bits = [Point(f"bit-{at}", Table.HOLDING, 3, Bit(at), "3") for at in (0, 9)]
    looking = Looking(*bits)
    looking.look()
    looking.device.words[3] = 1 << 9 | 1 << 5
    assert [*looking.look()] == ["bit-9"]


def test_refused_value_is_bad_and_never_the_old_one() -> None:
    """A device that is busy leaves BAD with its code; the next look asks again (D-152)."""
    looking = Looking(register("a", 0))
    looking.look()
    looking.device.refuse[range(1)] = 6
    assert looking.look() == {"a": bad("a", 6)}
    assert looking.look() == {}
    looking.device.refuse.clear()
    assert looking.look() == {"a": good("a", 0)}


def test_joined_block_is_split_and_never_asked_joined_again() -> None:
    """A hole in a joined block leaves its neighbours readable, from then on each on its own."""
    looking = Looking(*(register(f"r{at}", at) for at in (0, 1, 4, 5)))
    looking.device.refuse[range(2, 4)] = 2
    assert {tag: value.quality for tag, value in looking.look().items()} == dict.fromkeys(
        ("r0", "r1", "r4", "r5"), Quality.GOOD
    )
    assert looking.device.asked == [(0, 6), (0, 2), (4, 2)]
    looking.look()
    looking.watch.begin(looking.boot_ms)  # another link: what was learned stays
    looking.look()
    assert looking.device.asked[3:] == [(0, 2), (4, 2)] * 2
    assert looking.faults == []


def test_tag_that_is_not_there_is_a_fault_and_not_hammered() -> None:
    """An address that the device has not got is named, and left alone for a minute."""
    looking = Looking(register("a", 0), register("b", 1))
    looking.device.refuse[range(1, 2)] = 2
    assert looking.look() == {"a": good("a", 0), "b": bad("b", 2)}
    assert looking.faults == [
        TagFault(
            tag="b",
            cause="address 1 (holding, on the wire 1): there is no such address (exception 2)",
            hint="compare with the device's register list; check address_base",
        )
    ]
    looking.device.asked.clear()
    looking.look(59_000)
    assert looking.device.asked == [(0, 1)]
    looking.look(1_000)
    assert looking.device.asked == [(0, 1), (0, 1), (1, 1)]


def test_unknown_function_is_not_tried_piece_by_piece() -> None:
    """A device that does not know the function does not know it for any part of the block."""
    looking = Looking(register("a", 0), register("b", 1))
    looking.device.refuse[range(2)] = 1
    looking.look()
    assert looking.device.asked == [(0, 2)]
    assert [fault.tag for fault in looking.faults] == ["a", "b"]


def test_failing_device_rests_a_second() -> None:
    """A device that failed (4) is asked again after a second; it is no fault of the file."""
    looking = Looking(register("a", 0))
    looking.device.refuse[range(1)] = 4
    assert looking.look() == {"a": bad("a", 4)}
    assert looking.faults == []
    looking.look(900)
    assert len(looking.device.asked) == 1
    looking.look(100)
    assert len(looking.device.asked) == 2


def test_every_exception_has_a_meaning_and_a_rest() -> None:
    """Each code, also one that nobody knows, says what it means and when to ask again."""
    for code in range(1, 256):
        cause, hint = meaning(code)
        assert cause.endswith(f"(exception {code})")
        assert hint
        assert rest_s(code) == (0 if code in BUSY else 60 if code in CONFIGURATION else 1)
