"""Starts the node-opcua press (tests/peers/node) as a process and talks to it by lines of JSON."""

import asyncio
import json
import shutil
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agent.demo.process import free_port
from drivers.base import Scalar

FOLDER = Path(__file__).parent / "node"


def node_program() -> str:
    """Return the Node that the development lock installs, or the machine's own."""
    wheel = Path(sys.prefix) / "bin" / "node"
    found = str(wheel) if wheel.exists() else shutil.which("node")
    assert found, "there is no Node: `make setup` installs one"
    assert (FOLDER / "node_modules").is_dir(), "Node has no packages: `make setup` installs them"
    return found


class NodePress:
    """The server as a process; `async with` starts and ends it."""

    def __init__(self, folder: Path, *before: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"opc.tcp://127.0.0.1:{self.port}"
        self.writes: list[tuple[str, Scalar]] = []
        """What was written by clients, in order."""
        self._arguments = (str(self.port), str(folder), *before)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start the server; it is ready on return."""
        self._process = await asyncio.create_subprocess_exec(
            node_program(),
            str(FOLDER / "press.mjs"),
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await self._until("ready")
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """End the server."""
        await self._end()

    async def tell(self, command: str, name: str = "", **more: Any) -> None:  # noqa: ANN401 - JSON
        """Give one command and return when it is done."""
        assert self._process is not None
        assert self._process.stdin is not None
        line = json.dumps({"command": command, "name": name, **more})
        self._process.stdin.write(line.encode() + b"\n")
        await self._until("done")

    async def kill(self) -> None:
        """Kill the server, as a power cut at the PLC would."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def _until(self, word: str) -> None:
        """Read what the server says up to that word."""
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            async for line in self._process.stdout:
                if not line.startswith(b"{"):
                    continue  # the library's own remarks
                said = json.loads(line)
                if "wrote" in said:
                    self.writes.append((said["wrote"], said["value"]))
                if word in said:
                    return
        raise AssertionError(f"the server ended before it was {word}")

    async def _end(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            await self.kill()
        for thread in threading.enumerate():  # asyncio waits for a child in a thread of its own
            if thread.name.startswith("asyncio-waitpid"):
                thread.join()
