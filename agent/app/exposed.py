"""Secrets of a station file that others on this machine may read: a warning, by the file's mode.

A key that root gives to the service's group (root:lineside, 0640) is no fault: that is how a file
is handed to a service that must not change it.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from agent.config.loaded import FolderConfig, StationConfig
from agent.config.problems import Place, Problem, in_order
from agent.config.quantities import is_reference

_FILE = "file:"
_ROOT = 0


def with_exposed(folder: FolderConfig) -> FolderConfig:
    """Return a folder whose warnings name every secret that others may read, too."""
    stations = (
        replace(config, warnings=in_order([*config.warnings, *exposed(config)]))
        for config in folder.stations
    )
    return replace(folder, stations=tuple(stations))


def exposed(config: StationConfig) -> list[Problem]:
    """Return what is wrong with the modes of the files that hold a station's secrets."""
    found, seen = [], set[Path]()
    for place, key, file in _secrets(config):
        if file in seen:
            continue  # neighbours are heard through a sink's broker
        seen.add(file)
        if (who := _readers(file)) is not None:
            found.append(
                Problem(
                    file=config.file,
                    line=place.line,
                    column=place.column,
                    path=key,
                    message=f"{who} may read the secret in {file}",
                    value=f"mode {stat.S_IMODE(file.stat().st_mode):04o}",
                    hint=(
                        "let the agent's user own it and forbid it to others (chmod 600), or pass "
                        "it by LoadCredential and write credential:NAME"
                    ),
                )
            )
    return found


def _readers(file: Path) -> str | None:
    """Return who else may read or change a file; None: nobody, or nobody here can say."""
    try:
        status = file.stat()
    except OSError:
        return None  # whoever needs it says what is wrong with it
    if status.st_mode & stat.S_IRWXO:
        return "every user of this machine"
    is_handed = status.st_uid == _ROOT != status.st_gid and not status.st_mode & stat.S_IWGRP
    if status.st_mode & stat.S_IRWXG and not is_handed:
        return "every user of its group"
    return None


def _secrets(config: StationConfig) -> Iterator[tuple[Place, str, Path]]:
    """Yield where each file that holds a secret is named: place, key and file."""
    if config.operators.key is not None:
        yield from _named(config.operators.place, "operators.key", config.operators.key)
    if config.checkpoints is not None:
        yield from _named(config.checkpoints.place, "checkpoints.key", config.checkpoints.key)
    for device in config.devices.values():
        yield from _within(device.place, f"devices.{device.name}", device.options)
    for sink in config.sinks.values():
        yield from _within(sink.place, f"publish.{sink.name}", sink.options)
    if config.neighbours is not None:
        yield from _within(config.neighbours.place, "neighbours", config.neighbours.options)


def _within(place: Place, key: str, options: BaseModel) -> Iterator[tuple[Place, str, Path]]:
    """Yield the secrets among options: references to files, and keys that are files."""
    for name in type(options).model_fields:
        value, at = getattr(options, name), f"{key}.{name}"
        if isinstance(value, BaseModel):
            yield from _within(place, at, value)
        elif name == "key" and isinstance(value, str) and not is_reference(value):
            yield place, at, Path(value)  # of a certificate for a broker: the file itself
        else:
            yield from _named(place, at, value)


def _named(place: Place, key: str, value: object) -> Iterator[tuple[Place, str, Path]]:
    if isinstance(value, str) and value.startswith(_FILE):
        yield place, key, Path(value.removeprefix(_FILE))
