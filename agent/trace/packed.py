"""A text that is kept compressed and gone through again and again, a piece at a time.

    text = Packed.of(path)
    for number, line in text.lines(): ...

It is read from the disk once: what was proven is what is taken, whatever becomes of the file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

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


def _numbered(before: int, lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, before + 1):
        if line.strip():
            yield number, line.rstrip(b"\r\n")
