"""`python -m tests.mutation`: change the core in every small way, and see whether a test notices.

    python -m tests.mutation [--children N] [--most PERCENT] [MODULE ...]

MODULE is a path below `agent/core` without its ending, `requests` or `identity/gs1`; without one
all are tried, the smallest first. What no test notices is in `build/mutation/<module>.txt`.
Exit code 1 if more than the given share of a module's mutants lives.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from tests.mutation import plan
from tests.mutation.one import MutationError, Verdicts, judge

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "build" / "mutation"
HEAD = "| Module | Mutants | Killed | Timed out | Survived | Share |\n|---|--:|--:|--:|--:|--:|\n"


def main() -> int:
    """Try the modules one after the other, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--children", type=int, default=2, help="how many mutants at once")
    parser.add_argument("--most", type=float, default=10.0, help="per cent that may live")
    parser.add_argument("modules", nargs="*", help="below agent/core, without .py")
    given = parser.parse_args()
    known = plan.modules(ROOT)
    if unknown := set(given.modules) - set(known):
        parser.error(f"no such module: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    os.nice(15)  # hours of work, and nobody waits for it
    sys.stdout.write(HEAD)
    modules = given.modules or sorted(known, key=_size)
    too_many = [module for module in modules if _try(module, given.children) > given.most / 100]
    if too_many:
        sys.stdout.write(f"\ntoo many live: {', '.join(too_many)}\n")
    return 1 if too_many else 0


def _size(module: str) -> int:
    return (ROOT / plan.CORE / module).with_suffix(".py").stat().st_size


def _try(module: str, children: int) -> float:
    """Try one module, print its line, write what lives, and return its share."""
    began_s = time.monotonic()
    try:
        found = judge(ROOT, FOUND / "tree", module, children)
    except MutationError as error:
        sys.stdout.write(f"{error}\n")
        return 1.0
    path = FOUND / f"{module.replace('/', '.')}.txt"
    path.write_text("\n\n".join(found.survivors) + "\n", encoding="utf-8")
    sys.stdout.write(row(found))
    sys.stdout.flush()
    sys.stderr.write(f"{module}: {time.monotonic() - began_s:.0f} s, see {path}\n")
    return found.share


def row(found: Verdicts) -> str:
    """Return a module's line of the table."""
    return (
        f"| `{found.module}` | {found.mutants} | {found.killed} | {found.timed_out} "
        f"| {len(found.survivors)} | {found.share:.1%} |\n"
    )


if __name__ == "__main__":
    sys.exit(main())
