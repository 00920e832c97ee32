"""`python -m tests.sim`: simulate seeds, and say what was found.

    python -m tests.sim [--seed N] [--seeds N] [--hours H] [--cores N] [--only KIND …] [--log FILE]

A line for each seed that does not hold, with what to type to see it again; a table of what was
simulated at the end. Exit code 1 if the oracle found anything, or a run proves nothing.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.sim.run import Outcome, Task, simulate

EVERY_S = 20.0
"""So often it is said how far it is."""


def main() -> int:
    """Simulate, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="so many seeds from there on")
    parser.add_argument("--hours", type=float, default=4.0, help="simulated hours of each")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="*", default=[], help="no other kinds of fault than these")
    parser.add_argument("--log", type=Path, help="where the log of the last seed goes")
    given = parser.parse_args()
    tasks = [
        Task(seed=seed, hours=given.hours, only=tuple(given.only))
        for seed in range(given.seed, given.seed + given.seeds)
    ]
    began_s = told_s = time.monotonic()
    total = Total()
    with multiprocessing.get_context("spawn").Pool(min(given.cores, len(tasks))) as pool:
        for outcome in pool.imap_unordered(simulate, tasks):
            total.add(outcome)
            sys.stdout.writelines(f"{line}\n" for line in findings(outcome))
            sys.stdout.flush()
            if time.monotonic() - told_s >= EVERY_S:
                told_s = time.monotonic()
                sys.stderr.write(total.progress(len(tasks), told_s - began_s))
            if given.log is not None:
                given.log.write_text("\n".join(outcome.log), "utf-8")
    sys.stdout.write(total.table(time.monotonic() - began_s))
    return 1 if total.wrong or total.void else 0


def findings(outcome: Outcome) -> Iterable[str]:
    """Yield what does not hold in a run, and how to see it again."""
    task = outcome.task
    for problem in outcome.problems:
        yield f"seed {task.seed}: {problem}"
    for void in outcome.verdict.voids:
        yield f"seed {task.seed}: proves nothing: {void}"
    if outcome.problems:
        again = f"--seed {task.seed} --hours {task.hours:g}"
        yield f"  again: python -m tests.sim {again} --log sim.log"


class Total:
    """What all runs came to."""

    def __init__(self) -> None:
        self.hours = 0.0
        self.counts: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.wrong = self.void = 0

    def add(self, outcome: Outcome) -> None:
        """Count one run."""
        verdict = outcome.verdict
        self.hours += outcome.task.hours
        self.counts["seeds"] += 1
        self.counts["cycles acknowledged"] += verdict.acked
        self.counts["events delivered"] += verdict.delivered
        self.counts["of them again"] += verdict.duplicated
        self.counts["lives of the agent"] += outcome.lives
        self.counts["steps"] += outcome.steps
        self.faults.update(outcome.faults)
        self.wrong += bool(outcome.problems)
        self.void += bool(outcome.verdict.voids)

    def progress(self, seeds: int, took_s: float) -> str:
        """Return how far it is of so many seeds, and about how long it still takes."""
        done = self.counts["seeds"]
        left_min = took_s / done * (seeds - done) / 60
        return f"{done:,} of {seeds:,} seeds, {self.wrong} wrong, about {left_min:.0f} min left\n"

    def table(self, took_s: float) -> str:
        """Return the table as Markdown, as docs/reliability.md has it."""
        counts = {"hours simulated": f"{self.hours:,.1f}"}
        counts |= {name: f"{n:,}" for name, n in self.counts.items()}
        counts |= {
            "steps per second": f"{self.counts['steps'] / took_s:,.0f}",
            "seeds that did not hold": f"{self.wrong}",
            "seeds that prove nothing": f"{self.void}",
        }
        return "".join(
            (
                "| | |\n| --- | ---: |\n",
                *(f"| {name} | {n} |\n" for name, n in counts.items()),
                "\n| fault | times |\n| --- | ---: |\n",
                *(f"| {name} | {n:,} |\n" for name, n in sorted(self.faults.items())),
            )
        )


if __name__ == "__main__":
    sys.exit(main())
