"""Life signs to the service manager: fed by progress, never by the timer alone (PITFALLS D1)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from agent.core.state import NotReady
from agent.ports import Clock
from agent.telemetry import Notifier

LOOK_EVERY_S = 10.0
"""How often it is asked whether everything moves, where the service manager does not say."""


class Alive(Protocol):
    """What is asked of a station."""

    opened: asyncio.Event
    """Set when its first run has begun, or could not."""

    @property
    def name(self) -> str:
        """The station's path."""
        ...

    def moves(self) -> bool:
        """Whether everything has moved lately, or stands in a fault that was told."""
        ...

    def readiness(self) -> NotReady:
        """Why it could not record a cycle now, or READY."""
        ...

    def unknown(self) -> Sequence[str]:
        """Return the stations of other gateways of which all is not known now."""
        ...


async def say_alive(stations: Sequence[Alive], notifier: Notifier, clock: Clock) -> None:
    """Say ready once every station's journal is open (or its failure told), then that all moves.

    One station in which nothing moves and nobody was told why lets the watchdog bite: systemd
    restarts the process, and recovery is the normal start.
    """
    for station in stations:
        await station.opened.wait()
    notifier.say(READY="1")
    while True:
        if all(station.moves() for station in stations):
            notifier.say(WATCHDOG="1", STATUS=status(stations))
        await clock.sleep((notifier.watchdog_s or 3 * LOOK_EVERY_S) / 3)


def status(stations: Sequence[Alive]) -> str:
    """Return one line for `systemctl status`."""
    return "; ".join(f"{station.name}: {_status(station)}" for station in stations)


def _status(station: Alive) -> str:
    unknown = station.unknown()
    said = station.readiness().name.lower().replace("_", " ")
    return f"{said}, not known: {', '.join(unknown)}" if unknown else said
