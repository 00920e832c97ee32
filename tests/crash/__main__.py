"""`python -m tests.crash`: power cuts, bit flips and kills, and a table of what became of them.

    python -m tests.crash [--long] [--seed N] [--cores N] [--only TEXT]

Every case follows from its seed, so what was wrong can be made again: the line that tells it says
which. Exit code 1 if something acknowledged was lost, altered or invented, or a control did not
lose, or if the long form had fewer cases than it must. The short form takes about a minute, the
long one half an hour on two quiet cores.
"""

import argparse
import os
import sys
import time

from tests.crash.campaign import Line, below_the_bar, campaign
from tests.crash.cuts import Tally
from tests.crash.lines import Spot

_COLUMNS = {
    "lost": ("lost",),
    "wrong": ("altered", "invented"),
    "duplicated by address": ("doubled",),
    "stuck or unreadable": ("stuck", "unreadable"),
    "lost and named": ("named",),
}
"""Of which classes a column tells; the rest is as promised, to the last event."""


def main() -> int:
    """Run the campaign, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash")
    parser.add_argument("--long", action="store_true", help="the whole bar, and beyond")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    given = parser.parse_args()
    began_s, lines = time.monotonic(), dict[str, Line]()
    for line in campaign(is_long=given.long, seed=given.seed, cores=given.cores, only=given.only):
        lines[line.case.name] = line
        told = f"{time.monotonic() - began_s:6.0f} s  {line.case.name}: {line.tally.images:,}"
        sys.stderr.write(f"{told}, {line.left} shares to go\n")
    sys.stdout.write(table(list(lines.values())))
    wrong = [(line, said) for line in lines.values() if (said := line.case.passes(line.tally))]
    for line, said in wrong:
        sys.stdout.write(f"\n{line.case.name}: {said}\n")
        sys.stdout.writelines(f"  {one}\n" for one in line.tally.worst)
    spots = set[Spot]().union(*(line.tally.spots for line in lines.values()))
    hit = set[Spot]().union(*(line.tally.hit for line in lines.values()))
    if spots:
        sys.stdout.write(
            f"\nkills at a line: {len(hit):,} of the {len(spots):,} places there are\n"
        )
    total = sum(line.tally.images for line in lines.values())
    sys.stdout.write(f"\n{total:,} cases in {time.monotonic() - began_s:.0f} s\n")
    short = below_the_bar(lines.values()) if given.long and not given.only else []
    sys.stdout.writelines(f"fewer than there must be: {one}\n" for one in short)
    return 1 if wrong or short else 0


def table(lines: list[Line]) -> str:
    """Return the table as Markdown, as docs/reliability.md has it."""
    names = ("fault", "cases", "acknowledged events", *_COLUMNS, "control seen failing")
    rows = [f"| {' | '.join(names)} |\n", f"| --- |{' ---: |' * (len(names) - 1)}\n"]
    for line in sorted(lines, key=lambda line: (line.case.is_control, line.case.name)):
        tally = line.tally
        counts = (f"{n:,}" for n in (tally.images, tally.events, *_found(tally)))
        rows.append(f"| {' | '.join((line.case.name, *counts, line.seen))} |\n")
    return "".join(rows)


def _found(tally: Tally) -> list[int]:
    return [sum(tally.found[what] for what in classes) for classes in _COLUMNS.values()]


if __name__ == "__main__":
    sys.exit(main())
