"""The engine of one run of one station: queue → decide → commit → outputs.

Laws:
    1. Two folds. `decide` works on the planned state, which knows events still on their way to
       disk; outputs and replies see only the durable one (recorded before released).
    2. A commit that failed or is in doubt ends the run: the planned state is dropped with it, and
       the station starts again from the journal, in a new epoch (PITFALLS S5).
    3. Badges become pseudonyms before anything else sees them (D-64).

An engine lives for one epoch. Who makes it, and again after a failure, is `agent.app`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from agent.core import binder, events
from agent.core.events import Event
from agent.core.state import (
    Astray,
    CommandReply,
    ComponentAsk,
    Decision,
    EventAsk,
    Health,
    LookupAsk,
    NotReady,
    PackageAsk,
    Reply,
    SnapshotAsk,
    State,
    Working,
)
from agent.lookups import Lookups
from agent.ports import (
    Address,
    Clock,
    ComponentSeen,
    Instant,
    Journal,
    PackageSeen,
    Row,
    StoreError,
    TraceLookup,
    UnitSeen,
)
from drivers.base import (
    AnyObservation,
    AskAnswered,
    CodeScanned,
    CommandGiven,
    EventSeen,
    HeadSigned,
    HoldChanged,
    TimerFired,
    WriteGroup,
)

QUEUE_SIZE = 1000
"""Observations waiting to be decided; a full queue slows the poll of a device of our own."""
MOST_UNCOMMITTED = 2000
"""Decisions on their way to disk before deciding waits for the disk."""
SLOW_COMMIT_MS = 2000
"""A commit that takes longer is told as a slow disk."""
REPLY_WITHIN_MS = 1000
"""A reader's beep that comes later than this only confuses (DESIGN 2)."""


END = "end"
"""The handshake whose look-up a scan foretells."""


_Question = LookupAsk | ComponentAsk | EventAsk | PackageAsk
_Seen = UnitSeen | ComponentSeen | PackageSeen | EventSeen | None


Sign = Callable[[Address, str, Instant], HeadSigned]
"""Signs an event: its address, its hash, and the moment."""


class CommandLostError(Exception):
    """The run ended before a command was recorded, or before that was known."""


class EngineError(Exception):
    """A bug of ours met an observation; the error that it came with is told beside it."""


class Devices(Protocol):
    """What the engine wants of whoever holds the devices."""

    def ask(self, ask: SnapshotAsk) -> None:
        """Read a group; its SnapshotRead comes back as an observation."""
        ...

    def outputs_changed(self) -> None:
        """Something that outputs depend on has changed: pull `due` again."""
        ...

    def reply(self, reply: Reply) -> None:
        """Tell a reader what became of its code; once, and not again if it fails."""
        ...


@dataclass(slots=True)
class Counts:
    """What has been done in this run; every observation ends in one of these (STYLE 2)."""

    observations: int = 0
    events: int = 0
    dropped: int = 0
    """Observations that carried nothing new."""
    commits: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an engine is made of."""

    clock: Clock
    journal: Journal
    lookup: TraceLookup
    seal: Callable[[Event, str | None], Row]
    conceal: Callable[[CodeScanned], CodeScanned]
    """Puts a pseudonym in the place of a badge's bytes."""
    devices: Devices
    trouble: Callable[[], NotReady] = lambda: NotReady.READY
    """Why the disk would not take an event now, as far as anybody knows; READY: it would."""


@dataclass(frozen=True, slots=True)
class _Decided:
    """A decision on its way to disk."""

    recorded: asyncio.Future[None]
    """Its commit's; that of other decisions too."""
    state: State
    replies: tuple[Reply, ...]
    command_replies: tuple[CommandReply, ...]
    at: Instant
    observation: AnyObservation | None


