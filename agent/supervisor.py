"""The supervisor: keeps devices connected, and lets them hold what their stations owe them.

Laws:
    1. It is the only retry inwards: a driver makes one attempt, this loop makes the next, with
       jittered back-off. A dead device never starves a healthy one.
    2. A bug in one driver is a fault event and a back-off; the fifth in a minute ends the process.
    3. A device that one station owns waits for it; a shared one never waits for any: a station
       whose queue is full loses the observation, is told so, and reads its handshakes again.
    4. Outputs are pulled at the moment of writing, group after group, until the device holds them.

A device belongs to the process. Each station that uses it has a `Seat` here: its names for the tags
and what it wrote there. What the device showed last is kept, so that a station that starts again (a
new epoch) sees the present values without disturbing its neighbours.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.backoff import Backoff, apart
from agent.core.state import Reply, SnapshotAsk
from agent.ports import Clock, Random
from agent.seat import Seat, Station, Tell
from drivers.base import (
    AnyObservation,
    CodeScanned,
    Driver,
    DriverConfigError,
    DriverError,
    LinkChanged,
    LinkDownError,
    SamplesLost,
    TagFault,
    TagGroup,
    TagValue,
    ValuesSeen,
    WriteGroup,
)

FIRST_RETRY_S = 0.2
MOST_RETRY_S = 30.0
WRITE_RETRY_S = 1.0
HELD_S = 5.0
"""A link that stood this long starts the back-off anew."""
MOST_BUGS = 5
MOST_CAUSES = 3
"""No more causes of one outage are told: an error text may be another each time."""
BUGS_WITHIN_MS = 60_000


class Device:
    """One endpoint: its driver, its stations, its link."""

    def __init__(
        self,
        name: str,
        driver: Driver,
        seats: Sequence[Seat],
        *,
        is_reader: bool = False,
        is_told: bool = False,
        clock: Clock,
        random: Random,
        tell: Tell,
    ) -> None:
        self.name = name
        self.is_reader = is_reader
        """Whether it sends codes instead of tags."""
        self._is_told = is_told
        self._tell = tell
        self._down_ms: int | None = None
        self._driver = driver
        self._seats = tuple(seats)
        self._clock = clock
        self._backoff = Backoff(clock, random, FIRST_RETRY_S, MOST_RETRY_S)
        self._link: LinkChanged | None = None
        self._latest: dict[str, tuple[TagValue, int, int]] = {}
        self._up_ms: int | None = None
        self._warned: tuple[str, ...] = ()
        self._bugs: list[int] = []
        self._causes: set[str] = set()
        """What was told of this outage."""
        self._numbers = 0
        self._reads: set[asyncio.Task[None]] = set()
        self._retries: set[asyncio.Task[None]] = set()
        self.attempts = 0

    async def run(self) -> None:
        """Keep the device connected and its outputs held, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for seat in self._seats:
                    tasks.create_task(self._hold(seat), name=f"outputs {seat.name}")
                await self._supervise()
        finally:
            left = (*self._reads, *self._retries)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    # -------------------------------------------------------------- the one loop

    async def _supervise(self) -> None:
        """Make attempt after attempt: the only retry loop on the way in."""
        while True:
            self.attempts += 1
            cause = ""
            try:
                await apart(self._driver.run(self._emit), f"link to {self.name}")
            except DriverError as error:
                cause = str(error)
            except Exception as error:  # noqa: BLE001 - a bug in one driver stops it alone (R08)
                cause = f"{type(error).__name__}: {error}"
                self._tell("driver_failed", device=self.name, error=cause, exc_info=error)
                self._spend(error)
            await self._went_down(cause or "the driver ended")
            await self._backoff.wait()

    def _spend(self, error: Exception) -> None:
        """Count a bug; the fifth in a minute is raised."""
        now_ms = self._clock.now().boot_ms
        self._bugs = [ms for ms in self._bugs if ms > now_ms - BUGS_WITHIN_MS] + [now_ms]
        if len(self._bugs) >= MOST_BUGS:
            raise error

    async def _went_down(self, cause: str) -> None:
        """Say once that the link is lost; attempts between are only counted."""
        now = self._clock.now()
        if self._up_ms is not None and now.boot_ms - self._up_ms >= HELD_S * 1000:
            self._backoff.reset()
        self._up_ms = None
        self._warned = ()
        self._latest.clear()
        for task in tuple(self._reads):
            task.cancel()
        if self._link is not None and not self._link.up:
            self._tell_cause(cause)
            return
        self._causes = {cause}
        self._link = LinkChanged.at(now, self._id("link"), self.name, up=False, reason=cause)
        self._down_ms = now.boot_ms
        self._tell("link_lost", at=self._at(), device=self.name, error=cause)
        await self._fan_out(self._link)

    def _tell_cause(self, cause: str) -> None:
        """Say once what else keeps a lost link down: it may be ours to mend (FAULTS E02)."""
        if cause not in self._causes and len(self._causes) < MOST_CAUSES:
            self._causes.add(cause)
            self._tell("link_still_lost", at=self._at(), device=self.name, error=cause)

    def _id(self, what: str) -> str:
        self._numbers += 1
        return f"{self.name}-{what}-{self._numbers}"

    # -------------------------------------------------------------- inwards

    async def _emit(self, observation: AnyObservation) -> None:
        if isinstance(observation, LinkChanged):
            self._came_up(observation)
        elif isinstance(observation, ValuesSeen):
            for value in observation.values:
                self._latest[value.tag] = (value, observation.earliest_ms, observation.latest_ms)
            for seat in self._seats:
                if seat.note(observation.values):
                    await self._say_faults(seat)
        await self._fan_out(observation)
        if isinstance(observation, LinkChanged):
            self._wake()

    def _came_up(self, link: LinkChanged) -> None:
        now_ms = self._clock.now().boot_ms
        if self._up_ms is None:
            for seat in self._seats:
                seat.begin()
            down_s = None if self._down_ms is None else (now_ms - self._down_ms) / 1000
            self._tell("link_restored", device=self.name, down_s=down_s, attempts=self.attempts)
            self.attempts = 0
            self._up_ms = now_ms
        self._tell_warnings(link.warnings)
        self._link = link
        for seat in self._seats:
            seat.tell_faults(link, self._tell)

    def _tell_warnings(self, warnings: tuple[str, ...]) -> None:
        """Say once on each link what the device does less well, and once that it no longer does."""
        told, self._warned = self._warned, warnings
        for event, lines, known in (
            ("device_warning", warnings, told),
            ("device_warning_cleared", told, warnings),
        ):
            for line in lines:
                if line not in known:
                    self._tell(event, at=self._at(), device=self.name, error=line)

    def _at(self) -> str:
        """Return where the stations' files name this device."""
        return ", ".join(dict.fromkeys(seat.station.where(seat.name) for seat in self._seats))

    async def _fan_out(self, observation: AnyObservation) -> None:
        alone = len(self._seats) == 1
        for seat in self._seats:
            ours = seat.ours(observation)
            if ours is not None:
                await self._give(seat, ours, alone=alone)

    async def _give(self, seat: Seat, ours: AnyObservation, *, alone: bool) -> None:
        """Hand over; a reader's frames always wait, for they cannot be read again."""
        if alone or isinstance(ours, CodeScanned):
            await seat.station.emit(ours)
            return
        if seat.overrun:
            await self._recover(seat)
        if not seat.station.offer(ours):
            seat.overrun += 1

    async def _recover(self, seat: Seat) -> None:
        """After an overrun: say what was lost, then show link and values anew."""
        now = self._clock.now()
        lost = SamplesLost(
            id=self._id("lost"),
            device=seat.name,
            earliest_ms=now.boot_ms,
            latest_ms=now.boot_ms,
            received=now,
            tag=None,
            count=seat.overrun,
            reason="the station could not keep up",
        )
        if seat.station.offer(lost):
            seat.overrun = 0
            self._show(seat, seat.station.offer)

    def show(self, station: Station) -> None:
        """Show a station that starts anew the link and the newest value of each of its tags."""
        for seat in self._seats:
            if seat.station is station:
                self._show(seat, station.offer)
                seat.changed.set()

    def _show(self, seat: Seat, offer: Callable[[AnyObservation], bool]) -> None:
        if self._link is None:
            return
        now = self._clock.now()
        offer(seat.link(replace(self._link, id=self._id("link"))))
        for value, earliest_ms, latest_ms in self._latest.values():
            seen = seat.ours(
                ValuesSeen(
                    id=self._id("shown"),
                    device=self.name,
                    earliest_ms=earliest_ms,
                    latest_ms=latest_ms,
                    received=now,
                    values=(value,),
                )
            )
            if seen is not None:
                offer(seen)

    # -------------------------------------------------------------- asks

    def ask(self, station: Station, ask: SnapshotAsk) -> None:
        """Read a group for a station; the answer goes back as an observation."""
        for seat in self._seats:
            if seat.station is station and seat.name == ask.device:
                task = asyncio.get_running_loop().create_task(
                    self._read(seat, ask), name=f"snapshot {ask.handshake}"
                )
                self._reads.add(task)
                task.add_done_callback(self._reads.discard)

    async def _read(self, seat: Seat, ask: SnapshotAsk) -> None:
        group = TagGroup(
            name=ask.handshake,
            guard=tuple(seat.tags[tag] for tag in ask.guard),
            tags=tuple(seat.tags[tag] for tag in ask.tags),
        )
        with contextlib.suppress(DriverError):  # `run` ends too, or has told the tag's fault
            read = await self._driver.read(group)
            ours = seat.ours(replace(read, ask=ask.id))
            if ours is not None:
                await seat.station.emit(ours)

    # -------------------------------------------------------------- outwards

    def outputs_changed(self, station: Station) -> None:
        """Let the station's outputs be pulled and written again."""
        for seat in self._seats:
            if seat.station is station:
                seat.changed.set()

    def _wake(self) -> None:
        for seat in self._seats:
            seat.changed.set()

    async def _hold(self, seat: Seat) -> None:
        """Write what the station owes until the device holds it; once a change."""
        while True:
            await seat.changed.wait()
            seat.changed.clear()
            if self._up_ms is None:
                continue
            for group in seat.station.due(seat.name):
                if not await self._write(seat, group):
                    break

    async def _write(self, seat: Seat, group: WriteGroup) -> bool:
        """Write what the device does not hold yet; return whether the next group may follow.

        A tag that is refused does not take the others of its group with it: a text that the PLC
        cannot hold must not cost its ready bit. A group of which nothing is taken ends the turn:
        there is no ack without its result.
        """
        values = tuple((tag, value) for tag, value in group.values if not seat.holds(tag, value))
        is_held = len(values) < len(group.values)
        if seat.is_retrying:
            values = tuple((tag, value) for tag, value in values if tag not in seat.refused)
        while values:
            theirs = tuple((seat.tags[tag], value) for tag, value in values)
            try:
                await self._driver.write([WriteGroup(device=self.name, values=theirs)])
            except LinkDownError:
                seat.held.clear()
                return False
            except DriverConfigError as error:
                refused = seat.our_tag(error.tag)
                await self._refused(seat, refused, error)
                rest = tuple((tag, value) for tag, value in values if tag != refused)
                values = rest if len(rest) < len(values) else ()
                continue
            seat.held.update(values)
            if seat.refused:
                await self._accepted(seat, [tag for tag, _ in values])
            return True
        return is_held

    async def _refused(self, seat: Seat, tag: str, error: DriverConfigError) -> None:
        """A write is refused: told once, tried again each second while other writes go on."""
        if tag not in seat.refused:
            seat.refused[tag] = TagFault(tag=tag, cause=error.cause, hint=error.hint)
            await self._say_faults(seat)
        if not seat.is_retrying:
            seat.is_retrying = True
            retry = asyncio.get_running_loop().create_task(self._try_later(seat), name="try again")
            self._retries.add(retry)
            retry.add_done_callback(self._retries.discard)

    async def _try_later(self, seat: Seat) -> None:
        try:
            await self._clock.sleep(WRITE_RETRY_S)
        finally:
            seat.is_retrying = False
        seat.changed.set()

    async def _accepted(self, seat: Seat, tags: Sequence[str]) -> None:
        cleared = [tag for tag in tags if seat.refused.pop(tag, None) is not None]
        if cleared:
            await self._say_faults(seat)

    async def _say_faults(self, seat: Seat) -> None:
        """Tell what is wrong with the tags now, in the log and to the station."""
        if self._link is not None and self._link.up:
            seat.tell_faults(self._link, self._tell)
            link = seat.link(replace(self._link, id=self._id("link")))
            await self._give(seat, link, alone=len(self._seats) == 1)

    def is_told(self, station: Station, reply: Reply) -> bool:
        """Return whether a reply concerns this device, and it has words for it."""
        return self._is_told and any(
            seat.station is station and seat.name == reply.device for seat in self._seats
        )

    async def reply(self, reply: Reply) -> None:
        """Tell a reader what became of its code; a reader that is gone is not told."""
        word = "good" if reply.good else "bad"
        with contextlib.suppress(DriverError):
            await self._driver.write([WriteGroup(device=self.name, values=(("reply", word),))])
