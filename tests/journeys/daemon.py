"""The daemon as a process of its own: started, listened to, stopped or killed."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WITHIN_S = 120.0
"""How long anything expected may take on a busy machine; a limit, not a measure."""

Line = dict[str, Any]


class Daemon:
    """`lineside run`: its log lines as they come, and its end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[Line] = []
        self.complaints = ""
        self._came = asyncio.Condition()

    async def listen(self) -> None:
        """Take in what it says until it ends."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        async for raw in self.process.stdout:
            async with self._came:
                self.lines.append(json.loads(raw))
                self._came.notify_all()
        self.complaints = (await self.process.stderr.read()).decode()

    async def said(self, event: str, **fields: object) -> Line:
        """Return the first line of that name with these fields, once it has come."""
        async with asyncio.timeout(WITHIN_S), self._came:
            while True:
                for line in self.lines:
                    if line["event"] == event and fields.items() <= line.items():
                        return line
                await self._came.wait()

    def count(self, event: str) -> int:
        """Return how often a line of that name came."""
        return sum(line["event"] == event for line in self.lines)

    async def ended(self) -> int:
        """Return the exit code."""
        async with asyncio.timeout(WITHIN_S):
            return await self.process.wait()

    def was_calm(self) -> None:
        """Fail if it said anything that only a programmer understands."""
        stray = [
            line for line in self.lines if "exception" in line or line["event"] == "stray_error"
        ]
        assert not stray
        assert "Traceback" not in self.complaints
        assert "never retrieved" not in self.complaints


@asynccontextmanager
async def child(*command: str, **variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process with pipes; at the end it is killed if need be, and nothing of it is left."""
    before = set(threading.enumerate())
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    waiters = set(threading.enumerate()) - before  # asyncio waits for its end in a thread
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
        for waiter in waiters:
            waiter.join()


@asynccontextmanager
async def daemon(
    path: Path, state: Path, *, program: Sequence[str] = ("agent",), **variables: str
) -> AsyncIterator[Daemon]:
    """Run the daemon on a station file or folder; it is asked to end, and must, at the end."""
    command = (sys.executable, "-m", *program, "run", str(path), "--state", str(state))
    async with child(*command, **variables) as process:
        running = Daemon(process)
        listening = asyncio.create_task(running.listen())
        try:
            yield running
        finally:
            try:
                if process.returncode is None:
                    process.send_signal(signal.SIGTERM)
                await running.ended()
            except TimeoutError:
                process.kill()
                raise
            finally:
                await listening
    running.was_calm()
