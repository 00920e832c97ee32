"""Power cuts: a workload on a recorded disk, each image it could leave, and the oracle (P01-P09).

Laws:
    1. Every acknowledged event is in the image, with the bytes that it was issued with; only what
       every sink had been given may be missing, from the old end (P03).
    2. Nothing is in the image that was not issued.
    3. No cursor is beyond what its sink was given.
    4. A fresh event can be stored behind it, and the whole then proves itself.
    5. A run counts only if the controls are seen losing: without syncs, with fewer, on a disk that
       lies, and acknowledging too early.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum, unique
from pathlib import Path
from unittest import mock

import apsw

from agent.journal import recovery, store
from agent.journal.errors import JournalError
from agent.journal.opening import open_journal
from agent.journal.sqlite import Rim, SqliteJournal
from agent.journal.verify import verify
from agent.ports import Address, Recovery, Row
from tests.crash.images import Image, Platter, lay_down
from tests.crash.record import Note, Op, Recording, on_record
from tests.doubles import InlineWorker, ManualClock
from tests.histories import STATION, History, rim

FEW_IMAGES = 3
"""No cut has fewer images on the average: what is not synced is seldom nothing."""


@unique
class Disk(StrEnum):
    """What sort of disk, or of mistake."""

    FULL = "full"
    """As shipped."""
    NORMAL = "control: synchronous=NORMAL"
    OFF = "control: synchronous=OFF"
    LYING = "control: a disk that lies about sync"
    EARLY = "control: acknowledged before the commit"

    @property
    def is_control(self) -> bool:
        """Whether it must be seen losing."""
        return self is not Disk.FULL


@dataclass(slots=True)
class Told:
    """What the workload's notes say up to a cut."""

    issued: dict[Address, bytes] = field(default_factory=dict)
    acked: set[Address] = field(default_factory=set)
    delivered: Address | None = None
    requests: dict[int, str] = field(default_factory=dict)
    """Requests that the PLC saw answered, and with which unit."""
    offered: set[int] = field(default_factory=set)

    def take(self, note: Note) -> None:
        """Take one note."""
        match note.kind, note.what:
            case "issued", Row() as row:
                self.issued[row.address] = row.body
            case "acked", Address() as address:
                self.acked.add(address)
            case "delivered", Address() as address:
                self.delivered = address
            case "answered", (int() as request, str() as unit):
                self.requests[request] = unit
            case "offered", int() as request:
                self.offered.add(request)


@dataclass(slots=True)
class Tally:
    """What the images of a run came to."""

    events: int = 0
    syncs: int = 0
    images: int = 0
    found: Counter[str] = field(default_factory=Counter)
    """By class: ok, lost, named (lost and said so), altered, invented, doubled (two addresses for
    one thing, or two things at one), unreadable, stuck."""
    worst: list[str] = field(default_factory=list)
    """The first few that were not ok, to be made again by their seed."""
    spots: set[tuple[str, int, str]] = field(default_factory=set)
    """Where a kill at a line could be."""
    hit: set[tuple[str, int, str]] = field(default_factory=set)
    """Where one was."""

    def add(self, what: str, said: str) -> None:
        """Count an image."""
        self.images += 1
        self.found[what] += 1
        if what != "ok" and len(self.worst) < 5:
            self.worst.append(f"{what}: {said}")

    def merge(self, other: Tally) -> None:
        """Add another run's counts."""
        self.events += other.events
        self.syncs += other.syncs
        self.images += other.images
        self.found += other.found
        self.spots |= other.spots
        self.hit |= other.hit
        self.worst = [*self.worst, *other.worst][:5]

    @property
    def bad(self) -> int:
        """How many images were not ok."""
        return self.images - self.found["ok"]


Workload = Callable[[Recording, Rim, random.Random], Coroutine[None, None, None]]
"""Runs on the recorded directory, with notes."""
Judge = Callable[[Path, Told, bool], Coroutine[None, None, str]]
"""Opens an image with the real recovery and returns its class; the flag: prove every row."""


@contextmanager
def weaker(disk: Disk) -> Iterator[None]:
    """Let the journal sync less than it is meant to, for a control."""
    if disk not in {Disk.NORMAL, Disk.OFF}:
        yield
        return

    def prove(connection: apsw.Connection, path: Path) -> None:
        del path
        connection.execute(f"PRAGMA synchronous = {disk.name}")

    with mock.patch.object(store, "prove_durable", prove):  # noqa: SIM117 - one line each
        with mock.patch.object(recovery, "prove_durable", prove):
            yield


def record(workload: Workload, directory: Path, disk: Disk, seed: int) -> Recording:
    """Run a workload on a recorded disk."""
    recording = Recording(directory, is_lying=disk is Disk.LYING, is_early=disk is Disk.EARLY)
    with ExitStack() as undo:
        undo.enter_context(weaker(disk))
        vfs = undo.enter_context(on_record(recording))
        outside = cut_rim(vfs.name)
        source = random.Random(seed)  # noqa: S311 - not a secret
        asyncio.run(workload(recording, outside, source))
    return recording


