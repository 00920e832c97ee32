"""One module's mutants: made by mutmut in a copy of the tree, each run against the tests.

The copy keeps mutmut's own folder and settings out of the tree. What mutmut finds is read from the
file that it keeps beside the mutated module; of its commands only `run` and `show` are used.

Mutmut changes the bodies of functions: no tables at module level, no defaults of dataclasses, no
enums. What is never reached by construction (`raise AssertionError`) is left alone.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation import plan

COPIED = ("agent", "drivers", "tests", "config", "docs")
LIVES = ("survived", "no tests")
BY_EXIT_CODE = {0: "survived", 1: "killed", 3: "killed", 5: "no tests", 33: "no tests"}
"""What mutmut's exit codes say; 3 is an error within pytest, which the mutant caused."""
PATIENCE_S, MORE_PATIENCE_S = 3.0, 30.0
"""What ran too long is run once more, alone and with more patience: on a busy machine a test is
slow, and that says nothing of the mutant. Mutmut multiplies it by `timeout_multiplier`."""
TIME_OUTS = (36, 24, -24, 152, 255)
SETTINGS = """
[tool.mutmut]
source_paths = ["agent"]
only_mutate = ["{file}"]
also_copy = ["drivers", "config", "docs"]
do_not_mutate_patterns = ["raise AssertionError"]
pytest_add_cli_args = ["-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = {tests}
timeout_constant = {patience_s}
timeout_multiplier = 10.0
track_dependencies = false
use_git_change_detection = false
"""


class MutationError(Exception):
    """Mutmut did not run: the tests are red without any mutant, or cannot be collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What became of one module's mutants."""

    module: str
    killed: int
    timed_out: int
    """Ran for ever: noticed, so as good as killed."""
    survivors: tuple[str, ...]
    """Each as function and changed lines."""

    @property
    def mutants(self) -> int:
        """How many there were."""
        return self.killed + self.timed_out + len(self.survivors)

    @property
    def share(self) -> float:
        """Which share of them no test noticed, 0 to 1."""
        return len(self.survivors) / self.mutants if self.mutants else 0.0


def judge(root: Path, scratch: Path, module: str, children: int) -> Verdicts:
    """Return what became of a module's mutants.

    Raises:
        MutationError: the tests do not pass without a mutant.
    """
    copy(root, scratch)
    own, wide = plan.own_tests(root, module), plan.wide_tests(root, module)
    found = _run(root, scratch, module, own, children=children)
    if own != wide and (lives := [name for name, verdict in found.items() if verdict in LIVES]):
        found |= _run(root, scratch, module, wide, children=children, names=lives)
    late = [name for name, verdict in found.items() if verdict == "timeout"]
    if late:
        found |= _run(
            root, scratch, module, own, children=1, names=late, patience_s=MORE_PATIENCE_S
        )
    counted = Counter(found.values())
    lives = [name for name, verdict in found.items() if verdict in LIVES]
    return Verdicts(
        module=module,
        killed=counted["killed"],
        timed_out=counted["timeout"],
        survivors=tuple(_shown(scratch, name) for name in lives),
    )


def copy(root: Path, scratch: Path) -> None:
    """Make a copy of what the tests need."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    passed_over = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in COPIED:
        shutil.copytree(root / name, scratch / name, ignore=passed_over)


def _run(
    root: Path,
    scratch: Path,
    module: str,
    tests: Sequence[str],
    *,
    children: int,
    names: Iterable[str] = (),
    patience_s: float = PATIENCE_S,
) -> dict[str, str]:
    """Return the verdict of each mutant that was run."""
    shutil.rmtree(scratch / "mutants", ignore_errors=True)
    file = (plan.CORE / module).with_suffix(".py")
    settings = (root / "pyproject.toml").read_text(encoding="utf-8")
    own = SETTINGS.format(file=file, tests=json.dumps(tests), patience_s=patience_s)
    (scratch / "pyproject.toml").write_text(settings + own, encoding="utf-8")
    done = _mutmut(scratch, "run", "--max-children", str(children), *names)
    meta = scratch / "mutants" / f"{file}.meta"
    if not meta.is_file():
        return {}
    codes: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"]
    wanted = set(names) or set(codes)
    if done.returncode and any(codes[name] is None for name in wanted):
        raise MutationError(f"{module}: mutmut failed\n{_end_of(done.stdout)}")
    return {name: _verdict(code) for name, code in codes.items() if name in wanted}


def _verdict(code: int | None) -> str:
    if code in TIME_OUTS:
        return "timeout"
    return BY_EXIT_CODE.get(-1 if code is None else code, "killed")


def _shown(scratch: Path, name: str) -> str:
    """Return a mutant as text: its function, and what it changed."""
    text = _mutmut(scratch, "show", name).stdout
    changed = [
        line[0] + " " + line[1:].strip()
        for line in text.splitlines()
        if line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"}
    ]
    function = name.rpartition(".")[2].rpartition("__mutmut_")[0]
    return "\n".join([function.removeprefix("x").strip("_ǁ").replace("ǁ", "."), *changed])


def _mutmut(scratch: Path, *command: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("mutmut")
    outside = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [str(program), *command],
        check=False,
        cwd=scratch,
        env=outside,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _end_of(text: str) -> str:
    return "\n".join(text.replace("\r", "\n").splitlines()[-20:])
