"""The campaign: which cases, how many, and what each must come to (FAULTS, bar per release).

A case is so many shares; a share is one call on one core, made from the seed and its number alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.crash.cuts import Disk, Run, Tally, cut, judge_journal
from tests.crash.deeper import cut_again
from tests.crash.flips import KINDS, turn_bits
from tests.crash.full import STEPS, fill
from tests.crash.journal_work import journal_alone, journal_kept
from tests.crash.kills import kills
from tests.crash.lines import Killer
from tests.crash.station_work import STATION as PRESS
from tests.crash.station_work import judge_station, whole_station
from tests.histories import STATION

MEMORY = Path("/dev/shm")  # noqa: S108 - a disk in memory: what the cases leave is their own
CONTROL_LOSES = 0.2
"""A control must lose in more than this share of its images: 100 of 500."""
BAR = {"cuts": 100_000, "kill -9": 10_000, ", cold": 500, "bit flips": 20_000}
"""So many cases the long form must have, controls apart, where this is in their names."""

Share = Callable[[Path, int], Tally]
"""Does a share of a case in an empty directory, from a seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of the table."""

    name: str
    share: Share
    shares: int
    """How many shares in the short form."""
    long: int
    """How many in the long form."""
    is_control: bool = False
    loses: float = CONTROL_LOSES
    """A control must lose in more than this share."""

    def passes(self, tally: Tally) -> str | None:
        """Return what is wrong with what it came to, None if nothing is."""
        if not tally.images or not tally.events:
            return "void: nothing was done"
        if self.is_control:
            is_seen = tally.bad > tally.images * self.loses
            return None if is_seen else "the control does not lose: the harness sees nothing"
        allowed = {"ok", "named"} if self.name.startswith("bit flips") else {"ok"}
        wrong = tally.images - sum(tally.found[what] for what in allowed)
        return f"{wrong} not as promised" if wrong else None


def _power(workload: str, disk: Disk, most: int | None, directory: Path, seed: int) -> Tally:
    run = _run(workload, disk, seed, most)
    return cut(run, directory)


def _run(workload: str, disk: Disk, seed: int, most: int | None = None) -> Run:
    work, judge = {
        "journal": (journal_alone, judge_journal),
        "station": (whole_station, judge_station),
        "kept": (journal_kept, judge_journal),
    }[workload]
    return Run(workload=work, judge=judge, disk=disk, seed=seed, most=most)


def _deep(workload: str, most: int, directory: Path, seed: int) -> Tally:
    station = {"journal": STATION, "station": PRESS.path}[workload]
    return cut_again(_run(workload, Disk.FULL, seed), directory, station, most)


def _flips(name: str, most: int, directory: Path, seed: int) -> Tally:
    return turn_bits(_run("kept", Disk.FULL, seed), directory, name, most)


def _kills(most: int, cold: bool, directory: Path, seed: int) -> Tally:  # noqa: FBT001 - bound by partial
    return kills(directory, most, seed, cold=cold)


def _at_lines(most: int, directory: Path, seed: int) -> Tally:
    return Killer(directory, seed).kills(most)


def _cancelled(most: int, directory: Path, seed: int) -> Tally:
    return Killer(directory, seed, cancels=True).kills(most)


def _at_lines_early(most: int, directory: Path, seed: int) -> Tally:
    return Killer(directory, seed, is_early=True, only="journal/commits.py").kills(most)


def _full(apart: int, directory: Path, seed: int) -> Tally:
    """Fill the disk at every so manieth step; as many shares, with other seeds, meet every step."""
    return fill(directory, seed, first=seed % apart, step=apart, count=STEPS // apart)


def cases() -> tuple[Case, ...]:
    """Return every case, in the order of the table."""
    return (
        Case(
            name="power cuts, journal",
            share=partial(_power, "journal", Disk.FULL, 600),
            shares=1,
            long=115,
        ),
        Case(
            name="power cuts, whole station",
            share=partial(_power, "station", Disk.FULL, 300),
            shares=1,
            long=155,
        ),
        Case(
            name="cuts in recovery, 5 deep, journal",
            share=partial(_deep, "journal", 40),
            shares=1,
            long=25,
        ),
        Case(
            name="cuts in recovery, 5 deep, station",
            share=partial(_deep, "station", 20),
            shares=1,
            long=25,
        ),
        *(
            Case(
                name=disk.value,
                share=partial(_power, "journal", disk, 150),
                shares=1,
                long=4,
                is_control=True,
            )
            for disk in Disk
            if disk.is_control
        ),
        *(
            Case(
                name=f"bit flips, {name}",
                share=partial(_flips, name, 100 if name != "mark" else 40),
                shares=1,
                long=90 if name != "mark" else 50,
            )
            for name in KINDS
        ),
        Case(name="kill -9, journal, forked", share=partial(_kills, 40, False), shares=1, long=118),  # noqa: FBT003 - bound by partial
        Case(name="kill -9, journal, cold", share=partial(_kills, 4, True), shares=1, long=125),  # noqa: FBT003 - bound by partial
        Case(
            name="kill -9 at any line, whole agent",
            share=partial(_at_lines, 24),
            shares=1,
            long=200,
        ),
        Case(
            name="cancelled at any await, whole agent",
            share=partial(_cancelled, 16),
            shares=1,
            long=100,
        ),
        Case(name="disk full, each 4 KiB", share=partial(_full, 32), shares=1, long=32),
        Case(
            name="control: killed, acknowledged before the commit",
            share=partial(_at_lines_early, 20),
            shares=1,
            long=10,
            is_control=True,
            loses=0.04,
        ),
    )


@dataclass(slots=True)
class Line:
    """What a case has come to so far."""

    case: Case
    left: int
    tally: Tally = field(default_factory=Tally)

    @property
    def seen(self) -> str:
        """Whether a control was seen failing, for the table; of what is none, nothing."""
        if not self.case.is_control:
            return ""
        return "no" if self.case.passes(self.tally) else f"yes, {self.tally.bad:,}"


def below_the_bar(lines: Iterable[Line]) -> list[str]:
    """Return in what a long form has fewer cases than it must have."""
    promised = [line for line in lines if not line.case.is_control]
    had = {
        what: sum(line.tally.images for line in promised if what in line.case.name) for what in BAR
    }
    return [
        f"{what}: {had[what]:,} of {least:,}" for what, least in BAR.items() if had[what] < least
    ]


def one_share(name: str, seed: int) -> Tally:
    """Do one share of the case of that name, in a directory of its own."""
    case = next(case for case in cases() if case.name == name)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as directory:
        return case.share(Path(directory), seed)


def campaign(*, is_long: bool, seed: int, cores: int, only: str = "") -> Iterator[Line]:
    """Do all cases; yield the line of a case each time another share of it is done."""
    lines = {case.name: Line(case, 0) for case in cases() if only in case.name}
    with ProcessPoolExecutor(cores, mp_context=get_context("fork")) as pool:
        running = {}
        for number, line in enumerate(lines.values()):
            line.left = line.case.long if is_long else line.case.shares
            for share in range(line.left):
                at = seed + 1_000_003 * number + 1009 * share
                running[pool.submit(one_share, line.case.name, at)] = line
        for done in as_completed(running):
            line = running[done]
            line.tally.merge(done.result())
            line.left -= 1
            yield line
