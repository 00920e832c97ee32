"""What a rig is for a sink: its other side, which the tests can watch, hold back and break.

A new sink brings its rig here and one line in `RIGS`.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

import orjson

from agent.ports import Sink, Worker
from agent.sinks.options import SinkPlace
from agent.sinks.registry import sink_spec
from tests.contract.rig import RealClock
from tests.doubles import InlineWorker, nothing_aside, nothing_read, settled
from tests.peers.fake_broker import HANG_UP, FakeBroker
from tests.peers.mqtt_packets import Publish

T = TypeVar("T")


class SinkRig(Protocol):
    """The other side of a sink."""

    async def __aenter__(self) -> Self:
        """Make it ready."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take it away."""
        ...

    def build(self) -> Sink:
        """Return a sink as a start of the agent makes it."""
        ...

    def received(self) -> list[bytes]:
        """Return what arrived, in order."""
        ...

    async def until_received(self, count: int) -> None:
        """Return when that many have arrived, whatever became of their confirmation."""
        ...

    def withhold(self) -> None:
        """From now on take events and confirm none."""
        ...

    async def release(self) -> None:
        """Confirm what was withheld, and all that comes."""
        ...

    async def break_connection(self) -> None:
        """End the connection, or the medium under it, with whatever is under way."""
        ...

    async def go_away(self) -> None:
        """Cannot be reached from now on."""
        ...

    async def come_back(self) -> None:
        """Can be reached again, with all that it had received."""
        ...

    @property
    def name(self) -> str:
        """What a person would look for in an error: host and port, or a path."""
        ...


def seqs(received: list[bytes]) -> list[int]:
    """Return the seq of each event received."""
    return [orjson.loads(payload)["data"]["seq"] for payload in received]


def _place(directory: Path, worker: Worker) -> SinkPlace:
    return SinkPlace(
        name="plant",
        station="acme/press-07",
        directory=directory,
        clock=RealClock(),
        worker=worker,
        position=lambda: None,
        status=lambda: None,
        read=nothing_read,
        set_aside=nothing_aside,
        secret=lambda reference: reference,
        warn=lambda _reason, _text: None,
    )


class GateWorker:
    """A worker whose writing a test can hold up, or have fail after it was done."""

    def __init__(self, path: Path) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.error: OSError | None = None
        self._path = path

    async def run(self, job: Callable[[], T]) -> T:
        """Do the job; when it has written something, wait at the gate with its result."""
        before = self._size()
        result = job()
        if self._size() != before:
            await self.open.wait()
            if self.error is not None:
                raise self.error
        return result

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0

    def close(self) -> None:
        """There is no thread to end."""


class FileRig:
    """A file whose disk can be slow, broken or gone."""

    def __init__(self, directory: Path) -> None:
        self.name = str(directory / "mount" / "audit.jsonl")
        self._directory = directory
        self._worker = GateWorker(Path(self.name))

    async def __aenter__(self) -> Self:
        """Mount the disk."""
        (self._directory / "mount").mkdir()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the directory to pytest."""

    def build(self) -> Sink:
        """Return a sink that appends to the file."""
        spec = sink_spec("file")
        options = spec.options.model_validate({"path": "mount/audit.jsonl"})
        return spec.build(options, _place(self._directory, self._worker))

    def received(self) -> list[bytes]:
        """Return the lines."""
        path = Path(self.name)
        return path.read_bytes().splitlines() if path.exists() else []

    async def until_received(self, count: int) -> None:
        """Let the loop do all that it can."""
        await settled()
        assert len(self.received()) >= count

    def withhold(self) -> None:
        """Let fdatasync hang."""
        self._worker.open.clear()

    async def release(self) -> None:
        """Let it return."""
        self._worker.open.set()

    async def break_connection(self) -> None:
        """Fail what is being written, after it was written."""
        self._worker.error = OSError(errno.EIO, os.strerror(errno.EIO))
        self._worker.open.set()
        await settled()
        self._worker.error = None

    async def go_away(self) -> None:
        """Unmount the disk."""
        (self._directory / "mount").rename(self._directory / "unmounted")
        self._worker.error = None

    async def come_back(self) -> None:
        """Mount it again."""
        (self._directory / "unmounted").rename(self._directory / "mount")


class MqttRig:
    """A scripted broker."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._broker = FakeBroker()
        self._stack = AsyncExitStack()
        self._left: list[Publish] = []

    @property
    def name(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._broker.port}"

    async def __aenter__(self) -> Self:
        """Start the broker."""
        await self._stack.enter_async_context(self._broker)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        await self._stack.aclose()

    def build(self) -> Sink:
        """Return a sink that publishes to it."""
        spec = sink_spec("mqtt")
        options = spec.options.model_validate({"url": f"mqtt://{self.name}"})
        return spec.build(options, _place(self._directory, InlineWorker()))

    def received(self) -> list[bytes]:
        """Return the payloads of all events."""
        return [publish.payload for publish in self._broker.events]

    async def until_received(self, count: int) -> None:
        """Wait for them."""
        await self._broker.until(lambda: len(self._broker.events) >= count)

    def withhold(self) -> None:
        """Send no PUBACK."""
        self._broker.answer = lambda _: None

    async def release(self) -> None:
        """Send those that are due, and all others at once."""
        self._broker.answer = lambda _: 0
        self._broker.confirm_all()

    async def break_connection(self) -> None:
        """Reset every connection."""
        self._broker.answer = lambda _: 0
        self._broker.cut()

    async def go_away(self) -> None:
        """Stop listening."""
        self._broker.answer = lambda _: HANG_UP
        await self._stack.aclose()

    async def come_back(self) -> None:
        """Listen again, on the same port."""
        self._broker.answer = lambda _: 0
        await self._stack.enter_async_context(self._broker)


RIGS: dict[str, Callable[[Path], SinkRig]] = {"file": FileRig, "mqtt": MqttRig}
