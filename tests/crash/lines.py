"""Kills at any line of the agent: a traced child SIGKILLs itself when it comes there (R01).

A life without a kill is traced first: it says which lines there are and how often they come. A
kill is one of these lines, drawn evenly over the lines and not over the time, before its
instruction; a coroutine's going to sleep and waking are places of their own, so every await is
one. Nothing in the product knows of it.

Laws:
    1. Every kill is at a place that a life was seen to come to; how many there are is reported.
    2. A child that dies may leave what the next child, killed as well, begins from.
    3. A chain in which nobody died is void and done again; a child that fails otherwise is stuck.

In the same way a station's run can be cancelled while any coroutine is at any await of its own
(R13): it ends, and what it acknowledged is recorded.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import random
import shutil
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from types import FrameType
from typing import Any

import agent
from tests.crash.agent_judge import judge_lives
from tests.crash.agent_machine import Life
from tests.crash.agent_work import STATION_TASK, live
from tests.crash.cuts import Tally
from tests.crash.told import Notes

ROOT = Path(agent.__file__).parent
TRACED = (
    "engine.py", "lookups.py", "threads.py", "lines.py", "backoff.py", "journal/", "publisher/",
    "app/station.py", "app/outlets.py", "app/kept.py", "app/pulse.py", "app/filling.py",
    "app/trouble.py", "trace/lookup.py", "trace/remembered.py", "trace/knowledge.py",
)  # fmt: skip
"""What a kill can be placed in: engine, journal, publishers, recovery, and what holds them."""
SLEEPS, WAKES = "sleeps", "wakes"
Spot = tuple[str, int, str]
"""(file below agent/, line, what: `line`, `sleeps`, `wakes`)."""
_EVENTS = {"line": "line", "return": SLEEPS, "call": WAKES}
_COROUTINE = 0x80 | 0x20 | 0x200
"""Code that can be left and entered again: coroutines and generators."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Where a child dies."""

    spot: Spot
    time: int
    """The how-manieth time that it comes there."""
    cancels: bool = False
    """Whether the station's run is cancelled instead, and the child goes on."""

    @property
    def name(self) -> str:
        """What to call it in a report."""
        file, line, what = self.spot
        return f"{file}:{line} {what} {self.time}"


def is_traced(file: str) -> str | None:
    """Return a file's name below agent/ if a kill can be placed in it."""
    if not file.startswith(str(ROOT)):
        return None
    name = file[len(str(ROOT)) + 1 :]
    return name if name.startswith(TRACED) else None


def trace(at: Callable[[Spot], None], only: str | None = None) -> None:
    """Have each place that is come to from now on, in any thread, told; with `only` in one file."""
    names: dict[str, str | None] = {}

    def local(frame: FrameType, event: str, _: Any) -> Any:  # noqa: ANN401 - sys.settrace's own
        code = frame.f_code
        if event == "line" or (event in _EVENTS and code.co_flags & _COROUTINE):
            at((names[code.co_filename] or "", frame.f_lineno, _EVENTS[event]))
        return local

    def entered(frame: FrameType, event: str, given: Any) -> Any:  # noqa: ANN401 - sys.settrace's own
        file = frame.f_code.co_filename
        if file not in names:
            name = is_traced(file)
            names[file] = name if only in {None, name} else None
        return local(frame, event, given) if names[file] else None

    threading.settrace(entered)
    sys.settrace(entered)


@unique
class End(StrEnum):
    """How a child came to its end."""

    STRUCK = "struck"
    """At the place it was meant to come to."""
    MISSED = "missed"
    """It never came there, and ended in order."""
    FAILED = "failed"


