"""A real Mosquitto on a free loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.demo.process import free_port

PATIENCE_S = 60.0


def executable() -> str:
    """Return where Mosquitto is; Debian keeps daemons off a user's path."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    assert found is not None, "mosquitto is not installed: `make setup` does that"
    return found


class Mosquitto:
    """One broker that keeps its store in `directory`, so that it can be killed and started again.

    Args:
        directory: Configuration, access list and store go here.
        lines: Configuration lines added to the listener's.
        acl: Lines of the access list; None for no access list.
        port: Where to listen; a free one when left out.
    """

    def __init__(
        self,
        directory: Path,
        *lines: str,
        acl: tuple[str, ...] | None = None,
        port: int | None = None,
    ) -> None:
        self.port = free_port() if port is None else port
        self._directory = directory
        self._config = directory / "mosquitto.conf"
        self._acl = directory / "acl"
        self._process: subprocess.Popen[bytes] | None = None
        settings = [
            f"listener {self.port} 127.0.0.1",
            *lines,
            "user root",  # else, started by root, it becomes a user who may not read our files
            "persistence true",
            f"persistence_location {directory}/",
        ]
        if not any(line.startswith("max_queued_messages") for line in lines):
            settings.append("max_queued_messages 0")
        if not any(line.startswith("allow_anonymous") for line in lines):
            settings.append("allow_anonymous true")
        if acl is not None:
            settings.append(f"acl_file {self._acl}")
            self._write_acl(acl)
        self._config.write_text("\n".join(settings) + "\n")

    async def __aenter__(self) -> Self:
        """Start it."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    async def start(self) -> None:
        """Return when it listens."""
        process = self._process = self._launched()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                assert process.poll() is None, f"mosquitto ended: see {self._config}"
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    await writer.wait_closed()
                    return
                await asyncio.sleep(0.02)  # it has no other way to say that it listens

    def _launched(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [executable(), "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """End it as systemd would; it writes its store."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as the out-of-memory killer would."""
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """Have it stand still: it is there, and does not answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def forget(self) -> None:
        """Lose the store, while it is off."""
        (self._directory / "mosquitto.db").unlink(missing_ok=True)

    def allow(self, *acl: str) -> None:
        """Change the access list of the running broker."""
        self._write_acl(acl)
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def _write_acl(self, lines: tuple[str, ...]) -> None:
        self._acl.write_text("\n".join(lines) + "\n")
        self._acl.chmod(0o600)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None
