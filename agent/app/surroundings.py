"""What a station is given of the outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.journal.sqlite import Rim
from agent.ports import Clock, Random, Worker
from agent.trace.lookup import LookupStore

if TYPE_CHECKING:
    from agent.app.attached import Attach


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
    lookups: dict[str, LookupStore] = field(default_factory=dict)
    """What the stations of this process know of units, by station; each puts its own in."""
    attach: Attach | None = None
    """How the broker of `neighbours` is reached; None: over the network."""
    publish: bool = True
    """False for `try`: nothing leaves the box, and nothing is remembered beyond the journal."""
