"""What the exceptions of the protocol mean, to whom, and how long to wait after each (D-152)."""

from __future__ import annotations

from drivers.base import TagFault
from drivers.modbus.layout import Point
from drivers.modbus.link import Refusal

CONFIGURATION = {1, 2, 3}
"""The device has not got what was asked for. Asking again does not help: it is not hammered."""
SPLITTABLE = {2, 3}
"""Not got as a whole; parts of it may be there. (An unknown function is unknown for all parts.)"""
BUSY = {5, 6}
"""The device will answer later; asked again at the next poll."""

_REST_S = {True: 60.0, False: 1.0}

_MEANINGS = {
    1: ("the device does not know the function", "use another table; see the device's manual"),
    2: ("there is no such address", "compare with the device's register list; check address_base"),
    3: ("the device does not accept the value or length", "check type and max_read"),
    4: ("the device failed while answering", "look at the device"),
    5: ("the device has accepted and is still working", "wait"),
    6: ("the device is busy", "poll it less often if this lasts"),
    8: ("the device found a memory error", "look at the device"),
}


def rest_s(code: int) -> float:
    """Return how long not to ask again: not at all if busy, long if asking cannot help."""
    return 0.0 if code in BUSY else _REST_S[code in CONFIGURATION]


def meaning(code: int) -> tuple[str, str]:
    """Return what an exception says, with its code, and what to do about it."""
    cause, hint = _MEANINGS.get(code, ("the device refuses", "see the device's manual"))
    return f"{cause} (exception {code})", hint


def fault(point: Point, refusal: Refusal) -> TagFault:
    """Return which tag the device has not got, in the words of the station file."""
    cause, hint = meaning(refusal.code)
    return TagFault(tag=point.tag, cause=f"{point}: {cause}", hint=hint)