class Engine:
    """Decides what a station's observations mean, and lets nothing out before it is recorded."""

    def __init__(self, parts: Parts, state: State, beginning: binder.Beginning) -> None:
        self._parts = parts
        self._durable = state
        self._planned = state
        self._working = Working()
        self._beginning = beginning
        self._prev = beginning.previous_hash
        self._queue: asyncio.Queue[AnyObservation] = asyncio.Queue(QUEUE_SIZE)
        self._uncommitted: deque[_Decided] = deque()
        self._decided_at_look = -1
        self._in_hand: AnyObservation | None = None
        """Taken off the queue, while it waits for room."""
        self._room = asyncio.Event()
        self._room.set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lookups = Lookups(parts.lookup, beginning.epoch, _before(beginning))
        self._answers: deque[AskAnswered] = deque()
        self._commands: dict[str, asyncio.Future[CommandReply]] = {}
        self._is_open = False
        """Whether observations may be decided as they come: between `run` and `stop`."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarm_ms: int | None = None
        self._alarm_moved = asyncio.Event()
        self._reason = NotReady.STARTING
        self._holds = 0
        self._overrun_until_ms: int | None = None
        self.counts = Counts()

    # -------------------------------------------------------------- towards the devices

    async def emit(self, observation: AnyObservation) -> None:
        """Take an observation; decided at once if nothing waits, else in its turn.

        Waits while the queue is full.
        """
        concealed = self._concealed(observation)
        if self._is_open and self._is_idle and self._has_room:
            self._step(concealed)
        else:
            await self._queue.put(concealed)

    def offer(self, observation: AnyObservation) -> bool:
        """Take an observation if there is room; a shared device never waits for a station."""
        if self._queue.full():
            self._overrun_until_ms = self._parts.clock.now().boot_ms + SLOW_COMMIT_MS
            return False
        self._queue.put_nowait(self._concealed(observation))
        return True

    async def command(self, given: CommandGiven) -> CommandReply:
        """Take a person's command; return once what became of it is on disk.

        Raises:
            CommandLostError: the run ended first. It may have been recorded all the same.
        """
        answer: asyncio.Future[CommandReply] = asyncio.get_running_loop().create_future()
        self._commands[given.id] = answer
        try:
            await self.emit(given)
            return await answer
        finally:
            del self._commands[given.id]

    def _concealed(self, observation: AnyObservation) -> AnyObservation:
        if isinstance(observation, CodeScanned):
            return self._parts.conceal(observation)
        return observation

    def due(self, device: str) -> tuple[WriteGroup, ...]:
        """Return what a device must hold now; the caller writes it at once."""
        due = binder.due(self._durable, self._working, self.health(), device)
        if due.standing:
            self._working = binder.handed_over(self._working, due.standing)
        return due.groups

    def health(self) -> Health:
        """Return whether an event could be recorded now."""
        now_ms = self._parts.clock.now().boot_ms
        reason = self._reason
        if reason is NotReady.READY:
            oldest = self._uncommitted[0].at.boot_ms if self._uncommitted else now_ms
            if now_ms - oldest >= SLOW_COMMIT_MS:
                reason = NotReady.SLOW_DISK
            elif (trouble := self._parts.trouble()) is not NotReady.READY:
                reason = trouble
            elif self._overrun_until_ms is not None and now_ms < self._overrun_until_ms:
                reason = NotReady.OVERRUN
        return Health(now_ms=now_ms, reason=reason)

    @property
    def durable(self) -> State:
        """What is known from events on disk."""
        return self._durable

    @property
    def astray(self) -> Mapping[str, Astray]:
        """Per device whose clock does not go with ours: how far it was off when last seen."""
        return self._working.clocks

    def readiness(self) -> NotReady:
        """Return why the station could not record a cycle now, or READY."""
        return binder.readiness(self._durable, self._working, self.health())

    # -------------------------------------------------------------- the loop

    async def start(self) -> None:
        """Begin the epoch: return when `agent_started` is on disk.

        Raises:
            JournalError: it could not be recorded; the epoch never existed.
        """
        now = self._parts.clock.now()
        decision = binder.start(self._planned, self._beginning, now)
        recorded = self._apply(decision, now)
        if recorded is not None:
            await asyncio.shield(recorded)
        self._reason = NotReady.READY
        self._parts.devices.outputs_changed()

    async def run(self) -> None:
        """Decide one observation after the other; return only by cancellation.

        Raises:
            JournalError: a commit failed or is in doubt: the run is over.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._decide_all(), name="engine decide")
            tasks.create_task(self._watch_alarm(), name="engine alarm")
            tasks.create_task(self._watch_failure(), name="engine commit watch")

    async def _decide_all(self) -> None:
        self._is_open = True
        try:
            while True:
                observation = self._in_hand = await self._queue.get()
                if not self._has_room:
                    self._room.clear()
                    await self._room.wait()
                self._in_hand = None
                self._step(observation)
        finally:
            self._is_open = False

    @property
    def _is_idle(self) -> bool:
        return self._in_hand is None and self._queue.empty()

    def _take_waiting(self) -> list[AnyObservation]:
        """Return what waits to be decided, oldest first, and let go of it."""
        in_hand, self._in_hand = self._in_hand, None
        waiting = [] if in_hand is None else [in_hand]
        while not self._queue.empty():
            waiting.append(self._queue.get_nowait())
        return waiting

    @property
    def _has_room(self) -> bool:
        return len(self._uncommitted) < MOST_UNCOMMITTED

    def _step(self, observation: AnyObservation) -> None:
        """Decide one observation, and the answers to what it asks that are at hand.

        A bug in here ends the run, also where a device's task brought the observation.
        """
        is_sound = False
        try:
            if self._is_hold_new:
                self._decide(self._hold())
            self._decide(observation)
            while self._answers:
                self._decide(self._answers.popleft())
            is_sound = True
        finally:
            if not is_sound and not self._failed.done():
                self._failed.set_exception(EngineError(f"could not decide {observation.id}"))

    @property
    def _is_hold_new(self) -> bool:
        """Whether the core has yet to learn that no cycle is recorded, or that they are again."""
        return self._working.held != (self._parts.trouble() is NotReady.DISK_FULL)

    def _hold(self) -> HoldChanged:
        now = self._parts.clock.now()
        self._holds += 1
        return HoldChanged(
            id=f"hold-{self._holds}",
            device="",
            earliest_ms=now.boot_ms,
            latest_ms=now.boot_ms,
            received=now,
            held=not self._working.held,
        )

    async def look(self) -> None:
        """Let the core know what time alone has changed, although nothing may come for hours.

        A machine that slept has not slept through a wait of ours: that goes on where it was. So
        the alarm is looked at again.
        """
        self._alarm_moved.set()
        if self._is_hold_new:
            await self.emit(self._hold())

    @property
    def head(self) -> Address:
        """The newest event, on disk or on its way."""
        return Address(self._planned.epoch, self._planned.seq)

    def sign(self, sign: Sign) -> bool:
        """Have the newest event signed and record that; return whether it was possible now."""
        if self._is_hold_new or not (self._is_open and self._has_room):
            return False
        self._step(self._signed(sign))
        return True

    def _signed(self, sign: Sign) -> HeadSigned:
        return sign(self.head, self._prev or "", self._parts.clock.now())

    def _decide(self, observation: AnyObservation) -> None:
        now = self._parts.clock.now()
        self.counts.observations += 1
        decision = binder.decide(self._planned, self._working, observation, now)
        if not decision.events and not decision.asks:
            self.counts.dropped += 1
        self._apply(decision, now, observation)

    def _apply(
        self, decision: Decision, now: Instant, observation: AnyObservation | None = None
    ) -> asyncio.Future[None] | None:
        """Send the decision on its way: events to disk, asks out, the alarm set."""
        changed = (
            decision.working.live is not self._working.live
            or decision.working.links is not self._working.links
            or decision.working.stopping != self._working.stopping
            or isinstance(observation, TimerFired)  # the answer's own limit may be over
        )
        self._planned, self._working = decision.state, decision.working
        recorded = self._record(decision, now, observation) if decision.events else None
        for ask in decision.asks:
            if isinstance(ask, SnapshotAsk):
                self._parts.devices.ask(ask)
            else:
                self._look_up(ask)
        self._set_alarm(decision.wakeup_ms)
        if changed:
            self._parts.devices.outputs_changed()
        return recorded

    def _record(
        self, decision: Decision, now: Instant, observation: AnyObservation | None
    ) -> asyncio.Future[None]:
        rows = []
        for event in decision.events:
            row = self._parts.seal(event, self._prev)
            self._prev = row.hash
            rows.append(row)
            self.counts.by_kind[row.kind] = self.counts.by_kind.get(row.kind, 0) + 1
            self._lookups.note(event)
            if isinstance(event, events.CodeScanned) and event.means == "unit":
                self._lookups.expect(event.code, END)
        self.counts.events += len(rows)
        recorded = self._parts.journal.append(rows)
        is_first = not self._uncommitted or self._uncommitted[-1].recorded is not recorded
        replies, told = decision.replies, decision.command_replies
        self._uncommitted.append(
            _Decided(recorded, decision.state, replies, told, now, observation)
        )
        if is_first:
            recorded.add_done_callback(self._committed)
        return recorded

    def _committed(self, recorded: asyncio.Future[None]) -> None:
        """The oldest decisions on their way are durable, or the run is over."""
        if recorded.cancelled():
            return
        error = recorded.exception()
        if error is not None:
            self._reason = NotReady.JOURNAL
            self._parts.devices.outputs_changed()
            if not self._failed.done():
                self._failed.set_exception(error)
            return
        self.counts.commits += 1
        durable = []
        while self._uncommitted and self._uncommitted[0].recorded is recorded:
            durable.append(self._uncommitted.popleft())
        self._durable = durable[-1].state
        self._room.set()
        self._parts.devices.outputs_changed()
        self._tell(durable)

    def _tell(self, durable: Sequence[_Decided]) -> None:
        """Let out what was waiting for the commit; replies while a person still waits for them."""
        now_ms = self._parts.clock.now().boot_ms
        for decided in durable:
            if now_ms - decided.at.boot_ms <= REPLY_WITHIN_MS:
                for reply in decided.replies:
                    self._parts.devices.reply(reply)
            for told in decided.command_replies:
                answer = self._commands.get(told.command)
                if answer is not None and not answer.done():
                    answer.set_result(told)

    async def _watch_failure(self) -> None:
        await self._failed

    # -------------------------------------------------------------- time

    def _set_alarm(self, at_ms: int | None) -> None:
        sooner = at_ms is not None and (self._alarm_ms is None or at_ms < self._alarm_ms)
        self._alarm_ms = at_ms
        if sooner:
            self._alarm_moved.set()

    async def _watch_alarm(self) -> None:
        """Emit a TimerFired when the moment that decide asked for has come."""
        clock, fired = self._parts.clock, 0
        while True:
            self._alarm_moved.clear()
            if self._alarm_ms is None:
                await self._alarm_moved.wait()
                continue
            left_ms = self._alarm_ms - clock.now().boot_ms
            if left_ms > 0:
                await self._sleep_or_moved(left_ms / 1000)
                continue
            self._alarm_ms = None
            fired += 1
            now = clock.now()
            await self._queue.put(
                TimerFired(
                    id=f"timer-{fired}",
                    device="",
                    earliest_ms=now.boot_ms,
                    latest_ms=now.boot_ms,
                    received=now,
                )
            )

    async def _sleep_or_moved(self, delay_s: float) -> None:
        sleeping = asyncio.ensure_future(self._parts.clock.sleep(delay_s))
        moved = asyncio.ensure_future(self._alarm_moved.wait())
        try:
            await asyncio.wait((sleeping, moved), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            moved.cancel()

    # -------------------------------------------------------------- look-ups

    def _look_up(self, ask: _Question) -> None:
        seen = self._lookups.at_hand(ask.unit) if isinstance(ask, LookupAsk) else None
        if seen is not None:
            self._answers.append(self._answer(ask, seen))
            return
        task = asyncio.get_running_loop().create_task(self._find(ask), name=f"lookup {ask.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _find(self, ask: _Question) -> None:
        """Ask the store; one that cannot answer leaves it to the station's policy (D-41)."""
        try:
            answer = self._answer(ask, await self._found(ask))
        except StoreError:
            answer = self._unknown(ask)
        await self.emit(answer)

    async def _found(self, ask: _Question) -> _Seen:
        if isinstance(ask, LookupAsk):
            return await self._lookups.find(ask.unit, ask.handshake)
        if isinstance(ask, ComponentAsk):
            return await self._lookups.find_component(ask.component)
        if isinstance(ask, PackageAsk):
            return await self._lookups.find_package(ask.code)
        return await self._parts.lookup.event_seen(Address.parse(ask.address))

    def _unknown(self, ask: _Question) -> AskAnswered:
        now = self._parts.clock.now()
        return AskAnswered(
            id=ask.id,
            device="",
            earliest_ms=now.boot_ms,
            latest_ms=now.boot_ms,
            received=now,
            ask=ask.id,
            known=False,
        )

    def _answer(
        self,
        ask: _Question,
        seen: _Seen,
    ) -> AskAnswered:
        as_of = f"{self._planned.epoch}-{self._planned.seq}"
        answer = replace(self._unknown(ask), known=True, knowledge_as_of=as_of)
        if isinstance(seen, UnitSeen):
            lots = ask.lots if isinstance(ask, LookupAsk) else ()
            blocked = self._lookups.blocked((*seen.names, *lots))
            return replace(_of_unit(answer, seen), blocked=blocked)
        if isinstance(seen, PackageSeen):
            return replace(
                answer, within=seen.within, contents=seen.contents, components=seen.components
            )
        if isinstance(seen, ComponentSeen):
            return replace(
                answer, seen_at=seen.address, installed_in=seen.unit, position=seen.position
            )
        return replace(answer, event=seen)

    # -------------------------------------------------------------- the end

    async def stop(
        self, reason: str, sign: Sign | None = None, late: Iterable[CodeScanned] = ()
    ) -> None:
        """Decide what waits, end the epoch in order, and return when that is on disk.

        Args:
            reason: Why it ends.
            sign: With it the end is signed too.
            late: Scans that found no room, oldest first.

        Raises:
            JournalError: the end could not be recorded; the next run notices.
        """
        for observation in (*self._take_waiting(), *late):
            now = self._parts.clock.now()
            decision = binder.decide(self._planned, self._working, observation, now)
            self._apply(decision, now, observation)
        now = self._parts.clock.now()
        recorded = self._apply(binder.stop(self._planned, self._working, reason, now), now)
        if sign is not None:
            signed = self._signed(sign)
            decision = binder.decide(self._planned, self._working, signed, now)
            recorded = self._apply(decision, now) or recorded
        if recorded is not None:
            await asyncio.shield(recorded)
        self._parts.devices.outputs_changed()

    async def close(self) -> list[CodeScanned]:
        """Let go; return the scans that are not known to be on disk, oldest first.

        A reader cannot be asked again, so the next run gets them. One whose commit was in doubt
        and did land is then scanned twice in the journal: more than there was, never less.
        """
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._lookups.close()
        for answer in self._commands.values():
            if not answer.done():
                answer.set_exception(CommandLostError())
        if self._failed.done() and not self._failed.cancelled():
            self._failed.exception()  # it was raised by `run`; nobody else needs to hear of it
        self._failed.cancel()
        unfinished = [decided.observation for decided in self._uncommitted]
        while waiting := self._take_waiting():
            unfinished += waiting
            await asyncio.sleep(0)  # who waits to put, puts now
        return [seen for seen in unfinished if isinstance(seen, CodeScanned)]

    def moves(self) -> bool:
        """Whether decisions and commits have gone on lately, or cannot for a reason that is told.

        A slow disk is a known fault and no reason to restart (FAULTS P16).
        """
        decided, self._decided_at_look = self._decided_at_look, self.counts.observations
        stuck = self._queue.qsize() > 0 and decided == self.counts.observations
        return not stuck or self.health().reason is not NotReady.READY


def _of_unit(answer: AskAnswered, seen: UnitSeen) -> AskAnswered:
    return replace(
        answer,
        seen_at=seen.address,
        seen_kind=seen.kind,
        seen_result=seen.result,
        visits=seen.visits,
        done_result=seen.done_result,
        scrapped=seen.scrapped,
        reworked=seen.reworked,
        names=seen.names,
        renamed_to=seen.renamed_to,
        previous=seen.previous,
        knowledge_since=seen.since or None,
    )


def _before(beginning: binder.Beginning) -> Address | None:
    """Return the newest address before an epoch, None where it is the first."""
    if beginning.previous_epoch is None or beginning.previous_seq is None:
        return None
    return Address(beginning.previous_epoch, beginning.previous_seq)
