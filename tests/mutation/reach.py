"""Which tests come by which line of the core, and how long each takes: learnt from one run."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import coverage
import pytest
from _pytest.runner import runtestprotocol

from tests.mutation import plan


class MutationError(Exception):
    """Nothing can be judged: a test is red, or cannot be collected, without any mutant."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What one run without a mutant showed."""

    durations_s: list[float]
    """Of each test, by its place among those collected."""
    lines: dict[str, dict[int, int]]
    """For each file below the root and each line in it: a bit for each test that comes by."""

    def tests(self, file: Path, lines: frozenset[int]) -> list[int]:
        """Return the places of the tests that come by one of some lines."""
        of_file, bits = self.lines.get(file.as_posix(), {}), 0
        for line in lines:
            bits |= of_file.get(line, 0)
        return [place for place in range(len(self.durations_s)) if bits >> place & 1]


def failed(items: Sequence[pytest.Item], place: int, following: int | None) -> bool:
    """Run one test, and tell if it failed; `following` is the place of the one that comes next."""
    after = None if following is None else items[following]
    reports = runtestprotocol(items[place], log=False, nextitem=after)
    return any(report.failed for report in reports)


def learn(root: Path, items: Sequence[pytest.Item], scratch: Path) -> Reach:
    """Run every test once in a child, so that nothing that they leave behind is kept.

    Raises:
        MutationError: a test fails without any mutant.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    key = _key(root, items)
    path = scratch / f"reach-{key}.json"
    if not path.is_file():
        _learn_in_child(root, items, path)
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["red"]:
        path.unlink()
        raise MutationError("red without any mutant:\n" + "\n".join(found["red"]))
    lines = {
        file: {int(line): int(bits, 16) for line, bits in of_file.items()}
        for file, of_file in found["lines"].items()
    }
    return Reach(found["durations_s"], lines)


def _key(root: Path, items: Sequence[pytest.Item]) -> str:
    """Return what stands for the tests and what they read: learnt once, until that changes."""
    digest = hashlib.sha256("\n".join(item.nodeid for item in items).encode())
    for folder in ("agent", "drivers", "tests", "config"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in {".py", ".yaml", ".jsonl"} and "mutation" not in file.parts[-2:]:
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _learn_in_child(root: Path, items: Sequence[pytest.Item], path: Path) -> None:
    pid = os.fork()
    if not pid:
        try:
            path.write_text(json.dumps(_learnt(root, items)), encoding="utf-8")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    if not path.is_file():
        raise MutationError("the run that learns which tests reach what did not end")


def _learnt(root: Path, items: Sequence[pytest.Item]) -> dict[str, Any]:
    recorder = coverage.Coverage(data_file=None, config_file=False, source=[str(root / plan.CORE)])
    durations_s, red = [], []
    recorder.start()
    for place, item in enumerate(items):
        recorder.switch_context(str(place))
        began_s = time.process_time()
        if failed(items, place, place + 1 if place + 1 < len(items) else None):
            red.append(item.nodeid)
        durations_s.append(time.process_time() - began_s)
    recorder.stop()
    lines: dict[str, dict[int, str]] = {}
    found = recorder.get_data()
    for file in found.measured_files():
        of_file = lines.setdefault(Path(file).relative_to(root).as_posix(), {})
        for line, contexts in found.contexts_by_lineno(file).items():
            of_file[line] = f"{sum(1 << int(place) for place in contexts if place):x}"
    return {"durations_s": durations_s, "red": red, "lines": lines}


class ImportWatch:
    """Notes which functions of the core are called while modules are imported.

    What they made then is there before any mutant is put in place, so a mutant of theirs that
    lives is tried once more in a process of its own.
    """

    def __init__(self, root: Path) -> None:
        self._prefix = f"{root / plan.CORE}/"
        self.called: set[tuple[str, str]] = set()
        """Module below the core, and function."""

    def start(self) -> None:
        """Note from now on."""
        sys.setprofile(self._seen)

    def stop(self) -> None:
        """Note no more."""
        sys.setprofile(None)

    def _seen(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(self._prefix):
            module = code.co_filename.removeprefix(self._prefix).removesuffix(".py")
            self.called.add((module, code.co_qualname.partition(".<locals>")[0]))
