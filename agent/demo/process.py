"""Processes that the demo starts: each in a group of its own, each gone when the demo is.

A process ends by itself, or is asked to (SIGTERM), or is killed as the out-of-memory killer would;
its end is noticed by its pidfd, without a thread. Ctrl-C on the terminal reaches none of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0
"""How long a process may take to come up or to go."""

_ROOT = Path(__file__).parents[2]
_PORTS = range(20_000, 32_768)
_turns = itertools.count(os.getpid() * 997)  # two processes begin apart


class StartError(Exception):
    """A process did not come up; the text says which and why."""


def python(*arguments: str) -> list[str]:
    """Return the command that runs a module of ours with this Python."""
    return [sys.executable, "-m", *arguments]


def free_port() -> int:
    """Return a port of loopback that nobody listens on, each time another one.

    It is none that the system gives away by itself, so that nobody has it by the time it is used,
    nor between two runs of who listens there.
    """
    for turn in itertools.islice(_turns, len(_PORTS)):
        port = _PORTS[turn % len(_PORTS)]
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise StartError("no port of loopback is free")


class Child:
    """One process at a time under one name; it can be started again after it has ended."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        """Where what it says on standard error is kept, and on standard output unless read."""
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = asyncio.Event()
        self._ended.set()

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return not self._ended.is_set()

    def start(self, *, piped: bool = False, environment: dict[str, str] | None = None) -> None:
        """Start the process; `piped` gives it our pipes as standard input and output."""
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own programs and the broker
                self._command,
                stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": path, **(environment or {})},
            )
        self._ended = asyncio.Event()
        _when_over(self._process.pid, self._over)

    def _over(self) -> None:
        if self._process is not None:
            self._process.wait()
        self._ended.set()

    async def ended(self) -> int:
        """Return its exit code once it has ended."""
        await self._ended.wait()
        if self._process is None:
            raise AssertionError(f"{self.name} was never started")
        return int(self._process.returncode)

    async def stop(self, within_s: float = PATIENCE_S) -> None:
        """Ask it to end, and kill it if it does not."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(within_s):
                await self._ended.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it at whatever instruction it is."""
        self.signal(signal.SIGKILL)
        await self._ended.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its whole group, if it runs."""
        if self.running and self._process is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.killpg(self._process.pid, number)

    def last_words(self) -> str:
        """Return the end of its log, for a message."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-15:])

    @property
    def pipes(self) -> subprocess.Popen[bytes]:
        """The process itself, for its pipes."""
        if self._process is None:
            raise AssertionError(f"{self.name} was never started")
        return self._process


def _when_over(pid: int, call: Callable[[], None]) -> None:
    """Call once the process has ended."""
    loop = asyncio.get_running_loop()
    fd = os.pidfd_open(pid)

    def over() -> None:
        loop.remove_reader(fd)
        os.close(fd)
        call()

    loop.add_reader(fd, over)


class Machine(Child):
    """A simulated machine: told what to do, and listened to."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, hear: Callable[[dict[str, Any]], None]
    ) -> None:
        super().__init__(name, command, log)
        self._hear = hear
        self._listening: asyncio.Task[None] | None = None
        self._heard = asyncio.Condition()

    async def switch_on(self) -> None:
        """Start it; what it says is heard from now on."""
        self.start(piped=True)
        self._listening = asyncio.create_task(self._listen(), name=f"listen to {self.name}")
        await asyncio.sleep(0)

    async def _listen(self) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self.pipes.stdout
        )
        try:
            while line := await reader.readline():
                async with self._heard:
                    self._hear(json.loads(line))
                    self._heard.notify_all()
        finally:
            transport.close()
            if self.pipes.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    self.pipes.stdin.close()
            async with self._heard:
                self._heard.notify_all()

    def tell(self, do: str, **what: object) -> None:
        """Give a command; one that is switched off does not hear it."""
        pipe = self.pipes.stdin
        if pipe is None or pipe.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            os.write(pipe.fileno(), json.dumps({"do": do, **what}).encode() + b"\n")

    async def until(self, true: Callable[[], bool], what: str, within_s: float) -> None:
        """Return once something is true of what was heard.

        Raises:
            TimeoutError: it has not become true in time; the text says what.
        """
        try:
            async with asyncio.timeout(within_s), self._heard:
                await self._heard.wait_for(true)
        except TimeoutError:
            words = f"{self.name}: {what}: not within {within_s:g} s\n{self.last_words()}"
            raise TimeoutError(words.rstrip()) from None

    async def off(self) -> None:
        """Kill the process and hear out what it said."""
        await self.kill()
        if self._listening is not None:
            await self._listening
            self._listening = None

    async def gone(self) -> None:
        """Return once it has switched itself off and all it said was heard."""
        await self.ended()
        await self.off()
