"""A text kept compressed: its lines are those of the text, however it is cut into pieces."""

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.trace.packed import Packed

SIGNS = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", b" ", b"\xff", b"\x0b"]))


@given(SIGNS.map(b"".join), st.integers(1, 5))
def test_its_lines_are_those_of_the_text(text: bytes, piece: int) -> None:
    """With their numbers, by whatever line ends; blank ones are counted and left out."""
    wanted = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    packed = Packed(zlib.compress(text), piece)
    assert list(packed.lines()) == wanted
    assert list(packed.lines()) == wanted
    assert packed.whole() == text


def test_a_file_is_read_once(tmp_path: Path) -> None:
    """What becomes of the file afterwards changes nothing."""
    path = tmp_path / "events.jsonl"
    text = b"".join(b"%d\n" % number for number in range(400_000))
    path.write_bytes(text)
    packed = Packed.of(path)
    path.unlink()
    assert packed.whole() == text
    assert sum(number for number, _ in packed.lines()) == sum(range(1, 400_001))
    assert len(packed.content) < len(text) / 2
    with pytest.raises(FileNotFoundError):
        Packed.of(path)
