"""The real disk behind the port."""

import os
import stat
from pathlib import Path

import pytest

from agent.journal.files import DiskFiles

FILES = DiskFiles()


def test_what_is_not_there_has_neither_content_nor_size(tmp_path: Path) -> None:
    """A missing file is None, not an error; removing it is done."""
    path = tmp_path / "none"
    assert (FILES.read(path), FILES.size(path)) == (None, None)
    FILES.remove(path)


def test_a_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """What is created has the content and mode 0600, and never replaces another."""
    path = tmp_path / "file"
    FILES.create(path, b"content")
    assert (FILES.read(path), FILES.size(path)) == (b"content", 7)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        FILES.create(path, b"other")


def test_parts_are_read_and_written_in_place(tmp_path: Path) -> None:
    """A file keeps its size when a part of it is written."""
    path = tmp_path / "file"
    FILES.create(path, b"0123456789")
    held = FILES.hold(path)
    held.overwrite(2, b"xx")
    assert FILES.read(path, 1, 4) == b"1xx4"
    assert FILES.size(path) == 10
    held.overwrite(0, b"yy")
    assert FILES.read(path) == b"yyxx456789"
    held.close()


def test_room_is_laid_out_once(tmp_path: Path) -> None:
    """A missing or short file is made longer in place, and one that is long enough left alone."""
    path = tmp_path / "file"
    FILES.lay_out(path, 100_000)
    assert FILES.read(path) == bytes(100_000)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.stat().st_ino
    path.write_bytes(b"abc")
    FILES.lay_out(path, 5)
    FILES.lay_out(path, 4)
    assert (FILES.read(path), path.stat().st_ino) == (b"abc\0\0", before)


def test_a_short_write_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not written whole is not written."""
    path = tmp_path / "file"
    FILES.create(path, b"0123")
    monkeypatch.setattr(os, "pwrite", lambda *_: 1)  # no disk does this on demand
    held = FILES.hold(path)
    with pytest.raises(OSError, match="short write"):
        held.overwrite(0, b"xx")
    held.close()


def test_a_copy_is_another_file(tmp_path: Path) -> None:
    """The copy has the content, is its owner's, and takes another's name in one step."""
    FILES.create(tmp_path / "a", b"content")
    FILES.copy(tmp_path / "a", tmp_path / "b")
    FILES.create(tmp_path / "c", b"old")
    FILES.replace(tmp_path / "b", tmp_path / "c")
    assert (FILES.read(tmp_path / "c"), FILES.size(tmp_path / "b")) == (b"content", None)
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o600


def test_a_name_is_given_once(tmp_path: Path) -> None:
    """A file takes a name that none has; the file of one that is taken stays as it is."""
    for name in ("a", "b"):
        FILES.create(tmp_path / name, name.encode())
    FILES.name(tmp_path / "a", tmp_path / "c")
    assert (FILES.read(tmp_path / "c"), FILES.size(tmp_path / "a")) == (b"a", None)
    with pytest.raises(FileExistsError):
        FILES.name(tmp_path / "b", tmp_path / "c")
    assert (FILES.read(tmp_path / "b"), FILES.read(tmp_path / "c")) == (b"b", b"a")


def test_free_space_is_known(tmp_path: Path) -> None:
    """The space left is a number of bytes."""
    assert FILES.free_bytes(tmp_path) > 0
