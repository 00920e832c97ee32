"""The states of PackML in their two numberings, and what each is by default (D-106, D-107).

Sources: PackTags and OPC 30050 share one numbering; the StateEnumeration of OPC 30060 (tobacco
machines) is another. 4 is Idle in one and Execute in the other, so a station file names its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique

from agent.core.station import Category, Numbering


@unique
class PackState(StrEnum):
    """The standard's words, in lower case."""

    CLEARING = "clearing"
    STOPPED = "stopped"
    STARTING = "starting"
    IDLE = "idle"
    SUSPENDED = "suspended"
    EXECUTE = "execute"
    STOPPING = "stopping"
    ABORTING = "aborting"
    ABORTED = "aborted"
    HOLDING = "holding"
    HELD = "held"
    UNHOLDING = "unholding"
    SUSPENDING = "suspending"
    UNSUSPENDING = "unsuspending"
    RESETTING = "resetting"
    COMPLETING = "completing"
    COMPLETE = "complete"


_30060 = (10, 0, 3, 2, 12, 4, 9, 7, 8, 14, 15, 16, 11, 13, 1, 5, 6)
"""The numbers of OPC 30060, in the order of PackTags."""
STATES: Mapping[Numbering, Mapping[int, str]] = {
    Numbering.PACKTAGS: {n: state.value for n, state in enumerate(PackState, start=1)},
    Numbering.OPC30060: {n: s.value for n, s in zip(_30060, PackState, strict=True)},
}
"""Per numbering: the state of each number. 0 is no state in PackTags (Undefined)."""

CATEGORIES: Mapping[str, Category] = {
    PackState.CLEARING: Category.DOWN,
    PackState.STOPPED: Category.STOPPED,
    PackState.STARTING: Category.IDLE,
    PackState.IDLE: Category.IDLE,
    PackState.SUSPENDED: Category.SUSPENDED,
    PackState.EXECUTE: Category.RUNNING,
    PackState.STOPPING: Category.STOPPED,
    PackState.ABORTING: Category.DOWN,
    PackState.ABORTED: Category.DOWN,
    PackState.HOLDING: Category.HELD,
    PackState.HELD: Category.HELD,
    PackState.UNHOLDING: Category.HELD,
    PackState.SUSPENDING: Category.SUSPENDED,
    PackState.UNSUSPENDING: Category.SUSPENDED,
    PackState.RESETTING: Category.IDLE,
    PackState.COMPLETING: Category.RUNNING,
    PackState.COMPLETE: Category.IDLE,
}
"""What each state is unless the station file says otherwise."""
