"""Kills: a real process on a real disk, SIGKILLed at a step of its own or at a random moment (R01).

A warm child is forked from this process, works with real threads and real files, tells each
acknowledgement through a pipe before it goes on, and dies. A cold one is a fresh interpreter.

Laws:
    1. Every acknowledged event is there afterwards, as issued; nothing else is; the next run works.
    2. A run in which nothing was acknowledged before the kill is void and done again.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from agent.journal import commits, mark, opening, sqlite, writer
from agent.journal.opening import open_journal
from agent.journal.retention import Keep
from agent.ports import Address, Row
from agent.threads import ThreadWorker
from tests.crash.cuts import Tally, Told, judge_journal
from tests.doubles import ManualClock
from tests.histories import STATION, History, rim

POINTS: tuple[tuple[Any, str], ...] = (
    (commits.Store, "commit"),
    (commits.Store, "drop"),
    (commits.Store, "edge_below"),
    (commits.Store, "checkpoint"),
    (commits.Store, "finish"),
    (mark.MarkFile, "write"),
    (mark.MarkFile, "give_up"),
    (writer.Writer, "_take"),
    (writer.Writer, "_commit"),
    (writer.Writer, "_cut"),
    (writer.Writer, "move"),
    (writer.Writer, "flush"),
    (writer.Writer, "add"),
    (sqlite.SqliteJournal, "_settle"),
    (sqlite.SqliteJournal, "append"),
    (sqlite.SqliteJournal, "_checkpoint_if_due"),
    (sqlite.SqliteJournal, "_shortened"),
    (opening, "recover"),
    (commits, "insert"),
    (commits, "move"),
)
"""Where a child can be killed by name: before the call and after it, so twice as many points."""
MOST_EVENTS = 400
_KEEP = Keep(keep_s=2, quota_bytes=1 << 30, sinks={"plant": True})


@dataclass(frozen=True, slots=True)
class Kill:
    """When a child dies."""

    point: int | None
    """Which of POINTS; None: at a random moment."""
    after: bool = False
    """Whether after the call instead of before it."""
    call: int = 1
    """At which call of it."""
    delay_s: float = 0.0
    """The random moment."""

    @property
    def name(self) -> str:
        """What to call it in a table."""
        if self.point is None:
            return f"after {self.delay_s * 1000:.1f} ms"
        owner, attribute = POINTS[self.point]
        when = "after" if self.after else "before"
        return f"{when} {getattr(owner, '__name__', '')}.{attribute} {self.call}"


def named_kills() -> list[tuple[int, bool]]:
    """Return every named kill point."""
    return [(point, after) for point in range(len(POINTS)) for after in (False, True)]


@dataclass(slots=True)
class _Pipe:
    """The child's way to tell: one line a note, in one write, so never half of one."""

    descriptor: int
    told: Told = field(default_factory=Told)

    def issued(self, row: Row) -> None:
        """Tell what is about to be stored."""
        os.write(self.descriptor, b"i %b %d %b\n" % (row.epoch.encode(), row.seq, row.body))

    def acked(self, address: Address) -> None:
        """Tell what the PLC sees acknowledged."""
        os.write(self.descriptor, b"a %b %d\n" % (address.epoch.encode(), address.seq))

    def delivered(self, address: Address) -> None:
        """Tell what the sink has."""
        os.write(self.descriptor, b"d %b %d\n" % (address.epoch.encode(), address.seq))


def read_told(content: bytes) -> Told:
    """Return what a child told before it died."""
    told = Told()
    for line in content.splitlines():
        kind, epoch, rest = line.split(b" ", 2)
        seq, _, body = rest.partition(b" ")
        address = Address(epoch.decode(), int(seq))
        if kind == b"i":
            told.issued[address] = body
        elif kind == b"a":
            told.acked.add(address)
        else:
            told.delivered = address
    return told


def work(directory: Path, pipe: int, kill: Kill, seed: int) -> None:
    """Store events until killed: what the child does."""
    with ExitStack() as undo:
        undo.enter_context(mock.patch.object(sqlite, "CHECKPOINT_PAGES", 20))
        if kill.point is None:
            killer = threading.Timer(kill.delay_s, os.kill, (os.getpid(), signal.SIGKILL))
            killer.daemon = True
            killer.start()
        else:
            undo.enter_context(_armed(kill))
        asyncio.run(_store(directory, _Pipe(pipe), random.Random(seed)))  # noqa: S311 - not a secret


