"""A station that signs what it records: at an interval, at its end, whatever becomes of its key."""

import json
from pathlib import Path

import pytest

from agent.app import checkpoints, keyfiles
from agent.app.checkpoints import KeyFileError, make_key_files, prove_file
from agent.app.signing import FIRST_S, RETRY_S, Checkpoints
from agent.app.station import StationRun
from agent.config.loaded import CheckpointConfig
from agent.config.problems import Place
from tests.doubles import settled
from tests.unit.app.test_station import Bench, World
from tests.unit.config.stations import PRESS, edited, loaded

EVERY_S = 60.0


class Signing(World):
    """A world whose station signs."""

    def station(self) -> StationRun:
        """Return a station that has not begun, with its checkpoints."""
        given = super().station()
        text = edited(
            PRESS,
            ("credential:operator-key", f"file:{self.directory}/key"),
            ('  plant: {sink: mqtt, url: "mqtt://127.0.0.1"}\n', ""),
            ("devices:", f'checkpoints: {{key: "file:{self.key}", every: 60s}}\ndevices:'),
        )
        return StationRun(loaded(text), given._around, self.told)  # noqa: SLF001 - the same world

    @property
    def key(self) -> Path:
        """Where the key is looked for."""
        return self.directory / "checkpoint.key"

    def proven(self, bench: Bench) -> checkpoints.Proof:
        """Return what a consumer proves of all that is recorded."""
        arrived = self.directory / "arrived.jsonl"
        rows = bench.events()
        arrived.write_text("\n".join(json.dumps(row) for row in rows))
        return prove_file(arrived, [self.key.with_name("checkpoint.key.pub")])


@pytest.fixture
def world(tmp_path: Path) -> Signing:
    """A world of its own, with a key."""
    made = Signing(tmp_path)
    make_key_files(made.key)
    return made


async def test_a_station_signs_at_its_start_at_each_interval_and_at_its_end(
    world: Signing,
) -> None:
    """Each signature stands for all before it; none is made where nothing was recorded."""
    async with world.running() as bench:
        await bench.clock.advance(FIRST_S)
        assert [one["seq"] for one in bench.events("checkpoint_signed")] == [len(bench.events())]
        await bench.clock.advance(3 * EVERY_S)
        assert len(bench.events("checkpoint_signed")) == 1
        await bench.station.emit(bench.scan(b"WO-000001"))
        await bench.clock.advance(EVERY_S)
        assert world.proven(bench).unsigned == 0
        assert len(bench.events("checkpoint_signed")) == 2
    assert [row["kind"] for row in bench.events()][-2:] == ["agent_stopped", "checkpoint_signed"]
    proof = world.proven(bench)
    assert (proof.is_whole, proof.unsigned, proof.checkpoints) == (True, 0, 3)


async def test_what_a_failed_commit_left_is_signed_by_the_next_run(world: Signing) -> None:
    """An epoch that did not end in order is vouched for from the next one on."""
    async with world.running() as bench:
        await bench.station.emit(bench.scan(b"WO-000001"))
        await settled()
        bench.disk.error = OSError("no spindle")
        await bench.station.emit(bench.scan(b"WO-000002"))
        await bench.clock.advance(1 + FIRST_S)
        proof = world.proven(bench)
        assert (proof.is_whole, proof.unsigned) == (True, 0)
        assert str(proof.signed_to).startswith("000002-")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"s3cret", "is no private key in PEM without a password"),
        (b"\xff\xfe", "is no text"),
    ],
)
async def test_without_its_key_a_station_records_on_and_says_so_once(
    world: Signing, content: bytes | None, why: str
) -> None:
    """Signing never stops recording; once the key is there, all before it is signed too."""
    good = world.key.read_bytes()
    world.key.unlink()
    if content is not None:
        world.key.write_bytes(content)
    async with world.running() as bench:
        await bench.station.emit(bench.scan(b"WO-000001"))
        await bench.clock.advance(5 * RETRY_S)
        assert bench.events("order_started")
        assert bench.events("checkpoint_signed") == []
        failed = [fields for event, fields in bench.told.lines if event == "checkpoint_failed"]
        make = "make one with `lineside checkpoint key`; nothing is signed"
        assert [line["error"] for line in failed] == [
            f"checkpoints.key file:{world.key}: {why}; {make}"
        ]
        world.key.write_bytes(good)
        await bench.clock.advance(RETRY_S)
        assert bench.names().count("checkpoint_restored") == 1
        assert world.proven(bench).is_whole


async def test_an_absent_variable_is_named(world: Signing) -> None:
    """A reference that leads to no variable is told by its name."""
    place = Place(line=1, column=1)
    asked = CheckpointConfig(key="env:LINESIDE_NONE", every_s=60, place=place)

    def secret(_reference: str) -> str:
        raise OSError("the environment has no LINESIDE_NONE")

    station = world.station()
    assert Checkpoints(station.config, asked, secret, world.clock, world.told).signature() is None
    assert "(the environment has no LINESIDE_NONE)" in str(world.told.lines[-1][1]["error"])


def test_keys_are_made_for_their_owner_alone_and_never_written_over(tmp_path: Path) -> None:
    """A key that is lost cannot be had again: whoever asks for the same file is refused."""
    made = make_key_files(tmp_path / "key")
    assert (made.private.stat().st_mode & 0o777, made.public.name) == (0o600, "key.pub")
    with pytest.raises(KeyFileError, match=r"key\.pub: there is one already; name another file"):
        make_key_files(tmp_path / "key")
    made.public.unlink()
    with pytest.raises(KeyFileError, match="nothing is written over a key"):
        make_key_files(tmp_path / "key")
    with pytest.raises(KeyFileError, match="cannot be written: No such file"):
        make_key_files(tmp_path / "none" / "key")


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    """A user's mistake is told with the file and what to do."""
    made = make_key_files(tmp_path / "key")
    with pytest.raises(KeyFileError, match=r"key: no public key in PEM; give the \.pub file"):
        checkpoints.checker([made.private])
    with pytest.raises(KeyFileError, match=r"none: cannot be read: No such file"):
        prove_file(tmp_path / "none", [made.public])
    with pytest.raises(KeyFileError, match=r"none: cannot be read: No such file"):
        keyfiles.read(tmp_path / "none")
