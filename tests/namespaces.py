"""Processes in name spaces of their own, so that they may mount a disk without any rights."""

import subprocess
import sys
from pathlib import Path


def alone() -> tuple[str, ...]:
    """Return how such a process is begun; empty: the machine gives no name spaces."""
    begun = ("unshare", "-Urm")
    may = subprocess.run([*begun, "true"], check=False, capture_output=True).returncode == 0
    return begun if may else ()


def heard(module: str, otherwise: str, directory: Path) -> dict[str, str]:
    """Run a module there on a `tmpfs`, or without name spaces on what it has instead.

    Returns:
        What it says, a `name=value` a line.
    """
    begun = alone()
    ended = subprocess.run(
        [*begun, sys.executable, "-m", module, "tmpfs" if begun else otherwise, str(directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return dict(line.split("=", 1) for line in ended.stdout.splitlines())
