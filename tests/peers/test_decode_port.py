"""`lineside decode --port`: a live reader, explained or judged by a station, until stopped."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from pathlib import Path

import pytest

from agent.app.decode import Assume, Profile
from agent.app.listening import (
    Heard,
    Reader,
    ReaderError,
    as_object,
    listen,
    reader_at,
    reader_of,
)
from agent.cli import exits
from tests.contract.rig import PATIENCE_S
from tests.peers.scanner_rig import line_from, plugged
from tests.unit.config.stations import PRESS

GTIN = "09521234543213"
GOOD, BAD = f"]d201{GTIN}21S1\r".encode(), f"]d201{GTIN[:-1]}\r".encode()
PROFILE = Profile(reference_date=date(2026, 6, 1), assume=Assume.UNKNOWN)


@asynccontextmanager
async def listened(reader: Reader) -> AsyncIterator[tuple[asyncio.Queue[Heard], list[str]]]:
    """Listen to a reader until the test is done with it."""
    heard = asyncio.Queue[Heard]()
    told: list[str] = []
    up = asyncio.Event()

    def tell(line: str) -> None:
        told.append(line)
        up.set()

    run = asyncio.create_task(listen(reader, PROFILE, heard.put_nowait, tell))
    try:
        async with asyncio.timeout(PATIENCE_S):
            await up.wait()
            yield heard, told
    finally:
        run.cancel()
        await asyncio.wait([run])


def of_port(path: str, folder: Path) -> Path:
    """Return a station file whose scanner is at that port."""
    file = folder / "press.yaml"
    file.write_text(PRESS.replace("/dev/serial/by-id/one", path), encoding="utf-8")
    return file


async def test_each_code_as_it_comes() -> None:
    """Good codes, bad ones and no codes at all are shown in order, as by the live driver."""
    with plugged() as scanner:
        async with listened(reader_at(scanner.path)) as (heard, told):
            await scanner.send(f"]d201{GTIN}21S1\r\n]d201{GTIN}21\rA\x00B\r".encode())
            good, bad, noise = [as_object(await heard.get()) for _ in range(3)]
    assert told == [f"listening to {scanner.path}"]
    assert (good["accepted"], good["form"]) == (True, "gs1")
    assert [part["identifier"] for part in good["parts"]] == ["01", "21"]
    assert (bad["accepted"], bad["error"]["class"], bad["error"]["at"]) == (
        False,
        "empty_value",
        21,
    )
    assert (noise["accepted"], noise["status"], noise["raw"]) == (False, "invalid", "410042")


async def test_reader_on_the_network() -> None:
    """A reader behind host:port is listened to likewise."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"WO-4711\r")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with listened(reader_at(f"127.0.0.1:{port}")) as (heard, _):
            assert (await heard.get()).raw == b"WO-4711"


async def test_station_judges(tmp_path: Path) -> None:
    """With a station its rules judge, a no-read is one, and of a badge nothing is shown (D-64)."""
    with plugged() as scanner:
        reader = reader_of(of_port(scanner.path, tmp_path), "scanner")
        async with listened(reader) as (heard, _):
            await scanner.send(b"OP-4711\rOP-47\rNR\rNOTHING\r")
            badge, half, silent, foreign = [as_object(await heard.get()) for _ in range(4)]
    assert (badge["accepted"], badge["means"], badge["raw"], badge["length"]) == (
        True,
        "operator",
        None,
        7,
    )
    assert (half["accepted"], half["raw"], half["length"]) == (False, None, 5)
    assert (silent["accepted"], silent["status"]) == (False, "noread")
    assert (foreign["accepted"], foreign["error"]["class"]) == (False, "no_rule")


def test_readers_of_a_station_are_named(tmp_path: Path) -> None:
    """A reader is found by its device or its port; else those that there are, are told."""
    path = of_port("/dev/serial/by-id/one", tmp_path)
    assert reader_of(path, "scanner") == reader_of(path, "/dev/serial/by-id/one")
    with pytest.raises(ReaderError, match=r"no reader 'x'; it has: scanner \(/dev/serial/by-id"):
        reader_of(path, "x")


async def test_unplugged_reader_is_said() -> None:
    """A reader that is not there, or goes away, ends it with the driver's words."""
    with pytest.raises(ReaderError, match="no such port"):
        await listen(reader_at("/dev/serial/by-id/none"), PROFILE, print, print)
    up = asyncio.Event()
    with plugged() as scanner:
        reader = reader_at(scanner.path)
        run = asyncio.create_task(listen(reader, PROFILE, print, lambda _: up.set()))
        await up.wait()
        scanner.unplug()
        with pytest.raises(ReaderError, match="hung up"):
            await run


@contextmanager
def command(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start `lineside decode` as a person would."""
    told = [sys.executable, "-m", "agent", "decode", *arguments]
    with subprocess.Popen(told, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize(
    ("codes", "stop", "wanted"),
    [
        (GOOD, None, exits.OK),
        (BAD, None, exits.REFUSED),
        (GOOD, signal.SIGINT, exits.OK),
        (b"", signal.SIGTERM, exits.REFUSED),
    ],
)
async def test_command_ends_with_its_count_or_a_signal(
    codes: bytes, stop: signal.Signals | None, wanted: int
) -> None:
    """The exit code says whether codes came and all were accepted."""
    with plugged() as scanner:
        given = () if stop else ("--count", "1")
        with command("--port", scanner.path, "--json", *given) as child:
            assert child.stderr is not None
            assert child.stderr.readline() == f"listening to {scanner.path}\n".encode()
            await scanner.send(codes)
            if codes:
                assert json.loads(line_from(child))["accepted"] == (codes == GOOD)
            if stop:
                child.send_signal(stop)
            assert child.wait(PATIENCE_S) == wanted


def test_command_ends_with_its_time() -> None:
    """`--for` ends it; that nothing came is told by the exit code."""
    with plugged() as scanner, command("--port", scanner.path, "--for", "0.1") as child:
        assert child.wait(PATIENCE_S) == exits.REFUSED


def test_command_says_what_is_not_there(tmp_path: Path) -> None:
    """A port that is not there, or a station file that is wrong, is said in one line."""
    with command("--port", "/dev/serial/by-id/none") as child:
        assert child.communicate()[1].startswith(b"/dev/serial/by-id/none: no such port")
        assert child.returncode == exits.REFUSED
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("station: a\n", encoding="utf-8")
    with command("--port", "scanner", "--station", str(wrong)) as child:
        assert b"wrong.yaml:1:1: " in child.communicate()[1]
        assert child.returncode == exits.CONFIG


async def test_command_shows_people_what_came(tmp_path: Path) -> None:
    """Without --json each code stands under its time, and a badge is not shown."""
    with plugged() as scanner:
        file = str(of_port(scanner.path, tmp_path))
        with command("--port", "scanner", "--station", file, "--count", "4") as child:
            assert child.stderr is not None
            child.stderr.readline()
            await scanner.send(b"OP-4711\rOP-47\rWO-123456\rNR\r")
            lines = child.communicate()[0].decode().splitlines()
    assert [line for line in lines if not line.endswith(" bytes")] == [
        "accepted: a badge; it is not shown",
        "refused: it begins like a badge and is none; it is not shown",
        "WO-123456",
        "accepted by scan rule 2: order",
        "  identity  123456",
        "NR",
        "no code: noread",
    ]
