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
import signal
import sys
from pathlib import Path

from agent.demo.process import PATIENCE_S, Child, StartError, free_port

_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00"  # MQTT 3.1.1, 3.1: clean, no name
_CONNACK = b"\x20\x02\x00\x00"  # 3.2: accepted
_ANSWER_S = 5.0


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
                    if await self._answers():
                        return
                    await asyncio.sleep(0.02)  # it has no other way to say that it listens
        raise StartError(f"mosquitto does not come up:\n{self._child.last_words()}")

    async def _answers(self) -> bool:
        """Return whether a broker answers there: somebody else on the port would not."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(_CONNECT)
                    answer = await reader.readexactly(len(_CONNACK))
                finally:
                    writer.close()
                    await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False
        return answer == _CONNACK

    def signal(self, number: signal.Signals) -> None:
        """Have it stand still, or go on: a peer that is there and does not answer."""
        self._child.signal(number)

    async def stop(self) -> None:
        """Take it away as a reboot of its server would; it writes its store."""
        await self._child.stop()
