"""In which mode the machine made a cycle, and what that means for its record.

The mode stands in the cycle's own snapshot. What is not made automatically is no production: by
the station's policy it is bound like any other and says its mode, or is recorded and bound to no
unit. A mode that cannot be read, or is not declared, leaves the unit as sure as it is: the record
says so.
"""

from __future__ import annotations

from agent.core.counting import whole
from agent.core.state import Snapshot
from agent.core.station import Mode, ModeTag, Station
from drivers.base import Quality, TagValue

UNKNOWN = "unknown"


def named(station: Station, snapshot: Snapshot) -> str | None:
    """Return the mode of a cycle that was not made automatically, None if it was."""
    if station.mode is None:
        return None
    return word(station.mode, snapshot.values.get(station.mode.tag))


def word(tag: ModeTag, seen: TagValue | None) -> str | None:
    """Return the mode that a value stands for, None for automatic."""
    value = whole(seen.value) if seen is not None and seen.quality is Quality.GOOD else None
    mode = None if value is None else tag.values.get(value)
    if mode is None:
        return UNKNOWN
    return None if mode is Mode.AUTOMATIC else mode.value


def is_production(station: Station, snapshot: Snapshot) -> bool:
    """Return whether a cycle may count as production; one of unknown mode may."""
    return named(station, snapshot) in {None, UNKNOWN}
