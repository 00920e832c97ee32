"""What a command makes is its directory's owner's, though root gave the command."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.app.keyfiles import KeyFileError, write_new
from agent.app.owner import as_owner, doubt, owner
from agent.app.tracing import store_name
from agent.cli import exits
from agent.publisher.quarantine import release_path
from tests.unit.cli.test_quarantine import Bench

AGENT = 65534
"""A user that may do nothing; only root can give a directory away, so else it stays the test's."""


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a directory to which everybody finds the way."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


def given_away(directory: Path) -> tuple[int, int]:
    """Return whose a directory is from now on: the agent's user's, where a test may do that."""
    directory.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(directory, AGENT, AGENT)
    return owner(directory)


def test_a_release_is_asked_for_as_the_agent(place: Path) -> None:
    """Whoever asks, the question is the agent's, for it alone, and so is what it makes of it."""
    bench = Bench(place)
    bench.hold(7)
    agent = given_away(bench.path.parent)
    assert bench.run("release", "--all", "--wait", "0") == exits.REFUSED
    asked = release_path(bench.path)
    assert owner(asked) == agent
    assert stat.S_IMODE(asked.stat().st_mode) == 0o600


def test_nothing_outside_is_written_for_a_link_in_the_agents_directory(place: Path) -> None:
    """Root's rights are not lent to whoever owns the directory."""
    bench = Bench(place)
    bench.hold(7)
    aim = place / "roots"
    aim.write_text("precious")
    aim.chmod(0o400 if os.geteuid() else 0o600)
    release_path(bench.path).symlink_to(aim)
    given_away(bench.path.parent)
    assert bench.run("release", "--all", "--wait", "0") == exits.REFUSED
    assert aim.read_text() == "precious"


def test_keys_and_the_trace_store_are_their_directorys_owners(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key is for the agent alone; what is there is not written over; a store is begun for it."""
    keys = place / "pki"
    keys.mkdir()
    agent = given_away(keys)
    write_new(keys / "own.key", b"secret", private=True)
    write_new(keys / "own.pem", b"public", private=False)
    assert [owner(keys / name) for name in ("own.key", "own.pem")] == [agent, agent]
    assert stat.S_IMODE((keys / "own.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((keys / "own.pem").stat().st_mode) == 0o644
    with pytest.raises(KeyFileError, match="there is one already"):
        write_new(keys / "own.key", b"another", private=True)
    assert sorted(file.name for file in keys.iterdir()) == ["own.key", "own.pem"]
    monkeypatch.setenv("LINESIDE_STATE", str(keys))
    store = Path(store_name(None))
    assert owner(store) == agent
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


def test_rights_come_back(place: Path) -> None:
    """After it, whatever happened, whoever gave the command is who they were."""
    before = os.geteuid(), os.getegid()
    agent = given_away(place)

    def work() -> None:
        with as_owner(place / "not" / "there"):
            assert (os.geteuid(), os.getegid()) == agent
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        work()
    assert (os.geteuid(), os.getegid()) == before


def test_root_is_told_that_the_directory_is_anothers(place: Path) -> None:
    """By that user's name, or number; nobody else is told anything, nor of root's own directory."""
    assert doubt(place) is None
    given_away(place)
    said = doubt(place / "state") or ""
    assert ("belongs to the user nobody," in said) == (os.geteuid() == 0)
    if os.geteuid() == 0:
        os.chown(place, 64321, 64321)
    assert ("sudo -u #64321 lineside run" in (doubt(place) or "")) == (os.geteuid() == 0)