def cut_rim(vfs: str | None = None, clock: ManualClock | None = None) -> Rim:
    """Return an outside in which everything happens on one thread, in order."""
    return rim(
        clock,
        vfs=vfs,
        worker=lambda _: InlineWorker(),
        ballast_bytes=4096,
        reserve_bytes=0,
        log_bytes=16384,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One recorded run and how its images are judged."""

    workload: Workload
    judge: Judge
    disk: Disk
    seed: int
    between: float = 0.25
    """Share of the writes between two acknowledgements at which the power is cut too."""
    most: int | None = None
    """So many images at most, taken evenly over the run."""


def recorded(run: Run, work: Path) -> tuple[Path, Recording, Tally]:
    """Record a run; return an empty directory for its images, the record, and a tally begun."""
    live, place = work / "live", work / "image"
    for directory in (live, place):
        directory.mkdir(mode=0o700)
    recording = record(run.workload, live, run.disk, run.seed)
    acked = sum(isinstance(op, Note) and op.kind == "acked" for op in recording.ops)
    return place, recording, Tally(events=acked, syncs=recording.syncs)


def cut(run: Run, work: Path, progress: Callable[[int], None] = lambda _: None) -> Tally:
    """Record a run, build its images and judge each.

    Args:
        run: What is done.
        work: An empty directory on a disk without syncs, best in memory.
        progress: Told the number of images judged.
    """
    place, recording, tally = recorded(run, work)
    source = random.Random(run.seed + 1)  # noqa: S311 - not a secret
    left = list(images(recording, source, run.between, run.most))
    if run.most is not None and len(left) > run.most:
        left = [left[at * len(left) // run.most] for at in range(run.most)]
    with asyncio.Runner() as runner:
        for number, (where, image, told) in enumerate(left):
            lay_down(image, place)
            what = runner.run(run.judge(place, told, number % 4 == 0))
            tally.add(what.partition(":")[0], f"seed {run.seed}, {where}: {what}")
            progress(tally.images)
    return tally


def images(
    recording: Recording, source: random.Random, between: float, most: int | None = None
) -> Iterator[tuple[str, Image, Told]]:
    """Yield the images of cuts at acknowledgements and at a share of the other steps.

    With `most`, only so many cuts are made, spread over the run, that about as many images come.
    """
    cuts = [
        at for at, op in enumerate(recording.ops) if _is_answer(op) or source.random() < between
    ]
    if most is not None and len(cuts) > (wanted := max(1, most // FEW_IMAGES)):
        cuts = [cuts[at * len(cuts) // wanted] for at in range(wanted)]
    chosen, platter, told = frozenset(cuts), Platter.before(recording), Told()
    for number, op in enumerate(recording.ops):
        if isinstance(op, Note):
            told.take(op)
        else:
            platter.play(op)
        if number in chosen:
            known = _copy(told)
            for what, image in platter.images(source):
                yield f"cut after step {number}, {what}", image, known


def _is_answer(op: Op) -> bool:
    return isinstance(op, Note) and op.kind in {"acked", "answered"}


def _copy(told: Told) -> Told:
    return Told(
        dict(told.issued), set(told.acked), told.delivered, dict(told.requests), set(told.offered)
    )


# ------------------------------------------------------------------ the oracle


def compare(rows: list[Row], told: Told, reached: Address | None) -> str:
    """Return what stands in an image, held against what was told: ok, lost, altered, invented."""
    here = {row.address: row.body for row in rows}
    for address, body in here.items():
        if address not in told.issued:
            return f"invented: {address}"
        if told.issued[address] != body:
            return f"altered: {address}"
    missing = [
        address
        for address in told.acked - here.keys()
        if told.delivered is None or address > told.delivered
    ]
    if missing:
        return f"lost: {len(missing)}, the first {min(missing)}"
    if reached is not None and (told.delivered is None or reached > told.delivered):
        return f"lost: the cursor says {reached}, the sink had {told.delivered}"
    return "ok"


GoesOn = Callable[[SqliteJournal, Recovery, Told], Coroutine[None, None, str]]
"""Works on behind an image in which nothing is wrong, and returns its class."""


async def judge(
    directory: Path,
    told: Told,
    *,
    is_whole: bool,
    station: str,
    goes_on: GoesOn,
    clock: ManualClock | None = None,
) -> str:
    """Open an image, compare, work on behind it, and let the whole prove itself."""
    try:
        journal, found = await open_journal(directory, station, cut_rim(clock=clock))
    except JournalError as error:
        return f"unreadable: {error}"
    try:
        rows = await journal.read(None, 1_000_000)
        what = compare(rows, told, journal.cursor("plant"))
        if named := found.lost or journal.damage:
            is_named = what.startswith("lost")
            return f"{'named' if is_named else 'stuck'}: {what}, told {named}"
        if what == "ok":
            what = await goes_on(journal, found, told)
    except JournalError as error:
        return f"stuck: {error}"
    finally:
        await journal.close()
    if what == "ok" and is_whole and not verify(directory).is_whole:
        return "stuck: it does not prove itself afterwards"
    return what


async def judge_journal(directory: Path, told: Told, is_whole: bool) -> str:  # noqa: FBT001 - a Judge
    """Open an image, compare, store a fresh event behind it."""
    return await judge(directory, told, is_whole=is_whole, station=STATION, goes_on=_stores_more)


async def _stores_more(journal: SqliteJournal, found: Recovery, told: Told) -> str:
    del told
    fresh = History.after(found)
    await journal.append(fresh.start(found.highest_ordinal + 1))
    return "ok"
