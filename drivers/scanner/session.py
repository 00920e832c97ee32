"""One link to a scanner: what is on the line becomes codes, each with its time.

Laws:
    1. The line is always drained into a bounded queue of our own, whether or not the receiver
       keeps up; what does not fit is counted in one `SamplesLost` in its place.
    2. A code is as old as it may be. After a stall (a stopped process, a busy machine) what is read
       may have waited since the line was last looked at, and its interval begins there.
    3. What is open when the link goes down is a PARTIAL code, handed over before the error.
    4. No code is accepted that another program's read may have cut: while another one has the
       port, the link is down; if it has gone again, what came around that moment is PARTIAL.
    5. A heartbeat is no code; one that does not come ends the link. Where there is one, the link is
       up from the first sign of life on: an open line to a dead scanner is no link.
    6. What is wrong with the line but does not stop it is told as a warning of the link, once, and
       taken back when a good code comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from itertools import count

from drivers.base import (
    Clock,
    CodeScanned,
    Emit,
    Entry,
    FrameStatus,
    Instant,
    LinkChanged,
    LinkDownError,
    SamplesLost,
)
from drivers.framing import Frame, Framer
from drivers.scanner.garble import Garble
from drivers.scanner.link import Link
from drivers.scanner.options import ScannerOptions

QUEUE_CODES = 4096
"""Codes that wait for the receiver; at 256 bytes each, one megabyte."""

LOOK_S = 0.1
"""How often the line is looked at when nothing comes: proof that it was empty then."""

STALL_MS = 250
"""Without a look for longer than this we were not running as we should."""

SETTLE_MS = 100
"""After a stall the line may go on giving what had waited for this long."""

_COMPARE = {
    "port": "compare baudrate, parity and data_bits with the scanner's",
    "host": "compare the serial settings of the device server and the scanner",
    "keyboard": "compare layout with the scanner's",
}


class Session:
    """One link from its opening to its end."""

    def __init__(  # noqa: PLR0917 - built in one place, all of it needed
        self,
        name: str,
        link: Link,
        options: ScannerOptions,
        clock: Clock,
        ids: count[int],
        warnings: tuple[str, ...] = (),
    ) -> None:
        self._name = name
        self._link = link
        self._options = options
        self._heartbeat = options.heartbeat.expect.encode() if options.heartbeat else None
        self._heard = 0  # frames and heartbeats
        self._garble = Garble()
        self._warnings = warnings  # known when the link came up, and standing
        self._told = warnings
        self._where = options.endpoint
        self._clock = clock
        self._ids = ids
        framing = options.framing.framing(options.no_read)
        self._framer = Framer(framing)
        self._silence_ms = framing.partial_timeout_ms
        self._queue: deque[LinkChanged | CodeScanned | SamplesLost] = deque()
        self._more = asyncio.Event()
        self._down: LinkDownError | None = None
        self._is_closed = False
        self._nap: asyncio.Task[None] | None = None
        self._touched_until_ms = -1  # codes that begin no later may have been cut by another reader
        now = clock.now()
        self._looked_ms = now.boot_ms
        self._old_ms, self._old_until_ms = 0, -1  # what is read until then may be as old as that
        self._is_up = False
        if options.heartbeat is None:
            self._come_up(now)

    def _come_up(self, now: Instant) -> None:
        self._is_up = True
        self._queue.append(self._up(now))
        self._more.set()

    async def hand_over(self, emit: Emit) -> None:
        """Emit what waits, in order; when the link is down and nothing waits, say why.

        Raises:
            LinkDownError: the link is down.
        """
        while True:
            while self._queue:
                await emit(self._queue.popleft())
            if self._down is not None:
                raise self._down
            self._more.clear()
            await self._more.wait()

    async def keep_looking(self) -> None:
        """Look at the line when it has something, and at times when it has nothing."""
        loop = asyncio.get_running_loop()
        for descriptor in self._link.descriptors:
            loop.add_reader(descriptor, self._wake)
        while True:
            self._look()
            if self._down is not None:
                return
            self._nap = asyncio.create_task(self._clock.sleep(self._nap_s()), name="nap")
            try:
                await asyncio.wait([self._nap])
            finally:
                self._nap.cancel()
                await asyncio.wait([self._nap])

    async def keep_alive(self) -> None:
        """Ask for a sign of life at times; without one the link is down."""
        beat = self._options.heartbeat
        waits = beat is not None and beat.send is None
        while beat is not None and self._down is None:
            heard = self._heard
            if waits:
                await self._clock.sleep(beat.every)
            waits = True
            if beat.send is not None:
                heard = self._heard
                if not self._tried(beat.send):
                    return
            await self._clock.sleep(beat.within)
            if not self._is_closed:
                self._look()  # it may wait on the line if we were late
            if not self._is_closed and heard == self._heard:
                text = f"{self._where}: no heartbeat within {beat.within:g} s: is it switched on?"
                self._go_down(self._clock.now(), LinkDownError(text))

    async def keep_reading(self) -> None:
        """Send the trigger: once, or again and again."""
        trigger = self._options.trigger
        if trigger is None or not self._tried(trigger.send):
            return
        while trigger.every is not None:
            await self._clock.sleep(trigger.every)
            if not self._tried(trigger.send):
                return

    def _tried(self, text: str) -> bool:
        """Return whether a text of ours could be sent; if not, the link has ended by that."""
        try:
            self.send(text.encode("ascii"))
        except LinkDownError:
            return False
        return True

    def send(self, data: bytes) -> None:
        """Send bytes to the scanner; a failure is the end of the link.

        Raises:
            LinkDownError: it is gone, or does not take them.
        """
        if self._down is not None:
            raise self._down
        try:
            self._link.write(data)
        except LinkDownError as error:
            self._go_down(self._clock.now(), error)
            raise

    def close(self) -> None:
        """Let go of the line."""
        if self._is_closed:
            return
        self._is_closed = True
        loop = asyncio.get_running_loop()
        for descriptor in self._link.descriptors:
            loop.remove_reader(descriptor)
        self._link.close()

    def _wake(self) -> None:
        if self._nap is not None:
            self._nap.cancel()

    def _nap_s(self) -> float:
        """Return how long there is nothing to do if nothing comes."""
        deadline_ms = self._framer.next_deadline_ms
        if deadline_ms is None:
            return LOOK_S
        return min(LOOK_S, max(0, deadline_ms - self._clock.now().boot_ms) / 1000)

    def _look(self) -> None:
        """Take what is on the line; without anything, let the framer know the time."""
        now = self._clock.now()
        try:
            data = self._link.read()
            others = self._link.others()  # after reading: whoever opens later has not cut it
        except LinkDownError as error:
            self._go_down(now, error)
            return
        self._garble.came(data)
        if others is not None:
            self._touched_until_ms = now.boot_ms + self._silence_ms
        for frame in self._framer.feed(now.boot_ms, data, since_ms=self._since(now, data)):
            self._push(frame, now)
        self._say_warnings(now)
        if others:
            who = ", ".join(others)
            text = f"{self._where}: also read by {who}, which would cut codes: stop it"
            self._go_down(now, LinkDownError(text))

    def _since(self, now: Instant, data: bytes) -> int:
        """Return since when these bytes may have waited: now, unless we were late to look."""
        now_ms, deadline_ms = now.boot_ms, self._framer.next_deadline_ms
        missed_deadline = deadline_ms is not None and now_ms > deadline_ms
        if data and (missed_deadline or now_ms - self._looked_ms > STALL_MS):
            if now_ms > self._old_until_ms:
                self._old_ms = self._looked_ms
            self._old_until_ms = now_ms + SETTLE_MS
        self._looked_ms = now_ms
        return self._old_ms if now_ms <= self._old_until_ms else now_ms

    def _push(self, frame: Frame, now: Instant) -> None:
        """Queue a code, or count it where the queue is full; a heartbeat is none."""
        self._heard += 1
        if not self._is_up:
            self._come_up(now)
        if frame.status is FrameStatus.OK:
            self._garble.was_good(frame.raw)
            if frame.raw == self._heartbeat:
                return
        is_touched = frame.first_ms <= self._touched_until_ms
        last = self._queue[-1] if self._queue else None
        if len(self._queue) < QUEUE_CODES:
            self._queue.append(
                CodeScanned(
                    id=self._next_id(),
                    device=self._name,
                    earliest_ms=frame.first_ms,
                    latest_ms=frame.last_ms,
                    received=now,
                    raw=frame.raw,
                    status=FrameStatus.PARTIAL if is_touched else frame.status,
                    entry=Entry.WEDGE if self._options.keyboard else None,
                )
            )
        elif isinstance(last, SamplesLost):
            lost = (last.count or 0) + 1
            self._queue[-1] = replace(last, latest_ms=frame.last_ms, received=now, count=lost)
        else:
            self._queue.append(
                SamplesLost(
                    id=self._next_id(),
                    device=self._name,
                    earliest_ms=frame.first_ms,
                    latest_ms=frame.last_ms,
                    received=now,
                    tag=None,
                    count=1,
                    reason=f"{self._where}: {QUEUE_CODES} codes wait already",
                )
            )
        self._more.set()

    def _go_down(self, now: Instant, error: LinkDownError) -> None:
        """End the link: what is open is PARTIAL, the port is free at once, the error comes last."""
        for frame in self._framer.disconnect(now.boot_ms):
            self._push(frame, now)
        self._down = error
        self._more.set()
        self.close()
        self._wake()

    def _say_warnings(self, now: Instant) -> None:
        """Let the receiver know what has begun or ceased to be wrong with the line."""
        where = next(key for key in _COMPARE if getattr(self._options, key) is not None)
        garbled = f"{self._where}: what comes is no text: {_COMPARE[where]}"
        warnings = (*self._warnings, garbled) if self._garble.is_garbled else self._warnings
        if warnings != self._told and len(self._queue) < QUEUE_CODES:
            self._told = warnings
            self._queue.append(self._up(now))
            self._more.set()

    def _up(self, now: Instant) -> LinkChanged:
        return LinkChanged.at(now, self._next_id(), self._name, up=True, warnings=self._told)

    def _next_id(self) -> str:
        return f"{self._name}:{next(self._ids)}"
