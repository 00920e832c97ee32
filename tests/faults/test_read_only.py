"""A state directory whose file system is read-only: held, and published all the same (P17)."""

from pathlib import Path

from tests.namespaces import heard


def test_what_is_on_a_read_only_disk_is_published_and_nothing_begins(tmp_path: Path) -> None:
    """Each event once, in order, no epoch; mounted for writing, what was scanned is recorded.

    In a name space of its own, so that it needs no rights; where the machine gives none, what such
    a disk refuses is refused on the way to it.
    """
    assert heard("tests.faults.read_only", "double", tmp_path) == {
        "published": "True",
        "held": "True",
        "recorded": "True",
        "once": "True",
        "epochs": "2",
        "orders": "['000001', '000002']",
    }
