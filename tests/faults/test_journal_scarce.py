"""A disk without inodes, and one that is read-only when the agent starts (P12, P17)."""

from pathlib import Path

from tests.namespaces import heard


def test_a_disk_without_inodes_or_read_only_is_told_and_costs_nothing(tmp_path: Path) -> None:
    """What is open records and publishes on; what must be made or written says what to do (P12).

    In a name space of its own, so that it needs no rights; where the machine gives none, what such
    a disk refuses is refused on the way to it.
    """
    said = heard("tests.faults.scarce", "double", tmp_path)
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
