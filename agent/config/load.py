"""Station files in, configurations out: all of a file's problems at once, or none at all."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from agent.config.build import build
from agent.config.checks import check_parts
from agent.config.interlocking import both_ways, strangers
from agent.config.loaded import FolderConfig, Registries, StationConfig
from agent.config.neighbours import clashes
from agent.config.parts import read_parts
from agent.config.problems import ConfigError, Problem, in_order
from agent.config.roots import below_others
from agent.config.scans import read_scans
from agent.config.source import Source, read_source


def load(path: Path, registries: Registries) -> StationConfig:
    """Return what one station file says.

    Raises:
        ConfigError: with everything that is wrong in it.
    """
    return load_source(read_source(path), registries)


def load_source(source: Source, registries: Registries) -> StationConfig:
    """Return what an already parsed station file says.

    Raises:
        ConfigError: with everything that is wrong in it.
    """
    parts = read_parts(source, registries)
    rules = read_scans(parts)
    check_parts(parts)
    if parts.problems:
        raise ConfigError(parts.problems)
    return build(parts, rules)


def station_files(folder: Path) -> list[Path]:
    """Return the station files of a folder, by name; hidden files are none.

    Raises:
        ConfigError: the folder cannot be read, or has none.
    """
    try:
        files = sorted(
            file
            for file in folder.iterdir()
            if file.suffix in {".yaml", ".yml"} and not file.name.startswith(".")
        )
    except OSError as error:
        cause = f"cannot be read: {error.strerror or error}"
        raise ConfigError([Problem(file=str(folder), message=cause)]) from error
    if not files:
        hint = "put one file for each station there, NAME.yaml"
        raise ConfigError([Problem(file=str(folder), message="has no station file", hint=hint)])
    return files


def load_folder(path: Path, registries: Registries, *, is_run: bool = True) -> FolderConfig:
    """Return what became of each station file of a folder, or of one file alone.

    `is_run` False: nothing is started, somebody looks at the stations or speaks to them. Then a
    file alone may name neighbours that are not there.

    Stations that claim the same reader, output, topic or journal are refused all of them: which
    one is right cannot be known, and a code bound at the wrong station is worse than none (G02).

    Raises:
        ConfigError: there is no file at all.
    """
    stations: dict[str, StationConfig] = {}
    refused: dict[str, ConfigError] = {}
    for file in station_files(path) if path.is_dir() else [path]:
        try:
            stations[str(file)] = load(file, registries)
        except ConfigError as error:
            refused[str(file)] = error
    for name, problems in clashes(stations.values()).items():
        refused[name] = ConfigError(problems)
    named: set[str] = {config.station.path for config in stations.values()} | _named(refused)
    for name, problem in both_ways(stations.values(), named).items():
        refused.setdefault(name, ConfigError([problem]))
    alone = not path.is_dir()
    if alone and not is_run:
        named |= {each for config in stations.values() for each in config.station.previous}
    for name, problem in strangers(stations.values(), named, alone=alone).items():
        if name not in refused:
            refused[name] = ConfigError([problem])
    kept = [config for name, config in stations.items() if name not in refused]
    doubts = below_others(kept)
    warned = (
        replace(config, warnings=in_order([*config.warnings, *doubts.get(config.file, ())]))
        for config in kept
    )
    return FolderConfig(stations=tuple(warned), refused=refused)


def _named(refused: Iterable[str]) -> set[str]:
    """Return the stations that refused files name: what passed there can be known once they run."""
    found = set()
    for name in refused:
        with suppress(ConfigError):
            found.add(str(read_source(Path(name)).data.get("station")))
    return found
