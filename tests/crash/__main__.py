"""`python -m tests.crash`: power cuts, bit flips and kills, and a table of what became of them.

    python -m tests.crash [--long] [--seed N] [--cores N] [--only TEXT]

Every case follows from its seed, so what was wrong can be made again: the line that tells it says
which. Exit code 1 if something acknowledged was lost, altered or invented, or a control did not
lose. The short form takes about a minute, the long one most of an hour on two cores.
"""

import argparse
import os
import sys
import time

from tests.crash.campaign import Line, campaign
from tests.crash.lines import Spot

_COLUMNS = ("ok", "named", "lost", "altered", "invented", "unreadable", "stuck")


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
    return 1 if wrong else 0


def table(lines: list[Line]) -> str:
    """Return the table as Markdown, as docs/reliability.md has it."""
    head = f"| fault | cases | acknowledged | {' | '.join(_COLUMNS)} |\n"
    rule = f"| --- |{' ---: |' * (len(_COLUMNS) + 2)}\n"
    rows = []
    for line in sorted(lines, key=lambda line: (line.case.is_control, line.case.name)):
        found = " | ".join(f"{line.tally.found[what]:,}" for what in _COLUMNS)
        tally = line.tally
        rows.append(f"| {line.case.name} | {tally.images:,} | {tally.events:,} | {found} |\n")
    return head + rule + "".join(rows)


if __name__ == "__main__":
    sys.exit(main())
