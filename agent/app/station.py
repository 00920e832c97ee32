"""One station, run after run: journal, engine and publishers of one station file.

Laws:
    1. A run is one epoch. A commit that failed or is in doubt ends it; the journal is opened again
       and the next run begins from what is on disk (PITFALLS S5).
    2. While there is no run the station is not ready, says why, and keeps the scans that come in: a
       reader cannot be asked again. What it cannot keep is told in the next run, by number.
    3. Nothing is said to a device before the journal's place is this agent's: where another one
       works, this one does not touch its PLC (FAULTS R04).
    4. A failure is told when it begins and when it is over; the attempts between are counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path

from agent.app.conceal import KeyMissingError, concealer, operator_key
from agent.app.kept import KeptScans
from agent.app.publishing import publisher_of
from agent.backoff import Backoff
from agent.config.loaded import StationConfig
from agent.core import binder
from agent.core.state import Health, Link, NotReady, Reply, SnapshotAsk, State, Working
from agent.engine import Engine, Parts
from agent.formats.json import decode
from agent.journal.chain import seal
from agent.journal.errors import DiskFullError, JournalError, JournalLockedError
from agent.journal.opening import open_held
from agent.journal.place import Lock
from agent.journal.sqlite import Rim, SqliteJournal
from agent.ports import Clock, Journal, Random, Recovery, Worker
from agent.publisher import Condition, Publisher, SinkState
from agent.seat import Tell
from agent.sinks.options import Oddity
from agent.supervisor import Device
from drivers.base import (
    AnyObservation,
    ClockMoved,
    CodeScanned,
    LinkChanged,
    SamplesLost,
    WriteGroup,
)

REOPEN_FIRST_S, REOPEN_MOST_S = 0.2, 30.0
STEP_MS = 500
"""A jump of the wall clock beyond this is an event (D-90)."""
LOOK_EVERY_S = 1.0
SAY_NOT_READY_S = 0.5
"""How long the PLC gets to be told that the agent stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a station is given of the outside; a simulation gives its own."""

    clock: Clock
    random: Random
    worker: Callable[[str], Worker]
    journal: Rim
    secret: Callable[[str], str]
    directory: Path
    """The station's own state directory."""
    journal_path: Path
    publish: bool = True
    """False for `try`: nothing leaves the box."""


@dataclass(slots=True)
class _Run:
    """One epoch's parts."""

    engine: Engine
    journal: SqliteJournal
    publishers: list[Publisher] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)


