"""Status words and times of OPC UA in our words: pure, without the protocol library."""

from __future__ import annotations

from drivers.base import Quality

_UNCERTAIN_FROM = 0x4000_0000
_BAD_FROM = 0x8000_0000
_OVERFLOW = 0x480
_CHANGED_MEANING = 0xC000
_NAME_PART = 0xFFFF_0000
_GOOD_OVERLOAD = 0x002F_0000
_GONE = (0x8033_0000, 0x8034_0000)  # BadNodeIdInvalid, BadNodeIdUnknown

_TICKS_PER_MS = 10_000
_UNIX_EPOCH_MS = 11_644_473_600_000  # from 1601 to 1970
_DAY_MS = 86_400_000
AHEAD_LIMIT_MS = 500
"""A source time further ahead of our clock than this is no time (D-92; the limit is D-90's)."""

HINTS = {
    "BadNodeIdUnknown": "the PLC program has no such variable: compare the name, or upload again",
    "BadNodeIdInvalid": "the server cannot read this name: compare it with an OPC UA browser",
    "BadNotReadable": "allow reading of this variable in the PLC program",
    "BadNotWritable": "allow writing of this variable in the PLC program",
    "BadWriteNotSupported": "the server refuses this kind of write; ask its maker",
    "BadUserAccessDenied": "give our user (or the anonymous one) the right to it in the PLC",
    "BadTypeMismatch": "the variable has another type now: compare `type` with the PLC program",
    "BadOutOfRange": "the variable does not take this value: compare its range",
    "BadAttributeIdInvalid": "this node is not a variable: name the variable below it",
    "BadTooManyMonitoredItems": "the PLC has no more monitored items: watch fewer tags",
    "BadMonitoredItemFilterUnsupported": "the server cannot watch this node: choose another one",
    "BadNoCommunication": "the server has lost its device: look at the cable behind it",
    "BadOutOfService": "the source is switched off in the PLC program",
}
"""What to do about a status, by its name."""


def quality_of(status: int) -> Quality:
    """Return the quality that a status word means: its two highest bits, nothing else (D-95)."""
    if status < _UNCERTAIN_FROM:
        return Quality.GOOD
    return Quality.UNCERTAIN if status < _BAD_FROM else Quality.BAD


def code_of(status: int) -> str:
    """Return a status word as people look it up; plain Good says nothing."""
    return f"0x{status:08X}" if status else ""


def loss_of(status: int) -> str | None:
    """Return why values near this one were lost at the server, None where nothing says so.

    Overflow is D-95, overload D-97.
    """
    if status & _OVERFLOW == _OVERFLOW:
        return "the server's queue ran over"
    if status & _NAME_PART == _GOOD_OVERLOAD:
        return "the server samples less often, for it is overloaded"
    return None


def is_gone(status: int) -> bool:
    """Whether the server has no such node (any more)."""
    return status & _NAME_PART in _GONE


def has_other_meaning(status: int) -> bool:
    """Whether the value's structure, unit or range was changed (D-98)."""
    return bool(status & _CHANGED_MEANING)


def source_ms(ticks: int, received_wall_ms: int) -> int | None:
    """Return a timestamp in UTC ms, or None for what is no time (D-92).

    Args:
        ticks: 100 ns since 1601; 0 is none.
        received_wall_ms: our wall clock when the value came.
    """
    time_ms = ticks // _TICKS_PER_MS - _UNIX_EPOCH_MS
    if not _DAY_MS <= time_ms <= received_wall_ms + AHEAD_LIMIT_MS:
        return None  # 1601, a clock that counts from 1970, or one that runs ahead
    return time_ms


def ahead_ms(ticks: int, received_wall_ms: int) -> int | None:
    """Return how far a timestamp is ahead of our clock, where it is no time for that (D-92)."""
    ahead = ticks // _TICKS_PER_MS - _UNIX_EPOCH_MS - received_wall_ms
    return ahead if ahead > AHEAD_LIMIT_MS else None
