"""What an observation means for one handshake, and where that handshake stands.

A phase is a function of (state, working): nothing stores it, so that it cannot be wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from agent.core import requests
from agent.core.counting import whole
from agent.core.state import Live, Phase, State, Working
from agent.core.station import Handshake
from drivers.base import AskAnswered, SnapshotRead


@unique
class Kind(StrEnum):
    """What an observation can mean for one handshake."""

    LINK_UP = "link_up"
    LINK_DOWN = "link_down"
    ROSE = "rose"
    FELL = "fell"
    NEW_REQUEST = "new_request"
    """The trigger stayed high and the request number moved on: its fall was not seen."""
    LOST_SIGHT = "lost_sight"
    """Trigger or request does not read GOOD, or the PLC's heartbeat stands still."""
    IN_SIGHT = "in_sight"
    """Trigger and request read GOOD; they may say nothing new."""
    GAP = "gap"
    """Values of trigger or request were lost on the way."""
    SNAPSHOT = "snapshot"
    TORN = "torn"
    SCANNED = "scanned"
    LOOKUP = "lookup"
    TIMER = "timer"
    REMOVED = "removed"
    """The part was taken out of the machine."""
    HELD = "held"
    """From now on no cycle can be recorded (D-142)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One meaning of one observation for one handshake."""

    kind: Kind
    earliest_ms: int
    latest_ms: int
    snapshot: SnapshotRead | None = None
    answer: AskAnswered | None = None


def phase(state: State, working: Working, handshake: Handshake) -> Phase:
    """Return where a handshake stands."""
    live = working.live.get(handshake.name)
    if live is None or not live.synced:
        return Phase.BLIND
    if live.rise is None:
        return Phase.IDLE
    if live.torn or live.held or live.removed:
        return Phase.TORN
    if live.snapshot is None:
        return Phase.ASKING
    if requests.answers(state, handshake, live.snapshot):
        return Phase.ANSWERED
    return Phase.LOOKING if live.lookup else Phase.SETTLING


def read_kind(working: Working, handshake: Handshake) -> Kind:
    """Return what the newest readings of trigger and request mean."""
    trigger = working.readings.get(handshake.trigger)
    request = working.readings.get(handshake.request) if handshake.request else None
    if trigger is None or trigger.good is None:
        return Kind.LOST_SIGHT
    if handshake.request and (request is None or request.good is None):
        return Kind.LOST_SIGHT
    live = working.live.get(handshake.name) or Live()
    if not live.synced:
        return Kind.IN_SIGHT
    if bool(trigger.good) != (live.rise is not None):
        return Kind.ROSE if trigger.good else Kind.FELL
    moved = (
        live.shown is not None
        and request is not None
        and whole(request.good) != live.shown.request
        and request.latest_ms > live.shown.at_ms
    )
    return Kind.NEW_REQUEST if moved else Kind.IN_SIGHT
