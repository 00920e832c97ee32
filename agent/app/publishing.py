"""One sink of one run, wired up: its thread, its transport, its quarantine, its publisher."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from agent.config.loaded import SinkConfig
from agent.ports import Clock, Journal, Random, Worker
from agent.publisher import Publisher, Quarantine, SinkState
from agent.sinks.options import Oddity, SinkPlace, position_of
from agent.sinks.registry import sink_spec


def publisher_of(
    config: SinkConfig,
    journal: Journal,
    worker: Worker,
    *,
    station: str,
    directory: Path,
    clock: Clock,
    random: Random,
    secret: Callable[[str], str],
    warn: Callable[[Oddity, str], None],
    on_state: Callable[[SinkState], None],
) -> Publisher:
    """Return the publisher of one sink, not yet running; the worker stays its owner's."""
    place = SinkPlace(
        name=config.name,
        station=station,
        directory=directory,
        clock=clock,
        worker=worker,
        position=partial(position_of, journal),
        secret=secret,
        warn=warn,
    )
    return Publisher(
        config.name,
        sink_spec(config.sink).build(config.options, place),
        journal,
        Quarantine(directory / f"quarantine-{config.name}.jsonl", worker, clock),
        clock=clock,
        random=random,
        kinds=config.kinds,
        on_state=on_state,
    )
