"""One line from one seed: what it did, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from agent.core.station import Strategy
from tests.soak.agent import BrokenError
from tests.soak.lines import LINES
from tests.soak.oracle import Oracle, Score
from tests.soak.plans import plan
from tests.soak.world import World

MOST_CYCLES = 60


@dataclass(frozen=True, slots=True)
class Job:
    """One line to be run."""

    seed: int
    strategy: Strategy
    faulty: bool

    def __str__(self) -> str:
        """Return how it is asked for again."""
        return f"{self.seed} {self.strategy}{'' if self.faulty else ' --well'}"


def line_of(seed: int, strategy: Strategy, *, faulty: bool, cycles: int = MOST_CYCLES) -> Score:
    """Let a random line of a strategy work, and return how its events stand beside the truth."""
    world = World(Random(f"{strategy} {seed}"))  # noqa: S311 - a line is drawn, no key
    line = LINES[strategy](plan(world, strategy, faulty=faulty), world)
    try:
        line.run(world.between(cycles // 2, cycles))
    except BrokenError as error:
        return Score(steps=line.agent.steps, told=[str(error)])
    return Oracle(line).judge()


def run(job: Job) -> tuple[Job, Score]:
    """Run a job; what the core raises is a broken law too."""
    try:
        return job, line_of(job.seed, job.strategy, faulty=job.faulty)
    except (AssertionError, LookupError, ValueError, TypeError, AttributeError) as error:
        return job, Score(steps=1, told=[f"{type(error).__name__}: {error}"])
