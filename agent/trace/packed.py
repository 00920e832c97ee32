"""A text that is kept compressed and gone through again and again, a piece at a time.

    text = Packed.of(path)
    for number, line in text.lines(): ...

It is read from the disk once: what was proven is what is taken, whatever becomes of the file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

_PIECE = 1 << 20


class Packed:
    """A text, compressed."""

    def __init__(self, content: bytes, piece: int = _PIECE) -> None:
        self.content = content
        """As zlib has it."""
        self._piece = piece

    @classmethod
    def of(cls, path: Path) -> Packed:
        """Return what a file holds.

        Raises:
            OSError: it cannot be read.
        """
        packer, found = zlib.compressobj(1), bytearray()
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                found += packer.compress(piece)
        return cls(bytes(found + packer.flush()))

    def whole(self) -> bytes:
        """Return all of the text."""
        return zlib.decompress(self.content)

    def opened(self) -> BinaryIO:
        """Return the text as a file that is read from its beginning."""
        return BufferedReader(_Unpacked(self._pieces()), self._piece)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield each line that is not blank with its number, ended as `bytes.splitlines` has it."""
        number = 0
        rest: list[bytes] = []
        for piece in self._pieces():
            rest.append(piece)
            if b"\n" not in piece and b"\r" not in piece:
                continue
            found = b"".join(rest).splitlines(keepends=True)
            rest = [] if found[-1].endswith(b"\n") else [found.pop()]  # after CR may come LF
            yield from _numbered(number, found)
            number += len(found)
        yield from _numbered(number, b"".join(rest).splitlines())

    def _pieces(self) -> Iterator[bytes]:
        unpacker, left = zlib.decompressobj(), self.content
        while left and not unpacker.eof:
            piece = unpacker.decompress(left, self._piece)
            left = unpacker.unconsumed_tail
            if piece:
                yield piece
        if rest := unpacker.flush():
            yield rest


class _Unpacked(RawIOBase):
    """Pieces of a text, read as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces, self._left = pieces, b""

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a buffer has no public type before 3.12
        """Read some bytes; return how many: 0 at the end."""
        if not self._left:
            self._left = next(self._pieces, b"")
        room = memoryview(buffer).cast("B")
        n = min(len(room), len(self._left))
        room[:n], self._left = self._left[:n], self._left[n:]
        return n


def _numbered(before: int, lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, before + 1):
        if line.strip():
            yield number, line.rstrip(b"\r\n")
