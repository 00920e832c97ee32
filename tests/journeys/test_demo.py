"""`lineside demo` as a newcomer runs it: it shows, it proves, it cleans up after itself."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path

from rich.console import Console

from agent.app.demo import READING
from agent.demo.scenario import Wish, play

ROOT = Path(__file__).parents[2]
WITHIN_S = 300.0
"""Patience of a test on a busy machine; the demo itself takes three quarters of a minute."""
CHECKS = 8


@asynccontextmanager
async def demo(*options: str, tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the command; what it makes goes below `tmp_path`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agent",
        "demo",
        *options,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def left_below(tmp_path: Path) -> list[str]:
    """Return the command lines of processes that still work on files of a run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
            if str(tmp_path) in words:
                found.append(words)
    return found


def files_below(tmp_path: Path) -> list[str]:
    """Return what lies there."""
    return [path.name for path in tmp_path.iterdir()]


async def test_demo_shows_a_shift_and_its_books_agree(tmp_path: Path) -> None:
    """It has told everything that happened, and exits 0 as all checks are OK."""
    async with demo(tmp_path=tmp_path) as process:
        async with asyncio.timeout(WITHIN_S):
            out, _ = await process.communicate()
        text = out.decode()
        assert process.returncode == 0, text
    for happened in (
        "an operator signs on",
        "a label is misread and refused",
        "component lot H-240702",
        "the broker is gone; the line keeps running for 10 s",
        "every event that waited was delivered",
    ):
        assert happened in text
    books, _, example = text.partition("\nThe books agree.")
    verdicts = [line.split()[0] for line in books.splitlines()[-CHECKS:]]
    assert verdicts == ["OK"] * CHECKS, text
    assert "recall by lot 5,000, by serial 140: a difference of 4,860 units" in example
    assert "agrees with the arithmetic" in example
    assert left_below(tmp_path) == []
    assert files_below(tmp_path) == []


async def test_interrupted_it_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C in the middle ends every process and removes every file."""
    async with demo(tmp_path=tmp_path) as process:
        assert process.stdout is not None
        async with asyncio.timeout(WITHIN_S):
            while b"signs on" not in await process.stdout.readline():
                pass
            assert left_below(tmp_path) != []
            process.send_signal(signal.SIGINT)
            await process.communicate()
        assert process.returncode == 130
    assert left_below(tmp_path) == []
    assert files_below(tmp_path) == []


async def test_for_ever_ends_in_order_when_interrupted(tmp_path: Path) -> None:
    """The first Ctrl-C ends the shift and compares the books; what it wrote can be kept."""
    kept = tmp_path / "kept"
    async with demo("--forever", "--keep", str(kept), tmp_path=tmp_path) as process:
        assert process.stdout is not None
        async with asyncio.timeout(WITHIN_S):
            while b"misread" not in await process.stdout.readline():
                pass
            process.send_signal(signal.SIGINT)
            out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
    assert out.decode().count("\nOK") >= CHECKS - 1
    assert left_below(tmp_path) == []
    assert (kept / "state" / "demo" / "line-1" / "press" / "journal" / "journal.db").exists()
    assert (kept / "stations" / "press.yaml").exists()


async def test_without_a_broker_it_says_so_and_proves_the_same(tmp_path: Path) -> None:
    """Events go to files alone; all the trouble that needs no broker is shown."""
    console = Console(file=StringIO(), width=200)
    wish = Wish(outage=True, broker=False, hand_s=0.05, pause_s=0.3)
    agreed = await play(tmp_path, READING, wish, stop=asyncio.Event(), console=console)
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert agreed, text
    for happened in (
        "no Mosquitto here",
        "kill -9 of the agent",
        "its memory is kept",
        "the scanner is unplugged",
        "comes back without its memory",
    ):
        assert happened in text


async def test_stopped_while_the_broker_is_away_its_books_agree_too(tmp_path: Path) -> None:
    """Whenever the story is ended, what it had taken away is brought back for the end."""
    stop = asyncio.Event()

    class Ear(StringIO):
        def write(self, text: str) -> int:
            if "the broker is gone" in text:
                stop.set()
            return super().write(text)

    console = Console(file=Ear(), width=200)
    wish = Wish(forever=True, hand_s=0.05, pause_s=0.1, outage_s=60)
    agreed = await play(tmp_path, READING, wish, stop=stop, console=console)
    assert isinstance(console.file, StringIO)
    assert agreed, console.file.getvalue()