class StationRun:
    """A station as its devices know it; it outlives its engines."""

    def __init__(self, config: StationConfig, around: Surroundings, tell: Tell) -> None:
        self.config = config
        self.devices: list[Device] = []
        self._around = around
        self._tell = tell
        self._run: _Run | None = None
        self._kept = KeptScans()
        self._reason = NotReady.STARTING
        self._trouble: str | None = None
        """Why there is no run, as it was told."""
        self._trouble_ms = 0
        self._attempts = 0
        self._begun_ms: int | None = None
        self._stop = asyncio.Event()
        self._replies: set[asyncio.Task[None]] = set()
        self._observed = 0
        self.opened = asyncio.Event()
        """Set when the first run has begun, or could not."""
        self.claimed = asyncio.Event()
        """Set while no other agent holds the journal: then the devices are ours to use."""
        self.is_refused = False
        """Whether another agent holds the journal."""
        self._conceal: Callable[[CodeScanned], CodeScanned] | None = None
        self._told_ready = NotReady.STARTING
        self._odd: dict[tuple[str, Oddity], str] = {}
        """What was told of each sink's oddities."""

    # -------------------------------------------------------------- what devices want

    @property
    def name(self) -> str:
        """The station's path."""
        return self.config.station.path

    async def emit(self, observation: AnyObservation) -> None:
        """Take an observation; without a run only scans are kept."""
        if self._run is None:
            self._keep(observation)
        else:
            await self._run.engine.emit(observation)

    def offer(self, observation: AnyObservation) -> bool:
        """Take an observation if there is room."""
        if self._run is None:
            self._keep(observation)
            return True
        return self._run.engine.offer(observation)

    def _keep(self, observation: AnyObservation) -> None:
        if isinstance(observation, CodeScanned) and self.claimed.is_set():
            self._kept.keep(observation, self._conceal)

    def due(self, device: str) -> tuple[WriteGroup, ...]:
        """Return what a device must hold now; without a run only that nobody is ready."""
        if self._run is not None:
            return self._run.engine.due(device)
        if not self.claimed.is_set():
            return ()
        now_ms = self._around.clock.now().boot_ms
        working = Working(links={device: Link(up=True, since_ms=now_ms)})
        health = Health(now_ms=now_ms, reason=self._reason)
        return binder.due(binder.initial(self.config.station), working, health, device).groups

    def where(self, name: str) -> str:
        """Return `file:line:column` of a device, tag or sink."""
        return self.config.where(name)

    # -------------------------------------------------------------- what the engine wants

    def ask(self, ask: SnapshotAsk) -> None:
        """Read a group of a device."""
        for device in self.devices:
            device.ask(self, ask)

    def outputs_changed(self) -> None:
        """Let every device pull its outputs."""
        for device in self.devices:
            device.outputs_changed(self)

    def reply(self, reply: Reply) -> None:
        """Tell a reader what became of its code."""
        for device in self.devices:
            task = asyncio.get_running_loop().create_task(device.reply(self, reply))
            self._replies.add(task)
            task.add_done_callback(self._replies.discard)

    @property
    def journal(self) -> Journal | None:
        """The journal of the run, None while there is none."""
        return self._run.journal if self._run else None

    # -------------------------------------------------------------- run after run

    async def run(self) -> None:
        """Run the station until `stop`; begin anew after a failed commit, with back-off."""
        backoff = Backoff(self._around.clock, self._around.random, REOPEN_FIRST_S, REOPEN_MOST_S)
        while not self._stop.is_set():
            try:
                await self._one_epoch()
            except JournalLockedError as error:
                self.claimed.clear()
                self.is_refused = True
                self._tell_trouble("station_refused", error)
            except KeyMissingError as error:
                self._reason = NotReady.JOURNAL
                self._tell_trouble("key_missing", error)
            except JournalError as error:
                self.claimed.set()
                full = isinstance(error, DiskFullError)
                self._reason = NotReady.DISK_FULL if full else NotReady.JOURNAL
                self._tell_trouble("journal_failed", error)
            self.opened.set()
            self.outputs_changed()
            if not self._stop.is_set():
                self._tell_readiness()
                if self._has_held():
                    backoff.reset()
                await self._wait(backoff)

    def _has_held(self) -> bool:
        """Whether the last run was a good one: else an epoch would begin five times a second."""
        begun_ms, self._begun_ms = self._begun_ms, None
        now_ms = self._around.clock.now().boot_ms
        return begun_ms is not None and now_ms - begun_ms > REOPEN_MOST_S * 1000

    def _tell_trouble(self, event: str, error: Exception) -> None:
        """Say once why there is no run."""
        if self._trouble is None:
            self._trouble_ms = self._around.clock.now().boot_ms
        self._attempts += 1
        if self._trouble != str(error):
            self._trouble = str(error)
            self._tell(event, at=self._place_of(event), error=str(error))

    def _place_of(self, event: str) -> str:
        place = self.config.place if event == "key_missing" else self.config.journal.place
        return f"{self.config.file}:{place.line}:{place.column}"

    async def _wait(self, backoff: Backoff) -> None:
        waiting = asyncio.ensure_future(backoff.wait())
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((waiting, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            stopped.cancel()

    def stop(self) -> None:
        """Let the run end in order."""
        self._reason = NotReady.STOPPING
        self._stop.set()

    async def _one_epoch(self) -> None:
        around = self._around
        with ExitStack() as undo:
            lock = self._claim()
            undo.callback(lock.release)
            if self._conceal is None:
                self._conceal = self._concealer()
            journal, recovery = await open_held(
                around.journal_path, self.name, around.journal, lock.release
            )
            undo.pop_all()
        run: _Run | None = None
        try:
            run = _Run(self._engine(journal, recovery, self._conceal), journal)
            await run.engine.start()
            self._begin(run, recovery)
            await self._serve(run)
        except* JournalError as group:
            raise _first(group) from group
        finally:
            await self._end(journal, run)

    def _claim(self) -> Lock:
        """Take hold of the journal's place; from here on the devices are ours to use.

        Raises:
            JournalLockedError: another process holds it.
            JournalError: it cannot be made or written.
        """
        directory = self._around.directory
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(
                f"{directory}: cannot keep the station's state here: {error.strerror}; "
                "give the agent's user write access, or name another place with --state"
            ) from error
        lock = Lock(self._around.journal_path)
        self.is_refused = False
        self.claimed.set()
        return lock

    def _concealer(self) -> Callable[[CodeScanned], CodeScanned]:
        around, config = self._around, self.config
        key = b""
        if config.operators.mode == "pseudonym":
            key = operator_key(config.operators, around.directory, around.secret, around.random)
        return concealer(config.station, config.operators, key)

    def _engine(
        self,
        journal: SqliteJournal,
        recovery: Recovery,
        conceal: Callable[[CodeScanned], CodeScanned],
    ) -> Engine:
        state = _folded(binder.initial(self.config.station), recovery)
        last = recovery.last
        beginning = binder.Beginning(
            epoch=f"{recovery.highest_ordinal + 1:06d}-{self._around.random.token_hex(4)}",
            version=version("lineside"),
            previous_epoch=last.epoch if last else None,
            previous_seq=last.seq if last else None,
            previous_hash=last.hash if last else None,
            lost=recovery.lost,
        )
        parts = Parts(
            clock=self._around.clock,
            journal=journal,
            lookup=journal,
            seal=seal,
            conceal=conceal,
            devices=self,
        )
        return Engine(parts, state, beginning)

    def _begin(self, run: _Run, recovery: Recovery) -> None:
        """Let the devices see the new run, and what came in while there was none."""
        self._run = run
        self._begun_ms = self._around.clock.now().boot_ms
        state = run.engine.durable
        self._tell_begun(state)
        for epoch, first, last, reason in recovery.lost:
            self._tell("history_lost", epoch=epoch, first=first, last=last, reason=reason)
        if recovery.mark_rebuilt:
            self._tell("mark_rebuilt", hint="the side file was missing; a loss before is unseen")
        self.opened.set()
        for seen in self._kept.take():
            run.engine.offer(seen)
        if lost := self._kept.take_lost():
            self._lost_scans(run.engine, lost)
        for device in self.devices:
            device.show(self)

    def _tell_begun(self, state: State) -> None:
        """Say that events are recorded; after a failure also how long they were not."""
        down_s, attempts = None, None
        if self._trouble is not None:
            down_s = (self._around.clock.now().boot_ms - self._trouble_ms) / 1000
            attempts = self._attempts
        self._trouble, self._attempts = None, 0
        self._tell("epoch_started", epoch=state.epoch, down_s=down_s, attempts=attempts)

    def _lost_scans(self, engine: Engine, n: int) -> None:
        """Record how many scans came that could not be kept."""
        reason = "nothing could be recorded, and the scans were too many to keep"
        self._tell("scans_lost", n=n, reason=reason)
        now = self._around.clock.now()
        engine.offer(
            SamplesLost(
                id=self._id("scans"),
                device="",
                earliest_ms=now.boot_ms,
                latest_ms=now.boot_ms,
                received=now,
                tag=None,
                count=n,
                reason=reason,
            )
        )

    def _id(self, what: str) -> str:
        self._observed += 1
        return f"{what}-{self._observed}"

    async def _serve(self, run: _Run) -> None:
        if self._around.publish:
            self._build_publishers(run)
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(run.engine.run(), name=f"engine {self.name}")]
            work.append(tasks.create_task(self._watch_clock(run), name="clock"))
            for publisher in run.publishers:
                tasks.create_task(publisher.run(), name=f"publisher {publisher.name}")
            await self._stop.wait()
            for task in work:
                task.cancel()
            await asyncio.wait(work)
            await run.engine.stop("stopped")
            await self._around.clock.sleep(SAY_NOT_READY_S if self.devices else 0)
            await asyncio.gather(*(publisher.close() for publisher in run.publishers))

    async def _end(self, journal: SqliteJournal, run: _Run | None) -> None:
        self._run = None
        if run is not None:
            self._kept.put_back(await run.engine.close())
            await asyncio.gather(*(publisher.close(within_s=0) for publisher in run.publishers))
        await journal.close()
        for worker in run.workers if run else ():
            await worker.run(_nothing)  # what it does now may take its time, the loop's it may not
            worker.close()
        await asyncio.gather(*self._replies, return_exceptions=True)

    # -------------------------------------------------------------- publishers

    def _build_publishers(self, run: _Run) -> None:
        around = self._around
        for config in self.config.sinks.values():
            worker = around.worker(f"sink-{config.name}")
            run.workers.append(worker)
            publisher = publisher_of(
                config,
                run.journal,
                worker,
                station=self.name,
                directory=around.directory,
                clock=around.clock,
                random=around.random,
                secret=around.secret,
                warn=partial(self._tell_odd, config.name),
                on_state=self._sink_changed,
            )
            run.publishers.append(publisher)

    def _tell_odd(self, sink: str, reason: Oddity, text: str) -> None:
        """Say once what should be looked at, however often the sink connects and finds it again."""
        if self._odd.get((sink, reason)) == text:
            return
        self._odd[sink, reason] = text
        self._tell("sink_warning", at=self.where(sink), sink=sink, reason=reason, error=text)

    def _sink_changed(self, state: SinkState) -> None:
        """A sink came or went: a log line, and an event as for every link."""
        name = {
            Condition.CONNECTED: "sink_connected",
            Condition.DOWN: "sink_down",
            Condition.PAUSED: "sink_paused",
        }[state.condition]
        is_up = state.condition is Condition.CONNECTED
        self._tell(
            name,
            at=None if is_up else self.where(state.sink),
            sink=state.sink,
            error=state.reason or None,
            backlog=state.backlog,
        )
        now = self._around.clock.now()
        self.offer(
            LinkChanged(
                id=self._id(f"sink-{state.sink}"),
                device=f"sink/{state.sink}",
                earliest_ms=now.boot_ms,
                latest_ms=now.boot_ms,
                received=now,
                up=is_up,
                reason=state.reason,
            )
        )

    # -------------------------------------------------------------- clock

    async def _watch_clock(self, run: _Run) -> None:
        """Notice when the wall clock jumps against the boot clock (C1, D-90)."""
        clock = self._around.clock
        before = clock.now()
        while True:
            await clock.sleep(LOOK_EVERY_S)
            now = clock.now()
            self._tell_readiness()
            step_ms = (now.wall_ms - before.wall_ms) - (now.boot_ms - before.boot_ms)
            before = now
            if abs(step_ms) > STEP_MS:
                self._tell("clock_stepped", step_ms=step_ms)
                await run.engine.emit(
                    ClockMoved(
                        id=self._id("clock"),
                        device="",
                        earliest_ms=now.boot_ms,
                        latest_ms=now.boot_ms,
                        received=now,
                        step_ms=step_ms,
                    )
                )

    # -------------------------------------------------------------- life signs

    def _tell_readiness(self) -> None:
        """Say once when the station becomes ready or no longer is, to the log and the PLC."""
        reason = self.readiness()
        if reason is not self._told_ready:
            self._told_ready = reason
            is_ready = reason is NotReady.READY
            self._tell("ready" if is_ready else "not_ready", reason=reason.name.lower())
            self.outputs_changed()

    def readiness(self) -> NotReady:
        """Return why the station could not record a cycle now, or READY."""
        return self._run.engine.readiness() if self._run else self._reason

    def moves(self) -> bool:
        """Whether everything has moved lately, or is in a fault that was told (PITFALLS D1)."""
        if self._run is None:
            return True  # the journal's failure was told, and it is opened again and again
        if not self._run.engine.moves():
            return False
        return all(
            state.condition is not Condition.CONNECTED or state.unacknowledged_s < LOOK_FOR_ACK_S
            for state in (publisher.state() for publisher in self._run.publishers)
        )


LOOK_FOR_ACK_S = 60.0
"""A connected sink that confirms nothing for so long is stuck, and nobody has noticed."""


def _nothing() -> None:
    """Do nothing: a job that is done once those before it are."""


def _folded(state: State, recovery: Recovery) -> State:
    for row in recovery.fold:
        state = binder.evolve(state, decode(row.body))
    return state


def _first(group: BaseExceptionGroup[JournalError]) -> JournalError:
    """Return one error of a group: the first commit that failed explains the rest."""
    for error in group.exceptions:
        found = _first(error) if isinstance(error, BaseExceptionGroup) else error
        if found is not None:
            return found
    raise AssertionError("an empty group")
