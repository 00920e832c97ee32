"""A disk without inodes, and one that is read-only when the agent starts (P12, P17)."""

import subprocess
import sys
from pathlib import Path


def test_a_disk_without_inodes_or_read_only_is_told_and_costs_nothing(tmp_path: Path) -> None:
    """What is open records and publishes on; what must be made or written says what to do (P12).

    In a name space of its own, so that it needs no rights; where the machine gives none, what such
    a disk refuses is refused on the way to it.
    """
    alone = ["unshare", "-Urm"]
    may = subprocess.run([*alone, "true"], check=False, capture_output=True).returncode == 0
    scarce = [sys.executable, "-m", "tests.faults.scarce", "tmpfs" if may else "double"]
    ended = subprocess.run(
        [*(alone if may else ()), *scarce, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said = dict(line.split("=", 1) for line in ended.stdout.splitlines())
    newest, disk = said["recorded"], tmp_path / "disk"
    assert int(said["used_up"]) > 0
    assert newest.endswith("-301")
    assert (said["trouble"], said["published"], said["cursor"]) == ("None", "301", newest)
    assert said["no_inode"] == newest
    assert said["no_inode_for_a_new_one"] == (
        f"DiskFullError: {disk}/new: cannot keep a journal here: No space left on device; "
        "free some space, or some inodes (see df -h and df -i), or set journal.path"
    )
    assert said["read_only"] == (
        f"JournalError: {disk}: cannot keep a journal here: Read-only file system; its file "
        "system is read-only: see why (dmesg), then mount it for writing, or set journal.path"
    )
    assert (said["again"], said["at_last"]) == (newest, newest)
