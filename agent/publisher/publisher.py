"""One sink's publisher: reads on from its cursor, sends, waits for confirmation, moves the cursor.

Laws:
    1. At least once: the cursor never passes an event that is neither confirmed nor in quarantine.
    2. Events are sent in the order of the journal; only what came back is sent again, first.
    3. A refusal that can pass pauses this sink and is asked again; one that cannot moves that event
       to the quarantine. Neither touches another sink (D-118).
    4. Every retry outwards is here, with back-off. A state is told once, when it changes.

Four tasks live as long as a connection: the sink's own, the reader that keeps rows ready, the
sender that keeps the window full, and one that looks for what is released from quarantine; and
what its owner wants done beside them. New events follow their commit at once, without a timer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine
from functools import partial

from agent.backoff import Backoff, apart, within
from agent.ports import (
    Clock,
    Delivery,
    Random,
    Recorded,
    Refusal,
    RefusedError,
    Row,
    Sink,
    SinkDownError,
)
from agent.publisher.flights import Flight, Flights
from agent.publisher.quarantine import Quarantine
from agent.publisher.releasing import Releases
from agent.publisher.state import Condition, SinkState

FIRST_S, MOST_S = 0.2, 5.0
"""Pauses between connections. Held for longer than the longest, a connection was a good one."""
PAUSE_FIRST_S, PAUSE_MOST_S = 1.0, 60.0
"""Pauses between questions to a sink that refuses."""
BURST = 50
"""Events sent in one turn of the loop: the machine's events must not wait behind a backlog."""
READ_ROWS = 256
LOW_ROWS = 128
"""The reader reads on when fewer than these wait to be sent."""
MOST_ROWS = 4096
"""Rows held at most, so that one confirmation that does not come cannot fill the memory."""
CLOSE_S = 5.0


