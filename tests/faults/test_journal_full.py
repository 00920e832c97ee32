"""A disk that is really full: a small file system, filled to the last byte (S4, P10)."""

import subprocess
import sys
from pathlib import Path

from agent.journal.verify import verify


def test_a_full_disk_loses_nothing_and_gives_way(tmp_path: Path) -> None:
    """FullError, ballast freed, everything acknowledged there, and the next epoch can begin.

    In a name space of its own, so that it needs no rights; where the machine gives none, SQLite's
    way to the disk is full instead.
    """
    alone = ["unshare", "-Urm"]
    may = subprocess.run([*alone, "true"], check=False, capture_output=True).returncode == 0
    filler = [sys.executable, "-m", "tests.faults.journal_filler", "tmpfs" if may else "vfs"]
    ended = subprocess.run(
        [*(alone if may else ()), *filler, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said = dict(line.split("=", 1) for line in ended.stdout.splitlines())
    assert said["error"].endswith("journal.db: disk full; free some space")
    assert said["trouble"] == "disk full"
    assert (said["ballast_before"], said["ballast_after"]) == ("True", "False")
    assert int(said["acknowledged"]) > 100
    assert int(said["last"]) - int(said["acknowledged"]) in (0, 1)
    assert said["next_epoch"] == "begun"
    assert verify(tmp_path / "copy").is_whole
