"""Lets events out of quarantine where a person asked for it: each alone, once, with its own end.

An event may be there because the broker hangs up on it. So nothing else is under way while one is
tried: what the broker then does is about that event alone. It is tried once a question.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable

from agent.ports import Clock, Delivery, RefusedError, Sink, SinkDownError
from agent.publisher.quarantine import Quarantine

LOOK_EVERY_S = 2.0


class Releases:
    """What a person wants released from one sink's quarantine."""

    def __init__(
        self, name: str, quarantine: Quarantine, clock: Clock, changed: Callable[[], None]
    ) -> None:
        self.released = 0
        """How many were delivered after all, since the start of this run."""
        self._name = name
        self._quarantine = quarantine
        self._clock = clock
        self._changed = changed
        self._waiting: deque[Delivery] = deque()

    @property
    def wait(self) -> bool:
        """Whether one is to be sent."""
        return bool(self._waiting)

    async def watch(self) -> None:
        """Look for what is asked, until cancelled."""
        while True:
            with contextlib.suppress(OSError):  # the disk is told of elsewhere; asked again soon
                self._waiting.extend(await self._quarantine.asked())
            if self._waiting:
                self._changed()
            await self._clock.sleep(LOOK_EVERY_S)

    async def send_one(self, sink: Sink) -> None:
        """Send the one that has waited longest, and see it out, or keep it with the new cause.

        Raises:
            SinkDownError: the connection broke, or the quarantine cannot be written.
        """
        delivery = self._waiting.popleft()
        cause, down = "", None
        try:
            await sink.send(delivery)
        except RefusedError as error:
            cause = error.cause
        except SinkDownError as error:
            cause, down = f"released, but not confirmed: {error}", error
        try:
            if cause:
                await self._quarantine.keep(delivery.row, cause, delivery.after)
            else:
                await self._quarantine.let_go(delivery.row.address)
                self.released += 1
        except OSError as error:
            raise SinkDownError(
                f"sink {self._name}: {self._quarantine.path} cannot be written: "
                f"{error.strerror or error}"
            ) from error
        if down is not None:
            raise down
