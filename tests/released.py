"""State directories as each release has left them: kept for good, and opened by every later one.

    python -m tests.released        makes the one of the present version, where there is none yet

A station makes parts in three lives. Its sinks take what the first one records, with an event that
they can never take; then they are away, so that a backlog stands which no sink has confirmed. The
third life is killed in the middle of a part. What it leaves is packed as it lies there: database,
write-ahead log, mark, ballast, look-up, quarantines; with what machine and sinks have noted, and
every event as it was recorded.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from unittest import mock

from agent.journal.opening import open_journal
from agent.ports import SinkDownError
from tests.crash.agent_machine import Life
from tests.crash.agent_work import CONFIG, live
from tests.crash.cuts import cut_rim
from tests.crash.told import Notes, ToldSink

RELEASES = Path(__file__).parent / "data" / "releases"
LIVES, CYCLES = 3, 6
KILLED_AT = 4
"""The answer of the last life at which it is killed."""


_OF_A_PROCESS = ("*-shm", "lock", "commands")
"""Files that mean nothing once it is gone."""


@dataclass(frozen=True, slots=True)
class Released:
    """What one release has left, unpacked."""

    state: Path
    notes: Notes
    bodies: tuple[bytes, ...]
    """Every event of its journal, oldest first."""

    @property
    def journal(self) -> Path:
        """Where the journal is."""
        return self.state / "journal"


@contextmanager
def away() -> Iterator[None]:
    """Let no sink be reached meanwhile."""

    async def connect(_sink: ToldSink) -> None:
        raise SinkDownError("away")

    with mock.patch.object(ToldSink, "connect", connect):
        yield


def unpacked(archive: Path, directory: Path) -> Released:
    """Unpack what a release has left into an empty directory."""
    with tarfile.open(archive) as packed:
        packed.extractall(directory, filter="data")
    state, notes = directory / "state", Notes()
    for place in (state, *(path for path in state.rglob("*") if path.is_dir())):
        place.chmod(0o700)
    notes.read((directory / "notes.txt").read_bytes())
    bodies = (directory / "events.jsonl").read_bytes().splitlines()
    return Released(state, notes, tuple(bodies))


def make(directory: Path) -> None:
    """Lead the three lives, and lay down in the directory what they leave."""
    work, state, told = directory / "work", directory / "state", list[str]()
    work.mkdir(mode=0o700)
    notes, seen = Notes(), Counter[tuple[int, str]]()

    def tell(kind: str, text: str) -> None:
        told.append(f"{kind} {text}\n")
        seen[notes.lives, kind] += 1
        if kind == "answer" and seen[LIVES, kind] == KILLED_AT:  # this is all that a kill leaves
            shutil.copytree(work, state, ignore=shutil.ignore_patterns(*_OF_A_PROCESS))
            (directory / "notes.txt").write_text("".join(told), encoding="utf-8")

    asyncio.run(live(work, Life(seed=1, cycles=CYCLES), notes, tell))
    with away():
        for seed in range(2, LIVES + 1):
            asyncio.run(live(work, Life(seed=seed, cycles=CYCLES), notes, tell))
    (directory / "events.jsonl").write_bytes(asyncio.run(_events(directory)))


async def _events(directory: Path) -> bytes:
    """Return every event of the journal, read from a copy: the original stays as it was left."""
    copy = directory / "copy"
    shutil.copytree(directory / "state" / "journal", copy)
    copy.chmod(0o700)
    journal, _ = await open_journal(copy, CONFIG.station.path, cut_rim())
    rows = await journal.read(None, 1_000_000)
    await journal.close()
    return b"".join(row.body + b"\n" for row in rows)


def pack(directory: Path, archive: Path) -> None:
    """Pack what a release leaves; nothing in it says who made it, or when."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(archive, "w:xz") as packed:
        for name in ("state", "notes.txt", "events.jsonl"):
            packed.add(directory / name, name, filter=plain)


def main() -> None:
    """Make the archive of the present version."""
    archive = RELEASES / f"{version('lineside')}.tar.xz"
    if archive.exists():
        sys.exit(f"{archive} is there, and stays as it is")
    with tempfile.TemporaryDirectory() as place:
        make(Path(place))
        pack(Path(place), archive)


if __name__ == "__main__":
    main()
