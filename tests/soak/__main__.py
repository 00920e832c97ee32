"""`python -m tests.soak`: random lines of every strategy, until so many steps are done.

    python -m tests.soak [--steps N] [--seed N] [--processes N] [--calm SHARE] [STRATEGY ...]
    python -m tests.soak --line SEED STRATEGY [--well]        one line again, with all that is wrong

A step is one observation that the core decides. Every line follows from its seed alone. A share of
the lines is well instrumented, without any fault but the declared uncertainty of times; its table
shows how much of what is certain is then told so. Exit code 1 if a law was broken.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from multiprocessing import get_context
from random import SystemRandom

from agent.core.station import Strategy
from tests.soak.oracle import Score
from tests.soak.run import Job, line_of, run
from tests.soak.table import table

A_MILLION = 1_000_000
MOST_TOLD = 20
EVERY_S = 20.0
WELL_EVERY = 5
"""Of so many lines of a strategy one is well instrumented."""

Scores = dict[tuple[bool, Strategy], Score]


def main() -> int:
    """Soak, report, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--steps", type=int, default=A_MILLION, help="how many in all")
    parser.add_argument("--seed", type=int, help="begin here; without it at a random place")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--line", type=int, metavar="SEED", help="this line alone")
    parser.add_argument("--well", action="store_true", help="with --line: well instrumented")
    parser.add_argument("strategies", nargs="*", help=f"of {', '.join(Strategy)}")
    given = parser.parse_args()
    strategies = [Strategy(name) for name in given.strategies] or list(Strategy)
    if given.line is not None:
        told = [text for each in strategies for text in _again(given.line, each, well=given.well)]
        sys.stdout.write("\n".join([*told, f"{len(told)} broken laws\n"]))
        return 1 if told else 0
    seed = SystemRandom().randrange(2**32) if given.seed is None else given.seed
    sys.stdout.write(f"seed {seed}\n")
    scores, broken = soak(seed, given.steps, strategies, given.processes)
    sys.stdout.write(table(scores))
    return 1 if broken else 0


def _again(seed: int, strategy: Strategy, *, well: bool) -> list[str]:
    return line_of(seed, strategy, faulty=not well).told


def _jobs(seed: int, strategies: list[Strategy]) -> Iterator[Job]:
    for number in count():
        for strategy in strategies:
            yield Job(seed + number, strategy, faulty=number % WELL_EVERY != 0)


def soak(seed: int, steps: int, strategies: list[Strategy], processes: int) -> tuple[Scores, int]:
    """Run lines until so many steps are done; return their scores, and how many are broken."""
    scores: Scores = defaultdict(Score)
    done, broken, began_s = 0, 0, time.perf_counter()
    told_s = began_s
    with get_context("spawn").Pool(processes) as pool:
        for job, score in pool.imap_unordered(run, _jobs_until(seed, steps, strategies)):
            done += score.steps
            broken += bool(score.told)
            if score.told and broken <= MOST_TOLD:
                sys.stdout.write(f"BROKEN --line {job}: {score.told[0]}\n")
            score.told = []
            scores[job.faulty, job.strategy].add(score)
            now_s = time.perf_counter()
            if now_s - told_s >= EVERY_S:
                told_s = now_s
                rate = done / (now_s - began_s)
                sys.stdout.write(f"{done:>10,} steps, {rate:,.0f}/s, {broken} broken lines\n")
                sys.stdout.flush()
            if done >= steps:
                pool.terminate()
                break
    took_s = time.perf_counter() - began_s
    sys.stdout.write(f"{done:,} steps in {took_s / 60:.1f} min, {broken} broken lines\n")
    return scores, broken


def _jobs_until(seed: int, steps: int, strategies: list[Strategy]) -> Iterator[Job]:
    """Yield more than enough: a line is a hundred steps at the least."""
    jobs = _jobs(seed, strategies)
    for _ in range(max(len(strategies), steps // 100)):
        yield next(jobs)


if __name__ == "__main__":
    sys.exit(main())
