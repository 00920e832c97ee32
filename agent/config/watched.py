"""The keys of a device whose program is watched: `track.watch.NAME` (D-32)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.config.quantities import Millis, Name
from agent.core.station import CLOCK_WITHIN_MS
from drivers.options import Options


class WatchSection(Options):
    """How it is known that the program of a device runs, and how it knows that the agent does.

    A link that is up says neither: a gateway answers from its cache, a server outlives its program.
    """

    heartbeat: Name | None = None
    """A tag that the program changes as long as it runs: a counter or a bit. Nothing of the device
    is believed until it has changed on this link, and while it stands still."""
    within: Annotated[Millis, Field(gt=0)] = 5_000
    """Without a change for so long it stands still. Three beats and a poll, at the least."""
    agent_heartbeat: Name | None = None
    """A tag that the agent changes as long as it runs, so that the PLC can stop when it is gone. It
    counts up to its `modulus`; without one it toggles."""
    every: Annotated[Millis, Field(ge=100)] = 1_000
    """How often the agent changes it."""
    boots: Name | None = None
    """A tag that counts the starts of the program. After a start the handshakes are read again, and
    what they show decides whether a request is the one before (D-33)."""
    clock_within: Annotated[Millis, Field(gt=0)] = CLOCK_WITHIN_MS
    """How far the device's clock may be from ours before a fault says so; each device that stamps
    its values is judged, also without a watch. Its times stay as given, and order nothing."""
    memory_lost: Name | None = None
    """A tag that changes when, and only when, the device lost its retentive memory: from then on
    every request is new and every counter begins anew, also where the numbers do not show it."""
