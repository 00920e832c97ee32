"""The mark: two slots in turn, and never both at risk."""

import errno
import os
from pathlib import Path

import pytest

from agent.journal.chain import Edge
from agent.journal.files import DiskFile, DiskFiles
from agent.journal.mark import Mark, MarkFile
from agent.ports import Address

HASH = "5c0e" * 16


def write(path: Path, *seqs: int) -> MarkFile:
    """Write marks and return the file."""
    mark = MarkFile(DiskFiles(), path)
    for seq in seqs:
        mark.write(Address("000001-a", seq), HASH)
    return mark


def test_without_a_file_there_is_no_mark(tmp_path: Path) -> None:
    """Nothing is made before something was released."""
    mark = MarkFile(DiskFiles(), tmp_path / "mark")
    assert (mark.newest, mark.is_there) == (None, False)
    assert not (tmp_path / "mark").exists()


def test_the_newest_mark_counts(tmp_path: Path) -> None:
    """Whoever reads finds the last one written."""
    for count in (1, 2, 3):
        write(tmp_path / f"{count}", *range(1, count + 1))
        found = MarkFile(DiskFiles(), tmp_path / f"{count}").newest
        assert found == Mark(count, Address("000001-a", count), HASH)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_torn_slot_leaves_the_other(tmp_path: Path, count: int) -> None:
    """A write that is cut at any byte leaves the mark before it, or the new one (P07)."""
    path = tmp_path / "mark"
    write(path, *range(1, count))
    before = path.read_bytes()
    write(path, count)
    after = path.read_bytes()
    changed = [at for at in range(len(before)) if before[at] != after[at]]
    for cut in range(changed[0], changed[-1] + 2):
        path.write_bytes(after[:cut] + before[cut:])
        found = MarkFile(DiskFiles(), path).newest
        assert found is not None
        assert found.address.seq in (count - 1, count)


def test_no_bit_changes_a_mark_unseen(tmp_path: Path) -> None:
    """Whichever bit of the newest slot rots, the older slot counts, or the newer as it was."""
    path = tmp_path / "mark"
    write(path, 1, 2)
    whole = path.read_bytes()
    for bit in range(200 * 8):
        rotten = bytearray(whole)
        rotten[bit // 8] ^= 1 << bit % 8
        path.write_bytes(rotten)
        found = MarkFile(DiskFiles(), path).newest
        assert found is not None
        assert found.address.seq in (1, 2)
        assert found.hash == HASH


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\x00" * 8192])
def test_an_unreadable_file_is_no_mark_and_is_written_anew(tmp_path: Path, content: bytes) -> None:
    """What is there but says nothing is made again with the next mark (P23)."""
    path = tmp_path / "mark"
    path.write_bytes(content)
    mark = MarkFile(DiskFiles(), path)
    assert (mark.newest, mark.is_there) == (None, True)
    mark.write(Address("000002-b", 5), HASH)
    found = MarkFile(DiskFiles(), path).newest
    assert found is not None
    assert found.address == Address("000002-b", 5)
    assert path.stat().st_size == 8192


def test_a_shortened_file_keeps_its_slot(tmp_path: Path) -> None:
    """A file that lost its second half is written whole again, the count going on."""
    path = tmp_path / "mark"
    write(path, 1, 2)
    path.write_bytes(path.read_bytes()[:4096])
    mark = MarkFile(DiskFiles(), path)
    assert mark.newest is not None
    assert mark.newest.count == 2
    mark.write(Address("000001-a", 3), HASH)
    found = MarkFile(DiskFiles(), path).newest
    assert found == Mark(3, Address("000001-a", 3), HASH)


def test_a_mark_is_renewed_in_its_own_slot(tmp_path: Path) -> None:
    """The disk is tried, the file stays as it is; without a mark there is nothing to try."""
    path = tmp_path / "mark"
    MarkFile(DiskFiles(), path).renew()
    assert not path.exists()
    mark = write(path, 1, 2, 3)
    before = path.read_bytes()
    mark.renew()
    assert path.read_bytes() == before


class FewFiles(DiskFiles):
    """A disk on which no file can be opened any more, once it is used up."""

    is_used_up = False

    def hold(self, path: Path) -> DiskFile:
        """Refuse, or open a file."""
        if self.is_used_up:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))
        return super().hold(path)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_mark_that_stays_open_is_open_from_its_first_write(tmp_path: Path, is_new: bool) -> None:  # noqa: FBT001 - from the table
    """Whoever has written once can write when no file can be opened any more (E02)."""
    files, path = FewFiles(), tmp_path / "mark"
    write(path, *([] if is_new else [1, 2]))
    mark = MarkFile(files, path)
    mark.stay_open()
    mark.write(Address("000001-a", 3), HASH)
    files.is_used_up = True
    mark.write(Address("000001-a", 4), HASH)
    mark.close()
    found = MarkFile(DiskFiles(), path).newest
    assert found is not None
    assert found.address.seq == 4


def test_a_new_mark_that_cannot_be_kept_open_is_written(tmp_path: Path) -> None:
    """What is on the disk is not told as missing; the next write says what is wrong."""
    files, path = FewFiles(), tmp_path / "mark"
    files.is_used_up = True
    mark = MarkFile(files, path)
    mark.stay_open()
    mark.write(Address("000001-a", 1), HASH)
    assert MarkFile(DiskFiles(), path).newest == mark.newest
    with pytest.raises(OSError, match="Too many open files"):
        mark.write(Address("000001-a", 2), HASH)
    files.is_used_up = False
    mark.write(Address("000001-a", 2), HASH)
    mark.close()
    assert MarkFile(DiskFiles(), path).newest == mark.newest


def test_a_mark_knows_where_the_epoch_before_ended(tmp_path: Path) -> None:
    """The next epoch's marks carry it on, whatever becomes of the rows."""
    path = tmp_path / "mark"
    mark = write(path, 1, 2)
    for address in (Address("000002-b", 1), Address("000002-b", 2)):
        mark.write(address, HASH)
        found = MarkFile(DiskFiles(), path).newest
        assert found is not None
        assert (found.address, found.before) == (address, Address("000001-a", 2))


def test_a_mark_knows_what_was_given_up(tmp_path: Path) -> None:
    """In the other slot, beside the newest address, and from then on in every mark."""
    edge = Edge(Address("000001-a", 2), HASH)
    path = tmp_path / "mark"
    empty = MarkFile(DiskFiles(), path)
    empty.give_up(edge)
    assert not path.exists()
    mark = write(path, 3)
    mark.give_up(edge)
    assert MarkFile(DiskFiles(), path).newest == Mark(2, Address("000001-a", 3), HASH, None, edge)
    mark.write(Address("000001-a", 4), HASH)
    assert MarkFile(DiskFiles(), path).newest == Mark(3, Address("000001-a", 4), HASH, None, edge)
