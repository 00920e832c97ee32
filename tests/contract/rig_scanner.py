"""A scanner on a pseudo-terminal: the tests hold its far side and watch its near one."""

import asyncio
import ctypes
import os
import struct
import tty
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from drivers.base import Driver
from drivers.registry import driver_spec
from tests.contract.rig import PATIENCE_S, RealClock

_IN_CLOSE, _IN_OPEN = 0x18, 0x20
_EVENT = struct.Struct("iIII")


class ScannerRig:
    """One scanner; its port is a link, as under /dev/serial/by-id."""

    device = "scanner"
    tags: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self._port = Path(self._folder.name) / "usb-scanner"
        self.nowhere_endpoint = str(Path(self._folder.name) / "usb-missing")
        self.driver = self._built(str(self._port))
        self.nowhere = self._built(self.nowhere_endpoint)
        self._far = self._watch = -1
        self._opens = self._closes = 0

    def _built(self, port: str) -> Driver:
        spec = driver_spec("scanner")
        return spec.build(self.device, spec.options.model_validate({"port": port}), (), RealClock())

    @property
    def connections_seen(self) -> int:
        """How often the near side was opened since it is there."""
        self._count()
        return self._opens

    async def __aenter__(self) -> Self:
        """Plug the scanner in."""
        self._far, near = os.openpty()
        tty.setraw(near)
        name = os.ttyname(near)
        os.close(near)
        self._port.symlink_to(name)
        libc = ctypes.CDLL(None, use_errno=True)
        self._watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert libc.inotify_add_watch(self._watch, name.encode(), _IN_OPEN | _IN_CLOSE) >= 0
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Unplug it."""
        if self._far >= 0:
            os.close(self._far)
        os.close(self._watch)
        self._folder.cleanup()

    async def cut(self) -> None:
        """Send half a code and unplug."""
        os.write(self._far, b"HALF A CO")
        os.close(self._far)
        self._far = -1

    async def released(self) -> None:
        """Return once whoever opened the near side has closed it."""
        changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._watch, changed.set)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self._count():
                    await changed.wait()
                    changed.clear()
        finally:
            loop.remove_reader(self._watch)

    def _count(self) -> int:
        """Return how many have the near side open; opens and closes alternate, so none merge."""
        try:
            events = os.read(self._watch, 65536)
        except BlockingIOError:
            events = b""
        at = 0
        while at < len(events):
            _, mask, _, name_bytes = _EVENT.unpack_from(events, at)
            self._opens += bool(mask & _IN_OPEN)
            self._closes += bool(mask & _IN_CLOSE)
            at += _EVENT.size + name_bytes
        return self._opens - self._closes
