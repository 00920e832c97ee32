"""The file sink: one event a line, on the disk before it is confirmed.

The lines are what the MQTT sink sends, so that whoever reads one can read the other. Whatever waits
is written as one block, synced once, off the event loop. What the last line says is held against
the journal at each start: lines that it knows nothing of are from before a backup was put back.
Where a file has no line yet, that is the last line of the file that was set aside before it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import orjson
from pydantic import Field

from agent.lines import LineFile, last_line
from agent.ports import Address, Delivery, Refusal, RefusedError, SinkDownError
from agent.sinks.options import (
    FORMATS,
    Encode,
    SinkOptions,
    SinkPlace,
    SinkSpec,
    SizeBytes,
    held_position,
    not_known,
)


class FileOptions(SinkOptions):
    """Events as JSON lines in a file, for audits and for plants without a broker."""

    path: Path
    """The file. A relative path begins in the station's state directory."""

    rotate: Annotated[SizeBytes, Field(ge=1 << 20)] | None = None
    """Size at which the file is set aside as `NAME.1`, `NAME.2`, … (rising: the highest is the
    newest) and a new one begins. Left out, it grows for ever: set it where nobody collects it."""


class FileSink:
    """Appends to one file."""

    window = 1000

    def __init__(self, options: FileOptions, place: SinkPlace, encode: Encode) -> None:
        self.counts: Counter[str] = Counter()
        self._file = LineFile(place.directory / options.path)
        self._rotate_bytes = options.rotate
        self._worker = place.worker
        self._encode = encode
        self._station = place.station
        self._is_known = place.is_known
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writing: list[tuple[bytes, asyncio.Future[None]]] = []
        self._work = asyncio.Event()

    async def connect(self) -> None:
        """Open the file and cut a line that was torn.

        Raises:
            SinkDownError: it cannot be opened for writing, or shows that this run is over.
        """
        try:
            await self._worker.run(self._file.open)
            last = await self._worker.run(self._last)
        except OSError as error:
            raise self._down(error) from error
        held = _held(last, self._station)
        if self._is_known is not None and held is not None and not await self._is_known(*held):
            raise SinkDownError(f"file {self._file.path}: {not_known(held[0])}")

    def _last(self) -> bytes:
        """Return the newest line; the one set aside last has it, until this one has its first."""
        newest = _set_aside(self._file.path)
        if self._file.size or not newest:
            return self._file.last()
        with contextlib.suppress(OSError):  # whoever collects them may have it: that stops nothing
            return last_line(_numbered(self._file.path, newest[-1]))
        return b""

    def send(self, delivery: Delivery) -> asyncio.Future[None]:
        """Queue the event for the next block; done when that is on the disk."""
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            line = self._encode(delivery)
        except ValueError as error:
            confirmed.set_exception(RefusedError(Refusal.NEVER, str(error)))
        else:
            self._waiting.append((line, confirmed))
            self._work.set()
        return confirmed

    async def hold(self) -> None:
        """Write what is sent, block by block.

        Raises:
            SinkDownError: the disk is full or broken.
        """
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                await self._write()
        finally:
            self._give_up()

    async def close(self) -> None:
        """Close the file; what nobody has written is given back."""
        self._give_up()
        await self._worker.run(self._file.close)

    async def _write(self) -> None:
        self._writing, self._waiting = self._waiting, []
        lines = [line for line, _ in self._writing]
        try:
            await self._worker.run(lambda: self._append(lines))
        except OSError as error:
            down = self._down(error)
            self._fail(down)
            raise down from error
        for _, confirmed in self._writing:
            if not confirmed.done():  # whoever sent it may have stopped waiting
                confirmed.set_result(None)
        self._writing = []

    def _append(self, lines: Sequence[bytes]) -> None:
        if self._rotate_bytes is not None and self._file.size >= self._rotate_bytes:
            highest = (_set_aside(self._file.path) or [0])[-1]
            self._file.set_aside(_numbered(self._file.path, highest + 1))
        self._file.append(lines)

    def _give_up(self) -> None:
        self._fail(SinkDownError(f"file {self._file.path}: closed before it was written"))

    def _fail(self, error: SinkDownError) -> None:
        for _, confirmed in (*self._writing, *self._waiting):
            if not confirmed.done():
                confirmed.set_exception(error)
        self._writing, self._waiting = [], []

    def _down(self, error: OSError) -> SinkDownError:
        return SinkDownError(
            f"file {self._file.path}: {error.strerror or error}; "
            "check that the directory is there, may be written and has space"
        )


def _held(line: bytes, station: str) -> tuple[Address, str] | None:
    """Return address and hash of the event in a line; None where it is none of this station's."""
    try:
        event = orjson.loads(line)["data"]
        if event["station"] != station:
            return None
        return held_position(event["epoch"], event["seq"], event["hash"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _set_aside(path: Path) -> list[int]:
    """Return the numbers of the files that were set aside, rising."""
    endings = (
        other.name.removeprefix(f"{path.name}.")
        for other in path.parent.iterdir()
        if other.name.startswith(f"{path.name}.")
    )
    return sorted(int(ending) for ending in endings if ending.isdecimal())


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def build(options: FileOptions, place: SinkPlace) -> FileSink:
    """Return the sink, its file not yet opened."""
    return FileSink(options, place, FORMATS[options.format])


SPEC = SinkSpec(summary="Appends JSON lines to a file.", options=FileOptions, build=build)
