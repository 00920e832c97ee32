"""A file of lines is whole after whatever happened to its writer."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lines import LineFile


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LineFile]:
    """An open file with two lines."""
    lines = LineFile(tmp_path / "events.jsonl")
    lines.open()
    lines.append((b"one", b"two"))
    yield lines
    lines.close()


def test_append_adds_whole_lines(file: LineFile) -> None:
    """What was appended stands there, one a line, and its size is known."""
    file.append((b"three",))
    assert file.path.read_bytes() == b"one\ntwo\nthree\n"
    assert file.size == len(b"one\ntwo\nthree\n")


def test_the_last_line_is_known(tmp_path: Path) -> None:
    """None in an empty file; one that is longer than any event is not looked for."""
    lines = LineFile(tmp_path / "events.jsonl")
    lines.open()
    assert lines.last() == b""
    lines.append((b"one",))
    assert lines.last() == b"one"
    lines.append((b"two", b"a\rb"))
    assert lines.last() == b"a\rb"
    lines.append((b"x" * (2 << 20),))
    assert lines.last() == b""
    lines.close()


def test_nobody_else_may_read_it(file: LineFile) -> None:
    """The file is for its owner and group; it holds who made what."""
    assert file.path.stat().st_mode & 0o007 == 0


@pytest.mark.parametrize("torn", [b"thr", b"thr\0\0\0", b"\0" * 5000, b"thr\0\0ee\nfour\n"])
def test_open_cuts_what_is_torn(file: LineFile, torn: bytes) -> None:
    """A cut line, and blocks that never reached the disk, are gone after the next open."""
    file.close()
    with file.path.open("ab") as raw:
        raw.write(torn)
    file.open()
    assert file.path.read_bytes() == b"one\ntwo\n"
    file.append((b"three",))
    assert file.path.read_bytes() == b"one\ntwo\nthree\n"


def test_open_finds_the_end_of_a_very_long_line(tmp_path: Path) -> None:
    """A line longer than what is looked through at once is found whole, or cut whole."""
    path = tmp_path / "long"
    path.write_bytes(b"one\n" + b"x" * (9 << 20))
    lines = LineFile(path)
    lines.open()
    lines.close()
    assert path.read_bytes() == b"one\n"


def test_a_file_without_any_end_is_emptied(tmp_path: Path) -> None:
    """When not one line is whole, nothing is kept."""
    path = tmp_path / "torn"
    path.write_bytes(b"on")
    lines = LineFile(path)
    lines.open()
    lines.close()
    assert (lines.size, path.read_bytes()) == (0, b"")


def test_set_aside_begins_an_empty_file(file: LineFile) -> None:
    """What was written keeps under another name, and the next line begins a new file."""
    aside = file.path.with_name("events.jsonl.1")
    file.set_aside(aside)
    file.append((b"three",))
    assert (aside.read_bytes(), file.path.read_bytes()) == (b"one\ntwo\n", b"three\n")


def test_append_needs_an_open_file(tmp_path: Path) -> None:
    """Nothing is opened behind the caller's back."""
    with pytest.raises(OSError, match=r"is not open$"):
        LineFile(tmp_path / "never").append((b"one",))


def test_open_in_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    """Directories are made by whoever installs, not by a typing error."""
    with pytest.raises(FileNotFoundError):
        LineFile(tmp_path / "no" / "file").open()


def test_open_of_something_else_leaves_nothing_open() -> None:
    """What cannot be cut is refused, and its descriptor closed."""
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        LineFile(Path("/dev/null")).open()


def test_a_full_disk_is_told_and_leaves_whole_lines(file: LineFile) -> None:
    """When the disk is full, append says so, and what stands there is whole lines."""
    import resource  # noqa: PLC0415 - only this test limits the size of files

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            file.append((b"three", b"four"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.path.read_bytes() == b"one\ntwo\n"
    file.open()
    file.append((b"three",))
    assert file.path.read_bytes() == b"one\ntwo\nthree\n"


@given(
    lines=st.lists(st.binary(min_size=1).filter(lambda line: not {0, 10} & set(line)), max_size=8),
    cut=st.integers(min_value=0),
)
def test_any_cut_leaves_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cut: int
) -> None:
    """Wherever a file is cut, what remains after open is a prefix of its lines."""
    path = tmp_path_factory.mktemp("cut") / "file"
    whole = b"".join(line + b"\n" for line in lines)
    path.write_bytes(whole[: cut % (len(whole) + 1)])
    file = LineFile(path)
    file.open()
    file.close()
    kept = path.read_bytes()
    assert whole.startswith(kept)
    assert kept == b"" or kept.endswith(b"\n")
    assert kept.count(b"\n") == whole[: cut % (len(whole) + 1)].count(b"\n")
