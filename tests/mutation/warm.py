"""One process that has imported everything, and forks for each mutant.

A child puts the changed copy in the place of its function, runs the tests that reach it until one
fails, and ends. A test that takes far more of the processor's time than it did without the mutant
ends its child: it runs for ever, which is noticed.
"""

import gc
import importlib
import os
import random
import re
import resource
import signal
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import pytest

from tests.mutation import plan
from tests.mutation.mutants import Mutant
from tests.mutation.reach import MutationError, Reach, failed

PATIENCE, LEAST_PATIENCE_S = 20.0, 2.0
"""How many times its own time a test may take, and what each is granted; by the process's clock,
so that a busy machine does not count."""
LONGEST_S = 600
"""A child that waits for what never comes takes no processor time; this ends it."""
MEMORY_BYTES = 4 << 30
_WORD = re.compile("[a-z]+(?:_[a-z]+)*")
LIVES, KILLED, BROKEN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant."""

    mutant: Mutant
    outcome: str
    """`killed`, `timeout` or `lives`."""
    by: str | None
    """The test that noticed."""


@dataclass(slots=True)
class Bench:
    """The tests, and what is known of them."""

    root: Path
    items: Sequence[pytest.Item]
    reach: Reach
    children: int
    most_s: float
    """For how long the tests of other modules are tried on a mutant, by their own durations."""
    running: dict[int, tuple[Mutant, int]] = field(default_factory=dict)
    """By process id: the mutant, and where the child writes the place of the test that failed."""
    kills: dict[str, Counter[int]] = field(default_factory=dict)
    """By function: which tests noticed a change of it, and how often."""

    def judge(self, module: str, mutants: Iterable[Mutant]) -> Iterator[Verdict]:
        """Try mutants of a module, several at once, and yield what became of each."""
        self.kills.clear()
        gc.freeze()  # or the children copy every page that a collection touches
        own = frozenset(plan.own_tests(self.root, module))
        for mutant in mutants:
            order = self._order(module, own, mutant)
            if not order:
                yield Verdict(mutant, "lives", None)
                continue
            if len(self.running) >= self.children:
                yield self._ended()
            self._start(module, mutant, order)
        while self.running:
            yield self._ended()

    def _order(self, module: str, own: frozenset[str], mutant: Mutant) -> list[int]:
        """Return which tests to try, those that are likely to notice first."""
        kills = self.kills.get(mutant.place, Counter())
        mirrored: list[int] = []
        others: list[int] = []
        for place in self.reach.tests(plan.file_of(module), mutant.lines):
            (mirrored if self._file(place) in own else others).append(place)
        left_s, within = self.most_s, []
        near = self._near(mutant)
        turns = sorted(self._in_turn(others), key=lambda place: near(self._file(place)))
        for place in sorted(turns, key=lambda place: -kills[place]):
            left_s -= self.reach.durations_s[place]
            if left_s < 0:
                break
            within.append(place)
        mirrored.sort(key=self.reach.durations_s.__getitem__)
        return sorted(mirrored + within, key=lambda place: -kills[place])

    @staticmethod
    def _near(mutant: Mutant) -> Callable[[str], int]:
        """Return how near a test file is: its name's word is in the change, or in the function."""
        words = [set(_WORD.findall(text)) for text in (" ".join(mutant.changed), mutant.source)]

        def near(file: str) -> int:
            word = Path(file).stem.removeprefix("test_")
            if word == plan.WIDEST:
                return 0
            return next((n for n, found in enumerate(words) if word in found), len(words))

        return near

    def _file(self, place: int) -> str:
        return self.items[place].nodeid.partition("::")[0]

    def _in_turn(self, places: Iterable[int]) -> list[int]:
        """Return tests in turn: one of each file, then a second of each, as unlike as can be."""
        of_file: dict[str, list[int]] = {}
        for place in places:
            of_file.setdefault(self._file(place), []).append(place)
        for each in of_file.values():
            random.Random(each[0]).shuffle(each)  # noqa: S311 - a draw
        turns = zip_longest(*of_file.values())
        return [place for turn in turns for place in turn if place is not None]

    def _start(self, module: str, mutant: Mutant, order: list[int]) -> None:
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            self._try(module, mutant, order, writing)
        os.close(writing)
        self.running[pid] = (mutant, reading)

    def _try(self, module: str, mutant: Mutant, order: list[int], writing: int) -> None:
        """Run the tests in this child, and end it."""
        code = BROKEN
        try:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
            signal.alarm(LONGEST_S)
            put(module, mutant)
            code = KILLED
            for place, following in zip(order, [*order[1:], None], strict=True):
                patience_s = max(LEAST_PATIENCE_S, PATIENCE * self.reach.durations_s[place])
                signal.setitimer(signal.ITIMER_PROF, patience_s)
                if failed(self.items, place, following):
                    os.write(writing, str(place).encode())
                    break
            else:
                code = LIVES
        finally:
            os._exit(code)

    def _ended(self) -> Verdict:
        pid, status = os.wait()
        mutant, reading = self.running.pop(pid)
        with os.fdopen(reading) as said:
            place = said.read()
        if os.WIFSIGNALED(status):
            return Verdict(mutant, "timeout", None)
        if os.WEXITSTATUS(status) == LIVES:
            return Verdict(mutant, "lives", None)
        if os.WEXITSTATUS(status) == BROKEN:
            raise MutationError(f"{mutant.name} could not be put in place")
        if not place:
            return Verdict(mutant, "killed", None)
        self.kills.setdefault(mutant.place, Counter())[int(place)] += 1
        return Verdict(mutant, "killed", self.items[int(place)].nodeid)


def put(module: str, mutant: Mutant) -> None:
    """Put a mutant in the place of its function, wherever that is referred to."""
    place = importlib.import_module(".".join((plan.CORE / module).parts))
    indented = f"class {mutant.owner}:\n{mutant.source}" if mutant.owner else mutant.source
    names = dict(vars(place))
    text = f"from __future__ import annotations\n{indented}"
    exec(compile(text, place.__file__ or module, "exec"), names)  # noqa: S102 - that is the mutant
    found = names[mutant.owner] if mutant.owner else None
    changed = _plain(vars(found)[mutant.name] if found else names[mutant.name])
    holder = vars(getattr(place, mutant.owner)) if mutant.owner else vars(place)
    function = _plain(holder[mutant.function])
    function.__code__ = changed.__code__
    function.__defaults__ = changed.__defaults__
    function.__kwdefaults__ = changed.__kwdefaults__


def _plain(held: object) -> types.FunctionType:
    """Return the function that a class or a module holds under a name."""
    function = held.__func__ if isinstance(held, staticmethod | classmethod) else held
    if not isinstance(function, types.FunctionType):
        raise TypeError(f"no function: {held!r}")
    return function
