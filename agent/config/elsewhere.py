"""`neighbours`: the stations of other gateways that a station follows, as a pydantic model."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agent.config.quantities import Millis, Name, StationPath
from drivers.options import Options

_DAY_MS = 86_400_000


class NeighboursSection(Options):
    """Stations of other gateways, whose events this one takes from a broker."""

    stations: tuple[StationPath, ...]
    """Which ones, by their paths. What they record of units, components and blocks counts here as
    that of a station of this folder does; `track.previous` may name them."""
    via: Name | None = None
    """The entry of `publish` whose broker they are at too: its address, login and `root` are used.
    Left out: the only `mqtt` entry."""
    broker: dict[str, Any] | None = None
    """The broker that they are at, where it is another one."""
    client_id: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Name of this reader at the broker; made from the station's path when left out. Set it where
    the broker allows certain names only. Never use one twice."""
    within: Annotated[Millis, Field(gt=0)] = 7 * _DAY_MS
    """The longest that a unit is under way from one of them to here. A unit that is not found was
    not there only where what is known reaches back so far; a gap that is older is of no matter."""
    session: Annotated[Millis, Field(ge=60_000, le=30 * _DAY_MS)] = _DAY_MS
    """How long the broker keeps what they send while this agent is away. What came after that is
    asked for."""
    ask: bool = True
    """Whether events that lack are asked for on their `control`, where their sinks have `resend`.
    Turn it off where the broker does not let this station write there."""