class Publisher:
    """Keeps one sink fed for as long as `run` is awaited."""

    def __init__(
        self,
        name: str,
        sink: Sink,
        journal: Recorded,
        quarantine: Quarantine,
        *,
        clock: Clock,
        random: Random,
        kinds: Collection[str] | None = None,
        on_state: Callable[[SinkState], None],
        on_set_aside: Callable[[Row, str], None] = lambda _row, _cause: None,
        beside: Callable[[], Coroutine[object, object, None]] | None = None,
    ) -> None:
        self.name = name
        self._sink = sink
        self._journal = journal
        self._quarantine = quarantine
        self._clock = clock
        self._kinds = None if kinds is None else frozenset(kinds)
        self._on_state = on_state
        self._on_set_aside = on_set_aside
        self._beside = beside
        self._backoff = Backoff(clock, random, FIRST_S, MOST_S)
        self._pause = Backoff(clock, random, PAUSE_FIRST_S, PAUSE_MOST_S)
        self._stream = f"{name}#after"  # the newest event sent, where that is not the cursor
        self._cursor = journal.cursor(name)
        self._read_to = self._cursor
        self._last_wanted = journal.cursor(self._stream)
        self._flights = Flights()
        self._connection = 0
        self._is_connected = False
        self._broken: Exception | None = None
        self._refusal = ""
        self._probing = False
        self._unfit: list[tuple[Flight, str]] = []
        self._changed = asyncio.Event()
        self._releases = Releases(name, quarantine, clock, self._changed.set)
        self._room = asyncio.Event()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._condition = Condition.DOWN
        self._reason = "not connected yet"
        self._since = clock.now()
        self._attempts = self._delivered = self._refused = self._quarantined = 0

    # ------------------------------------------------------------- what can be asked

    def state(self) -> SinkState:
        """Return how the sink is now."""
        sent_ms = self._flights.oldest_sent_ms
        age_ms = 0 if sent_ms is None else self._clock.now().boot_ms - sent_ms
        return SinkState(
            sink=self.name,
            condition=self._condition,
            reason=self._reason,
            since=self._since,
            cursor=self._cursor,
            backlog=self._backlog(),
            attempts=self._attempts,
            delivered=self._delivered,
            refused=self._refused,
            quarantined=self._quarantined,
            released=self._releases.released,
            unacknowledged=self._flights.under_way,
            unacknowledged_s=age_ms / 1000,
            odd=dict(self._sink.counts),
        )

    def _backlog(self) -> int | None:
        last, cursor = self._journal.last, self._cursor
        if last is None or (cursor is not None and last <= cursor):  # behind: it was shortened
            return 0
        if cursor is None:
            first = self._journal.first_kept
            return last.seq - first.seq + 1 if first and first.epoch == last.epoch else None
        return last.seq - cursor.seq if last.epoch == cursor.epoch else None

    # ------------------------------------------------------------- running

    async def run(self) -> None:
        """Connect, deliver, connect again; never return."""
        self._task = asyncio.current_task()
        while True:
            self._attempts += 1
            began_ms = self._clock.now().boot_ms
            try:
                await self._sink.connect()
                await apart(self._deliver_while_connected(), f"connection of {self.name}")
            except SinkDownError as error:
                self._lost(str(error))
            if self._clock.now().boot_ms - began_ms > MOST_S * 1000:
                self._backoff.reset()
            await self._backoff.wait()

    def _lost(self, cause: str) -> None:
        """Say that the sink is down; one that refuses and then hangs up is still a refusing one.

        Mosquitto 2.0.11 closes the connection after each PUBACK that says "not authorised".
        """
        if self._is_connected and self._refusal:
            self._became(Condition.PAUSED, self._refusal)
        else:
            self._became(Condition.DOWN, cause)
        self._is_connected = False

    async def close(self, within_s: float = CLOSE_S) -> None:
        """Let what is journalled get out, for so long; then stop and say goodbye."""
        if self._condition is Condition.CONNECTED:
            with contextlib.suppress(TimeoutError):
                await within(self._clock, within_s, self._caught_up())
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        await self._sink.close()

    async def _caught_up(self) -> None:
        while self._cursor != self._journal.last:
            self._moved.clear()
            await self._moved.wait()

    async def _deliver_while_connected(self) -> None:
        self._connection += 1
        self._flights.put_back_all()
        self._is_connected = True
        self._broken = None
        self._unfit.clear()
        if not self._refusal and not self._probing:
            self._became(Condition.CONNECTED, "")
        down: SinkDownError | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._sink.hold(), name=f"sink {self.name}")
                tasks.create_task(self._read(), name=f"read for {self.name}")
                tasks.create_task(self._send(), name=f"send to {self.name}")
                tasks.create_task(self._releases.watch(), name=f"releases of {self.name}")
                if self._beside is not None:
                    tasks.create_task(self._beside(), name=f"beside {self.name}")
        except* SinkDownError as group:
            down = next(error for error in group.exceptions if isinstance(error, SinkDownError))
        if down is not None:
            raise down

    # ------------------------------------------------------------- reading

    async def _read(self) -> None:
        """Keep rows ready."""
        while True:
            while self._flights.unsent >= LOW_ROWS or len(self._flights) >= MOST_ROWS:
                self._room.clear()
                await self._room.wait()
            if self._read_to is not None and self._read_to == self._journal.last:
                await self._journal.wait_beyond(self._read_to)
            self._pass_over()
            rows = await self._journal.read(self._read_to, READ_ROWS)
            if not rows:
                await self._journal.wait_beyond(self._read_to)
            for row in rows:
                wanted = self._kinds is None or row.kind in self._kinds
                after = self._last_wanted if wanted and self._kinds is not None else None
                self._read_to = row.address
                self._flights.add(row, self._read_to, after, wanted=wanted)
                if wanted:
                    self._last_wanted = self._read_to
            self._changed.set()

    def _pass_over(self) -> None:
        """Go on behind what the journal gave up; `sink_skipped` has named it (D-142).

        The next event's `after` is its last one: a consumer that lacks it sees the gap.
        """
        given_up = self._journal.cursor(self.name)
        if given_up is not None and (self._read_to is None or self._read_to < given_up):
            self._read_to = self._cursor = given_up
            self._last_wanted = given_up

    # ------------------------------------------------------------- sending

    async def _send(self) -> None:
        """Keep the window full and the cursor right behind."""
        while True:
            if self._refusal and not self._flights.under_way:
                await self._sit_out()
            if not self._refusal and not self._unfit:
                if self._releases.wait:  # alone: see there
                    await self._release()
                else:
                    self._fill()
            await self._changed.wait()
            self._changed.clear()
            self._advance()
            if self._broken is not None:
                raise self._broken
            if self._unfit:
                await self._set_aside()
            if self._flights.under_way:
                await asyncio.sleep(0)  # a turn for everybody else, and more confirmations at once

    async def _release(self) -> None:
        if not self._flights.under_way:
            await self._releases.send_one(self._sink)
            self._changed.set()

    def _fill(self) -> None:
        window = 1 if self._probing else self._sink.window
        now_ms = self._clock.now().boot_ms
        for _ in range(min(window - self._flights.under_way, BURST)):
            flight = self._flights.take(now_ms)
            if flight is None:
                break
            confirmed = self._sink.send(Delivery(row=flight.row, after=flight.after))
            confirmed.add_done_callback(partial(self._landed, self._connection, flight))
        else:
            if self._flights.unsent and self._flights.under_way < window:
                self._changed.set()  # only the burst is over
        if self._flights.unsent < LOW_ROWS:
            self._room.set()

    def _landed(self, connection: int, flight: Flight, confirmed: asyncio.Future[None]) -> None:
        """Note how one delivery ended; what follows from it is done in `_send`."""
        error = None if confirmed.cancelled() else confirmed.exception()
        if connection != self._connection:
            return  # it is sent again already, on another connection
        if error is None and not confirmed.cancelled():
            self._flights.settle(flight)
            self._delivered += 1
            if self._probing:
                self._resume()
        elif isinstance(error, RefusedError) and error.refusal is Refusal.NEVER:
            self._flights.land(flight)
            self._unfit.append((flight, error.cause))
            if self._probing:
                self._resume()
        else:
            self._flights.put_back(flight)
            if isinstance(error, RefusedError):
                self._refused += 1
                self._refusal = error.cause
            elif isinstance(error, Exception):
                self._broken = error
        self._changed.set()

    def _resume(self) -> None:
        """Fill the window again: this was the answer to a single question after a pause."""
        self._probing = False
        self._pause.reset()
        self._became(Condition.CONNECTED, "")

    def _advance(self) -> None:
        passed, delivered = self._flights.advance()
        if passed is not None:
            self._cursor = passed
            self._journal.move_cursor(self.name, passed)
            if delivered is not None and self._kinds is not None:
                self._journal.move_cursor(self._stream, delivered)
            self._moved.set()
            self._room.set()

    async def _set_aside(self) -> None:
        """Put what this sink can never take into its quarantine, and let the cursor pass it."""
        while self._unfit:
            flight, cause = self._unfit[0]
            try:
                await self._quarantine.put(flight.row, cause, flight.after)
            except OSError as error:
                raise SinkDownError(
                    f"sink {self.name}: {flight.row.address} belongs in {self._quarantine.path}, "
                    f"which cannot be written: {error.strerror or error}"
                ) from error
            self._unfit.pop(0)
            self._flights.settle(flight)
            self._quarantined += 1
            self._on_set_aside(flight.row, cause)
        self._advance()

    async def _sit_out(self) -> None:
        """Wait before the sink is asked again, with one event."""
        self._became(Condition.PAUSED, self._refusal)
        await self._pause.wait()
        self._refusal, self._probing = "", True

    def _became(self, condition: Condition, reason: str) -> None:
        if condition is Condition.CONNECTED:
            self._attempts = 0
        if (condition, reason) != (self._condition, self._reason):
            self._condition, self._reason, self._since = condition, reason, self._clock.now()
            self._on_state(self.state())
