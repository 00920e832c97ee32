"""A wire that can go bad: a TCP proxy that swallows what it should carry (FAULTS, PROXY)."""

from __future__ import annotations

import asyncio
import contextlib
from enum import StrEnum, unique
from types import TracebackType
from typing import Self

_PIECE = 1 << 16


@unique
class Way(StrEnum):
    """A direction of a wire."""

    THERE = "there"
    """To the port."""
    BACK = "back"


class Proxy:
    """Carries connections to a port of loopback, for as long as it is entered."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.swallowed = 0
        """Bytes that did not arrive: 0 is no fault."""
        self.connections = 0
        self.is_hole = False
        """Whether everything is swallowed, in both directions, and nothing is closed."""
        self.loses: Way | None = None
        """The one direction in which everything is swallowed."""
        self.piece = _PIECE
        """So many bytes go into one segment."""
        self._to = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End everything."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            far, out = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            back.close()
            return
        ways = [
            asyncio.ensure_future(self._pass(*way))
            for way in ((Way.THERE, near, out), (Way.BACK, far, back))
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for writer in (out, back):
                writer.transport.abort()

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._tasks)

    def cut(self) -> None:
        """Cut every connection."""
        for task in self._tasks:
            task.cancel()

    async def _pass(
        self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(self.piece):
                if self.is_hole or self.loses is way:
                    self.swallowed += len(piece)
                else:
                    writer.write(piece)
                    await writer.drain()
            if self.is_hole:  # who has gone is not told of either
                await asyncio.get_running_loop().create_future()
