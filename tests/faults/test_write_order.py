"""The small files beside the journal: whatever moment the power goes, one is old or new, and whole.

The journal's own files (mark, ballast, copies that are set aside) are cut in the crash campaign.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest

from agent import lines
from agent.app.conceal import KEY_FILE, operator_key
from agent.app.keyfiles import KeyFileError, write_new
from agent.config.loaded import OperatorsConfig
from agent.journal.files import DiskFiles
from agent.publisher import Quarantine
from agent.publisher.quarantine import held_in
from agent.sinks.sparkplug.memory import Memory
from tests.crash.images import Image, Platter, lay_down
from tests.crash.record import Note, RecordedOs, Recording, on_record
from tests.doubles import InlineWorker, ManualClock, SeededRandom, event_row

KEY = b"-----BEGIN PRIVATE KEY-----\n" + b"x" * 2000
OWN = OperatorsConfig(mode="pseudonym", key=None)


def cut_anywhere(directory: Path, work: Callable[[], Awaitable[None]]) -> Iterator[Image]:
    """Yield each disk that a power cut could leave while some work is done, and after it."""
    recording = Recording(directory)
    with on_record(recording), mock.patch.object(lines, "os", RecordedOs(recording)):
        asyncio.run(_done(work))
    platter, source = Platter.before(recording), random.Random(1)  # noqa: S311 - not a secret
    yield platter.image(list, 0)
    for op in recording.ops:
        assert not isinstance(op, Note)
        platter.play(op)
        yield from (image for _, image in platter.images(source))
    assert recording.syncs > 0


async def _done(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def seen(
    tmp_path: Path, work: Callable[[Path], Awaitable[None]], look: Callable[[Path], object]
) -> list[object]:
    """Return what is found on each image, in order; the last one is after the work."""
    live, image_place = tmp_path / "live", tmp_path / "image"
    for directory in (live, image_place):
        directory.mkdir(mode=0o700, exist_ok=True)
    found = []
    for image in cut_anywhere(live, lambda: work(live)):
        lay_down(image, image_place)
        found.append(look(image_place))
    return found


def content(path: Path) -> bytes | None:
    """Return a file's content, None where it is not there."""
    return path.read_bytes() if path.exists() else None


def test_an_operator_key_is_whole_or_not_there(tmp_path: Path) -> None:
    """Half a key would make other pseudonyms of the same people; a start after a cut has one."""

    async def work(directory: Path) -> None:
        operator_key(OWN, directory, str, SeededRandom())

    def look(directory: Path) -> object:
        found = content(directory / KEY_FILE)
        assert len(operator_key(OWN, directory, str, SeededRandom())) == 64
        return found

    found = seen(tmp_path, work, look)
    key = content(tmp_path / "live" / KEY_FILE)
    assert set(found) == {None, key}
    assert found[-1] == key


@pytest.mark.parametrize("private", [True, False])
def test_a_key_file_is_whole_or_not_there(tmp_path: Path, *, private: bool) -> None:
    """What is there is never written over, so half of one would have to be found and removed."""

    async def work(directory: Path) -> None:
        write_new(directory / "own.key", KEY, private=private)

    def look(directory: Path) -> object:
        found = content(directory / "own.key")
        if found is None:
            write_new(directory / "own.key", KEY, private=private)
        with pytest.raises(KeyFileError, match="there is one already"):
            write_new(directory / "own.key", b"other", private=private)
        assert [path.name for path in directory.iterdir()] == ["own.key"]
        return found

    found = seen(tmp_path, work, look)
    assert set(found) == {None, KEY}
    assert found[-1] == KEY
    mode = (tmp_path / "live" / "own.key").stat().st_mode & 0o777
    assert mode == (0o600 if private else 0o644)


def test_a_sparkplug_session_s_number_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    """A number that came twice would let an old death match a new birth."""
    name = "sparkplug-scada.json"

    def opened(directory: Path) -> Memory:
        memory = Memory(directory / name, DiskFiles())
        assert memory.read() == ""
        return memory

    (tmp_path / "live").mkdir(mode=0o700)
    assert opened(tmp_path / "live").begin(["force"]) == 0

    async def work(directory: Path) -> None:
        assert opened(directory).begin(["force", "count"]) == 1

    def look(directory: Path) -> object:
        return opened(directory).bd_seq

    found = seen(tmp_path, work, look)
    assert set(found) == {0, 1}
    assert found[-1] == 1


def test_what_is_held_in_a_quarantine_stays_whatever_leaves_it(tmp_path: Path) -> None:
    """An event that was put aside is there until it was delivered, and no other goes with it."""
    rows = [event_row(seq) for seq in range(1, 5)]

    def opened(directory: Path) -> Quarantine:
        return Quarantine(directory / "quarantine-plant.jsonl", InlineWorker(), ManualClock())

    async def put(directory: Path) -> None:
        quarantine = opened(directory)
        for row in rows[:3]:
            await quarantine.put(row, "packet too large")

    async def release(directory: Path) -> None:
        quarantine = opened(directory)
        await quarantine.let_go(rows[0].address)
        await quarantine.put(rows[3], "packet too large")
        await quarantine.keep(rows[1], "refused again", None)

    def look(directory: Path) -> object:
        held, _ = held_in(directory / "quarantine-plant.jsonl")
        return tuple(sorted((one.row.seq, one.cause) for one in held))

    old, again = "packet too large", "refused again"
    found = seen(tmp_path, put, look)
    whole = tuple((seq, old) for seq in (1, 2, 3))
    assert set(found) == {whole[:count] for count in range(4)}
    assert found[-1] == whole
    found = seen(tmp_path, release, look)
    assert set(found) == {
        whole,
        whole[1:],
        (*whole[1:], (4, old)),
        ((2, again), (3, old), (4, old)),
    }
    assert found[-1] == ((2, again), (3, old), (4, old))
