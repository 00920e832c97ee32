"""The scanner driver: opens the line, runs one session on it, sends replies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count

from drivers.base import (
    Clock,
    DriverConfigError,
    Emit,
    LinkDownError,
    SnapshotRead,
    TagGroup,
    WriteGroup,
)
from drivers.scanner.link import Link, connect
from drivers.scanner.options import ScannerOptions
from drivers.scanner.session import Session

REPLY_TAG = "reply"
"""The one pseudo-tag: writing `good` or `bad` to it sends the reply of that name."""


class ScannerDriver:
    """One scanner, one attempt (`drivers.base.Driver`)."""

    def __init__(self, name: str, options: ScannerOptions, clock: Clock) -> None:
        self._name = name
        self._options = options
        self._clock = clock
        self._ids = count(1)
        self._session: Session | None = None
        self._identity: str | None = None  # of what was plugged in first

    async def run(self, emit: Emit) -> None:
        """Open the line, emit that the link is up, then each code; never return.

        Raises:
            LinkDownError: the line cannot be opened, hangs up, or is read by another program.
        """
        link = await connect(self._options)
        warnings = self.other_device(link)
        session = Session(self._name, link, self._options, self._clock, self._ids, warnings)
        self._session = session
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(session.keep_looking(), name=f"look at {self._name}")
                tasks.create_task(session.hand_over(emit), name=f"hand over {self._name}")
                tasks.create_task(session.keep_alive(), name=f"heartbeat of {self._name}")
                tasks.create_task(session.keep_reading(), name=f"trigger of {self._name}")
        except BaseExceptionGroup as group:  # of one: what ended the run
            raise group.exceptions[0] from None
        finally:
            self._session = None
            session.close()

    def other_device(self, link: Link) -> tuple[str, ...]:
        """Return a warning if another scanner than the first one answers to the same name."""
        now = link.identity
        if self._identity is None or now is None:
            self._identity = self._identity or now
            return ()
        if now == self._identity:
            return ()
        return (
            f"{self._options.endpoint}: now {now}, before {self._identity}: is it set up alike?",
        )

    async def read(self, group: TagGroup) -> SnapshotRead:
        """Refuse: a scanner says what it sees, it cannot be asked.

        Raises:
            DriverConfigError: always.
        """
        raise DriverConfigError(
            None,
            f"device '{self._name}' is a scanner and has no tags to read",
            f"take group '{group.name}' from a PLC",
        )

    async def write(self, groups: Sequence[WriteGroup]) -> None:
        """Send replies; nothing is read back, for a scanner does not say that it beeped.

        Raises:
            LinkDownError: there is no link, or the scanner does not take the reply.
            DriverConfigError: it is no reply, or none is configured.
        """
        replies = [self._reply(tag, value) for group in groups for tag, value in group.values]
        if self._session is None:
            raise LinkDownError(f"{self._options.endpoint}: not connected")
        for reply in replies:
            self._session.send(reply)

    def _reply(self, tag: str, value: object) -> bytes:
        reply = self._options.reply
        if tag != REPLY_TAG:
            raise DriverConfigError(tag, "a scanner has no tags to write", f"use '{REPLY_TAG}'")
        if reply is None:
            raise DriverConfigError(
                tag, f"device '{self._name}' has no replies", "add reply: {good: ..., bad: ...}"
            )
        if value not in ("good", "bad"):
            raise DriverConfigError(tag, f"there is no reply {value!r}", "use good or bad")
        return (reply.good if value == "good" else reply.bad).encode("ascii")
