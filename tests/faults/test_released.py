"""What each release has left on the disk is opened by this version: whole, or not at all.

There is one schema so far, and nothing on the disk is brought up to date: what the first opening
by a later version changes is what every opening does. It may be cut anywhere.
"""

import asyncio
import random
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from agent.journal import store
from agent.journal.chain import prove
from agent.journal.files import DiskFiles
from agent.journal.opening import open_journal
from agent.journal.verify import verify
from agent.ports import Row
from agent.publisher.quarantine import held_in
from tests.crash.agent_judge import judge_lives
from tests.crash.agent_machine import Disk, Life
from tests.crash.agent_work import CONFIG, live
from tests.crash.cuts import cut_rim, images
from tests.crash.images import lay_down
from tests.crash.record import Recording, on_record
from tests.crash.told import Notes
from tests.released import RELEASES, Released, away, unpacked
from tests.sim.oracle import event_of

ARCHIVES = sorted(RELEASES.glob("*.tar.xz"))
IMAGES = 100


@pytest.fixture(params=ARCHIVES, ids=lambda archive: archive.name)
def released(request: pytest.FixtureRequest, tmp_path: Path) -> Released:
    """What one release has left."""
    return unpacked(request.param, tmp_path)


def nobody(_kind: str, _text: str) -> None:
    """Tell nobody."""


def backlog(released: Released) -> dict[str, bytes]:
    """Return the events that no sink has confirmed, by address."""
    confirmed = {event_of(one.encode()) for one in released.notes.taken["plant"]}
    return {_address(body): body for body in released.bodies if body not in confirmed}


def _address(body: bytes) -> str:
    found = prove(body)
    assert found is not None
    return str(found.row.address)


async def rows(journal: Path) -> list[Row]:
    """Return what is in a journal."""
    opened, _ = await open_journal(journal, CONFIG.station.path, cut_rim())
    held = await opened.read(None, 1_000_000)
    await opened.close()
    return held


def test_there_is_one() -> None:
    """Without any the other tests would hold nothing."""
    assert ARCHIVES


def test_all_that_a_release_left_goes_on_and_is_delivered(released: Released) -> None:
    """The part at hand is answered, each event delivered as it was recorded (G05)."""
    waiting = backlog(released)
    assert len(waiting) > 50
    assert judge_lives(released.state, released.notes, seed=4) == "ok"
    delivered = {event_of(one.encode()) for one in released.notes.taken["plant"]}
    lacks = {body for body in waiting.values() if body not in delivered}
    set_aside, _ = held_in(released.state / "quarantine-plant.jsonl")
    assert lacks <= {one.row.body for one in set_aside}
    assert len(lacks) < 5


def test_opening_leaves_the_format_as_it_is(released: Released) -> None:
    """Schema, version and every row stay: an older program may open it again."""

    def form() -> list[object]:
        with closing(apsw.Connection(str(released.journal / "journal.db"))) as found:
            schema = found.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
            return [*schema, found.pragma("user_version"), found.pragma("page_size")]

    before = form()
    held = asyncio.run(rows(released.journal))
    assert [row.body for row in held] == list(released.bodies)
    assert form() == before
    assert before[-2] == 1


def test_the_first_opening_may_be_cut_anywhere(released: Released, tmp_path: Path) -> None:
    """By a kill or a power cut, after each write: the next finds all there was (G07, P04)."""
    recording = Recording(released.journal)
    with on_record(recording) as vfs, away():
        life = Life(seed=4, cycles=0)
        asyncio.run(live(released.state, life, released.notes, nobody, Disk(vfs=vfs.name)))
    count, wrong = cut(recording, released, tmp_path / "image")
    assert wrong == []
    assert count > IMAGES / 2


def test_an_upgrade_that_is_cut_in_its_middle_is_seen(released: Released, tmp_path: Path) -> None:
    """The control: a database that is written anew in its place is lost at some of the cuts."""
    recording = Recording(released.journal)
    content = (released.journal / "journal.db").read_bytes()
    with on_record(recording):
        DiskFiles().remove(released.journal / "journal.db")
        DiskFiles().create(released.journal / "journal.db", content)
    _, wrong = cut(recording, released, tmp_path / "image")
    assert wrong != []


def cut(recording: Recording, released: Released, place: Path) -> tuple[int, list[str]]:
    """Return how many images a cut could leave, and which of them lack what no sink has."""
    place.mkdir(mode=0o700)
    waiting, wrong = backlog(released), []
    source = random.Random(7)  # noqa: S311 - not a secret
    found = list(images(recording, source, between=1.0, most=IMAGES))
    for where, image, _ in found:
        lay_down(image, place)
        here = {str(row.address): row.body for row in asyncio.run(rows(place))}
        if any(here.get(address) != body for address, body in waiting.items()):
            wrong.append(where)
        elif not verify(place).is_whole:
            wrong.append(f"{where}: not whole")
    return len(found), wrong


def test_a_newer_release_s_journal_is_refused_and_not_touched(released: Released) -> None:
    """The station says which version it needs, holds, and no byte on the disk is another (G06)."""
    with closing(store.connect(released.journal / "journal.db", None)) as newer, newer:
        store.note(newer, "schema", "2")
        newer.execute("PRAGMA user_version = 2")
    said = []

    def hear(event: str, **fields: object) -> None:
        said.append((event, str(fields.get("error"))))
        if event == "journal_failed":
            raise asyncio.CancelledError

    before = contents(released.state)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(live(released.state, Life(seed=4), Notes(), nobody, Disk(said=hear)))
    failed = [error for event, error in said if event == "journal_failed"]
    database = released.journal / "journal.db"
    assert failed == [f"{database}: written by a newer version; install that version again"]
    assert contents(released.state) == before


def contents(directory: Path) -> dict[str, bytes]:
    """Return what is in the files of a directory that outlive a process."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.suffix != ".db-shm" and path.name not in {"lock", "commands"}
    }
