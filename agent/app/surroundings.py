"""What a station is given of the outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.journal.sqlite import Rim
from agent.ports import Clock, Random, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a station is given of the outside; a simulation gives its own."""

    clock: Clock
    random: Random
    worker: Callable[[str], Worker]
    journal: Rim
    secret: Callable[[str], str]
    directory: Path
    """The station's own state directory."""
    journal_path: Path
    publish: bool = True
    """False for `try`: nothing leaves the box."""
