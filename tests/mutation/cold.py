"""A mutant in a process of its own: for functions that are called while modules are imported.

The tree is copied, and the change written into the copy.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.mutation import plan
from tests.mutation.mutants import Mutant

COPIED = ("agent", "drivers", "tests", "config", "docs", ".ci", "pyproject.toml")
PATIENCE_S = 300


def copy(root: Path, scratch: Path) -> None:
    """Make a copy of what the tests need."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    passed_over = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, scratch / name, ignore=passed_over)
        else:
            shutil.copy(root / name, scratch / name)


def lives(scratch: Path, module: str, mutant: Mutant, tests: Sequence[str]) -> bool:
    """Tell if a mutant passes some test files, run in the copy of the tree."""
    file = scratch / plan.file_of(module)
    code = file.read_text(encoding="utf-8")
    file.write_text(mutant.whole(code), encoding="utf-8")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
            check=False,
            cwd=scratch,
            env={"PYTHONPATH": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        file.write_text(code, encoding="utf-8")
    return not done.returncode
