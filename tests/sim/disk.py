"""The agent's disk: what is safe on it, what a cut leaves of it, and how it fails.

What the journal writes goes to a real directory and, step by step, to a `Platter` that knows what
was synced. A kill leaves everything that was written, a power cut one of the images that a real
disk could show. Files beside the journal (the quarantine) survive as they are.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.journal.files import DiskFiles
from tests.crash.images import Platter
from tests.crash.record import Note, Op, Recording
from tests.sim.world import World

PLENTY_BYTES = 1 << 33
BALLAST_BYTES = 64 << 10
RESERVE_BYTES = 64 << 10
BALLAST_WRITES = 400
"""So many writes find room once the ballast is gone."""


@dataclass(slots=True)
class Condition:
    """How the disk is now; it outlives the agent."""

    world: World
    fails: str = ""
    """`sync` or `write` while these fail, else empty."""
    fails_once: bool = False
    slow_ms: float = 0
    """How long a job of the writer takes at most."""
    room: int | None = None
    """So many writes find room; None: there is plenty."""
    refused: int = 0
    """What could not be done so far."""
    cut_after: int | None = None
    """After so many more steps the agent or the power is gone."""
    cut: Callable[[], None] = lambda: None
    is_lying: bool = False
    """A control: nothing is ever synced."""

    def heal(self) -> None:
        """Work again, with room for all."""
        self.fails, self.fails_once, self.slow_ms, self.room = "", False, 0, None

    def failure(self, what: str) -> int | None:
        """Return the errno with which a step fails, None where it works."""
        if what == self.fails:
            self.refused += 1
            if self.fails_once:
                self.fails, self.fails_once = "", False
            return errno.EIO
        if what == "write" and self.room is not None:
            if self.room <= 0:
                self.refused += 1
                return errno.ENOSPC
            self.room -= 1
        return None


@dataclass(slots=True)
class LiveRecording(Recording):
    """A recording that is played while it is made: only its disk is kept."""

    condition: Condition = field(kw_only=True)
    platter: Platter = field(init=False)

    def __post_init__(self) -> None:
        """Take what is there for safe."""
        super(LiveRecording, self).__post_init__()
        self.is_only_here = True
        self.is_lying = self.condition.is_lying
        self.platter = Platter.before(self)
        self.base = {}

    def add(self, op: Op) -> None:
        """Let the disk have it; this may have been the last that it saw."""
        if isinstance(op, Note):
            return
        self.platter.play(op)
        condition = self.condition
        if condition.cut_after is not None:
            condition.cut_after -= 1
            if condition.cut_after <= 0:
                condition.cut_after = None
                condition.cut()

    def meet(self, what: str) -> int | None:
        """Return the errno with which a write or sync fails."""
        return self.condition.failure(what)

    def left(self, name: str) -> None:
        """A name is gone; the ballast's space is found again."""
        super(LiveRecording, self).left(name)
        if name == "ballast" and self.condition.room is not None:
            self.condition.room += BALLAST_WRITES


class SimulatedFiles(DiskFiles):
    """The files beside the database, on a disk with as much room as is said."""

    def __init__(self, condition: Condition) -> None:
        self._condition = condition

    def free_bytes(self, directory: Path) -> int:
        """Return the space that is left."""
        del directory
        return PLENTY_BYTES if self._condition.room is None else 0
