"""Looking at a set of blocks again and again: what is there, what changed, what has to rest.

Laws:
    1. A joined block that the device refuses is split, and never asked for joined again (D-151).
    2. A refused value is BAD with the exception's code, never the old value (D-152).
    3. A value that did not change is not reported; the first look reports all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from drivers.base import Quality, TagFault, TagValue
from drivers.modbus.bus import Session
from drivers.modbus.codec import Decoded, Words
from drivers.modbus.faults import CONFIGURATION, SPLITTABLE, fault, rest_s
from drivers.modbus.layout import Block, Span
from drivers.modbus.link import Refusal

GOOD, BAD = Quality.GOOD, Quality.BAD


@dataclass(frozen=True, slots=True)
class Look:
    """What one block gave: its words, or the device's refusal."""

    block: Block
    words: Words | None
    refusal: Refusal | None = None

    def decoded(self, spans: Iterable[Span]) -> list[tuple[str, Decoded]]:
        """Return tag and content of points of the block: a value, or None and why there is none."""
        words = self.words
        if words is None:
            refused = (None, str(self.refusal))
            return [(span.point.tag, refused) for span in spans]
        return [
            (span.point.tag, span.point.codec.decode(words[span.first : span.behind]))
            for span in spans
        ]

    def values(self) -> list[TagValue]:
        """Return a value for each point, in the order of the addresses."""
        return [value_of(tag, decoded) for tag, decoded in self.decoded(self.block.spans)]

    def faults(self) -> list[TagFault]:
        """Return the tags that the device has not got."""
        if self.refusal is None or self.refusal.code not in CONFIGURATION:
            return []
        return [fault(span.point, self.refusal) for span in self.block.spans]


def value_of(tag: str, decoded: Decoded) -> TagValue:
    """Return a tag's value: GOOD, or BAD with the reason."""
    value, why = decoded
    return TagValue(tag=tag, value=value, quality=BAD if value is None else GOOD, code=why)


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
        self._known: dict[str, Decoded] = {}

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
        began_ms = since_ms = boot_ms()
        changed: list[TagValue] = []
        faults: list[TagFault] = []
        after: list[_Watched] = []
        for watched in self._watched:
            if began_ms < watched.rest_until_ms:
                after.append(watched)
                continue
            for look in await look_at(session, watched.block):
                new = self._changes(look, watched)
                if new:
                    since_ms = min(since_ms, watched.looked_ms)
                    changed += new
                rest_ms = 0
                if look.refusal is not None:
                    faults += look.faults()
                    rest_ms = int(rest_s(look.refusal.code) * 1000)
                after.append(_Watched(look.block, began_ms, began_ms + rest_ms, look.words))
        self._watched = after
        return since_ms, changed, faults

    def _changes(self, look: Look, watched: _Watched) -> list[TagValue]:
        """Return the values that differ from what is known, and know them from now on."""
        spans: Iterable[Span] = look.block.spans
        if look.words is not None and look.block is watched.block:
            spans = look.block.moved(look.words, watched.words)
        known = self._known
        new = [item for item in look.decoded(spans) if known.get(item[0]) != item[1]]
        known.update(new)
        return [value_of(tag, decoded) for tag, decoded in new]
