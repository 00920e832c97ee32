"""What a power cut at a point of a recording could leave on the disk (PITFALLS P2).

What was synced is there. Of what was not, anything: nothing, everything, one file's alone, the
first or last write missing, the last one torn at a sector, sectors at random, sizes grown with
zeroes in the place of content; and of the directory's changes any beginning.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.crash.record import (
    Enter,
    Leave,
    Move,
    Op,
    Recording,
    Resize,
    Sync,
    SyncDirectory,
    Write,
)

SECTOR = 512
RANDOM_PICKS = 3
"""Images of sectors at random, a point."""

Change = Write | Resize
Image = Mapping[str, bytes]
"""Name -> content of each file of a directory."""
Pick = Callable[[list[Change]], list[Change]]
"""What of the unsynced changes, over all files in their order, came to the disk."""


@dataclass(slots=True)
class Platter:
    """What is on the disk for sure and what is on its way there, as a recording is played."""

    files: dict[int, bytearray] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    entries: list[Enter | Leave | Move] = field(default_factory=list)

    @classmethod
    def before(cls, recording: Recording) -> Platter:
        """Return the disk as it was when the recording began."""
        base = recording.base
        return cls(
            files={number: bytearray(content) for number, content in base.values()},
            names={name: number for name, (number, _) in base.items()},
        )

    def play(self, op: Op) -> None:
        """Take one step of the recording."""
        match op:
            case Write() | Resize():
                self.changes.append(op)
            case Sync(file):
                content = self.files.setdefault(file, bytearray())
                for change in self.changes:
                    if change.file == file:
                        _apply(content, change)
                self.changes = [change for change in self.changes if change.file != file]
            case Enter() | Leave() | Move():
                self.entries.append(op)
            case SyncDirectory():
                for entry in self.entries:
                    _enter(self.names, entry)
                self.entries = []

    def image(self, pick: Pick, entries: int) -> dict[str, bytes]:
        """Return one disk that a cut here could leave."""
        names = dict(self.names)
        for entry in self.entries[:entries]:
            _enter(names, entry)
        contents: dict[int, bytearray] = {}
        for change in pick(self.changes):
            content = contents.get(change.file)
            if content is None:
                content = contents[change.file] = bytearray(self.files.get(change.file, b""))
            _apply(content, change)
        return {
            name: bytes(contents.get(number, self.files.get(number, b"")))
            for name, number in names.items()
        }

    def images(self, source: random.Random) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Yield the images of a cut here, each once, with what it is made of."""
        seen: set[int] = set()
        for entries in range(len(self.entries) + 1):
            for what, pick in self._picks(source):
                image = self.image(pick, entries)
                mark = hash(tuple(sorted(image.items())))
                if mark not in seen:
                    seen.add(mark)
                    yield f"{what}, {entries} of {len(self.entries)} names", image

    def everything(self) -> dict[str, bytes]:
        """Return the disk with all that was handed over: what a kill of the process leaves."""
        return self.image(list, len(self.entries))

    def one_image(self, source: random.Random) -> tuple[str, dict[str, bytes]]:
        """Return one of the images of a cut here, by chance, and what it is made of."""
        what, pick = source.choice(list(self._picks(source)))
        entries = source.randint(0, len(self.entries))
        return f"{what}, {entries} of {len(self.entries)} names", self.image(pick, entries)

    def _picks(self, source: random.Random) -> Iterator[tuple[str, Pick]]:
        yield "nothing unsynced", lambda _: []
        if not self.changes:
            return
        yield "everything", list
        for file in sorted({change.file for change in self.changes}):
            yield f"file {file} alone", partial(_alone, file)
        yield "without the first", lambda changes: changes[1:]
        yield "without the last", lambda changes: changes[:-1]
        torn = source.randrange(1, 9)
        yield f"last torn at {torn} sectors", partial(_torn, torn)
        yield "grown with zeroes", _grown
        for _ in range(RANDOM_PICKS):
            seed = source.randrange(1 << 30)
            yield f"sectors {seed}", partial(_sectors, seed)


def _alone(file: int, changes: list[Change]) -> list[Change]:
    return [change for change in changes if change.file == file]


def _torn(sectors: int, changes: list[Change]) -> list[Change]:
    last = changes[-1]
    if isinstance(last, Resize):
        return changes[:-1]
    edge = SECTOR * sectors - last.offset % SECTOR
    return [*changes[:-1], Write(last.file, last.offset, last.data[:edge])]


def _grown(changes: list[Change]) -> list[Change]:
    ends: dict[int, int] = {}
    for change in changes:
        end = change.size if isinstance(change, Resize) else change.offset + len(change.data)
        ends[change.file] = max(ends.get(change.file, 0), end)
    return [Write(file, end, b"") for file, end in ends.items()]


def _sectors(seed: int, changes: list[Change]) -> list[Change]:
    source, kept = random.Random(seed), list[Change]()  # noqa: S311 - not a secret
    for change in changes:
        if isinstance(change, Resize):
            if source.random() < 0.5:
                kept.append(change)
            continue
        at = change.offset
        while at < change.offset + len(change.data):
            end = min((at // SECTOR + 1) * SECTOR, change.offset + len(change.data))
            if source.random() < 0.5:
                piece = change.data[at - change.offset : end - change.offset]
                kept.append(Write(change.file, at, piece))
            at = end
    return kept


def _apply(content: bytearray, change: Change) -> None:
    if isinstance(change, Resize):
        del content[change.size :]
        content.extend(bytes(change.size - len(content)))
        return
    if change.offset > len(content):
        content.extend(bytes(change.offset - len(content)))
    content[change.offset : change.offset + len(change.data)] = change.data


def _enter(names: dict[str, int], entry: Enter | Leave | Move) -> None:
    match entry:
        case Enter(name, file):
            names[name] = file
        case Leave(name):
            names.pop(name, None)
        case Move(name, to):
            if name in names:
                names[to] = names.pop(name)


def lay_down(image: Image, directory: Path) -> None:
    """Make a directory hold an image and nothing else."""
    for path in directory.iterdir():
        path.unlink()
    for name, content in image.items():
        (directory / name).write_bytes(content)