def child(work: Callable[[Callable[[bytes], None]], None]) -> tuple[bytes, int]:
    """Have a forked process do some work; return what it told, and its end as `wait` says it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        status = 1
        try:
            work(lambda content: _write_all(writing, content))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    return content, os.waitpid(pid, 0)[1]


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def profile(directory: Path, life: Life, notes: Notes) -> dict[Spot, int]:
    """Return how often a life comes to which place."""

    def work(tell: Callable[[bytes], None]) -> None:
        counts: Counter[Spot] = Counter()

        def at(spot: Spot) -> None:
            counts[spot] += 1

        trace(at)
        asyncio.run(live(directory, life, notes.copy(), lambda _kind, _text: None))
        sys.settrace(None)
        tell(pickle.dumps(dict(counts)))

    content, _ = child(work)
    found: dict[Spot, int] = pickle.loads(content)  # noqa: S301 - of our own child
    return found


def strike(directory: Path, life: Life, notes: Notes, kill: Kill) -> End:
    """Lead a life that is struck at a place; take its notes; return how it ended."""

    def work(tell: Callable[[bytes], None]) -> None:
        left, was_cancelled = kill.time, False

        def at(spot: Spot) -> None:
            nonlocal left, was_cancelled
            if spot == kill.spot:
                left -= 1
                if left == 0 and kill.cancels:
                    was_cancelled = cancel_station()
                elif left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        trace(at, kill.spot[0])
        told = notes.copy()
        try:
            asyncio.run(
                live(directory, life, told, lambda *note: tell(" ".join(note).encode() + b"\n"))
            )
        except asyncio.CancelledError:
            if not was_cancelled:
                raise
        if was_cancelled:
            tell(b"cancelled station\n")

    content, status = child(work)
    notes.read(content)
    if status == signal.SIGKILL or content.endswith(b"cancelled station\n"):
        return End.STRUCK
    return End.FAILED if status else End.MISSED


def cancel_station() -> bool:
    """Cancel the run of the station of this loop; return whether there is one."""
    for task in asyncio.all_tasks():
        if task.get_name() == STATION_TASK:
            return task.cancel()
    return False


@dataclass(slots=True)
class Killer:
    """Kills lives of one workload, again and again from the same beginning."""

    directory: Path
    seed: int
    is_early: bool = False
    only: str = ""
    """Part of the files' names to which the kills are confined."""
    cancels: bool = False
    """Whether runs are cancelled, at the awaits alone, instead of killed."""

    def kills(self, most: int, progress: Callable[[int], None] = lambda _: None) -> Tally:
        """Kill so many lives, and judge what each left."""
        tally, source = Tally(), random.Random(self.seed)  # noqa: S311 - not a secret
        base, place, notes = self.directory / "base", self.directory / "place", Notes()
        base.mkdir(mode=0o700)
        asyncio.run(live(base, Life(seed=self.seed), notes, lambda _kind, _text: None))
        shutil.copytree(base, place)
        spots = profile(place, self._life(), notes)
        tally.spots |= spots.keys()
        while tally.images < most:
            told = notes.copy()
            shutil.rmtree(place)
            shutil.copytree(base, place)
            names, end = self._chain(place, told, spots, source)
            if not names and end is not End.FAILED:
                continue
            what = "stuck: a life failed" if end is End.FAILED else ""
            what = what or judge_lives(place, told, self.seed)
            tally.events += len(told.acknowledged)
            tally.hit |= {spot for spot, _ in names}
            said = ", then ".join(name for _, name in names)
            tally.add(what.partition(":")[0], f"seed {self.seed}, {said}: {what}")
            progress(tally.images)
        return tally

    def _chain(
        self, place: Path, notes: Notes, spots: dict[Spot, int], source: random.Random
    ) -> tuple[list[tuple[Spot, str]], End]:
        """Strike one life, sometimes the next ones too; return where, and how the last ended."""
        struck, is_next, end = [], True, End.MISSED
        chosen = [spot for spot in spots if self._is_meant(spot)]
        while is_next and end is not End.FAILED:
            spot = source.choice(chosen)
            kill = Kill(spot, self._time(spots[spot], source.random()), self.cancels)
            life = self._life(source)
            end = strike(place, life, notes, kill)
            if end is not End.MISSED:
                how = "threads" if life.has_threads else f"disk {life.disk_s:g} s"
                struck.append((spot, f"{kill.name}, {how}"))
            is_next = source.random() < AGAIN
        return struck, end

    def _is_meant(self, spot: Spot) -> bool:
        return self.only in spot[0] and (not self.cancels or spot[2] != "line")

    def _time(self, times: int, chance: float) -> int:
        """Return the how-manieth time: mostly an early one; for a control any."""
        return 1 + int((times - 1) * chance) if self.is_early else round(times**chance)

    def _life(self, source: random.Random | None = None) -> Life:
        """Return the life that is killed; without chance the one that is profiled."""
        if self.is_early:
            return Life(seed=self.seed + 1, disk_s=SLOW_S, is_early=True)
        kind = source.random() if source is not None else 1.0
        if kind < THREADED and not self.cancels:
            return Life(seed=self.seed + 1, has_threads=True)
        return Life(seed=self.seed + 1, disk_s=SLOW_S if kind < THREADED + SLOW else 0.0)


THREADED = 0.25
"""Share of the lives that have real threads: their lines mingle by chance."""
SLOW, SLOW_S = 0.25, 0.8
"""Share of the lives whose disk is slow, by the clock of the scene: the loop goes on meanwhile."""
AGAIN = 0.25
"""How likely the life after a killed one is killed too: in its recovery, or later."""
