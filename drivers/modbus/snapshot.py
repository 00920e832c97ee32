"""One coherent look at a group: guard, data, guard (D-21).

One request is no promise: the device may write between two of its registers (M3). A group that is
fetched whole by one request, begins with a guard and ends with the PLC's second copy of it
(`copy_of`) needs no second look at the guard; every other group does.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.base import Quality, TagGroup, TagValue
from drivers.modbus.bus import Session
from drivers.modbus.faults import BUSY
from drivers.modbus.layout import Block, Limits, Point, coalesce
from drivers.modbus.poll import look_at_all

_BUSY_CODES = {f"exception {code}" for code in BUSY}


class Snapshot:
    """How one group is fetched; parts of it that the device refuses joined are remembered."""

    def __init__(
        self,
        group: TagGroup,
        points: Mapping[str, Point],
        copies: Mapping[str, str | None],
        limits: Limits,
    ) -> None:
        self._group = group
        self._order = tuple(points)
        self._guard = list(coalesce((points[tag] for tag in dict.fromkeys(group.guard)), limits))
        self._whole = list(coalesce(points.values(), limits))
        self._copy = _closing_copy(group, self._whole, copies)
        data = [point for tag, point in points.items() if tag not in group.guard]
        self._data = list(coalesce(data, limits))

    async def take(self, session: Session) -> tuple[tuple[TagValue, ...], bool, bool]:
        """Return the values, whether they are coherent, and whether another try cannot do better.

        Raises:
            LinkDownError: the session is over.
        """
        if self._copy is not None and len(self._whole) == 1:
            values = await _fetched(session, self._whole)
            before = {self._group.guard[0]: values[self._group.guard[0]].value}
            after = {self._group.guard[0]: values[self._copy].value}
        else:
            first = await _fetched(session, self._guard)
            values = await _fetched(session, self._data) | await _fetched(session, self._guard)
            before = {tag: first[tag].value for tag in self._group.guard}
            after = {tag: values[tag].value for tag in self._group.guard}
        coherent = before == after and all(
            values[tag].quality is Quality.GOOD for tag in self._group.guard
        )
        busy = any(value.code in _BUSY_CODES for value in values.values())
        return tuple(values[tag] for tag in self._order), coherent, coherent and not busy


async def _fetched(session: Session, blocks: list[Block]) -> dict[str, TagValue]:
    """Return the blocks' values by tag."""
    looks = await look_at_all(session, blocks)
    return {value.tag: value for look in looks for value in look.values()}


def _closing_copy(
    group: TagGroup, blocks: list[Block], copies: Mapping[str, str | None]
) -> str | None:
    """Return the tag that ends the only block as the copy of the one guard that begins it."""
    if len(group.guard) != 1 or len(blocks) != 1:
        return None
    guard, (block,) = group.guard[0], blocks
    first, last = block.points[0], max(block.points, key=lambda point: point.end)
    if first.tag == guard and copies[last.tag] == guard and last.start >= first.end:
        return last.tag
    return None
