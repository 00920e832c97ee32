"""The mark: the highest address released, in a file of its own (DESIGN 3, PITFALLS S1).

A damaged write-ahead log shortens history without an error, and a shorter chain is a valid chain.
So after each commit and before its outputs the newest address and hash are written here too.

Laws:
    1. Two slots are written in turn, each with its own checksum, in place, and fdatasynced: a cut
       in the middle of a write leaves the other slot.
    2. The newest whole slot counts. Slots are 4 KiB apart, so that no torn sector meets both.

A slot is one line of text: `lineside-mark 1 COUNT EPOCH SEQ HASH BEFORE EDGE CHECKSUM`, padded.
BEFORE is where the mark stood when the epoch began (`EPOCH/SEQ`, or `-`): where that epoch ended is
otherwise known only to the first row of this one, and both may be lost. EDGE is the newest row that
was given up for pruning (`EPOCH/SEQ/HASH`, or `-`): what damaged files still hold of it or of older
ones is not taken for history again.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from agent.journal.chain import Edge
from agent.ports import Address, Files, HeldFile

_SLOT_SIZE = 4096
_TEXT_SIZE = 512
_NAME = "lineside-mark 1"
_WORDS = 9


@dataclass(frozen=True, slots=True)
class Mark:
    """One reading of the mark."""

    count: int
    address: Address
    hash: str
    before: Address | None = None
    """The end of the epoch before, as the mark knew it."""
    edge: Edge | None = None
    """The newest row that was given up for pruning."""


class MarkFile:
    """The mark's file; it is made at the first write if it is not there."""

    def __init__(self, files: Files, path: Path) -> None:
        self._files = files
        self._path = path
        content = files.read(path)
        self.is_there = content is not None
        """Whether there was a file, readable or not."""
        slots = [_parse((content or b"")[at : at + _TEXT_SIZE]) for at in (0, _SLOT_SIZE)]
        whole = [mark for mark in slots if mark is not None]
        self.newest = max(whole, key=lambda mark: mark.count, default=None)
        self._is_usable = content is not None and len(content) == 2 * _SLOT_SIZE
        self._held: HeldFile | None = None
        self._stays_open = False

    def stay_open(self) -> None:
        """Keep the file open from the next write on, until `close`: it need not be opened again."""
        self._stays_open = True

    def close(self) -> None:
        """Let go of the file."""
        self._stays_open = False
        if self._held is not None:
            self._held.close()
            self._held = None

    def write(self, address: Address, digest: str) -> None:
        """Record an address as released; it is on the disk when this returns.

        Raises:
            OSError: it could not be written; what is on the disk is the mark before it.
        """
        count, before, edge = 1, None, None
        if self.newest is not None:
            is_new_epoch = self.newest.address.epoch != address.epoch
            before = self.newest.address if is_new_epoch else self.newest.before
            count, edge = self.newest.count + 1, self.newest.edge
        self._store(Mark(count, address, digest, before, edge))

    def give_up(self, edge: Edge) -> None:
        """Record, before they are deleted, that this row and all older ones go.

        Raises:
            OSError: it could not be written; what is on the disk is the mark before it.
        """
        if self.newest is not None:
            self._store(replace(self.newest, count=self.newest.count + 1, edge=edge))

    def _store(self, mark: Mark) -> None:
        slot = _format(mark)
        if self._is_usable:
            self._overwrite(mark.count % 2 * _SLOT_SIZE, slot)
        else:
            other = slot if mark.count % 2 == 0 else b""
            first = b"" if other else slot
            slots = (other.ljust(_SLOT_SIZE), first.ljust(_SLOT_SIZE))
            self._files.remove(self._path)
            self._files.create(self._path, b"".join(slots))
            self._is_usable = True
            if self._stays_open:
                with contextlib.suppress(OSError):  # it is written: the next write tries again
                    self._held = self._files.hold(self._path)
        self.newest = mark

    def renew(self) -> None:
        """Write the newest mark over itself, in its own slot: the disk is tried, nothing changes.

        Raises:
            OSError: it could not be written.
        """
        if self.newest is not None and self._is_usable:
            self._overwrite(self.newest.count % 2 * _SLOT_SIZE, _format(self.newest))

    def _overwrite(self, at: int, slot: bytes) -> None:
        if self._held is None:
            self._held = self._files.hold(self._path)
        try:
            self._held.overwrite(at, slot)
        finally:
            if not self._stays_open:
                self.close()


def _format(mark: Mark) -> bytes:
    before = f"{mark.before.epoch}/{mark.before.seq}" if mark.before else "-"
    newest = f"{mark.address.epoch} {mark.address.seq} {mark.hash}"
    text = f"{_NAME} {mark.count} {newest} {before} {mark.edge or '-'} "
    return f"{text}{sha256(text.encode()).hexdigest()}".encode().ljust(_TEXT_SIZE - 1) + b"\n"


def _parse(slot: bytes) -> Mark | None:
    words = slot.split()
    if len(words) != _WORDS:
        return None
    text = b" ".join(words[:-1]) + b" "
    if sha256(text).hexdigest().encode() != words[-1]:
        return None
    count, epoch, seq, digest, before, edge = (word.decode() for word in words[2:8])
    ended, _, at = before.partition("/")
    return Mark(
        int(count),
        Address(epoch, int(seq)),
        digest,
        Address(ended, int(at)) if at else None,
        Edge.parse(edge),
    )
