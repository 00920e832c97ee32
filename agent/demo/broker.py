"""A real Mosquitto on a loopback port of its own: started, taken away, brought back.

It keeps sessions on disk over an outage (`persistence`), so that a subscriber who was there before
misses nothing that the broker has confirmed.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shutil
import sys
from pathlib import Path

from agent.demo.process import PATIENCE_S, Child, StartError, free_port


def mosquitto() -> str | None:
    """Return where Mosquitto is, None where it is not installed.

    Debian keeps daemons off a user's path, and `make setup` may have unpacked one beside Python.
    """
    beside = Path(sys.executable).parent
    places = [os.environ.get("PATH", ""), str(beside), "/usr/sbin", "/usr/local/sbin"]
    return shutil.which("mosquitto", path=os.pathsep.join(filter(None, places)))


class Broker:
    """One broker that can be away for a while."""

    def __init__(self, program: str, directory: Path) -> None:
        self.port = free_port()
        directory.mkdir()
        config = directory / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\n"
            "allow_anonymous true\n"
            f"user {getpass.getuser()}\n"  # started by root it would become another
            "persistence true\n"
            f"persistence_location {directory}/\n"
            "max_queued_messages 0\n",  # no limit
            encoding="utf-8",
        )
        self._child = Child("broker", [program, "-c", str(config)], directory / "mosquitto.log")

    @property
    def running(self) -> bool:
        """Whether it is there."""
        return self._child.running

    async def start(self) -> None:
        """Return when it listens.

        Raises:
            StartError: it does not.
        """
        self._child.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while self._child.running:
                    with contextlib.suppress(OSError):
                        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                        writer.close()
                        await writer.wait_closed()
                        return
                    await asyncio.sleep(0.02)  # it has no other way to say that it listens
        raise StartError(f"mosquitto does not come up:\n{self._child.last_words()}")

    async def stop(self) -> None:
        """Take it away as a reboot of its server would; it writes its store."""
        await self._child.stop()
