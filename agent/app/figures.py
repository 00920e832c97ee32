"""What `lineside oee` asks for: which shifts of which stations, told by what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.app.event_sources import EventSource, JournalSource, SourceError
from agent.app.measuring import DEFAULT_BY, DIMENSIONS, Measured, Place, document, measure
from agent.app.other_sources import StoreSource
from agent.app.plant import station_directory
from agent.app.reading import moment_ms
from agent.app.registries import registries
from agent.app.rim import state_directory
from agent.app.tracing import open_store
from agent.config.load import load_folder
from agent.config.loaded import StationConfig
from agent.config.problems import ConfigError, did_you_mean
from agent.trace.holdings import completeness
from agent.trace.store import Store, TraceStoreError

__all__ = [
    "DIMENSIONS",
    "Asked",
    "ConfigError",
    "SourceError",
    "TraceStoreError",
    "asked",
    "figures_of",
]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which figures, and as of when."""

    since_ms: int
    until_ms: int
    by: tuple[str, ...]
    now_ms: int


def asked(since: str, until: str | None, by: Sequence[str], now_ms: int) -> Asked:
    """Return what somebody asks for.

    Raises:
        ValueError: a moment is none, or there is nothing to tell figures by.
    """
    for name in by:
        if name not in DIMENSIONS:
            hint = did_you_mean(name, DIMENSIONS)
            raise ValueError(f"figures are not told by '{name}'; {hint}")
    since_ms = moment_ms(since)
    until_ms = now_ms if until is None else moment_ms(until)
    if since_ms >= until_ms:
        raise ValueError("--until is not later than --since")
    return Asked(since_ms, until_ms, tuple(dict.fromkeys(by)) or DEFAULT_BY, now_ms)


def figures_of(
    path: Path, wanted: Asked, *, state: Path | None = None, store: str | None = None
) -> dict[str, Any]:
    """Return the figures of the stations of a file or folder.

    What cannot be read is named under `unread`: the others are told all the same.

    Raises:
        ConfigError: no station file says anything usable.
        SourceError: no journal can be read.
        TraceStoreError: the store cannot be opened.
    """
    try:
        folder = load_folder(path, registries(), is_run=False)
    except OSError as error:
        raise SourceError(f"{error.filename}: {error.strerror}") from error
    if not folder.stations:
        raise ConfigError(folder.problems)
    unread = [str(problem) for problem in folder.problems]
    found: list[Measured] = []
    with ExitStack() as undo:
        opened = None if store is None else undo.enter_context(open_store(store))
        holes: Mapping[str, Sequence[Place]] = {} if opened is None else _holes(opened)
        for config in folder.stations:
            try:
                lacking = holes.get(config.station.path)
                found.append(_of_station(config, wanted, state, opened, lacking))
            except SourceError as error:
                unread.append(f"{config.station.path}: {error}")
    if not found:
        raise SourceError(unread[-1])
    return {**document(found, wanted.by, wanted.now_ms), "unread": unread}


def _holes(store: Store) -> dict[str, list[Place]]:
    """Return of each station before what events of it some are not in the store."""
    with store.snapshot():
        held = completeness(store.archive)
    return {each.station: [(gap.epoch, gap.first) for gap in each.gaps] for each in held}


def _of_station(
    config: StationConfig,
    wanted: Asked,
    state: Path | None,
    store: Store | None,
    holes: Sequence[Place] | None,
) -> Measured:
    source: EventSource
    if store is not None:
        if holes is None:
            raise SourceError("no events of it in this store; see `lineside trace update`")
        source = StoreSource(store, config.station.path)
    else:
        directory = station_directory(state or state_directory(), config.station.path)
        source = JournalSource(config.journal.path or directory / "journal")
    since_ms, until_ms = wanted.since_ms, wanted.until_ms
    return measure(config, source, since_ms, until_ms, wanted.now_ms, holes=holes or ())
