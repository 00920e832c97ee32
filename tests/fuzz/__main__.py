"""`python -m tests.fuzz`: a million inputs that are nearly right, and the count of what became.

    python -m tests.fuzz [--inputs N] [--seed N] [TARGET ...]

Every input follows from its seed, so a broken law can be tried again: the line that tells it gives
the bytes. Exit code 1 if a law was broken or a code of the vectors was accepted wrongly.
"""

import argparse
import sys
import time
from collections import Counter
from random import SystemRandom

from tests.fuzz.score import FILES, score
from tests.fuzz.targets import TARGETS, BrokenError, one

A_MILLION = 1_000_000
MOST_TOLD = 10


def main() -> int:
    """Fuzz, report, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--inputs", type=int, default=A_MILLION, help="how many in all")
    parser.add_argument("--seed", type=int, help="begin here; without it at a random place")
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}")
    given = parser.parse_args()
    names = given.targets or list(TARGETS)
    seed = SystemRandom().randrange(2**48) if given.seed is None else given.seed
    total = sum(TARGETS[name].share for name in names)
    sys.stdout.write(f"seed {seed}\n")
    done, broken = 0, 0
    for name in names:
        count = max(1, round(given.inputs * TARGETS[name].share / total))
        broken += _fuzz(name, seed, count)
        done += count
    sys.stdout.write(f"{done:,} inputs, {broken} broken laws\n")
    accepted = 0
    for file in FILES:
        found = score(file)
        accepted += len(found.wrong_acceptances)
        sys.stdout.write(f"{file}: {found}\n")
    return 1 if broken or accepted else 0


def _fuzz(name: str, seed: int, count: int) -> int:
    """Run one target and print its line; return how many laws were broken."""
    became: Counter[str] = Counter()
    broken = 0
    began_s = time.perf_counter()
    for number in range(seed, seed + count):
        try:
            became[one(name, number)] += 1
        except BrokenError as error:
            broken += 1
            if broken <= MOST_TOLD:
                sys.stdout.write(f"BROKEN {error}\n")
    rate = count / (time.perf_counter() - began_s)
    told = ", ".join(f"{word} {number:,}" for word, number in became.most_common())
    sys.stdout.write(f"{name:<16} {count:>8,} inputs, {rate:>7,.0f}/s: {told}\n")
    sys.stdout.flush()
    return broken


if __name__ == "__main__":
    sys.exit(main())
