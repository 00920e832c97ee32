"""`python -m tests.mutation`: change the core in every small way, and see whether a test notices.

    python -m tests.mutation [--sample N] [--own] [--children N] [--most PERCENT] [MODULE ...]

MODULE is a path below `agent/core` without its ending, `requests` or `identity/gs1`; without one
all are tried, the smallest first. What no test notices is in `build/mutation/<module>.txt`.
Exit code 1 if more than the given share of a module's mutants lives.

`--sample 60` tries sixty mutants of each module, drawn at random by `--seed`, and prints between
which shares the module's lies; `--own` lets only the tests that mirror a module judge it.
"""

import argparse
import os
import sys
from pathlib import Path

from tests.mutation import plan
from tests.mutation.run import Wanted, run

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Try the modules one after the other, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--sample", type=int, help="how many mutants of each module; default: all")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--own", action="store_true", help="only the tests that mirror a module")
    parser.add_argument("--children", type=int, default=2, help="how many mutants at once")
    parser.add_argument("--most", type=float, default=10.0, help="per cent that may live")
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="of other modules' tests for each mutant"
    )
    parser.add_argument("--nice", type=int, default=10, help="how far to stand back for others")
    parser.add_argument("modules", nargs="*", help="below agent/core, without .py")
    given = parser.parse_args()
    os.chdir(ROOT)  # where mutmut looks for its settings
    known = plan.modules(ROOT)
    if unknown := set(given.modules) - set(known):
        parser.error(f"no such module: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    os.nice(given.nice)  # long work, and nobody waits for it
    wanted = Wanted(
        modules=given.modules or sorted(known, key=_size),
        children=given.children,
        sample=given.sample,
        seed=given.seed,
        most_s=given.seconds,
        only_own=given.own,
        most=given.most / 100,
    )
    return run(ROOT, ROOT / "build" / "mutation", wanted)


def _size(module: str) -> int:
    return (ROOT / plan.file_of(module)).stat().st_size


if __name__ == "__main__":
    sys.exit(main())
