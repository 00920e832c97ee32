"""Eclipse Tahu's JavaScript package for Sparkplug payloads, as a process that is asked by lines."""

import asyncio
import json
import threading
from types import TracebackType
from typing import Any, Self

from tests.peers.node_press import FOLDER, node_program


class NodeSparkplug:
    """The package; `async with` starts and ends its process."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start it."""
        self._process = await asyncio.create_subprocess_exec(
            node_program(),
            str(FOLDER / "sparkplug.mjs"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """End it."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(60):
            await self._process.wait()
        for thread in threading.enumerate():  # asyncio waits for a child in a thread of its own
            if thread.name.startswith("asyncio-waitpid"):
                thread.join()

    async def decode(self, payload: bytes) -> dict[str, Any]:
        """Return what it reads; 64-bit numbers are texts."""
        answer = await self._ask({"decode": payload.hex()})
        decoded: dict[str, Any] = answer["decoded"]
        return decoded

    async def encode(self, payload: dict[str, Any]) -> bytes:
        """Return what it writes."""
        return bytes.fromhex((await self._ask({"encode": payload}))["encoded"])

    async def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        async with asyncio.timeout(60):
            answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer
