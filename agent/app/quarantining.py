"""The quarantines of stations as commands see them: what is held, and asking for its release.

The agent alone sends and writes there (see `agent/publisher/quarantine.py`); a command reads, and
leaves a question that is answered whether the agent runs now or is started later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.app.outlets import quarantine_path
from agent.app.owner import as_owner
from agent.app.plant import station_directory
from agent.app.registries import registries
from agent.app.rim import state_directory
from agent.config.load import load_folder
from agent.config.loaded import StationConfig
from agent.config.problems import ConfigError
from agent.ports import Address
from agent.publisher.quarantine import Held, ask_release, held_in, release_path

__all__ = [
    "Address",
    "ConfigError",
    "Held",
    "Listed",
    "Outcome",
    "Place",
    "QuarantineError",
    "chosen",
    "find_quarantines",
    "listed",
    "outcome",
    "release",
]

LOOK_EVERY_S = 0.2


class QuarantineError(Exception):
    """It cannot be looked at, or has not what is asked for; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One sink's quarantine."""

    station: str
    sink: str
    path: Path
    is_configured: bool
    """Whether the station file still has that sink."""

    def held(self) -> list[Held]:
        """Return what is in it.

        Raises:
            QuarantineError: it cannot be read.
        """
        return self.read()[0]

    def read(self) -> tuple[list[Held], int]:
        """Return what is in it, and how many lines are no event any more: rot, or a hand.

        Raises:
            QuarantineError: it cannot be read.
        """
        try:
            return held_in(self.path)
        except OSError as error:
            raise QuarantineError(f"{self.path}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event that was to be released."""

    address: Address
    is_delivered: bool
    why: str
    """Why it was not."""


def find_quarantines(path: Path, state: Path | None, sink: str | None = None) -> list[Place]:
    """Return the quarantines of the stations of a file or folder, those of `sink` alone if named.

    Raises:
        ConfigError: the station files say nothing usable.
        QuarantineError: a path cannot be looked at, no station has such a sink, or none has run.
    """
    try:
        folder = load_folder(path, registries(), is_run=False)
        if not folder.stations:
            raise ConfigError(folder.problems)
        root = state or state_directory()
        found = [place for config in folder.stations for place in _of(config, root)]
        places = [station_directory(root, config.station.path) for config in folder.stations]
        has_run = any(place.exists() for place in places)
    except OSError as error:
        raise QuarantineError(f"{error.filename}: {error.strerror}") from error
    if not has_run:
        raise QuarantineError(
            f"{places[0]}: no station was here; has the agent run, and with this state directory?"
        )
    named = [place for place in found if sink in {None, place.sink}]
    if sink is not None and not named:
        known = ", ".join(sorted({place.sink for place in found})) or "none"
        raise QuarantineError(f"no sink is called '{sink}'; there are: {known}")
    return named


def _of(config: StationConfig, root: Path) -> Iterator[Place]:
    """Yield a place for each sink of a station, and for each that has left something."""
    directory = station_directory(root, config.station.path)
    left = {path.stem.removeprefix("quarantine-") for path in directory.glob("quarantine-*.jsonl")}
    for sink in sorted(left | set(config.sinks)):
        yield Place(
            station=config.station.path,
            sink=sink,
            path=quarantine_path(directory, sink),
            is_configured=sink in config.sinks,
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """What quarantines hold, each of which was read once."""

    held: list[tuple[Place, Held]]
    broken: list[str]
    """What to say of each that has lines which are no events any more."""


def listed(places: Sequence[Place]) -> Listed:
    """Return what is held, and what cannot be read of it.

    Raises:
        QuarantineError: one cannot be read.
    """
    found = [(place, *place.read()) for place in places]
    return Listed(
        held=[(place, one) for place, held, _ in found for one in held],
        broken=[
            f"{place.path}: {count} of its lines cannot be read: a broken disk, or a hand was on "
            "them; the journal may have these events still, see `lineside audit`"
            for place, _, count in found
            if count
        ],
    )


def chosen(places: Sequence[Place], addresses: Sequence[str]) -> list[tuple[Place, Held]]:
    """Return what is held at these addresses; everything where none is named.

    Raises:
        QuarantineError: one is not held, or by several sinks.
    """
    everything = [(place, held) for place in places for held in place.held()]
    if not addresses:
        return everything
    found = []
    for address in addresses:
        these = [(place, held) for place, held in everything if str(held.row.address) == address]
        if not these:
            raise QuarantineError(
                f"{address} is in no quarantine here: it was delivered, or never was refused; "
                "see `lineside quarantine list`"
            )
        if len({(place.station, place.sink) for place, _ in these}) > 1:
            sinks = ", ".join(sorted({f"{place.station} {place.sink}" for place, _ in these}))
            raise QuarantineError(f"{address} is in several ({sinks}); name one with --sink")
        found += these
    return found


def release(found: Sequence[tuple[Place, Held]]) -> None:
    """Ask the agents for the release of what was chosen; on the disk when this returns.

    The question is the agent's, also where root asks it.

    Raises:
        QuarantineError: a sink is no longer there, or the question cannot be written.
    """
    for place, held in found:
        if not place.is_configured:
            raise QuarantineError(
                f"{held.row.address}: the station file has no sink '{place.sink}' any more; "
                f"what it held is in {place.path}"
            )
    for path in dict.fromkeys(place.path for place, _ in found):
        try:
            with as_owner(path.parent):
                ask_release(path, [held.row.address for place, held in found if place.path == path])
        except OSError as error:
            raise QuarantineError(
                f"{release_path(path)}: {error.strerror}; only the agent's user may release: "
                "sudo -u lineside lineside quarantine release …"
            ) from error


def outcome(
    found: Sequence[tuple[Place, Held]],
    wait_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Outcome]:
    """Return what became of each, after so long at most.

    Raises:
        QuarantineError: a quarantine cannot be read.
    """
    left_s = wait_s
    while True:
        outcomes = [_outcome(place, held) for place, held in found]
        if left_s <= 0 or all(one is not None for one in outcomes):
            break
        sleep(LOOK_EVERY_S)
        left_s -= LOOK_EVERY_S
    waiting = (
        "asked, and not sent yet: the agent does not run, or the sink is down; it is sent once "
        "they are there"
    )
    return [
        one or Outcome(held.row.address, is_delivered=False, why=waiting)
        for one, (_, held) in zip(outcomes, found, strict=True)
    ]


def _outcome(place: Place, held: Held) -> Outcome | None:
    """Return what became of one, None while it waits."""
    address = held.row.address
    now = next((one for one in place.held() if one.row.address == address), None)
    if now is None:
        return Outcome(address, is_delivered=True, why="")
    if now.wall_ms != held.wall_ms:
        return Outcome(address, is_delivered=False, why=f"refused again: {now.cause}")
    return None
