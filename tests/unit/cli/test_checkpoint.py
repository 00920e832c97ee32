"""`lineside checkpoint` and `verify --public-key`: keys made, journals and streams proven."""

import json
from pathlib import Path

import pytest

from agent.cli import exits, main
from tests.unit.app.test_signing import EVERY_S, Signing


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code, *capsys.readouterr()


async def recorded(world: Signing) -> tuple[Path, Path]:
    """Return a journal with signatures, and what arrived of it."""
    async with world.running() as bench:
        await bench.station.emit(bench.scan(b"WO-000001"))
        await bench.clock.advance(EVERY_S)
    arrived = world.directory / "arrived.jsonl"
    arrived.write_text("\n".join(map(json.dumps, bench.events())), encoding="utf-8")
    return bench.journal, arrived


async def test_from_the_key_to_the_proof(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key is made, the station signs with it, journal and stream are proven; a hand is found."""
    world = Signing(tmp_path)
    code, out, complaints = call(capsys, "checkpoint", "key", str(world.key))
    assert (code, complaints) == (exits.OK, "")
    assert f'checkpoints: {{key: "file:{world.key}"}}' in out
    journal, arrived = await recorded(world)
    public = f"{world.key}.pub"
    code, out, _ = call(capsys, "verify", str(journal), "--public-key", public)
    assert (code, out.splitlines()[-1]) == (exits.OK, "  whole")
    assert "(2 signatures); 0 events after it are not signed yet" in out
    prove = ("checkpoint", "prove", str(arrived), "--public-key", public)
    code, out, _ = call(capsys, *prove)
    assert (code, out.splitlines()[-1]) == (exits.OK, "  whole")
    lines = arrived.read_text("utf-8").splitlines()
    arrived.write_text("\n".join(lines[:3] + lines[4:]), encoding="utf-8")
    code, out, _ = call(capsys, *prove)
    epoch = json.loads(lines[0])["epoch"]
    assert code == exits.REFUSED
    assert out.splitlines()[1:] == [
        f"  WRONG {epoch}-5: {epoch}-4 is missing before it",
        out.splitlines()[2],
        f"  NOT WHOLE, first at {epoch}-5",
    ]


async def test_another_key_proves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Signatures by another key are named, in the journal and in the stream."""
    world = Signing(tmp_path)
    call(capsys, "checkpoint", "key", str(world.key))
    call(capsys, "checkpoint", "key", str(tmp_path / "other"))
    journal, arrived = await recorded(world)
    other = str(tmp_path / "other.pub")
    code, out, _ = call(capsys, "verify", str(journal), "--public-key", other)
    assert (code, out.count("it is signed by another key")) == (exits.REFUSED, 2)
    code, out, _ = call(capsys, "checkpoint", "prove", str(arrived), "--public-key", other)
    assert (code, out.count("it is signed by another key")) == (exits.REFUSED, 2)
    assert "NOT SIGNED: no signature by these keys holds" in out


def test_a_users_mistake_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No key, no file, a key that is there already: what, where, and what to do."""
    key = tmp_path / "key"
    call(capsys, "checkpoint", "key", str(key))
    code, out, complaints = call(capsys, "checkpoint", "key", str(key))
    assert (code, out) == (exits.REFUSED, "")
    assert complaints == (
        f"lineside checkpoint: {key}.pub: there is one already; name another file\n"
    )
    (tmp_path / "journal.db").touch()
    code, _, complaints = call(capsys, "verify", str(tmp_path), "--public-key", str(key))
    assert code == exits.REFUSED
    assert complaints == (
        f"lineside verify: {key}: no public key in PEM; "
        "give the .pub file that `lineside checkpoint key` made\n"
    )
