"""Giving a command to a station that runs: the other end of `commanding`."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import orjson

from agent.app.commanding import MOST_BYTES, reachable, socket_path
from agent.app.plant import station_directory
from agent.app.registries import registries
from agent.app.rim import state_directory
from agent.config.load import load_folder
from agent.config.problems import ConfigError
from agent.core.command import Argument, Command
from agent.core.commands import TABLE

__all__ = [
    "LOOK",
    "TABLE",
    "Argument",
    "Command",
    "ConfigError",
    "GivingError",
    "Told",
    "give",
    "place_of",
]

ANSWER_WITHIN_S = 30.0
LOOK = "Look with `lineside events` whether it was recorded, and give it again if it was not"
"""What to do where no answer came."""


class GivingError(Exception):
    """The command could not be given, or nobody answered; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the station says."""

    accepted: bool
    address: str | None
    """Of the event that records what was done, or that it was refused; None: no event."""
    error: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where one station takes commands."""

    station: str
    path: Path
    keyed_twice: tuple[str, ...] = ()
    """Readers in whose place a code has to be keyed in twice."""


def place_of(path: Path, state: Path | None) -> Place:
    """Return where the station of a file, or the only one of a folder, takes commands.

    Raises:
        ConfigError: the station file says nothing usable.
        GivingError: it cannot be read, or there are several stations.
    """
    try:
        folder = load_folder(path, registries(), is_run=False)
    except OSError as error:
        raise GivingError(f"{error.filename}: {error.strerror}") from error
    if not folder.stations:
        raise ConfigError(folder.problems)
    if len(folder.stations) > 1:
        names = ", ".join(config.file for config in folder.stations)
        raise GivingError(f"{path}: has {len(folder.stations)} stations; name one of: {names}")
    station = folder.stations[0].station
    directory = station_directory(state or state_directory(), station.path)
    return Place(station.path, socket_path(directory), station.keyed_twice)


def give(
    place: Place, command: str, who: str, reason: str, arguments: Mapping[str, Sequence[str]]
) -> Told:
    """Give a command and return the station's answer, which comes after the commit.

    Raises:
        GivingError: nobody takes commands there, or no answer came.
    """
    request = {"command": command, "who": who, "reason": reason, "arguments": arguments}
    try:
        line = orjson.dumps(request) + b"\n"
    except orjson.JSONEncodeError as error:
        raise GivingError(
            "the command has bytes that are no UTF-8 text; nothing is sent"
        ) from error
    if len(line) > MOST_BYTES:
        raise GivingError(f"the command is {len(line)} bytes long; {MOST_BYTES} can be taken")
    with closing(_connected(place)) as peer:
        try:
            peer.sendall(line)
            return _answer(peer)
        except OSError as error:
            raise GivingError(_unanswered(place)) from error


def _connected(place: Place) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        peer.settimeout(ANSWER_WITHIN_S)
        with reachable(place.path) as name:
            peer.connect(name)
    except OSError as error:
        peer.close()
        raise GivingError(_unreachable(place, error)) from error
    return peer


def _answer(peer: socket.socket) -> Told:
    with peer.makefile("rb") as lines:
        line = lines.readline(MOST_BYTES)
    if not line.endswith(b"\n"):
        raise ConnectionResetError
    members = orjson.loads(line)
    return Told(members["accepted"], members.get("address"), members.get("error"))


def _unreachable(place: Place, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return (
            f"{place.path}: {error.strerror}; only the agent's user may give commands: "
            "sudo -u lineside lineside do …"
        )
    return (
        f"station {place.station} takes no commands at {place.path} ({error.strerror}): the agent "
        "does not run, cannot record now, or keeps its state elsewhere; see its log "
        "(systemctl status 'lineside@*'), start it with `lineside run`, or say --state"
    )


def _unanswered(place: Place) -> str:
    return f"station {place.station} has not answered: its run ended, or its disk is slow. {LOOK}"
