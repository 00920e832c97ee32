"""`lineside audit` as a command, against a real Mosquitto and the MQTT sink."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from agent.cli import exits, main
from agent.formats.cloudevents import envelope
from tests.peers.mosquitto import Mosquitto
from tests.peers.mqtt_bench import STATION, MqttBench, eventually
from tests.streams import rows


def run(*arguments: str) -> int:
    """Run the command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(("audit", *arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


async def test_a_whole_plant_is_proven_over_its_broker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing was heard live: all of it is asked for, comes, verifies, and mends an archive.

    What could not be kept of it is never said to be proven.
    """
    async with Mosquitto(tmp_path) as broker:
        bench = MqttBench(tmp_path, broker.port, resend=5000)
        bench.journal.append(rows([70, 5], STATION))
        url, saved = f"mqtt://127.0.0.1:{broker.port}", tmp_path / "saved.jsonl"
        async with bench.running():
            await eventually(lambda: bench.journal.cursors.get("plant") == bench.journal.last)
            oldest = ("--from", "oldest", "--wait", "0.3", "--save", str(saved))
            assert await asyncio.to_thread(run, "--broker", url, *oldest, "--json") == exits.OK
            (told,) = map(json.loads, capsys.readouterr().out.splitlines())
            assert (told["station"], told["is_complete"]) == (STATION, True)
            assert [epoch["events"] for epoch in told["epochs"]] == [70, 5]
            assert len(saved.read_bytes().splitlines()) == 75
            full = (*oldest[:-1], "/dev/full")
            assert await asyncio.to_thread(run, "--broker", url, *full) == exits.REFUSED
            assert "/dev/full: No space left on device; not everything" in capsys.readouterr().err
        assert await asyncio.to_thread(run, "--broker", url, "--wait", "0.3") == exits.OK
        assert "yes" in capsys.readouterr().out


def test_files_alone_are_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a position nobody says where the newest epoch ends: nothing is claimed.

    Each epoch whose end nobody has said is named, with who would have said it.
    """
    everything = rows([6, 3])
    archive = tmp_path / "archive.jsonl"
    archive.write_bytes(b"".join(envelope(row.body) + b"\n" for row in everything if row.seq != 4))
    assert run(str(archive)) == exits.REFUSED
    out = capsys.readouterr().out
    assert "acme/press: 000001-00000001-4…4 is missing" in out
    assert "acme/press: nobody has said where 000002-00000002 ends: no `position`" in out
    assert "acme/press: no broker knows it, and was not asked" in out
    longer = rows([6, 3, 4, 2])
    kept = [row for row in longer if row.epoch[:6] in {"000001", "000004"} and row.seq != 1]
    archive.write_bytes(b"".join(envelope(row.body) + b"\n" for row in (longer[0], *kept)))
    assert run(str(archive)) == exits.REFUSED
    out = capsys.readouterr().out
    assert "acme/press: nobody has said where 000001-00000001 ends: the first event of the" in out
    assert "acme/press: nobody has said where 000004-00000004 ends: no `position`" in out
    archive.write_bytes(everything[0].body.replace(b"07:00", b"08:00"))
    assert run(str(archive)) == exits.REFUSED
    assert f"{archive}:1: 000001-00000001-1: its content is not" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), exits.USAGE, "name a --broker, or files"),
        (("/no/such.jsonl",), exits.REFUSED, "/no/such.jsonl: No such file"),
        (("/dev/null",), exits.REFUSED, "these files hold no event"),
        (("/dev/null", "--save", "/no/such/x"), exits.REFUSED, "/no/such/x: No such file"),
        (("--broker", "http://x"), exits.REFUSED, "url: 'http://x' is no broker"),
        (("--broker", "mqtt://127.0.0.1:1"), exits.REFUSED, "nothing listens there"),
        (
            ("--broker", "mqtts://127.0.0.1:1", "--user", "a", "--password", "env:LINESIDE_NO"),
            exits.REFUSED,
            "password: env:LINESIDE_NO cannot be read: the environment has no LINESIDE_NO",
        ),
    ],
)
def test_what_cannot_be_audited_says_why(
    arguments: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line: the value, and what to do."""
    assert run(*arguments) == code
    assert said in capsys.readouterr().err


async def test_a_broker_that_refuses_or_has_nobody_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused log-in, and a broker on which no station was heard."""
    async with Mosquitto(tmp_path, "allow_anonymous false") as broker:
        url = f"mqtt://127.0.0.1:{broker.port}"
        assert await asyncio.to_thread(run, "--broker", url) == exits.REFUSED
        assert "not authorised to connect" in capsys.readouterr().err
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    async with Mosquitto(quiet) as broker:
        url = f"mqtt://127.0.0.1:{broker.port}"
        assert await asyncio.to_thread(run, "--broker", url, "--wait", "0.1") == exits.REFUSED
        assert "nobody was heard below lineside/v1" in capsys.readouterr().err
