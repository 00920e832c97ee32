"""A disk that is really full: a small file system, filled to the last byte (S4, P10)."""

from pathlib import Path

from agent.journal.verify import verify
from tests.namespaces import heard


def test_a_full_disk_loses_nothing_and_gives_way(tmp_path: Path) -> None:
    """FullError, ballast freed, everything acknowledged there, and the next epoch can begin.

    In a name space of its own, so that it needs no rights; where the machine gives none, SQLite's
    way to the disk is full instead.
    """
    said = heard("tests.faults.journal_filler", "vfs", tmp_path)
    assert said["error"].endswith("journal.db: disk full; free some space")
    assert said["trouble"] == "disk full"
    assert (said["ballast_before"], said["ballast_after"]) == ("True", "False")
    assert int(said["acknowledged"]) > 100
    assert int(said["last"]) - int(said["acknowledged"]) in (0, 1)
    assert said["next_epoch"] == "begun"
    assert verify(tmp_path / "copy").is_whole