def _armed(kill: Kill) -> Any:  # noqa: ANN401 - a patcher
    assert kill.point is not None
    owner, attribute = POINTS[kill.point]
    real, left = getattr(owner, attribute), [kill.call]

    def armed(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes and gives
        left[0] -= 1
        if left[0] == 0 and not kill.after:
            os.kill(os.getpid(), signal.SIGKILL)
        found = real(*arguments, **named)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return mock.patch.object(owner, attribute, armed)


def _settled(pipe: _Pipe, last: Address, recorded: asyncio.Future[None]) -> None:
    if recorded.exception() is None:
        pipe.acked(last)


async def _store(directory: Path, pipe: _Pipe, source: random.Random) -> None:
    clock, history = ManualClock(), History()
    for number in (1, 2):
        outside = rim(clock, worker=ThreadWorker, ballast_bytes=4096, reserve_bytes=0)
        journal, found = await open_journal(directory, STATION, outside, keep=_KEEP)
        history = History.after(found)
        waiting = []
        rows = history.start(found.highest_ordinal + 1, carried=2)
        for _ in range(MOST_EVENTS // 2):
            for row in rows:
                pipe.issued(row)
            recorded = journal.append(rows)
            last = rows[-1].address
            recorded.add_done_callback(partial(_settled, pipe, last))
            waiting.append(recorded)
            if source.random() < 0.3:
                await asyncio.gather(*waiting)
                waiting.clear()
                if source.random() < 0.5:
                    pipe.delivered(last)
                    journal.move_cursor("plant", last)
                    await clock.advance(1)
            rows = history.carry(2) if source.random() < 0.03 else history.links(1)
        await journal.close()
        del number


# ------------------------------------------------------------------ the parent


def kill_and_judge(
    directory: Path, kill: Kill, seed: int, *, cold: bool = False
) -> tuple[str, int] | None:
    """Have a child work and die; return what is left and how much was acknowledged.

    None: it never got to the kill, or nothing was acknowledged before.
    """
    content = (_cold if cold else _warm)(directory, kill, seed)
    if content is None:
        return None
    told = read_told(content)
    if not told.acked:
        return None
    what = asyncio.run(judge_journal(directory, told, True))  # noqa: FBT003 - a Judge
    return what, len(told.acked)


def _warm(directory: Path, kill: Kill, seed: int) -> bytes | None:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        status = 1
        try:
            work(directory, writing, kill, seed)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    return _whole(content, os.waitpid(pid, 0)[1] == signal.SIGKILL)


def _cold(directory: Path, kill: Kill, seed: int) -> bytes | None:
    arguments = [str(kill.point), str(int(kill.after)), str(kill.call), str(kill.delay_s)]
    child = subprocess.run(
        [sys.executable, "-m", "tests.crash.kills", str(directory), str(seed), *arguments],
        stdout=subprocess.PIPE,
        check=False,
    )
    return _whole(child.stdout, child.returncode == -signal.SIGKILL)


def _whole(content: bytes, is_killed: bool) -> bytes | None:  # noqa: FBT001 - what waiting said
    return content[: content.rfind(b"\n") + 1] if is_killed else None


def kills(
    work_directory: Path,
    most: int,
    seed: int,
    *,
    cold: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Tally:
    """Kill so many children: by name in turn, each third at random."""
    tally, source = Tally(), random.Random(seed)  # noqa: S311 - not a secret
    named = named_kills()
    number = 0
    while tally.images < most:
        number += 1
        if number % 3 == 0:
            kill = Kill(None, delay_s=source.uniform(0.005, 0.2) + (0.6 if cold else 0.0))
        else:
            point, after = named[number // 3 * 2 % len(named) + number % 3 - 1]
            kill = Kill(point, after=after, call=source.choice((1, 2, 3, 5, 8, 20, 60, 150)))
        place = work_directory / str(number)
        place.mkdir(mode=0o700)
        judged = kill_and_judge(place, kill, seed + number, cold=cold)
        for path in place.iterdir():
            path.unlink()
        place.rmdir()
        if judged is not None:
            what, acknowledged = judged
            tally.events += acknowledged
            tally.add(what.partition(":")[0], f"seed {seed + number}, {kill.name}: {what}")
            progress(tally.images)
    return tally


if __name__ == "__main__":
    _, where, number_, point_, after_, call_, delay_ = sys.argv
    work(
        Path(where),
        sys.stdout.fileno(),
        Kill(
            None if point_ == "None" else int(point_), bool(int(after_)), int(call_), float(delay_)
        ),
        int(number_),
    )
