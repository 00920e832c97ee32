"""One station, run after run: journal, engine and publishers of one station file.

A run is one epoch. A commit that failed or is in doubt ends it; the journal is opened again and the
next run begins from what is on disk (PITFALLS S5). While there is no run the station is not ready,
says why, and keeps the scans that come in: a reader cannot be asked again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path

from agent.app.conceal import KeyMissingError, concealer, operator_key
from agent.backoff import Backoff
from agent.config.loaded import SinkConfig, StationConfig
from agent.core import binder
from agent.core.state import Health, Link, NotReady, Reply, SnapshotAsk, State, Working
from agent.engine import Engine, Parts
from agent.formats.json import decode
from agent.journal.chain import seal
from agent.journal.errors import DiskFullError, JournalError, JournalLockedError
from agent.journal.opening import open_journal
from agent.journal.sqlite import Rim, SqliteJournal
from agent.ports import Clock, Journal, Random, Recovery, Worker
from agent.publisher import Condition, Publisher, Quarantine, SinkState
from agent.sinks.options import SinkPlace, position_of
from agent.sinks.registry import sink_spec
from agent.supervisor import Device, Tell
from drivers.base import AnyObservation, ClockMoved, CodeScanned, LinkChanged, WriteGroup

MOST_KEPT_SCANS = 1000
REOPEN_FIRST_S, REOPEN_MOST_S = 0.2, 30.0
STEP_MS = 500
"""A jump of the wall clock beyond this is an event (D-90)."""
LOOK_EVERY_S = 1.0
SAY_NOT_READY_S = 0.5
"""How long the PLC gets to be told that the agent stops."""


class StationRefusedError(Exception):
    """This station cannot be run here; one line that says why and what to do."""


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
        self._kept: deque[CodeScanned] = deque(maxlen=MOST_KEPT_SCANS)
        self._reason = NotReady.STARTING
        self._stop = asyncio.Event()
        self._replies: set[asyncio.Task[None]] = set()
        self._observed = 0
        self.opened = asyncio.Event()
        """Set when the first run has begun, or could not."""
        self._conceal: Callable[[CodeScanned], CodeScanned] | None = None
        self._told_ready = NotReady.STARTING

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
        """Keep a scan for the next run; never a badge in clear, so not before there is a key."""
        if isinstance(observation, CodeScanned) and self._conceal is not None:
            self._kept.append(self._conceal(observation))

    def due(self, device: str) -> tuple[WriteGroup, ...]:
        """Return what a device must hold now; without a run only that nobody is ready."""
        if self._run is not None:
            return self._run.engine.due(device)
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
        """Run the station until `stop`; begin anew after a failed commit.

        Raises:
            StationRefusedError: another agent holds the journal.
        """
        backoff = Backoff(self._around.clock, self._around.random, REOPEN_FIRST_S, REOPEN_MOST_S)
        while not self._stop.is_set():
            try:
                await self._one_epoch(backoff)
            except JournalLockedError as error:
                raise StationRefusedError(str(error)) from error
            except KeyMissingError as error:
                self._reason = NotReady.JOURNAL
                self._tell("key_missing", error=str(error))
            except JournalError as error:
                full = isinstance(error, DiskFullError)
                self._reason = NotReady.DISK_FULL if full else NotReady.JOURNAL
                self._tell("journal_failed", error=str(error))
            self.opened.set()
            self.outputs_changed()
            if not self._stop.is_set():
                await self._wait(backoff)

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

    async def _one_epoch(self, backoff: Backoff) -> None:
        around, config = self._around, self.config
        if self._conceal is None:
            key = operator_key(config.operators, around.directory, around.secret, around.random)
            self._conceal = concealer(config.station, config.operators, key)
        journal, recovery = await open_journal(around.journal_path, self.name, around.journal)
        run: _Run | None = None
        try:
            run = _Run(self._engine(journal, recovery, self._conceal), journal)
            await run.engine.start()
            self._begin(run, recovery)
            backoff.reset()
            await self._serve(run)
        except* JournalError as group:
            raise _first(group) from group
        finally:
            await self._end(journal, run)

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
        state = run.engine.durable
        self._tell("epoch_started", epoch=state.epoch, seq=state.seq)
        for epoch, first, last, reason in recovery.lost:
            self._tell("history_lost", epoch=epoch, first=first, last=last, reason=reason)
        if recovery.mark_rebuilt:
            self._tell("mark_rebuilt", hint="the side file was missing; a loss before is unseen")
        self.opened.set()
        while self._kept:
            run.engine.offer(self._kept.popleft())
        for device in self.devices:
            device.show(self)

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
            for publisher in run.publishers:
                await publisher.close()

    async def _end(self, journal: SqliteJournal, run: _Run | None) -> None:
        self._run = None
        if run is not None:
            for publisher in run.publishers:
                await publisher.close(within_s=0)
            self._kept.extend(await run.engine.close())
        await journal.close()
        for worker in run.workers if run else ():
            worker.close()
        await asyncio.gather(*self._replies, return_exceptions=True)

    # -------------------------------------------------------------- publishers

    def _build_publishers(self, run: _Run) -> None:
        for config in self.config.sinks.values():
            run.publishers.append(self._publisher(run, config))

    def _publisher(self, run: _Run, config: SinkConfig) -> Publisher:
        around = self._around
        worker = around.worker(f"sink-{config.name}")
        run.workers.append(worker)
        place = SinkPlace(
            name=config.name,
            station=self.name,
            directory=around.directory,
            clock=around.clock,
            worker=worker,
            position=partial(position_of, run.journal),
            secret=around.secret,
            warn=lambda reason, text: self._tell(
                "sink_warning", sink=config.name, reason=reason, error=text
            ),
        )
        sink = sink_spec(config.sink).build(config.options, place)
        quarantine = Quarantine(
            around.directory / f"quarantine-{config.name}.jsonl", worker, around.clock
        )
        return Publisher(
            config.name,
            sink,
            run.journal,
            quarantine,
            clock=around.clock,
            random=around.random,
            kinds=config.kinds,
            on_state=self._sink_changed,
        )

    def _sink_changed(self, state: SinkState) -> None:
        """A sink came or went: a log line, and an event as for every link."""
        name = {
            Condition.CONNECTED: "sink_connected",
            Condition.DOWN: "sink_down",
            Condition.PAUSED: "sink_paused",
        }[state.condition]
        self._tell(name, sink=state.sink, error=state.reason or None, backlog=state.backlog)
        now = self._around.clock.now()
        self._observed += 1
        self.offer(
            LinkChanged(
                id=f"sink-{state.sink}-{self._observed}",
                device=f"sink/{state.sink}",
                earliest_ms=now.boot_ms,
                latest_ms=now.boot_ms,
                received=now,
                up=state.condition is Condition.CONNECTED,
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
                self._observed += 1
                await run.engine.emit(
                    ClockMoved(
                        id=f"clock-{self._observed}",
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
