"""Looking at a set of blocks again and again: what is there, what changed, what has to rest.

Laws:
    1. A joined block that the device refuses is split, and never asked for joined again (D-151).
    2. A refused value is BAD with the exception's code, never the old value (D-152).
    3. A value that did not change is not reported; the first look reports all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from drivers.base import Quality, TagFault, TagValue
from drivers.modbus.bus import Session
from drivers.modbus.codec import Words
from drivers.modbus.faults import CONFIGURATION, SPLITTABLE, bad, fault, rest_s
from drivers.modbus.layout import Block, Point
from drivers.modbus.link import Refusal


@dataclass(frozen=True, slots=True)
class Look:
    """What one block gave: its words, or the device's refusal."""

    block: Block
    words: Words | None
    refusal: Refusal | None = None

    def values(self, before: Words | None = None) -> list[TagValue]:
        """Return a value for each point whose words are not those of the look before."""
        words, start = self.words, self.block.start
        if words is None:
            code = str(self.refusal)
            return [bad(point, code) for point in self.block.points]
        return [
            value_of(point, here)
            for point in self.block.points
            if (here := words[point.start - start : point.end - start])
            != (before and before[point.start - start : point.end - start])
        ]

    def faults(self) -> list[TagFault]:
        """Return the tags that the device has not got."""
        if self.refusal is None or self.refusal.code not in CONFIGURATION:
            return []
        return [fault(point, self.refusal) for point in self.block.points]


def value_of(point: Point, words: Words) -> TagValue:
    """Return what a point's words mean: GOOD, or BAD with the reason."""
    value, why = point.codec.decode(words)
    if value is None:
        return bad(point, why)
    return TagValue(tag=point.tag, value=value, quality=Quality.GOOD)


async def look_at(session: Session, block: Block) -> list[Look]:
    """Return what a block gives, in one look or, where the device refuses it whole, in several.

    Raises:
        LinkDownError: the session is over.
    """
    try:
        return [Look(block, await session.read(block))]
    except Refusal as refusal:
        halves = block.halves() if refusal.code in SPLITTABLE else ()
        if not halves:
            return [Look(block, None, refusal)]
    return [look for half in halves for look in await look_at(session, half)]


async def look_at_all(session: Session, blocks: list[Block]) -> list[Look]:
    """Return what the blocks give; blocks that had to be split are replaced by their parts.

    Raises:
        LinkDownError: the session is over.
    """
    looks = [look for block in blocks for look in await look_at(session, block)]
    blocks[:] = [look.block for look in looks]
    return looks


@dataclass(slots=True)
class _Watched:
    """One block between two looks."""

    block: Block
    looked_ms: int
    """When the last look began, by the boot clock."""
    rest_until_ms: int = 0
    words: Words | None = None


class Watch:
    """The blocks of one polling interval. What it learned of the device outlives a link."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._watched = [_Watched(block, 0) for block in blocks]
        self._known: dict[str, TagValue] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to look at."""
        return not self._watched

    def begin(self, now_ms: int) -> None:
        """Forget what the last link showed; the next look reports everything."""
        self._watched = [_Watched(watched.block, now_ms) for watched in self._watched]
        self._known = {}

    async def look(
        self, session: Session, boot_ms: Callable[[], int]
    ) -> tuple[int, list[TagValue], list[TagFault]]:
        """Return since when, what changed, and which tags the device has not got.

        Blocks that rest are left out. The changes happened after the first number: when the look
        before this one began.

        Raises:
            LinkDownError: the session is over.
        """
        since_ms, changed, faults = boot_ms(), list[TagValue](), list[TagFault]()
        after: list[_Watched] = []
        for watched in self._watched:
            began_ms = boot_ms()
            if began_ms < watched.rest_until_ms:
                after.append(watched)
                continue
            for look in await look_at(session, watched.block):
                whole = look.block is watched.block
                new = self._changes(look, watched.words if whole else None)
                if new:
                    since_ms = min(since_ms, watched.looked_ms)
                    changed += new
                faults += look.faults()
                rest_ms = int(rest_s(look.refusal.code) * 1000) if look.refusal else 0
                after.append(_Watched(look.block, began_ms, began_ms + rest_ms, look.words))
        self._watched = after
        return since_ms, changed, faults

    def _changes(self, look: Look, before: Words | None) -> Sequence[TagValue]:
        """Return the values that differ from what is known, and know them from now on."""
        if look.words is not None and look.words == before:
            return ()
        new = [value for value in look.values(before) if self._known.get(value.tag) != value]
        self._known.update((value.tag, value) for value in new)
        return new
