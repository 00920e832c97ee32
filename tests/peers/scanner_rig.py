"""What the scanner's peer tests share: a scanner on a pty or a socket, and its driver."""

import asyncio
import os
import select
import subprocess
import sys
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from drivers.base import (
    CodeScanned,
    Driver,
    LinkChanged,
    LinkDownError,
)
from drivers.registry import driver_spec
from tests.contract.rig import PATIENCE_S, RealClock, Recorder

Spoken = list[tuple[bytes, str]]


class Plugged:
    """A scanner on a pseudo-terminal: the test holds the far side."""

    def __init__(self) -> None:
        self.far, near = os.openpty()
        tty.setraw(near)
        self.path = os.ttyname(near)
        os.close(near)

    async def send(self, data: bytes) -> None:
        """Send bytes, waiting while the line takes no more."""
        os.set_blocking(self.far, False)
        while data:
            try:
                data = data[os.write(self.far, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.001)

    async def got(self, size: int) -> bytes:
        """Return that many bytes from the driver."""
        os.set_blocking(self.far, False)
        got = b""
        async with asyncio.timeout(PATIENCE_S):
            while len(got) < size:
                with suppress(OSError):  # nothing there, or nobody has the near side yet
                    got += os.read(self.far, size - len(got))
                await asyncio.sleep(0.001)
        return got

    def unplug(self) -> None:
        """Hang up."""
        if self.far >= 0:
            os.close(self.far)
            self.far = -1


@contextmanager
def plugged() -> Iterator[Plugged]:
    """Plug a scanner in until the test is done with it."""
    scanner = Plugged()
    try:
        yield scanner
    finally:
        scanner.unplug()


def driver(port: str | Path, **given: object) -> Driver:
    """Return a driver for a port, not yet running."""
    spec = driver_spec("scanner")
    options = spec.options.model_validate({"port": str(port), **given})
    return spec.build("scanner", options, (), RealClock())


@asynccontextmanager
async def running(under_test: Driver) -> AsyncIterator[tuple[Recorder, asyncio.Task[None]]]:
    """Run a driver from its link on until the test is done with it."""
    seen = Recorder()
    run = started(under_test, seen)
    try:
        await until_link(seen, run)
        yield seen, run
    finally:
        run.cancel()
        await asyncio.wait([run])


def started(under_test: Driver, seen: Recorder | None = None) -> asyncio.Task[None]:
    """Return the driver's run as a task."""

    async def run() -> None:
        await under_test.run(seen or Recorder())

    return asyncio.create_task(run())


async def until_link(seen: Recorder, run: asyncio.Task[None]) -> None:
    """Return when the link is up; raise what kept it from coming up."""
    first = asyncio.create_task(seen.first(LinkChanged))
    await asyncio.wait([first, run], return_when=asyncio.FIRST_COMPLETED)
    if run.done():
        first.cancel()
        await asyncio.wait([first])
        run.result()
    await first


def spoken(seen: Recorder) -> Spoken:
    """Return what was scanned, each with its status."""
    return [(one.raw, str(one.status)) for one in seen.seen if isinstance(one, CodeScanned)]


def warned(seen: Recorder) -> list[str]:
    """Return what each word of the link says is wrong with it, without place and advice."""
    links = [one.warnings for one in seen.seen if isinstance(one, LinkChanged)]
    return [texts[0].split(": ")[1] if texts else "" for texts in links]


async def until_codes(seen: Recorder, many: int) -> Spoken:
    """Return what was scanned as soon as it is that many codes."""
    await seen.until(lambda all_of: len(spoken(all_of)) >= many)
    return spoken(seen)


async def why(run: asyncio.Task[None]) -> str:
    """Return what ended the run."""
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(LinkDownError) as raised:
            await run
    return str(raised.value)


@contextmanager
def program(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run another program until the test is done with it; it is up when it prints a line."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            yield child
        finally:
            child.kill()


def reader_of(path: str) -> tuple[str, ...]:
    """Return the command of a program that opens a port as a terminal program does, and waits."""
    code = "import os, sys, time; os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); print(flush=True)"
    return (sys.executable, "-c", f"{code}; time.sleep(60)", path)


@contextmanager
def port_of_socat(link: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let socat make a port at that link; what it is given on its input comes out there."""
    command = ("socat", "-u", "STDIN", f"PTY,link={link},raw,echo=0")
    with subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0) as socat:
        try:
            yield socat
        finally:
            socat.kill()


async def appeared(link: Path) -> None:
    """Return when another program has made the link."""
    async with asyncio.timeout(PATIENCE_S):
        while not link.exists():  # noqa: ASYNC110, ASYNC240 - another program makes it
            await asyncio.sleep(0.005)


def line_from(child: subprocess.Popen[bytes]) -> bytes:
    """Return the next line that another program prints."""
    assert child.stdout is not None
    ready, _, _ = select.select([child.stdout], [], [], PATIENCE_S)
    assert ready, "it prints nothing"
    return child.stdout.readline()


@asynccontextmanager
async def served(sends: list[bytes]) -> AsyncIterator[tuple[Driver, list[asyncio.StreamWriter]]]:
    """Serve a TCP scanner that sends these pieces to whoever connects."""
    clients: list[asyncio.StreamWriter] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients.append(writer)
        for piece in sends:
            writer.write(piece)
            await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield network_driver(server.sockets[0].getsockname()[1]), clients
        for client in clients:
            client.close()
            with suppress(ConnectionError):
                await client.wait_closed()


def network_driver(port_number: int) -> Driver:
    """Return a driver for a TCP scanner on this machine."""
    spec = driver_spec("scanner")
    given = {"host": "127.0.0.1", "port_number": port_number}
    return spec.build("scanner", spec.options.model_validate(given), (), RealClock())
