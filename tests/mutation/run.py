"""The run: pytest collects the tests, and instead of running them the modules are judged."""

import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutation import cold, plan
from tests.mutation.mutants import Mutant, made
from tests.mutation.reach import ImportWatch, MutationError, learn
from tests.mutation.warm import Bench, Verdict

HEAD = "| Module | Mutants | Tried | Killed | Timed out | Survived | Share |\n"
ARGUMENTS = (
    *("-o", "addopts=--strict-markers --strict-config --import-mode=importlib"),
    *("-s", "-p", "no:cacheprovider", "-p", "no:terminal"),
    "--assert=plain",
)
RULE = "|---|--:|--:|--:|--:|--:|--:|\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for."""

    modules: Sequence[str]
    children: int
    sample: int | None
    """How many mutants of each module are tried; None for all."""
    seed: int
    most_s: float
    only_own: bool
    """Only the tests that mirror a module judge it."""
    most: float
    """Which share of a module may live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What became of one module's mutants."""

    module: str
    mutants: int
    killed: int
    timed_out: int
    """Ran for ever: noticed, so as good as killed."""
    survivors: tuple[str, ...]
    """Each as function and changed lines."""

    @property
    def tried(self) -> int:
        """How many were tried."""
        return self.killed + self.timed_out + len(self.survivors)

    @property
    def share(self) -> float:
        """Which share of those tried no test noticed, 0 to 1."""
        return len(self.survivors) / self.tried if self.tried else 0.0

    def row(self) -> str:
        """Return its line of the table; with the interval at 95 %, where it was sampled."""
        share = f"{self.share:.1%}"
        if self.tried < self.mutants:
            low, high = plan.interval(len(self.survivors), self.tried)
            share += f" ({low:.0%} to {high:.0%})"
        return (
            f"| `{self.module}` | {self.mutants} | {self.tried} | {self.killed} "
            f"| {self.timed_out} | {len(self.survivors)} | {share} |\n"
        )


class Judge:
    """A pytest plugin that judges modules where the tests would be run."""

    def __init__(self, root: Path, found: Path, wanted: Wanted) -> None:
        self._root, self._found, self._wanted = root, found, wanted
        self._watch = ImportWatch(root)
        self._copied = False
        self.too_many: list[str] = []
        self.error: str | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """See what is called while the tests and what they test are imported."""
        self._watch.start()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Judge the modules; the tests themselves are not run."""
        self._watch.stop()
        session.config.option.tbstyle = "native"  # nobody reads why a test failed, and long is slow
        if session.testsfailed:
            raise session.Interrupted("a test file cannot be imported")
        try:
            self._judge(session.items)
        except MutationError as error:
            self.error = str(error)
        return True

    def _judge(self, items: Sequence[pytest.Item]) -> None:
        wanted = self._wanted
        began_s = time.monotonic()
        reach = learn(self._root, items, self._found)
        sys.stderr.write(f"{len(items)} tests learnt, {time.monotonic() - began_s:.0f} s\n")
        bench = Bench(self._root, items, reach, wanted.children, wanted.most_s)
        sys.stdout.write(HEAD + RULE)
        before_s = _worked_s()
        for module in wanted.modules:
            began_s = time.monotonic()
            verdicts = self._tried(bench, module)
            sys.stdout.write(verdicts.row())
            sys.stdout.flush()
            name = f"{module.replace('/', '.')}.txt"
            text = "\n\n".join(verdicts.survivors) + "\n"
            (self._found / name).write_text(text, encoding="utf-8")
            worked_s, before_s = _worked_s() - before_s, _worked_s()
            took_s = time.monotonic() - began_s
            sys.stderr.write(f"{module}: {took_s:.0f} s, {worked_s:.0f} s of a processor\n")
            if verdicts.share > wanted.most:
                self.too_many.append(module)

    def _tried(self, bench: Bench, module: str) -> Verdicts:
        mutants = made(self._root, module)
        names = [mutant.name for mutant in mutants]
        drawn = plan.drawn(names, module, self._wanted.sample, self._wanted.seed)
        tried = [mutant for mutant in mutants if mutant.name in drawn]
        verdicts = [self._again(module, verdict) for verdict in bench.judge(module, tried)]
        counted = Counter(verdict.outcome for verdict in verdicts)
        lives = {verdict.mutant.name for verdict in verdicts if verdict.outcome == "lives"}
        return Verdicts(
            module=module,
            mutants=len(mutants),
            killed=counted["killed"],
            timed_out=counted["timeout"],
            survivors=tuple(mutant.title for mutant in tried if mutant.name in lives),
        )

    def _again(self, module: str, verdict: Verdict) -> Verdict:
        """Return what becomes of a mutant in a process of its own, if that can differ."""
        mutant = verdict.mutant
        if verdict.outcome != "lives" or (module, mutant.place) not in self._watch.called:
            return verdict
        tests = plan.own_tests(self._root, module)
        if self._lives_cold(module, mutant, tests):
            return verdict
        return Verdict(mutant, "killed", "in a process of its own")

    def _lives_cold(self, module: str, mutant: Mutant, tests: Sequence[str]) -> bool:
        scratch = self._found / "tree"
        if not self._copied:
            cold.copy(self._root, scratch)
            self._copied = True
        return cold.lives(scratch, module, mutant, tests or (plan.UNIT.as_posix(),))


def _worked_s() -> float:
    """Return how long the children that have ended kept a processor busy."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(root: Path, found: Path, wanted: Wanted) -> int:
    """Judge modules, print a line of each, and return the exit code."""
    found.mkdir(parents=True, exist_ok=True)
    judge = Judge(root, found, wanted)
    tests = [plan.UNIT.as_posix()]
    if wanted.only_own:
        tests = sorted({test for each in wanted.modules for test in plan.own_tests(root, each)})
    code = int(pytest.main([*ARGUMENTS, *tests], plugins=[judge]))
    if judge.error:
        sys.stdout.write(f"{judge.error}\n")
        return 2
    if judge.too_many:
        sys.stdout.write(f"\ntoo many live: {', '.join(judge.too_many)}\n")
        return 1
    return code
